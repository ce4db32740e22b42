//! Fees and splits.

use super::*;

impl World {
    /// Asks as the operator for something that is answered without a body.
    pub(super) async fn delete(&self, path: &str) -> StatusCode {
        let request = Request::builder().method(Method::DELETE).uri(path);
        let request = request.header(AUTHORIZATION, format!("bearer {}", self.token));
        self.routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    }
}

#[tokio::test]
async fn a_payee_pays_the_fee_and_passes_on_its_splits() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let (_, _, house) = world.party("House", 4, 0).await;
    let (_, _, farmer) = world.party("Farmer", 6, 0).await;
    let body = json!({"fixed": 10, "basis_points": 100, "collector": house});
    let answer = world.device(&ada, Method::PUT, "/v1/currencies/EUR/fee", Some(body.clone())).await;
    assert_problem(&answer, 403, "operator-needed", "");
    let (status, fee) = world.operator(Method::PUT, "/v1/currencies/EUR/fee", Some(body.clone())).await;
    assert_eq!(
        (status, &fee["currency"], &fee["wallet"]),
        (StatusCode::OK, &"EUR".into(), &Value::Null),
        "{fee}"
    );
    let currencies = world.operator(Method::GET, "/v1/currencies", None).await.1;
    let issuer = text(&currencies["currencies"][0]["issuer_wallet"]);
    for (path, body, status, slug, field) in [
        (&*format!("/v1/wallets/{issuer}/fee"), body.clone(), 404, "wallet-unknown", "wallet"),
        ("/v1/currencies/USD/fee", body.clone(), 404, "currency-unknown", "currency"),
        (
            "/v1/currencies/EUR/fee",
            json!({"collector": world.transfer_id(9)}),
            422,
            "fee-rule-invalid",
            "/collector",
        ),
        (
            "/v1/currencies/EUR/fee",
            json!({"collector": house, "basis_points": 10_001}),
            422,
            "field-invalid",
            "/basis_points",
        ),
        ("/v1/currencies/EUR/fee", json!({"collector": house, "fixed": 1.5}), 422, "field-invalid", "/fixed"),
        (&format!("/v1/wallets/{}/fee", world.transfer_id(9)), body.clone(), 404, "wallet-unknown", "wallet"),
    ] {
        let answer = world.operator(Method::PUT, path, Some(body)).await;
        assert_problem(&answer, status, slug, field);
    }

    let body = json!({"amount": 1_000, "currency": "EUR", "splits": [{"wallet": farmer, "amount": 600}]});
    let request = world.ask(&shop, &to, body).await;
    let body = world.payment(&ada, &world.transfer_id(1), &from, &request);
    let (status, paid) = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{paid}");
    let legs: Vec<_> =
        paid["legs"].as_array().unwrap().iter().map(|leg| (&leg["purpose"], &leg["amount"])).collect();
    let [payment, rest @ ..] = legs.as_slice() else { panic!("{paid}") };
    assert_eq!(*payment, (&"payment".into(), &1_000.into()));
    for (purpose, amount) in [("split", 600), ("fee", 20)] {
        assert!(rest.contains(&(&purpose.into(), &amount.into())), "{purpose}: {paid}");
    }
    let shop_wallet = world.operator(Method::GET, &format!("/v1/wallets/{to}"), None).await.1;
    assert_eq!(shop_wallet["posted"], 380);
    let answer = world.operator(Method::DELETE, &format!("/v1/wallets/{house}"), None).await;
    assert_problem(&answer, 409, "wallet-in-use", "wallet");

    let path = format!("/v1/wallets/{to}/fee");
    world.operator(Method::PUT, &path, Some(json!({"fixed": 1, "collector": house}))).await;
    let (_, fees) = world.operator(Method::GET, "/v1/fees", None).await;
    assert_eq!(fees["fees"].as_array().unwrap().len(), 2, "{fees}");
    for path in [path.as_str(), "/v1/currencies/EUR/fee", "/v1/currencies/EUR/fee"] {
        assert_eq!(world.delete(path).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(world.operator(Method::GET, "/v1/fees", None).await.1, json!({"fees": []}));
    let answer = world.device(&shop, Method::GET, "/v1/fees", None).await;
    assert_problem(&answer, 403, "operator-needed", "");
}

#[tokio::test]
async fn a_payee_that_can_not_pay_its_fee_is_not_the_payers_fault() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let (_, cafe, cafe_wallet) = world.party("Café", 4, 0).await;
    let (_, _, house) = world.party("House", 6, 0).await;
    let fee = json!({"fixed": 20, "collector": house});
    world.operator(Method::PUT, &format!("/v1/wallets/{to}/fee"), Some(fee)).await;
    let split = json!([{"wallet": cafe_wallet, "amount": 90}]);
    let body = json!({"amount": 100, "currency": "EUR", "splits": split});
    let request = world.ask(&shop, &to, body).await;
    let body = world.payment(&ada, &world.transfer_id(1), &from, &request);
    let answer = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_problem(&answer, 422, "insufficient-funds", "/barcode");
    assert!(text(&answer.1["detail"]).contains("payee's wallet"), "{}", answer.1);
    assert!(!answer.1.to_string().contains("payer's wallet"), "{}", answer.1);

    let other = world.ask(&cafe, &cafe_wallet, json!({"amount": 10, "currency": "EUR"})).await;
    let pay = async |n: u8, other_amount: u64, other: &Value| {
        let id = world.transfer_id(n);
        let said = [pay_line(&from, other, other_amount), pay_line(&from, &request, 100)];
        let body = json!({
            "id": id, "payer": from, "pin": "1234", "signature": world.signature(&ada, &id, &said),
            "payments": [{"barcode": other["barcode"]["text"]}, {"barcode": request["barcode"]["text"]}],
        });
        world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await
    };
    assert_problem(&pay(2, 10, &other).await, 422, "insufficient-funds", "/payments/1");
    let dear = world.ask(&cafe, &cafe_wallet, json!({"amount": 5_000, "currency": "EUR"})).await;
    let answer = pay(3, 5_000, &dear).await;
    assert_problem(&answer, 422, "insufficient-funds", "/payer");
}
