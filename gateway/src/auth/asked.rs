//! A request whose caller is known, with its body at hand.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri};
use hyper::body::{Body as _, Bytes};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::http_signature::{self, PresentedSignature, SIGNATURE, SIGNATURE_INPUT};
use super::{Caller, device, operator};
use crate::app::App;
use crate::body::{MAX_JSON_BYTES, read_body};
use crate::problem::Problem;
use crate::strict::{read_json, read_query};
use crate::turns::{Party, Turn};

/// How long a request keeps its turn while its body arrives. Most bodies come with their heads.
const MAX_TURN_FOR_BODY: Duration = Duration::from_millis(50);

/// What a request shows to be let in. Proves nothing yet.
pub(crate) enum Presented<'a> {
    /// A bearer token.
    Token(&'a str),
    /// A signature.
    Signature(Box<PresentedSignature>),
}

impl<'a> Presented<'a> {
    pub(crate) fn read(headers: &'a HeaderMap) -> Result<Self, Problem> {
        let is_signed = headers.contains_key(SIGNATURE) || headers.contains_key(SIGNATURE_INPUT);
        match (headers.contains_key(AUTHORIZATION), is_signed) {
            (true, false) => operator::bearer_token(headers).map(Self::Token),
            (false, true) => Ok(Self::Signature(Box::new(http_signature::parse(headers)?))),
            (true, true) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "authentication-ambiguous",
                "Two callers at once",
                "the request has a bearer token and a signature",
                "send the token for the operator, or sign for a device",
            )
            .at("authorization")),
            (false, false) => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "authentication-missing",
                "Nobody says who asks",
                "the request has neither a bearer token nor a signature",
                "sign it as a device (RFC 9421), or send the operator's key as a bearer token",
            )
            .at("authorization")),
        }
    }
}

/// A request whose caller is known.
pub(crate) struct Asked {
    pub(crate) caller: Caller,
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    /// Kept until the request is answered.
    turn: Option<Turn>,
}

impl Asked {
    /// Finds out who asks, and reads the body. A device's request takes its turn before its signature is checked, which costs more than
    /// all before it; a stranger's body is not read.
    pub(crate) async fn read(app: &App, request: Request, max_bytes: usize) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let limit = app.settings.body_timeout;
        // Whoever is a stranger at first sight is not listened to for long.
        match Presented::read(&parts.headers)? {
            Presented::Token(token) => {
                if !app.engine.keys().is_operator(token) {
                    return Err(operator::wrong_key());
                }
                let body = read_body(body, max_bytes, limit).await?;
                let turn = Some(app.turns.take(Party::Operator).await?);
                Ok(Self { caller: Caller::Operator, parts, body, turn })
            }
            Presented::Signature(signature) => {
                let device = device::named_device(app, &signature)?;
                let party = Party::Account(device.account);
                let turn = app.turns.take(party).await?;
                device::check_device_request(app, &parts, &signature, &device.key)?;
                let mut reading = pin!(read_body(body, max_bytes, limit));
                let (body, turn) = match timeout(MAX_TURN_FOR_BODY, reading.as_mut()).await {
                    Ok(body) => (body?, turn),
                    // No turn waits for a slow client.
                    Err(_) => {
                        drop(turn);
                        (reading.await?, app.turns.take(party).await?)
                    }
                };
                let turn = Some(turn);
                signature.check_body(&body)?;
                Ok(Self { caller: Caller::Device(device), parts, body, turn })
            }
        }
    }

    /// Gives the turn back, where the request goes on with one of another kind.
    pub(crate) fn end_turn(&mut self) {
        self.turn = None;
    }

    /// Whose turns the request takes.
    pub(crate) const fn party(&self) -> Party {
        match &self.caller {
            Caller::Operator => Party::Operator,
            Caller::Device(device) => Party::Account(device.account),
        }
    }

    /// The body as JSON. The route has no query parameters then.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.json_with(&[])
    }

    /// As [`Asked::json`], where these members may be objects or lists.
    pub(crate) fn json_with<T: DeserializeOwned>(&self, nested: &[&str]) -> Result<T, Problem> {
        self.no_query()?;
        read_json(&self.parts.headers, &self.body, nested)
    }

    /// The query parameters. The route has no body then.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.no_body()?;
        read_query(&self.parts.uri)
    }

    /// Sees that there is neither a body nor a query.
    pub(crate) fn nothing(&self) -> Result<(), Problem> {
        self.no_query()?;
        self.no_body()
    }

    pub(crate) fn no_query(&self) -> Result<(), Problem> {
        no_query(&self.parts.uri)
    }

    fn no_body(&self) -> Result<(), Problem> {
        if self.body.is_empty() { Ok(()) } else { Err(Problem::body_unexpected()) }
    }
}

/// Sees that there is no query.
pub(crate) fn no_query(uri: &Uri) -> Result<(), Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    read_query::<Nothing>(uri).map(|Nothing {}| ())
}

/// Sees that a request of anyone has neither a query nor a body. Nothing of a body is waited for.
pub(crate) fn bare(request: &Request) -> Result<(), Problem> {
    no_query(request.uri())?;
    no_body(request)
}

/// Takes a request that anyone may make only without a body.
pub(crate) fn no_body(request: &Request) -> Result<(), Problem> {
    if request.body().is_end_stream() { Ok(()) } else { Err(Problem::body_unexpected().closing()) }
}

impl FromRequest<Arc<App>> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        Self::read(app, request, MAX_JSON_BYTES).await
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_has_one_caller() {
        let mut headers = HeaderMap::new();
        let missing = Presented::read(&headers).err().unwrap();
        assert_eq!((missing.slug(), missing.status()), ("authentication-missing", StatusCode::UNAUTHORIZED));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
        assert!(matches!(Presented::read(&headers), Ok(Presented::Token("abc"))));
        headers.insert(SIGNATURE, HeaderValue::from_static("sig1=:AA==:"));
        assert_eq!(Presented::read(&headers).err().unwrap().slug(), "authentication-ambiguous");
        headers.remove(AUTHORIZATION);
        assert_eq!(Presented::read(&headers).err().unwrap().slug(), "signature-header-missing");
    }
}
