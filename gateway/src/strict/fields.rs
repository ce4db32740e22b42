//! Members of bodies that need more care than their type's own reader takes.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use quittance_engine::Pin;
use quittance_ledger::{Amount, AmountError, MAX_LEGS, Signature, Timestamp};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

struct AmountVisitor;

impl AmountVisitor {
    const WHOLE: &str = "send the count of minor units, such as 1250 for 12.50 EUR";
}

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of minor units")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Amount, E> {
        Amount::new(number).map_err(|error| match error {
            AmountError::Zero => E::custom(format_args!("{error}: leave it out or send more")),
            AmountError::TooLarge => E::custom(format_args!("{error}: send less")),
        })
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Amount, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::custom(format_args!("an amount can't be negative: {}", Self::WHOLE))),
        }
    }

    /// Where a number has a fraction or an exponent, or more digits than fit.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Amount, E> {
        // The largest amount, as a float: exact.
        const BEYOND: f64 = 9_007_199_254_740_992.0;
        if number.is_sign_negative() {
            Err(E::custom(format_args!("an amount can't be negative: {}", Self::WHOLE)))
        } else if number >= BEYOND {
            self.visit_u64(u64::MAX)
        } else {
            Err(E::custom(format_args!(
                "an amount is written without a fraction or an exponent: {}",
                Self::WHOLE
            )))
        }
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Amount, E> {
        Err(E::custom("an amount is a number and not a string: take the quotes away"))
    }

    fn visit_unit<E: Error>(self) -> Result<Amount, E> {
        Err(E::custom(format_args!("an amount is a number and not null: {}", Self::WHOLE)))
    }
}

/// An amount that must be there.
pub(crate) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    deserializer.deserialize_any(AmountVisitor)
}

struct Optional<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Optional<V> {
    type Value = Option<V::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self.0).map(Some)
    }
}

/// An amount that may be missing or null.
pub(crate) fn optional_amount<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Amount>, D::Error> {
    deserializer.deserialize_option(Optional(AmountVisitor))
}

/// An amount in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedAmount(pub(crate) Amount);

impl<'de> Deserialize<'de> for ListedAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        amount(deserializer).map(Self)
    }
}

struct LegVisitor;

impl LegVisitor {
    fn beyond<E: Error>() -> E {
        let last = MAX_LEGS.saturating_sub(1);
        E::custom(format_args!("no transfer has a leg of that number: send 0 to {last}"))
    }
}

impl Visitor<'_> for LegVisitor {
    type Value = u8;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number of a leg")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u8, E> {
        let number = u8::try_from(number).ok().filter(|number| usize::from(*number) < MAX_LEGS);
        number.ok_or_else(Self::beyond)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<u8, E> {
        Err(Self::beyond())
    }
}

/// The number of a leg that may be missing or null.
pub(crate) fn optional_leg<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    deserializer.deserialize_option(Optional(LegVisitor))
}

struct InstantVisitor;

impl Visitor<'_> for InstantVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an instant such as 2026-11-24T11:30:00.000Z")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        read_instant(text).ok_or_else(|| {
            E::custom("not an instant in UTC: write it as RFC 3339 does, such as 2026-11-24T11:30:00.000Z")
        })
    }
}

/// The one spelling that answers have, and the same without milliseconds.
fn read_instant(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    let is_canonical = text == format!("{instant:.3}") || text == format!("{instant:.0}");
    let millis = u64::try_from(instant.as_millisecond()).ok()?;
    is_canonical.then(|| Timestamp::from_millis(millis))
}

/// An instant that must be there.
pub(crate) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    deserializer.deserialize_any(InstantVisitor)
}

/// An instant that may be missing or null.
pub(crate) fn optional_instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    deserializer.deserialize_option(Optional(InstantVisitor))
}

/// A text that is read without a word of it in any message.
fn secret<'de, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<std::borrow::Cow<'de, str>, D::Error> {
    std::borrow::Cow::<'de, str>::deserialize(deserializer)
        .map_err(|_| D::Error::invalid_type(Unexpected::Other("another kind"), &expected))
}

/// A PIN. No message of this function holds any of it.
pub(crate) fn pin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pin, D::Error> {
    let text = secret(deserializer, "a PIN as a string of digits")?;
    text.parse().map_err(|error| D::Error::custom(format_args!("{error}: send it as a string of digits")))
}

/// A PIN that may be missing or null.
pub(crate) fn optional_pin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pin>, D::Error> {
    struct Given(Pin);

    impl<'de> Deserialize<'de> for Given {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            pin(deserializer).map(Self)
        }
    }

    Ok(Option::<Given>::deserialize(deserializer)?.map(|Given(pin)| pin))
}

/// A device's signature. No message of this function holds any of it.
pub(crate) fn signature<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Signature, D::Error> {
    const EXPECTED: &str = "a signature of 64 bytes in base64url without padding";
    let text = secret(deserializer, EXPECTED)?;
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Signature).ok_or_else(|| D::Error::custom(format_args!("not a signature: send {EXPECTED}")))
}

/// A device's signature that may be missing or null.
pub(crate) fn optional_signature<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Signature>, D::Error> {
    struct Given(Signature);

    impl<'de> Deserialize<'de> for Given {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            signature(deserializer).map(Self)
        }
    }

    Ok(Option::<Given>::deserialize(deserializer)?.map(|Given(signature)| signature))
}
