//! The header that says whom a request is for, which every HTTP/1.1 request has exactly once (RFC 9112, section 3.2).
//!
//! What it says is used nowhere: where the server is it knows from its settings. But servers in front of this one may
//! go by it, and two that disagree on where a request belongs are how requests are smuggled.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Version};

use crate::problem::Problem;

/// Lets requests pass that say whom they are for.
pub(crate) async fn require_host(request: Request, next: Next) -> Response {
    if request.version() == Version::HTTP_11 && !has_host(request.headers()) {
        return Problem::host_invalid().into_response();
    }
    next.run(request).await
}

fn has_host(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(HOST).iter();
    matches!((values.next(), values.next()), (Some(value), None) if is_host(value))
}

fn is_host(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|text| !text.contains('@') && text.parse::<Authority>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_host_and_it_is_one() {
        let has = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HOST, HeaderValue::from_static(value));
            }
            has_host(&headers)
        };
        for good in ["pay.example.com", "127.0.0.1:7400", "[::1]:80", "localhost"] {
            assert!(has(&[good]), "{good}");
        }
        for bad in [&[][..], &["a", "a"], &["a", "b"], &[""], &["a b"], &["a/b"], &["u@a"], &["http://a"]] {
            assert!(!has(bad), "{bad:?}");
        }
    }
}
