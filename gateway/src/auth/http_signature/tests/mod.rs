//! The module's tests, and what they share: the RFC's keys, and a request that a device signed.

mod properties;
mod refusals;
mod request;
mod vectors;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use p256::ecdsa::signature::Verifier as _;
use quittance_ledger::KeyAlgorithm;

use super::{PresentedSignature, RequestParts, SignatureError, parse, sign};

const DEVICE: &str = "5b6f0c0e-7d2a-8c1b-9e00-0123456789ab";
const NONCE: &str = "Zm9yIG9uZSB1c2Ugb25seQ";
const CREATED_SECS: u64 = 1_795_000_000;
const TARGET: &str = "https://pay.example/v1/transfers?dry=1";
const BODY: &[u8] = br#"{"amount":"12.50"}"#;

/// RFC 9421, appendix B.1.4.
fn ed25519_key() -> SigningKey {
    let secret = URL_SAFE_NO_PAD.decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU").unwrap();
    SigningKey::from_bytes(&secret.try_into().unwrap())
}

/// RFC 9421, appendix B.1.4, from the other half, so that a slip in one of the two shows.
fn ed25519_public_key() -> VerifyingKey {
    let public = URL_SAFE_NO_PAD.decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs").unwrap();
    VerifyingKey::from_bytes(&public.try_into().unwrap()).unwrap()
}

/// RFC 9421, appendix B.1.3: the point at the end of the SubjectPublicKeyInfo.
fn p256_public_key() -> p256::ecdsa::VerifyingKey {
    let spki = STANDARD
        .decode(concat!(
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf",
            "w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ=="
        ))
        .unwrap();
    p256::ecdsa::VerifyingKey::from_sec1_bytes(&spki[spki.len() - 65..]).unwrap()
}

fn ed25519_verifies(base: &[u8], signature: &[u8; 64]) -> bool {
    ed25519_public_key().verify_strict(base, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
}

fn p256_verifies(base: &[u8], signature: &[u8; 64]) -> bool {
    let signature = p256::ecdsa::Signature::from_slice(signature).unwrap();
    p256_public_key().verify(base, &signature).is_ok()
}

fn ed25519_signs(base: &[u8]) -> [u8; 64] {
    ed25519_key().sign(base).to_bytes()
}

fn parts<'a>(method: &'a Method, target_uri: &'a str, body: &'a [u8]) -> RequestParts<'a> {
    RequestParts { method, target_uri, body }
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// The headers of a POST of `BODY` to `TARGET`, signed by the RFC's Ed25519 key.
fn signed_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let request = parts(&Method::POST, TARGET, BODY);
    sign(&request, DEVICE, KeyAlgorithm::Ed25519, CREATED_SECS, NONCE, ed25519_signs)
        .unwrap()
        .insert_into(&mut headers);
    headers
}

fn verify_with(signature: &PresentedSignature, request: &RequestParts<'_>) -> Result<(), SignatureError> {
    signature.verify(request.method, request.target_uri, KeyAlgorithm::Ed25519, ed25519_verifies)?;
    signature.check_body(request.body)
}
