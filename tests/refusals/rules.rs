//! What the operator's freezes, bounds, limits and fees say no to.

use http::Method;
use quittance_gateway::client::{
    Body, Credits, FeeScope, NewFee, NewLimits, NewSettings, NewWallet, Payment,
};
use quittance_ledger::{CurrencyCode, WalletId};
use quittance_test_support::{ask, euro, pay};
use serde_json::json;

use super::{Scene, due};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_wallet_pays_nothing_and_may_be_paid_nothing() {
    let scene = Scene::new().await;
    let payer_frozen = due(409, &["payer-frozen"], Some("/payer"));
    let payee_frozen = due(409, &["payee-frozen"], Some("/barcode"));
    for credits in [Credits::Accept, Credits::Refuse] {
        scene.operator.freeze(scene.payer.wallet, credits).await.unwrap();
        scene.refuses_payment("frozen", &scene.payer, &scene.payment(), payer_frozen).await;
    }
    scene.operator.unfreeze(scene.payer.wallet).await.unwrap();
    scene.operator.freeze(scene.payee.wallet, Credits::Refuse).await.unwrap();
    scene.refuses_payment("frozen both ways", &scene.payer, &scene.payment(), payee_frozen).await;
    scene.operator.freeze(scene.payee.wallet, Credits::Accept).await.unwrap();
    pay(&scene.payer, &scene.request.barcode.text).await.unwrap();

    let path = format!("/v1/wallets/{}/freeze", scene.payee.wallet);
    let nothing = scene.operator.request(Method::PUT, &path, Body::empty()).await.unwrap();
    assert!(nothing.success().is_ok(), "all of the body may be left out");
    let ask = || (Method::PUT, path.as_str(), Body::json(&json!({ "credits": "all" })).unwrap());
    let invalid = due(422, &["field-invalid"], Some("/credits"));
    scene.refuses("all", &scene.operator, ask(), invalid).await;
    scene.refuses("a device", &scene.payee.client, ask(), due(403, &["operator-needed"], None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bounds_hold_what_a_wallet_may_hold() {
    let scene = Scene::new().await;
    let (payer, payee) = (scene.payer.wallet, scene.payee.wallet);
    let set = async |wallet, overdraft, ceiling| {
        let settings = NewSettings { overdraft, ceiling, ..NewSettings::default() };
        scene.operator.configure_wallet(wallet, &settings).await
    };
    let hit = |field| due(409, &["balance-out-of-bounds"], Some(field));
    scene.refuses_call("a ceiling below", set(payer, None, Some(4_999)), hit("/ceiling")).await;
    set(payee, None, Some(499)).await.unwrap();
    let full = due(422, &["balance-overflow"], Some("/amount"));
    scene.refuses_payment("above the ceiling", &scene.payer, &scene.payment(), full).await;
    set(payee, None, None).await.unwrap();

    let open = quittance_gateway::client::NewPaymentRequest::of(None, euro());
    let barcode = ask(&scene.payee, &open).await.barcode.text;
    set(payer, Some(100), None).await.unwrap();
    let pay_amount = |amount| Payment { barcode: &barcode, amount: Some(amount), ..scene.payment() };
    let poor = due(422, &["insufficient-funds"], Some("/payer"));
    scene.refuses_payment("below the floor", &scene.payer, &pay_amount(5_101), poor).await;
    scene.payer.client.pay(&pay_amount(5_100)).await.unwrap();
    scene.refuses_call("no overdraft", set(payer, None, None), hit("/overdraft")).await;

    let path = format!("/v1/wallets/{payer}/settings");
    for (body, field) in [
        (json!({ "overdraft": -1 }), "/overdraft"),
        (json!({ "ceiling": 0 }), "/ceiling"),
        (json!({ "limits": [] }), "/limits"),
        (json!({ "time_zone": "Europe/Atlantis" }), "/time_zone"),
        (json!({ "time_zone": "europe/berlin" }), "/time_zone"),
    ] {
        let ask = (Method::PUT, path.as_str(), Body::json(&body).unwrap());
        let expected = due(422, &["field-invalid"], Some(field));
        scene.refuses(&body.to_string(), &scene.operator, ask, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_paid_than_the_limits_say() {
    let scene = Scene::new().await;
    let none = NewLimits::default();
    let limits = [
        (NewLimits { per_payment: Some(499), ..none }, "payment-limit-exceeded"),
        (NewLimits { per_day: Some(499), ..none }, "day-limit-exceeded"),
        (NewLimits { per_month: Some(499), ..none }, "month-limit-exceeded"),
    ];
    for (limits, slug) in limits {
        let settings = NewSettings { limits: Some(limits), ..NewSettings::default() };
        scene.operator.configure_wallet(scene.payer.wallet, &settings).await.unwrap();
        let expected = due(422, std::slice::from_ref(&slug), Some("/amount"));
        scene.refuses_payment(slug, &scene.payer, &scene.payment(), expected).await;
    }
    scene.operator.configure_wallet(scene.payer.wallet, &NewSettings::default()).await.unwrap();
    for (limits, slug) in limits {
        scene.operator.limit_account(scene.payer.account, euro(), &limits).await.unwrap();
        let slug = format!("account-{slug}");
        let slugs = [slug.as_str()];
        scene.refuses_payment(&slug, &scene.payer, &scene.payment(), due(422, &slugs, Some("/amount"))).await;
    }
    scene.operator.limit_account(scene.payer.account, euro(), &none).await.unwrap();
    pay(&scene.payer, &scene.request.barcode.text).await.unwrap();
    let dollars: CurrencyCode = "USD".parse().unwrap();
    let unknown = due(404, &["currency-unknown"], Some("currency"));
    let call = scene.operator.limit_account(scene.payer.account, dollars, &none);
    scene.refuses_call("dollars", call, unknown).await;
    let call = scene.payer.client.limit_account(scene.payer.account, euro(), &none);
    scene.refuses_call("a device", call, due(403, &["operator-needed"], None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fee_needs_somebody_who_can_collect_it() {
    let scene = Scene::new().await;
    let points: CurrencyCode = "X-POINTS".parse().unwrap();
    scene.operator.register_currency(points, Some(0)).await.unwrap();
    let new = NewWallet { id: None, account: None, currency: points, name: None };
    let other = scene.payee.client.open_wallet(&new).await.unwrap().id;
    let fee =
        |collector| NewFee { fixed: Some(1), basis_points: None, minimum: None, maximum: None, collector };
    let scope = FeeScope::Wallet(scene.payee.wallet);
    let invalid = due(422, &["fee-rule-invalid"], Some("/collector"));
    scene.refuses_call("in points", scene.operator.set_fee(scope, &fee(other)), invalid).await;
    let closed =
        scene.payer.client.open_wallet(&NewWallet { currency: euro(), ..new.clone() }).await.unwrap();
    scene.payer.client.close_wallet(closed.id).await.unwrap();
    scene.refuses_call("closed", scene.operator.set_fee(scope, &fee(closed.id)), invalid).await;
    let nowhere = WalletId::from_bytes([9; 16]).unwrap();
    let answer = scene.unmoved("nowhere", scene.operator.set_fee(scope, &fee(nowhere))).await;
    assert!(answer.unwrap_err().problem().is_some());

    let backwards = NewFee { minimum: Some(2), maximum: Some(1), ..fee(scene.payer.wallet) };
    let expected = due(422, &["fee-rule-invalid"], Some("/minimum"));
    scene.refuses_call("backwards", scene.operator.set_fee(scope, &backwards), expected).await;
    let whole = NewFee { basis_points: Some(10_001), ..fee(scene.payer.wallet) };
    let expected = due(422, &["field-invalid"], Some("/basis_points"));
    scene.refuses_call("more than all", scene.operator.set_fee(scope, &whole), expected).await;
    let good = fee(scene.payer.wallet);
    let operator_needed = due(403, &["operator-needed"], None);
    scene.refuses_call("a device", scene.payee.client.set_fee(scope, &good), operator_needed).await;

    // Who collects can't be closed.
    let collector = scene.payer.client.open_wallet(&NewWallet { currency: euro(), ..new }).await.unwrap();
    scene.operator.set_fee(scope, &fee(collector.id)).await.unwrap();
    let in_use = due(409, &["wallet-in-use"], Some("wallet"));
    scene.refuses_call("in use", scene.payer.client.close_wallet(collector.id), in_use).await;
}
