//! A picture that somebody has sent.

use quittance_barcode::{MAX_TEXT_BYTES, decode_image};

/// It is read or refused. How long that takes libFuzzer watches over.
pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = decode_image(data) {
        assert!(text.len() <= MAX_TEXT_BYTES);
    }
}
