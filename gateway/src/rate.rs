//! Rates as people write them, in major units, and as the ledger has them, in minor units. Exact both ways: no number here
//! is a float.

use quittance_ledger::Rate;

/// The most digits of a rate.
const MAX_DIGITS: usize = 18;

/// The most decimals that a rate is shown with. One that was written in decimals never needs as many.
const MAX_SHOWN_DECIMALS: u32 = 36;

/// Why a text is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RateError {
    /// Not digits, with a full stop between them or not.
    #[error("not a decimal number: write digits, such as 162.35")]
    NotDecimal,
    /// More digits than are read.
    #[error("too long: send at most {MAX_DIGITS} digits")]
    TooLong,
    /// Nothing is given.
    #[error("zero: send what is given for one unit")]
    Zero,
    /// With the decimals of the currencies it is no fraction of two numbers of 64 bits.
    #[error("too many digits for these currencies: send fewer")]
    OutOfRange,
}

/// Reads how many major units of one currency are given for a major unit of another, whose exponents these are. Gives the
/// fraction in minor units, in its lowest terms.
pub(crate) fn parse(text: &str, from_exponent: u8, to_exponent: u8) -> Result<(u64, u64), RateError> {
    let (whole, decimals) = match text.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (text, None),
    };
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let has_extra_zero = whole.len() > 1 && whole.starts_with('0');
    if !is_digits(whole) || has_extra_zero || decimals.is_some_and(|decimals| !is_digits(decimals)) {
        return Err(RateError::NotDecimal);
    }
    let decimals = decimals.unwrap_or_default();
    if whole.len().saturating_add(decimals.len()) > MAX_DIGITS {
        return Err(RateError::TooLong);
    }
    let digits: u128 = format!("{whole}{decimals}").parse().map_err(|_| RateError::NotDecimal)?;
    if digits == 0 {
        return Err(RateError::Zero);
    }
    let scale = decimals.len().saturating_add(usize::from(from_exponent));
    let scale = u32::try_from(scale).map_err(|_| RateError::OutOfRange)?;
    let numerator = power_of_ten(u32::from(to_exponent)).and_then(|power| power.checked_mul(digits));
    let (numerator, denominator) = numerator.zip(power_of_ten(scale)).ok_or(RateError::OutOfRange)?;
    let common = greatest_common_divisor(numerator, denominator);
    let reduced = |number: u128| {
        let number = number.checked_div(common).and_then(|number| u64::try_from(number).ok());
        number.ok_or(RateError::OutOfRange)
    };
    Ok((reduced(numerator)?, reduced(denominator)?))
}

/// The rate in major units, as [`parse`] reads it. One that no decimal number is, is cut off.
pub(crate) fn decimal(rate: &Rate, from_exponent: u8, to_exponent: u8) -> String {
    let scaled = |number: u64, exponent: u8| {
        power_of_ten(u32::from(exponent)).and_then(|power| power.checked_mul(u128::from(number)))
    };
    let given = scaled(rate.numerator, from_exponent).unwrap_or(u128::MAX);
    let taken = scaled(rate.denominator, to_exponent).unwrap_or(u128::MAX).max(1);
    let (mut text, mut rest) = ((given / taken).to_string(), given % taken);
    for place in 0..MAX_SHOWN_DECIMALS {
        if rest == 0 {
            break;
        }
        if place == 0 {
            text.push('.');
        }
        let tenfold = rest.saturating_mul(10);
        text.push_str(&(tenfold / taken).to_string());
        rest = tenfold % taken;
    }
    text
}

const fn power_of_ten(exponent: u32) -> Option<u128> {
    10_u128.checked_pow(exponent)
}

const fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    if a == 0 { 1 } else { a }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quittance_ledger::WalletId;

    use super::*;

    fn rate((numerator, denominator): (u64, u64)) -> Rate {
        Rate {
            from: "EUR".parse().unwrap(),
            to: "JPY".parse().unwrap(),
            numerator,
            denominator,
            taker: WalletId::from_bytes([1; 16]).unwrap(),
            giver: WalletId::from_bytes([2; 16]).unwrap(),
            quote_lifetime_ms: 30_000,
        }
    }

    #[test]
    fn a_rate_is_a_fraction_of_minor_units() {
        for (text, from, to, numerator, denominator) in [
            // 1 EUR = 162.35 JPY: for 2,000 cents 3,247 yen.
            ("162.35", 2, 0, 3_247, 2_000),
            ("1", 2, 2, 1, 1),
            ("1.0850", 2, 2, 217, 200),
            ("0.00615953", 0, 2, 615_953, 1_000_000),
            ("0.00000000000000001", 0, 0, 1, 100_000_000_000_000_000),
            ("999999999999999999", 12, 12, 999_999_999_999_999_999, 1),
        ] {
            assert_eq!(parse(text, from, to), Ok((numerator, denominator)), "{text}");
        }
    }

    #[test]
    fn a_rate_is_read_strictly() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "01", "1.5.0", " 1", "١", "0x1", "NaN"] {
            assert_eq!(parse(text, 2, 2), Err(RateError::NotDecimal), "{text}");
        }
        assert_eq!(parse("0", 2, 2), Err(RateError::Zero));
        assert_eq!(parse("0.000", 2, 2), Err(RateError::Zero));
        assert_eq!(parse("1234567890.123456789", 2, 2), Err(RateError::TooLong));
        assert_eq!(parse("0.00000000000000001", 12, 0), Err(RateError::OutOfRange));
        assert_eq!(parse("999999999999999999", 0, 12), Err(RateError::OutOfRange));
    }

    proptest! {
        #[test]
        fn a_rate_is_shown_as_it_was_read(
            digits in 1_u64..1_000_000_000, scale in 0_usize..10, from in 0_u8..=4, to in 0_u8..=4,
        ) {
            let digits = format!("{digits:0width$}", width = scale + 1);
            let (whole, decimals) = digits.split_at(digits.len() - scale);
            let decimals = decimals.trim_end_matches('0');
            let text = if decimals.is_empty() { whole.to_owned() } else { format!("{whole}.{decimals}") };
            let read = parse(&text, from, to).unwrap();
            prop_assert_eq!(decimal(&rate(read), from, to), text);
        }
    }
}
