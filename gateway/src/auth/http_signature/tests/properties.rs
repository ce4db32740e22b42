//! What holds for any request, and for any headers at all.

use proptest::prelude::*;

use super::super::unchecked::UncheckedSignature;
use super::*;

/// Text that gets past the first character of the parsers more often than chance would.
fn nearly_a_header() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("sig1=".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just(";".to_owned()),
        Just(", ".to_owned()),
        Just(" ".to_owned()),
        Just(":".to_owned()),
        Just("\"@method\"".to_owned()),
        Just("\"@target-uri\"".to_owned()),
        Just("\"content-digest\"".to_owned()),
        Just("\"@query-param\";name=\"a\"".to_owned()),
        Just("created=1795000000".to_owned()),
        Just("expires=-5".to_owned()),
        Just("nonce=\"Zm9yIG9uZSB1c2Ugb25seQ\"".to_owned()),
        Just("keyid=\"d\"".to_owned()),
        Just("sha-256=:AAAA:".to_owned()),
        Just("%\"%c3%a9\"".to_owned()),
        Just("\"\\\"".to_owned()),
        Just("999999999999999".to_owned()),
        "[ -~]{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn any_header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![nearly_a_header().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..64)]
}

fn any_method() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::GET),
        Just(Method::POST),
        Just(Method::DELETE),
        "[A-Z]{1,12}".prop_map(|name| Method::from_bytes(name.as_bytes()).unwrap()),
    ]
}

fn any_target() -> impl Strategy<Value = String> {
    "https?://[a-z]{1,8}\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?(/[a-zA-Z0-9._~%!$&'()*+,;=:@-]{0,8}){0,4}(\\?[a-z0-9=&%+]{0,16})?"
}

proptest! {
    #[test]
    fn any_headers_are_read_or_refused(
        lines in prop::collection::vec((0_usize..4, any_header()), 0..6),
    ) {
        let mut sent = HeaderMap::new();
        for (which, value) in lines {
            let name = ["signature-input", "signature", "content-digest", "x-extra"][which];
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                sent.append(name, value);
            }
        }
        if let Ok(signature) = parse(&sent) {
            prop_assert!(verify_with(&signature, &parts(&Method::POST, TARGET, BODY)).is_err());
        }
    }

    #[test]
    fn a_header_with_one_byte_changed_is_refused_or_means_the_same(
        which in 0_usize..3,
        place in any::<prop::sample::Index>(),
        byte in b' '..=b'~',
    ) {
        let name = ["signature-input", "signature", "content-digest"][which];
        let mut sent = signed_headers();
        let mut value = sent.get(name).unwrap().as_bytes().to_vec();
        let place = place.index(value.len());
        prop_assume!(value[place] != byte);
        value[place] = byte;
        sent.insert(name, HeaderValue::from_bytes(&value).unwrap());
        let outcome = parse(&sent).and_then(|read| verify_with(&read, &parts(&Method::POST, TARGET, BODY)));
        // The last character of the signature's base64 has bits that say nothing.
        let bytes_of = |sent: &HeaderMap| UncheckedSignature::read(sent).unwrap().signature;
        let means_the_same = || name == "signature" && bytes_of(&sent) == bytes_of(&signed_headers());
        prop_assert!(outcome.is_err() || means_the_same(), "{:?}", sent);
    }

    #[test]
    fn any_target_is_taken_or_refused(target in "\\PC{0,40}|https?://\\PC{0,40}") {
        let signature = parse(&signed_headers()).unwrap();
        prop_assert!(verify_with(&signature, &parts(&Method::POST, &target, BODY)).is_err());
    }

    #[test]
    fn what_is_signed_verifies_and_nothing_else_does(
        method in any_method(),
        target in any_target(),
        body in prop::collection::vec(any::<u8>(), 0..256),
        key_id in "[!-~]{1,64}",
        nonce in "[A-Za-z0-9_-]{16,64}",
        created_secs in 0_u64..=999_999_999_999_999,
        flip in any::<prop::sample::Index>(),
    ) {
        let request = parts(&method, &target, &body);
        let signed = sign(&request, &key_id, KeyAlgorithm::Ed25519, created_secs, &nonce, ed25519_signs);
        let mut sent = HeaderMap::new();
        signed.unwrap().insert_into(&mut sent);

        let read = parse(&sent).unwrap();
        prop_assert_eq!(read.key_id(), key_id);
        prop_assert_eq!(read.nonce(), nonce);
        prop_assert_eq!(read.created_secs(), created_secs);
        prop_assert_eq!(read.check_fresh(created_secs, 0, 0), Ok(()));
        prop_assert_eq!(verify_with(&read, &request), Ok(()));

        let mut other_body = body.clone();
        if other_body.is_empty() {
            other_body.push(0);
        } else {
            let place = flip.index(other_body.len());
            other_body[place] ^= 1;
        }
        let other_target = format!("{target}x");
        prop_assert!(verify_with(&read, &parts(&method, &target, &other_body)).is_err());
        prop_assert!(verify_with(&read, &parts(&method, &other_target, &body)).is_err());
        prop_assert!(verify_with(&read, &parts(&Method::TRACE, &target, &body)).is_err());
    }
}
