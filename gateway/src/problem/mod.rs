//! Problems: what a client is told when it does not get what it asked for (RFC 9457).
//!
//! Each says what is amiss, where (`field`) and what would put it right (`mend`). None may hold a secret, or what
//! the machine said about itself: that goes to the log.

mod barcode;
mod engine;
mod refusal;
mod request;
mod signature;

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

/// A problem, to be answered with.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    slug: &'static str,
    title: &'static str,
    status: StatusCode,
    detail: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    mend: Cow<'static, str>,
    members: Map<String, Value>,
    headers: HeaderMap,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        slug: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
        mend: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"quittance\""));
        }
        Self(Box::new(Parts {
            slug,
            title,
            status,
            detail: detail.into(),
            field: None,
            mend: mend.into(),
            members: Map::new(),
            headers,
        }))
    }

    /// Says which part of the request is at fault, instead of what was said before.
    pub(crate) fn at(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Points elsewhere unless the route has what was pointed at before.
    pub(crate) fn within(self, fields: &[&str], otherwise: impl Into<Cow<'static, str>>) -> Self {
        let is_there = self.0.field.as_deref().is_some_and(|field| fields.contains(&field));
        if is_there { self } else { self.at(otherwise) }
    }

    /// Answers with another status: the same rule weighs differently where it guards a door.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Is put right as another problem is.
    pub(crate) fn mended_as(mut self, other: &Self) -> Self {
        self.0.mend = other.0.mend.clone();
        self
    }

    /// Is put right as the route says.
    pub(crate) fn mended(mut self, mend: &'static str) -> Self {
        self.0.mend = mend.into();
        self
    }

    /// Adds an extension member.
    pub(crate) fn with_member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Says when to try again.
    pub(crate) fn retry_after_secs(self, secs: u32) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(secs))
    }

    /// Ends the connection with the answer: what is left of the request is not going to be read.
    pub(crate) fn closing(self) -> Self {
        self.with_header(CONNECTION, HeaderValue::from_static("close"))
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The problem's type.
    pub(crate) fn kind(&self) -> String {
        format!("urn:quittance:problem:{}", self.0.slug)
    }

    pub(crate) const fn title(&self) -> &'static str {
        self.0.title
    }

    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    #[cfg(test)]
    pub(crate) const fn slug(&self) -> &'static str {
        self.0.slug
    }

    #[cfg(test)]
    pub(crate) fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    pub(crate) fn mend(&self) -> &str {
        &self.0.mend
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.0.status
    }

    fn into_json(self) -> (StatusCode, HeaderMap, Value) {
        let mut members = Map::new();
        members.insert("type".to_owned(), self.kind().into());
        let Parts { title, status, detail, field, mend, members: more, headers, .. } = *self.0;
        members.insert("title".to_owned(), title.into());
        members.insert("status".to_owned(), status.as_u16().into());
        members.insert("detail".to_owned(), detail.into());
        if let Some(field) = field {
            members.insert("field".to_owned(), field.into());
        }
        members.insert("mend".to_owned(), mend.into());
        members.extend(more);
        (status, headers, members.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, mut headers, body) = self.into_json();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        (status, headers, body.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_rfc_9457_says() {
        let problem =
            Problem::new(StatusCode::FORBIDDEN, "pin-wrong", "The PIN is wrong", "it is", "try again")
                .at("/pin")
                .with_member("attempts_left", 3_u8);
        let (status, _, body) = problem.into_json();
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:quittance:problem:pin-wrong", "title": "The PIN is wrong", "status": 403,
                "detail": "it is", "field": "/pin", "mend": "try again", "attempts_left": 3,
            })
        );
    }

    #[test]
    fn who_is_not_let_in_is_told_how() {
        let response =
            Problem::new(StatusCode::UNAUTHORIZED, "a", "A", "b", "c").retry_after_secs(2).into_response();
        assert!(response.headers().contains_key(WWW_AUTHENTICATE));
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
