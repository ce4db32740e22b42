//! Fields of an EMV text: id, length, value (QRCPS, "Data Organization"); and the checksum at the end ("CRC").

use std::fmt::Write as _;

use super::error::{EmvError, EmvField};

/// The id of the checksum.
pub(super) const CHECKSUM: u8 = 63;

/// The checksum's length.
pub(super) const CHECKSUM_CHARS: usize = 4;

/// The checksum's id and length, which it covers too.
const CHECKSUM_START: &str = "6304";

/// Ends a text with its checksum.
pub(super) fn push_checksum(text: &mut String) {
    text.push_str(CHECKSUM_START);
    let checksum = crc(text.as_bytes());
    let _ = write!(text, "{checksum:04X}");
}

/// Writes a field. Lengths count characters, not bytes.
pub(super) fn push(text: &mut String, id: u8, value: &str) {
    let length = value.chars().count();
    debug_assert!((1..=99).contains(&length), "every value is bounded where it is made");
    let _ = write!(text, "{id:02}{length:02}{value}");
}

/// Checks that a text ends with its checksum, before anything else of it is looked at.
pub(super) fn check_checksum(text: &str) -> Result<(), EmvError> {
    let end = text.len().saturating_sub(CHECKSUM_CHARS);
    let (covered, checksum) = text.split_at_checked(end).ok_or(EmvError::NoChecksum)?;
    let is_hex = checksum.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
    if !is_hex || !covered.ends_with(CHECKSUM_START) {
        return Err(EmvError::NoChecksum);
    }
    if format!("{:04X}", crc(covered.as_bytes())) == checksum { Ok(()) } else { Err(EmvError::Checksum) }
}

/// CRC-16/CCITT-FALSE: the polynomial 1021, from FFFF, nothing reflected.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc: u16, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

/// The fields of a text or of a template, taken one after another.
pub(super) struct Fields<'a> {
    template: Option<u8>,
    rest: std::iter::Peekable<std::vec::IntoIter<(u8, &'a str)>>,
}

impl<'a> Fields<'a> {
    /// Reads all fields of a text, or of the value of a template.
    pub(super) fn read(text: &'a str, template: Option<u8>) -> Result<Self, EmvError> {
        let mut fields = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (id, after_id) = two_digits(rest).ok_or(EmvError::BadId)?;
            let field = EmvField { template, id };
            if fields.iter().any(|(other, _)| *other == id) {
                return Err(EmvError::Duplicate(field));
            }
            let (length, after_length) = two_digits(after_id).ok_or(EmvError::BadLength(field))?;
            if length == 0 {
                return Err(EmvError::BadLength(field));
            }
            let (value, after_value) = split_at_char(after_length, length).ok_or(EmvError::Cut(field))?;
            fields.push((id, value));
            rest = after_value;
        }
        Ok(Self { template, rest: fields.into_iter().peekable() })
    }

    /// The next field's value, if it is the field of this id.
    pub(super) fn take(&mut self, id: u8) -> Option<&'a str> {
        self.rest.next_if(|(next, _)| *next == id).map(|(_, value)| value)
    }

    /// The value of the field of this id, which must be the next.
    pub(super) fn need(&mut self, id: u8) -> Result<&'a str, EmvError> {
        if let Some(value) = self.take(id) {
            return Ok(value);
        }
        let is_later = self.rest.clone().any(|(later, _)| later == id);
        Err(match self.peek().filter(|_| is_later) {
            Some(next) => EmvError::Unexpected(EmvField { template: self.template, id: next }),
            None => EmvError::Missing(EmvField { template: self.template, id }),
        })
    }

    /// The next field, whichever it is.
    pub(super) fn any(&mut self) -> Option<(u8, &'a str)> {
        self.rest.next()
    }

    /// The id of the next field.
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.rest.peek().map(|(id, _)| *id)
    }

    /// Checks that nothing is left.
    pub(super) fn end(mut self) -> Result<(), EmvError> {
        match self.any() {
            Some((id, _)) => Err(EmvError::Unexpected(EmvField { template: self.template, id })),
            None => Ok(()),
        }
    }
}

fn two_digits(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { Some((digits.parse().ok()?, rest)) } else { None }
}

fn split_at_char(text: &str, length: u8) -> Option<(&str, &str)> {
    let length = usize::from(length);
    match text.char_indices().nth(length) {
        Some((at, _)) => text.split_at_checked(at),
        None if text.chars().count() == length => Some((text, "")),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that EMVCo published with QRCPS 1.0: a language template whose lengths count characters.
    const PUBLISHED: &str = "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN\
        5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A6008667\
        0902ME91320016A0112233449988770708123456786304A13A";

    fn at(template: Option<u8>, id: u8) -> EmvField {
        EmvField { template, id }
    }

    #[test]
    fn the_checksum_is_the_one_that_is_meant() {
        assert_eq!(crc(b"123456789"), 0x29B1);
        assert_eq!(crc(b""), 0xFFFF);
        let mut text = String::new();
        push(&mut text, 0, "01");
        push_checksum(&mut text);
        assert_eq!(check_checksum(&text), Ok(()));
        for bad in ["", "63", "6304", "00020163051D0F", "0002016304 1D0", "00020163041d0f", "最佳运输最"]
        {
            assert_eq!(check_checksum(bad), Err(EmvError::NoChecksum), "{bad}");
        }
        assert_eq!(check_checksum("00020163040000"), Err(EmvError::Checksum));
    }

    #[test]
    fn the_published_example_reads() {
        assert_eq!(check_checksum(PUBLISHED), Ok(()));
        let mut fields = Fields::read(PUBLISHED, None).unwrap();
        let read: Vec<_> = std::iter::from_fn(|| fields.any()).collect();
        let value = |id| read.iter().find(|(other, _)| *other == id).map(|(_, value)| *value).unwrap();
        assert_eq!((value(59), value(54), value(53)), ("BEST TRANSPORT", "23.72", "156"));
        let mut local = Fields::read(value(64), Some(64)).unwrap();
        assert_eq!((local.need(0), local.need(1), local.need(2)), (Ok("ZH"), Ok("最佳运输"), Ok("北京")));
        assert_eq!(local.end(), Ok(()));
    }

    #[test]
    fn what_is_no_row_of_fields_is_refused() {
        use EmvError::{BadId, BadLength, Cut, Duplicate};
        let cases = [
            ("0", BadId),
            ("x00201", BadId),
            ("+10201", BadId),
            ("最佳", BadId),
            ("0002015", BadId),
            ("00", BadLength(at(None, 0))),
            ("000", BadLength(at(None, 0))),
            ("00+1x", BadLength(at(None, 0))),
            ("0000", BadLength(at(None, 0))),
            ("00最", BadLength(at(None, 0))),
            ("5402", Cut(at(None, 54))),
            ("540212540", Duplicate(at(None, 54))),
            ("5404123", Cut(at(None, 54))),
            ("5404最佳运", Cut(at(None, 54))),
            ("000201000201", Duplicate(at(None, 0))),
            ("00020159011590115", Duplicate(at(None, 59))),
        ];
        for (text, expected) in cases {
            assert_eq!(Fields::read(text, None).err(), Some(expected), "{text}");
        }
        assert_eq!(Fields::read("0102x", Some(62)).err(), Some(Cut(at(Some(62), 1))));
        assert_eq!(
            Cut(at(Some(62), 1)).to_string().split(" is ").next(),
            Some("the EMV barcode's field 62.01")
        );
    }

    #[test]
    fn fields_are_taken_in_order() {
        let mut fields = Fields::read("000201010211", None).unwrap();
        assert_eq!((fields.take(1), fields.peek()), (None, Some(0)));
        assert_eq!(fields.need(1), Err(EmvError::Unexpected(at(None, 0))));
        assert_eq!(fields.need(2), Err(EmvError::Missing(at(None, 2))));
        assert_eq!(fields.need(0), Ok("01"));
        assert_eq!(fields.end(), Err(EmvError::Unexpected(at(None, 1))));
    }
}
