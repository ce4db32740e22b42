//! Barcodes end to end: made, rendered, read from pixels, parsed, verified; and every way to spoil one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

use data_encoding::BASE32_NOPAD;
use proptest::prelude::*;
use quittance_barcode::{
    BarcodeError, DeviceSigner, ErrorCorrection, Origin, Rendering, RequestDetails, SealedBarcode, Sealer,
    ServerKey, ServerKeys, TillCertificate, Untrusted, VerifiedBarcode, check_device_key,
    lower_p256_signature, verify_device_signature,
};
use quittance_ledger::{
    Amount, Currency, DeviceKey, KeyAlgorithm, PaymentRequestId, Timestamp, Usage, WalletId,
};

const NOW: Timestamp = Timestamp::from_secs(1_764_000_000);

fn origin() -> Origin {
    "https://pay.example.com".parse().unwrap()
}

fn server() -> ServerKey {
    ServerKey::from_secret(&[7; 32])
}

fn keys() -> ServerKeys {
    ServerKeys::new(&[ServerKey::from_secret(&[1; 32]).public(), server().public()]).unwrap()
}

fn details() -> RequestDetails {
    let mut id = [3; 16];
    id[6] = 0x70;
    id[8] = 0x80;
    RequestDetails {
        request: PaymentRequestId::from_bytes(id).unwrap(),
        payee: WalletId::from_bytes([4; 16]).unwrap(),
        currency: Currency::new("EUR".parse().unwrap(), None).unwrap(),
        amount: Some(Amount::new(1_250).unwrap()),
        usage: Usage::OneTime,
        expires_at: Some(NOW.plus_millis(60_000)),
        payee_name: "Café Zentral am Ring".parse().unwrap(),
        reference: Some("INV-2026/117".parse().unwrap()),
        has_more: false,
    }
}

fn till(algorithm: KeyAlgorithm) -> (TillCertificate, DeviceSigner) {
    let signer = DeviceSigner::from_secret(algorithm, &[9; 32]).unwrap();
    let RequestDetails { payee, currency, payee_name, .. } = details();
    let until = NOW.plus_millis(3_600_000);
    let certificate =
        server().certify(&origin(), signer.public(), payee, currency, payee_name, until).unwrap();
    (certificate, signer)
}

fn texts() -> Vec<String> {
    let mut texts = vec![server().seal(&details(), &origin()).unwrap()];
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::P256] {
        let (certificate, signer) = till(algorithm);
        texts.push(certificate.seal(&signer, &details()).unwrap());
    }
    texts
}

fn open(text: &str) -> Result<VerifiedBarcode, BarcodeError> {
    SealedBarcode::parse(text, &origin())?.verify(&keys())
}

#[test]
fn a_verified_barcode_says_what_was_asked() {
    let texts = texts();
    let opened = open(&texts[0]).unwrap();
    assert_eq!((opened.details(), opened.sealer()), (&details(), &Sealer::Server));
    assert_eq!(opened.terms().till, None);
    for (text, algorithm) in texts[1..].iter().zip([KeyAlgorithm::Ed25519, KeyAlgorithm::P256]) {
        let opened = open(text).unwrap();
        assert_eq!(opened.details(), &details());
        assert_eq!(opened.terms().till, Some(till(algorithm).1.public().device_id()));
    }
}

#[test]
fn any_changed_bit_of_the_text_is_refused() {
    for text in texts() {
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(open(&changed).is_err(), "bit {bit}: {changed}");
        }
        for length in 0..text.len() {
            assert!(open(&text[..length]).is_err(), "cut to {length}");
        }
        assert!(open(&format!("{text}A")).is_err());
        assert!(open(&text.to_lowercase()).is_err());
    }
}

#[test]
fn any_changed_bit_of_the_payload_is_refused() {
    for text in texts() {
        let (prefix, payload) = text.split_once("/P/").unwrap();
        let payload = BASE32_NOPAD.decode(payload.as_bytes()).unwrap();
        for bit in 0..payload.len() * 8 {
            let mut changed = payload.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&format!("{prefix}/P/{}", BASE32_NOPAD.encode(&changed))).is_err(), "bit {bit}");
        }
        let mut newer = payload.clone();
        newer[0] = 2;
        let newer = format!("{prefix}/P/{}", BASE32_NOPAD.encode(&newer[..3]));
        assert_eq!(open(&newer), Err(BarcodeError::UnknownVersion(2)));
        // Whatever a later version has in place of base32.
        let newer = BASE32_NOPAD.encode(&[2, 0, 0, 0, 0]);
        assert_eq!(open(&format!("{prefix}/P/{newer}.a/b")), Err(BarcodeError::UnknownVersion(2)));
    }
}

#[test]
fn a_barcode_is_good_at_its_own_server_alone() {
    let text = server().seal(&details(), &origin()).unwrap();
    let other: Origin = "https://evil.example.com".parse().unwrap();
    assert!(matches!(SealedBarcode::parse(&text, &other), Err(BarcodeError::OtherServer(_))));
    let moved = text.replace("PAY.", "EVIL.");
    let parsed = SealedBarcode::parse(&moved, &other).unwrap();
    assert_eq!(parsed.verify(&keys()), Err(BarcodeError::BrokenSeal));
    let stranger = ServerKey::from_secret(&[8; 32]).seal(&details(), &origin()).unwrap();
    assert_eq!(open(&stranger), Err(BarcodeError::UnknownKey));
    assert_eq!(open("https://pay.example.com/"), Err(BarcodeError::NotABarcode));
    assert_eq!(open(&"HTTP".repeat(1_000)), Err(BarcodeError::NotABarcode));
}

#[test]
fn a_till_seals_only_what_it_is_certified_for() {
    let (certificate, signer) = till(KeyAlgorithm::Ed25519);
    let other_wallet = RequestDetails { payee: WalletId::from_bytes([5; 16]).unwrap(), ..details() };
    let other_name = RequestDetails { payee_name: "Bank".parse().unwrap(), ..details() };
    for request in [other_wallet, other_name] {
        assert!(matches!(certificate.seal(&signer, &request), Err(BarcodeError::BadRequest(_))));
    }
    let stranger = DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &[10; 32]).unwrap();
    assert!(matches!(certificate.seal(&stranger, &details()), Err(BarcodeError::BadRequest(_))));
    // A certificate of a server that is not this one.
    let RequestDetails { payee, currency, payee_name, .. } = details();
    let rogue = ServerKey::from_secret(&[8; 32]);
    let forged = rogue.certify(&origin(), signer.public(), payee, currency, payee_name, NOW).unwrap();
    assert_eq!(open(&forged.seal(&signer, &details()).unwrap()), Err(BarcodeError::UnknownKey));
}

#[test]
fn the_server_alone_says_that_it_knows_more() {
    let more = RequestDetails { has_more: true, ..details() };
    assert_eq!(open(&server().seal(&more, &origin()).unwrap()).unwrap().details(), &more);
    let (certificate, signer) = till(KeyAlgorithm::Ed25519);
    assert!(matches!(certificate.seal(&signer, &more), Err(BarcodeError::BadRequest(_))));
    let text = certificate.seal(&signer, &details()).unwrap();
    let (prefix, payload) = text.split_once("/P/").unwrap();
    let mut payload = BASE32_NOPAD.decode(payload.as_bytes()).unwrap();
    payload[1] |= 32;
    let forged = format!("{prefix}/P/{}", BASE32_NOPAD.encode(&payload));
    assert_eq!(open(&forged), Err(BarcodeError::Malformed("flags")));
}

#[test]
fn expiry_is_of_the_request_and_of_the_certificate() {
    let opened = open(&texts()[1]).unwrap();
    assert_eq!(opened.check_expiry(NOW), Ok(()));
    assert_eq!(opened.check_expiry(NOW.plus_millis(60_000)), Err(BarcodeError::Expired));
    let (certificate, signer) = till(KeyAlgorithm::Ed25519);
    let sticker = RequestDetails { usage: Usage::Reusable, expires_at: None, ..details() };
    let opened = open(&certificate.seal(&signer, &sticker).unwrap()).unwrap();
    assert_eq!(opened.check_expiry(NOW.plus_millis(3_600_000)), Err(BarcodeError::CertificateExpired));
    let endless = RequestDetails { expires_at: None, ..details() };
    assert!(matches!(server().seal(&endless, &origin()), Err(BarcodeError::BadRequest(_))));
}

#[test]
fn signatures_have_one_form_and_keys_are_strong() {
    let signer = DeviceSigner::from_secret(KeyAlgorithm::P256, &[9; 32]).unwrap();
    let signature = signer.sign(b"message");
    assert_eq!(verify_device_signature(&signer.public(), b"message", &signature), Ok(()));
    assert!(verify_device_signature(&signer.public(), b"massage", &signature).is_err());
    // The other s, which plain ECDSA takes too: the group's order less s.
    const ORDER: [u8; 32] = [
        0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA,
        0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ];
    let mut high = signature;
    let mut borrow = 0;
    for index in (0..32).rev() {
        let difference = i32::from(ORDER[index]) - i32::from(signature[32 + index]) - borrow;
        borrow = i32::from(difference < 0);
        high[32 + index] = difference.rem_euclid(256) as u8;
    }
    let verify = |signature| verify_device_signature(&signer.public(), b"message", signature);
    assert_eq!(verify(&high), Err(BarcodeError::BadSignature));
    assert_eq!(
        (lower_p256_signature(&high), lower_p256_signature(&signature)),
        (Some(signature), Some(signature))
    );
    assert_eq!(lower_p256_signature(&[0; 64]), None);
    // Of a barcode, it is the seal that does not fit.
    let mut forged = texts()[1].clone().into_bytes();
    let middle_of_seal = forged.len() - 50;
    forged[middle_of_seal] = if forged[middle_of_seal] == b'A' { b'B' } else { b'A' };
    assert_eq!(open(std::str::from_utf8(&forged).unwrap()), Err(BarcodeError::BrokenSeal));
    let mut identity = [0; 32];
    identity[0] = 1;
    // Of small order, of small order, and a second spelling of a point that has another.
    for weak in [[0; 32], identity, [0xFF; 32]] {
        assert_eq!(ServerKeys::new(&[weak]).err(), Some(BarcodeError::BadKey));
        assert_eq!(check_device_key(&DeviceKey::ed25519(weak)), Err(BarcodeError::BadKey));
    }
    assert_eq!(check_device_key(&DeviceKey::p256([5; 33])), Err(BarcodeError::BadKey));
    assert_eq!(check_device_key(&signer.public()), Ok(()));
}

#[test]
fn a_usual_request_fits_version_10() {
    let medium = Rendering::default();
    let low = Rendering { error_correction: ErrorCorrection::L, ..medium };
    for (kind, text) in ["server", "till (Ed25519)", "till (P-256)"].iter().zip(texts()) {
        let versions = (medium.version(&text).unwrap(), low.version(&text).unwrap());
        println!("{kind}: {} characters, version {} at M, {} at L", text.len(), versions.0, versions.1);
    }
    assert!(medium.version(&texts()[0]).unwrap() <= 10);
    assert!(medium.version(&texts()[1]).unwrap() <= 15);
}

fn read_picture(png: &[u8]) -> String {
    let picture = image::load_from_memory(png).unwrap().into_luma8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixel = |x: usize, y: usize| picture.get_pixel(x as u32, y as u32).0[0];
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, pixel);
    prepared.detect_grids()[0].decode().unwrap().1
}

#[test]
fn what_is_drawn_is_read_back() {
    for text in texts() {
        for error_correction in
            [ErrorCorrection::L, ErrorCorrection::M, ErrorCorrection::Q, ErrorCorrection::H]
        {
            let rendering = Rendering { error_correction, module_pixels: 4 };
            assert_eq!(read_picture(&rendering.png(&text).unwrap()), text);
            assert!(rendering.svg(&text).unwrap().starts_with("<?xml"));
            assert!(rendering.terminal_blocks(&text).unwrap().lines().count() > 20);
        }
    }
    assert_eq!(Rendering::default().png(&"A".repeat(8_000)), Err(BarcodeError::TooLong));
}

#[test]
fn origins_are_plain() {
    for good in ["http://127.0.0.1:8080", "https://pay.example.com"] {
        assert_eq!(good.parse::<Origin>().unwrap().as_str(), good.to_uppercase());
    }
    for (text, origin) in [
        ("https://x:443", "HTTPS://X"),
        ("http://x:80", "HTTP://X"),
        ("http://x:443", "HTTP://X:443"),
        ("https://x:80", "HTTPS://X:80"),
    ] {
        assert_eq!(text.parse::<Origin>().unwrap().as_str(), origin);
    }
    for bad in [
        "",
        "https://a:0",
        "https://a:0443",
        "https://a:+443",
        "https://:443",
        "https://.",
        "https://a..b",
        "https://.a",
        "https://a.",
        "https://-a",
        "https://a-.b",
        "https://a:1:2",
        "pay.example.com",
        "ftp://a",
        "https://",
        "https://a/",
        "https://a:",
        "https://a:99999",
        "https://a_b",
    ] {
        assert_eq!(bad.parse::<Origin>(), Err(BarcodeError::BadOrigin), "{bad}");
    }
}

#[test]
fn untrusted_text_is_shown_escaped_and_short() {
    assert_eq!(Untrusted("pay\u{202e}\u{1b}[31m me").to_string(), "pay\\u{202e}\\u{1b}[31m me");
    assert_ne!(Untrusted("\\u{202e}").to_string(), Untrusted("\u{202e}").to_string());
    assert!(Untrusted(&"x".repeat(10_000)).to_string().len() < 300);
}

/// The text of a barcode of format 1. If this fails, the format has changed: give it a new version.
#[test]
fn format_1_stays_readable() {
    let fixture = include_str!("barcode_format_1.txt").trim_end();
    assert_eq!(open(fixture).unwrap().details(), &details());
    assert_eq!(server().seal(&details(), &origin()).unwrap(), fixture);
}

proptest! {
    #[test]
    fn every_request_reads_back(
        amount in prop::option::of(1..=quittance_ledger::MAX_AMOUNT),
        (one_time, expires) in prop_oneof![Just((true, true)), Just((false, true)), Just((false, false))],
        reference in prop::option::of("[A-Za-z0-9/-]{1,35}"),
        name in "[A-Za-zäöü]{1,20}",
        private in prop::option::of(("X-[A-Z0-9]{2,9}", 0..=12_u8)),
        by_till in any::<bool>(),
        has_more in any::<bool>(),
    ) {
        let currency = match private {
            Some((code, exponent)) => Currency::new(code.parse().unwrap(), Some(exponent)).unwrap(),
            None => details().currency,
        };
        let request = RequestDetails {
            amount: amount.map(|amount| Amount::new(amount).unwrap()),
            usage: if one_time { Usage::OneTime } else { Usage::Reusable },
            expires_at: expires.then_some(NOW),
            reference: reference.map(|reference| reference.parse().unwrap()),
            payee_name: name.parse().unwrap(),
            currency,
            has_more: has_more && !by_till,
            ..details()
        };
        let text = if by_till {
            let signer = till(KeyAlgorithm::P256).1;
            let (payee, name) = (request.payee, request.payee_name);
            server().certify(&origin(), signer.public(), payee, currency, name, NOW).unwrap().seal(&signer, &request)
        } else {
            server().seal(&request, &origin())
        }.unwrap();
        let opened = open(&text).unwrap();
        prop_assert_eq!(opened.details(), &request);
    }

    #[test]
    fn no_text_is_fatal(text in ".{0,200}", payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = open(&text);
        let _ = open(&format!("HTTPS://PAY.EXAMPLE.COM/P/{text}"));
        let _ = open(&format!("HTTPS://PAY.EXAMPLE.COM/P/{}", BASE32_NOPAD.encode(&payload)));
    }
}

#[test]
fn a_till_keeps_its_certificate_in_a_file() {
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::P256] {
        let (certificate, signer) = till(algorithm);
        let text = certificate.to_text().unwrap();
        let read = |text: &str| TillCertificate::parse(text, &origin());
        let kept = read(&text).unwrap();
        assert_eq!(kept, certificate);
        assert_eq!(kept.verify(&keys()), Ok(()));
        let RequestDetails { payee, currency, payee_name, .. } = details();
        assert_eq!((kept.payee(), kept.currency(), kept.payee_name()), (payee, &currency, &payee_name));
        assert_eq!(kept.device_key(), &signer.public());
        assert_eq!(kept.expires_at(), NOW.plus_millis(3_600_000));
        for length in 0..text.len() {
            assert!(read(&text[..length]).is_err(), "cut off at {length}");
        }
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(changed) = String::from_utf8(changed) else { continue };
            let read = read(&changed).and_then(|certificate| certificate.verify(&keys()));
            assert!(read.is_err(), "bit {bit}");
        }
        assert!(read(&format!("{text}AA")).is_err());
        let other = "https://evil.example.com".parse().unwrap();
        assert!(matches!(TillCertificate::parse(&text, &other), Err(BarcodeError::OtherServer(_))));
        assert_eq!(certificate.verify(&ServerKeys::default()), Err(BarcodeError::UnknownKey));
    }
    assert_eq!(
        TillCertificate::parse("QUITTANCE-TILL-2:AAAA", &origin()),
        Err(BarcodeError::NotACertificate)
    );
}

/// The longest certificate there is still reads.
#[test]
fn a_certificate_has_room_for_the_longest_texts() {
    let origin: Origin = format!("https://{}", "a".repeat(56)).parse().unwrap();
    let signer = till(KeyAlgorithm::P256).1;
    let currency = Currency::new("X-ABCDEFGHI".parse().unwrap(), Some(12)).unwrap();
    let name = (1..=255).rev().find_map(|length| "€".repeat(length).parse().ok()).unwrap();
    let payee = details().payee;
    let made = server().certify(&origin, signer.public(), payee, currency, name, NOW).unwrap();
    assert_eq!(TillCertificate::parse(&made.to_text().unwrap(), &origin), Ok(made));
}

/// The text of a till's certificate. If this fails, tills in the field can't read theirs: give it a new number.
#[test]
fn certificate_text_1_stays_readable() {
    let fixture = include_str!("till_certificate_1.txt").trim_end();
    let certificate = till(KeyAlgorithm::Ed25519).0;
    assert_eq!(certificate.to_text().unwrap(), fixture);
    assert_eq!(TillCertificate::parse(fixture, &origin()), Ok(certificate));
}
