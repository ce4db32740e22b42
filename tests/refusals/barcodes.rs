//! Barcodes that were altered, are over, or were never this server's.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use http::Method;
use quittance_barcode::{DeviceSigner, Origin, RequestDetails, SealedBarcode, ServerKey};
use quittance_gateway::client::{
    Body, NewDevice, NewPaymentRequest, Payment, RequestStatus, new_request_id, rfc3339,
};
use quittance_ledger::{KeyAlgorithm, Usage};
use quittance_test_support::{ANY_FIELD, ask, euro, eventually, pay, soon};
use serde_json::json;

use super::{Scene, due};

/// What a barcode that was tampered with may be refused as.
const BAD_TEXTS: [&str; 7] = [
    "not-a-barcode",
    "barcode-other-server",
    "barcode-unknown-version",
    "barcode-malformed",
    "barcode-unknown-key",
    "barcode-broken-seal",
    "barcode-broken-certificate",
];

impl Scene {
    /// Shows a barcode's text to both routes that read one.
    async fn refuses_text(&self, case: &str, text: &str, status: u16, slugs: &[&str]) {
        let payment = Payment { barcode: text, ..self.payment() };
        self.refuses_payment(case, &self.payer, &payment, due(status, slugs, Some("/barcode"))).await;
        let body = Body::json(&json!({ "text": text })).unwrap();
        let ask = (Method::POST, "/v1/barcodes/decode", body);
        self.refuses(case, &self.payer.client, ask, due(status, slugs, Some("/text"))).await;
    }

    async fn details(&self) -> (Origin, RequestDetails) {
        let (origin, keys) = self.server.client().fetch_keys().await.unwrap();
        let sealed = SealedBarcode::parse(&self.request.barcode.text, &origin).unwrap();
        (origin, sealed.verify(&keys).unwrap().details().clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_barcode_of_this_server_is_refused() {
    let scene = Scene::new().await;
    let (origin, details) = scene.details().await;
    let good = &scene.request.barcode.text;
    let stranger = ServerKey::from_secret(&[7; 32]);
    let elsewhere: Origin = "https://pay.example.com".parse().unwrap();
    let unknown_key = stranger.seal(&details, &origin).unwrap();
    let other_server = stranger.seal(&details, &elsewhere).unwrap();
    let prefix = format!("{origin}/P/");
    let mut payload = BASE32_NOPAD.decode(good.strip_prefix(&prefix).unwrap().as_bytes()).unwrap();
    payload[0] = 2;
    let version_2 = format!("{prefix}{}", BASE32_NOPAD.encode(&payload));
    let long = format!("{good}{}", "A".repeat(2_000));
    let lower = good.to_lowercase();
    for (case, text, slug) in [
        ("nothing", "", "not-a-barcode"),
        ("a word", "hello", "not-a-barcode"),
        ("lower case", lower.as_str(), "not-a-barcode"),
        ("too long", long.as_str(), "not-a-barcode"),
        ("another server", other_server.as_str(), "barcode-other-server"),
        ("another key", unknown_key.as_str(), "barcode-unknown-key"),
        ("another version", version_2.as_str(), "barcode-unknown-version"),
        ("no payload", prefix.as_str(), "barcode-malformed"),
    ] {
        scene.refuses_text(case, text, 422, &[slug]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_altered_barcode_is_refused_wherever_it_was_altered() {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let scene = Scene::new().await;
    let good = &scene.request.barcode.text;
    for place in (0..good.len()).step_by(5).chain(good.len() - 3..good.len()) {
        let mut bytes = good.clone().into_bytes();
        let here = ALPHABET.iter().position(|letter| *letter == bytes[place]).unwrap_or(0);
        bytes[place] = ALPHABET[(here + 1 + place % 30) % ALPHABET.len()];
        if bytes == good.as_bytes() {
            continue;
        }
        let altered = String::from_utf8(bytes).unwrap();
        let payment = Payment { barcode: &altered, ..scene.payment() };
        let expected = due(422, &BAD_TEXTS, Some("/barcode"));
        scene.refuses_payment(&format!("place {place}"), &scene.payer, &payment, expected).await;
    }
    for length in (0..good.len()).step_by(17) {
        scene.refuses_text(&format!("cut to {length}"), &good[..length], 422, &BAD_TEXTS).await;
    }
    scene.refuses_text("one letter more", &format!("{good}A"), 422, &BAD_TEXTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barcode_that_is_over_is_refused() {
    let scene = Scene::new().await;
    let fixed = NewPaymentRequest::of(Some(500), euro());
    let spent = ask(&scene.payee, &fixed).await;
    pay(&scene.payer, &spent.barcode.text).await.unwrap();
    let payment = |barcode| Payment { barcode, ..scene.payment() };
    let expected = due(409, &["request-paid"], Some("/barcode"));
    let payment_again = payment(&spent.barcode.text);
    let problem = scene.refuses_payment("spent", &scene.payer, &payment_again, expected).await;
    let recorded = problem.transfer.unwrap();
    assert_eq!(recorded.id, payment_again.id);
    assert_eq!(recorded.refusal.as_ref().unwrap().problem_type, problem.problem_type);
    let again = scene.refuses_payment("spent, again", &scene.payer, &payment_again, expected).await;
    assert_eq!(again.transfer.unwrap(), recorded, "a refusal on record is answered the same");

    let withdrawn = ask(&scene.payee, &fixed).await;
    scene.payee.client.cancel_request(scene.payee.wallet, withdrawn.id).await.unwrap();
    let expected = due(410, &["request-cancelled"], Some("/barcode"));
    scene.refuses_payment("withdrawn", &scene.payer, &payment(&withdrawn.barcode.text), expected).await;

    let ending = NewPaymentRequest { expires_at: Some(rfc3339(soon(2))), ..fixed };
    let ended = ask(&scene.payee, &ending).await;
    eventually("the request has expired", async || {
        let request = scene.payee.client.payment_request(scene.payee.wallet, ended.id).await.unwrap();
        request.status == RequestStatus::Expired
    })
    .await;
    let expected = due(410, &["barcode-expired", "request-expired"], Some("/barcode"));
    scene.refuses_payment("expired", &scene.payer, &payment(&ended.barcode.text), expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_without_a_barcode_are_refused() {
    let scene = Scene::new().await;
    let mut grey = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_pixel(200, 200, image::Luma([128]))
        .write_to(&mut grey, image::ImageFormat::Png)
        .unwrap();
    let grey = grey.into_inner();
    for (case, content_type, bytes) in [
        ("a grey picture", "image/png", grey.clone()),
        ("half a picture", "image/png", grey[..grey.len() / 2].to_vec()),
        ("no picture", "image/jpeg", b"hello".to_vec()),
        ("an empty picture", "image/png", Vec::new()),
    ] {
        let ask = (Method::POST, "/v1/barcodes/decode", Body::raw(content_type, bytes));
        let answer = scene.unmoved(case, scene.payer.client.request(ask.0, ask.1, ask.2)).await.unwrap();
        assert!(answer.status.is_client_error(), "{case}: {}", answer.status);
        let problem = answer.problem().unwrap();
        assert!(!problem.mend.is_empty() && !problem.detail.is_empty(), "{case}: {problem}");
    }
    let ask = (Method::POST, "/v1/barcodes/decode", Body::raw("image/gif", grey));
    let expected = due(415, &["content-type-unsupported"], Some("content-type"));
    scene.refuses("another format", &scene.payer.client, ask, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tills_barcode_is_worth_what_its_till_is() {
    let scene = Scene::new().await;
    let home = &scene.home;
    home.run_well(&["till", "--new-key", "till.key"]);
    let secret = std::fs::read_to_string(home.path("till.key")).unwrap();
    let secret: [u8; 32] = BASE64URL_NOPAD.decode(secret.trim_end().as_bytes()).unwrap().try_into().unwrap();
    let signer = DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &secret).unwrap();
    let pairing = scene.operator.issue_pairing_code(scene.payee.account).await.unwrap();
    let new = NewDevice { code: &pairing.code, name: "a till", pin: scene.payee.pin };
    let (till, paired) = scene.server.client().pair(signer, new).await.unwrap();
    let issued = till.certify_till(scene.payee.wallet, None, None).await.unwrap();
    std::fs::write(home.path("certificate"), &issued.certificate).unwrap();
    let said = home.run_well(&[
        "till",
        "--certificate",
        "certificate",
        "--key",
        "till.key",
        "--origin",
        scene.server.origin(),
        "--amount",
        "300",
        "--reusable",
    ]);
    let good = said.lines().last().unwrap();
    pay(&scene.payer, good).await.unwrap();
    for place in (0..good.len()).step_by(23) {
        let mut bytes = good.to_owned().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(bytes).unwrap();
        let payment = Payment { barcode: &altered, ..scene.payment() };
        let expected = due(422, &BAD_TEXTS, Some("/barcode"));
        scene.refuses_payment(&format!("place {place}"), &scene.payer, &payment, expected).await;
    }
    scene.operator.revoke_device(scene.payee.account, paired.device).await.unwrap();
    let payment = Payment { barcode: good, ..scene.payment() };
    let expected = due(422, &["till-not-trusted"], ANY_FIELD);
    scene.refuses_payment("a revoked till", &scene.payer, &payment, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seal_made_for_nobodys_request_moves_nothing() {
    let scene = Scene::new().await;
    let (origin, details) = scene.details().await;
    let invented = RequestDetails {
        request: new_request_id().unwrap(),
        usage: Usage::OneTime,
        expires_at: Some(soon(300)),
        ..details
    };
    let text = ServerKey::from_secret(&[7; 32]).seal(&invented, &origin).unwrap();
    scene.refuses_text("an invented request", &text, 422, &["barcode-unknown-key"]).await;
}
