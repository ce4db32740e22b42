//! Rates, quotes, and what is paid on them.

use super::*;

impl World {
    pub(super) async fn wallet_of(&self, phone: &Phone, currency: &str) -> String {
        let body = json!({"currency": currency});
        let (status, wallet) = self.device(phone, Method::POST, "/v1/wallets", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{wallet}");
        text(&wallet["id"])
    }
}

#[tokio::test]
async fn a_quote_is_paid_with_both_of_its_halves() {
    let world = World::with_euro().await;
    world.operator(Method::POST, "/v1/currencies", Some(json!({"code": "JPY"}))).await;
    let (_, ada, from) = world.party("Ada", 1, 50_000).await;
    let (_, maker, taker) = world.party("Maker", 2, 0).await;
    let (to, giver) = (world.wallet_of(&ada, "JPY").await, world.wallet_of(&maker, "JPY").await);
    let body = json!({"id": world.transfer_id(30), "amount": 100_000, "currency": "JPY"});
    world.operator(Method::POST, &format!("/v1/wallets/{giver}/issues"), Some(body)).await;

    let quote = |body: Value| world.device(&ada, Method::POST, "/v1/quotes", Some(body));
    let answer = quote(json!({"from": from, "to": to, "give": 10_000})).await;
    assert_problem(&answer, 422, "rate-unknown", "/to");
    let rate = |rate: &str| json!({"rate": rate, "taker": taker, "giver": giver});
    let path = "/v1/rates/EUR/JPY";
    for (path, body, status, slug, field) in [
        (path, rate("162,35"), 422, "field-invalid", "/rate"),
        (path, rate("1e2"), 422, "field-invalid", "/rate"),
        (path, rate("0"), 422, "field-invalid", "/rate"),
        (path, json!({"rate": 162.35, "taker": taker, "giver": giver}), 422, "field-invalid", "/rate"),
        (path, json!({"rate": "1", "taker": giver, "giver": giver}), 422, "rate-invalid", "/taker"),
        (path, json!({"rate": "1", "taker": taker, "giver": to}), 422, "rate-invalid", "/giver"),
        ("/v1/rates/EUR/EUR", rate("1"), 422, "rate-invalid", "to"),
        ("/v1/rates/USD/EUR", rate("1"), 404, "currency-unknown", "from"),
    ] {
        let answer = world.operator(Method::PUT, path, Some(body)).await;
        assert_problem(&answer, status, slug, field);
    }
    let answer = world.device(&maker, Method::PUT, path, Some(rate("1"))).await;
    assert_problem(&answer, 403, "operator-needed", "");
    let (status, set) = world.operator(Method::PUT, path, Some(rate("162.35"))).await;
    assert_eq!(
        (status, &set["rate"], &set["quote_lifetime_s"]),
        (StatusCode::OK, &"162.35".into(), &30.into()),
        "{set}"
    );
    let (_, rates) = world.device(&ada, Method::GET, "/v1/rates", None).await;
    assert_eq!(rates["rates"], json!([set]));

    let other = text(&json!(taker));
    for (body, status, slug, field) in [
        (json!({"from": from, "to": to}), 422, "field-missing", "/give"),
        (json!({"from": from, "to": to, "give": 1, "get": 1}), 422, "field-invalid", "/get"),
        (json!({"from": other, "to": to, "give": 1}), 404, "wallet-unknown", "/from"),
        (json!({"from": from, "to": giver, "give": 1}), 404, "wallet-unknown", "/to"),
        (json!({"from": from, "to": to, "get": 9_007_199_254_740_991_u64}), 422, "quote-too-small", "/get"),
    ] {
        let answer = quote(body).await;
        if slug == "quote-too-small" && answer.0 == StatusCode::CREATED {
            continue;
        }
        assert_problem(&answer, status, slug, field);
    }
    let (status, quoted) = quote(json!({"from": from, "to": to, "give": 10_000})).await;
    assert_eq!(status, StatusCode::CREATED, "{quoted}");
    assert_eq!((&quoted["get"]["amount"], &quoted["get"]["display"]), (&16_235.into(), &"16235 JPY".into()));
    assert_eq!(
        (&quoted["giver"], &quoted["request"]["wallet"]),
        (&giver.as_str().into(), &taker.as_str().into())
    );

    let pay = async |n: u8| {
        let id = world.transfer_id(n);
        let request = text(&quoted["request"]["id"]);
        let said = [
            format!("pay 10000 EUR from {from} to {taker} for {request}"),
            format!("receive 16235 JPY from {giver} into {to}"),
        ];
        let body = json!({
            "id": id, "payer": from, "request": quoted["request"], "pin": "1234",
            "signature": world.signature(&ada, &id, &said),
        });
        world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await
    };
    let moved = |n: u8| json!({"id": world.transfer_id(n), "amount": 90_000, "currency": "JPY"});
    world.operator(Method::POST, &format!("/v1/wallets/{giver}/redemptions"), Some(moved(31))).await;
    let answer = pay(2).await;
    assert_problem(&answer, 422, "insufficient-funds", "/request");
    assert!(text(&answer.1["detail"]).contains("market maker"), "{}", answer.1);
    world.operator(Method::POST, &format!("/v1/wallets/{giver}/issues"), Some(moved(32))).await;
    let (status, paid) = pay(1).await;
    assert_eq!(status, StatusCode::CREATED, "{paid}");
    assert_eq!((&paid["kind"], &paid["legs"][1]["purpose"]), (&"conversion".into(), &"conversion".into()));
    let wallet = world.device(&ada, Method::GET, &format!("/v1/wallets/{to}"), None).await.1;
    assert_eq!(wallet["posted"], 16_235);
    assert_eq!(world.delete(path).await, StatusCode::NO_CONTENT);
    let answer = quote(json!({"from": from, "to": to, "give": 10_000})).await;
    assert_problem(&answer, 422, "rate-unknown", "/to");
}
