//! Barcodes of the EMV form: made, drawn, read by us and by others, and every way to alter one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

use std::process::Command;

use data_encoding::BASE64URL_NOPAD;
use promptparse::{TlvTag, tag};
use proptest::prelude::*;
use quittance_barcode::{
    BarcodeError, DeviceSigner, EmvError, EmvField, EmvProfile, ErrorCorrection, Origin, Rendering,
    RequestDetails, SealedBarcode, Sealer, ServerKey, ServerKeys, VerifiedBarcode, decode_image,
};
use quittance_ledger::{Amount, Currency, KeyAlgorithm, PaymentRequestId, Timestamp, Usage, WalletId};

const NOW: Timestamp = Timestamp::from_secs(1_764_000_000);

fn origin() -> Origin {
    "https://pay.example.com".parse().unwrap()
}

fn server() -> ServerKey {
    ServerKey::from_secret(&[7; 32])
}

fn keys() -> ServerKeys {
    ServerKeys::new(&[server().public()]).unwrap()
}

fn currency(code: &str) -> Currency {
    let exponent = code.starts_with("X-").then_some(2);
    Currency::new(code.parse().unwrap(), exponent).unwrap()
}

fn details() -> RequestDetails {
    let mut id = [3; 16];
    (id[6], id[8]) = (0x70, 0x80);
    RequestDetails {
        request: PaymentRequestId::from_bytes(id).unwrap(),
        payee: WalletId::from_bytes([4; 16]).unwrap(),
        currency: currency("EUR"),
        amount: Some(Amount::new(1_250).unwrap()),
        usage: Usage::OneTime,
        expires_at: Some(NOW.plus_millis(60_000)),
        payee_name: "Café Zentral am Ring".parse().unwrap(),
        reference: Some("INV-2026/117".parse().unwrap()),
        has_more: false,
    }
}

fn profile() -> EmvProfile {
    EmvProfile::new("AT", "Wien", "5814").unwrap()
}

fn sealed(details: &RequestDetails) -> SealedBarcode {
    SealedBarcode::parse(&server().seal(details, &origin()).unwrap(), &origin()).unwrap()
}

fn emv(details: &RequestDetails) -> String {
    sealed(details).to_emv(&profile()).unwrap()
}

fn by_till(algorithm: KeyAlgorithm, details: &RequestDetails) -> SealedBarcode {
    let signer = DeviceSigner::from_secret(algorithm, &[9; 32]).unwrap();
    let RequestDetails { payee, currency, payee_name, .. } = *details;
    let until = NOW.plus_millis(3_600_000);
    let certificate =
        server().certify(&origin(), signer.public(), payee, currency, payee_name, until).unwrap();
    SealedBarcode::parse(&certificate.seal(&signer, details).unwrap(), &origin()).unwrap()
}

fn open(text: &str) -> Result<VerifiedBarcode, BarcodeError> {
    SealedBarcode::parse(text, &origin())?.verify(&keys())
}

/// The text with its fields changed by somebody who knows to mend the checksum, by code that is not ours.
fn forged(text: &str, change: impl FnOnce(&mut Vec<TlvTag>)) -> String {
    let mut fields = promptparse::decode(text).unwrap();
    fields.pop().unwrap();
    change(&mut fields);
    promptparse::with_crc_tag(&promptparse::encode(&fields), "63", true)
}

fn set(id: &str, value: &str) -> impl FnOnce(&mut Vec<TlvTag>) {
    move |fields| {
        let at = fields.iter().position(|field| field.id == id).unwrap();
        fields[at] = tag(id, value);
    }
}

fn without(id: &str) -> impl FnOnce(&mut Vec<TlvTag>) {
    move |fields| fields.retain(|field| field.id != id)
}

fn before(next: &str, id: &str, value: &str) -> impl FnOnce(&mut Vec<TlvTag>) {
    move |fields| {
        let at = fields.iter().position(|field| field.id == next).unwrap();
        fields.insert(at, tag(id, value));
    }
}

fn field(id: u8) -> EmvField {
    EmvField { template: None, id }
}

#[test]
fn an_emv_barcode_says_what_was_asked() {
    let opened = open(&emv(&details())).unwrap();
    assert_eq!((opened.details(), opened.sealer()), (&details(), &Sealer::Server));
    let short = RequestDetails { payee_name: "Kiosk 4".parse().unwrap(), reference: None, ..details() };
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::P256] {
        let text = by_till(algorithm, &short).to_emv(&profile()).unwrap();
        let opened = open(&text).unwrap();
        assert_eq!(opened.details(), &short);
        assert!(matches!(opened.sealer(), Sealer::Till { .. }));
    }
    let sticker = RequestDetails {
        amount: None,
        usage: Usage::Reusable,
        expires_at: None,
        has_more: true,
        ..details()
    };
    assert_eq!(open(&emv(&sticker)).unwrap().details(), &sticker);
    // What was read can be written again.
    let text = emv(&details());
    let read = SealedBarcode::parse(&text, &origin()).unwrap();
    assert_eq!(read.to_emv(&profile()), Ok(text));
}

#[test]
fn another_reader_names_merchant_amount_and_currency() {
    let text = emv(&details());
    let read = promptparse::parse(&text, true, true).unwrap();
    let value = |id| read.get_tag_value(id, None);
    let shown = ["00", "01", "52", "53", "54", "58", "59", "60"].map(value);
    let expected = ["01", "12", "5814", "978", "12.50", "AT", "Cafe Zentral am Ring", "Wien"].map(Some);
    assert_eq!(shown, expected);
    assert_eq!(read.get_tag_value("62", Some("05")), Some("INV-2026/117"));
    assert_eq!(read.get_tag_value("26", Some("00")), Some("FADDAFC189"));
    let parts: String = [("26", "13"), ("27", "23"), ("28", "33")]
        .map(|(id, part)| read.get_tag_value(id, Some(part)).unwrap())
        .concat();
    let ordinary = server().seal(&details(), &origin()).unwrap();
    let payload = BASE64URL_NOPAD.decode(parts.as_bytes()).unwrap();
    assert!(ordinary.ends_with(&data_encoding::BASE32_NOPAD.encode(&payload)));
    assert!(read.validate("63"));

    let sticker = RequestDetails {
        amount: None,
        usage: Usage::Reusable,
        expires_at: None,
        reference: None,
        currency: currency("JPY"),
        ..details()
    };
    let read = promptparse::parse(&emv(&sticker), true, true).unwrap();
    let shown = ["01", "53", "54", "62"].map(|id| read.get_tag_value(id, None));
    assert_eq!(shown, [Some("11"), Some("392"), None, None]);
    let yen = RequestDetails { amount: Some(Amount::new(1_250).unwrap()), ..sticker };
    assert_eq!(promptparse::parse(&emv(&yen), true, true).unwrap().get_tag_value("54", None), Some("1250"));
}

#[test]
fn any_changed_character_is_refused() {
    let text = emv(&details());
    for at in 0..text.len() {
        for other in (b' '..=b'~').filter(|other| *other != text.as_bytes()[at]) {
            let mut changed = text.clone().into_bytes();
            changed[at] = other;
            let changed = String::from_utf8(changed).unwrap();
            assert!(open(&changed).is_err(), "{at}: {changed}");
        }
        assert!(open(&text[..at]).is_err(), "cut to {at}");
    }
    assert!(open(&format!("{text}A")).is_err());
    assert!(open(&text.to_lowercase()).is_err());
}

#[test]
fn any_changed_character_under_a_new_checksum_is_refused_or_says_the_same() {
    let text = emv(&details());
    let covered = text.len() - 4;
    let mut harmless = Vec::new();
    for at in 0..covered {
        for other in [b'0', b'1', b'2', b'9', b'A', b'Z', b'a', b'z', b' ', b'-', b'.'] {
            let mut changed = text.as_bytes()[..covered].to_vec();
            if changed[at] == other {
                continue;
            }
            changed[at] = other;
            let changed = String::from_utf8(changed).unwrap();
            let changed = format!("{changed}{}", promptparse::checksum(&changed, true));
            if let Ok(opened) = open(&changed) {
                assert_eq!(opened.details(), &details(), "{at}: {changed}");
                harmless.push(at);
            }
        }
    }
    harmless.dedup();
    // Four digits of the category, two letters of the country and four of the city, which nobody vouches for.
    assert_eq!(harmless.len(), 10, "{harmless:?}");
}

#[test]
fn what_a_standard_reader_shows_is_what_was_sealed() {
    let text = emv(&details());
    let cases: [(&'static str, &str, String); 11] = [
        ("amount", "higher", forged(&text, set("54", "92.50"))),
        ("amount", "another spelling", forged(&text, set("54", "12.5"))),
        ("amount", "in cents", forged(&text, set("54", "1250"))),
        ("amount", "gone", forged(&text, without("54"))),
        ("currency", "another", forged(&text, set("53", "840"))),
        ("name", "another", forged(&text, set("59", "Cafe Zentral am Rong"))),
        ("name", "another in a language", forged(&text, |fields| fields.push(tag("64", "0002EN0104Bank")))),
        ("reference", "another", forged(&text, set("62", "0512INV-2026/118"))),
        ("reference", "gone", forged(&text, without("62"))),
        ("usage", "a sticker", forged(&text, set("01", "11"))),
        ("amount", "of an open one", {
            let open = RequestDetails { amount: None, ..details() };
            forged(&emv(&open), before("58", "54", "1.00"))
        }),
    ];
    for (shown, case, text) in cases {
        assert_eq!(open(&text), Err(BarcodeError::AlteredEmv(shown)), "{shown} {case}: {text}");
    }
}

#[test]
fn other_fields_and_other_orders_are_refused() {
    use EmvError::{BadValue, Duplicate, Missing, NoChecksum, OtherScheme, Parts, TooLong, Unexpected};
    let text = emv(&details());
    let parts = |text: &str, ids: [usize; 3]| {
        forged(text, |fields| {
            let old = fields.clone();
            for (at, from) in ids.into_iter().enumerate() {
                fields[2 + at] = tag(&old[2 + at].id, &old[2 + from].value);
            }
        })
    };
    let cases = [
        ("a tip", forged(&text, before("58", "55", "01")), Unexpected(field(55))),
        ("a postal code", forged(&text, before("62", "61", "1010")), Unexpected(field(61))),
        (
            "an unreserved template",
            forged(&text, |fields| fields.push(tag("80", "0001x"))),
            Unexpected(field(80)),
        ),
        ("a card's account", forged(&text, before("26", "04", "4111111111111111")), OtherScheme),
        ("a further account", forged(&text, before("52", "29", "0011com.paymaya")), OtherScheme),
        (
            "a later account",
            forged(&text, |fields| fields.push(tag("29", "0011com.paymaya"))),
            Unexpected(field(29)),
        ),
        ("no account", forged(&text, |fields| fields.retain(|f| !f.id.starts_with('2'))), OtherScheme),
        ("no category", forged(&text, without("52")), Missing(field(52))),
        ("no currency", forged(&text, without("53")), Missing(field(53))),
        ("no country", forged(&text, without("58")), Missing(field(58))),
        ("no name", forged(&text, without("59")), Missing(field(59))),
        ("no city", forged(&text, without("60")), Missing(field(60))),
        ("no initiation", forged(&text, without("01")), Missing(field(1))),
        ("another order", forged(&text, |fields| fields.swap(5, 6)), Unexpected(field(53))),
        ("a second amount", forged(&text, before("58", "54", "92.50")), Duplicate(field(54))),
        ("a second format", forged(&text, before("01", "00", "01")), Duplicate(field(0))),
        ("an unknown initiation", forged(&text, set("01", "13")), BadValue(field(1))),
        ("a category of letters", forged(&text, set("52", "58l4")), BadValue(field(52))),
        ("a small country", forged(&text, set("58", "at")), BadValue(field(58))),
        ("a long city", forged(&text, set("60", "Llanfairpwllgwyn")), BadValue(field(60))),
        ("parts 1 2 1", parts(&text, [0, 1, 0]), Parts),
        ("parts 2 1 3", parts(&text, [1, 0, 2]), Parts),
        ("a part missing", forged(&text, without("27")), Parts),
        ("the last part missing", forged(&text, without("28")), Parts),
        (
            "bill number",
            forged(&text, set("62", "0112INV-2026/117")),
            Missing(EmvField { template: Some(62), id: 5 }),
        ),
        (
            "two references",
            forged(&text, set("62", "0512INV-2026/1170701x")),
            Unexpected(EmvField { template: Some(62), id: 7 }),
        ),
        (
            "a checksum in a longer field",
            {
                let covered = format!("{}6312xxxx6304", text.split_at(text.len() - 8).0);
                format!("{covered}{}", promptparse::checksum(&covered, true))
            },
            NoChecksum,
        ),
        (
            "a checksum in another field",
            {
                let covered = format!("{}80086304", text.split_at(text.len() - 8).0);
                format!("{covered}{}", promptparse::checksum(&covered, true))
            },
            Missing(field(63)),
        ),
        ("something after the checksum", format!("{text}5802AT"), NoChecksum),
        ("too long", format!("000201{}", "x".repeat(507)), TooLong),
    ];
    for (case, text, expected) in cases {
        assert_eq!(open(&text), Err(BarcodeError::Emv(expected)), "{case}: {text}");
    }
    let other = forged(&text, |fields| {
        fields.retain(|field| !field.id.starts_with('2'));
        fields.insert(2, tag("26", "0011com.paymaya"));
    });
    assert_eq!(open(&other), Err(BarcodeError::Emv(OtherScheme)));
    assert_eq!(open("00020"), Err(BarcodeError::NotABarcode));
    assert_eq!(open(&format!("000201{}", "x".repeat(2_000))), Err(BarcodeError::NotABarcode));
}

#[test]
fn seals_are_checked_before_what_is_shown() {
    let text = emv(&details());
    let stranger = ServerKey::from_secret(&[8; 32]).seal(&details(), &origin()).unwrap();
    let stranger = SealedBarcode::parse(&stranger, &origin()).unwrap().to_emv(&profile()).unwrap();
    assert_eq!(open(&stranger), Err(BarcodeError::UnknownKey));
    let elsewhere: Origin = "https://evil.example.com".parse().unwrap();
    let moved = SealedBarcode::parse(&text, &elsewhere).unwrap();
    assert_eq!(moved.verify(&keys()), Err(BarcodeError::BrokenSeal));
    // The seal's own characters, under a good checksum.
    let broken = forged(&text, |fields| {
        let mut value = fields[4].value.clone();
        let last = value.pop().unwrap();
        value.pop();
        value.push('-');
        value.push(last);
        fields[4] = tag("28", &value);
    });
    assert_eq!(open(&broken), Err(BarcodeError::BrokenSeal));
}

#[test]
fn what_does_not_fit_is_not_made() {
    let refused = |details: &RequestDetails| {
        let made = sealed(details).to_emv(&profile());
        assert!(matches!(made, Err(BarcodeError::BadRequest(_))), "{made:?}");
    };
    refused(&RequestDetails { currency: currency("X-POINTS"), ..details() });
    refused(&RequestDetails { amount: Some(Amount::new(1_000_000_000_000).unwrap()), ..details() });
    let most = RequestDetails { amount: Some(Amount::new(999_999_999_999).unwrap()), ..details() };
    assert_eq!(open(&emv(&most)).unwrap().details(), &most);
    let till = by_till(KeyAlgorithm::Ed25519, &details()).to_emv(&profile());
    assert!(matches!(till, Err(BarcodeError::BadRequest(_))), "{till:?}");
    // Of the server's own, the longest fit, but for a long name and a long reference in another script.
    let longest = RequestDetails {
        payee_name: "x".repeat(40).parse().unwrap(),
        reference: Some("x".repeat(35).parse().unwrap()),
        ..most
    };
    assert_eq!(open(&emv(&longest)).unwrap().details(), &longest);

    for (country, city, category) in [
        ("at", "Wien", "5814"),
        ("AUT", "Wien", "5814"),
        ("AT", "", "5814"),
        ("AT", "Wien ", "5814"),
        ("AT", "Köln", "5814"),
        ("AT", "Llanfairpwllgwyn", "5814"),
        ("AT", "Wien", "581"),
        ("AT", "Wien", "58A4"),
    ] {
        let made = EmvProfile::new(country, city, category);
        assert!(matches!(made, Err(BarcodeError::BadEmvProfile(_))), "{country} {city} {category}");
    }
    assert!(profile().with_language("deu").is_err());
    let text = sealed(&details()).to_emv(&EmvProfile::default()).unwrap();
    assert_eq!(open(&text).unwrap().details(), &details());
}

#[test]
fn names_in_other_scripts_are_shown_as_written_too() {
    let tea = RequestDetails { payee_name: "喫茶店さくら".parse().unwrap(), ..details() };
    let japanese = profile().with_language("JA").unwrap();
    let text = sealed(&tea).to_emv(&japanese).unwrap();
    assert_eq!(open(&text).unwrap().details(), &tea);
    assert!(text.contains("5906??????6004Wien62"), "{text}");
    let local = "64160002JA0106喫茶店さくら6304";
    assert!(text.contains(local), "{text}");
    let with = |other: &str| {
        let (covered, _) = text.split_at(text.len() - 4);
        let covered = covered.replace(local, other);
        format!("{covered}{}", promptparse::checksum(&covered, true))
    };
    assert_eq!(open(&with("64160002JA0106喫茶店さくれ6304")), Err(BarcodeError::AlteredEmv("name")));
    assert_eq!(open(&with("6304")), Err(BarcodeError::AlteredEmv("name")));
    assert_eq!(open(&with("64160002EN0106喫茶店さくら6304")).unwrap().details(), &tea);
    let language = EmvField { template: Some(64), id: 0 };
    let small = open(&with("64160002ja0106喫茶店さくら6304"));
    assert_eq!(small, Err(BarcodeError::Emv(EmvError::BadValue(language))));
    let city = EmvField { template: Some(64), id: 2 };
    let further = open(&with("64220002JA0106喫茶店さくら0202東京6304"));
    assert_eq!(further, Err(BarcodeError::Emv(EmvError::Unexpected(city))));

    let asks = RequestDetails { reference: Some("***".parse().unwrap()), ..details() };
    let text = emv(&asks);
    assert_eq!(promptparse::parse(&text, true, true).unwrap().get_tag_value("62", None), None);
    assert_eq!(open(&text).unwrap().details(), &asks);
}

/// What `zbarimg`, an independent reader, reads off a picture.
fn read_with_zbar(picture: &[u8]) -> String {
    let file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    std::fs::write(file.path(), picture).unwrap();
    let output = Command::new("zbarimg").args(["--raw", "-q"]).arg(file.path()).output();
    let output = output.expect("zbarimg is needed: on Debian, apt install zbar-tools");
    String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
}

#[test]
fn what_is_drawn_is_read_back() {
    let short = RequestDetails { payee_name: "Kiosk 4".parse().unwrap(), reference: None, ..details() };
    let sticker = RequestDetails {
        amount: None,
        usage: Usage::Reusable,
        expires_at: None,
        reference: None,
        ..short.clone()
    };
    let longest = RequestDetails {
        payee_name: "x".repeat(40).parse().unwrap(),
        reference: Some("x".repeat(35).parse().unwrap()),
        ..details()
    };
    let texts = [
        ("usual", emv(&details())),
        ("sticker", emv(&sticker)),
        ("longest", emv(&longest)),
        ("till (Ed25519)", by_till(KeyAlgorithm::Ed25519, &short).to_emv(&profile()).unwrap()),
        ("till (P-256)", by_till(KeyAlgorithm::P256, &short).to_emv(&profile()).unwrap()),
    ];
    for (kind, text) in texts {
        let levels = [ErrorCorrection::L, ErrorCorrection::M, ErrorCorrection::Q, ErrorCorrection::H];
        let versions = levels.map(|error_correction| {
            let rendering = Rendering { error_correction, module_pixels: 4 };
            let picture = rendering.png(&text).unwrap();
            assert_eq!(read_with_zbar(&picture), text, "{kind} {error_correction:?}");
            assert_eq!(decode_image(&picture), Ok(text.clone()), "{kind} {error_correction:?}");
            rendering.version(&text).unwrap()
        });
        println!("{kind}: {} characters, versions {versions:?} at L, M, Q, H", text.len());
    }
    let tea = RequestDetails { payee_name: "喫茶店さくら".parse().unwrap(), ..details() };
    let text = emv(&tea);
    let picture = Rendering::default().png(&text).unwrap();
    assert_eq!(decode_image(&picture), Ok(text.clone()));
    assert_eq!(read_with_zbar(&picture), text);
}

#[test]
fn an_emv_barcode_is_taken_before_other_codes_in_a_picture() {
    let text = emv(&details());
    let draw =
        |text: &str| image::load_from_memory(&Rendering::default().png(text).unwrap()).unwrap().into_luma8();
    let (ours, poster) = (draw(&text), draw("HTTPS://EXAMPLE.COM/MENU"));
    let mut picture =
        image::GrayImage::from_pixel(ours.width() + poster.width(), ours.height(), image::Luma([255]));
    image::imageops::overlay(&mut picture, &ours, 0, 0);
    image::imageops::overlay(&mut picture, &poster, i64::from(ours.width()), 0);
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    assert_eq!(decode_image(file.get_ref()), Ok(text));
}

/// The EMV text of format 1. If this fails, the format has changed, and stickers on counters with it.
#[test]
fn emv_format_1_stays_readable() {
    let fixture = include_str!("emv_format_1.txt").trim_end();
    assert_eq!(open(fixture).unwrap().details(), &details());
    assert_eq!(emv(&details()), fixture);
}

proptest! {
    #[test]
    fn every_request_reads_back_or_is_not_made(
        amount in prop::option::of(1..=quittance_ledger::MAX_AMOUNT),
        (one_time, expires) in prop_oneof![Just((true, true)), Just((false, true)), Just((false, false))],
        reference in prop::option::of("[A-Za-z0-9/*é店-]{1,11}"),
        name in "[A-Za-zäöüß店Ж]{1,13}",
        code in prop::sample::select(vec!["EUR", "JPY", "BHD", "ALL"]),
        has_more in any::<bool>(),
    ) {
        let request = RequestDetails {
            amount: amount.map(|amount| Amount::new(amount).unwrap()),
            usage: if one_time { Usage::OneTime } else { Usage::Reusable },
            expires_at: expires.then_some(NOW),
            reference: reference.map(|reference| reference.parse().unwrap()),
            payee_name: name.parse().unwrap(),
            currency: currency(code),
            has_more,
            ..details()
        };
        match sealed(&request).to_emv(&profile()) {
            Ok(text) => {
                let opened = open(&text).unwrap();
                prop_assert_eq!(opened.details(), &request);
                prop_assert!(text.len() <= 512);
            }
            Err(BarcodeError::BadRequest(_)) => prop_assert!(amount.is_some_and(|amount| amount > 9_999_999_999)),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn no_emv_text_is_fatal(
        text in ".{0,200}",
        fields in prop::collection::vec((0..100_u8, ".{0,40}"), 0..12),
    ) {
        let _ = open(&format!("000201{text}"));
        let row: String = fields
            .iter()
            .map(|(id, value)| format!("{id:02}{:02}{value}", value.chars().count()))
            .collect();
        let covered = format!("000201{row}6304");
        let _ = open(&format!("{covered}{}", promptparse::checksum(&covered, true)));
    }
}
