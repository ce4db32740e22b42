//! Batches of the operator.

use super::*;

fn one(world: &World, n: u8, payer: &str, payee: &str, amount: u64) -> Value {
    json!({"id": world.transfer_id(n), "payer": payer, "payee": payee, "amount": amount, "currency": "EUR"})
}

const PATH: &str = "/v1/transfers/batch";

#[tokio::test]
async fn a_batch_tells_of_each_transfer() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 1_000).await;
    let (_, cafe, to) = world.party("Café", 2, 0).await;
    let nobody = "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b";
    let mut with_reference = one(&world, 1, &from, &to, 300);
    with_reference["reference"] = "PAYROLL-7".into();
    let transfers = [with_reference, one(&world, 2, &to, &from, 5_000), one(&world, 3, &from, nobody, 1)];
    let body = json!({"transfers": transfers});
    let (status, answer) = world.operator(Method::POST, PATH, Some(body.clone())).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let results = answer["results"].as_array().unwrap();
    let told: Vec<_> =
        results.iter().map(|result| (result["status"].clone(), result["refusal"]["type"].clone())).collect();
    assert_eq!(
        told,
        [
            ("settled".into(), Value::Null),
            ("refused".into(), "urn:quittance:problem:insufficient-funds".into()),
            ("unrecorded".into(), "urn:quittance:problem:wallet-unknown".into()),
        ]
    );
    assert!(
        results[0]["position"].is_u64()
            && results[1]["position"].is_u64()
            && results[2]["position"].is_null()
    );
    assert_eq!(world.operator(Method::POST, PATH, Some(body)).await, (StatusCode::OK, answer.clone()));
    let path = format!("/v1/transfers/{}", text(&results[0]["id"]));
    for device in [&ada, &cafe] {
        let (_, seen) = world.device(device, Method::GET, &path, None).await;
        assert_eq!(
            (&seen["purpose"], &seen["reference"]),
            (&"adjustment".into(), &"PAYROLL-7".into()),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn a_batch_that_does_not_read_moves_nothing() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 1_000).await;
    let (_, _, to) = world.party("Café", 2, 0).await;
    let good = one(&world, 1, &from, &to, 300);
    let with = |member: &str, value: Value| {
        let mut bad = one(&world, 2, &from, &to, 1);
        bad[member] = value;
        json!({"transfers": [good, bad]})
    };
    for (body, slug, field) in [
        (json!({"transfers": []}), "field-invalid", "/transfers"),
        (json!({}), "field-missing", "/transfers"),
        (json!({"transfers": good}), "field-invalid", "/transfers"),
        (with("amount", 0.into()), "field-invalid", "/transfers/1/amount"),
        (with("amount", json!(1.5)), "field-invalid", "/transfers/1/amount"),
        (with("id", "17".into()), "field-invalid", "/transfers/1/id"),
        (with("pin", "1234".into()), "field-unknown", "/transfers/1/pin"),
    ] {
        assert_problem(&world.operator(Method::POST, PATH, Some(body)).await, 422, slug, field);
    }
    let many: Vec<_> = std::iter::repeat_n(&good, quittance_engine::MAX_BATCH + 1).collect();
    let answer = world.operator(Method::POST, PATH, Some(json!({"transfers": many}))).await;
    assert_problem(&answer, 422, "field-invalid", "/transfers");
    let answer = world.device(&ada, Method::POST, PATH, Some(json!({"transfers": [good]}))).await;
    assert_eq!(answer.0, StatusCode::FORBIDDEN, "{}", answer.1);
    let (_, wallet) = world.operator(Method::GET, &format!("/v1/wallets/{to}"), None).await;
    assert_eq!(wallet["posted"], 0);
}
