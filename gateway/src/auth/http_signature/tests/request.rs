//! A signed request: what it looks like, that it passes, and that nothing in it can be changed.

use super::*;

fn verified(headers: &HeaderMap, request: &RequestParts<'_>) -> Result<(), SignatureError> {
    parse(headers).and_then(|signature| verify_with(&signature, request))
}

/// The headers with one of them edited.
fn edited(name: &str, from: &str, to: &str) -> HeaderMap {
    let mut headers = signed_headers();
    let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
    let before = headers.get(&name).unwrap().to_str().unwrap().to_owned();
    let after = before.replace(from, to);
    assert_ne!(before, after, "the edit must change something");
    headers.insert(name, HeaderValue::from_str(&after).unwrap());
    headers
}

#[test]
fn a_signed_request_looks_so() {
    let headers = signed_headers();
    assert_eq!(
        headers.get("signature-input").unwrap(),
        "sig1=(\"@method\" \"@target-uri\" \"content-digest\");created=1795000000;nonce=\"Zm9yIG9uZSB1c2Ugb25seQ\"\
         ;keyid=\"5b6f0c0e-7d2a-8c1b-9e00-0123456789ab\";alg=\"ed25519\""
    );
    assert_eq!(
        headers.get("content-digest").unwrap(),
        "sha-256=:uKX6Pq06GCcq2G8KSIFxTN+g6RjdX3nemD5ZoZHx7JM=:"
    );
    assert!(headers.get("signature").unwrap().to_str().unwrap().starts_with("sig1=:"));
}

#[test]
fn a_signed_request_passes_and_says_who_when_and_once() {
    let signature = parse(&signed_headers()).unwrap();
    assert_eq!(signature.key_id(), DEVICE);
    assert_eq!(signature.created_secs(), CREATED_SECS);
    assert_eq!(signature.expires_secs(), None);
    assert_eq!(signature.nonce(), NONCE);
    assert_eq!(verify_with(&signature, &parts(&Method::POST, TARGET, BODY)), Ok(()));
}

#[test]
fn a_p256_device_passes() {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let request = parts(&Method::GET, "https://pay.example/v1/wallets", b"");
    let mut headers = HeaderMap::new();
    sign(&request, DEVICE, KeyAlgorithm::P256, CREATED_SECS, NONCE, |base| {
        let signature: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(&key, base);
        signature.to_bytes().into()
    })
    .unwrap()
    .insert_into(&mut headers);
    let parsed = parse(&headers).unwrap();
    let passes = parsed.verify(request.method, request.target_uri, KeyAlgorithm::P256, |base, signature| {
        let signature = p256::ecdsa::Signature::from_slice(signature).unwrap();
        key.verifying_key().verify(base, &signature).is_ok()
    });
    assert_eq!(passes, Ok(()));
}

#[test]
fn the_method_the_target_and_the_body_can_not_be_changed() {
    let headers = signed_headers();
    let refusal = |method, target, body| verified(&headers, &parts(&method, target, body)).unwrap_err();
    let invalid = SignatureError::SignatureInvalid;
    assert_eq!(refusal(Method::PUT, TARGET, BODY), invalid);
    for target in [
        "https://pay.example/v1/transfers?dry=0",
        "https://pay.example/v1/transfers?dry=1&dry=0",
        "https://pay.example/v1/transfers",
        "https://pay.example/v1/refunds?dry=1",
        "https://pay.example:444/v1/transfers?dry=1",
        "https://other.example/v1/transfers?dry=1",
        "http://pay.example/v1/transfers?dry=1",
    ] {
        assert_eq!(refusal(Method::POST, target, BODY), invalid, "{target}");
    }
    let differs = SignatureError::DigestDiffers { algorithm: "sha-256" };
    assert_eq!(refusal(Method::POST, TARGET, br#"{"amount":"92.50"}"#), differs);
    assert_eq!(refusal(Method::POST, TARGET, b""), differs);
}

#[test]
fn nothing_can_be_put_into_an_empty_body() {
    let mut headers = HeaderMap::new();
    let request = parts(&Method::GET, TARGET, b"");
    sign(&request, DEVICE, KeyAlgorithm::Ed25519, CREATED_SECS, NONCE, ed25519_signs)
        .unwrap()
        .insert_into(&mut headers);
    assert_eq!(verified(&headers, &request), Ok(()));
    assert_eq!(
        verified(&headers, &parts(&Method::GET, TARGET, b" ")),
        Err(SignatureError::DigestDiffers { algorithm: "sha-256" })
    );
}

#[test]
fn the_digest_and_the_parameters_can_not_be_changed() {
    let request = parts(&Method::POST, TARGET, BODY);
    for (header, from, to) in [
        ("content-digest", "uKX6", "uKX7"),
        ("content-digest", "sha-256=", "sha-512=:AAAA:, sha-256="),
        ("signature-input", "1795000000", "1795000001"),
        ("signature-input", "1795000000", "1795000000;expires=1895000000"),
        ("signature-input", "Zm9y", "Zm9z"),
        ("signature-input", "5b6f", "5b6e"),
        ("signature-input", ";alg=\"ed25519\"", ""),
        ("signature-input", "\"@method\" \"@target-uri\"", "\"@target-uri\" \"@method\""),
        ("signature-input", "\"content-digest\"", "\"content-digest\" \"@path\""),
    ] {
        assert_eq!(
            verified(&edited(header, from, to), &request),
            Err(SignatureError::SignatureInvalid),
            "{to}"
        );
    }
}

#[test]
fn the_label_is_not_signed_and_any_will_do() {
    let mut headers = edited("signature-input", "sig1=", "till-9=");
    let signature = headers.get("signature").unwrap().to_str().unwrap().replace("sig1=", "till-9=");
    headers.insert("signature", HeaderValue::from_str(&signature).unwrap());
    assert_eq!(verified(&headers, &parts(&Method::POST, TARGET, BODY)), Ok(()));
}

/// Clients write parameters in the order they like, and white space where the syntax has room for it.
#[test]
fn another_client_may_write_it_otherwise() {
    let digest = "sha-256=:uKX6Pq06GCcq2G8KSIFxTN+g6RjdX3nemD5ZoZHx7JM=:";
    let params = format!(
        "(\"content-digest\" \"@authority\" \"idempotency-key\" \"@target-uri\" \"@method\")\
         ;keyid=\"{DEVICE}\";expires=1795000060;nonce=\"{NONCE}\";created=1795000000"
    );
    let base = format!(
        "\"content-digest\": {digest}\n\"@authority\": pay.example\n\"idempotency-key\": k-1\n\"@target-uri\": {TARGET}\n\
         \"@method\": POST\n\"@signature-params\": {params}"
    );
    let signature = format!("a=:{}:", STANDARD.encode(ed25519_signs(base.as_bytes())));
    let spaced = format!("  a={}", params.replace("(\"", "(  \"").replace(";keyid", "; keyid"));
    let headers = headers(&[
        ("Content-Digest", digest),
        ("Idempotency-Key", " k-1 "),
        ("Signature", &signature),
        ("Signature-Input", &spaced),
    ]);
    let signature = parse(&headers).unwrap();
    assert_eq!(signature.expires_secs(), Some(1_795_000_060));
    assert_eq!(verify_with(&signature, &parts(&Method::POST, TARGET, BODY)), Ok(()));
}

#[test]
fn a_covered_header_can_not_be_changed() {
    let digest = "sha-256=:uKX6Pq06GCcq2G8KSIFxTN+g6RjdX3nemD5ZoZHx7JM=:";
    let params = format!(
        "(\"@method\" \"@target-uri\" \"content-digest\" \"idempotency-key\")\
         ;created=1795000000;keyid=\"{DEVICE}\";nonce=\"{NONCE}\""
    );
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {TARGET}\n\"content-digest\": {digest}\n\"idempotency-key\": k-1\n\
         \"@signature-params\": {params}"
    );
    let signature = format!("a=:{}:", STANDARD.encode(ed25519_signs(base.as_bytes())));
    let input = format!("a={params}");
    let outcome = |key: &str| {
        let lines = [
            ("content-digest", digest),
            ("idempotency-key", key),
            ("signature", signature.as_str()),
            ("signature-input", input.as_str()),
        ];
        verified(&headers(&lines), &parts(&Method::POST, TARGET, BODY))
    };
    assert_eq!(outcome("k-1"), Ok(()));
    assert_eq!(outcome("k-2"), Err(SignatureError::SignatureInvalid));
}

#[test]
fn freshness_is_kept_to_the_second() {
    let signature = parse(&signed_headers()).unwrap();
    let at = |now_secs| signature.check_fresh(now_secs, 60, 5);
    assert_eq!(at(CREATED_SECS - 6), Err(SignatureError::Ahead { ahead_secs: 6, max_ahead_secs: 5 }));
    assert_eq!(at(CREATED_SECS - 5), Ok(()));
    assert_eq!(at(CREATED_SECS + 60), Ok(()));
    assert_eq!(at(CREATED_SECS + 61), Err(SignatureError::Stale { age_secs: 61, max_age_secs: 60 }));
    assert!(at(0).is_err());
    assert!(at(u64::MAX).is_err());
}

#[test]
fn an_expired_signature_is_refused_while_it_is_young() {
    let signature = parse(&edited("signature-input", "1795000000", "1795000000;expires=1795000010")).unwrap();
    assert_eq!(signature.check_fresh(CREATED_SECS + 10, 60, 5), Ok(()));
    assert_eq!(
        signature.check_fresh(CREATED_SECS + 11, 60, 5),
        Err(SignatureError::Expired { late_secs: 1 })
    );
}

#[test]
fn the_algorithm_must_be_the_keys() {
    let signature = parse(&signed_headers()).unwrap();
    let outcome = signature.verify(&Method::POST, TARGET, KeyAlgorithm::P256, |_, _| true);
    assert_eq!(outcome, Err(SignatureError::AlgorithmDiffers { expected: "ecdsa-p256-sha256" }));
}

#[test]
fn what_is_written_to_a_log_holds_no_header_values() {
    let mut headers = signed_headers();
    headers.insert("authorization", HeaderValue::from_static("Bearer s3cret"));
    let input = headers.get("signature-input").unwrap().to_str().unwrap().to_owned();
    let input = input.replace("\"content-digest\"", "\"content-digest\" \"authorization\"");
    headers.insert("signature-input", HeaderValue::from_str(&input).unwrap());
    let shown = format!("{:?}", parse(&headers).unwrap());
    assert!(shown.contains("authorization") && shown.contains(DEVICE), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
}
