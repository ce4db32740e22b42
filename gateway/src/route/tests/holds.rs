//! Holds, from placing to release.

use super::*;

impl World {
    fn hold(&self, phone: &Phone, id: &str, payer: &str, request: &Value, expires_at: &str) -> Value {
        let until: jiff::Timestamp = expires_at.parse().unwrap();
        let line = format!(
            "hold {} EUR from {payer} for {} for {} until {}",
            request["amount"],
            text(&request["wallet"]),
            text(&request["id"]),
            until.as_millisecond()
        );
        json!({
            "id": id, "payer": payer, "barcode": request["barcode"]["text"], "expires_at": expires_at, "pin": "1234",
            "signature": self.signature(phone, id, &[line]),
        })
    }

    /// An instant so many seconds from now.
    pub(super) fn soon(&self, secs: u64) -> String {
        crate::view::Instant(self.app.engine.now().plus_millis(secs * 1_000)).to_string()
    }
}

#[tokio::test]
async fn what_is_held_is_captured_in_parts_and_the_rest_let_go() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (hotel_account, hotel, to) = world.party("Hotel", 2, 0).await;
    let (_, eve, _) = world.party("Eve", 3, 0).await;
    let (_, _, house) = world.party("House", 4, 0).await;
    let fee = json!({"fixed": 10, "collector": house});
    world.operator(Method::PUT, "/v1/currencies/EUR/fee", Some(fee)).await;
    let request = world.ask(&hotel, &to, json!({"amount": 1_000, "currency": "EUR"})).await;
    let until = world.soon(3_600);
    let id = world.transfer_id(1);
    let body = world.hold(&ada, &id, &from, &request, &until);
    let (status, hold) = world.device(&ada, Method::POST, "/v1/holds", Some(body.clone())).await;
    assert_eq!(status, StatusCode::CREATED, "{hold}");
    assert_eq!((&hold["status"], &hold["remaining"]), (&"open".into(), &1_000.into()));
    assert_eq!((&hold["expires_at"], &hold["transfer"]["purpose"]), (&until.as_str().into(), &"hold".into()));
    let again = world.device(&ada, Method::POST, "/v1/holds", Some(body)).await;
    assert_eq!(again, (StatusCode::CREATED, hold.clone()));
    let wallet = world.device(&ada, Method::GET, &format!("/v1/wallets/{from}"), None).await.1;
    assert_eq!((&wallet["posted"], &wallet["held"]), (&5_000.into(), &1_000.into()));
    assert_eq!((&wallet["available"], &wallet["display"]["held"]), (&4_000.into(), &"10.00 EUR".into()));
    let shown = format!("/v1/wallets/{to}/payment-requests/{}", text(&request["id"]));
    let shown = world.device(&hotel, Method::GET, &shown, None).await.1;
    assert_eq!((&shown["status"], &shown["held_by"]), (&"held".into(), &id.as_str().into()), "{shown}");

    let path = format!("/v1/holds/{id}");
    let captures = format!("{path}/captures");
    let capture = |phone: &Phone, n: u8, amount: u64, rest: &str| {
        let capture = world.transfer_id(n);
        let line = format!("capture {amount} EUR from {from} to {to} of hold {id} {rest}");
        let signature = world.signature(phone, &capture, &[line]);
        json!({"id": capture, "amount": amount, "currency": "EUR", "signature": signature})
    };
    for phone in [&ada, &eve] {
        let body = capture(phone, 2, 400, "and keep the rest");
        let answer = world.device(phone, Method::POST, &captures, Some(body)).await;
        assert_problem(&answer, 404, "hold-unknown", "hold");
        let answer = world.device(phone, Method::DELETE, &path, None).await;
        assert_problem(&answer, 404, "hold-unknown", "hold");
    }
    assert_problem(&world.device(&eve, Method::GET, &path, None).await, 404, "hold-unknown", "hold");
    let body = capture(&hotel, 3, 400, "and keep the rest");
    let (status, captured) = world.device(&hotel, Method::POST, &captures, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{captured}");
    assert_eq!(captured["related"], json!({"transfer": id, "leg": 0}));
    let by = json!({"kind": "device", "account": hotel_account, "device": hotel.key_id});
    assert_eq!((&captured["by"], &captured["payer"]), (&by, &from.as_str().into()));
    assert_eq!(captured["legs"].as_array().unwrap().len(), 2, "{captured}");
    // Whose units were taken sees neither the payee's device nor what the payee paid of them.
    let seen = format!("/v1/transfers/{}", text(&captured["id"]));
    let (_, seen) = world.device(&ada, Method::GET, &seen, None).await;
    assert_eq!(seen["by"], json!({"kind": "device"}));
    assert_eq!(seen["legs"], json!([captured["legs"][0]]));
    let (_, seen) = world.device(&hotel, Method::GET, &path, None).await;
    assert_eq!((&seen["id"], &seen["transfer"]["by"]), (&hold["id"], &json!({"kind": "device"})), "{seen}");
    for (body, status, slug, field) in [
        (capture(&hotel, 4, 601, "and keep the rest"), 422, "capture-exceeds-hold", "/amount"),
        (capture(&hotel, 5, 1, "and let the rest go"), 422, "statement-not-signed", "/signature"),
        (
            json!({"id": world.transfer_id(6), "amount": 1, "currency": "EUR"}),
            422,
            "field-missing",
            "/signature",
        ),
        (
            json!({"id": world.transfer_id(6), "amount": 1, "currency": "USD", "signature": "A".repeat(86)}),
            422,
            "payee-currency-differs",
            "/currency",
        ),
        (
            json!({"id": world.transfer_id(6), "amount": 1, "currency": "EUR", "signature": "abc"}),
            422,
            "field-invalid",
            "/signature",
        ),
    ] {
        let answer = world.device(&hotel, Method::POST, &captures, Some(body)).await;
        assert_problem(&answer, status, slug, field);
    }
    let mut body = capture(&hotel, 7, 100, "and let the rest go");
    body["final"] = true.into();
    let (status, captured) = world.device(&hotel, Method::POST, &captures, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{captured}");
    let (_, hold) = world.device(&ada, Method::GET, &path, None).await;
    assert_eq!((&hold["status"], &hold["captured"]), (&"captured".into(), &500.into()), "{hold}");
    assert_eq!(hold["remaining"], 0);
    let answer = world.device(&hotel, Method::DELETE, &path, None).await;
    assert_problem(&answer, 409, "hold-captured", "hold");
    let wallet = world.device(&ada, Method::GET, &format!("/v1/wallets/{from}"), None).await.1;
    assert_eq!((&wallet["posted"], &wallet["held"]), (&4_500.into(), &0.into()));
}

#[tokio::test]
async fn a_hold_is_released_by_its_payee_or_the_operator() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, hotel, to) = world.party("Hotel", 2, 0).await;
    for (n, is_operator) in [(1, false), (2, true)] {
        let request = world.ask(&hotel, &to, json!({"amount": 1_000, "currency": "EUR"})).await;
        let id = world.transfer_id(n);
        let body = world.hold(&ada, &id, &from, &request, &world.soon(3_600));
        let (status, hold) = world.device(&ada, Method::POST, "/v1/holds", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{hold}");
        let path = format!("/v1/holds/{id}");
        let (status, released) = if is_operator {
            world.operator(Method::DELETE, &path, None).await
        } else {
            world.device(&hotel, Method::DELETE, &path, None).await
        };
        assert_eq!((status, &released["status"]), (StatusCode::OK, &"released".into()), "{released}");
        let body = json!({"id": world.transfer_id(9), "amount": 1, "currency": "EUR"});
        let answer = world.operator(Method::POST, &format!("{path}/captures"), Some(body)).await;
        assert_problem(&answer, 410, "hold-released", "hold");
    }
    let request = world.ask(&hotel, &to, json!({"amount": 1_000, "currency": "EUR"})).await;
    for secs in [0, 32 * 24 * 3_600] {
        let id = world.transfer_id(if secs == 0 { 20 } else { 21 });
        let body = world.hold(&ada, &id, &from, &request, &world.soon(secs));
        let answer = world.device(&ada, Method::POST, "/v1/holds", Some(body)).await;
        assert_problem(&answer, 422, "hold-expiry-invalid", "/expires_at");
        assert_eq!(answer.1["transfer"]["purpose"], "hold");
    }
    let body =
        json!({"id": world.transfer_id(9), "amount": 1, "currency": "EUR", "signature": "A".repeat(86)});
    let path = format!("/v1/holds/{}/captures", world.transfer_id(1));
    let answer = world.operator(Method::POST, &path, Some(body)).await;
    assert_problem(&answer, 422, "field-invalid", "/signature");
    let answer = world.operator(Method::POST, "/v1/holds", Some(json!({}))).await;
    assert_problem(&answer, 403, "device-needed", "");
}
