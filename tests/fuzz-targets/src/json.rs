//! Bodies in JSON, as the routes that move units read them.

use std::collections::HashSet;
use std::fmt;

use quittance_gateway::fuzzing::{BODIES, read_body};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The first byte says which route's. What is taken is one JSON object, in which no member comes twice; what is not is told as
/// something of the client's.
pub(crate) fn run(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    match read_body(*which % BODIES, body) {
        Ok(()) => {
            serde_json::from_slice::<Unique>(body).unwrap();
            assert_eq!(body.trim_ascii().first(), Some(&b'{'));
        }
        Err((status, detail, mend)) => {
            assert!((400..=422).contains(&status), "{status}: {detail}");
            assert!(!mend.is_empty() && detail.len() <= 4 * body.len() + 1_024, "{detail}");
            assert!(!detail.chars().chain(mend.chars()).any(char::is_control), "{detail:?}");
        }
    }
}

/// Any JSON in which no object has a member twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
                let mut names = HashSet::new();
                while let Some(name) = members.next_key::<String>()? {
                    if !names.insert(name) {
                        return Err(A::Error::custom("a member came twice"));
                    }
                    members.next_value::<Unique>()?;
                }
                Ok(Unique)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
                while items.next_element::<Unique>()?.is_some() {}
                Ok(Unique)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
                Ok(Unique)
            }

            fn visit_unit<E>(self) -> Result<Unique, E> {
                Ok(Unique)
            }
        }

        deserializer.deserialize_any(Any)
    }
}
