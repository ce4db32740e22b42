//! Kinds of payment requests, and payments of several at once.

use super::*;

#[tokio::test]
async fn an_invoice_is_paid_in_parts_by_the_account_it_was_sent_to() {
    let world = World::with_euro().await;
    let (ada_account, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let (_, eve, eve_wallet) = world.party("Eve", 3, 1_000).await;
    let due_at = world.soon(14 * 24 * 3_600);
    let body = json!({
        "amount": 1_000, "currency": "EUR", "kind": "invoice", "usage": "parts", "payer": ada_account,
        "invoice": {"number": "INV-7", "due_at": due_at},
    });
    let invoice = world.ask(&shop, &to, body).await;
    assert_eq!((&invoice["kind"], &invoice["remaining"]), (&"invoice".into(), &1_000.into()), "{invoice}");
    assert_eq!(invoice["invoice"], json!({"number": "INV-7", "due_at": due_at}));
    let id = text(&invoice["id"]);
    let incoming = format!("/v1/incoming-requests/{to}/{id}");
    let (status, seen) = world.device(&ada, Method::GET, &incoming, None).await;
    assert_eq!((status, &seen["id"]), (StatusCode::OK, &invoice["id"]), "{seen}");
    let answer = world.device(&eve, Method::GET, &incoming, None).await;
    assert_problem(&answer, 404, "request-unknown", "request");
    let answer = world.operator(Method::GET, &incoming, None).await;
    assert_problem(&answer, 403, "device-needed", "");

    let decode = json!({"text": invoice["barcode"]["text"]});
    let (_, decoded) = world.device(&ada, Method::POST, "/v1/barcodes/decode", Some(decode.clone())).await;
    assert_eq!((&decoded["has_more"], &decoded["emv"]), (&true.into(), &false.into()), "{decoded}");
    assert_eq!((&decoded["more"]["usage"], &decoded["more"]["paid"]), (&"parts".into(), &0.into()));

    let pay = |phone: &Phone, n: u8, payer: &str, amount: u64| {
        let transfer = world.transfer_id(n);
        let signature = world.signature(phone, &transfer, &[pay_line(payer, &invoice, amount)]);
        json!({
            "id": transfer, "payer": payer, "request": {"wallet": to, "id": id}, "amount": amount, "pin": "1234",
            "signature": signature,
        })
    };
    let (status, paid) =
        world.device(&ada, Method::POST, "/v1/transfers", Some(pay(&ada, 1, &from, 400))).await;
    assert_eq!((status, &paid["kind"]), (StatusCode::CREATED, &"invoice".into()), "{paid}");
    let (_, decoded) = world.device(&ada, Method::POST, "/v1/barcodes/decode", Some(decode)).await;
    assert_eq!((&decoded["more"]["paid"], &decoded["more"]["remaining"]), (&400.into(), &600.into()));
    let answer = world.device(&ada, Method::POST, "/v1/transfers", Some(pay(&ada, 2, &from, 601))).await;
    assert_problem(&answer, 422, "amount-exceeds-rest", "/amount");
    let answer = world.device(&eve, Method::POST, "/v1/transfers", Some(pay(&eve, 3, &eve_wallet, 10))).await;
    assert_problem(&answer, 403, "request-for-another", "/request");
    let mut open = pay(&ada, 4, &from, 600);
    open["amount"] = Value::Null;
    let answer = world.device(&ada, Method::POST, "/v1/transfers", Some(open)).await;
    assert_problem(&answer, 422, "amount-missing", "/amount");

    let page = text(&invoice["barcode"]["text"]);
    let page = page.strip_prefix(&ORIGIN.to_uppercase()).unwrap().to_owned();
    let (status, page) = world.send(Request::builder().uri(page).body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    for shown in ["Payment of an invoice to Shop", "INV-7", "6.00 EUR", "one account"] {
        assert!(text(&page).contains(shown), "{shown}: {page}");
    }
    let (_, shown) =
        world.device(&shop, Method::GET, &format!("/v1/wallets/{to}/payment-requests/{id}"), None).await;
    assert_eq!((&shown["status"], &shown["remaining"]), (&"partly-paid".into(), &600.into()), "{shown}");
}

#[tokio::test]
async fn a_request_says_what_its_kind_needs() {
    let world = World::with_euro().await;
    let (account, ada, from) = world.party("Ada", 1, 0).await;
    let (_, _, other) = world.party("Other", 2, 0).await;
    let split = |wallet: &str, amount: u64| json!({"wallet": wallet, "amount": amount});
    let nobody = "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b";
    let due_at = world.soon(60);
    for (body, status, slug, field) in [
        (json!({"kind": "invoice", "amount": 1}), 422, "field-missing", "/invoice"),
        (json!({"invoice": {"number": "1", "due_at": due_at}}), 422, "field-invalid", "/invoice"),
        (json!({"kind": "invoice", "invoice": {"number": "1"}}), 422, "field-missing", "/invoice/due_at"),
        (json!({"kind": "invoice", "invoice": ["1", due_at]}), 422, "field-invalid", "/invoice"),
        (json!({"suggestions": [1, 2]}), 422, "field-invalid", "/suggestions"),
        (json!({"kind": "donation", "suggestions": [1, 0]}), 422, "field-invalid", "/suggestions/1"),
        (
            json!({"kind": "donation", "suggestions": [1, 2, 3, 4, 5, 6, 7]}),
            422,
            "field-invalid",
            "/suggestions",
        ),
        (json!({"kind": "donation", "amount": 5}), 422, "request-inconsistent", "/amount"),
        (json!({"kind": "conversion"}), 422, "field-invalid", "/kind"),
        (json!({"kind": {"donation": null}}), 422, "field-invalid", "/kind"),
        (json!({"kind": "withdrawal", "amount": 5}), 422, "agent-needed", "/kind"),
        (json!({"usage": "parts"}), 422, "request-inconsistent", "/amount"),
        (json!({"amount": 5, "splits": [split(&other, 6)]}), 422, "request-inconsistent", "/splits"),
        (
            json!({"amount": 5, "splits": [split(&other, 1), split(nobody, 1)]}),
            404,
            "wallet-unknown",
            "/splits/1/wallet",
        ),
        (json!({"amount": 5, "splits": vec![split(&other, 1); 9]}), 422, "field-invalid", "/splits"),
        (json!({"amount": 5, "payer": nobody}), 404, "account-unknown", "/payer"),
        (json!({"amount": 5, "payer": account}), 422, "self-payment", "/payer"),
    ] {
        let mut body = body;
        body["currency"] = "EUR".into();
        let path = format!("/v1/wallets/{from}/payment-requests");
        let answer = world.device(&ada, Method::POST, &path, Some(body)).await;
        assert_problem(&answer, status, slug, field);
    }
    let body =
        json!({"currency": "EUR", "kind": "donation", "suggestions": [500, 1_000], "usage": "reusable"});
    let donation = world.ask(&ada, &from, body).await;
    assert_eq!((&donation["suggestions"], &donation["expires_at"]), (&json!([500, 1_000]), &Value::Null));
}

/// API.md names each member of an object, in the line that begins with the object's name.
#[track_caller]
fn assert_listed(name: &str, object: &Value) {
    let api = include_str!("../../../API.md");
    let line = api.lines().find(|line| line.starts_with(&format!("- {name}: `{{"))).unwrap();
    let words: Vec<&str> = line.split(|c: char| !c.is_ascii_lowercase() && c != '_').collect();
    for member in object.as_object().unwrap().keys() {
        assert!(words.contains(&member.as_str()), "{member} of {name}");
    }
}

#[tokio::test]
async fn several_requests_are_paid_together_or_not_at_all() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let (_, cafe, cafe_wallet) = world.party("Café", 4, 0).await;
    let body = |amount: u64| json!({"amount": amount, "currency": "EUR"});
    let first = world.ask(&shop, &to, body(300)).await;
    let second = world.ask(&cafe, &cafe_wallet, body(200)).await;
    let lines = || json!([{"barcode": first["barcode"]["text"]}, {"request": {"wallet": cafe_wallet, "id": second["id"]}}]);
    let payment = |n: u8| {
        let id = world.transfer_id(n);
        let said = [pay_line(&from, &first, 300), pay_line(&from, &second, 200)];
        let signature = world.signature(&ada, &id, &said);
        json!({"id": id, "payer": from, "payments": lines(), "pin": "1234", "signature": signature})
    };
    let pay = |body: Value| world.device(&ada, Method::POST, "/v1/transfers", Some(body));
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = payment(1);
        change(&mut body);
        body
    };
    for (body, status, slug, field) in [
        (with(&|body| body["payments"] = json!([])), 422, "field-invalid", "/payments"),
        (with(&|body| body["amount"] = 1.into()), 422, "field-invalid", "/amount"),
        (
            with(&|body| body["payments"][1]["barcode"] = "x".into()),
            422,
            "field-invalid",
            "/payments/1/request",
        ),
        (with(&|body| body["payments"][0] = json!({})), 422, "field-missing", "/payments/0/barcode"),
        (
            with(&|body| body["payments"][0]["barcode"] = "x".into()),
            422,
            "not-a-barcode",
            "/payments/0/barcode",
        ),
        (with(&|body| body["payments"][0]["amount"] = 5.into()), 422, "amount-differs", "/payments/0"),
        (with(&|body| body["payments"][0]["tip"] = 5.into()), 422, "field-unknown", "/payments/0/tip"),
        (
            with(&|body| body["payments"][1]["request"] = json!([to, to])),
            422,
            "field-invalid",
            "/payments/1/request",
        ),
    ] {
        assert_problem(&pay(body).await, status, slug, field);
    }
    let (status, paid) = pay(payment(1)).await;
    assert_eq!(status, StatusCode::CREATED, "{paid}");
    assert_eq!((&paid["amount"], &paid["legs"][1]["amount"]), (&300.into(), &200.into()));
    assert_eq!(
        (&paid["legs"][0]["payee_name"], &paid["legs"][1]["payee_name"]),
        (&"Shop".into(), &"Café".into())
    );
    assert_problem(&pay(payment(2)).await, 409, "request-paid", "/payments/0");
    let path = format!("/v1/transfers/{}", text(&paid["id"]));
    assert_eq!(world.device(&ada, Method::GET, &path, None).await, (StatusCode::OK, paid.clone()));
    assert_eq!(world.operator(Method::GET, &path, None).await, (StatusCode::OK, paid.clone()));

    assert_listed("transfer", &paid);
    assert_listed("leg", &paid["legs"][0]);

    // Each payee sees what it was paid, and neither what the other was nor whose device paid.
    for (payee, wallet, number) in [(&shop, &to, 0), (&cafe, &cafe_wallet, 1)] {
        let (status, seen) = world.device(payee, Method::GET, &path, None).await;
        let leg = &paid["legs"][number];
        assert_eq!((status, &seen["legs"]), (StatusCode::OK, &json!([leg])), "{seen}");
        for member in ["purpose", "payer", "payee", "payee_name", "amount", "display", "request"] {
            assert_eq!(seen[member], leg[member], "{member}: {seen}");
        }
        assert_eq!((&seen["by"], &seen["position"]), (&json!({"kind": "device"}), &paid["position"]));
        let (_, listed) =
            world.device(payee, Method::GET, &format!("/v1/wallets/{wallet}/transfers"), None).await;
        let listed = listed["transfers"].as_array().unwrap();
        assert!(listed.contains(&seen), "{listed:?}");
        let mut told = world.signed(payee, &Method::GET, "/v1/events", None);
        told.headers_mut().insert("last-event-id", http::HeaderValue::from_static("0"));
        let mut stream = world.routes.clone().oneshot(told).await.unwrap().into_body();
        let mut told = String::new();
        while !told.contains("transfer.settled") {
            let frame = stream.frame().await.unwrap().unwrap().into_data().unwrap();
            told.push_str(std::str::from_utf8(&frame).unwrap());
        }
        let (_, data) = told.rsplit_once("data: ").unwrap();
        let data: Value = serde_json::from_str(data.trim()).unwrap();
        assert_eq!(data, json!({"direction": "incoming", "transfer": seen}));
    }

    // Nor does a payee see what the other gives back, although it pays the first leg.
    let (status, reversed) = world
        .operator(
            Method::POST,
            &format!("{path}/reversals"),
            Some(json!({"id": world.transfer_id(9), "reason": "Paid in error"})),
        )
        .await;
    assert_eq!((status, reversed["legs"].as_array().unwrap().len()), (StatusCode::CREATED, 2), "{reversed}");
    let path = format!("/v1/transfers/{}", text(&reversed["id"]));
    for (payee, number) in [(&shop, 0), (&cafe, 1)] {
        let (_, seen) = world.device(payee, Method::GET, &path, None).await;
        assert_eq!(seen["legs"], json!([reversed["legs"][number]]), "{seen}");
    }
    let (_, seen) = world.device(&ada, Method::GET, &path, None).await;
    assert_eq!(seen, reversed);
}

#[tokio::test]
async fn why_a_payment_was_refused_is_told_to_its_payer_alone() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 100).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    let (_, cafe, cafe_wallet) = world.party("Café", 4, 0).await;
    let mut ids = Vec::new();
    for (n, amount, is_frozen, slug, field) in
        [(1, 300, false, "insufficient-funds", "/payer"), (2, 30, true, "payee-frozen", "/payments/1")]
    {
        let body = json!({"amount": amount, "currency": "EUR"});
        let first = world.ask(&shop, &to, body.clone()).await;
        let second = world.ask(&cafe, &cafe_wallet, body).await;
        if is_frozen {
            let path = format!("/v1/wallets/{cafe_wallet}/freeze");
            world.operator(Method::PUT, &path, Some(json!({"credits": "refuse"}))).await;
        }
        let id = world.transfer_id(n);
        let said = [pay_line(&from, &first, amount), pay_line(&from, &second, amount)];
        let body = json!({
            "id": id, "payer": from, "pin": "1234", "signature": world.signature(&ada, &id, &said),
            "payments": [{"barcode": first["barcode"]["text"]}, {"barcode": second["barcode"]["text"]}],
        });
        let refused = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
        let kind = format!("urn:quittance:problem:{slug}");
        assert_eq!((&refused.1["type"], &refused.1["field"]), (&kind.as_str().into(), &field.into()));
        assert_eq!(refused.1["transfer"]["refusal"]["type"], kind);
        ids.push(id);
    }
    for id in ids {
        let path = format!("/v1/transfers/{id}");
        for payee in [&shop, &cafe] {
            let (status, seen) = world.device(payee, Method::GET, &path, None).await;
            assert_eq!((status, &seen["status"]), (StatusCode::OK, &"refused".into()), "{seen}");
            assert_eq!(seen["refusal"]["type"], "urn:quittance:problem:transfer-refused");
            assert!(!seen.to_string().contains("funds") && !seen.to_string().contains("frozen"), "{seen}");
        }
        let (_, seen) = world.operator(Method::GET, &path, None).await;
        assert_ne!(seen["refusal"]["type"], "urn:quittance:problem:transfer-refused");
    }
}

#[tokio::test]
async fn a_request_is_once_in_a_payment_unless_it_is_reusable() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 1_000).await;
    let (_, shop, to) = world.party("Shop", 2, 0).await;
    for (n, usage, is_paid) in [(1, "one-time", false), (2, "parts", false), (3, "reusable", true)] {
        let request = world.ask(&shop, &to, json!({"amount": 100, "currency": "EUR", "usage": usage})).await;
        let id = world.transfer_id(n);
        let said = [pay_line(&from, &request, 100), pay_line(&from, &request, 100)];
        let body = json!({
            "id": id, "payer": from, "pin": "1234", "signature": world.signature(&ada, &id, &said),
            "payments": [
                {"barcode": request["barcode"]["text"], "amount": 100},
                {"request": {"wallet": to, "id": request["id"]}, "amount": 100},
            ],
        });
        let answer = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
        if is_paid {
            assert_eq!(answer.0, StatusCode::CREATED, "{}", answer.1);
            continue;
        }
        assert_problem(&answer, 422, "field-invalid", "/payments/1");
        assert!(text(&answer.1["detail"]).contains("the request is in /payments/0 already"), "{}", answer.1);
        let recorded = world.device(&ada, Method::GET, &format!("/v1/transfers/{id}"), None).await;
        assert_problem(&recorded, 404, "transfer-unknown", "transfer");
    }
}
