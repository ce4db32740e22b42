//! The examples of RFC 9421 and RFC 9530, of which only the data are theirs.
//!
//! None of them has all that the profile asks for, so they are read unchecked, one step before the profile.

use super::super::base::{push_line, signature_base};
use super::super::component::Target;
use super::super::digest::{Digests, content_digest};
use super::super::unchecked::UncheckedSignature;
use super::*;

const RFC_TARGET: &str = "https://example.com/foo?param=Value&Pet=dog";
const RFC_BODY: &[u8] = br#"{"hello": "world"}"#;
const RFC_DIGEST: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
const CLIENT_CERT: &str = concat!(
    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVy",
    "bWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQ",
    "cDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0T",
    "BAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR",
    "0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEA",
    "x/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:",
);

/// The request of appendix B.2, with a signature.
fn rfc_headers(input: &str, signature: &str) -> HeaderMap {
    headers(&[
        ("Host", "example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("Content-Type", "application/json"),
        ("Content-Digest", RFC_DIGEST),
        ("Content-Length", "18"),
        ("Signature-Input", input),
        ("Signature", signature),
    ])
}

fn base_of(signature: &UncheckedSignature, method: &Method, target: &str) -> Vec<u8> {
    let request = parts(method, target, RFC_BODY);
    signature_base(
        &signature.components,
        &Target::read(request.method, request.target_uri).unwrap(),
        &signature.signature_params,
    )
}

fn text(base: &[u8]) -> &str {
    std::str::from_utf8(base).unwrap()
}

#[test]
fn the_keys_halves_belong_together() {
    assert_eq!(ed25519_key().verifying_key(), ed25519_public_key());
}

#[test]
fn appendix_b_2_6_ed25519() {
    let read = UncheckedSignature::read(&rfc_headers(
        "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
         ;created=1618884473;keyid=\"test-key-ed25519\"",
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    ))
    .unwrap();
    let base = base_of(&read, &Method::POST, RFC_TARGET);
    assert_eq!(
        text(&base),
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
         \"@method\": POST\n\
         \"@path\": /foo\n\
         \"@authority\": example.com\n\
         \"content-type\": application/json\n\
         \"content-length\": 18\n\
         \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
         ;created=1618884473;keyid=\"test-key-ed25519\""
    );
    assert!(ed25519_verifies(&base, &read.signature));
    // Ed25519 leaves nothing to chance, so signing gives the RFC's bytes.
    assert_eq!(ed25519_signs(&base), read.signature);
    assert_eq!(read.parameters.created_secs, Some(1_618_884_473));
    assert_eq!(read.parameters.key_id.as_deref(), Some("test-key-ed25519"));
}

#[test]
fn appendix_b_2_6_under_another_method_does_not_verify() {
    let read = UncheckedSignature::read(&rfc_headers(
        "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
         ;created=1618884473;keyid=\"test-key-ed25519\"",
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    ))
    .unwrap();
    assert!(!ed25519_verifies(&base_of(&read, &Method::PUT, RFC_TARGET), &read.signature));
}

/// The example is a response, whose status this module has no component for: its lines are put together by hand.
#[test]
fn appendix_b_2_4_ecdsa_p256() {
    let digest =
        "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:";
    let params = "(\"@status\" \"content-type\" \"content-digest\" \"content-length\")\
                  ;created=1618884473;keyid=\"test-key-ecc-p256\"";
    let mut base = String::new();
    for (name, value) in [
        ("@status", "200"),
        ("content-type", "application/json"),
        ("content-digest", digest),
        ("content-length", "23"),
    ] {
        push_line(&mut base, name, value);
        base.push('\n');
    }
    push_line(&mut base, "@signature-params", params);
    assert_eq!(
        base,
        "\"@status\": 200\n\
         \"content-type\": application/json\n\
         \"content-digest\": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5a\
         GgfLQ==:\n\
         \"content-length\": 23\n\
         \"@signature-params\": (\"@status\" \"content-type\" \"content-digest\" \"content-length\")\
         ;created=1618884473;keyid=\"test-key-ecc-p256\""
    );
    let signature = STANDARD
        .decode("wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==")
        .unwrap();
    assert!(p256_verifies(base.as_bytes(), &signature.try_into().unwrap()));
    assert_eq!(Digests::read(digest).ok().unwrap().check(br#"{"message": "good dog"}"#), Ok(()));
}

/// The same request as it is signed in section 4.3, by the client alone.
#[test]
fn section_4_3_ecdsa_p256_with_a_digest() {
    let read = UncheckedSignature::read(&rfc_headers(
        "sig1=(\"@method\" \"@authority\" \"@path\" \"content-digest\" \"content-type\" \"content-length\")\
         ;created=1618884475;keyid=\"test-key-ecc-p256\"",
        "sig1=:X5spyd6CFnAG5QnDyHfqoSNICd+BUP4LYMz2Q0JXlb//4Ijpzp+kve2w4NIyqeAuM7jTDX+sNalzA8ESSaHD3A==:",
    ))
    .unwrap();
    assert!(p256_verifies(&base_of(&read, &Method::POST, RFC_TARGET), &read.signature));
}

#[test]
fn appendix_b_3_ecdsa_p256_with_a_query() {
    let read = UncheckedSignature::read(&headers(&[
        ("Client-Cert", CLIENT_CERT),
        (
            "Signature-Input",
            "ttrp=(\"@path\" \"@query\" \"@method\" \"@authority\" \"client-cert\")\
             ;created=1618884473;keyid=\"test-key-ecc-p256\"",
        ),
        (
            "Signature",
            "ttrp=:xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==:",
        ),
    ]))
    .unwrap();
    let target = "https://service.internal.example/foo?param=Value&Pet=dog";
    assert!(p256_verifies(&base_of(&read, &Method::POST, target), &read.signature));
}

/// A header in two lines and in one is the same header; its parts in another order are another.
#[test]
fn appendix_b_4_ed25519_with_a_header_in_lines() {
    let input = "transform=(\"@method\" \"@path\" \"@authority\" \"accept\");created=1618884473;keyid=\"test-key-ed25519\"";
    let signature = "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:";
    let target = "https://example.org/demo?name1=Value1&Name2=value2";
    let verifies = |accepts: &[&str]| {
        let mut lines = vec![("Signature-Input", input), ("Signature", signature)];
        lines.extend(accepts.iter().map(|accept| ("Accept", *accept)));
        let read = UncheckedSignature::read(&headers(&lines)).unwrap();
        ed25519_verifies(&base_of(&read, &Method::GET, target), &read.signature)
    };
    assert!(verifies(&["application/json", "*/*"]));
    assert!(verifies(&["application/json, */*"]));
    assert!(verifies(&["  application/json ", " */*\t"]));
    assert!(!verifies(&["*/*", "application/json"]));
}

#[test]
fn rfc_9530_digests() {
    let body = b"{\"hello\": \"world\"}\n";
    assert_eq!(content_digest(body), "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
    assert_eq!(content_digest(b""), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    assert_eq!(Digests::read(RFC_DIGEST).ok().unwrap().check(RFC_BODY), Ok(()));
}

/// What sections 2.2.3, 2.2.6 and 2.2.7 say of a target's parts.
#[test]
fn the_parts_of_a_target_are_normalised() {
    let value = |name: &str, target: &str| {
        let component = super::super::component::Component::read(name, &HeaderMap::new()).unwrap();
        component.value(&Target::read(&Method::GET, target).unwrap()).into_owned()
    };
    assert_eq!(value("@authority", "https://WWW.Example.com:443/"), "www.example.com");
    assert_eq!(value("@authority", "http://example.com:80/"), "example.com");
    assert_eq!(value("@authority", "https://example.com:8443/"), "example.com:8443");
    assert_eq!(value("@authority", "https://[2001:DB8::1]:443/"), "[2001:db8::1]");
    assert_eq!(value("@scheme", "HTTPS://example.com/"), "https");
    assert_eq!(value("@path", "https://example.com"), "/");
    assert_eq!(value("@path", "https://example.com?a=b"), "/");
    assert_eq!(value("@path", "https://example.com/a%2Fb/"), "/a%2Fb/");
    assert_eq!(value("@query", "https://example.com/"), "?");
    assert_eq!(value("@query", "https://example.com/?"), "?");
    assert_eq!(value("@query", "https://example.com/?a=b&c"), "?a=b&c");
    assert_eq!(value("@target-uri", "https://Example.com:443/a?b"), "https://Example.com:443/a?b");
}
