//! Where a barcode leads: the server's public origin (RFC 6454), in the upper case that QR's alphanumeric mode wants.

use std::fmt;
use std::str::FromStr;

use crate::error::BarcodeError;

const MAX_ORIGIN_BYTES: usize = 64;

/// A server's public origin.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin in upper case, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin as clients write it in URLs, in lower case: what statements and receipts name the server by.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// What comes before the payload of every barcode of this server.
    pub(crate) fn prefix(&self) -> String {
        format!("{}/P/", self.0)
    }
}

impl FromStr for Origin {
    type Err = BarcodeError;

    fn from_str(text: &str) -> Result<Self, BarcodeError> {
        let upper = text.to_ascii_uppercase();
        let (scheme, authority) = upper.split_once("://").ok_or(BarcodeError::BadOrigin)?;
        let default_port = match scheme {
            "HTTPS" => 443,
            "HTTP" => 80,
            _ => return Err(BarcodeError::BadOrigin),
        };
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, read_port(port)?),
            None => (authority, default_port),
        };
        if !host.split('.').all(is_label) {
            return Err(BarcodeError::BadOrigin);
        }
        // The port that goes without saying is left out, so that a server has one spelling.
        let origin = if port == default_port {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{port}")
        };
        if origin.len() <= MAX_ORIGIN_BYTES { Ok(Self(origin)) } else { Err(BarcodeError::BadOrigin) }
    }
}

fn read_port(text: &str) -> Result<u16, BarcodeError> {
    let port = text.parse().ok().filter(|port: &u16| *port != 0 && port.to_string() == text);
    port.ok_or(BarcodeError::BadOrigin)
}

/// What stands between a host's dots (RFC 1123).
fn is_label(label: &str) -> bool {
    let is_label_byte = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
    !label.is_empty() && label.bytes().all(is_label_byte) && !label.starts_with('-') && !label.ends_with('-')
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}
