//! Units that can't be set aside, and holds that can't be taken or let go.

use http::Method;
use quittance_gateway::client::{
    Body, Capture, Hold, HoldStatus, NewHold, NewPaymentRequest, Payment, PaymentLine, PaymentRequest,
    SplitPart, new_transfer_id, rfc3339,
};
use quittance_ledger::{CurrencyCode, KeyAlgorithm, MAX_HOLDS_PER_WALLET, PaymentKind, Timestamp, Usage};
use quittance_test_support::{ask, euro, eventually, fund, join, soon};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Scene, due};

const HOUR_SECS: u64 = 3_600;
const DAY_SECS: u64 = 24 * HOUR_SECS;

impl Scene {
    fn hold<'a>(&'a self, request: &'a PaymentRequest, expires_at: Timestamp) -> NewHold<'a> {
        NewHold {
            id: new_transfer_id().unwrap(),
            payer: self.payer.wallet,
            line: PaymentLine::barcode(&request.barcode.text),
            expires_at,
            pin: self.payer.pin,
        }
    }

    async fn held(&self, amount: u64, seconds: u64) -> Hold {
        let end = Some(rfc3339(soon(seconds)));
        let new = NewPaymentRequest { expires_at: end, ..NewPaymentRequest::of(Some(amount), euro()) };
        let request = ask(&self.payee, &new).await;
        self.payer.client.hold(&self.hold(&request, soon(seconds))).await.unwrap()
    }
}

fn part(amount: u64) -> Capture {
    Capture { id: new_transfer_id().unwrap(), amount, currency: euro(), is_final: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_set_aside_is_refused() {
    let scene = Scene::new().await;
    let client = &scene.payer.client;
    let invalid = due(422, &["hold-expiry-invalid"], Some("/expires_at"));
    for (case, at) in [("over", soon(0)), ("in 32 days", soon(32 * DAY_SECS))] {
        scene.refuses_call(case, client.hold(&scene.hold(&scene.request, at)), invalid).await;
    }
    let once = ask(&scene.payee, &NewPaymentRequest::of(Some(50), euro())).await;
    scene.refuses_call("before its request", client.hold(&scene.hold(&once, soon(60))), invalid).await;
    let split = [SplitPart { wallet: scene.payer.wallet, amount: 1 }];
    let fixed = NewPaymentRequest::of(Some(50), euro());
    let not_holdable = due(422, &["request-not-holdable"], Some("/barcode"));
    for (case, new) in [
        ("parts", NewPaymentRequest { usage: Some(Usage::Parts), ..fixed.clone() }),
        ("a split", NewPaymentRequest { splits: &split, ..fixed.clone() }),
    ] {
        let request = ask(&scene.payee, &new).await;
        let line = PaymentLine { amount: Some(50), ..PaymentLine::barcode(&request.barcode.text) };
        let hold = NewHold { line, ..scene.hold(&request, soon(HOUR_SECS)) };
        scene.refuses_call(case, client.hold(&hold), not_holdable).await;
    }
    let top_up = NewPaymentRequest { kind: Some(PaymentKind::TopUp), ..fixed.clone() };
    let request = ask(&scene.payee, &top_up).await;
    let answer = scene.unmoved("a top-up", client.hold(&scene.hold(&request, soon(HOUR_SECS)))).await;
    assert!(answer.unwrap_err().problem().is_some());

    let rich = ask(&scene.payee, &NewPaymentRequest::of(Some(5_001), euro())).await;
    let poor = due(422, &["insufficient-funds"], Some("/payer"));
    scene.refuses_call("too much", client.hold(&scene.hold(&rich, soon(HOUR_SECS))), poor).await;
    let hold = NewHold { pin: "0000", ..scene.hold(&scene.request, soon(HOUR_SECS)) };
    scene.refuses_call("a wrong PIN", client.hold(&hold), due(403, &["pin-wrong"], Some("/pin"))).await;

    // What was signed is not what is asked for.
    let hold = scene.hold(&scene.request, soon(HOUR_SECS));
    let body = json!({
        "id": hold.id, "payer": hold.payer, "barcode": scene.request.barcode.text, "pin": hold.pin,
        "expires_at": "2026-11-24T00:00:00.000Z", "signature": "A".repeat(86),
    });
    let ask_for = (Method::POST, "/v1/holds", Body::json(&body).unwrap());
    let expected = due(422, &["statement-not-signed"], Some("/signature"));
    scene.refuses("not signed", client, ask_for, expected).await;
    let ask_for = (Method::POST, "/v1/holds", Body::json(&body).unwrap());
    scene.refuses("the operator", &scene.operator, ask_for, due(403, &["device-needed"], None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_aside_is_for_its_payee_alone_and_for_nothing_else() {
    let scene = Scene::new().await;
    let eve = join(&scene.operator, "Eve", KeyAlgorithm::Ed25519).await;
    let hold = scene.held(4_800, DAY_SECS).await;
    let unknown = due(404, &["hold-unknown"], Some("hold"));
    scene.refuses_call("Eve looks", eve.client.show_hold(hold.id), unknown).await;
    scene.refuses_call("Eve takes", eve.client.capture(&hold, &part(1)), unknown).await;
    scene.refuses_call("Eve releases", eve.client.release(hold.id), unknown).await;
    scene.refuses_call("the payer takes", scene.payer.client.capture(&hold, &part(1)), unknown).await;
    scene.refuses_call("the payer releases", scene.payer.client.release(hold.id), unknown).await;
    let nothing = new_transfer_id().unwrap();
    scene.refuses_call("no hold", scene.payee.client.show_hold(nothing), unknown).await;

    let poor = due(422, &["insufficient-funds"], Some("/payer"));
    scene.refuses_payment("spends it", &scene.payer, &scene.payment(), poor).await;
    let barcode = ask(&scene.payee, &NewPaymentRequest::of(Some(200), euro())).await.barcode.text;
    scene.payer.client.pay(&Payment { barcode: &barcode, ..scene.payment() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_taken_than_was_set_aside_and_nothing_after_its_end() {
    let scene = Scene::new().await;
    let client = &scene.payee.client;
    let hold = scene.held(300, DAY_SECS).await;
    let exceeds = due(422, &["capture-exceeds-hold"], Some("/amount"));
    scene.refuses_call("more", client.capture(&hold, &part(301)), exceeds).await;
    client.capture(&hold, &part(200)).await.unwrap();
    scene.refuses_call("more than is left", client.capture(&hold, &part(101)), exceeds).await;
    let dollars: CurrencyCode = "USD".parse().unwrap();
    let other = Capture { currency: dollars, ..part(1) };
    let differs = due(422, &["payee-currency-differs"], Some("/currency"));
    scene.refuses_call("in dollars", client.capture(&hold, &other), differs).await;
    let last = Capture { is_final: true, ..part(50) };
    client.capture(&hold, &last).await.unwrap();
    let captured = due(409, &["hold-captured"], Some("hold"));
    scene.refuses_call("after the last", client.capture(&hold, &part(1)), captured).await;
    scene.refuses_call("let go after the last", client.release(hold.id), captured).await;
    // The same id for something else.
    let conflict = due(409, &["id-conflict"], Some("/id"));
    let same = Capture { amount: 49, ..last };
    scene.refuses_call("another capture", client.capture(&hold, &same), conflict).await;

    let hold = scene.held(300, DAY_SECS).await;
    client.release(hold.id).await.unwrap();
    let released = due(410, &["hold-released"], Some("hold"));
    scene.refuses_call("after the release", client.capture(&hold, &part(1)), released).await;

    let hold = scene.held(300, 2).await;
    eventually("the hold has expired", async || {
        client.show_hold(hold.id).await.unwrap().status == HoldStatus::Expired
    })
    .await;
    let expired = due(410, &["hold-expired"], Some("hold"));
    scene.refuses_call("after its end", client.capture(&hold, &part(1)), expired).await;
    scene.refuses_call("let go after its end", client.release(hold.id), expired).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_remembers_so_many_holds_and_no_more() {
    const AT_ONCE: usize = 32;
    let scene = Scene::new().await;
    fund(&scene.operator, scene.payer.wallet, 10_000).await;
    let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(Some(1), euro()) };
    let cent = ask(&scene.payee, &new).await;
    let mut tasks = JoinSet::new();
    for number in 0..AT_ONCE {
        let (client, payer, pin) = (scene.payer.client.apart(), scene.payer.wallet, scene.payer.pin);
        let text = cent.barcode.text.clone();
        tasks.spawn(async move {
            for _ in (number..MAX_HOLDS_PER_WALLET).step_by(AT_ONCE) {
                let (id, line) = (new_transfer_id().unwrap(), PaymentLine::barcode(&text));
                client.hold(&NewHold { id, payer, line, expires_at: soon(DAY_SECS), pin }).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let full = due(409, &["too-many-holds"], Some("/payer"));
    let more = scene.hold(&cent, soon(DAY_SECS));
    scene.refuses_call("one more", scene.payer.client.hold(&more), full).await;
    // It can still pay.
    scene.payer.client.pay(&scene.payment()).await.unwrap();
}
