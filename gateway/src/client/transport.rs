//! Requests and answers as they are on the wire: HTTP/1.1 over connections that are kept.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{ClientError, ProblemDetails};
use super::identity::Stamp;
use super::{Client, Who};
use crate::auth::http_signature::{RequestParts, sign};

/// How long an answer may take, to its last byte.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(30);

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 16 * 1_024 * 1_024;

/// The connections to a server.
#[derive(Clone)]
pub(super) struct Connections(HyperClient<HttpConnector, Full<Bytes>>);

impl Connections {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(MAX_ANSWER_TIME));
        Self(HyperClient::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

/// A request that is ready to be sent.
pub type Prepared = Request<Full<Bytes>>;

/// The body of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    content_type: Option<&'static str>,
    bytes: Bytes,
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body in JSON.
    ///
    /// # Errors
    /// The value can't be written as JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, ClientError> {
        let text = serde_json::to_vec(value).map_err(|error| ClientError::Request(error.to_string()))?;
        Ok(Self::raw("application/json", text))
    }

    /// Any bytes, under any type.
    #[must_use]
    pub fn raw(content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self { content_type: Some(content_type), bytes: bytes.into() }
    }

    /// What is sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// An answer, whatever it says.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Response {
    /// The media type, without parameters.
    #[must_use]
    pub fn content_type(&self) -> &str {
        let value = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.and_then(|value| value.split(';').next()).unwrap_or_default().trim()
    }

    /// The body as a problem.
    ///
    /// # Errors
    /// It is none.
    pub fn problem(&self) -> Result<ProblemDetails, ClientError> {
        if self.content_type() != "application/problem+json" {
            return Err(self.unexpected(format!("the content type is {:?}", self.content_type())));
        }
        serde_json::from_slice(&self.body).map_err(|error| self.unexpected(error.to_string()))
    }

    /// The answer where the server did what was asked.
    ///
    /// # Errors
    /// The problem, where it did not.
    pub fn success(self) -> Result<Self, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(self.problem().map_or_else(|error| error, |problem| ClientError::Problem(Box::new(problem))))
    }

    /// The body as JSON of a type, where the server did what was asked.
    ///
    /// # Errors
    /// The problem, where it did not, or the body is something else.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let answer = self.success()?;
        serde_json::from_slice(&answer.body).map_err(|error| answer.unexpected(error.to_string()))
    }

    fn unexpected(&self, reason: String) -> ClientError {
        ClientError::Unexpected { status: self.status, reason }
    }
}

impl Client {
    /// Sends a request as this party, and reads the answer whole. `path_and_query` is sent as it is given.
    ///
    /// # Errors
    /// There was no answer. What the server says of the request is in the answer.
    pub async fn request(
        &self,
        method: Method,
        path_and_query: &str,
        body: Body,
    ) -> Result<Response, ClientError> {
        self.send(self.prepare(method, path_and_query, body, &Stamp::now()?)?).await
    }

    /// Makes a request without sending it: with the credentials of this party, signed with this stamp where it is a
    /// device.
    ///
    /// # Errors
    /// The path is no path, or the request can't be signed.
    pub fn prepare(
        &self,
        method: Method,
        path_and_query: &str,
        body: Body,
        stamp: &Stamp,
    ) -> Result<Prepared, ClientError> {
        let target_uri = format!("{}{path_and_query}", self.origin);
        let mut headers = HeaderMap::new();
        if let Some(content_type) = body.content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        match &self.who {
            Who::Anyone => {}
            Who::Operator(key) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", key.0))
                    .map_err(|error| ClientError::Request(error.to_string()))?;
                value.set_sensitive(true);
                headers.insert(header::AUTHORIZATION, value);
            }
            Who::Device { signer, key_id } => {
                let parts = RequestParts { method: &method, target_uri: &target_uri, body: &body.bytes };
                let algorithm = signer.public().algorithm();
                let Stamp { created_secs, nonce } = stamp;
                sign(&parts, key_id, algorithm, *created_secs, nonce, |base| signer.sign(base))?
                    .insert_into(&mut headers);
            }
        }
        let mut request = Request::builder()
            .method(method)
            .uri(target_uri)
            .body(Full::new(body.bytes))
            .map_err(|error| ClientError::Request(error.to_string()))?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Sends a request that was made before, as it is.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn send(&self, request: Prepared) -> Result<Response, ClientError> {
        let answer = async {
            let (parts, body) = self.open(request).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES);
            let body =
                body.collect().await.map_err(|error| ClientError::Transport(chain(&*error)))?.to_bytes();
            Ok(Response { status: parts.status, headers: parts.headers, body })
        };
        in_time(answer).await
    }

    /// Sends a request, and leaves the body of the answer to be read as it comes.
    pub(super) async fn send_streaming(
        &self,
        request: Prepared,
    ) -> Result<http::Response<Incoming>, ClientError> {
        in_time(self.open(request)).await
    }

    async fn open(&self, request: Prepared) -> Result<http::Response<Incoming>, ClientError> {
        self.connections.0.request(request).await.map_err(|error| ClientError::Transport(chain(&error)))
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    tokio::time::timeout(MAX_ANSWER_TIME, answer).await.unwrap_or(Err(ClientError::Timeout(MAX_ANSWER_TIME)))
}

/// An error with its causes, each of which hyper keeps to itself.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
