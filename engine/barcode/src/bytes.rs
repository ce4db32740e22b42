//! A payload's bytes, taken one field after another. Every field is named, so that damage can be.

use crate::error::BarcodeError;

pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], BarcodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(BarcodeError::Malformed(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self, field: &'static str) -> Result<u8, BarcodeError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// A text with its length before it.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, BarcodeError> {
        let length = usize::from(self.byte(field)?);
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(BarcodeError::Malformed(field))?;
        self.rest = rest;
        std::str::from_utf8(taken).map_err(|_| BarcodeError::Malformed(field))
    }

    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }
}

/// Writes a text with its length before it. The ledger bounds its texts far below 255 bytes.
pub(crate) fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(text.as_bytes());
}
