//! Rates that can't be quoted at, and quotes that can't be taken.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use http::Method;
use quittance_barcode::Origin;
use quittance_gateway::client::{
    Body, Money, NewDevice, NewQuote, NewRate, NewWallet, Quote, QuoteAmount, RequestStatus, new_signer,
    new_transfer_id,
};
use quittance_ledger::{
    Amount, Authority, CurrencyCode, KeyAlgorithm, Leg, PaymentKind, Purpose, Terms, Transfer, Usage,
    WalletId,
};
use quittance_test_support::{euro, eventually};
use serde_json::json;

use super::{Scene, due};

/// A scene where the payee converts euros into yen, and the payer has a wallet of yen.
async fn bureau(lifetime_s: u32) -> (Scene, WalletId, WalletId) {
    let scene = Scene::new().await;
    let yen: CurrencyCode = "JPY".parse().unwrap();
    scene.operator.register_currency(yen, None).await.unwrap();
    let new = NewWallet { id: None, account: None, currency: yen, name: None };
    let giver = scene.payee.client.open_wallet(&new).await.unwrap().id;
    let target = scene.payer.client.open_wallet(&new).await.unwrap().id;
    let movement = json!({ "id": new_transfer_id().unwrap(), "amount": 1_000, "currency": "JPY" });
    let path = format!("/v1/wallets/{giver}/issues");
    let issued = scene.operator.request(Method::POST, &path, Body::json(&movement).unwrap()).await.unwrap();
    assert_eq!(issued.status, 201);
    let taker = scene.payee.wallet;
    let rate = NewRate { rate: "162.35", taker, giver, quote_lifetime_s: Some(lifetime_s) };
    scene.operator.set_rate(euro(), yen, &rate).await.unwrap();
    (scene, giver, target)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_that_can_not_be_quoted_at_is_refused() {
    let (scene, giver, target) = bureau(600).await;
    let yen: CurrencyCode = "JPY".parse().unwrap();
    let taker = scene.payee.wallet;
    let good = NewRate { rate: "162.35", taker, giver, quote_lifetime_s: None };
    let set = async |from, to, rate: NewRate<'static>| scene.operator.set_rate(from, to, &rate).await;
    for (case, from, to, rate, slug, field) in [
        ("another's giver", euro(), yen, NewRate { giver: target, ..good }, "rate-invalid", "/giver"),
        (
            "the other way round",
            euro(),
            yen,
            NewRate { taker: giver, giver: taker, ..good },
            "rate-invalid",
            "/taker",
        ),
        ("the same currency", euro(), euro(), good, "rate-invalid", "to"),
        ("zero", euro(), yen, NewRate { rate: "0", ..good }, "field-invalid", "/rate"),
        ("below zero", euro(), yen, NewRate { rate: "-1", ..good }, "field-invalid", "/rate"),
        ("a word", euro(), yen, NewRate { rate: "much", ..good }, "field-invalid", "/rate"),
        (
            "19 digits",
            euro(),
            yen,
            NewRate { rate: "1.234567890123456789", ..good },
            "field-invalid",
            "/rate",
        ),
        (
            "for ever",
            euro(),
            yen,
            NewRate { quote_lifetime_s: Some(3_601), ..good },
            "field-invalid",
            "/quote_lifetime_s",
        ),
    ] {
        let slugs = [slug];
        scene.refuses_call(case, set(from, to, rate), due(422, &slugs, Some(field))).await;
    }
    let call = scene.payee.client.set_rate(euro(), yen, &good);
    scene.refuses_call("a device", call, due(403, &["operator-needed"], None)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_is_taken_once_as_it_was_given() {
    let (scene, giver, target) = bureau(600).await;
    let client = &scene.payer.client;
    let new = |amount| NewQuote { from: scene.payer.wallet, to: target, amount };
    for (case, quote, status, slug, field) in [
        (
            "the other way round",
            NewQuote { from: target, to: scene.payer.wallet, ..new(QuoteAmount::Give(1)) },
            422,
            "rate-unknown",
            "/to",
        ),
        (
            "into another's",
            NewQuote { to: giver, ..new(QuoteAmount::Give(100)) },
            404,
            "wallet-unknown",
            "/to",
        ),
        (
            "out of another's",
            NewQuote { from: scene.payee.wallet, ..new(QuoteAmount::Give(100)) },
            404,
            "wallet-unknown",
            "/from",
        ),
    ] {
        let slugs = [slug];
        scene.refuses_call(case, client.quote(&quote), due(status, &slugs, Some(field))).await;
    }
    let body = json!({ "from": scene.payer.wallet, "to": target, "give": 1, "get": 1 });
    let ask = (Method::POST, "/v1/quotes", Body::json(&body).unwrap());
    let answer = scene.unmoved("both", client.request(ask.0, ask.1, ask.2)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.problem().unwrap().slug()), (422, "field-invalid"));

    let quote = client.quote(&new(QuoteAmount::Give(100))).await.unwrap();
    let pin = scene.payer.pin;
    let id = || new_transfer_id().unwrap();
    let better = Quote { get: Money { amount: 163, ..quote.get.clone() }, ..quote.clone() };
    let unsigned = due(422, &["statement-not-signed"], Some("/signature"));
    scene.refuses_call("for more", client.convert(id(), &better, pin), unsigned).await;
    scene
        .refuses_call(
            "a wrong PIN",
            client.convert(id(), &quote, "0000"),
            due(403, &["pin-wrong"], Some("/pin")),
        )
        .await;
    client.convert(id(), &quote, pin).await.unwrap();
    let paid = due(409, &["request-paid"], Some("/request"));
    scene.refuses_call("again", client.convert(id(), &quote, pin), paid).await;
    // More than the market maker has.
    let quote = client.quote(&new(QuoteAmount::Get(900))).await.unwrap();
    let answer = scene.unmoved("sold out", client.convert(id(), &quote, pin)).await.unwrap_err();
    assert_eq!(answer.problem().unwrap().slug(), "insufficient-funds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_ends() {
    let (scene, _, target) = bureau(1).await;
    let new = NewQuote { from: scene.payer.wallet, to: target, amount: QuoteAmount::Give(100) };
    let quote = scene.payer.client.quote(&new).await.unwrap();
    eventually("the quote has ended", async || {
        let asked = scene.operator.payment_request(quote.request.wallet, quote.request.id).await.unwrap();
        asked.status == RequestStatus::Expired
    })
    .await;
    let call = scene.payer.client.convert(new_transfer_id().unwrap(), &quote, scene.payer.pin);
    scene.refuses_call("too late", call, due(410, &["request-expired"], Some("/request"))).await;
}

/// Whoever gives for a quote must see that it is paid for. In a payment of two quotes with one giver the two wallets that are
/// paid can't each tell which half is theirs, so such quotes are taken one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotes_of_one_giver_and_two_takers_are_not_taken_together() {
    let (scene, giver, target) = bureau(600).await;
    let yen: CurrencyCode = "JPY".parse().unwrap();
    let new = NewQuote { from: scene.payer.wallet, to: target, amount: QuoteAmount::Give(100) };
    let first = scene.payer.client.quote(&new).await.unwrap();
    let second_till = NewWallet { id: None, account: None, currency: euro(), name: None };
    let taker = scene.payee.client.open_wallet(&second_till).await.unwrap().id;
    let rate = NewRate { rate: "162.35", taker, giver, quote_lifetime_s: Some(600) };
    scene.operator.set_rate(euro(), yen, &rate).await.unwrap();
    let second = scene.payer.client.quote(&new).await.unwrap();
    let quotes = [&first, &second];

    let signer = Arc::new(new_signer(KeyAlgorithm::Ed25519).unwrap());
    let code = scene.payer.client.issue_pairing_code(scene.payer.account).await.unwrap().code;
    let device = NewDevice { code: &code, name: "a phone", pin: scene.payer.pin };
    let (phone, _) = scene.payer.client.pair(Arc::clone(&signer), device).await.unwrap();
    let leg = |payer, payee, money: &Money, purpose| {
        let (amount, currency) = (Amount::new(money.amount).unwrap(), money.currency);
        Leg { payer, payee, amount, currency, purpose, reference: None }
    };
    let pays = |quote: &Quote| {
        let terms = Terms {
            request: quote.request.id,
            amount: None,
            usage: Usage::OneTime,
            expires_at: None,
            till: None,
            kind: PaymentKind::Conversion,
        };
        leg(quote.from, quote.request.wallet, &quote.give, Purpose::Payment(terms))
    };
    let gives = |quote: &Quote| leg(quote.giver, quote.to, &quote.get, Purpose::Conversion);
    let legs: Vec<Leg> = quotes.into_iter().map(pays).chain(quotes.into_iter().map(gives)).collect();
    let id = new_transfer_id().unwrap();
    let mut transfer = Transfer::new(id, Authority::Operator, legs[0]);
    transfer.linked = legs[1..].into();
    let origin: Origin = scene.operator.origin().parse().unwrap();
    let signature = signer.sign(transfer.statement(&origin.url()).as_bytes());
    let line = |quote: &Quote| {
        let Money { amount, currency, .. } = &quote.give;
        json!({ "request": quote.request, "amount": amount, "currency": currency })
    };
    let body = json!({
        "id": id, "payer": scene.payer.wallet, "payments": quotes.map(line), "pin": scene.payer.pin,
        "signature": BASE64URL_NOPAD.encode(&signature),
    });
    let ask = (Method::POST, "/v1/transfers", Body::json(&body).unwrap());
    scene.refuses("both", &phone, ask, due(409, &["legs-differ"], Some("/payments"))).await;
    for quote in quotes {
        scene.payer.client.convert(new_transfer_id().unwrap(), quote, scene.payer.pin).await.unwrap();
    }
}
