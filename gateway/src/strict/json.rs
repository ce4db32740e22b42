//! A JSON body.

use std::collections::BTreeMap;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::Fault;
use crate::problem::Problem;

const JSON: &str = "application/json";

const NO_OBJECT: &str = "the body is not an object: send a JSON object with the route's members";
const NOT_PLAIN: &str = "it is of another kind: send a plain value as the route names it";
const OUT_OF_RANGE: &str = "the number is out of range: send one with fewer digits";

/// Whether a header says that the body is of this media type, with whatever parameters.
pub(crate) fn is_media_type(headers: &HeaderMap, name: &HeaderName, media_type: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(media_type)
}

/// Reads a JSON body into `T`, whose members and no others must be there, each once. It is an object of plain values, but
/// for the members that `nested` names: serde would also take a list for an object, and an object for a word. Those are
/// [`Object`](super::Object)s and [`List`](super::List)s, without words of a fixed set in them.
pub(crate) fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
    nested: &[&str],
) -> Result<T, Problem> {
    if !is_media_type(headers, &CONTENT_TYPE, JSON) {
        return Err(Problem::content_type(JSON));
    }
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(match serde_json::from_slice::<IgnoredAny>(body) {
            Ok(_) => Problem::field_invalid(String::new(), NO_OBJECT),
            Err(error) => malformed(&error),
        });
    }
    // To know where a fault is costs more than the reading, so it is asked for where there is one.
    let value = serde_json::from_slice(body).or_else(|_| read_with_path(body))?;
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let is_plain =
        |name: &str, value: &RawValue| nested.contains(&name) || !value.get().starts_with(['{', '[']);
    match members.iter().find(|(name, value)| !is_plain(name, value)) {
        Some((name, _)) => Err(Problem::field_invalid(member(String::new(), name), NOT_PLAIN)),
        None => Ok(value),
    }
}

/// As `read_json`, and says of a fault in which member it is.
fn read_with_path<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let error = error.into_inner();
        match error.classify() {
            Category::Data => data_problem(pointer, &error),
            Category::Syntax | Category::Eof | Category::Io => syntax_problem(pointer, &error, body),
        }
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Two faults serde calls faults of syntax, though the body is JSON: a number that fits no type, and another kind of
/// value where it looked for a word.
fn syntax_problem(pointer: String, error: &serde_json::Error, body: &[u8]) -> Problem {
    let message = error.to_string();
    let why = if message.starts_with("number out of range") {
        OUT_OF_RANGE
    } else if message.starts_with("expected value") {
        NOT_PLAIN
    } else {
        return malformed(error);
    };
    match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => Problem::field_invalid(pointer, why),
        Err(error) => malformed(&error),
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::json_malformed(error.line(), error.column())
}

fn data_problem(pointer: String, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match Fault::read(message.strip_suffix(&place).unwrap_or(&message)) {
        Fault::Missing(name) => Problem::field_missing(member(pointer, &name)),
        // The path has the name then, and serde's message only as much of it as its quotes leave clear.
        Fault::Unknown(_) if !pointer.is_empty() => Problem::field_unknown(&pointer),
        Fault::Unknown(name) => Problem::field_unknown(&member(pointer, &name)),
        Fault::Repeated(name) => Problem::field_repeated(&member(pointer, &name)),
        Fault::Invalid(why) => Problem::field_invalid(pointer, &why),
    }
}

/// The member of this name, unless the pointer is at it already.
fn member(mut pointer: String, name: &str) -> String {
    let end = format!("/{}", escaped(name));
    if !pointer.ends_with(&end) {
        pointer.push_str(&end);
    }
    pointer
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};
    use quittance_engine::Pin;
    use quittance_ledger::{AccountKind, Amount, CurrencyCode, Name, Timestamp, TransferId};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only how it is read is of interest")]
    struct Body {
        id: TransferId,
        #[serde(deserialize_with = "crate::strict::amount")]
        amount: Amount,
        currency: CurrencyCode,
        #[serde(default, deserialize_with = "crate::strict::optional_instant")]
        expires_at: Option<Timestamp>,
        #[serde(deserialize_with = "crate::strict::pin")]
        pin: Pin,
        name: Option<Name>,
    }

    const ID: &str = "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b";

    fn read(content_type: &'static str, body: &str) -> Result<Body, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        read_json(&headers, body.as_bytes(), &[])
    }

    fn with(change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> Result<Body, Problem> {
        let mut body = serde_json::json!({"id": ID, "amount": 5, "currency": "EUR", "pin": "1234"});
        change(body.as_object_mut().unwrap());
        read(JSON, &body.to_string())
    }

    #[track_caller]
    fn assert_problem(read: Result<Body, Problem>, slug: &str, field: Option<&str>) -> String {
        let problem = read.unwrap_err();
        assert_eq!((problem.slug(), problem.field()), (slug, field), "{problem:?}");
        assert!(!problem.mend().is_empty());
        problem.detail().to_owned()
    }

    #[test]
    fn a_good_body_is_read() {
        assert!(with(|_| ()).is_ok());
        let text = format!(
            r#" {{"id":"{ID}","amount":9007199254740991,"currency":"EUR","pin":"1234","name":null}} "#
        );
        assert!(read("Application/JSON; charset=utf-8", &text).is_ok());
    }

    #[test]
    fn another_content_type_is_refused() {
        for other in ["text/plain", "application/jsonp", "application/json, text/plain", ""] {
            let problem = read(other, "{}").unwrap_err();
            assert_eq!(problem.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{other}");
        }
        assert!(read_json::<Body>(&HeaderMap::new(), b"{}", &[]).is_err());
    }

    #[test]
    fn what_is_not_json_is_told_where() {
        for text in ["", "{", "{\"id\" 1}", "{}{}", "nul", "\u{feff}{}", "{\"a\":01}"] {
            let problem = read(JSON, text).unwrap_err();
            let is_told = problem.slug() == "json-malformed" || problem.slug() == "field-unknown";
            assert!(is_told || problem.slug() == "field-missing", "{text}: {problem:?}");
        }
        let problem = read(JSON, "{\n  \"id\": }").unwrap_err();
        assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
        assert!(problem.detail().contains("line 2"), "{problem:?}");
        let deep = "[".repeat(100_000);
        assert!(read(JSON, &format!("{{\"id\":{deep}")).is_err());
    }

    #[test]
    fn each_fault_names_its_member() {
        assert_problem(with(|body| drop(body.remove("amount"))), "field-missing", Some("/amount"));
        assert_problem(
            with(|body| drop(body.insert("extra".into(), 1.into()))),
            "field-unknown",
            Some("/extra"),
        );
        let odd = "a`, expected `b";
        assert_problem(
            with(|body| drop(body.insert(odd.into(), 1.into()))),
            "field-unknown",
            Some("/a`, expected `b"),
        );
        assert_problem(with(|body| drop(body.insert("id".into(), "x".into()))), "field-invalid", Some("/id"));
        assert_problem(
            with(|body| drop(body.insert("currency".into(), "eur".into()))),
            "field-invalid",
            Some("/currency"),
        );
        assert_problem(
            with(|body| drop(body.insert("name".into(), " a".into()))),
            "field-invalid",
            Some("/name"),
        );
        assert_problem(
            with(|body| drop(body.insert("name".into(), 1.into()))),
            "field-invalid",
            Some("/name"),
        );
        let twice = format!(r#"{{"id":"{ID}","amount":5,"amount":5,"currency":"EUR","pin":"1234"}}"#);
        assert_problem(read(JSON, &twice), "field-repeated", Some("/amount"));
        assert_problem(read(JSON, "[]"), "field-invalid", Some(""));
    }

    #[test]
    fn a_body_is_an_object_of_plain_values() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only how it is read is of interest")]
        struct Small {
            kind: Option<AccountKind>,
            exponent: Option<u8>,
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        let read = |text: &str| read_json::<Small>(&headers, text.as_bytes(), &[]);
        assert!(read(r#"{"kind":"person","exponent":2}"#).is_ok());
        let digits = "9".repeat(400);
        for (text, slug, field, words) in [
            (r#"["person",2]"#, "field-invalid", Some(""), "JSON object"),
            ("[]", "field-invalid", Some(""), "JSON object"),
            ("\"person\"", "field-invalid", Some(""), "JSON object"),
            ("[1,", "json-malformed", None, "JSON object"),
            (r#"{"kind":{"person":null}}"#, "field-invalid", Some("/kind"), "plain value"),
            (r#"{"kind":5}"#, "field-invalid", Some("/kind"), "plain value"),
            (r#"{"kind":["person"]}"#, "field-invalid", Some("/kind"), "plain value"),
            (r#"{"exponent":256}"#, "field-invalid", Some("/exponent"), "a whole number from 0 to 255"),
            (r#"{"exponent":"2"}"#, "field-invalid", Some("/exponent"), "a whole number from 0 to 255"),
            (&format!("{{\"exponent\":{digits}}}"), "field-invalid", Some("/exponent"), "fewer digits"),
            (&format!("{{\"exponent\":{digits}"), "json-malformed", None, ""),
        ] {
            let problem = read(text).unwrap_err();
            assert_eq!((problem.slug(), problem.field()), (slug, field), "{text}: {problem:?}");
            assert!(problem.mend().contains(words), "{text}: {problem:?}");
        }
        let amount = format!(r#"{{"id":"{ID}","amount":{digits},"currency":"EUR","pin":"1234"}}"#);
        let read = super::read_json::<Body>(&headers, amount.as_bytes(), &[]);
        assert!(assert_problem(read, "field-invalid", Some("/amount")).contains("range"));
    }

    #[test]
    fn each_wrong_amount_is_told_apart() {
        for (amount, word) in [
            (serde_json::json!(0), "at least 1"),
            (serde_json::json!(-5), "negative"),
            (serde_json::json!(1.5), "fraction"),
            (serde_json::json!(9_007_199_254_740_992_u64), "at most"),
            (serde_json::json!(1e300), "at most"),
            (serde_json::json!("5"), "a string"),
            (serde_json::json!(null), "null"),
            (serde_json::json!(true), "kind"),
        ] {
            let detail = assert_problem(
                with(|body| drop(body.insert("amount".into(), amount.clone()))),
                "field-invalid",
                Some("/amount"),
            );
            assert!(detail.contains(word), "{amount}: {detail}");
        }
    }

    #[test]
    fn an_instant_has_one_spelling_and_a_pin_is_never_said_back() {
        let at = |text: &str| with(|body| drop(body.insert("expires_at".into(), text.into())));
        for good in ["2026-11-24T11:30:00.000Z", "2026-11-24T11:30:00Z"] {
            assert!(at(good).unwrap().expires_at.is_some());
        }
        for bad in
            ["2026-11-24", "2026-11-24 11:30:00Z", "2026-11-24T11:30:00+00:00", "1969-11-24T11:30:00Z", ""]
        {
            assert_problem(at(bad), "field-invalid", Some("/expires_at"));
        }
        for pin in [serde_json::json!(987_654), serde_json::json!("98765x"), serde_json::json!(["98765"])] {
            let detail = assert_problem(
                with(|body| drop(body.insert("pin".into(), pin.clone()))),
                "field-invalid",
                Some("/pin"),
            );
            assert!(!detail.contains("9876"), "{detail}");
        }
    }
}
