//! What accounts are told beside transfers.

use std::time::Duration;

use quittance_engine::{CaptureOrder, Happening, Mover};
use quittance_ledger::{HoldStatus, Limits, PaymentRequestId, WalletSettings};

use super::*;

/// What an account was told after the transfers that fund the parties, without the transfers.
fn told(engine: &Engine, holder: &Holder) -> Vec<Happening> {
    let events = engine.account_events(holder.device.account, Position::START, 1_000).unwrap();
    assert!(events.is_sorted_by_key(|(position, ..)| *position));
    let events = events.into_iter().map(|(_, _, happening)| happening);
    events.filter(|happening| !matches!(happening, Happening::Transfer(_))).collect()
}

fn hold(engine: &Engine, payer: &Holder, payee: &Holder, minor: u64, for_ms: u64) -> TransferId {
    let text = barcode(engine, payee, Some(minor), Usage::Reusable);
    let details = engine.open_barcode(&text).unwrap();
    let until = engine.now().plus_millis(for_ms);
    let leg = Leg {
        payer: payer.wallet,
        payee: payee.wallet,
        amount: amount(minor),
        currency: "EUR".parse().unwrap(),
        purpose: Purpose::Hold { terms: details.terms(), until },
        reference: details.details().reference,
    };
    let line = PaymentLine { ask: Ask::Barcode(text), amount: None, currency: None };
    let id = transfer_id(engine);
    let order = order_of(engine, id, payer, vec![line], &[leg], Some(until));
    assert_eq!(block_on(engine.pay(&payer.device, order)).unwrap().refusal, None);
    id
}

fn balances(engine: &Engine, wallet: WalletId) -> (i64, i64) {
    let balances = block_on(engine.wallet(Party::Operator, wallet)).unwrap().balances();
    (balances.posted, balances.held)
}

#[test]
fn the_end_of_a_hold_is_told_to_payer_and_payee() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let released = hold(&engine, &payer, &payee, 400, 600_000);
    let capture =
        CaptureOrder { id: transfer_id(&engine), hold: released, amount: amount(150), is_final: false };
    assert_eq!(block_on(engine.capture(Mover::Operator, capture)).unwrap().refusal, None);
    assert_eq!(balances(&engine, payer.wallet), (4_850, 250));
    let expired = hold(&engine, &payer, &payee, 30, 200);
    block_on(engine.release_hold(payee.party(), released)).unwrap();
    let state = |engine: &Engine| block_on(engine.hold(payer.party(), expired)).unwrap().state.unwrap();
    let mut patience = 400;
    while state(&engine).status != HoldStatus::Expired {
        patience -= 1;
        assert!(patience > 0, "nobody ended the hold");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(balances(&engine, payer.wallet), (4_850, 0));
    let placed = |engine: &Engine, id| engine.transfer(Party::Operator, id).unwrap().unwrap();
    let expected = [
        Happening::HoldReleased(placed(&engine, released)),
        Happening::HoldExpired(placed(&engine, expired)),
    ];
    for holder in [&payer, &payee] {
        assert_eq!(told(&engine, holder), expected);
    }
    drop(engine);
    audit(&folder.path().join("store")).unwrap();
    let engine = start(config(folder.path()), folder.path());
    for holder in [&payer, &payee] {
        assert_eq!(told(&engine, holder), expected);
    }
    assert_eq!(balances(&engine, payer.wallet), (4_850, 0));
}

/// Nobody waits for the end of a hold, so nothing may hang on it when the engine stops.
#[test]
fn holds_that_end_while_the_engine_stops_are_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    for n in 0..30 {
        hold(&engine, &payer, &payee, 10, 150 + 10 * n);
    }
    thread::sleep(Duration::from_millis(200));
    engine.shutdown();
    drop(engine);
    audit(&folder.path().join("store")).unwrap();
    let engine = start(EngineConfig { max_in_flight: 1, ..config(folder.path()) }, folder.path());
    let mut patience = 400;
    // What is durable is posted by a shard and told by the notifier, each when it comes to it.
    while balances(&engine, payer.wallet) != (5_000, 0) || told(&engine, &payee).len() < 30 {
        patience -= 1;
        assert!(patience > 0, "{:?}, {}", balances(&engine, payer.wallet), told(&engine, &payee).len());
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(told(&engine, &payee).len(), 30);
    drop(engine);
    audit(&folder.path().join("store")).unwrap();
}

#[test]
fn a_request_to_one_account_is_told_to_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    // One that is for anybody is told to nobody.
    let anybodys = barcode(&engine, &payee, Some(1), Usage::OneTime);
    let anybodys = engine.open_barcode(&anybodys).unwrap().details().request;
    block_on(engine.cancel_request(payee.party(), payee.wallet, anybodys)).unwrap();
    let until = Some(engine.now().plus_millis(600_000));
    let eur = "EUR".parse().unwrap();
    let new = NewPaymentRequest {
        id: Some(PaymentRequestId::from_bytes(transfer_id(&engine).to_bytes()).unwrap()),
        payer: Some(payer.device.account),
        ..NewPaymentRequest::plain(payee.wallet, Some(amount(70)), eur, Usage::OneTime, until)
    };
    let opened = block_on(engine.open_request(payee.party(), new)).unwrap().request;
    let request = opened.terms.request;
    block_on(engine.cancel_request(payee.party(), payee.wallet, request)).unwrap();
    let expected =
        [Happening::RequestOpened(Box::new(opened.clone())), Happening::RequestCancelled(Box::new(opened))];
    for holder in [&payer, &payee] {
        assert_eq!(told(&engine, holder), expected);
    }
    drop(engine);
    audit(&folder.path().join("store")).unwrap();
}

#[test]
fn what_the_operator_does_to_a_wallet_is_told_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let wallet = payer.wallet;
    let mut watch = engine.watch_account(payer.device.account);
    let limits = Limits { per_day: Some(amount(100)), ..Limits::default() };
    let settings = WalletSettings { limits, ..WalletSettings::default() };
    block_on(engine.freeze_wallet(wallet, true)).unwrap();
    block_on(watch.changed()).unwrap();
    block_on(engine.unfreeze_wallet(wallet)).unwrap();
    block_on(engine.configure_wallet(wallet, settings)).unwrap();
    let expected = [
        Happening::WalletFrozen { wallet, both_ways: true },
        Happening::WalletUnfrozen { wallet },
        Happening::WalletConfigured { wallet, settings: Box::new(settings) },
    ];
    assert_eq!(told(&engine, &payer), expected);
    assert_eq!(told(&engine, &payee), []);
    drop(engine);
    audit(&folder.path().join("store")).unwrap();
}
