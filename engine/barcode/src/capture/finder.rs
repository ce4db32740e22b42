//! The three squares in a code's corners, found by their runs of 1:1:3:1:1 dark and light.

use super::homography::Point;
use super::plane::Plane;

/// The most squares that are looked at: a page of codes has fewer, and noise shall not cost more.
const MAX_FINDERS: usize = 24;

/// The most squares that are told apart before the best are chosen.
const MAX_REMEMBERED: usize = 100;

/// What looks like the square in a code's corner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finder {
    pub(super) middle: Point,
    pub(super) module: f64,
    /// On how many lines it was seen.
    sightings: f64,
}

/// The finder squares of a picture, those seen most often first.
pub(super) fn find(plane: &Plane) -> Vec<Finder> {
    let mut found: Vec<Finder> = Vec::new();
    for (y, row) in plane.rows().enumerate() {
        let mut runs = [0_usize; 5];
        let mut x = 0_usize;
        for run in row.chunk_by(|a, b| (*a < 0) == (*b < 0)) {
            runs.rotate_left(1);
            let [.., last] = &mut runs;
            *last = run.len();
            x = x.saturating_add(run.len());
            let ends_dark = run.first().is_some_and(|contrast| *contrast < 0);
            if !ends_dark || !has_finder_ratio(runs) {
                continue;
            }
            // Comparing with what was found costs about as much as looking at a pixel for every four.
            if !plane.spend(found.len() / 4) {
                return most_seen(found);
            }
            let [.., core, light, dark] = runs;
            let middle_x = x.saturating_sub(dark).saturating_sub(light) as f64 - core as f64 / 2.0;
            if let Some(finder) = look_closely(plane, Point::new(middle_x, y as f64 + 0.5), runs) {
                merge(&mut found, finder);
            }
        }
    }
    most_seen(found)
}

fn has_finder_ratio(runs: [usize; 5]) -> bool {
    let total: usize = runs.iter().sum();
    if total < 7 {
        return false;
    }
    let module = total as f64 / 7.0;
    let is_near = |run: usize, modules: f64| {
        (run as f64 - modules * module).abs() <= 0.65f64.mul_add(module, modules * 0.1)
    };
    let [a, b, core, c, d] = runs;
    [a, b, c, d].into_iter().all(|run| is_near(run, 1.0)) && is_near(core, 3.0) && core > a.max(d)
}

/// Checks a candidate down, across and aslant, and finds its middle.
fn look_closely(plane: &Plane, at: Point, runs: [usize; 5]) -> Option<Finder> {
    let longest = (runs.iter().sum::<usize>() as f64 * 2.0).max(14.0);
    let (down, height) = cross_section(plane, at, Point::new(0.0, 1.0), longest)?;
    let (across, width) = cross_section(plane, down, Point::new(1.0, 0.0), longest)?;
    let (middle, height_again) = cross_section(plane, across, Point::new(0.0, 1.0), longest)?;
    if width.max(height) > 2.2 * width.min(height) || height_again > 2.0 * height {
        return None;
    }
    let aslant = std::f64::consts::FRAC_1_SQRT_2;
    let diagonals = [Point::new(aslant, aslant), Point::new(aslant, -aslant)];
    // One diagonal of a slanted square may be too long to tell; of what is no square, neither fits.
    if !diagonals.into_iter().any(|step| cross_section(plane, middle, step, longest * 1.6).is_some()) {
        return None;
    }
    Some(Finder { middle, module: (width + height) / 14.0, sightings: 1.0 })
}

/// The middle and the length of the five runs along a line through a finder's core.
fn cross_section(plane: &Plane, at: Point, step: Point, longest: f64) -> Option<(Point, f64)> {
    let ahead = runs_from(plane, at, step, longest)?;
    let behind = runs_from(plane, at, Point::new(-step.x, -step.y), longest)?;
    let ([core_a, light_a, dark_a], [core_b, light_b, dark_b]) = (ahead, behind);
    let core = core_a + core_b;
    let total = core + light_a + dark_a + light_b + dark_b;
    let module = total / 7.0;
    let is_near = |run: f64, modules: f64| (run - modules * module).abs() <= 0.7f64.mul_add(module, 0.5);
    let fits =
        [light_a, dark_a, light_b, dark_b].into_iter().all(|run| is_near(run, 1.0)) && is_near(core, 3.0);
    let off = (core_a - core_b) / 2.0;
    fits.then_some((Point::new(step.x.mul_add(off, at.x), step.y.mul_add(off, at.y)), total))
}

/// The lengths of the half core, the light ring and the dark ring, outward from a point in the core.
pub(super) fn runs_from(plane: &Plane, at: Point, step: Point, longest: f64) -> Option<[f64; 3]> {
    const STEP: f64 = 0.5;
    let mut edges = [0.0_f64; 3];
    let mut travelled = 0.0_f64;
    let mut is_dark = true;
    for edge in &mut edges {
        loop {
            if travelled > longest {
                return None;
            }
            let here = Point::new(step.x.mul_add(travelled, at.x), step.y.mul_add(travelled, at.y));
            if plane.is_dark(here.x, here.y) != is_dark {
                break;
            }
            travelled += STEP;
        }
        *edge = travelled;
        is_dark = !is_dark;
    }
    let [core, light, dark] = edges;
    let runs = [core, light - core, dark - light];
    runs.into_iter().all(|run| run > 0.0).then_some(runs)
}

fn merge(found: &mut Vec<Finder>, finder: Finder) {
    let same = found.iter_mut().find(|known| {
        known.middle.distance(finder.middle) < 2.0 * known.module
            && (0.5..2.0).contains(&(finder.module / known.module))
    });
    let Some(known) = same else {
        if found.len() < MAX_REMEMBERED {
            found.push(finder);
        }
        return;
    };
    let seen = known.sightings;
    let blend = |old: f64, new: f64| old.mul_add(seen, new) / (seen + 1.0);
    *known = Finder {
        middle: Point::new(blend(known.middle.x, finder.middle.x), blend(known.middle.y, finder.middle.y)),
        module: blend(known.module, finder.module),
        sightings: seen + 1.0,
    };
}

fn most_seen(mut found: Vec<Finder>) -> Vec<Finder> {
    // A large square is seen on more lines than a small one: what counts is the share of its lines.
    let share = |finder: &Finder| (finder.sightings / finder.module).min(1.5);
    found.sort_by(|a, b| share(b).total_cmp(&share(a)));
    found.truncate(MAX_FINDERS);
    found
}
