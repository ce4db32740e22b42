//! Names of things. Each kind of id is a type of its own, so that a wallet can't stand where an account should.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::spelt::spelt;
use crate::time::Timestamp;

/// Why a text or a number is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not a UUID in its canonical form.
    #[error("not a UUID in lower-case hyphenated form")]
    NotAUuid,
    /// The UUID's version is not the one this kind of id must have.
    #[error("not a time-ordered id: a UUID of version 7 (RFC 9562, section 5.7) is needed")]
    NotTimeOrdered,
}

struct SixteenBytes;

impl serde::de::Visitor<'_> for SixteenBytes {
    type Value = [u8; 16];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sixteen bytes of an id")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<[u8; 16], E> {
        bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            // In the order in which ids compare. Two halves, because a whole would want sixteen bytes beside it where it may
            // be absent, and there are many ids in a transfer.
            upper: u64,
            lower: u64,
        }

        impl $name {
            const fn new(number: u128) -> Self {
                Self { upper: (number >> 64) as u64, lower: number as u64 }
            }

            const fn number(self) -> u128 {
                ((self.upper as u128) << 64) | self.lower as u128
            }

            /// The id of these sixteen bytes, most significant first.
            ///
            /// # Errors
            /// Where this kind of id asks for a UUID version and the bytes have another.
            pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, IdError> {
                let check: fn(Uuid) -> Result<(), IdError> = $check;
                check(Uuid::from_bytes(bytes))?;
                Ok(Self::new(u128::from_be_bytes(bytes)))
            }

            /// The sixteen bytes, most significant first.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.number().to_be_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Uuid::from_u128(self.number()).hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Only the canonical spelling is read: one id, one text.
            fn from_str(text: &str) -> Result<Self, IdError> {
                // Of that length it has hyphens and nothing around it.
                let is_canonical = text.len() == Hyphenated::LENGTH
                    && !text.bytes().any(|byte| byte.is_ascii_uppercase());
                let uuid = Uuid::try_parse(text).ok().filter(|_| is_canonical).ok_or(IdError::NotAUuid)?;
                Self::from_bytes(uuid.into_bytes())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    let mut text = Uuid::encode_buffer();
                    serializer.serialize_str(Uuid::from_u128(self.number()).hyphenated().encode_lower(&mut text))
                } else {
                    // One copy of sixteen bytes, where an array would be written byte by byte.
                    serializer.serialize_bytes(&self.to_bytes())
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    spelt(deserializer)
                } else {
                    let bytes = deserializer.deserialize_bytes(SixteenBytes)?;
                    Self::from_bytes(bytes).map_err(serde::de::Error::custom)
                }
            }
        }
    };
}

fn any_version(_: Uuid) -> Result<(), IdError> {
    Ok(())
}

fn time_ordered(uuid: Uuid) -> Result<(), IdError> {
    let is_rfc_variant = uuid.get_variant() == uuid::Variant::RFC4122;
    if is_rfc_variant && uuid.get_version_num() == 7 { Ok(()) } else { Err(IdError::NotTimeOrdered) }
}

id!(
    /// An account: a person or business known to the server.
    AccountId,
    any_version
);
id!(
    /// A wallet: a virtual repository of units in one currency.
    WalletId,
    any_version
);
id!(
    /// A device, named by its public key: see [`crate::DeviceKey::device_id`].
    DeviceId,
    any_version
);
id!(
    /// A transfer, named by whoever asks for it. Time-ordered, so that a window of time is a range of ids.
    TransferId,
    time_ordered
);
id!(
    /// A payment request, named by the server or by the till that made it. Time-ordered.
    PaymentRequestId,
    time_ordered
);

impl WalletId {
    /// None is before it: where to begin with wallets in order.
    pub const FIRST: Self = Self::new(0);
}

impl DeviceId {
    pub(crate) const fn from_uuid(uuid: Uuid) -> Self {
        Self::new(uuid.as_u128())
    }
}

/// The millisecond that a time-ordered id begins with (RFC 9562, section 5.7: the first 48 bits).
const fn millis_of(id: [u8; 16]) -> Timestamp {
    let [a, b, c, d, e, f, ..] = id;
    Timestamp::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

impl PaymentRequestId {
    /// The millisecond in which the id says it was made.
    #[must_use]
    pub const fn made_at(self) -> Timestamp {
        millis_of(self.to_bytes())
    }
}

impl TransferId {
    /// The millisecond in which the id says it was made.
    #[must_use]
    pub const fn made_at(self) -> Timestamp {
        millis_of(self.to_bytes())
    }

    /// The least id, of any version, that could have been made at `at`.
    #[cfg(test)]
    pub(crate) const fn first_at(at: Timestamp) -> Self {
        let [_, _, a, b, c, d, e, f] = at.as_millis().to_be_bytes();
        Self::new(u128::from_be_bytes([a, b, c, d, e, f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V7: &str = "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b";

    #[test]
    fn an_id_has_one_spelling() {
        let id: TransferId = V7.parse().unwrap();
        assert_eq!(id.to_string(), V7);
        for other in [
            V7.to_uppercase(),
            V7.replace('-', ""),
            format!("{{{V7}}}"),
            format!("urn:uuid:{V7}"),
            format!("{V7} "),
            String::new(),
        ] {
            assert_eq!(other.parse::<TransferId>(), Err(IdError::NotAUuid), "{other:?}");
        }
    }

    #[test]
    fn a_transfer_id_is_time_ordered() {
        let v4 = "0193a2b4-0c5d-4e6f-8a9b-0c1d2e3f4a5b";
        assert_eq!(v4.parse::<TransferId>(), Err(IdError::NotTimeOrdered));
        assert!(v4.parse::<WalletId>().is_ok());
        let id: TransferId = V7.parse().unwrap();
        assert_eq!(id.made_at().as_millis(), 0x0193_a2b4_0c5d);
        assert!(TransferId::first_at(id.made_at()) <= id);
        assert!(TransferId::first_at(id.made_at().plus_millis(1)) > id);
    }

    #[test]
    fn json_shows_the_canonical_text() {
        let id: WalletId = V7.parse().unwrap();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{V7}\""));
        assert_eq!(serde_json::from_str::<WalletId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<WalletId>("17").is_err());
    }
}
