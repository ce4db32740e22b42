//! Bodies and queries that are not what a route takes.

use http::Method;
use quittance_gateway::client::{Body, Client};
use quittance_test_support::ANY_FIELD;
use serde_json::{Value, json};

use super::{Scene, due};

/// A valid payment with one member changed.
fn with(mut payment: Value, member: &str, value: Value) -> Value {
    payment[member] = value;
    payment
}

fn without(mut payment: Value, member: &str) -> Value {
    payment.as_object_mut().unwrap().remove(member).unwrap();
    payment
}

fn json_body(text: impl Into<Vec<u8>>) -> Body {
    Body::raw("application/json", text.into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_not_json_is_refused() {
    let scene = Scene::new().await;
    let good = scene.payment_json().await.to_string();
    let half = &good[..good.len() / 2];
    let mut no_utf8 = good.clone().into_bytes();
    no_utf8[good.find("HTTP").unwrap()] = 0xff;
    for (case, text) in [
        ("empty", Vec::new()),
        ("half", half.into()),
        ("two values", format!("{good} {good}").into_bytes()),
        ("a comma too many", good.replace('}', ",}").into_bytes()),
        ("single quotes", good.replace('"', "'").into_bytes()),
        ("not a number", good.replace("\"pin\":", "\"amount\":NaN,\"pin\":").into_bytes()),
        ("bytes that are no UTF-8", no_utf8),
    ] {
        let ask = (Method::POST, "/v1/transfers", json_body(text));
        let expected = due(400, &["json-malformed"], None);
        scene.refuses(case, &scene.payer.client, ask, expected).await;
    }
    for (case, text) in [("a list", "[]"), ("a string", "\"pay\""), ("nothing", "null")] {
        let ask = (Method::POST, "/v1/transfers", json_body(text));
        scene.refuses(case, &scene.payer.client, ask, due(422, &["field-invalid"], ANY_FIELD)).await;
    }
    let ask = (Method::POST, "/v1/transfers", Body::raw("text/plain", good));
    let expected = due(415, &["content-type-unsupported"], Some("content-type"));
    scene.refuses("another content type", &scene.payer.client, ask, expected).await;
    let ask = (Method::GET, "/v1/currencies", json_body("{}"));
    scene.refuses("a body for a get", &scene.payer.client, ask, due(400, &["body-unexpected"], None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_with_a_wrong_member_is_refused() {
    let scene = Scene::new().await;
    let good = scene.payment_json().await;
    let wrong = |member, value| (member, with(good.clone(), member, value));
    let invalid = [
        wrong("id", json!(5)),
        wrong("id", json!("0193a2b4-0c5d-4e6f-8a9b-0c1d2e3f4a5b")),
        wrong("id", json!(good["id"].as_str().unwrap().to_uppercase())),
        wrong("payer", json!(true)),
        wrong("payer", json!("mine")),
        wrong("barcode", json!({})),
        wrong("currency", json!(978)),
        wrong("currency", json!("eur")),
        wrong("currency", json!("ZZZ")),
        wrong("pin", json!(2580)),
        wrong("pin", json!("25")),
        wrong("pin", json!("25 80")),
        wrong("amount", json!(0)),
        wrong("amount", json!(-500)),
        wrong("amount", json!(500.5)),
        wrong("amount", json!(500.0)),
        wrong("amount", json!(9_007_199_254_740_992_u64)),
        wrong("amount", json!(1e300)),
        wrong("amount", json!("500")),
        wrong("signature", json!("AAAA")),
        wrong("signature", json!("=".repeat(86))),
        wrong("signature", json!([0, 1])),
    ];
    let missing =
        ["id", "payer", "barcode", "pin", "signature"].map(|name| (name, without(good.clone(), name)));
    let unknown = [wrong("colour", json!("red")), wrong("Amount", json!(500))];
    let slugs = ["field-invalid", "field-missing", "field-unknown"];
    let bodies = [invalid.to_vec(), missing.to_vec(), unknown.to_vec()];
    for (slug, bodies) in slugs.into_iter().zip(bodies) {
        for (member, body) in bodies {
            let ask = (Method::POST, "/v1/transfers", Body::json(&body).unwrap());
            let field = format!("/{member}");
            let (case, slugs) = (body.to_string(), [slug]);
            let expected = due(422, &slugs, Some(&field));
            let problem = scene.refuses(&case, &scene.payer.client, ask, expected).await;
            assert!(!problem.detail.contains("2580"), "a PIN is never said back");
        }
    }
    let twice = good.to_string().replace("\"pin\":", "\"amount\":500,\"amount\":500,\"pin\":");
    let ask = (Method::POST, "/v1/transfers", json_body(twice));
    let expected = due(422, &["field-repeated"], Some("/amount"));
    scene.refuses("twice", &scene.payer.client, ask, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_reads_its_body_strictly() {
    let scene = Scene::new().await;
    let account = scene.payer.account.to_string();
    let id = scene.payment_json().await["id"].clone();
    let (payer, payee) = (scene.payer.wallet, scene.payee.wallet);
    let issues = format!("/v1/wallets/{payer}/issues");
    let redemptions = format!("/v1/wallets/{payer}/redemptions");
    let requests = format!("/v1/wallets/{payee}/payment-requests");
    let certificates = format!("/v1/wallets/{payee}/till-certificates");
    let movement = |amount: Value| json!({ "id": id, "amount": amount, "currency": "EUR" });
    let ask = |member: &str, value: Value| with(json!({ "amount": 5, "currency": "EUR" }), member, value);
    let (anyone, operator, till) = (&scene.server.client(), &scene.operator, &scene.payee.client);
    let cases: Vec<(&Client, &str, Value, &str, &str)> = vec![
        (operator, "/v1/accounts", json!({ "name": "Eve" }), "field-missing", "/kind"),
        (operator, "/v1/accounts", json!({ "name": "Eve", "kind": "robot" }), "field-invalid", "/kind"),
        (operator, "/v1/accounts", json!({ "name": "", "kind": "person" }), "field-invalid", "/name"),
        (
            operator,
            "/v1/accounts",
            json!({ "name": "a\u{202e}b", "kind": "person" }),
            "field-invalid",
            "/name",
        ),
        (
            operator,
            "/v1/accounts",
            json!({ "name": "x".repeat(41), "kind": "person" }),
            "field-invalid",
            "/name",
        ),
        (
            operator,
            "/v1/accounts",
            json!({ "name": "Eve", "kind": "person", "vip": 1 }),
            "field-unknown",
            "/vip",
        ),
        (operator, "/v1/currencies", json!({ "code": "EURO" }), "field-invalid", "/code"),
        (operator, "/v1/currencies", json!({}), "field-missing", "/code"),
        (operator, "/v1/wallets", json!({ "currency": "EUR" }), "field-missing", "/account"),
        (operator, "/v1/wallets", json!({ "account": account }), "field-missing", "/currency"),
        (operator, &issues, movement(json!(0)), "field-invalid", "/amount"),
        (operator, &issues, movement(json!(-1)), "field-invalid", "/amount"),
        (operator, &issues, movement(json!(0.5)), "field-invalid", "/amount"),
        (operator, &issues, without(movement(json!(1)), "id"), "field-missing", "/id"),
        (operator, &redemptions, movement(json!("1")), "field-invalid", "/amount"),
        (operator, &redemptions, with(movement(json!(1)), "fee", json!(1)), "field-unknown", "/fee"),
        (till, &requests, ask("amount", json!(0)), "field-invalid", "/amount"),
        (till, &requests, ask("usage", json!("twice")), "field-invalid", "/usage"),
        (till, &requests, ask("expires_at", json!("tomorrow")), "field-invalid", "/expires_at"),
        (till, &requests, ask("reference", json!("x".repeat(36))), "field-invalid", "/reference"),
        (till, &requests, ask("description", json!(" ")), "field-invalid", "/description"),
        (till, &requests, json!({ "amount": 5 }), "field-missing", "/currency"),
        (till, &certificates, json!({ "device": 5 }), "field-invalid", "/device"),
        (till, "/v1/barcodes/decode", json!({}), "field-missing", "/text"),
        (till, "/v1/barcodes/decode", json!({ "text": 5 }), "field-invalid", "/text"),
    ];
    for (client, path, body, slug, field) in cases {
        let ask = (Method::POST, path, Body::json(&body).unwrap());
        scene.refuses(&format!("{path} {body}"), client, ask, due(422, &[slug], Some(field))).await;
    }
    let new =
        json!({ "code": "x", "name": "a phone", "algorithm": "rsa", "public_key": "AA", "pin": "1234" });
    let ask = (Method::POST, "/v1/devices", Body::json(&new).unwrap());
    let answer = scene.unmoved("unsigned", anyone.request(ask.0, ask.1, ask.2)).await.unwrap();
    assert!(answer.status.is_client_error() && !answer.problem().unwrap().mend.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_and_queries_are_read_strictly() {
    let scene = Scene::new().await;
    let wallet = scene.payee.wallet;
    let transfers = |query: &str| format!("/v1/wallets/{wallet}/transfers?{query}");
    let barcode =
        |query: &str| format!("/v1/wallets/{wallet}/payment-requests/{}/barcode?{query}", scene.request.id);
    for (path, slug, field) in [
        (transfers("limit=0"), "field-invalid", "limit"),
        (transfers("limit=201"), "field-invalid", "limit"),
        (transfers("limit=ten"), "field-invalid", "limit"),
        (transfers("limit=1&limit=2"), "field-repeated", "limit"),
        (transfers("before=yesterday"), "field-invalid", "before"),
        (transfers("after=1"), "field-unknown", "after"),
        (barcode("format=gif"), "field-invalid", "format"),
        (barcode("error_correction=X"), "field-invalid", "error_correction"),
        (barcode("module_pixels=0"), "field-invalid", "module_pixels"),
        (barcode("module_pixels=33"), "field-invalid", "module_pixels"),
        (barcode("size=5"), "field-unknown", "size"),
        (format!("/v1/wallets/{wallet}?x=1"), "field-unknown", "x"),
        ("/v1/wallets/mine".to_owned(), "field-invalid", "wallet"),
        (format!("/v1/wallets/{}", wallet.to_string().to_uppercase()), "field-invalid", "wallet"),
        ("/v1/transfers/5".to_owned(), "field-invalid", "transfer"),
        ("/v1/accounts/me".to_owned(), "field-invalid", "account"),
    ] {
        let ask = (Method::GET, path.as_str(), Body::empty());
        scene.refuses(&path, &scene.payee.client, ask, due(422, &[slug], Some(field))).await;
    }
    let ask = (Method::GET, "/v1/wallets", Body::empty());
    let expected = due(422, &["field-missing"], Some("account"));
    scene.refuses("whose wallets", &scene.operator, ask, expected).await;
}
