//! What a signature may cover, and the value of each (RFC 9421, sections 2.1 and 2.2).
//!
//! A header field's value is taken when the signature is read; what derives from the request's target is worked
//! out when it is verified. It must not know how values become a signature base.

use std::borrow::Cow;

use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Method, Uri};

use super::error::SignatureError;
use super::structured::joined_lines;
use super::{
    CONTENT_DIGEST, MAX_CONTENT_DIGEST_BYTES, MAX_COVERED_FIELD_BYTES, MAX_TARGET_URI_BYTES, SIGNATURE,
    SIGNATURE_INPUT,
};

pub(super) const METHOD: &str = "@method";
pub(super) const TARGET_URI: &str = "@target-uri";

/// A covered component.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Component {
    /// The method.
    Method,
    /// The absolute URI.
    TargetUri,
    /// The URI's scheme.
    Scheme,
    /// The URI's host, and its port unless the scheme implies it.
    Authority,
    /// The URI's path.
    Path,
    /// The URI's query, with its question mark.
    Query,
    /// A header field, whose lines were joined.
    Field { name: HeaderName, value: String },
}

impl Component {
    /// The component of this name, a field with the value it has in these headers.
    pub(super) fn read(name: &str, headers: &HeaderMap) -> Result<Self, SignatureError> {
        match name {
            METHOD => Ok(Self::Method),
            TARGET_URI => Ok(Self::TargetUri),
            "@scheme" => Ok(Self::Scheme),
            "@authority" => Ok(Self::Authority),
            "@path" => Ok(Self::Path),
            "@query" => Ok(Self::Query),
            _ => Self::read_field(name, headers),
        }
    }

    fn read_field(name: &str, headers: &HeaderMap) -> Result<Self, SignatureError> {
        let unsupported = || SignatureError::ComponentUnsupported { component: name.to_owned() };
        // Takes neither capitals, which section 2.1 forbids, nor the sign that marks a derived component.
        let name = HeaderName::from_lowercase(name.as_bytes()).map_err(|_| unsupported())?;
        // A signature can't cover itself, and what describes it is covered as @signature-params.
        if name == SIGNATURE || name == SIGNATURE_INPUT {
            return Err(unsupported());
        }
        let max_bytes =
            if name == CONTENT_DIGEST { MAX_CONTENT_DIGEST_BYTES } else { MAX_COVERED_FIELD_BYTES };
        let value = joined_lines(headers, &name, max_bytes)?;
        Ok(Self::Field { name, value })
    }

    /// The name, as the signature base has it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Method => METHOD,
            Self::TargetUri => TARGET_URI,
            Self::Scheme => "@scheme",
            Self::Authority => "@authority",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::Field { name, .. } => name.as_str(),
        }
    }

    /// The value, as the signature base has it.
    pub(super) fn value<'a>(&'a self, target: &'a Target<'a>) -> Cow<'a, str> {
        match self {
            Self::Method => target.method.into(),
            Self::TargetUri => target.text.into(),
            Self::Scheme => target.scheme.as_str().into(),
            Self::Authority => target.authority.as_str().into(),
            Self::Path => target.uri.path().into(),
            Self::Query => format!("?{}", target.uri.query().unwrap_or_default()).into(),
            Self::Field { value, .. } => value.as_str().into(),
        }
    }
}

/// A request's method and target, checked to be fit for a signature base.
pub(super) struct Target<'a> {
    method: &'a str,
    text: &'a str,
    uri: Uri,
    scheme: Scheme,
    authority: String,
}

impl<'a> Target<'a> {
    /// Checks a request's target. Absolute, of visible ASCII and not too long; what is signed is then the text
    /// itself, so that client and server need not agree on how to normalise it.
    pub(super) fn read(method: &'a Method, text: &'a str) -> Result<Self, SignatureError> {
        let broken = |problem| SignatureError::TargetUri { problem };
        if text.len() > MAX_TARGET_URI_BYTES {
            return Err(broken("is too long"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(broken("has bytes other than visible ascii"));
        }
        // The parser would drop it, and then two texts would name one target.
        if text.contains('#') {
            return Err(broken("has a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| broken("is not a uri"))?;
        let scheme = uri.scheme().ok_or(broken("has no scheme"))?.clone();
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(broken("has no authority"))?;
        let written = uri.authority().map_or("", |authority| authority.as_str());
        if written.contains('@') {
            return Err(broken("has a user name"));
        }
        // A port that is empty or too large is no port to the parser, which would then pass over it.
        if uri.port().is_none() && written.len() != host.len() {
            return Err(broken("has a port that is not a number from 0 to 65535"));
        }
        let mut authority = host.to_ascii_lowercase();
        if let Some(port) = uri.port_u16().filter(|port| !is_default_port(&scheme, *port)) {
            authority.push(':');
            authority.push_str(&port.to_string());
        }
        Ok(Self { method: method.as_str(), text, uri, scheme, authority })
    }
}

/// Whether the scheme implies the port, which `@authority` then leaves out (RFC 9421, section 2.2.3).
fn is_default_port(scheme: &Scheme, port: u16) -> bool {
    (*scheme == Scheme::HTTPS && port == 443) || (*scheme == Scheme::HTTP && port == 80)
}
