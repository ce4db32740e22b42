//! Barcodes as cameras see them: turned, slanted, blurred, noisy, unevenly lit, squeezed by JPEG. Every picture is
//! made here from a seed that the failure names.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, GrayImage, ImageEncoder as _, Luma};
use proptest::prelude::*;
use quittance_barcode::{BarcodeError, ErrorCorrection, MAX_IMAGE_BYTES, Rendering, decode_image};

/// A generator of noise: small, and the same everywhere.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }

    /// About normal, with a deviation of one.
    fn normal(&mut self) -> f64 {
        (0..6).map(|_| self.next() - 0.5).sum::<f64>() * 1.414
    }
}

/// What a camera does to a barcode.
#[derive(Clone, Copy, Debug)]
struct Shot {
    degrees: f64,
    /// How much the far side shrinks, to the right and downwards.
    slant: (f64, f64),
    pixels_per_module: f64,
    blur_pixels: f64,
    noise: f64,
    /// The share of light lost from one corner to the other.
    shade: f64,
    jpeg_quality: u8,
}

const STEADY: Shot = Shot {
    degrees: 0.0,
    slant: (0.0, 0.0),
    pixels_per_module: 6.0,
    blur_pixels: 0.0,
    noise: 0.0,
    shade: 0.0,
    jpeg_quality: 90,
};

fn photograph(text: &str, shot: Shot, seed: u64) -> Vec<u8> {
    let png = Rendering { error_correction: ErrorCorrection::M, module_pixels: 4 }.png(text).unwrap();
    let code = image::load_from_memory(&png).unwrap().to_luma8();
    let modules = f64::from(code.width()) / 4.0;
    let half = modules * shot.pixels_per_module / 2.0;
    let side = (half * 3.4) as u32;
    let middle = f64::from(side) / 2.0;
    let (sine, cosine) = shot.degrees.to_radians().sin_cos();
    let mut noise = Noise(seed);
    let mut sharp = vec![0.0; (side * side) as usize];
    for y in 0..side {
        for x in 0..side {
            let mut sum = 0.0;
            for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                let (px, py) = (f64::from(x) + dx - middle, f64::from(y) + dy - middle);
                let (rx, ry) = (cosine * px + sine * py, cosine * py - sine * px);
                // The inverse of x / (1 + a x + b y), with coordinates of one at the code's edge; drawn smaller the
                // more it is slanted, so that the near side stays in the picture.
                let shown = half * (1.0 - shot.slant.0.abs() - shot.slant.1.abs());
                let (nx, ny) = (rx / shown, ry / shown);
                let depth = 1.0 - shot.slant.0 * nx - shot.slant.1 * ny;
                let (u, v) = ((nx / depth + 1.0) / 2.0, (ny / depth + 1.0) / 2.0);
                let width = f64::from(code.width());
                let is_on_paper = depth > 0.1 && (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v);
                sum += if is_on_paper {
                    f64::from(code.get_pixel((u * width) as u32, (v * width) as u32).0[0])
                } else {
                    // A table of a middling grey, with some grain.
                    150.0 + 25.0 * (f64::from(x) / 23.0).sin() * (f64::from(y) / 17.0).cos()
                };
            }
            sharp[(y * side + x) as usize] = 25.0 + sum / 4.0 * 0.75;
        }
    }
    let blurred = blur(&sharp, side as usize, shot.blur_pixels);
    let picture = GrayImage::from_fn(side, side, |x, y| {
        let light = 1.0 - shot.shade * f64::from(x + y) / f64::from(2 * side);
        let value = blurred[(y * side + x) as usize] * light + noise.normal() * shot.noise;
        Luma([value.clamp(0.0, 255.0) as u8])
    });
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, shot.jpeg_quality)
        .write_image(picture.as_raw(), side, side, ExtendedColorType::L8)
        .unwrap();
    jpeg
}

/// A gaussian blur, one direction after the other.
fn blur(pixels: &[f64], side: usize, sigma: f64) -> Vec<f64> {
    if sigma == 0.0 {
        return pixels.to_vec();
    }
    let reach = (sigma * 3.0).ceil() as i64;
    let kernel: Vec<f64> =
        (-reach..=reach).map(|i| (-(i * i) as f64 / (2.0 * sigma * sigma)).exp()).collect();
    let total: f64 = kernel.iter().sum();
    let pass = |pixels: &[f64], stride_x: usize, stride_y: usize| {
        let mut out = vec![0.0; pixels.len()];
        for y in 0..side {
            for x in 0..side {
                let sum: f64 = (-reach..=reach)
                    .zip(&kernel)
                    .map(|(i, weight)| {
                        let at = (x as i64 + i).clamp(0, side as i64 - 1) as usize;
                        weight * pixels[at * stride_x + y * stride_y]
                    })
                    .sum();
                out[x * stride_x + y * stride_y] = sum / total;
            }
        }
        out
    };
    pass(&pass(pixels, 1, side), side, 1)
}

fn text(characters: usize) -> String {
    let mut noise = Noise(characters as u64);
    let base32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let payload: String =
        (0..characters).map(|_| char::from(base32[(noise.next() * 31.99) as usize])).collect();
    format!("HTTPS://PAY.EXAMPLE.COM/P/{payload}")
}

/// As long as a server's barcode, and as a till's.
fn texts() -> [String; 2] {
    [text(240), text(410)]
}

fn misses(shots: impl Iterator<Item = Shot>) -> Vec<String> {
    let mut misses = Vec::new();
    for (seed, shot) in shots.enumerate() {
        for (number, text) in texts().into_iter().enumerate() {
            let jpeg = photograph(&text, shot, seed as u64);
            let is_png = (seed + number) % 2 == 1;
            let file =
                if is_png { as_png(&image::load_from_memory(&jpeg).unwrap().into_luma8()) } else { jpeg };
            let read = decode_image(&file);
            if read.as_ref() != Ok(&text) {
                let length = text.len();
                misses.push(format!("{length} characters, PNG {is_png}, seed {seed}, {shot:?}: {read:?}"));
            }
        }
    }
    misses
}

#[test]
fn a_steady_hand() {
    assert_eq!(misses([STEADY; 2].into_iter()), Vec::<String>::new());
}

#[test]
fn turned_by_any_angle() {
    let shots = (0..24).map(|n| Shot { degrees: f64::from(n) * 15.0 + 2.0, ..STEADY });
    assert_eq!(misses(shots), Vec::<String>::new());
}

/// As far as four tenths, where the near side is drawn at more than twice the scale of the far one. Paper that is bent
/// is another matter: with a sagitta of 1.5 % of the code's width all are read, of 3 % none.
#[test]
fn seen_from_the_side() {
    let slants =
        [(0.15, 0.0), (0.0, -0.15), (-0.25, 0.1), (0.2, 0.2), (-0.3, 0.0), (0.18, -0.18), (0.0, 0.4)];
    let shots = slants.into_iter().enumerate().map(|(n, slant)| Shot {
        slant,
        degrees: n as f64 * 13.0,
        pixels_per_module: 8.0,
        ..STEADY
    });
    assert_eq!(misses(shots), Vec::<String>::new());
}

/// A deviation of half a module is the limit: of 3 pixels 3 of 8 are read, of 3.5 none.
#[test]
fn blurred() {
    let shots = [1.0, 2.0, 2.4].into_iter().map(|blur_pixels| Shot { blur_pixels, ..STEADY });
    assert_eq!(misses(shots), Vec::<String>::new());
}

/// Of a deviation of 45 grey levels 6 of 8 are read, of 60 one.
#[test]
fn noisy() {
    let shots = [8.0, 16.0, 28.0].into_iter().map(|noise| Shot { noise, ..STEADY });
    assert_eq!(misses(shots), Vec::<String>::new());
}

#[test]
fn lit_from_one_side() {
    let shots = [0.3, 0.6, 0.8].into_iter().map(|shade| Shot { shade, noise: 4.0, ..STEADY });
    assert_eq!(misses(shots), Vec::<String>::new());
}

#[test]
fn small_in_the_picture() {
    let shots =
        [4.0, 3.0].into_iter().map(|pixels_per_module| Shot { pixels_per_module, noise: 3.0, ..STEADY });
    assert_eq!(misses(shots), Vec::<String>::new());
}

/// All of these at once. Half as bad again, 24 of 60 are read.
#[test]
fn badly_photographed() {
    let mut noise = Noise(2_026);
    let shots = (0..20).map(|n| {
        let severity = 0.5 + f64::from(n % 4) / 6.0;
        let mut around = |most: f64| (noise.next() * 2.0 - 1.0) * most * severity;
        Shot {
            degrees: around(180.0),
            slant: (around(0.22), around(0.22)),
            pixels_per_module: 8.0,
            blur_pixels: 0.6 + severity,
            noise: 10.0 * severity,
            shade: 0.55 * severity,
            jpeg_quality: (85.0 - 35.0 * severity) as u8,
        }
    });
    assert_eq!(misses(shots.collect::<Vec<_>>().into_iter()), Vec::<String>::new());
}

#[test]
fn of_two_codes_the_payment_is_taken() {
    let rendering = Rendering { error_correction: ErrorCorrection::M, module_pixels: 5 };
    let [payment, _] = texts();
    let load = |text: &str| image::load_from_memory(&rendering.png(text).unwrap()).unwrap().to_luma8();
    let (poster, barcode) = (load("HTTPS://EXAMPLE.COM/MENU"), load(&payment));
    let mut sheet = GrayImage::from_pixel(1_000, 500, Luma([240]));
    image::imageops::replace(&mut sheet, &poster, 20, 20);
    image::imageops::replace(&mut sheet, &barcode, 500, 60);
    assert_eq!(decode_image(&as_png(&sheet)), Ok(payment.clone()));
    // Another payment beside it: nobody can know which is meant.
    image::imageops::replace(&mut sheet, &load(&text(60)), 20, 20);
    assert_eq!(decode_image(&as_png(&sheet)), Err(BarcodeError::SeveralBarcodes));
    image::imageops::replace(&mut sheet, &barcode, 0, 60);
    assert_eq!(decode_image(&as_png(&sheet)), Ok(payment));
}

#[test]
fn what_is_no_picture_is_refused() {
    for bytes in [&b""[..], b"GIF89a........", b"%PDF-1.7", b"<svg/>"] {
        assert_eq!(decode_image(bytes), Err(BarcodeError::ImageFormat));
    }
    assert_eq!(decode_image(&vec![0; MAX_IMAGE_BYTES + 1]), Err(BarcodeError::ImageTooLarge));
    let [text, _] = texts();
    let png = Rendering::default().png(&text).unwrap();
    for length in (8..png.len()).step_by(97) {
        assert_eq!(decode_image(&png[..length]), Err(BarcodeError::ImageDamaged), "cut to {length}");
    }
    // A JPEG that is cut off shows grey for what is missing; before its pixels begin it is none.
    let jpeg = photograph(&text, STEADY, 0);
    for length in (3..jpeg.len() / 2).step_by(1_009) {
        assert!(decode_image(&jpeg[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn what_claims_too_much_is_refused_unread() {
    // Each header is in a file of some bytes, so that nothing is left but to believe it, or not.
    let mut png = Rendering::default().png("A").unwrap();
    png[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
    let checksum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    assert_eq!(decode_image(&png), Err(BarcodeError::ImageTooLarge));
    let mut jpeg = photograph(&texts()[0], Shot { pixels_per_module: 1.0, ..STEADY }, 0);
    let header = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    jpeg[header + 5..header + 9].fill(0xFF);
    assert_eq!(decode_image(&jpeg), Err(BarcodeError::ImageTooLarge));
    // Each scan is the work of a whole picture; what stands after the end is not looked at.
    let photograph = photograph(&texts()[0], STEADY, 0);
    let with_scans = |scans: usize| [photograph.clone(), [0xFF, 0xDA].repeat(scans)].concat();
    assert_eq!(decode_image(&with_scans(19)), Ok(texts()[0].clone()));
    assert_eq!(decode_image(&with_scans(20)), Err(BarcodeError::ImageDamaged));
    // 16 bits to each of four channels, of which 128 MiB of zeros fit into some kilobytes.
    let mut bomb = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bomb)
        .write_image(&vec![0; 4_096 * 4_096 * 8], 4_096, 4_096, ExtendedColorType::Rgba16)
        .unwrap();
    assert_eq!(decode_image(&bomb), Err(BarcodeError::ImageTooLarge));
    for (width, height) in [(4_097, 1), (1, 4_097)] {
        assert_eq!(decode_image(&as_png(&GrayImage::new(width, height))), Err(BarcodeError::ImageTooLarge));
    }
    assert_eq!(decode_image(&as_png(&GrayImage::new(4_096, 4_096))), Err(BarcodeError::NothingFound));
}

/// The checksum of PNG's chunks (ISO/IEC 15948, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ (0xEDB8_8320 * (crc & 1)))
    })
}

fn as_png(picture: &GrayImage) -> Vec<u8> {
    let mut png = Vec::new();
    image::codecs::png::PngEncoder::new(&mut png)
        .write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::L8)
        .unwrap();
    png
}

/// The largest picture, strewn with finder squares of many sizes: as much work as a picture can make. In a release
/// build it takes a second; here it has only to end.
#[test]
fn a_picture_made_to_be_slow_ends() {
    for module in [3, 20] {
        let picture = GrayImage::from_fn(4_096, 4_096, |x, y| {
            let ring = ((x / module) % 9).abs_diff(3).max(((y / module) % 9).abs_diff(3));
            Luma([if ring == 2 || ring > 3 { 255 } else { 0 }])
        });
        assert_eq!(decode_image(&as_png(&picture)), Err(BarcodeError::NothingFound));
    }
}

#[test]
fn noise_is_no_barcode() {
    for seed in 0..6 {
        let mut noise = Noise(seed);
        let side = 40 + 90 * seed as u32;
        let picture = GrayImage::from_fn(side, side / 2 + 1, |_, _| Luma([(noise.next() * 255.0) as u8]));
        assert_eq!(decode_image(&as_png(&picture)), Err(BarcodeError::NothingFound), "seed {seed}");
    }
}

/// A picture strewn with what a detector looks for: squares in squares, turned, stretched, cut off, on top of each
/// other, over noise.
fn strewn(
    width: u32,
    height: u32,
    squares: &[(f64, f64, f64, f64, f64)],
    grain: f64,
    seed: u64,
) -> GrayImage {
    let mut noise = Noise(seed);
    GrayImage::from_fn(width, height, |x, y| {
        let mut value = 255.0;
        for (left, top, side, degrees, stretch) in squares {
            let (sine, cosine) = degrees.to_radians().sin_cos();
            let (dx, dy) = (f64::from(x) - left * f64::from(width), f64::from(y) - top * f64::from(height));
            let (u, v) = ((cosine * dx + sine * dy) / stretch, cosine * dy - sine * dx);
            let ring = u.abs().max(v.abs()) / side * 3.5;
            if ring < 3.5 {
                value = if (1.5..2.5).contains(&ring) { 255.0 } else { 0.0 };
            }
        }
        Luma([(value + noise.normal() * grain).clamp(0.0, 255.0) as u8])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_picture_is_fatal(
        (width, height) in (1..240_u32, 1..240_u32),
        squares in prop::collection::vec((0.0..1.0, 0.0..1.0, 2.0..40.0, 0.0..360.0, 0.3..3.0), 0..9),
        grain in prop::sample::select(vec![0.0, 5.0, 80.0]),
        seed: u64,
    ) {
        let picture = strewn(width, height, &squares, grain, seed);
        // Whatever comes of it, something does.
        let _ = decode_image(&as_png(&picture));
    }

    #[test]
    fn no_random_bytes_are_fatal(jpeg: bool, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let magic = if jpeg { &b"\xFF\xD8\xFF"[..] } else { b"\x89PNG\r\n\x1A\n" };
        prop_assert!(decode_image(&bytes).is_err());
        prop_assert!(decode_image(&[magic, &bytes].concat()).is_err());
    }

    #[test]
    fn no_bytes_are_fatal(jpeg: bool, at in 0..4_000_usize, bytes in prop::collection::vec(any::<u8>(), 1..6)) {
        let [text, _] = texts();
        let mut file = if jpeg {
            photograph(&text, Shot { pixels_per_module: 1.0, ..STEADY }, 0)
        } else {
            Rendering { error_correction: ErrorCorrection::M, module_pixels: 2 }.png(&text).unwrap()
        };
        let at = at % file.len();
        file.splice(at..at, bytes);
        let _ = decode_image(&file);
    }
}
