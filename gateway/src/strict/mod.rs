//! Reading what clients send, strictly: what is not known, comes twice or can't be is refused and named.
//!
//! It must not know what the things are for: only how they are spelt.

mod fields;
mod json;
mod nested;
mod path;
mod query;

pub(crate) use fields::{
    ListedAmount, amount, instant, optional_amount, optional_instant, optional_leg, optional_pin,
    optional_signature, pin, signature,
};
pub(crate) use json::{is_media_type, read_json};
pub(crate) use nested::{List, Object};
pub(crate) use path::PathIds;
pub(crate) use query::read_query;

/// What serde says was wrong, told apart by the words it says it with.
enum Fault {
    Missing(String),
    Unknown(String),
    Repeated(String),
    Invalid(String),
}

impl Fault {
    /// `message` is serde's. What it quotes of a value is left out: it may be a PIN.
    fn read(message: &str) -> Self {
        let quoted = |prefix: &str| {
            message.strip_prefix(prefix).and_then(|rest| rest.split('`').nth(1)).map(ToOwned::to_owned)
        };
        if let Some(name) = quoted("missing field ") {
            return Self::Missing(name);
        }
        if let Some(name) = quoted("unknown field ") {
            return Self::Unknown(name);
        }
        if let Some(name) = quoted("duplicate field ") {
            return Self::Repeated(name);
        }
        let quotes_a_value = ["invalid type", "invalid value", "invalid length", "unknown variant"]
            .iter()
            .any(|prefix| message.starts_with(prefix));
        match message.rsplit_once(", expected ") {
            Some((_, words)) if message.starts_with("unknown variant") => {
                let words = words.trim_start_matches("one of ").replace(" or ", ", ");
                Self::Invalid(format!("it is none of {words}: send one of them"))
            }
            Some((_, expected)) if quotes_a_value => {
                Self::Invalid(format!("it is of another kind: send {}", in_words(expected)))
            }
            _ if quotes_a_value => Self::Invalid("it is of another kind".to_owned()),
            _ => Self::Invalid(message.to_owned()),
        }
    }
}

/// What serde expects of a number it says by the name of our type, which is nothing to a client.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number from 0",
        other => other,
    }
}
