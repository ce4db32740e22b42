//! Signing, for clients: a phone, a till, the load generator, the tests.

use http::{HeaderMap, HeaderName, HeaderValue};
use quittance_ledger::KeyAlgorithm;
use sfv::{DictSerializer, Integer, KeyRef, RefBareItem, StringRef, key_ref, string_ref};

use super::base::signature_base;
use super::component::{Component, METHOD, TARGET_URI, Target};
use super::digest::content_digest;
use super::error::SignatureError;
use super::parameters::{ALGORITHM, CREATED, EXPECTED_SECONDS, KEY_ID, NONCE, check_key_id, check_nonce};
use super::structured::signature_params;
use super::{CONTENT_DIGEST, RequestParts, SIGNATURE, SIGNATURE_INPUT, algorithm_name};

/// The label of the one signature (RFC 9421, section 4). Any would do.
const LABEL: &KeyRef = key_ref("sig1");

/// The headers that make a request a signed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    /// The value of `Content-Digest`.
    pub content_digest: HeaderValue,
    /// The value of `Signature-Input`.
    pub signature_input: HeaderValue,
    /// The value of `Signature`.
    pub signature: HeaderValue,
}

impl SignedHeaders {
    /// Puts the headers in a request, instead of any it had.
    pub fn insert_into(self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_DIGEST, self.content_digest);
        headers.insert(SIGNATURE_INPUT, self.signature_input);
        headers.insert(SIGNATURE, self.signature);
    }
}

/// Signs a request as a device (RFC 9421, section 3.1).
///
/// `nonce` must never be used twice with a key. `signer` is given the bytes to sign, and returns an Ed25519
/// signature, or the `r` and `s` of an ECDSA signature over their SHA-256, one after the other.
///
/// # Errors
/// If the target, the key id, the time or the nonce is not what the server would take.
pub fn sign(
    parts: &RequestParts<'_>,
    key_id: &str,
    algorithm: KeyAlgorithm,
    created_secs: u64,
    nonce: &str,
    signer: impl FnOnce(&[u8]) -> [u8; 64],
) -> Result<SignedHeaders, SignatureError> {
    check_key_id(key_id)?;
    check_nonce(nonce)?;
    let target = Target::read(parts.method, parts.target_uri)?;
    let digest = content_digest(parts.body);
    let content_digest = header_value(CONTENT_DIGEST, &digest)?;
    let components =
        [Component::Method, Component::TargetUri, Component::Field { name: CONTENT_DIGEST, value: digest }];
    let names = const { [string_ref(METHOD), string_ref(TARGET_URI), string_ref("content-digest")] };

    let created = Integer::try_from(created_secs)
        .map_err(|_| SignatureError::ParameterInvalid { parameter: CREATED, expected: EXPECTED_SECONDS })?;
    let parameters = [
        (const { key_ref(CREATED) }, RefBareItem::Integer(created)),
        (const { key_ref(NONCE) }, RefBareItem::String(string(NONCE, nonce)?)),
        (const { key_ref(KEY_ID) }, RefBareItem::String(string(KEY_ID, key_id)?)),
        (const { key_ref(ALGORITHM) }, RefBareItem::String(string(ALGORITHM, algorithm_name(algorithm))?)),
    ];
    let params = signature_params(names, parameters);

    let signature = signer(&signature_base(&components, &target, &params));
    let mut signature_text = String::new();
    let _ = DictSerializer::with_buffer(&mut signature_text).bare_item(LABEL, signature.as_slice()).finish();
    Ok(SignedHeaders {
        content_digest,
        signature_input: header_value(SIGNATURE_INPUT, &format!("{}={params}", LABEL.as_str()))?,
        signature: header_value(SIGNATURE, &signature_text)?,
    })
}

fn string<'a>(parameter: &'static str, text: &'a str) -> Result<&'a StringRef, SignatureError> {
    StringRef::from_str(text)
        .map_err(|_| SignatureError::ParameterInvalid { parameter, expected: "a string of visible ascii" })
}

fn header_value(header: HeaderName, text: &str) -> Result<HeaderValue, SignatureError> {
    HeaderValue::from_str(text).map_err(|_| SignatureError::HeaderNotAscii { header })
}
