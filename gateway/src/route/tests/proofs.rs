//! Receipts and heads, and barcodes in the form of another scheme.

use super::*;

#[tokio::test]
async fn a_party_has_a_receipt_and_anyone_a_head() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let (_, eve, _) = world.party("Eve", 3, 0).await;
    let request = world.ask(&shop, &to, json!({"amount": 100, "currency": "EUR"})).await;
    let id = world.transfer_id(1);
    let body = world.payment(&ada, &id, &from, &request);
    let (status, paid) = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{paid}");
    let path = format!("/v1/transfers/{id}/receipt");
    let (status, receipt) = world.device(&shop, Method::GET, &path, None).await;
    assert_eq!(status, StatusCode::OK, "{receipt}");
    assert_eq!(receipt["receipt"]["record"]["position"], paid["position"]);
    assert_eq!(receipt["signer"]["algorithm"], "ed25519");
    assert_problem(&world.device(&eve, Method::GET, &path, None).await, 404, "transfer-unknown", "transfer");

    let get = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
    let (status, head) = world.send(get("/v1/heads/latest")).await;
    assert_eq!(status, StatusCode::OK, "{head}");
    let blocks = head["head"]["blocks"].as_u64().unwrap();
    let (status, proof) = world.send(get(&format!("/v1/heads/consistency?from=1&to={blocks}"))).await;
    assert_eq!((status, &proof["new_blocks"]), (StatusCode::OK, &blocks.into()), "{proof}");
    for (query, slug, field) in [
        (format!("from=1&to={}", blocks + 1), "field-invalid", "to"),
        ("from=0&to=1".to_owned(), "field-invalid", "from"),
        ("from=2&to=1".to_owned(), "field-invalid", "from"),
        ("from=1".to_owned(), "field-missing", "to"),
        ("from=1&to=1&x=1".to_owned(), "field-unknown", "x"),
    ] {
        let answer = world.send(get(&format!("/v1/heads/consistency?{query}"))).await;
        assert_problem(&answer, 422, slug, field);
    }
    let answer = world.device(&ada, Method::POST, "/v1/snapshots", None).await;
    assert_problem(&answer, 403, "operator-needed", "");
}

#[tokio::test]
async fn the_emv_form_is_the_same_request() {
    let world = World::with_euro().await;
    world.operator(Method::POST, "/v1/currencies", Some(json!({"code": "X-POINTS", "exponent": 0}))).await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let request = world.ask(&shop, &to, json!({"amount": 100, "currency": "EUR"})).await;
    let own = format!("/v1/wallets/{to}/payment-requests/{}", text(&request["id"]));
    let (status, emv) =
        world.device(&shop, Method::GET, &format!("{own}/barcode?scheme=emv&format=text"), None).await;
    assert_eq!(status, StatusCode::OK, "{emv}");
    assert!(text(&emv).starts_with("000201"), "{emv}");
    let decode = json!({"text": emv});
    let (_, decoded) = world.device(&ada, Method::POST, "/v1/barcodes/decode", Some(decode)).await;
    assert_eq!((&decoded["emv"], &decoded["request"]), (&true.into(), &request["id"]), "{decoded}");
    let mut body = world.payment(&ada, &world.transfer_id(1), &from, &request);
    body["barcode"] = emv;
    let (status, paid) = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_eq!((status, &paid["request"]), (StatusCode::CREATED, &request["id"]), "{paid}");

    let points = world.wallet_of(&shop, "X-POINTS").await;
    let request = world.ask(&shop, &points, json!({"amount": 5, "currency": "X-POINTS"})).await;
    let path = format!("/v1/wallets/{points}/payment-requests/{}/barcode?scheme=emv", text(&request["id"]));
    let answer = world.device(&shop, Method::GET, &path, None).await;
    assert_problem(&answer, 422, "request-not-a-barcode", "scheme");
}
