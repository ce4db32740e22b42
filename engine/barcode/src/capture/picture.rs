//! From a file's bytes to a grey picture. What a file claims of itself is checked before it is decoded.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::error::ImageError;
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, Limits};

use crate::error::BarcodeError;

/// The most bytes of a picture's file.
pub const MAX_IMAGE_BYTES: usize = 8 * 1_024 * 1_024;

/// The most pixels to a picture's side.
pub const MAX_IMAGE_SIDE_PIXELS: u32 = 4_096;

/// The most memory of the decoded pixels: the largest picture, with four bytes to a pixel.
const MAX_DECODED_BYTES: u64 = 64 * 1_024 * 1_024;

/// The most memory of a decoder, beside the pixels.
const MAX_DECODER_BYTES: u64 = 160 * 1_024 * 1_024;

/// The most scans of a progressive JPEG; cameras and browsers make ten. Each goes over the whole picture again, and may
/// have next to no bytes.
const MAX_JPEG_SCANS: usize = 20;

pub(super) fn read(bytes: &[u8]) -> Result<GrayImage, BarcodeError> {
    if bytes.len() > MAX_IMAGE_BYTES {
        return Err(BarcodeError::ImageTooLarge);
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => decode(PngDecoder::with_limits(Cursor::new(bytes), limits())),
        Ok(ImageFormat::Jpeg) if count_scans(bytes) > MAX_JPEG_SCANS => Err(BarcodeError::ImageDamaged),
        Ok(ImageFormat::Jpeg) => decode(JpegDecoder::new(Cursor::new(bytes))),
        _ => Err(BarcodeError::ImageFormat),
    }
}

/// How often a scan begins. Pixels' data can't look so: in it a zero follows each 0xFF.
fn count_scans(jpeg: &[u8]) -> usize {
    jpeg.windows(2).filter(|marker| *marker == [0xFF, 0xDA]).count()
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_IMAGE_SIDE_PIXELS);
    limits.max_image_height = Some(MAX_IMAGE_SIDE_PIXELS);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    limits
}

fn decode<D: ImageDecoder>(decoder: Result<D, ImageError>) -> Result<GrayImage, BarcodeError> {
    let refusal = |error| match error {
        ImageError::Limits(_) => BarcodeError::ImageTooLarge,
        _ => BarcodeError::ImageDamaged,
    };
    let mut decoder = decoder.map_err(refusal)?;
    decoder.set_limits(limits()).map_err(refusal)?;
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(BarcodeError::ImageTooLarge);
    }
    Ok(on_white(DynamicImage::from_decoder(decoder).map_err(refusal)?))
}

/// The picture in grey; what is transparent shows white paper.
fn on_white(picture: DynamicImage) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.into_luma8();
    }
    let (width, height) = (picture.width(), picture.height());
    let pixels = picture
        .into_luma_alpha8()
        .pixels()
        .map(|pixel| {
            let [grey, alpha] = pixel.0.map(u32::from);
            let blended = (grey * alpha + 255 * (255 - alpha)) / 255;
            u8::try_from(blended).unwrap_or(255)
        })
        .collect();
    GrayImage::from_raw(width, height, pixels).unwrap_or_default()
}

/// The picture with `side` pixels on its longer side.
pub(super) fn scaled_to(picture: &GrayImage, side: u32) -> GrayImage {
    let longest = picture.width().max(picture.height()).max(1);
    let scale = f64::from(side) / f64::from(longest);
    let scaled = |length: u32| (f64::from(length) * scale).round().clamp(1.0, 4_096.0) as u32;
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    if side < longest {
        imageops::thumbnail(picture, width, height)
    } else {
        imageops::resize(picture, width, height, FilterType::Triangle)
    }
}
