//! PINs in plain text, for as long as it takes to judge them.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;
use zeroize::Zeroize;

const MIN_PIN_DIGITS: usize = 4;
const MAX_PIN_DIGITS: usize = 12;

/// Why a text is not a PIN. Does not hold the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PIN is {MIN_PIN_DIGITS} to {MAX_PIN_DIGITS} digits")]
pub struct PinError;

/// A PIN. Never printed, and wiped from memory when it is dropped.
pub struct Pin(ArrayString<MAX_PIN_DIGITS>);

impl Pin {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let is_good = text.len() >= MIN_PIN_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_good { ArrayString::from(text).map(Self).map_err(|_| PinError) } else { Err(PinError) }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.as_mut_str().zeroize();
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_four_to_twelve_digits_and_never_shown() {
        for good in ["0000", "123456789012"] {
            assert_eq!(format!("{:?}", good.parse::<Pin>().unwrap()), "Pin(..)");
        }
        for bad in ["", "123", "1234567890123", "12a4", "１２３４", "12 4", "-123"] {
            assert!(bad.parse::<Pin>().is_err(), "{bad:?}");
        }
    }
}
