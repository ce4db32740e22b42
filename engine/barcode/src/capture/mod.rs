//! A barcode's text out of a photograph: PNG or JPEG bytes in, text out, which nobody vouches for.
//!
//! Finding the code is done here, since what `rqrr` does for it asserts and loops in ways that a crafted picture can
//! reach, and a panic ends the process that settles payments. Nothing in this module panics, and its work is bounded
//! whatever the picture: by bytes, by pixels, and by how often pixels are looked at. `rqrr` only reads the bits of a
//! code found.

mod finder;
mod grid;
mod homography;
mod picture;
mod plane;

use image::GrayImage;

use crate::emv;
use crate::error::BarcodeError;
use grid::Located;
use plane::Plane;

pub use picture::{MAX_IMAGE_BYTES, MAX_IMAGE_SIDE_PIXELS};

/// The sizes a picture is looked at in, by its longer side, and the shares of that side that count as a pixel's
/// surroundings. Smaller is faster and takes noise away; larger shows codes that are far.
const TRIES: [(u32, &[u32]); 5] =
    [(1_400, &[8, 20]), (900, &[8, 4]), (600, &[8]), (2_200, &[10]), (4_096, &[12])];

/// A small picture is doubled, which parts its runs better, but not beyond this: there is nothing more to see.
const MAX_ENLARGED_SIDE_PIXELS: u32 = 2_200;

/// How many pixels are looked at for codes, over all tries: some 0.4 s. A picture that takes more was made to.
const MAX_LOOKS: u64 = 48_000_000;

/// What reading a module's bits costs, in looks.
const LOOKS_PER_MODULE_READ: usize = 60;

/// Finds the barcode in a PNG or JPEG picture and reads its text. Beside other codes, the one that looks like a
/// payment's is taken. The text is as untrusted as the picture.
///
/// # Errors
/// The picture is too large, neither PNG nor JPEG, or damaged, or has no code that can be read, or several.
pub fn decode_image(bytes: &[u8]) -> Result<String, BarcodeError> {
    let original = picture::read(bytes)?;
    let longest = original.width().max(original.height());
    let largest = longest.max(longest.saturating_mul(2).min(MAX_ENLARGED_SIDE_PIXELS));
    let mut looks_left = MAX_LOOKS;
    let mut others = Vec::new();
    let mut sides = Vec::new();
    for (side, shares) in TRIES {
        let side = side.min(largest);
        if sides.contains(&side) {
            continue;
        }
        sides.push(side);
        let picture = picture::scaled_to(&original, side);
        for share in shares {
            let texts = texts_in(&picture, side / share, &mut looks_left);
            let (payments, rest): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| is_payment(text));
            if !payments.is_empty() {
                return the_only(payments);
            }
            others.extend(rest);
        }
    }
    the_only(others)
}

fn the_only(mut texts: Vec<String>) -> Result<String, BarcodeError> {
    texts.sort();
    texts.dedup();
    match (texts.pop(), texts.is_empty()) {
        (None, _) => Err(BarcodeError::NothingFound),
        (Some(text), true) => Ok(text),
        (Some(_), false) => Err(BarcodeError::SeveralBarcodes),
    }
}

fn is_payment(text: &str) -> bool {
    (text.starts_with("HTTP") && text.contains("/P/")) || emv::is_ours(text)
}

/// The texts of all codes that can be read in a picture.
fn texts_in(picture: &GrayImage, window: u32, looks_left: &mut u64) -> Vec<String> {
    let window = usize::try_from(window).unwrap_or(0).max(16);
    let plane = Plane::new(picture, window, *looks_left);
    let finders = finder::find(&plane);
    let mut texts = Vec::new();
    let mut used: Vec<usize> = Vec::new();
    for triple in grid::triples(&finders) {
        if triple.members.iter().any(|member| used.contains(member)) {
            continue;
        }
        if let Some(text) = grid::locate(&plane, &triple).iter().find_map(|place| read(&plane, place)) {
            used.extend(triple.members);
            texts.push(text);
        }
    }
    *looks_left = plane.looks_left();
    texts
}

/// Reads a code's modules: as they are, and with each made to stand out from its neighbours, as blur needs it.
fn read(plane: &Plane, place: &Located) -> Option<String> {
    let size = place.size();
    let modules = place.modules(plane);
    let at = |x: usize, y: usize| modules.get(y.checked_mul(size)?.checked_add(x)?).copied();
    [0.0, 0.15, 0.3].into_iter().find_map(|sharpening| {
        if !plane.spend(modules.len().saturating_mul(LOOKS_PER_MODULE_READ)) {
            return None;
        }
        let grid = rqrr::SimpleGrid::from_func(size, |x, y| {
            let neighbours = [
                at(x.wrapping_sub(1), y).filter(|_| x > 0),
                at(x.saturating_add(1), y).filter(|_| x.saturating_add(1) < size),
                at(x, y.wrapping_sub(1)).filter(|_| y > 0),
                at(x, y.saturating_add(1)),
            ];
            let around: f64 = neighbours.into_iter().flatten().sum();
            at(x, y).unwrap_or(0.0) - sharpening * around < 0.0
        });
        rqrr::Grid::new(grid).decode().ok().map(|(_, text)| text)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// The fifteen format bits of an error correction level and a mask, as codes carry them (ISO/IEC 18004, annex C).
    fn format_bits(data: u16) -> u16 {
        let mut rest = data << 10;
        for bit in (10..15).rev() {
            if rest >> bit & 1 == 1 {
                rest ^= 0b101_0011_0111 << (bit - 10);
            }
        }
        (data << 10 | rest) ^ 0x5412
    }

    proptest! {
        /// What `rqrr` is still trusted with, the bits of a code: any bits, under format bits that are right so that it
        /// goes on reading, must not make it panic. This is built with overflow checks.
        #[test]
        fn no_modules_are_fatal(version in 1..=40_usize, data in 0..32_u16, seed: u64, dark_in_8 in 0..=8_u64) {
            const XS: [usize; 15] = [8, 8, 8, 8, 8, 8, 8, 8, 7, 5, 4, 3, 2, 1, 0];
            const YS: [usize; 15] = [0, 1, 2, 3, 4, 5, 7, 8, 8, 8, 8, 8, 8, 8, 8];
            let format = format_bits(data);
            let state = std::cell::Cell::new(seed);
            let grid = rqrr::SimpleGrid::from_func(version * 4 + 17, |x, y| {
                if let Some(bit) = (0..15).find(|i| XS[*i] == x && YS[*i] == y) {
                    return format >> bit & 1 == 1;
                }
                let next = state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.set(next);
                next >> 61 < dark_in_8
            });
            let _ = rqrr::Grid::new(grid).decode();
        }
    }
}
