//! Short texts that people read: names, references, descriptions.
//!
//! They are checked once, where they enter, so that no later place can show a text that lies about itself:
//! no control characters, no invisible ones, none that turn the direction of writing.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::spelt::spelt;

/// Why a text may not stand in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing to read.
    #[error("the text is empty: leave the field out, or write something")]
    Empty,
    /// Beyond the bytes of UTF-8 the field has room for.
    #[error("the text is longer than {max_bytes} bytes of UTF-8")]
    TooLong {
        /// The most bytes that fit.
        max_bytes: usize,
    },
    /// A character that shows nothing, or that changes how others are shown.
    #[error("the text has U+{0:04X}, a control or invisible character: take it out")]
    Unprintable(u32),
    /// White space at an end, which nobody sees and which makes two texts look like one.
    #[error("the text begins or ends with white space: take it off")]
    Untrimmed,
}

/// A printable text of 1 to `MAX` bytes of UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(ArrayString<MAX>);

/// What an account, a device or a wallet is called.
pub type Name = Text<40>;

/// What ties a payment to the payee's books, such as an order number. As long as an ISO 20022 end-to-end id.
pub type Reference = Text<35>;

/// What a payment is for. As long as one line of ISO 20022 remittance information.
pub type Description = Text<140>;

impl<const MAX: usize> Text<MAX> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character shows itself, and only itself: no controls, no format characters (which include those
/// that turn the direction of writing), no separators but the plain space, no private or unassigned plane.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202F}' | '\u{205F}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFF}'
            | '\u{E000}'..='\u{F8FF}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{10FFFF}')
}

impl<const MAX: usize> FromStr for Text<MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        let held = ArrayString::from(text).map_err(|_| TextError::TooLong { max_bytes: MAX })?;
        if let Some(bad) = text.chars().find(|c| !is_printable(*c)) {
            return Err(TextError::Unprintable(u32::from(bad)));
        }
        if text.trim() != text {
            return Err(TextError::Untrimmed);
        }
        Ok(Self(held))
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        spelt(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_shows_what_it_says() {
        for good in ["Café Zentral", "Bäckerei № 7", "喫茶店", "INV-2026/11", "a b"] {
            assert_eq!(good.parse::<Name>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        assert_eq!("".parse::<Name>(), Err(TextError::Empty));
        assert_eq!(" a".parse::<Name>(), Err(TextError::Untrimmed));
        assert_eq!("x".repeat(41).parse::<Name>(), Err(TextError::TooLong { max_bytes: 40 }));
        for bad in [
            "a\u{202E}b",
            "a\nb",
            "a\u{1b}[31mb",
            "a\u{200B}b",
            "a\u{FEFF}b",
            "a\0b",
            "a\u{2028}b",
            "a\u{E0041}b",
        ] {
            assert!(matches!(bad.parse::<Name>(), Err(TextError::Unprintable(_))), "{bad:?}");
        }
    }
}
