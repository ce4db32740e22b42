//! From three finder squares to the modules between them.

use super::finder::{Finder, runs_from};
use super::homography::{Homography, Point};
use super::plane::Plane;

/// The most triples of squares that are tried as one code's corners.
const MAX_TRIPLES: usize = 48;

/// The largest version that is looked for: at the highest error correction it holds a text of
/// [`MAX_TEXT_BYTES`](crate::MAX_TEXT_BYTES).
const MAX_VERSION: usize = 30;

/// From a finder's middle to the code's edge, in modules.
const FINDER_MIDDLE: f64 = 3.5;

/// What the fourth corner, only guessed, weighs against a point that was seen.
const GUESS_WEIGHT: f64 = 0.01;

/// Three finders that may be a code's corners: which of the list, top left first, clockwise.
#[derive(Clone, Copy)]
pub(super) struct Triple {
    pub(super) members: [usize; 3],
    corners: [Finder; 3],
    strangeness: f64,
}

/// The triples that look most like a code's corners, best first.
pub(super) fn triples(finders: &[Finder]) -> Vec<Triple> {
    let mut found = Vec::new();
    let numbered = || finders.iter().copied().enumerate();
    for (i, top_left) in numbered() {
        for (j, right) in numbered() {
            for (k, below) in numbered() {
                let corners = [top_left, right, below];
                if i == j || i == k || j == k {
                    continue;
                }
                if let Some(strangeness) = strangeness(&corners) {
                    found.push(Triple { members: [i, j, k], corners, strangeness });
                }
            }
        }
    }
    found.sort_by(|a, b| a.strangeness.total_cmp(&b.strangeness));
    found.truncate(MAX_TRIPLES);
    found
}

/// How far three finders are from the corners of a square seen from above; none where they are no code's.
fn strangeness(corners: &[Finder; 3]) -> Option<f64> {
    let [top_left, right, below] = corners;
    let along = right.middle.minus(top_left.middle);
    let down = below.middle.minus(top_left.middle);
    let (width, height) = (top_left.middle.distance(right.middle), top_left.middle.distance(below.middle));
    let sine = along.cross(down) / (width * height);
    let sides = (width / height).ln().abs();
    let largest = corners.iter().map(|finder| finder.module).fold(0.0, f64::max);
    let smallest = corners.iter().map(|finder| finder.module).fold(f64::MAX, f64::min);
    let sizes = (largest / smallest).ln();
    // The least code has fourteen modules between two middles, the largest 130.
    let is_near = (10.0..180.0).contains(&(width.max(height) / smallest));
    (sine > 0.45 && sides < 1.0 && sizes < 1.5 && is_near).then_some((1.0 - sine) * 2.0 + sides + sizes)
}

/// A code's place in a picture: where each of its modules lies.
pub(super) struct Located {
    size: usize,
    map: Homography,
}

/// Places a code between three finders, once for each size it may have, the likeliest first.
pub(super) fn locate(plane: &Plane, triple: &Triple) -> Vec<Located> {
    let Some((along, down)) = scales(plane, triple) else { return Vec::new() };
    let modules = 7.0 + f64::midpoint(along.modules, down.modules);
    let nearest = ((modules - 17.0) / 4.0).round().clamp(1.0, MAX_VERSION as f64) as usize;
    let mut placed: Vec<(f64, Located)> = Vec::new();
    for version in nearest.saturating_sub(3).max(1)..=nearest.saturating_add(3).min(MAX_VERSION) {
        let size = version.saturating_mul(4).saturating_add(17);
        for is_slanted in [true, false] {
            let Some(map) = first_map(triple, size, is_slanted.then_some((&along, &down))) else { continue };
            let place = Located { size, map };
            placed.push((place.timing_fit(plane), place));
        }
    }
    placed.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    placed.truncate(3);
    let mut refined: Vec<(f64, Located)> = placed
        .into_iter()
        .filter(|(fit, _)| *fit > 0.6)
        .map(|(_, place)| {
            let place = place.refined(plane, triple);
            (place.timing_fit(plane), place)
        })
        .collect();
    refined.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    refined.into_iter().map(|(_, place)| place).collect()
}

/// One side of a code: how many modules lie between the finders' middles, and how the far end has shrunk.
struct Side {
    modules: f64,
    depth: f64,
}

fn scales(plane: &Plane, triple: &Triple) -> Option<(Side, Side)> {
    let [top_left, right, below] = triple.corners;
    let side = |far: Finder| {
        let length = top_left.middle.distance(far.middle);
        let step = far.middle.minus(top_left.middle);
        let step = Point::new(step.x / length, step.y / length);
        let (near_module, far_module) = (module_along(plane, top_left, step), module_along(plane, far, step));
        // Along a line in perspective the size at two points has exactly the distance's mean as geometric mean,
        // and the root of its ratio is the ratio of depths.
        let modules = length / (near_module * far_module).sqrt();
        let depth = (near_module / far_module).sqrt().clamp(0.4, 2.5);
        modules.is_finite().then_some(Side { modules, depth })
    };
    Some((side(right)?, side(below)?))
}

fn module_along(plane: &Plane, finder: Finder, step: Point) -> f64 {
    let longest = finder.module * 8.0;
    let ahead = runs_from(plane, finder.middle, step, longest);
    let behind = runs_from(plane, finder.middle, Point::new(-step.x, -step.y), longest);
    match (ahead, behind) {
        (Some(ahead), Some(behind)) => (ahead.iter().sum::<f64>() + behind.iter().sum::<f64>()) / 7.0,
        _ => finder.module,
    }
}

fn first_map(triple: &Triple, size: usize, depths: Option<(&Side, &Side)>) -> Option<Homography> {
    let [top_left, right, below] = triple.corners.map(|finder| finder.middle);
    let (along, down) = depths.map_or((1.0, 1.0), |(along, down)| (along.depth, down.depth));
    let depth = along + down - 1.0;
    let blend =
        |right: f64, below: f64, top_left: f64| right.mul_add(along, below.mul_add(down, -top_left)) / depth;
    let fourth = Point::new(blend(right.x, below.x, top_left.x), blend(right.y, below.y, top_left.y));
    let far = size as f64 - FINDER_MIDDLE;
    Homography::fit(&[
        (Point::new(FINDER_MIDDLE, FINDER_MIDDLE), top_left, 1.0),
        (Point::new(far, FINDER_MIDDLE), right, 1.0),
        (Point::new(FINDER_MIDDLE, far), below, 1.0),
        (Point::new(far, far), fourth, 1.0),
    ])
}

impl Located {
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// The brightness of every module, row by row; below zero is dark.
    pub(super) fn modules(&self, plane: &Plane) -> Vec<f64> {
        const ACROSS: [(f64, f64); 5] = [(0.5, 0.5), (0.3, 0.5), (0.7, 0.5), (0.5, 0.3), (0.5, 0.7)];
        let mut modules = Vec::with_capacity(self.size.saturating_mul(self.size));
        for v in 0..self.size {
            for u in 0..self.size {
                let sum: f64 = ACROSS
                    .iter()
                    .map(|(du, dv)| self.sample(plane, Point::new(u as f64 + du, v as f64 + dv)))
                    .sum();
                modules.push(sum / 5.0);
            }
        }
        modules
    }

    fn sample(&self, plane: &Plane, at: Point) -> f64 {
        self.map.apply(at).map_or(0.0, |point| plane.sample(point.x, point.y))
    }

    /// The share of the timing patterns' modules that are what they must be.
    fn timing_fit(&self, plane: &Plane) -> f64 {
        let (mut right, mut all) = (0_u32, 0_u32);
        for i in 7..self.size.saturating_sub(7) {
            for at in [Point::new(i as f64 + 0.5, 6.5), Point::new(6.5, i as f64 + 0.5)] {
                let is_dark = self.sample(plane, at) < 0.0;
                all = all.saturating_add(1);
                right = right.saturating_add(u32::from(is_dark == (i % 2 == 0)));
            }
        }
        f64::from(right) / f64::from(all.max(1))
    }

    /// Looks for the alignment patterns where they should be, and fits the map to where they are.
    fn refined(mut self, plane: &Plane, triple: &Triple) -> Self {
        let [top_left, right, below] = triple.corners.map(|finder| finder.middle);
        let far = self.size as f64 - FINDER_MIDDLE;
        let guess = Point::new(far, far);
        let Some(guessed) = self.map.apply(guess) else { return self };
        let mut known = vec![
            (guess, guessed, GUESS_WEIGHT),
            (Point::new(FINDER_MIDDLE, FINDER_MIDDLE), top_left, 2.0),
            (Point::new(far, FINDER_MIDDLE), right, 2.0),
            (Point::new(FINDER_MIDDLE, far), below, 2.0),
        ];
        let positions = alignment_positions(self.size);
        let last = positions.last().copied().unwrap_or(0);
        let mut patterns: Vec<(usize, usize)> = positions
            .iter()
            .flat_map(|v| positions.iter().map(|u| (*u, *v)))
            .filter(|at| *at != (6, 6) && *at != (6, last) && *at != (last, 6))
            .collect();
        // From the finders outward, so that each pattern is looked for near others that are known.
        patterns.sort_by_key(|(u, v)| u.saturating_add(*v));
        for (u, v) in patterns {
            let at = Point::new(u as f64 + 0.5, v as f64 + 0.5);
            let reach = if positions.len() <= 2 {
                4.0
            } else if u == 6 || v == 6 {
                1.5
            } else {
                2.5
            };
            let Some(seen) = self.find_alignment(plane, at, reach) else { continue };
            known.push((at, seen, 1.0));
            if let Some(map) = Homography::fit(&known) {
                self.map = map;
            }
        }
        self
    }

    /// The place near `at` that looks most like an alignment pattern.
    fn find_alignment(&self, plane: &Plane, at: Point, reach: f64) -> Option<Point> {
        let coarse = (reach * 2.0) as i32;
        let around = |middle: Point, steps: i32, step: f64| {
            (-steps..=steps)
                .flat_map(move |j| (-steps..=steps).map(move |i| (f64::from(i) * step, f64::from(j) * step)))
                .map(|(du, dv)| {
                    let here = Point::new(middle.x + du, middle.y + dv);
                    // Of two places that look alike the nearer one is it.
                    let score = self.alignment_contrast(plane, here) - here.distance(at) * 2.0;
                    (score, here)
                })
                .max_by(|(a, _), (b, _)| a.total_cmp(b))
        };
        let (_, near) = around(at, coarse, 0.5)?;
        let (_, best) = around(near, 2, 0.2)?;
        (self.alignment_contrast(plane, best) > 12.0).then(|| self.map.apply(best))?
    }

    /// How much lighter the light ring around a point is than the dark ring and the dark middle.
    fn alignment_contrast(&self, plane: &Plane, at: Point) -> f64 {
        let (mut ring, mut light) = (0.0, 0.0);
        for dv in -2..=2_i32 {
            for du in -2..=2_i32 {
                let sample = self.sample(plane, Point::new(at.x + f64::from(du), at.y + f64::from(dv)));
                match du.abs().max(dv.abs()) {
                    0 => {}
                    1 => light += sample / 8.0,
                    _ => ring += sample / 16.0,
                }
            }
        }
        let middle = self.sample(plane, at);
        (light - ring).min(light - middle)
    }
}

/// Where alignment patterns have their middles, along each side (ISO/IEC 18004, annex E).
fn alignment_positions(size: usize) -> Vec<usize> {
    let version = size.saturating_sub(17) / 4;
    if version < 2 {
        return Vec::new();
    }
    let count = version / 7 + 2;
    let step = if version == 32 { 26 } else { (version * 4 + count * 2 + 1) / (count * 2 - 2) * 2 };
    let mut positions: Vec<usize> =
        (0..count.saturating_sub(1)).map(|i| size.saturating_sub(7).saturating_sub(i * step)).collect();
    positions.push(6);
    positions.reverse();
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_patterns_lie_where_the_standard_says() {
        assert_eq!(alignment_positions(21), Vec::<usize>::new());
        assert_eq!(alignment_positions(25), [6, 18]);
        assert_eq!(alignment_positions(57), [6, 28, 50]);
        assert_eq!(alignment_positions(81), [6, 26, 50, 74]);
        assert_eq!(alignment_positions(145), [6, 34, 60, 86, 112, 138]);
        assert_eq!(alignment_positions(177), [6, 30, 58, 86, 114, 142, 170]);
    }
}
