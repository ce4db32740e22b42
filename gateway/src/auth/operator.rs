//! The operator's bearer token (RFC 6750).

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

use crate::problem::Problem;

/// The token that the headers hold.
pub(super) fn bearer_token(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused("the header authorization was sent more than once", "send it once"));
    };
    let text = value.to_str().unwrap_or_default();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim_matches(' ')),
        _ => Err(refused(
            "the header authorization does not hold a bearer token",
            "send Bearer, a space and the operator's key; a device signs instead",
        )),
    }
}

/// What whoever shows a wrong key is told.
pub(super) fn wrong_key() -> Problem {
    refused("the bearer token is not the operator's key", "send what the file operator.key holds")
}

fn refused(detail: &'static str, mend: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "operator-key-wrong", "The operator's key is wrong", detail, mend)
        .at("authorization")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn token(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer_token(&headers).ok().map(ToOwned::to_owned)
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_once() {
        assert_eq!(token(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&["bEARER  abc"]).as_deref(), Some("abc"));
        for bad in [&["Basic abc"][..], &["abc"], &["Bearer"], &["Bearer a", "Bearer b"], &[]] {
            assert_eq!(token(bad), None, "{bad:?}");
        }
    }
}
