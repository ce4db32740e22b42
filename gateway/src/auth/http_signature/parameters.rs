//! The parameters of a signature (RFC 9421, section 2.3): when it was made, once, by whom, and how.

use quittance_ledger::KeyAlgorithm;
use sfv::BareItemFromInput;

use super::error::SignatureError;
use super::structured::Parameter;
use super::{MAX_KEY_ID_BYTES, MAX_NONCE_BYTES, MIN_NONCE_BYTES, algorithm_name};

pub(super) const CREATED: &str = "created";
pub(super) const EXPIRES: &str = "expires";
pub(super) const NONCE: &str = "nonce";
pub(super) const KEY_ID: &str = "keyid";
pub(super) const ALGORITHM: &str = "alg";

/// The parameters that were given, each checked by itself; which of them must be there is the profile's to say.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) created_secs: Option<u64>,
    pub(super) expires_secs: Option<u64>,
    pub(super) nonce: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) algorithm: Option<KeyAlgorithm>,
}

impl Parameters {
    /// Reads parameters, each of which may come once.
    pub(super) fn read(given: &[Parameter<'_>]) -> Result<Self, SignatureError> {
        let mut read = Self::default();
        for (key, value) in given {
            let repeated = match key.as_str() {
                CREATED => read.created_secs.replace(seconds(CREATED, value)?).is_some(),
                EXPIRES => read.expires_secs.replace(seconds(EXPIRES, value)?).is_some(),
                NONCE => read.nonce.replace(text(NONCE, value, check_nonce)?).is_some(),
                KEY_ID => read.key_id.replace(text(KEY_ID, value, check_key_id)?).is_some(),
                ALGORITHM => read.algorithm.replace(algorithm(value)?).is_some(),
                other => return Err(SignatureError::ParameterUnsupported { parameter: other.to_owned() }),
            };
            if repeated {
                return Err(SignatureError::ParameterRepeated { parameter: key.as_str().to_owned() });
            }
        }
        Ok(read)
    }
}

/// Checks a nonce: long enough not to be guessed or met twice by chance, short and plain enough to be kept.
pub(super) fn check_nonce(nonce: &str) -> Result<(), SignatureError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (MIN_NONCE_BYTES..=MAX_NONCE_BYTES).contains(&nonce.len()) && nonce.bytes().all(is_plain) {
        return Ok(());
    }
    Err(SignatureError::ParameterInvalid {
        parameter: NONCE,
        expected: "a string of 16 to 64 of A-Z a-z 0-9 - _",
    })
}

/// Checks a key id's length; whether it names a device is the caller's to find out.
pub(super) fn check_key_id(key_id: &str) -> Result<(), SignatureError> {
    if (1..=MAX_KEY_ID_BYTES).contains(&key_id.len()) && key_id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(SignatureError::ParameterInvalid {
        parameter: KEY_ID,
        expected: "a string of 1 to 64 visible characters: the device's id",
    })
}

/// What a time that can't be read should have been.
pub(super) const EXPECTED_SECONDS: &str = "a whole number of seconds since 1970";

fn seconds(parameter: &'static str, value: &BareItemFromInput<'_>) -> Result<u64, SignatureError> {
    value
        .as_integer()
        .and_then(|integer| u64::try_from(integer).ok())
        .ok_or(SignatureError::ParameterInvalid { parameter, expected: EXPECTED_SECONDS })
}

fn text(
    parameter: &'static str,
    value: &BareItemFromInput<'_>,
    check: fn(&str) -> Result<(), SignatureError>,
) -> Result<String, SignatureError> {
    let text = value
        .as_string()
        .ok_or(SignatureError::ParameterInvalid { parameter, expected: "a string in double quotes" })?
        .as_str();
    check(text)?;
    Ok(text.to_owned())
}

fn algorithm(value: &BareItemFromInput<'_>) -> Result<KeyAlgorithm, SignatureError> {
    let name = value.as_string().map(|name| name.as_str());
    [KeyAlgorithm::Ed25519, KeyAlgorithm::P256]
        .into_iter()
        .find(|algorithm| name == Some(algorithm_name(*algorithm)))
        .ok_or(SignatureError::ParameterInvalid {
            parameter: ALGORITHM,
            expected: "\"ed25519\" or \"ecdsa-p256-sha256\"",
        })
}
