//! Statements, balances, and what is found by a reference.

use super::*;

impl World {
    async fn file(&self, phone: &Phone, path: &str) -> (String, String) {
        let response =
            self.routes.clone().oneshot(self.signed(phone, &Method::GET, path, None)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let media_type = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (media_type, String::from_utf8(bytes.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn a_statement_leads_from_one_balance_to_the_next() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let (_, _, house) = world.party("House", 4, 0).await;
    let fee = json!({"fixed": 10, "collector": house});
    world.operator(Method::PUT, "/v1/currencies/EUR/fee", Some(fee)).await;
    for (n, amount) in [(1, 300), (2, 200), (3, 100)] {
        let body = json!({"amount": amount, "currency": "EUR", "reference": format!("ORDER-{n}")});
        let request = world.ask(&shop, &to, body).await;
        let body = world.payment(&ada, &world.transfer_id(n), &from, &request);
        let (status, paid) = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{paid}");
    }
    let statement = format!("/v1/wallets/{to}/statement");
    let (status, all) = world.device(&shop, Method::GET, &statement, None).await;
    assert_eq!(status, StatusCode::OK, "{all}");
    assert_eq!(
        (&all["opening"], &all["closing"], &all["next"]),
        (&0.into(), &570.into(), &Value::Null),
        "{all}"
    );
    let lines = all["lines"].as_array().unwrap();
    assert_eq!(all["from"], lines[0]["at"], "it begins with the wallet's first line");
    let told: Vec<_> =
        lines.iter().map(|line| (text(&line["kind"]), line["balance_after"].as_i64().unwrap())).collect();
    let expected =
        [("payment", 300), ("fee", 290), ("payment", 490), ("fee", 480), ("payment", 580), ("fee", 570)];
    assert_eq!(told, expected.map(|(kind, balance)| (kind.to_owned(), balance)));
    assert_eq!((&lines[0]["counterparty_name"], &lines[0]["reference"]), (&"Ada".into(), &"ORDER-1".into()));

    let (_, first) = world.device(&shop, Method::GET, &format!("{statement}?limit=1"), None).await;
    assert_eq!(first["lines"].as_array().unwrap().len(), 2, "both legs of a transfer: {first}");
    let path = format!("{statement}?limit=10&cursor={}", text(&first["next"]));
    let (_, rest) = world.device(&shop, Method::GET, &path, None).await;
    assert_eq!((rest["lines"].as_array().unwrap().as_slice(), &rest["next"]), (&lines[2..], &Value::Null));
    for (query, count) in [
        ("kind=fee", 3),
        ("direction=credit", 3),
        ("reference=ORDER-2", 1),
        ("min_amount=200&max_amount=250", 1),
        (&format!("counterparty={house}"), 3),
        ("kind=refund", 0),
    ] {
        let (_, page) = world.device(&shop, Method::GET, &format!("{statement}?{query}"), None).await;
        assert_eq!(page["lines"].as_array().unwrap().len(), count, "{query}: {page}");
        assert_eq!(page["closing"], 570);
    }

    let (media_type, csv) = world.file(&shop, &format!("{statement}?format=csv")).await;
    assert!(media_type.starts_with("text/csv"), "{media_type}");
    assert_eq!(csv.lines().count(), 7, "{csv}");
    let (_, jsonl) = world.file(&shop, &format!("{statement}?format=jsonl")).await;
    assert_eq!(jsonl.matches("\"ORDER-3\"").count(), 1, "{jsonl}");
    let (media_type, xml) = world.file(&shop, &format!("{statement}?format=camt053")).await;
    assert!(media_type == "application/xml" && xml.trim_end().ends_with("</Document>"), "{xml}");
    let (_, fees) = world.file(&shop, &format!("{statement}?format=csv&kind=fee")).await;
    assert_eq!((fees.lines().count(), fees.matches(",fee,").count()), (4, 3), "{fees}");
    let (_, found) = world.file(&shop, &format!("{statement}?format=jsonl&reference=ORDER-3")).await;
    assert!(found.lines().count() == 3 && found.contains("\"filtered\":true"), "{found}");
    assert!(xml.contains(&format!("<FrDtTm>{}", text(&lines[0]["at"]))), "{xml}");
    let unused = world.wallet_of(&shop, "EUR").await;
    let (_, nothing) =
        world.device(&shop, Method::GET, &format!("/v1/wallets/{unused}/statement"), None).await;
    assert!(
        text(&nothing["from"]).starts_with("20") && text(&nothing["from"]) < text(&nothing["to"]),
        "{nothing}"
    );
    let path = format!("/v1/wallets/{unused}/statement?format=camt053");
    assert!(world.file(&shop, &path).await.1.trim_end().ends_with("</Document>"));
    let (_, empty) = world.file(&shop, &format!("{statement}?format=csv&to=2020-01-01T00:00:00Z")).await;
    assert_eq!(empty.lines().count(), 1, "{empty}");
    for (query, field) in [
        ("format=camt053&kind=fee", "kind"),
        ("format=pdf", "format"),
        ("to=2999-01-01T00:00:00Z", "to"),
        ("limit=0", "limit"),
    ] {
        let answer = world.device(&shop, Method::GET, &format!("{statement}?{query}"), None).await;
        assert_problem(&answer, 422, "field-invalid", field);
    }
    assert_problem(&world.device(&ada, Method::GET, &statement, None).await, 404, "wallet-unknown", "wallet");

    let balance = format!("/v1/wallets/{to}/balance");
    let (_, now) = world.device(&shop, Method::GET, &balance, None).await;
    assert_eq!((&now["posted"], &now["display"]), (&570.into(), &"5.70 EUR".into()), "{now}");
    let path = format!("{balance}?at={}", text(&lines[1]["at"]));
    let (_, then) = world.device(&shop, Method::GET, &path, None).await;
    assert!(then["posted"].as_i64().unwrap() >= 290, "{then}");
    let (_, before) = world.operator(Method::GET, &format!("{balance}?at=2020-01-01T00:00:00Z"), None).await;
    assert_eq!((&before["posted"], &before["position"]), (&0.into(), &Value::Null));
    let answer = world.device(&shop, Method::GET, &format!("{balance}?at=2999-01-01T00:00:00Z"), None).await;
    assert_problem(&answer, 422, "field-invalid", "at");
    assert_problem(&world.device(&ada, Method::GET, &balance, None).await, 404, "wallet-unknown", "wallet");

    let search =
        |wallet: &str, reference: &str| format!("/v1/transfers?wallet={wallet}&reference={reference}");
    let (status, found) = world.device(&ada, Method::GET, &search(&from, "ORDER-2"), None).await;
    assert_eq!(status, StatusCode::OK, "{found}");
    assert_eq!((&found["transfers"][0]["id"], &found["next"]), (&lines[2]["transfer"], &Value::Null));
    let (_, none) = world.device(&ada, Method::GET, &search(&from, "ORDER-9"), None).await;
    assert_eq!(none["transfers"], json!([]));
    let answer = world.device(&ada, Method::GET, &search(&to, "ORDER-2"), None).await;
    assert_problem(&answer, 404, "wallet-unknown", "wallet");
    let answer = world.device(&ada, Method::GET, &format!("/v1/transfers?wallet={from}"), None).await;
    assert_problem(&answer, 422, "field-missing", "reference");
}

#[tokio::test]
async fn an_account_finds_what_was_sent_to_it_and_is_told() {
    let world = World::with_euro().await;
    let (account, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let stream = world.signed(&ada, &Method::GET, "/v1/events", None);
    let mut stream = world.routes.clone().oneshot(stream).await.unwrap().into_body();
    let body = |amount: u64| json!({"amount": amount, "currency": "EUR", "payer": account, "description": "Our note"});
    let mut sent = Vec::new();
    for amount in [1, 2, 3] {
        sent.push(world.ask(&shop, &to, body(amount)).await);
    }
    world.ask(&ada, &from, json!({"amount": 9, "currency": "EUR"})).await;
    let (status, page) = world.device(&ada, Method::GET, "/v1/incoming-requests?limit=2", None).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(sent[0]["description"], "Our note");
    // What a payee noted for itself its payer is not shown.
    let as_payer = |request: &Value| {
        let mut request = request.clone();
        request["description"] = Value::Null;
        request
    };
    assert_eq!(page["requests"], json!([as_payer(&sent[2]), as_payer(&sent[1])]));
    let path = format!("/v1/incoming-requests?limit=2&before={}", text(&page["next"]));
    let (_, page) = world.device(&ada, Method::GET, &path, None).await;
    assert_eq!((&page["requests"], &page["next"]), (&json!([as_payer(&sent[0])]), &Value::Null));
    let (_, none) = world.device(&shop, Method::GET, "/v1/incoming-requests", None).await;
    assert_eq!(none, json!({"requests": [], "next": null}));
    assert_problem(
        &world.operator(Method::GET, "/v1/incoming-requests", None).await,
        403,
        "device-needed",
        "",
    );

    let incoming = format!("/v1/incoming-requests/{to}/{}", text(&sent[0]["id"]));
    let (_, seen) = world.device(&ada, Method::GET, &incoming, None).await;
    assert_eq!(seen, as_payer(&sent[0]));

    let own = format!("/v1/wallets/{to}/payment-requests/{}", text(&sent[0]["id"]));
    world.device(&shop, Method::DELETE, &own, None).await;
    world.operator(Method::PUT, &format!("/v1/wallets/{from}/freeze"), Some(json!({}))).await;
    let mut told = String::new();
    while !told.contains("wallet.frozen") {
        let frame = stream.frame().await.unwrap().unwrap().into_data().unwrap();
        told.push_str(std::str::from_utf8(&frame).unwrap());
    }
    assert_eq!(told.matches("event: request.opened\n").count(), 3, "{told}");
    assert_eq!(told.matches("event: request.cancelled\n").count(), 1, "{told}");
    assert!(told.contains("\"direction\":\"outgoing\",\"request\":{"), "{told}");
    assert!(!told.contains("Our note"), "{told}");
    assert!(told.contains(&format!("{{\"wallet\":\"{from}\"}}")), "{told}");
}
