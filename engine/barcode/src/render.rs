//! Barcodes to be looked at: SVG, PNG, and blocks for a terminal.

use image::{ExtendedColorType, ImageEncoder, Luma};
use qrcode::bits::Bits;
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode, Version};

use crate::error::BarcodeError;

const MAX_MODULE_PIXELS: u8 = 32;

/// How much of a QR code may be unreadable (ISO/IEC 18004).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorCorrection {
    /// About 7 %.
    L,
    /// About 15 %.
    #[default]
    M,
    /// About 25 %.
    Q,
    /// About 30 %.
    H,
}

/// How a barcode is drawn, always with the quiet zone that the standard asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// The level of error correction.
    pub error_correction: ErrorCorrection,
    /// The side of a module in pixels, from 1 to 32; what is outside is brought to the nearer end.
    pub module_pixels: u8,
}

impl Default for Rendering {
    fn default() -> Self {
        Self { error_correction: ErrorCorrection::M, module_pixels: 8 }
    }
}

/// A code that says that its bytes are UTF-8 (ISO/IEC 18004, extended channel interpretation 26), if the version has room
/// for it. Otherwise readers guess, and zbar takes Japanese for Shift JIS; and `qrcode` takes some of UTF-8 for that too,
/// unless it is told that it is bytes.
fn utf8_code(text: &str, version: Version, level: EcLevel) -> Option<QrCode> {
    const UTF_8: u32 = 26;
    let (ascii, rest) = text.as_bytes().split_at_checked(text.bytes().take_while(u8::is_ascii).count())?;
    let mut bits = Bits::new(version);
    bits.push_eci_designator(UTF_8).ok()?;
    bits.push_optimal_data(ascii).ok()?;
    bits.push_byte_data(rest).ok()?;
    bits.push_terminator(level).ok()?;
    QrCode::with_bits(bits, level).ok()
}

impl Rendering {
    fn code(&self, text: &str) -> Result<QrCode, BarcodeError> {
        let level = match self.error_correction {
            ErrorCorrection::L => EcLevel::L,
            ErrorCorrection::M => EcLevel::M,
            ErrorCorrection::Q => EcLevel::Q,
            ErrorCorrection::H => EcLevel::H,
        };
        if text.is_ascii() {
            return QrCode::with_error_correction_level(text, level).map_err(|_| BarcodeError::TooLong);
        }
        (1..=40)
            .find_map(|version| utf8_code(text, Version::Normal(version), level))
            .ok_or(BarcodeError::TooLong)
    }

    fn module_side(&self) -> u32 {
        u32::from(self.module_pixels.clamp(1, MAX_MODULE_PIXELS))
    }

    /// The QR version the text takes, from 1 to 40: its side is 17 modules and four a version.
    ///
    /// # Errors
    /// The text does not fit.
    pub fn version(&self, text: &str) -> Result<i16, BarcodeError> {
        match self.code(text)?.version() {
            Version::Normal(version) | Version::Micro(version) => Ok(version),
        }
    }

    /// The barcode as an SVG document.
    ///
    /// # Errors
    /// The text does not fit.
    pub fn svg(&self, text: &str) -> Result<String, BarcodeError> {
        let side = self.module_side();
        Ok(self.code(text)?.render::<svg::Color<'_>>().module_dimensions(side, side).build())
    }

    /// The barcode as a PNG file, in grey.
    ///
    /// # Errors
    /// The text does not fit.
    pub fn png(&self, text: &str) -> Result<Vec<u8>, BarcodeError> {
        let side = self.module_side();
        let picture = self.code(text)?.render::<Luma<u8>>().module_dimensions(side, side).build();
        let mut file = Vec::new();
        image::codecs::png::PngEncoder::new(&mut file)
            .write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::L8)
            .map_err(|_| BarcodeError::TooLong)?;
        Ok(file)
    }

    /// The barcode as lines of half blocks, dark on light whatever the terminal's colours.
    ///
    /// # Errors
    /// The text does not fit.
    pub fn terminal_blocks(&self, text: &str) -> Result<String, BarcodeError> {
        let blocks = self.code(text)?.render::<unicode::Dense1x2>().build();
        Ok(blocks.lines().map(|line| format!("\u{1b}[30;47m{line}\u{1b}[0m\n")).collect())
    }
}
