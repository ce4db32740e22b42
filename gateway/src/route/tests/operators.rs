//! What the operator says of wallets and accounts, and what of it devices may see.

use super::*;

#[tokio::test]
async fn a_frozen_wallet_pays_nothing_until_it_is_thawed() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, cafe, to) = world.party("Café", 2, 0).await;
    let freeze = format!("/v1/wallets/{from}/freeze");
    let (status, frozen) = world.operator(Method::PUT, &freeze, Some(json!({}))).await;
    assert_eq!((status, &frozen["status"]), (StatusCode::OK, &"frozen".into()), "{frozen}");
    let answer = world.device(&ada, Method::PUT, &freeze, Some(json!({}))).await;
    assert_problem(&answer, 403, "operator-needed", "");
    let answer = world.operator(Method::PUT, &freeze, Some(json!({"credits": "some"}))).await;
    assert_problem(&answer, 422, "field-invalid", "/credits");

    let request = world.ask(&cafe, &to, json!({"amount": 100, "currency": "EUR"})).await;
    let body = world.payment(&ada, &world.transfer_id(1), &from, &request);
    let answer = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_problem(&answer, 409, "payer-frozen", "/payer");
    let both = format!("/v1/wallets/{to}/freeze");
    let (_, frozen) = world.operator(Method::PUT, &both, Some(json!({"credits": "refuse"}))).await;
    assert_eq!(frozen["status"], "frozen-both-ways");
    let (_, thawed) = world.operator(Method::DELETE, &freeze, None).await;
    assert_eq!(thawed["status"], "open");
    let body = world.payment(&ada, &world.transfer_id(2), &from, &request);
    let answer = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_problem(&answer, 409, "payee-frozen", "/barcode");
}

#[tokio::test]
async fn bounds_and_limits_are_set_and_shown() {
    let world = World::with_euro().await;
    let (account, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, cafe, to) = world.party("Café", 2, 0).await;
    let settings = format!("/v1/wallets/{from}/settings");
    let body = json!({
        "overdraft": 500, "ceiling": 10_000, "time_zone": "Europe/Berlin",
        "limits": {"per_payment": 300, "per_day": 1_000},
    });
    let (status, wallet) = world.operator(Method::PUT, &settings, Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{wallet}");
    assert_eq!((&wallet["overdraft"], &wallet["ceiling"]), (&500.into(), &10_000.into()));
    assert_eq!(wallet["time_zone"], "Europe/Berlin");
    let limits = json!({
        "per_payment": 300, "per_day": 1_000, "per_month": null, "left_day": 1_000, "left_month": null,
    });
    assert_eq!(wallet["limits"], limits);
    for (body, slug, field) in [
        (json!({"ceiling": 4_999}), "balance-out-of-bounds", "/ceiling"),
        (json!({"overdraft": 0}), "field-invalid", "/overdraft"),
        (json!({"time_zone": "Mars/Olympus"}), "field-invalid", "/time_zone"),
        (json!({"limits": [1, 2, 3]}), "field-invalid", "/limits"),
        (json!({"limits": {"per_day": -1}}), "field-invalid", "/limits/per_day"),
        (json!({"limits": {"per_year": 1}}), "field-unknown", "/limits/per_year"),
    ] {
        let answer = world.operator(Method::PUT, &settings, Some(body.clone())).await;
        assert_eq!(answer.1["field"], field, "{body}: {}", answer.1);
        assert_eq!(answer.1["type"], format!("urn:quittance:problem:{slug}"), "{body}: {}", answer.1);
    }

    let request = world.ask(&cafe, &to, json!({"amount": 301, "currency": "EUR"})).await;
    let body = world.payment(&ada, &world.transfer_id(1), &from, &request);
    let answer = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_problem(&answer, 422, "payment-limit-exceeded", "/amount");

    let path = format!("/v1/accounts/{account}/limits/EUR");
    let (status, set) = world.operator(Method::PUT, &path, Some(json!({"per_day": 250}))).await;
    assert_eq!((status, &set["left_day"]), (StatusCode::OK, &250.into()), "{set}");
    let request = world.ask(&cafe, &to, json!({"amount": 200, "currency": "EUR"})).await;
    let body = world.payment(&ada, &world.transfer_id(2), &from, &request);
    let (status, paid) = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{paid}");
    let (_, seen) = world.device(&ada, Method::GET, &path, None).await;
    assert_eq!((&seen["left_day"], &seen["account"]), (&50.into(), &account.as_str().into()), "{seen}");
    let request = world.ask(&cafe, &to, json!({"amount": 51, "currency": "EUR"})).await;
    let body = world.payment(&ada, &world.transfer_id(3), &from, &request);
    let answer = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_problem(&answer, 422, "account-day-limit-exceeded", "/amount");

    let answer = world.device(&cafe, Method::GET, &path, None).await;
    assert_problem(&answer, 404, "account-unknown", "account");
    let answer = world.device(&ada, Method::PUT, &path, Some(json!({}))).await;
    assert_problem(&answer, 403, "operator-needed", "");
    let other = format!("/v1/accounts/{account}/limits/USD");
    let answer = world.device(&ada, Method::GET, &other, None).await;
    assert_problem(&answer, 404, "currency-unknown", "currency");
    let answer = world.operator(Method::PUT, &other, Some(json!({}))).await;
    assert_problem(&answer, 404, "currency-unknown", "currency");
}

/// At any time of the day it is another day than in UTC in one of these zones.
#[tokio::test]
async fn what_is_left_of_an_accounts_limits_is_shown_by_the_day_of_its_wallets() {
    for zone in ["Etc/GMT+12", "Pacific/Kiritimati"] {
        let world = World::with_euro().await;
        let (account, ada, from) = world.party("Ada", 1, 5_000).await;
        let (_, cafe, to) = world.party("Café", 2, 0).await;
        let settings = format!("/v1/wallets/{from}/settings");
        let (status, set) = world.operator(Method::PUT, &settings, Some(json!({"time_zone": zone}))).await;
        assert_eq!(status, StatusCode::OK, "{set}");
        let path = format!("/v1/accounts/{account}/limits/EUR");
        world.operator(Method::PUT, &path, Some(json!({"per_day": 250}))).await;
        let request = world.ask(&cafe, &to, json!({"amount": 200, "currency": "EUR"})).await;
        let body = world.payment(&ada, &world.transfer_id(1), &from, &request);
        let (status, paid) = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{paid}");
        let (_, seen) = world.device(&ada, Method::GET, &path, None).await;
        assert_eq!(seen["left_day"], 50, "{zone}: {seen}");
    }
}

#[tokio::test]
async fn an_adjustment_moves_all_of_its_legs_or_none() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, _, to) = world.party("Café", 2, 0).await;
    let leg = |payer: &str, payee: &str, amount: u64| json!({"payer": payer, "payee": payee, "amount": amount, "currency": "EUR"});
    let adjustment =
        |n: u8, legs: &[Value]| json!({"id": world.transfer_id(n), "legs": legs, "reason": "A slip"});
    let body = adjustment(1, &[leg(&from, &to, 300), leg(&to, &from, 100)]);
    let answer = world.device(&ada, Method::POST, "/v1/adjustments", Some(body.clone())).await;
    assert_problem(&answer, 403, "operator-needed", "");
    let (status, adjusted) = world.operator(Method::POST, "/v1/adjustments", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{adjusted}");
    assert_eq!((&adjusted["purpose"], &adjusted["reason"]), (&"adjustment".into(), &"A slip".into()));
    assert_eq!(
        (&adjusted["by"]["kind"], adjusted["legs"].as_array().unwrap().len()),
        (&"operator".into(), 2)
    );
    assert_eq!((&adjusted["legs"][1]["amount"], &adjusted["legs"][1]["leg"]), (&100.into(), &1.into()));

    let nobody = world.transfer_id(99);
    for (body, status, slug, field) in [
        (adjustment(2, &[]), 422, "field-invalid", "/legs"),
        (adjustment(3, &vec![leg(&from, &to, 1); 17]), 422, "field-invalid", "/legs"),
        (
            adjustment(4, &[leg(&from, &to, 1), leg(&from, &nobody, 1)]),
            404,
            "wallet-unknown",
            "/legs/1/payee",
        ),
        (adjustment(5, &[leg(&from, &from, 1)]), 422, "self-payment", "/legs/0/payee"),
        (adjustment(6, &[leg(&to, &from, 5_000)]), 422, "insufficient-funds", "/legs"),
        (adjustment(7, &[json!([from, to, 1, "EUR"])]), 422, "field-invalid", "/legs/0"),
        (json!({"id": nobody, "legs": [leg(&from, &to, 1)]}), 422, "field-missing", "/reason"),
    ] {
        let answer = world.operator(Method::POST, "/v1/adjustments", Some(body)).await;
        assert_problem(&answer, status, slug, field);
    }
    let wallet = world.operator(Method::GET, &format!("/v1/wallets/{to}"), None).await.1;
    assert_eq!(wallet["posted"], 200);
}

#[tokio::test]
async fn reads_that_are_too_many_are_refused_and_payments_are_not() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let request = world.ask(&shop, &to, json!({"amount": 100, "currency": "EUR"})).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    for _ in 0..1_000 {
        let (app, released) = (Arc::clone(&world.app), Arc::clone(&released));
        tokio::spawn(async move {
            let _ = app.read(move |_| released.lock().unwrap().recv().is_ok()).await;
        });
        tokio::task::yield_now().await;
    }
    let path = format!("/v1/wallets/{from}/transfers");
    let asked = world.signed(&ada, &Method::GET, &path, None);
    let refused = world.routes.clone().oneshot(asked).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    let body = world.payment(&ada, &world.transfer_id(1), &from, &request);
    let (status, paid) = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{paid}");
    drop(release);
    // Those that waited go before it.
    let (status, page) = loop {
        let (status, page) = world.device(&ada, Method::GET, &path, None).await;
        if status != StatusCode::SERVICE_UNAVAILABLE {
            break (status, page);
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(page["transfers"][0]["id"], paid["id"]);
}
