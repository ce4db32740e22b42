//! Callers that nobody knows, that are trusted no longer, or that ask for what is not theirs.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use quittance_gateway::client::{Body, NewDevice, Stamp, new_signer, new_transfer_id};
use quittance_ledger::KeyAlgorithm;
use quittance_test_support::{Party, pay};
use serde_json::json;

use super::{Scene, due};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_say_who_asks_is_refused() {
    let scene = Scene::new().await;
    let anyone = scene.server.client();
    let body = scene.payment_body().await;
    let missing = due(401, &["authentication-missing"], Some("authorization"));
    scene.refuses("nobody pays", &anyone, (Method::POST, "/v1/transfers", body.clone()), missing).await;
    scene.refuses("nobody looks", &anyone, (Method::GET, "/v1/wallets", Body::empty()), missing).await;

    let wrong = anyone.operator("quittance-operator-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    let expected = due(401, &["operator-key-wrong"], Some("authorization"));
    scene.refuses("a wrong key", &wrong, (Method::GET, "/v1/currencies", Body::empty()), expected).await;

    let mut both =
        scene.payer.client.prepare(Method::POST, "/v1/transfers", body, &Stamp::now().unwrap()).unwrap();
    let bearer = format!("Bearer {}", scene.server.operator_key());
    both.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&bearer).unwrap());
    let expected = due(400, &["authentication-ambiguous"], Some("authorization"));
    scene.refuses_prepared("two callers", both, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operator_and_devices_keep_to_their_own_routes() {
    let scene = Scene::new().await;
    let new = Body::json(&json!({ "name": "Eve", "kind": "person" })).unwrap();
    let issue = json!({ "id": new_transfer_id().unwrap(), "amount": 5, "currency": "EUR" });
    let issue = Body::json(&issue).unwrap();
    let issues = format!("/v1/wallets/{}/issues", scene.payer.wallet);
    let redemptions = format!("/v1/wallets/{}/redemptions", scene.payer.wallet);
    let unlock = format!("/v1/accounts/{}/unlock", scene.payer.account);
    let currency = Body::json(&json!({ "code": "USD" })).unwrap();
    for (path, body) in [
        ("/v1/accounts", new),
        ("/v1/currencies", currency),
        (issues.as_str(), issue.clone()),
        (redemptions.as_str(), issue),
        (unlock.as_str(), Body::empty()),
    ] {
        let expected = due(403, &["operator-needed"], None);
        scene.refuses(path, &scene.payer.client, (Method::POST, path, body), expected).await;
    }
    let body = scene.payment_body().await;
    let expected = due(403, &["device-needed"], None);
    scene
        .refuses("the operator pays", &scene.operator, (Method::POST, "/v1/transfers", body), expected)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_unknown_or_revoked_is_refused() {
    let scene = Scene::new().await;
    let pay_body = async || scene.payment_body().await;
    let signer = Arc::new(new_signer(KeyAlgorithm::Ed25519).unwrap());
    let stranger = scene.server.client().device(Arc::clone(&signer), signer.public().device_id());
    let unknown = due(401, &["device-unknown"], Some("signature-input"));
    scene.refuses("a stranger", &stranger, (Method::POST, "/v1/transfers", pay_body().await), unknown).await;
    let nameless = scene.server.client().signing_as(signer, "my-phone");
    scene.refuses("no id", &nameless, (Method::POST, "/v1/transfers", pay_body().await), unknown).await;

    let pairing = scene.payer.client.issue_pairing_code(scene.payer.account).await.unwrap();
    let new = NewDevice { code: &pairing.code, name: "lost", pin: scene.payer.pin };
    let signer = new_signer(KeyAlgorithm::P256).unwrap();
    let (lost, paired) = scene.server.client().pair(signer, new).await.unwrap();
    let lost = Party { client: lost, ..scene.payer.clone() };
    pay(&lost, &scene.request.barcode.text).await.unwrap();
    scene.operator.revoke_device(scene.payer.account, paired.device).await.unwrap();
    let revoked = due(403, &["device-revoked"], Some("signature-input"));
    scene.refuses_payment("a lost phone", &lost, &scene.payment(), revoked).await;

    let device = json!({
        "code": pairing.code, "name": "again", "algorithm": "ed25519", "pin": scene.payer.pin,
        "public_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    });
    let body = Body::json(&device).unwrap();
    let signing =
        scene.server.client().signing_as(Arc::new(new_signer(KeyAlgorithm::Ed25519).unwrap()), "new-device");
    let answer =
        scene.unmoved("a weak key", signing.request(Method::POST, "/v1/devices", body)).await.unwrap();
    assert!(answer.status.is_client_error() && !answer.problem().unwrap().mend.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pairing_code_works_once() {
    let scene = Scene::new().await;
    let pairing = scene.operator.issue_pairing_code(scene.payer.account).await.unwrap();
    let pair = async |code: &str, pin: &str| {
        let new = NewDevice { code, name: "a phone", pin };
        let client = scene.server.client();
        client.pair(new_signer(KeyAlgorithm::Ed25519).unwrap(), new).await.map(|_| ())
    };
    let slug = |answer: Result<(), _>| {
        let error: quittance_gateway::client::ClientError = answer.unwrap_err();
        error.problem().unwrap().slug().to_owned()
    };
    assert_eq!(slug(pair("ABCDEFGH", scene.payer.pin).await), "pairing-code-unknown");
    assert_eq!(slug(pair(&pairing.code, "0000").await), "pin-wrong", "a later device proves the PIN");
    pair(&pairing.code, scene.payer.pin).await.unwrap();
    assert_eq!(slug(pair(&pairing.code, scene.payer.pin).await), "pairing-code-unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_anothers_is_as_unknown_as_what_is_not_there() {
    let scene = Scene::new().await;
    let paid = pay(&scene.payer, &scene.request.barcode.text).await.unwrap();
    let eve = quittance_test_support::join(&scene.operator, "Eve", KeyAlgorithm::Ed25519).await;
    let (account, wallet) = (scene.payer.account, scene.payer.wallet);
    let device = scene.payer.device;
    let request = format!("/v1/wallets/{}/payment-requests/{}", scene.payee.wallet, scene.request.id);
    for (method, path, slug, field) in [
        (Method::GET, format!("/v1/accounts/{account}"), "account-unknown", "account"),
        (Method::POST, format!("/v1/accounts/{account}/pairing-codes"), "account-unknown", "account"),
        (Method::DELETE, format!("/v1/accounts/{account}/devices/{device}"), "account-unknown", "account"),
        (Method::GET, format!("/v1/wallets?account={account}"), "account-unknown", "account"),
        (Method::GET, format!("/v1/events?account={account}"), "account-unknown", "account"),
        (Method::GET, format!("/v1/wallets/{wallet}"), "wallet-unknown", "wallet"),
        (Method::DELETE, format!("/v1/wallets/{wallet}"), "wallet-unknown", "wallet"),
        (Method::GET, format!("/v1/wallets/{wallet}/transfers"), "wallet-unknown", "wallet"),
        (Method::GET, request.clone(), "wallet-unknown", "wallet"),
        (Method::DELETE, request.clone(), "wallet-unknown", "wallet"),
        (Method::GET, format!("{request}/barcode"), "wallet-unknown", "wallet"),
        (Method::GET, format!("/v1/transfers/{}", paid.id), "transfer-unknown", "transfer"),
        (
            Method::GET,
            format!("/v1/transfers/{}", new_transfer_id().unwrap()),
            "transfer-unknown",
            "transfer",
        ),
    ] {
        let case = format!("{method} {path}");
        let expected = due(404, std::slice::from_ref(&slug), Some(field));
        scene.refuses(&case, &eve.client, (method, &path, Body::empty()), expected).await;
    }
    let body = Body::json(&json!({ "amount": 5, "currency": "EUR" })).unwrap();
    let path = format!("/v1/wallets/{wallet}/payment-requests");
    let expected = due(404, &["wallet-unknown"], Some("wallet"));
    scene.refuses("asks for another", &eve.client, (Method::POST, &path, body), expected).await;
    // With her own PIN, which is right.
    let expected = due(404, &["payer-unknown", "wallet-unknown"], Some("/payer"));
    scene.refuses_payment("pays with another's money", &eve, &scene.payment(), expected).await;
}
