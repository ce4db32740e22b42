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

    /// What comes before the payload of every barcode of this server.
    pub(crate) fn prefix(&self) -> String {
        format!("{}/P/", self.0)
    }
}

impl FromStr for Origin {
    type Err = BarcodeError;

    fn from_str(text: &str) -> Result<Self, BarcodeError> {
        let upper = text.to_ascii_uppercase();
        let authority = upper
            .strip_prefix("HTTPS://")
            .or_else(|| upper.strip_prefix("HTTP://"))
            .ok_or(BarcodeError::BadOrigin)?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let is_host_byte =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        let has_good_host = !host.is_empty() && host.bytes().all(is_host_byte);
        let has_good_port =
            port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
        if has_good_host && has_good_port && upper.len() <= MAX_ORIGIN_BYTES {
            Ok(Self(upper))
        } else {
            Err(BarcodeError::BadOrigin)
        }
    }
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
