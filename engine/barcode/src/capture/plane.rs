//! A grey picture made flat: each pixel's brightness against its surroundings, whatever the light.

use std::cell::Cell;

use image::GrayImage;

/// Brightness against the neighbourhood: below zero is dark. Everything beyond the edge is light.
pub(super) struct Plane {
    width: usize,
    contrast: Vec<i16>,
    /// How many more pixels are looked at. All work on a picture goes through here, so this bounds it.
    looks_left: Cell<u64>,
}

impl Plane {
    /// Flattens a picture. A pixel is compared with the mean of the square of `window` pixels around it.
    pub(super) fn new(picture: &GrayImage, window: usize, looks_left: u64) -> Self {
        let width = usize::try_from(picture.width()).unwrap_or(0);
        let height = usize::try_from(picture.height()).unwrap_or(0);
        let pixels = picture.as_raw();
        let sums = Sums::new(pixels, width, height);
        let reach = window / 2;
        let mut contrast = Vec::with_capacity(pixels.len());
        for (y, row) in pixels.chunks_exact(width.max(1)).enumerate() {
            for (x, pixel) in row.iter().enumerate() {
                let mean = sums.mean(x, y, reach);
                // A little below the mean, so that noise on plain paper does not become a pattern.
                let threshold = mean.saturating_sub(mean / 24);
                contrast.push(i16::from(*pixel).saturating_sub(i16::try_from(threshold).unwrap_or(255)));
            }
        }
        Self { width, contrast, looks_left: Cell::new(looks_left) }
    }

    pub(super) const fn looks_left(&self) -> u64 {
        self.looks_left.get()
    }

    /// Counts some looks, and tells whether there were as many left. Where there are none, all is blank.
    pub(super) fn spend(&self, looks: usize) -> bool {
        let left = self.looks_left.get();
        let looks = u64::try_from(looks).unwrap_or(u64::MAX);
        self.looks_left.set(left.saturating_sub(looks));
        looks <= left
    }

    fn at(&self, x: i64, y: i64) -> Option<i16> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if x >= self.width {
            return None;
        }
        self.contrast.get(y.checked_mul(self.width)?.checked_add(x)?).copied()
    }

    /// Whether the pixel at a point is dark. Nothing beyond the edge is.
    pub(super) fn is_dark(&self, x: f64, y: f64) -> bool {
        // Casts from float saturate, and NaN becomes zero: any point is some pixel, or none.
        self.spend(1) && self.at(x.floor() as i64, y.floor() as i64).is_some_and(|contrast| contrast < 0)
    }

    /// The contrast at a point between pixels; pixel (0, 0) has its middle at (0.5, 0.5).
    pub(super) fn sample(&self, x: f64, y: f64) -> f64 {
        if !self.spend(4) {
            return 0.0;
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (right_share, lower_share) = (x - left, y - top);
        let corner = |dx: i64, dy: i64| {
            let at = self.at((left as i64).saturating_add(dx), (top as i64).saturating_add(dy));
            f64::from(at.unwrap_or(64))
        };
        let upper = corner(0, 0).mul_add(1.0 - right_share, corner(1, 0) * right_share);
        let lower = corner(0, 1).mul_add(1.0 - right_share, corner(1, 1) * right_share);
        upper.mul_add(1.0 - lower_share, lower * lower_share)
    }

    /// The rows, for a scan.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[i16]> {
        self.contrast.chunks_exact(self.width.max(1))
    }
}

/// Sums of all pixels above and to the left: the mean of any rectangle is four look-ups. They wrap, which differences
/// do not feel, and the largest picture's sum fits anyway.
struct Sums {
    stride: usize,
    width: usize,
    height: usize,
    sums: Vec<u32>,
}

impl Sums {
    fn new(pixels: &[u8], width: usize, height: usize) -> Self {
        let stride = width.saturating_add(1);
        let mut sums = vec![0_u32; stride];
        let mut above = vec![0_u32; stride];
        for row in pixels.chunks_exact(width.max(1)) {
            let mut in_row = 0_u32;
            for (sum, pixel) in above.iter_mut().skip(1).zip(row) {
                in_row = in_row.wrapping_add(u32::from(*pixel));
                *sum = sum.wrapping_add(in_row);
            }
            sums.extend_from_slice(&above);
        }
        Self { stride, width, height, sums }
    }

    fn mean(&self, x: usize, y: usize, reach: usize) -> u32 {
        let (left, top) = (x.saturating_sub(reach), y.saturating_sub(reach));
        let right = x.saturating_add(reach).saturating_add(1).min(self.width);
        let bottom = y.saturating_add(reach).saturating_add(1).min(self.height);
        let area = right.saturating_sub(left).saturating_mul(bottom.saturating_sub(top));
        let sum = |x: usize, y: usize| {
            self.sums.get(y.saturating_mul(self.stride).saturating_add(x)).copied().unwrap_or(0)
        };
        let plus = sum(right, bottom).wrapping_add(sum(left, top));
        let minus = sum(right, top).wrapping_add(sum(left, bottom));
        plus.wrapping_sub(minus) / u32::try_from(area.max(1)).unwrap_or(u32::MAX)
    }
}
