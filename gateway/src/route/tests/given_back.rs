//! Refunds and reversals.

use super::*;

#[tokio::test]
async fn a_payee_gives_back_what_it_was_paid_and_no_more() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let (_, eve, _) = world.party("Eve", 3, 0).await;
    let request = world.ask(&shop, &to, json!({"amount": 1_000, "currency": "EUR"})).await;
    let paid = world.transfer_id(1);
    let body = world.payment(&ada, &paid, &from, &request);
    let (status, transfer) = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{transfer}");

    let path = format!("/v1/transfers/{paid}/refunds");
    let refund = |phone: &Phone, n: u8, amount: u64| {
        let id = world.transfer_id(n);
        let line = format!("refund {amount} EUR from {to} to {from} of {paid} leg 0");
        let signature = world.signature(phone, &id, &[line]);
        json!({"id": id, "amount": amount, "pin": "1234", "signature": signature})
    };
    let answer = world.device(&eve, Method::POST, &path, Some(refund(&eve, 2, 1))).await;
    assert_problem(&answer, 404, "transfer-unknown", "transfer");
    let answer = world.device(&ada, Method::POST, &path, Some(refund(&ada, 2, 1))).await;
    assert_problem(&answer, 422, "not-refundable", "transfer");
    let mut body = refund(&shop, 3, 300);
    body["pin"] = Value::Null;
    let answer = world.device(&shop, Method::POST, &path, Some(body)).await;
    assert_problem(&answer, 422, "field-missing", "/pin");
    let mut body = refund(&shop, 3, 300);
    body["pin"] = "9999".into();
    let answer = world.device(&shop, Method::POST, &path, Some(body)).await;
    assert_problem(&answer, 403, "pin-wrong", "/pin");
    let (status, refunded) = world.device(&shop, Method::POST, &path, Some(refund(&shop, 3, 300))).await;
    assert_eq!(status, StatusCode::CREATED, "{refunded}");
    assert_eq!(
        (&refunded["purpose"], &refunded["related"]["transfer"]),
        (&"refund".into(), &paid.as_str().into())
    );
    assert_eq!((&refunded["payer"], &refunded["by"]["kind"]), (&to.as_str().into(), &"device".into()));
    let answer = world.device(&shop, Method::POST, &path, Some(refund(&shop, 4, 701))).await;
    assert_problem(&answer, 422, "refund-exceeds-transfer", "/amount");
    assert!(text(&answer.1["mend"]).starts_with("give back at most"), "{}", answer.1);
    // All that the leg paid is what is refunded where no amount is said, and what a reversal takes back.
    let body = json!({"id": world.transfer_id(8)});
    let answer = world.operator(Method::POST, &path, Some(body)).await;
    assert_problem(&answer, 422, "refund-exceeds-transfer", "/amount");
    assert!(text(&answer.1["mend"]).starts_with("send amount: what is left"), "{}", answer.1);
    let body = json!({"id": world.transfer_id(9), "reason": "Paid in error"});
    let reversals = format!("/v1/transfers/{paid}/reversals");
    let answer = world.operator(Method::POST, &reversals, Some(body)).await;
    assert_problem(&answer, 422, "refund-exceeds-transfer", "transfer");
    assert!(text(&answer.1["mend"]).starts_with("refund the rest instead"), "{}", answer.1);
    for leg in [json!(32), json!(256), json!(-1)] {
        let mut body = refund(&shop, 5, 700);
        body["leg"] = leg;
        let answer = world.device(&shop, Method::POST, &path, Some(body)).await;
        assert_problem(&answer, 422, "field-invalid", "/leg");
        assert!(text(&answer.1["mend"]).contains("0 to 31"), "{}", answer.1);
    }
    let mut body = refund(&shop, 5, 700);
    body["leg"] = 1.into();
    let answer = world.device(&shop, Method::POST, &path, Some(body)).await;
    assert_problem(&answer, 422, "not-refundable", "/leg");

    let body = json!({"id": world.transfer_id(6), "amount": 700, "reference": "RMA 7"});
    let (status, refunded) = world.operator(Method::POST, &path, Some(body)).await;
    assert_eq!((status, &refunded["reference"]), (StatusCode::CREATED, &"RMA 7".into()), "{refunded}");
    assert_eq!(refunded["by"], json!({"kind": "operator"}));
    let body = json!({"id": world.transfer_id(7), "pin": "1234"});
    let answer = world.operator(Method::POST, &path, Some(body)).await;
    assert_problem(&answer, 422, "field-invalid", "/pin");
}

#[tokio::test]
async fn the_operator_takes_a_transfer_back() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let request = world.ask(&shop, &to, json!({"amount": 1_000, "currency": "EUR"})).await;
    let paid = world.transfer_id(1);
    let body = world.payment(&ada, &paid, &from, &request);
    world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    let path = format!("/v1/transfers/{paid}/reversals");
    let reversal = world.transfer_id(2);
    let body = json!({"id": reversal, "reason": "Paid in error"});
    let answer = world.device(&shop, Method::POST, &path, Some(body.clone())).await;
    assert_problem(&answer, 403, "operator-needed", "");
    let (status, reversed) = world.operator(Method::POST, &path, Some(body)).await;
    assert_eq!((status, &reversed["purpose"]), (StatusCode::CREATED, &"reversal".into()), "{reversed}");
    assert_eq!(reversed["reason"], "Paid in error");
    let body = json!({"id": world.transfer_id(3), "reason": "Again"});
    let answer = world.operator(Method::POST, &path, Some(body)).await;
    assert_eq!(answer.1["field"], "transfer", "{}", answer.1);
    let path = format!("/v1/transfers/{reversal}/reversals");
    let body = json!({"id": world.transfer_id(4), "reason": "Of a reversal"});
    let answer = world.operator(Method::POST, &path, Some(body)).await;
    assert_problem(&answer, 422, "not-refundable", "transfer");
}
