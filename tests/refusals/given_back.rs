//! Refunds, reversals and adjustments that can't be.

use http::Method;
use quittance_gateway::client::{Adjustment, AdjustmentLeg, Body, Refund, Reversal, new_transfer_id};
use quittance_ledger::{CurrencyCode, KeyAlgorithm, WalletId};
use quittance_test_support::{euro, join, pay};
use serde_json::json;

use super::{Scene, due};

fn refund(amount: Option<u64>) -> Refund<'static> {
    Refund { id: new_transfer_id().unwrap(), amount, leg: None, reference: None, pin: Some("2580") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_given_back_than_was_paid_and_by_nobody_else() {
    let scene = Scene::new().await;
    let (payer, payee) = (&scene.payer.client, &scene.payee.client);
    let eve = join(&scene.operator, "Eve", KeyAlgorithm::Ed25519).await;
    let paid = pay(&scene.payer, &scene.request.barcode.text).await.unwrap();
    let exceeds = due(422, &["refund-exceeds-transfer"], Some("/amount"));
    scene.refuses_call("more", payee.refund(&paid, &refund(Some(501))), exceeds).await;
    let given = payee.refund(&paid, &refund(Some(300))).await.unwrap();
    scene.refuses_call("more than is left", payee.refund(&paid, &refund(Some(201))), exceeds).await;

    let not_refundable = due(422, &["not-refundable"], Some("transfer"));
    scene.refuses_call("its payer", payer.refund(&paid, &refund(None)), not_refundable).await;
    scene.refuses_call("a refund", payer.refund(&given, &refund(None)), not_refundable).await;
    let second = Refund { leg: Some(1), ..refund(None) };
    let expected = due(422, &["not-refundable"], Some("/leg"));
    scene.refuses_call("no such leg", payee.refund(&paid, &second), expected).await;
    let unknown = due(404, &["transfer-unknown"], Some("transfer"));
    scene.refuses_call("Eve", eve.client.refund(&paid, &refund(None)), unknown).await;
    let wrong = Refund { pin: Some("0000"), ..refund(Some(1)) };
    scene
        .refuses_call("a wrong PIN", payee.refund(&paid, &wrong), due(403, &["pin-wrong"], Some("/pin")))
        .await;

    let path = format!("/v1/transfers/{}/refunds", paid.id);
    let id = new_transfer_id().unwrap();
    for (case, client, body, slug, field) in [
        ("no signature", payee, json!({ "id": id, "pin": "2580" }), "field-missing", "/signature"),
        (
            "not signed",
            payee,
            json!({ "id": id, "amount": 1, "pin": "2580", "signature": "A".repeat(86) }),
            "statement-not-signed",
            "/signature",
        ),
        ("the operator's PIN", &scene.operator, json!({ "id": id, "pin": "2580" }), "field-invalid", "/pin"),
    ] {
        let ask = (Method::POST, path.as_str(), Body::json(&body).unwrap());
        scene.refuses(case, client, ask, due(422, &[slug], Some(field))).await;
    }
    // What was refused is nothing to give back.
    let refused = pay(&scene.payer, &scene.request.barcode.text).await.unwrap();
    payee.refund(&refused, &refund(None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_operator_takes_back_and_once() {
    let scene = Scene::new().await;
    let paid = pay(&scene.payer, &scene.request.barcode.text).await.unwrap();
    let reversal = || Reversal { id: new_transfer_id().unwrap(), reason: "a mistake" };
    let operator_needed = due(403, &["operator-needed"], None);
    let call = async || scene.payee.client.reverse(paid.id, &reversal()).await;
    scene.refuses_call("the payee", call(), operator_needed).await;
    let unknown = due(404, &["transfer-unknown"], Some("transfer"));
    let nothing = new_transfer_id().unwrap();
    let first = reversal();
    scene.refuses_call("nothing", scene.operator.reverse(nothing, &first), unknown).await;
    let taken = scene.operator.reverse(paid.id, &first).await.unwrap();
    let again = reversal();
    let exceeds = due(422, &["refund-exceeds-transfer"], Some("transfer"));
    scene.refuses_call("again", scene.operator.reverse(paid.id, &again), exceeds).await;
    let not_refundable = due(422, &["not-refundable"], Some("transfer"));
    let other = reversal();
    scene.refuses_call("a reversal", scene.operator.reverse(taken.id, &other), not_refundable).await;
    let path = format!("/v1/transfers/{}/reversals", paid.id);
    let ask = (Method::POST, path.as_str(), Body::json(&json!({ "id": nothing })).unwrap());
    let expected = due(422, &["field-missing"], Some("/reason"));
    scene.refuses("no reason", &scene.operator, ask, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adjustment_is_whole_or_not_at_all() {
    let scene = Scene::new().await;
    let (payer, payee) = (scene.payer.wallet, scene.payee.wallet);
    let leg =
        |payer, payee, amount, currency| AdjustmentLeg { payer, payee, amount, currency, reference: None };
    let dollars: CurrencyCode = "USD".parse().unwrap();
    let nowhere = WalletId::from_bytes([9; 16]).unwrap();
    let good = leg(payer, payee, 10, euro());
    for (case, second, status, slug, field) in [
        ("more than there is", leg(payee, payer, 5_000, euro()), 422, "insufficient-funds", "/legs"),
        ("to itself", leg(payee, payee, 5, euro()), 422, "self-payment", "/legs/1/payee"),
        ("nowhere", leg(payer, nowhere, 5, euro()), 404, "wallet-unknown", "/legs/1/payee"),
        ("in dollars", leg(payer, payee, 5, dollars), 422, "payer-currency-differs", "/legs/1/payer"),
    ] {
        let legs = [good, second];
        let adjustment = Adjustment { id: new_transfer_id().unwrap(), legs: &legs, reason: "a mistake" };
        let slugs = [slug];
        scene.refuses_call(case, scene.operator.adjust(&adjustment), due(status, &slugs, Some(field))).await;
    }
    let id = new_transfer_id().unwrap();
    let none = Adjustment { id, legs: &[], reason: "a mistake" };
    let invalid = due(422, &["field-invalid"], Some("/legs"));
    scene.refuses_call("none", scene.operator.adjust(&none), invalid).await;
    let many = [good; 17];
    let many = Adjustment { id, legs: &many, reason: "a mistake" };
    scene.refuses_call("17", scene.operator.adjust(&many), invalid).await;
    let one = Adjustment { id, legs: &[good], reason: "a mistake" };
    let operator_needed = due(403, &["operator-needed"], None);
    scene.refuses_call("a device", scene.payee.client.adjust(&one), operator_needed).await;
}
