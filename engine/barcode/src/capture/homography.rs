//! The map from a code's flat square of modules to its slanted image, fitted to points known in both.

/// A point: of the picture in pixels, or of the code in modules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Point {
    pub(super) const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }

    pub(super) fn distance(self, other: Self) -> f64 {
        let between = self.minus(other);
        between.x.hypot(between.y)
    }

    pub(super) fn cross(self, other: Self) -> f64 {
        self.x.mul_add(other.y, -(self.y * other.x))
    }
}

/// A projective map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Homography([f64; 8]);

impl Homography {
    /// The map that brings each first point nearest to its second, weighed; none where the points do not decide
    /// it. Four pairs decide it exactly.
    pub(super) fn fit(pairs: &[(Point, Point, f64)]) -> Option<Self> {
        // Least squares by the normal equations, with the modules brought near to one so that they stay well
        // conditioned.
        let scale = pairs.iter().map(|(from, ..)| from.x.abs().max(from.y.abs())).fold(1.0, f64::max);
        let origin = pairs.first()?.1;
        let mut normal = [[0.0; 9]; 8];
        for (from, to, weight) in pairs {
            let (u, v) = (from.x / scale, from.y / scale);
            let to = to.minus(origin);
            let rows = [
                ([u, v, 1.0, 0.0, 0.0, 0.0, -u * to.x, -v * to.x, to.x], weight),
                ([0.0, 0.0, 0.0, u, v, 1.0, -u * to.y, -v * to.y, to.y], weight),
            ];
            for (row, weight) in rows {
                for (line, factor) in normal.iter_mut().zip(row) {
                    for (cell, value) in line.iter_mut().zip(row) {
                        *cell += weight * factor * value;
                    }
                }
            }
        }
        let [a, b, c, d, e, f, g, h] = solve(normal)?;
        // Back from modules brought near to one, and from pixels counted from the first point.
        let (g, h) = (g / scale, h / scale);
        let map = [
            origin.x.mul_add(g, a / scale),
            origin.x.mul_add(h, b / scale),
            c + origin.x,
            origin.y.mul_add(g, d / scale),
            origin.y.mul_add(h, e / scale),
            f + origin.y,
            g,
            h,
        ];
        map.iter().all(|value| value.is_finite()).then_some(Self(map))
    }

    /// Where a point of the code lies in the picture; none where the map sends it beyond the horizon.
    pub(super) fn apply(&self, at: Point) -> Option<Point> {
        let [a, b, c, d, e, f, g, h] = self.0;
        let depth = g.mul_add(at.x, h.mul_add(at.y, 1.0));
        if depth < 1e-6 {
            return None;
        }
        let x = a.mul_add(at.x, b.mul_add(at.y, c)) / depth;
        let y = d.mul_add(at.x, e.mul_add(at.y, f)) / depth;
        (x.is_finite() && y.is_finite()).then_some(Point::new(x, y))
    }
}

/// Solves eight linear equations by elimination with pivots.
fn solve(mut lines: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    let mut rest: &mut [[f64; 9]] = &mut lines;
    let mut column = 0_usize;
    while !rest.is_empty() {
        let size = |line: &[f64; 9]| line.get(column).map_or(0.0, |cell| cell.abs());
        let pivot = (0..rest.len()).max_by(|a, b| {
            let of = |i: &usize| rest.get(*i).map_or(0.0, size);
            of(a).total_cmp(&of(b))
        })?;
        rest.swap(0, pivot);
        let (first, others) = rest.split_first_mut()?;
        let leading = *first.get(column)?;
        if leading.abs() < 1e-12 {
            return None;
        }
        first.iter_mut().for_each(|cell| *cell /= leading);
        for line in others.iter_mut() {
            let factor = *line.get(column)?;
            line.iter_mut().zip(first.iter()).for_each(|(cell, above)| *cell -= factor * above);
        }
        rest = others;
        column = column.saturating_add(1);
    }
    let mut solution = [0.0; 8];
    for (i, line) in lines.iter().enumerate().rev() {
        let known: f64 = line.iter().zip(solution).skip(i.saturating_add(1)).map(|(cell, x)| cell * x).sum();
        let [.., right_side] = line;
        *solution.get_mut(i)? = right_side - known;
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_points_decide_a_map() {
        let pairs = [
            (Point::new(3.5, 3.5), Point::new(100.0, 120.0), 1.0),
            (Point::new(53.5, 3.5), Point::new(400.0, 90.0), 1.0),
            (Point::new(3.5, 53.5), Point::new(130.0, 420.0), 1.0),
            (Point::new(50.5, 50.5), Point::new(350.0, 380.0), 1.0),
        ];
        let map = Homography::fit(&pairs).unwrap();
        for (from, to, _) in pairs {
            assert!(map.apply(from).unwrap().distance(to) < 1e-6);
        }
        assert!(Homography::fit(&pairs[..3]).is_none());
        assert!(Homography::fit(&[pairs[0]; 4]).is_none());
        assert!(Homography::fit(&[]).is_none());
    }
}
