//! What is asked of the head of every request, whatever its route.
//!
//! HTTP/1.1 has exactly one header that says whom a request is for (RFC 9112, section 3.2). What it says is used
//! nowhere: where the server is it knows from its settings. But servers in front of this one may go by it, and two that
//! disagree on where a request belongs are how requests are smuggled.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_ENCODING, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, Version};

use crate::problem::Problem;

/// The most bytes of a target and its headers. The connection reads about as many, and up to twice that by chance.
pub(crate) const MAX_HEAD_BYTES: usize = 32 * 1_024;

/// Colon, space and the end of the line.
const BYTES_AROUND_HEADER: usize = 4;

/// Lets requests pass that are not too long, and say whom they are for and how long their bodies are.
///
/// A body in chunks says its length as it comes. Two servers that disagree on whether it does, because a length is said too or the
/// header is misspelt, take the rest of it for another request; so there are none here. Nor is anything unpacked.
pub(crate) async fn check_head(request: Request, next: Next) -> Response {
    if head_bytes(request.uri(), request.headers()) > MAX_HEAD_BYTES {
        return Problem::head_too_large(MAX_HEAD_BYTES).into_response();
    }
    if request.version() == Version::HTTP_11 && !has_host(request.headers()) {
        return Problem::host_invalid().into_response();
    }
    if request.headers().contains_key(TRANSFER_ENCODING) {
        return Problem::length_needed().into_response();
    }
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Problem::content_encoding().into_response();
    }
    next.run(request).await
}

fn head_bytes(uri: &Uri, headers: &HeaderMap) -> usize {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let lines = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + BYTES_AROUND_HEADER);
    target + lines.sum::<usize>()
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
