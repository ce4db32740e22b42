//! The headers that say who asks.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use quittance_gateway::auth::http_signature::{
    MAX_COMPONENTS, MAX_COVERED_FIELD_BYTES, MAX_KEY_ID_BYTES, MAX_NONCE_BYTES, MAX_TARGET_URI_BYTES,
    MIN_NONCE_BYTES, parse,
};
use quittance_ledger::KeyAlgorithm;

const TARGET: &str = "https://pay.example.com/v1/transfers?limit=1";

/// A line is a header, the rest after an empty one the body. What is read keeps to the profile, and what is signed is bounded.
pub(crate) fn run(data: &[u8]) {
    let (head, body) = match data.windows(2).position(|two| two == b"\n\n") {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[][..]),
    };
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n').take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let Ok(signature) = parse(&headers) else { return };
    assert!((MIN_NONCE_BYTES..=MAX_NONCE_BYTES).contains(&signature.nonce().len()));
    assert!(signature.key_id().len() <= MAX_KEY_ID_BYTES);
    for now in [0, signature.created_secs(), u64::MAX] {
        let _ = signature.check_fresh(now, 60, 10);
    }
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::P256] {
        let _ = signature.verify(&Method::POST, TARGET, algorithm, |base, _| {
            assert!(
                base.len() <= MAX_COMPONENTS * (MAX_COVERED_FIELD_BYTES + 256) + MAX_TARGET_URI_BYTES + 2_048
            );
            let base = std::str::from_utf8(base).unwrap();
            let last = base.lines().last().unwrap();
            assert!(last.starts_with("\"@signature-params\": ("), "{last}");
            assert!(
                base.contains("\"@method\": POST\n")
                    && base.contains(&format!("\"@target-uri\": {TARGET}\n"))
            );
            true
        });
    }
    let _ = signature.check_body(body);
}
