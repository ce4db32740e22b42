//! Amounts and currencies. Money is a whole count of minor units; there is no fraction and no float anywhere.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::spelt::spelt;

/// The largest amount of one transfer, in minor units: the largest integer that every JSON reader keeps exact
/// (RFC 8259, section 6).
pub const MAX_AMOUNT: u64 = (1 << 53) - 1;

/// The largest exponent a currency may have: 10^15 minor units are still below [`MAX_AMOUNT`].
pub const MAX_EXPONENT: u8 = 12;

/// Why a number is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Nothing would move.
    #[error("an amount is at least 1 minor unit")]
    Zero,
    /// Beyond [`MAX_AMOUNT`].
    #[error("an amount is at most {MAX_AMOUNT} minor units")]
    TooLarge,
}

/// A count of minor units that moves: from 1 to [`MAX_AMOUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

impl Amount {
    /// An amount of this many minor units.
    ///
    /// # Errors
    /// Zero, or more than [`MAX_AMOUNT`].
    pub const fn new(minor_units: u64) -> Result<Self, AmountError> {
        match minor_units {
            0 => Err(AmountError::Zero),
            1..=MAX_AMOUNT => Ok(Self(minor_units)),
            _ => Err(AmountError::TooLarge),
        }
    }

    /// The count of minor units.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The count as a signed number, to add to a balance or take from it.
    #[must_use]
    pub(crate) const fn signed(self) -> i64 {
        // MAX_AMOUNT is below i64::MAX, so nothing is cut.
        self.0.cast_signed()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Why a text is not a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CurrencyError {
    /// Neither three letters of ISO 4217 nor a private code.
    #[error(
        "not a currency: use an ISO 4217 code such as EUR, or a private one: X- and 2 to 9 of A-Z and 0-9, such as X-POINTS"
    )]
    Unknown,
    /// A private currency was named without saying how many decimals it has.
    #[error(
        "a private currency needs an exponent from 0 to {MAX_EXPONENT}: how many decimals its major unit has"
    )]
    ExponentMissing,
    /// An exponent beyond [`MAX_EXPONENT`].
    #[error("an exponent is from 0 to {MAX_EXPONENT}")]
    ExponentTooLarge,
    /// An ISO currency was given another exponent than the standard's.
    #[error("ISO 4217 gives this currency the exponent {0}: leave the exponent out, or give that one")]
    ExponentDiffers(u8),
}

const MAX_CODE_BYTES: usize = 11;

/// A currency's code: of ISO 4217 (`EUR`), or private (`X-POINTS`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CurrencyCode(ArrayString<MAX_CODE_BYTES>);

impl CurrencyCode {
    /// The code as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the code is outside ISO 4217, so that its exponent is the operator's to say.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.0.starts_with("X-")
    }

    /// The three-digit code of ISO 4217; none of a private currency.
    #[must_use]
    pub fn numeric(&self) -> Option<u16> {
        iso_currency::Currency::from_code(&self.0).map(iso_currency::Currency::numeric)
    }

    fn iso_exponent(&self) -> Option<u8> {
        let currency = iso_currency::Currency::from_code(&self.0)?;
        u8::try_from(currency.exponent()?).ok()
    }
}

impl FromStr for CurrencyCode {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let code = Self(ArrayString::from(text).map_err(|_| CurrencyError::Unknown)?);
        if let Some(private) = text.strip_prefix("X-") {
            let has_good_length = (2..=9).contains(&private.len());
            let has_good_letters =
                private.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            return if has_good_length && has_good_letters { Ok(code) } else { Err(CurrencyError::Unknown) };
        }
        // Codes without a minor unit, such as those of metals and of testing, are no money here.
        if code.iso_exponent().is_some() { Ok(code) } else { Err(CurrencyError::Unknown) }
    }
}

impl fmt::Display for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CurrencyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CurrencyCode({self})")
    }
}

impl Serialize for CurrencyCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CurrencyCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        spelt(deserializer)
    }
}

/// A currency: its code, and how many decimals its major unit has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Currency {
    code: CurrencyCode,
    exponent: u8,
}

impl Currency {
    /// A currency of this code. The exponent of an ISO currency comes from the standard's table; a private one's
    /// must be given.
    ///
    /// # Errors
    /// A private code without an exponent, an exponent beyond [`MAX_EXPONENT`], or one that ISO 4217 contradicts.
    pub fn new(code: CurrencyCode, exponent: Option<u8>) -> Result<Self, CurrencyError> {
        let exponent = match (code.iso_exponent(), exponent) {
            (Some(iso), None) => iso,
            (Some(iso), Some(given)) if iso == given => iso,
            (Some(iso), Some(_)) => return Err(CurrencyError::ExponentDiffers(iso)),
            (None, None) => return Err(CurrencyError::ExponentMissing),
            (None, Some(given)) if given <= MAX_EXPONENT => given,
            (None, Some(_)) => return Err(CurrencyError::ExponentTooLarge),
        };
        Ok(Self { code, exponent })
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> CurrencyCode {
        self.code
    }

    /// How many decimals the major unit has: 2 for EUR, 0 for JPY.
    #[must_use]
    pub const fn exponent(&self) -> u8 {
        self.exponent
    }

    /// The amount as a person reads it: `12.50 EUR`. The decimal point is a full stop, whatever the place.
    #[must_use]
    pub fn format(&self, minor_units: i64) -> String {
        format!("{} {}", self.decimal(minor_units), self.code)
    }

    /// The amount in major units, without the code: `12.50`, with as many decimals as the currency has.
    #[must_use]
    pub fn decimal(&self, minor_units: i64) -> String {
        let digits = format!(
            "{:0width$}",
            minor_units.unsigned_abs(),
            width = usize::from(self.exponent).saturating_add(1)
        );
        let (major, minor) = digits.split_at(digits.len().saturating_sub(usize::from(self.exponent)));
        let sign = if minor_units < 0 { "-" } else { "" };
        let point = if minor.is_empty() { "" } else { "." };
        format!("{sign}{major}{point}{minor}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str, exponent: Option<u8>) -> Result<Currency, CurrencyError> {
        Currency::new(code.parse()?, exponent)
    }

    #[test]
    fn an_amount_is_from_one_to_the_largest_exact_integer() {
        assert_eq!(Amount::new(0), Err(AmountError::Zero));
        assert_eq!(Amount::new(1).map(Amount::get), Ok(1));
        assert_eq!(Amount::new(MAX_AMOUNT).map(Amount::get), Ok(9_007_199_254_740_991));
        assert_eq!(Amount::new(MAX_AMOUNT + 1), Err(AmountError::TooLarge));
        assert!(serde_json::from_str::<Amount>("1.5").is_err());
        assert!(serde_json::from_str::<Amount>("-1").is_err());
        assert!(serde_json::from_str::<Amount>("\"1\"").is_err());
    }

    #[test]
    fn exponents_come_from_the_standard_or_from_the_operator() {
        assert_eq!(currency("EUR", None).map(|c| c.exponent()), Ok(2));
        assert_eq!(currency("JPY", None).map(|c| c.exponent()), Ok(0));
        assert_eq!(currency("BHD", Some(3)).map(|c| c.exponent()), Ok(3));
        assert_eq!(currency("EUR", Some(3)), Err(CurrencyError::ExponentDiffers(2)));
        assert_eq!(currency("X-POINTS", Some(0)).map(|c| c.exponent()), Ok(0));
        let numeric = |code| currency(code, None).map(|c| c.code().numeric());
        assert_eq!((numeric("EUR"), numeric("ALL")), (Ok(Some(978)), Ok(Some(8))));
        assert_eq!(currency("X-POINTS", Some(0)).map(|c| c.code().numeric()), Ok(None));
        assert_eq!(currency("X-POINTS", None), Err(CurrencyError::ExponentMissing));
        assert_eq!(currency("X-POINTS", Some(13)), Err(CurrencyError::ExponentTooLarge));
        for bad in ["", "eur", "EURO", "ZZZ", "XAU", "XXX", "X-", "X-A", "X-points", "X-ABCDEFGHIJ"] {
            assert_eq!(currency(bad, Some(2)), Err(CurrencyError::Unknown), "{bad}");
        }
    }

    #[test]
    fn amounts_read_as_a_person_writes_them() {
        let eur = currency("EUR", None).unwrap();
        let yen = currency("JPY", None).unwrap();
        assert_eq!(eur.format(1_250), "12.50 EUR");
        assert_eq!(eur.format(5), "0.05 EUR");
        assert_eq!(eur.format(-100_000), "-1000.00 EUR");
        assert_eq!(yen.format(1_250), "1250 JPY");
        assert_eq!(yen.format(0), "0 JPY");
        assert_eq!((eur.decimal(5), yen.decimal(1_250)), ("0.05".to_owned(), "1250".to_owned()));
        assert_eq!(eur.decimal(i64::MIN), "-92233720368547758.08");
    }
}
