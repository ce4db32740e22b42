//! Objects and lists within a body. serde would also take a list for an object.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A member that is an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<T>(pub(crate) T);

/// A member that is a list of at most so many.
#[derive(Clone, Debug)]
pub(crate) struct List<T, const MAX: usize>(pub(crate) Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object with the members that the route names")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
            type Value = List<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a JSON list of at most {MAX}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut given: A) -> Result<List<T, MAX>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = given.next_element()? {
                    if items.len() >= MAX {
                        return Err(A::Error::custom(format_args!(
                            "the list is too long: send at most {MAX}"
                        )));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;
    use http::{HeaderMap, HeaderValue};
    use quittance_ledger::{Amount, Signature};
    use serde::Deserialize;

    use super::*;
    use crate::problem::Problem;
    use crate::strict::{ListedAmount, amount, optional_pin, optional_signature, read_json};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only how it is read is of interest")]
    struct Outer {
        one: Option<Object<Inner>>,
        many: Option<List<Object<Inner>, 2>>,
        amounts: Option<List<ListedAmount, 2>>,
        #[serde(default, deserialize_with = "optional_signature")]
        signature: Option<Signature>,
        #[serde(default, deserialize_with = "optional_pin")]
        pin: Option<quittance_engine::Pin>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only how it is read is of interest")]
    struct Inner {
        #[serde(deserialize_with = "amount")]
        amount: Amount,
    }

    fn read(text: &str) -> Result<Outer, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        read_json(&headers, text.as_bytes(), &["one", "many", "amounts"])
    }

    #[test]
    fn what_is_within_is_read_as_strictly_as_the_body() {
        assert!(read(r#"{"one":{"amount":1},"many":[{"amount":1},{"amount":2}],"amounts":[]}"#).is_ok());
        assert!(read(r#"{"one":null,"many":null,"amounts":null,"signature":null,"pin":null}"#).is_ok());
        for (text, slug, field) in [
            (r#"{"one":[1]}"#, "field-invalid", "/one"),
            (r#"{"one":1}"#, "field-invalid", "/one"),
            (r#"{"one":{}}"#, "field-missing", "/one/amount"),
            (r#"{"one":{"amount":1,"amount":1}}"#, "field-repeated", "/one/amount"),
            (r#"{"one":{"amount":{"a":1}}}"#, "field-invalid", "/one/amount"),
            (r#"{"one":{"amount":1,"x":{}}}"#, "field-unknown", "/one/x"),
            (r#"{"many":{"amount":1}}"#, "field-invalid", "/many"),
            (r#"{"many":[{"amount":1},[1]]}"#, "field-invalid", "/many/1"),
            (r#"{"many":[{"amount":1},{"amount":0}]}"#, "field-invalid", "/many/1/amount"),
            (r#"{"many":[{"amount":1},{"amount":1},{"amount":1}]}"#, "field-invalid", "/many"),
            (r#"{"amounts":[1,1.5]}"#, "field-invalid", "/amounts/1"),
            (r#"{"pin":{"a":1}}"#, "field-invalid", "/pin"),
            (r#"{"signature":[1]}"#, "field-invalid", "/signature"),
        ] {
            let problem = read(text).unwrap_err();
            assert_eq!((problem.slug(), problem.field()), (slug, Some(field)), "{text}: {problem:?}");
        }
    }

    #[test]
    fn neither_pin_nor_signature_is_said_back() {
        let good = format!("{}A", "sECRET".repeat(14) + "A");
        let read_good = read(&format!(r#"{{"signature":"{good}","pin":"987654"}}"#)).unwrap();
        let shown = format!("{read_good:?}");
        assert!(!shown.contains("sECRET") && !shown.contains("9876"), "{shown}");
        for text in [
            r#"{"signature":"sECRET"}"#.to_owned(),
            format!(r#"{{"signature":"{good}="}}"#),
            r#"{"signature":987654}"#.to_owned(),
            r#"{"pin":987654}"#.to_owned(),
            r#"{"pin":"9876sECRET"}"#.to_owned(),
        ] {
            let problem = format!("{:?}", read(&text).unwrap_err());
            assert!(!problem.contains("sECRET") && !problem.contains("9876"), "{text}: {problem}");
        }
    }
}
