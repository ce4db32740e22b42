//! What can come of a request, beside what was asked for.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use quittance_barcode::BarcodeError;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::objects::Transfer;
use crate::auth::http_signature::SignatureError;
use crate::wording::amiss;

const TYPE_PREFIX: &str = "urn:quittance:problem:";

/// Why there is no answer to a request.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said no, and why.
    #[error("{0}")]
    Problem(Box<ProblemDetails>),
    /// The server was not reached, or the connection broke: what was asked may or may not have been done.
    #[error("no answer from the server: {0}; ask again under the same id")]
    Transport(String),
    /// Nothing came for too long: what was asked may or may not have been done.
    #[error("no answer from the server within {} s: ask again under the same id", .0.as_secs())]
    Timeout(Duration),
    /// What came is not what API.md says.
    #[error("the server answered {status} with something else than its API says: {reason}")]
    Unexpected {
        /// The status.
        status: StatusCode,
        /// What is amiss.
        reason: String,
    },
    /// The request can't be signed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The request can't be written down.
    #[error("the request can't be made: {0}")]
    Request(String),
    /// The published keys or the origin are not usable.
    #[error(transparent)]
    Barcode(#[from] BarcodeError),
    /// The machine has no randomness.
    #[error("the machine gave no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl ClientError {
    /// The problem, where the server told one.
    #[must_use]
    pub fn problem(&self) -> Option<&ProblemDetails> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether the request may have been carried out all the same.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::Timeout(_))
    }
}

/// A refusal as the server tells it (RFC 9457).
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ProblemDetails {
    /// What kind of problem, as a URN.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The kind in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What is amiss this time.
    pub detail: String,
    /// Where: a JSON pointer into the body, or the name of a header, query parameter or path part.
    pub field: Option<String>,
    /// What to do about it.
    pub mend: String,
    /// The transfer, where it is on record that it was refused.
    pub transfer: Option<Box<Transfer>>,
    /// Whatever else was told.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl ProblemDetails {
    /// The last part of the type: what programs go by.
    #[must_use]
    pub fn slug(&self) -> &str {
        self.problem_type.strip_prefix(TYPE_PREFIX).unwrap_or(&self.problem_type)
    }
}

impl fmt::Display for ProblemDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", amiss(&self.title, &self.detail))?;
        if let Some(field) = self.field.as_ref().filter(|field| !self.detail.starts_with(*field)) {
            write!(f, " ({field})")?;
        }
        write!(f, "; {}", self.mend)
    }
}
