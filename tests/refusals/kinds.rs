//! Requests that contradict themselves, and payments that are not what a request of their kind takes.

use http::Method;
use quittance_gateway::client::{
    Body, Invoice, LinePayment, NewPaymentRequest, Payment, PaymentLine, RequestName, SeveralPayments,
    new_transfer_id, rfc3339,
};
use quittance_ledger::{KeyAlgorithm, PaymentKind, Usage, WalletId};
use quittance_test_support::{ask, euro, join, soon};
use serde_json::json;

use super::{Scene, due};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_contradicts_itself_is_refused() {
    let scene = Scene::new().await;
    let path = format!("/v1/wallets/{}/payment-requests", scene.payee.wallet);
    let due_at = rfc3339(soon(3_600));
    let invoice = json!({ "number": "7", "due_at": due_at });
    let (wallet, own, account) = (scene.payer.wallet, scene.payee.wallet, scene.payee.account);
    let nowhere = WalletId::from_bytes([9; 16]).unwrap();
    let inconsistent = |field| ("request-inconsistent", 422, field);
    let expiry = |field| ("request-expiry-invalid", 422, field);
    let invalid = |field| ("field-invalid", 422, field);
    for (body, (slug, status, field)) in [
        (json!({ "kind": "invoice", "invoice": invoice }), inconsistent("/amount")),
        (
            json!({ "kind": "invoice", "amount": 5, "invoice": invoice, "usage": "reusable" }),
            inconsistent("/usage"),
        ),
        (json!({ "kind": "donation", "amount": 5 }), inconsistent("/amount")),
        (json!({ "usage": "parts" }), inconsistent("/amount")),
        (json!({ "splits": [{ "wallet": wallet, "amount": 1 }] }), inconsistent("/splits")),
        (json!({ "amount": 5, "splits": [{ "wallet": wallet, "amount": 6 }] }), inconsistent("/splits")),
        (json!({ "amount": 5, "splits": [{ "wallet": own, "amount": 1 }] }), inconsistent("/splits")),
        (
            json!({ "amount": 5, "usage": "parts", "splits": [{ "wallet": wallet, "amount": 1 }] }),
            inconsistent("/splits"),
        ),
        (json!({ "amount": 5, "expires_at": "9998-01-01T00:00:00Z" }), expiry("/expires_at")),
        (
            json!({ "amount": 5, "usage": "reusable", "expires_at": "9998-01-01T00:00:00Z" }),
            expiry("/expires_at"),
        ),
        (json!({ "amount": 5, "expires_at": "2020-01-01T00:00:00Z" }), expiry("/expires_at")),
        (
            json!({ "amount": 5, "kind": "invoice", "invoice": { "number": "7", "due_at": "9998-01-01T00:00:00Z" } }),
            expiry("/invoice/due_at"),
        ),
        (
            json!({ "amount": 5, "kind": "invoice", "invoice": { "number": "7", "due_at": "2020-01-01T00:00:00Z" } }),
            expiry("/invoice/due_at"),
        ),
        (
            json!({ "amount": 5, "splits": [{ "wallet": nowhere, "amount": 1 }] }),
            ("wallet-unknown", 404, "/splits/0/wallet"),
        ),
        (json!({ "amount": 5, "kind": "invoice" }), ("field-missing", 422, "/invoice")),
        (json!({ "amount": 5, "invoice": invoice }), invalid("/invoice")),
        (json!({ "suggestions": [5] }), invalid("/suggestions")),
        (json!({ "kind": "conversion", "amount": 5 }), invalid("/kind")),
        (json!({ "kind": "bribe", "amount": 5 }), invalid("/kind")),
        (json!({ "kind": "donation", "suggestions": [1, 2, 3, 4, 5, 6, 7] }), invalid("/suggestions")),
        (json!({ "amount": 5, "payer": account }), ("self-payment", 422, "/payer")),
        (json!({ "amount": 5, "payer": nowhere }), ("account-unknown", 404, "/payer")),
        (json!({ "amount": 5, "kind": "withdrawal" }), ("agent-needed", 422, "/kind")),
    ] {
        let mut body = body;
        body["currency"] = json!("EUR");
        let ask = (Method::POST, path.as_str(), Body::json(&body).unwrap());
        let slugs = [slug];
        scene.refuses(&body.to_string(), &scene.payee.client, ask, due(status, &slugs, Some(field))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_is_paid_in_no_more_than_its_parts() {
    let scene = Scene::new().await;
    let bill = NewPaymentRequest {
        usage: Some(Usage::Parts),
        kind: Some(PaymentKind::Invoice),
        invoice: Some(Invoice { number: "7".to_owned(), due_at: rfc3339(soon(3_600)) }),
        ..NewPaymentRequest::of(Some(1_000), euro())
    };
    let bill = ask(&scene.payee, &bill).await;
    let pay = |amount| Payment { barcode: &bill.barcode.text, amount, ..scene.payment() };
    let missing = due(422, &["amount-missing"], Some("/amount"));
    scene.refuses_payment("no amount", &scene.payer, &pay(None), missing).await;
    let exceeds = due(422, &["amount-exceeds-rest"], Some("/amount"));
    scene.refuses_payment("too much", &scene.payer, &pay(Some(1_001)), exceeds).await;
    scene.payer.client.pay(&pay(Some(600))).await.unwrap();
    scene.refuses_payment("more than is left", &scene.payer, &pay(Some(401)), exceeds).await;
    scene.payer.client.pay(&pay(Some(400))).await.unwrap();
    let paid = due(409, &["request-paid"], Some("/barcode"));
    scene.refuses_payment("nothing is left", &scene.payer, &pay(Some(1)), paid).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_one_account_is_no_others_to_pay() {
    let scene = Scene::new().await;
    let eve = join(&scene.operator, "Eve", KeyAlgorithm::Ed25519).await;
    let new =
        NewPaymentRequest { payer: Some(scene.payer.account), ..NewPaymentRequest::of(Some(5), euro()) };
    let request = ask(&scene.payee, &new).await;
    quittance_test_support::fund(&scene.operator, eve.wallet, 100).await;
    let line = PaymentLine::request(&request);
    let payment = LinePayment { id: new_transfer_id().unwrap(), payer: eve.wallet, line, pin: eve.pin };
    let another = due(403, &["request-for-another"], Some("/request"));
    scene.refuses_call("Eve pays", eve.client.pay_line(&payment), another).await;
    let name = RequestName { wallet: request.wallet, id: request.id };
    let unknown = due(404, &["request-unknown"], Some("request"));
    scene.refuses_call("Eve looks", eve.client.incoming_request(name), unknown).await;

    // An agent is a business, and the payer is not.
    let top_up =
        NewPaymentRequest { kind: Some(PaymentKind::TopUp), ..NewPaymentRequest::of(Some(5), euro()) };
    let request = ask(&scene.payee, &top_up).await;
    let payment = Payment { barcode: &request.barcode.text, ..scene.payment() };
    let agent = due(422, &["agent-needed"], Some("/barcode"));
    scene.refuses_payment("a person tops up", &scene.payer, &payment, agent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_payments_are_refused_together() {
    let scene = Scene::new().await;
    let client = &scene.payer.client;
    let mut barcodes = Vec::new();
    for _ in 0..17 {
        barcodes.push(ask(&scene.payee, &NewPaymentRequest::of(Some(5), euro())).await.barcode.text);
    }
    let lines: Vec<PaymentLine<'_>> = barcodes.iter().map(|text| PaymentLine::barcode(text)).collect();
    let several = |payments| SeveralPayments {
        id: new_transfer_id().unwrap(),
        payer: scene.payer.wallet,
        payments,
        pin: scene.payer.pin,
    };
    let too_many = due(422, &["too-many-legs", "field-invalid"], Some("/payments"));
    scene.refuses_call("17", client.pay_several(&several(&lines)), too_many).await;
    scene.refuses_call("none", client.pay_several(&several(&[])), too_many).await;
    let large = ask(&scene.payee, &NewPaymentRequest::of(Some(4_996), euro())).await;
    let both = [lines[0], PaymentLine::barcode(&large.barcode.text)];
    let poor = due(422, &["insufficient-funds"], Some("/payer"));
    scene.refuses_call("more than there is", client.pay_several(&several(&both)), poor).await;
    client.pay_several(&several(&lines[..1])).await.unwrap();
    let paid = due(409, &["request-paid"], Some("/payments/0"));
    scene.refuses_call("one is paid", client.pay_several(&several(&lines[..3])), paid).await;
    client.pay_several(&several(&lines[1..3])).await.unwrap();
}
