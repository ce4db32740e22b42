//! Every way a signature can fall short of the profile, one row each.

use super::super::digest::Digests;
use super::super::{
    CONTENT_DIGEST, MAX_COVERED_FIELD_BYTES, MAX_TARGET_URI_BYTES, SIGNATURE, SIGNATURE_INPUT,
};
use super::*;

const COVERED: &str = "\"@method\" \"@target-uri\" \"content-digest\"";
const PARAMETERS: &str = "created=1795000000;nonce=\"Zm9yIG9uZSB1c2Ugb25seQ\";keyid=\"d\"";
const DIGEST: &str = "sha-256=:uKX6Pq06GCcq2G8KSIFxTN+g6RjdX3nemD5ZoZHx7JM=:";

fn a_signature() -> String {
    format!("s=:{}:", STANDARD.encode([1; 64]))
}

/// What comes of a request with these lines, and a signature and a digest unless the lines say other ones.
fn refusal_of(lines: &[(&str, &str)]) -> SignatureError {
    let mut sent = headers(lines);
    for (name, value) in [("signature", a_signature()), ("content-digest", DIGEST.to_owned())] {
        if !sent.contains_key(name) {
            sent.insert(name, HeaderValue::from_str(&value).unwrap());
        }
    }
    parse(&sent).unwrap_err()
}

fn refusal_of_input(input: &str) -> SignatureError {
    refusal_of(&[("signature-input", input)])
}

fn refusal_of_covered(covered: &str) -> SignatureError {
    refusal_of_input(&format!("s=({covered});{PARAMETERS}"))
}

fn refusal_of_parameters(parameters: &str) -> SignatureError {
    refusal_of_input(&format!("s=({COVERED});{parameters}"))
}

#[test]
fn the_least_that_passes() {
    let input = format!("s=({COVERED});{PARAMETERS}");
    let lines =
        [("signature-input", input.as_str()), ("signature", &a_signature()), ("content-digest", DIGEST)];
    assert!(parse(&headers(&lines)).is_ok());
}

#[test]
fn every_required_component_is_missed() {
    for (covered, component) in [
        ("", "@method"),
        ("\"@target-uri\" \"content-digest\"", "@method"),
        ("\"@method\" \"content-digest\"", "@target-uri"),
        ("\"@method\" \"@path\" \"@authority\" \"@query\" \"content-digest\"", "@target-uri"),
        ("\"@method\" \"@target-uri\"", "content-digest"),
    ] {
        assert_eq!(refusal_of_covered(covered), SignatureError::ComponentMissing { component }, "{covered}");
    }
}

#[test]
fn components_outside_the_profile_are_refused_by_name() {
    for name in [
        "@request-target",
        "@query-param",
        "@status",
        "@signature-params",
        "@Method",
        "@",
        "",
        "Content-Type",
        "signature",
        "signature-input",
        "a b",
        "x:y",
    ] {
        let refusal = refusal_of_covered(&format!("{COVERED} \"{name}\""));
        assert_eq!(refusal, SignatureError::ComponentUnsupported { component: name.to_owned() });
    }
}

#[test]
fn components_with_flags_are_refused() {
    for (item, component, flag) in [
        ("\"content-digest\";bs", "content-digest", "bs"),
        ("\"content-digest\";sf", "content-digest", "sf"),
        ("\"content-digest\";key=\"sha-256\"", "content-digest", "key"),
        ("\"@method\";req", "@method", "req"),
        ("\"x-late\";tr", "x-late", "tr"),
        ("\"@query-param\";name=\"a\"", "@query-param", "name"),
    ] {
        let expected =
            SignatureError::ComponentFlag { component: component.to_owned(), flag: flag.to_owned() };
        assert_eq!(refusal_of_covered(item), expected, "{item}");
    }
}

#[test]
fn repeated_components_are_refused() {
    for name in ["@method", "content-digest"] {
        let refusal = refusal_of_covered(&format!("{COVERED} \"{name}\""));
        assert_eq!(refusal, SignatureError::ComponentRepeated { component: name.to_owned() });
    }
}

#[test]
fn a_covered_header_must_be_there_and_be_readable() {
    let x = HeaderName::from_static("x-extra");
    let input = format!("s=({COVERED} \"x-extra\");{PARAMETERS}");
    let refusal = |value: &str| refusal_of(&[("signature-input", input.as_str()), ("x-extra", value)]);
    assert_eq!(refusal_of_input(&input), SignatureError::HeaderMissing { header: x.clone() });
    assert_eq!(refusal("caf\u{e9}"), SignatureError::HeaderNotAscii { header: x.clone() });
    assert_eq!(
        refusal(&"x".repeat(MAX_COVERED_FIELD_BYTES + 1)),
        SignatureError::HeaderTooLong { header: x, max_bytes: MAX_COVERED_FIELD_BYTES }
    );
}

#[test]
fn too_many_components_are_refused() {
    let covered = format!("{COVERED}{}", " \"x\"".repeat(14));
    assert_eq!(refusal_of_covered(&covered), SignatureError::TooManyComponents { max: 16 });
}

#[test]
fn every_required_parameter_is_missed() {
    for parameter in ["created", "nonce", "keyid"] {
        let rest: Vec<&str> = PARAMETERS.split(';').filter(|one| !one.starts_with(parameter)).collect();
        assert_eq!(refusal_of_parameters(&rest.join(";")), SignatureError::ParameterMissing { parameter });
    }
}

#[test]
fn parameters_of_another_form_are_refused() {
    let long = format!("nonce=\"{}\"", "n".repeat(65));
    let long_key = format!("keyid=\"{}\"", "k".repeat(65));
    for (given, parameter) in [
        ("created=-1", "created"),
        ("created=1795000000.0", "created"),
        ("created=\"1795000000\"", "created"),
        ("created=@1795000000", "created"),
        ("created", "created"),
        ("expires=soon", "expires"),
        ("nonce=\"fifteen-letters\"", "nonce"),
        ("nonce=\"sixteen letters.\"", "nonce"),
        ("nonce=\"Zm9yIG9uZSB1c2U=\"", "nonce"),
        ("nonce=Zm9yIG9uZSB1c2Ugb25seQ", "nonce"),
        (&long, "nonce"),
        ("keyid=\"\"", "keyid"),
        ("keyid=\"a b\"", "keyid"),
        ("keyid=:AAAA:", "keyid"),
        (&long_key, "keyid"),
        ("alg=\"hmac-sha256\"", "alg"),
        ("alg=\"ED25519\"", "alg"),
        ("alg=ed25519", "alg"),
    ] {
        let refusal = refusal_of_parameters(given);
        assert!(
            matches!(refusal, SignatureError::ParameterInvalid { parameter: named, .. } if named == parameter)
        );
    }
}

#[test]
fn other_and_repeated_parameters_are_refused() {
    for parameter in ["tag", "created2", "x"] {
        let refusal = refusal_of_parameters(&format!("{PARAMETERS};{parameter}=\"quittance\""));
        assert_eq!(refusal, SignatureError::ParameterUnsupported { parameter: parameter.to_owned() });
    }
    for (again, parameter) in [("created=1795000000", "created"), ("keyid=\"e\"", "keyid")] {
        let refusal = refusal_of_parameters(&format!("{PARAMETERS};{again}"));
        assert_eq!(refusal, SignatureError::ParameterRepeated { parameter: parameter.to_owned() });
    }
}

#[test]
fn several_signatures_are_refused() {
    let one = format!("s=({COVERED});{PARAMETERS}");
    let several = |header| SignatureError::SeveralSignatures { header };
    assert_eq!(refusal_of_input(&format!("{one}, t{}", &one[1..])), several(SIGNATURE_INPUT));
    // By the letter of RFC 9651 the second would replace the first.
    assert_eq!(refusal_of_input(&format!("{one}, {one}")), several(SIGNATURE_INPUT));
    let two = format!("{}, t=:AAAA:", a_signature());
    assert_eq!(refusal_of(&[("signature-input", &one), ("signature", &two)]), several(SIGNATURE));
    assert_eq!(
        refusal_of(&[("signature-input", &one), ("signature-input", &one)]),
        SignatureError::HeaderRepeated { header: SIGNATURE_INPUT }
    );
    assert_eq!(
        refusal_of(&[("signature-input", &one), ("signature", "s=:AAAA:"), ("signature", "s=:AAAA:")]),
        SignatureError::HeaderRepeated { header: SIGNATURE }
    );
}

#[test]
fn labels_must_be_the_same() {
    assert_eq!(refusal_of_input(&format!("t=({COVERED});{PARAMETERS}")), SignatureError::LabelsDiffer);
}

#[test]
fn headers_must_be_there_short_and_well_formed() {
    assert_eq!(
        parse(&HeaderMap::new()).unwrap_err(),
        SignatureError::HeaderMissing { header: SIGNATURE_INPUT }
    );
    assert_eq!(refusal_of_input(""), SignatureError::HeaderMissing { header: SIGNATURE_INPUT });
    let input = format!("s=({COVERED});{PARAMETERS}");
    let without_signature = headers(&[("signature-input", &input), ("content-digest", DIGEST)]);
    assert_eq!(parse(&without_signature).unwrap_err(), SignatureError::HeaderMissing { header: SIGNATURE });
    let without_digest = headers(&[("signature-input", &input), ("signature", &a_signature())]);
    assert_eq!(parse(&without_digest).unwrap_err(), SignatureError::HeaderMissing { header: CONTENT_DIGEST });

    assert!(matches!(
        refusal_of_input(&" ".repeat(1_025)),
        SignatureError::HeaderTooLong { max_bytes: 1_024, .. }
    ));
    let long = "s".repeat(257);
    let refusal = refusal_of(&[("signature-input", &input), ("signature", &long)]);
    assert!(matches!(refusal, SignatureError::HeaderTooLong { max_bytes: 256, .. }));
    let long = format!("{DIGEST}, x=:{}:", "A".repeat(480));
    let refusal = refusal_of(&[("signature-input", &input), ("content-digest", &long)]);
    assert!(matches!(refusal, SignatureError::HeaderTooLong { max_bytes: 512, .. }));

    for broken in
        ["s=", "s=(\"@method\"", "s=(\"@method\",)", "s=\"@method\"", "s", "S=()", "s=(@method)", "s=(1 2)"]
    {
        let refusal = refusal_of_input(broken);
        assert!(
            matches!(refusal, SignatureError::HeaderMalformed { header, .. } if header == SIGNATURE_INPUT)
        );
    }
    let short = format!("s=:{}:", STANDARD.encode([1; 63]));
    let trailed = format!("{};a=1", a_signature());
    let listed = a_signature().replace("s=", "s=(") + ")";
    for broken in ["s=1", "s", "s=(:AAAA:)", "s=:*:", "s=()", &short, &trailed, &listed] {
        let refusal = refusal_of(&[("signature-input", &input), ("signature", broken)]);
        assert!(matches!(refusal, SignatureError::HeaderMalformed { header, .. } if header == SIGNATURE));
    }
}

#[test]
fn digests_must_be_known_and_unambiguous() {
    let input = format!("s=({COVERED});{PARAMETERS}");
    let refusal = |digest: &str| refusal_of(&[("signature-input", &input), ("content-digest", digest)]);
    for unknown in ["", "md5=:AAAA:", "sha=:AAAA:, unixsum=:AAAA:"] {
        assert_eq!(refusal(unknown), SignatureError::DigestUnknown, "{unknown}");
    }
    let twice = format!("{DIGEST}, {DIGEST}");
    for broken in [
        "sha-256",
        "sha-256=1",
        "sha-256=()",
        "sha-256=(:AAAA:)",
        "sha-256=\"AAAA\"",
        "sha-256=:AAAA",
        &twice,
    ] {
        assert!(
            matches!(refusal(broken), SignatureError::HeaderMalformed { header, .. } if header == CONTENT_DIGEST)
        );
    }
}

#[test]
fn every_known_digest_must_fit_the_body() {
    let sha512 =
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
    let outcome = |text: &str, body: &[u8]| Digests::read(text).ok().unwrap().check(body);
    let hello: &[u8] = br#"{"hello": "world"}"#;
    assert_eq!(outcome(sha512, hello), Ok(()));
    assert_eq!(outcome(&format!("md5=:AAAA:, {sha512}"), hello), Ok(()));
    assert_eq!(outcome(sha512, b""), Err(SignatureError::DigestDiffers { algorithm: "sha-512" }));
    let both = format!("{sha512}, {DIGEST}");
    assert_eq!(outcome(&both, hello), Err(SignatureError::DigestDiffers { algorithm: "sha-256" }));
    assert_eq!(outcome(&both, BODY), Err(SignatureError::DigestDiffers { algorithm: "sha-512" }));
    // A digest cut short is another digest, not a weaker one.
    assert_eq!(outcome("sha-256=:uKX6:", BODY), Err(SignatureError::DigestDiffers { algorithm: "sha-256" }));
    assert_eq!(outcome("sha-256=::", BODY), Err(SignatureError::DigestDiffers { algorithm: "sha-256" }));
}

#[test]
fn a_target_unfit_to_be_signed_is_refused_on_both_sides() {
    let signature = parse(&signed_headers()).unwrap();
    let long = format!("https://pay.example/{}", "a".repeat(MAX_TARGET_URI_BYTES));
    for target in [
        "",
        "/v1/transfers",
        "pay.example",
        "https:///v1",
        "https://user@pay.example/",
        "https://pay.example:/",
        "https://pay.example:99999/",
        "https://pay.example/#top",
        "https://pay.example/a b",
        "https://pay.example/\n\"@method\": GET",
        "https://pay.example/caf\u{e9}",
        "*",
        &long,
    ] {
        let request = parts(&Method::POST, target, BODY);
        let refusal =
            signature.verify(&Method::POST, target, KeyAlgorithm::Ed25519, |_, _| true).unwrap_err();
        assert!(matches!(refusal, SignatureError::TargetUri { .. }), "{target}");
        let signed = sign(&request, DEVICE, KeyAlgorithm::Ed25519, CREATED_SECS, NONCE, |_| [0; 64]);
        assert_eq!(signed.unwrap_err(), refusal);
    }
}

#[test]
fn a_client_learns_of_its_mistake_before_it_sends() {
    let request = parts(&Method::POST, TARGET, BODY);
    let refusal = |key_id: &str, created_secs, nonce: &str| {
        sign(&request, key_id, KeyAlgorithm::Ed25519, created_secs, nonce, |_| [0; 64]).unwrap_err()
    };
    for (refusal, parameter) in [
        (refusal("", CREATED_SECS, NONCE), "keyid"),
        (refusal("d\u{e9}vice", CREATED_SECS, NONCE), "keyid"),
        (refusal(DEVICE, u64::MAX, NONCE), "created"),
        (refusal(DEVICE, CREATED_SECS, "short"), "nonce"),
    ] {
        assert!(
            matches!(refusal, SignatureError::ParameterInvalid { parameter: named, .. } if named == parameter)
        );
    }
}

#[test]
fn refusals_read_well() {
    assert_eq!(
        refusal_of_covered("\"@method\"").to_string(),
        "the signature does not cover @target-uri: add it to the covered components in signature-input"
    );
    assert_eq!(
        refusal_of_input("s=(").to_string(),
        "the header signature-input can't be read: unterminated inner list at index 3"
    );
}
