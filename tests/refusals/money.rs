//! Payments that the rules of money forbid, and ids that can't name them.

use http::Method;
use quittance_gateway::client::{
    Body, NewPaymentRequest, NewWallet, Payment, TransferStatus, UnitsMovement, new_transfer_id, rfc3339,
    time_ordered_bytes, unix_millis,
};
use quittance_ledger::{CurrencyCode, MAX_AMOUNT, TransferId, Usage, WalletId};
use quittance_test_support::{ANY_FIELD, ask, euro, fund, pay, soon};
use serde_json::json;

use super::{Scene, due};

const HOUR_MS: u64 = 3_600_000;

fn id_made_at(millis: u64) -> TransferId {
    TransferId::from_bytes(time_ordered_bytes(millis).unwrap()).unwrap()
}

fn wallet_of(currency: CurrencyCode) -> NewWallet<'static> {
    NewWallet { id: None, account: None, currency, name: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_there_is_can_not_be_paid() {
    let scene = Scene::new().await;
    let open = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) };
    let barcode = ask(&scene.payee, &open).await.barcode.text;
    let expected = due(422, &["insufficient-funds"], Some("/payer"));
    for amount in [5_001, MAX_AMOUNT] {
        let payment = Payment { barcode: &barcode, amount: Some(amount), ..scene.payment() };
        let problem = scene.refuses_payment("too much", &scene.payer, &payment, expected).await;
        let recorded = problem.transfer.unwrap();
        assert_eq!((recorded.id, recorded.status), (payment.id, TransferStatus::Refused));
        // What was refused stays refused under its id, even once there is enough.
        fund(&scene.operator, scene.payer.wallet, 1).await;
        let again = scene.refuses_payment("again", &scene.payer, &payment, expected).await;
        assert_eq!(again.transfer.unwrap(), recorded);
    }
    let all = Payment { barcode: &barcode, amount: Some(5_002), ..scene.payment() };
    scene.payer.client.pay(&all).await.unwrap();
    let more = Payment { barcode: &barcode, amount: Some(1), ..scene.payment() };
    scene.refuses_payment("one cent", &scene.payer, &more, expected).await;

    let body = json!({ "id": new_transfer_id().unwrap(), "amount": 1, "currency": "EUR" });
    let path = format!("/v1/wallets/{}/redemptions", scene.payer.wallet);
    let ask = (Method::POST, path.as_str(), Body::json(&body).unwrap());
    let expected = due(422, &["insufficient-funds"], ANY_FIELD);
    scene.refuses("redeemed out of nothing", &scene.operator, ask, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payee_that_is_full_can_not_be_paid() {
    let scene = Scene::new().await;
    fund(&scene.operator, scene.payee.wallet, MAX_AMOUNT - 499).await;
    let expected = due(422, &["balance-overflow"], Some("/amount"));
    scene.refuses_payment("500 into 499", &scene.payer, &scene.payment(), expected).await;
    let body = json!({ "id": new_transfer_id().unwrap(), "amount": 500, "currency": "EUR" });
    let path = format!("/v1/wallets/{}/issues", scene.payee.wallet);
    let ask_for = (Method::POST, path.as_str(), Body::json(&body).unwrap());
    scene.refuses("issued on top", &scene.operator, ask_for, expected).await;
    let fitting = ask(&scene.payee, &NewPaymentRequest::of(Some(499), euro())).await;
    pay(&scene.payer, &fitting.barcode.text).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_or_a_currency_that_was_not_asked_for_is_refused() {
    let scene = Scene::new().await;
    let open = ask(&scene.payee, &NewPaymentRequest::of(None, euro())).await;
    let points: CurrencyCode = "X-POINTS".parse().unwrap();
    let dollars: CurrencyCode = "USD".parse().unwrap();
    scene.operator.register_currency(points, Some(0)).await.unwrap();
    let other = scene.payer.client.open_wallet(&wallet_of(points)).await.unwrap();
    let good = || scene.payment();
    let cases = [
        ("another amount", Payment { amount: Some(499), ..good() }, "amount-differs", "/amount"),
        ("no amount", Payment { barcode: &open.barcode.text, ..good() }, "amount-missing", "/amount"),
        (
            "another currency",
            Payment { currency: Some(dollars), ..good() },
            "barcode-currency-differs",
            "/currency",
        ),
        ("a wallet of points", Payment { payer: other.id, ..good() }, "payer-currency-differs", "/payer"),
    ];
    for (case, payment, slug, field) in cases {
        let expected = due(422, std::slice::from_ref(&slug), Some(field));
        scene.refuses_payment(case, &scene.payer, &payment, expected).await;
    }
    let requests = format!("/v1/wallets/{}/payment-requests", scene.payee.wallet);
    let issues = format!("/v1/wallets/{}/issues", scene.payee.wallet);
    let id = new_transfer_id().unwrap();
    for (case, path, body) in [
        ("asked for in points", &requests, json!({ "amount": 5, "currency": "X-POINTS" })),
        ("issued in points", &issues, json!({ "id": id, "amount": 5, "currency": "X-POINTS" })),
    ] {
        let ask = (Method::POST, path.as_str(), Body::json(&body).unwrap());
        let expected = due(422, &["payee-currency-differs"], Some("/currency"));
        scene.refuses(case, &scene.operator, ask, expected).await;
    }
    let ask = (Method::POST, "/v1/wallets", Body::json(&json!({ "currency": "USD" })).unwrap());
    let expected = due(422, &["currency-unknown"], Some("/currency"));
    scene.refuses("a wallet of dollars", &scene.payer.client, ask, expected).await;
    let exponent = Body::json(&json!({ "code": "X-POINTS", "exponent": 3 })).unwrap();
    let expected = due(409, &["currency-differs"], Some("/exponent"));
    let ask = (Method::POST, "/v1/currencies", exponent);
    scene.refuses("another exponent", &scene.operator, ask, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wallets_that_are_unknown_closed_or_ones_own_are_refused() {
    let scene = Scene::new().await;
    let nowhere = WalletId::from_bytes([9; 16]).unwrap();
    let payment = Payment { payer: nowhere, ..scene.payment() };
    let expected = due(404, &["payer-unknown", "wallet-unknown"], Some("/payer"));
    scene.refuses_payment("an unknown payer", &scene.payer, &payment, expected).await;
    let path = format!("/v1/wallets/{nowhere}");
    let expected = due(404, &["wallet-unknown"], Some("wallet"));
    scene.refuses("unknown", &scene.operator, (Method::GET, &path, Body::empty()), expected).await;

    let path = format!("/v1/wallets/{}", scene.payer.wallet);
    let expected = due(409, &["wallet-not-empty"], Some("wallet"));
    scene.refuses("not empty", &scene.payer.client, (Method::DELETE, &path, Body::empty()), expected).await;

    let second = scene.payer.client.open_wallet(&wallet_of(euro())).await.unwrap();
    let own = NewPaymentRequest::of(Some(5), euro());
    let own = scene.payer.client.request_payment(second.id, &own).await.unwrap();
    let expected = due(422, &["self-payment"], Some("/payer"));
    for payer in [second.id, scene.payer.wallet] {
        let payment = Payment { payer, barcode: &own.barcode.text, ..scene.payment() };
        scene.refuses_payment("to oneself", &scene.payer, &payment, expected).await;
    }

    let closing = scene.payee.client.open_wallet(&wallet_of(euro())).await.unwrap();
    let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(Some(5), euro()) };
    let request = scene.payee.client.request_payment(closing.id, &new).await.unwrap();
    scene.payee.client.close_wallet(closing.id).await.unwrap();
    scene.payer.client.close_wallet(second.id).await.unwrap();
    let payment = Payment { barcode: &request.barcode.text, ..scene.payment() };
    let expected = due(409, &["payee-closed"], Some("/barcode"));
    scene.refuses_payment("a closed payee", &scene.payer, &payment, expected).await;
    let payment = Payment { payer: second.id, ..scene.payment() };
    let expected = due(409, &["payer-closed"], Some("/payer"));
    scene.refuses_payment("a closed payer", &scene.payer, &payment, expected).await;
    let path = format!("/v1/wallets/{}/payment-requests", closing.id);
    let body = Body::json(&new).unwrap();
    let expected = due(409, &["wallet-closed"], Some("wallet"));
    scene.refuses("asks when closed", &scene.payee.client, (Method::POST, &path, body), expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_names_one_transfer_of_today() {
    let scene = Scene::new().await;
    let paid = Payment { amount: Some(500), ..scene.payment() };
    let settled = scene.payer.client.pay(&paid).await.unwrap();
    let other = ask(&scene.payee, &NewPaymentRequest::of(Some(7), euro())).await;
    let expected = due(409, &["id-conflict"], Some("/id"));
    let conflict = Payment { id: paid.id, barcode: &other.barcode.text, ..scene.payment() };
    scene.refuses_payment("another barcode", &scene.payer, &conflict, expected).await;
    let movement = UnitsMovement { id: paid.id, amount: 500, currency: euro(), reference: None };
    let path = format!("/v1/wallets/{}/issues", scene.payee.wallet);
    let ask_for = (Method::POST, path.as_str(), Body::json(&movement).unwrap());
    scene.refuses("an issue", &scene.operator, ask_for, expected).await;
    assert_eq!(scene.payer.client.pay(&paid).await.unwrap(), settled);

    let now = unix_millis();
    for (case, millis, slug) in [
        ("25 hours old", now - 25 * HOUR_MS, "id-too-old"),
        ("from 1970", 1, "id-too-old"),
        ("from tomorrow", now + 24 * HOUR_MS, "id-ahead"),
    ] {
        let payment = Payment { id: id_made_at(millis), ..scene.payment() };
        let expected = due(422, std::slice::from_ref(&slug), Some("/id"));
        scene.refuses_payment(case, &scene.payer, &payment, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_ends_at_the_wrong_time_is_refused() {
    const DAY_SECS: u64 = 24 * 3_600;
    let scene = Scene::new().await;
    let path = format!("/v1/wallets/{}/payment-requests", scene.payee.wallet);
    for (case, at) in
        [("long over", "2020-01-01T00:00:00.000Z".to_owned()), ("in 100 days", rfc3339(soon(100 * DAY_SECS)))]
    {
        let new = NewPaymentRequest { expires_at: Some(at), ..NewPaymentRequest::of(Some(5), euro()) };
        let ask = (Method::POST, path.as_str(), Body::json(&new).unwrap());
        let expected = due(422, &["request-expiry-invalid"], Some("/expires_at"));
        scene.refuses(case, &scene.payee.client, ask, expected).await;
    }
    let path = format!("/v1/wallets/{}/till-certificates", scene.payee.wallet);
    let body = json!({ "expires_at": rfc3339(soon(32 * DAY_SECS)) });
    let ask = (Method::POST, path.as_str(), Body::json(&body).unwrap());
    let answer = scene.unmoved("32 days", scene.payee.client.request(ask.0, ask.1, ask.2)).await.unwrap();
    let problem = answer.problem().unwrap();
    assert_eq!((answer.status.as_u16(), problem.field.as_deref()), (422, Some("/expires_at")), "{problem}");
}
