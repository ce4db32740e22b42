//! Problems of the request itself, before anyone looks at what it asks.

use std::time::Duration;

use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, StatusCode};
use quittance_barcode::Untrusted;

use super::Problem;

impl Problem {
    /// No such route.
    pub(crate) fn route_unknown() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "route-unknown",
            "There is nothing here",
            "no route has this path",
            "check the path: the routes begin with /v1/ and have no slash at their end",
        )
    }

    /// The route has other methods. Which ones the router adds.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The route has other methods",
            "the route does not take this method",
            "use one of the methods that the header allow names",
        )
    }

    /// The head has more bytes than are read.
    pub(crate) fn head_too_large(max_bytes: usize) -> Self {
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "head-too-large",
            "The headers are too long",
            format!("the target and the headers have more than {max_bytes} bytes together"),
            "send fewer or shorter headers",
        )
        .closing()
    }

    /// The header that says whom the request is for.
    pub(crate) fn host_invalid() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "host-invalid",
            "The request does not say whom it is for",
            "the request has not exactly one header host with a host in it",
            "send it once, with the server's name and, unless it is the usual one, its port",
        )
        .at("host")
        .closing()
    }

    /// The body has more bytes than are read.
    pub(crate) fn body_too_large(max_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
            format!("the body has more than {max_bytes} bytes"),
            "send less",
        )
        .closing()
    }

    /// The body did not come in time.
    pub(crate) fn body_slow(limit: Duration) -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-slow",
            "The body came too slowly",
            format!("the body was not there within {} s", limit.as_secs()),
            "send the request again, over a better connection",
        )
        .closing()
    }

    /// The body broke off.
    pub(crate) fn body_broken() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "body-broken",
            "The body broke off",
            "the body ended before it was whole",
            "send the request again",
        )
        .closing()
    }

    /// A body whose length is not said before.
    pub(crate) fn length_needed() -> Self {
        Self::new(
            StatusCode::LENGTH_REQUIRED,
            "length-needed",
            "The body's length is not said",
            "the request has a header transfer-encoding",
            "send the body whole, with its length in content-length",
        )
        .at("transfer-encoding")
        .closing()
    }

    /// A body that is packed.
    pub(crate) fn content_encoding() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-encoding-unsupported",
            "The content encoding is not supported",
            "the request has a header content-encoding",
            "send the body as it is, neither compressed nor otherwise encoded",
        )
        .at("content-encoding")
        .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .closing()
    }

    /// More connections than there may be.
    pub(crate) fn too_many_connections() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-connections",
            "The server has too many connections",
            "the server has as many connections open as it may have",
            "close those that are not in use, and send the same request again after the seconds in retry-after",
        )
        .retry_after_secs(1)
        .closing()
    }

    /// A body where none belongs.
    pub(crate) fn body_unexpected() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "body-unexpected",
            "The route takes no body",
            "there is a body where none belongs",
            "send the request without a body",
        )
    }

    /// A body of another type.
    pub(crate) fn content_type(accepted: &'static str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-type-unsupported",
            "The content type is not supported",
            format!("the body's content type is not {accepted}"),
            format!("send {accepted}, and say so in content-type"),
        )
        .at("content-type")
    }

    /// The request took longer than it may.
    pub(crate) fn timed_out(limit: Duration) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timed-out",
            "The request took too long",
            format!("there was no answer within {} s; what was asked for may still happen", limit.as_secs()),
            "send the same request with the same id again, which does nothing twice",
        )
        .retry_after_secs(1)
    }

    /// Not JSON.
    pub(crate) fn json_malformed(line: usize, column: usize) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "json-malformed",
            "The body is not JSON",
            format!("the body stops being JSON at line {line}, column {column}"),
            "send one JSON object in UTF-8",
        )
        .with_member("line", line)
        .with_member("column", column)
    }

    /// A member or parameter that is needed is not there.
    pub(crate) fn field_missing(field: String) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "field-missing",
            "Something is missing",
            format!("{} is missing", Untrusted(&field)),
            "send it",
        )
        .at(field)
    }

    /// A member or parameter that the route does not have.
    pub(crate) fn field_unknown(field: &str) -> Self {
        let shown = Untrusted(field).to_string();
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "field-unknown",
            "Something is not known",
            format!("{shown} is not known here"),
            "leave it out, or check how it is spelt",
        )
        .at(shown)
    }

    /// A member or parameter that came twice.
    pub(crate) fn field_repeated(field: &str) -> Self {
        let shown = Untrusted(field).to_string();
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "field-repeated",
            "Something came twice",
            format!("{shown} came more than once"),
            "send it once",
        )
        .at(shown)
    }

    /// A member, parameter or part of the path with a value it can't have. `why` may be as `what is amiss: mend`.
    pub(crate) fn field_invalid(field: String, why: &str) -> Self {
        let (detail, mend) = match why.split_once(": ") {
            Some((detail, mend)) => (detail.to_owned(), mend.to_owned()),
            None => (why.to_owned(), mend_of(why).to_owned()),
        };
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "field-invalid",
            "Something can't be as it is",
            format!("{}: {detail}", Untrusted(&field)),
            mend,
        )
        .at(field)
    }
}

/// What to do about what a type's own reader said of a value, where it did not say that too.
fn mend_of(why: &str) -> &'static str {
    const MENDS: &[(&str, &str)] = &[
        (
            "not a UUID",
            "send a UUID in lower case with hyphens, such as 0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b",
        ),
        ("the text is longer", "send a shorter text"),
        ("an exponent is", "send how many decimals the major unit has, 0 to 12"),
        ("not a time zone", "send the name of one, in its own capitals"),
        ("invalid digit", "send a whole number, in digits alone"),
        ("cannot parse integer from empty", "send a whole number, in digits alone"),
        ("number too large", "send a smaller number"),
    ];
    let known = MENDS.iter().find(|(begin, _)| why.starts_with(begin));
    known.map_or("send what API.md says of it", |(_, mend)| mend)
}

#[cfg(test)]
mod tests {
    use quittance_ledger::{Currency, CurrencyCode, Name, PaymentRequestId, WalletId, Zone};

    use super::*;

    #[test]
    fn what_is_wrong_with_a_value_comes_with_what_to_send() {
        let whys = [
            "17".parse::<WalletId>().unwrap_err().to_string(),
            "17".parse::<PaymentRequestId>().unwrap_err().to_string(),
            "x".repeat(41).parse::<Name>().unwrap_err().to_string(),
            Currency::new("X-POINTS".parse().unwrap(), Some(13)).unwrap_err().to_string(),
            "EURO".parse::<CurrencyCode>().unwrap_err().to_string(),
            "Europe/Atlantis".parse::<Zone>().unwrap_err().to_string(),
            "a".parse::<u16>().unwrap_err().to_string(),
            "".parse::<u16>().unwrap_err().to_string(),
            "70000".parse::<u16>().unwrap_err().to_string(),
        ];
        for why in whys {
            let problem = Problem::field_invalid("/x".to_owned(), &why);
            assert!(!problem.mend().contains("API.md"), "{why}");
        }
    }
}
