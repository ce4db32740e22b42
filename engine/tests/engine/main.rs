//! The engine as those use it who embed it: real threads, real sled on disk, restarts.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod batches;
mod snapshots;
mod statements;
mod told;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use pollster::block_on;
use quittance_barcode::{DeviceSigner, SealedBarcode, ServerKeys};
use quittance_engine::{
    Ask, Engine, EngineConfig, EngineError, Happening, KeyError, Keys, NewPaymentRequest, OperatorOrder,
    PairedDevice, PairingOrder, Party, PaymentLine, PaymentOrder, StartError, TransferRecord, audit,
};
use quittance_journal::Position;
use quittance_ledger::{
    AccountKind, Amount, Authority, Currency, CurrencyCode, FeeRule, FeeScope, KeyAlgorithm, Leg,
    PaymentRequestId, Purpose, Refusal, RequestStatus, Signature, Timestamp, Transfer, TransferId, Usage,
    WalletId,
};

static NEXT: AtomicU64 = AtomicU64::new(1);

fn transfer_id(engine: &Engine) -> TransferId {
    let [_, _, a, b, c, d, e, f] = engine.now().as_millis().to_be_bytes();
    let n = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let bytes = [a, b, c, d, e, f, 0x70, 0, 0x80, n[1], n[2], n[3], n[4], n[5], n[6], n[7]];
    TransferId::from_bytes(bytes).unwrap()
}

fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

fn config(folder: &Path) -> EngineConfig {
    let origin = "http://127.0.0.1:7400".parse().unwrap();
    // Checkpoints come as often as they can, so that every test meets them.
    EngineConfig { shards: 2, checkpoint_interval_ms: 1, ..EngineConfig::new(folder.join("store"), origin) }
}

fn start(config: EngineConfig, folder: &Path) -> Engine {
    Engine::start(config, Keys::load_or_create(&folder.join("keys")).unwrap()).unwrap()
}

struct Holder {
    device: PairedDevice,
    signer: DeviceSigner,
    wallet: WalletId,
}

impl Holder {
    fn sign(&self, engine: &Engine, transfer: &Transfer) -> Signature {
        Signature(self.signer.sign(transfer.statement(&engine.origin().url()).as_bytes()))
    }

    fn party(&self) -> Party {
        Party::Account(self.device.account)
    }
}

fn holder(engine: &Engine, name: &str, secret: u8) -> Holder {
    block_on(async {
        let (account, code) =
            engine.open_account(None, name.parse().unwrap(), AccountKind::Person).await.unwrap();
        let signer = DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &[secret; 32]).unwrap();
        let order = PairingOrder {
            code: code.code,
            key: signer.public(),
            name: "phone".parse().unwrap(),
            pin: "1234".parse().unwrap(),
        };
        let device = engine.pair_device(order).await.unwrap();
        let wallet = engine.open_wallet(account.id, None, "EUR".parse().unwrap(), None).await.unwrap();
        Holder { device, signer, wallet: wallet.id }
    })
}

fn fund(engine: &Engine, wallet: WalletId, minor: u64) {
    let order = OperatorOrder {
        id: transfer_id(engine),
        wallet,
        amount: amount(minor),
        currency: "EUR".parse().unwrap(),
        reference: None,
    };
    assert_eq!(block_on(engine.issue(order)).unwrap().refusal, None);
}

fn barcode(engine: &Engine, payee: &Holder, minor: Option<u64>, usage: Usage) -> String {
    let until = Some(engine.now().plus_millis(600_000));
    let eur = "EUR".parse().unwrap();
    let new = NewPaymentRequest {
        reference: Some("R-1".parse().unwrap()),
        ..NewPaymentRequest::plain(payee.wallet, minor.map(amount), eur, usage, until)
    };
    let opened = block_on(engine.open_request(payee.party(), new)).unwrap();
    assert_eq!(opened.status, RequestStatus::Open);
    engine.barcode_of(&opened.request).unwrap()
}

fn order(engine: &Engine, id: TransferId, payer: &Holder, barcode: &str, minor: Option<u64>) -> PaymentOrder {
    let opened = SealedBarcode::parse(barcode, engine.origin()).unwrap();
    let opened = opened.verify(&ServerKeys::new(engine.keys().published()).unwrap()).unwrap();
    let ask = Ask::Barcode(barcode.to_owned());
    let amount = minor.map(amount);
    let leg = Leg {
        payer: payer.wallet,
        payee: opened.details().payee,
        amount: opened.details().amount.or(amount).unwrap(),
        currency: opened.details().currency.code(),
        purpose: Purpose::Payment(opened.terms()),
        reference: opened.details().reference,
    };
    order_of(engine, id, payer, vec![PaymentLine { ask, amount, currency: None }], &[leg], None)
}

/// The transfers that a party's account is told of.
fn transfers_told(engine: &Engine, holder: &Holder) -> Vec<TransferRecord> {
    let events = engine.account_events(holder.device.account, Position::START, 10_000).unwrap();
    let transfer = |(_, _, happening)| match happening {
        Happening::Transfer(record) => Some(record),
        _ => None,
    };
    events.into_iter().filter_map(transfer).collect()
}

/// A payer's answer, signed by its device.
fn order_of(
    engine: &Engine,
    id: TransferId,
    payer: &Holder,
    lines: Vec<PaymentLine>,
    legs: &[Leg],
    hold_until: Option<Timestamp>,
) -> PaymentOrder {
    let Holder { device: PairedDevice { account, device, .. }, .. } = payer;
    let authority = Authority::Device { account: *account, device: *device };
    let (first, others) = legs.split_first().unwrap();
    let mut transfer = Transfer::new(id, authority, *first);
    transfer.linked = others.into();
    let signature = payer.sign(engine, &transfer);
    PaymentOrder { id, payer: payer.wallet, lines, hold_until, pin: "1234".parse().unwrap(), signature }
}

fn posted(engine: &Engine, wallet: WalletId) -> i64 {
    block_on(engine.wallet(Party::Operator, wallet)).unwrap().posted
}

fn with_parties(folder: &Path) -> (Engine, Holder, Holder) {
    let engine = start(config(folder), folder);
    block_on(engine.register_currency(Currency::new("EUR".parse().unwrap(), None).unwrap())).unwrap();
    let (payee, payer) = (holder(&engine, "Shop", 1), holder(&engine, "Ada", 2));
    fund(&engine, payer.wallet, 5_000);
    (engine, payee, payer)
}

#[test]
fn a_payment_moves_units_once_and_is_told_to_both() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let mut watch = engine.watch_account(payee.device.account);
    let text = barcode(&engine, &payee, Some(1_250), Usage::OneTime);
    let id = transfer_id(&engine);
    let first = block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap();
    assert_eq!(first.refusal, None);
    // Told after the answer, and never not.
    block_on(watch.changed()).unwrap();
    // The same again is the same; under another id it was paid.
    assert_eq!(block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap(), first);
    let other = order(&engine, transfer_id(&engine), &payer, &text, None);
    assert_eq!(block_on(engine.pay(&payer.device, other)).unwrap().refusal, Some(Refusal::RequestPaid));
    assert_eq!((posted(&engine, payer.wallet), posted(&engine, payee.wallet)), (3_750, 1_250));
    for holder in [&payee, &payer] {
        let told = transfers_told(&engine, holder);
        assert!(told.contains(&first), "{told:?}");
        assert_eq!(engine.transfer(holder.party(), id).unwrap(), Some(first.clone()));
    }
    let page = engine.wallet_transfers(payer.party(), payer.wallet, None, 2).unwrap();
    assert_eq!(page.len(), 2);
    assert!(page[0].position > page[1].position);
    let stranger = holder(&engine, "Eve", 3);
    assert_eq!(engine.transfer(stranger.party(), id).unwrap(), None);
    assert!(matches!(
        block_on(engine.wallet(stranger.party(), payer.wallet)),
        Err(EngineError::Refused(Refusal::WalletUnknown))
    ));
}

#[test]
fn everything_is_there_after_a_restart_with_other_shards() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let (once, many) = (
        barcode(&engine, &payee, Some(100), Usage::OneTime),
        barcode(&engine, &payee, None, Usage::Reusable),
    );
    let paid = transfer_id(&engine);
    let first = block_on(engine.pay(&payer.device, order(&engine, paid, &payer, &once, None))).unwrap();
    let mut engine = engine;
    for round in 0..6 {
        let id = transfer_id(&engine);
        block_on(engine.pay(&payer.device, order(&engine, id, &payer, &many, Some(10)))).unwrap();
        engine.shutdown();
        drop(engine);
        let report = audit(&folder.path().join("store")).unwrap();
        assert_eq!(report.totals[0].in_circulation, 5_000);
        engine = start(EngineConfig { shards: 1 + round % 4, ..config(folder.path()) }, folder.path());
        assert_eq!(posted(&engine, payee.wallet), 100 + 10 * (i64::try_from(round).unwrap() + 1));
        // What was done stays done, and under its old answer.
        assert_eq!(
            block_on(engine.pay(&payer.device, order(&engine, paid, &payer, &once, None))).unwrap(),
            first
        );
        let again = order(&engine, transfer_id(&engine), &payer, &once, None);
        assert_eq!(block_on(engine.pay(&payer.device, again)).unwrap().refusal, Some(Refusal::RequestPaid));
    }
}

#[test]
fn wrong_pins_lock_for_good_until_the_operator_unlocks() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let text = barcode(&engine, &payee, Some(1), Usage::Reusable);
    for left in (0..5).rev() {
        let wrong = PaymentOrder {
            pin: "9999".parse().unwrap(),
            ..order(&engine, transfer_id(&engine), &payer, &text, None)
        };
        match block_on(engine.pay(&payer.device, wrong)) {
            Err(EngineError::PinWrong { attempts_left }) => assert_eq!(attempts_left, left),
            other => panic!("{other:?}"),
        }
    }
    drop(engine);
    let engine = start(config(folder.path()), folder.path());
    let locked =
        block_on(engine.pay(&payer.device, order(&engine, transfer_id(&engine), &payer, &text, None)));
    assert!(matches!(locked, Err(EngineError::Refused(Refusal::PinLocked))), "{locked:?}");
    block_on(engine.unlock_pin(payer.device.account)).unwrap();
    let paid = block_on(engine.pay(&payer.device, order(&engine, transfer_id(&engine), &payer, &text, None)))
        .unwrap();
    assert_eq!(paid.refusal, None);
    assert_eq!(posted(&engine, payee.wallet), 1);
}

#[test]
fn many_payers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let text = barcode(&engine, &payee, Some(1), Usage::Reusable);
    let once = barcode(&engine, &payee, Some(7), Usage::OneTime);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let id = transfer_id(&engine);
                    let paid =
                        block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap();
                    assert_eq!(paid.refusal, None);
                    assert_eq!(engine.transfer(payer.party(), id).unwrap(), Some(paid));
                }
            });
        }
        let same = transfer_id(&engine);
        let racers: Vec<_> = (0..16)
            .map(|racer| {
                let id = if racer % 2 == 0 { same } else { transfer_id(&engine) };
                let (engine, payer, once) = (&engine, &payer, &once);
                scope.spawn(move || {
                    block_on(engine.pay(&payer.device, order(engine, id, payer, once, None))).unwrap()
                })
            })
            .collect();
        let answers: Vec<_> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
        let mut settled: Vec<_> =
            answers.iter().filter(|answer| answer.refusal.is_none()).map(|answer| answer.position).collect();
        settled.dedup();
        assert_eq!(settled.len(), 1, "a one-time request is paid once");
        let of_same: Vec<_> = answers.iter().filter(|answer| answer.transfer.id == same).collect();
        assert!(of_same.windows(2).all(|pair| pair[0] == pair[1]), "one id has one answer");
    });
    assert_eq!(posted(&engine, payee.wallet), 407);
    let told = transfers_told(&engine, &payee);
    assert_eq!(told.iter().filter(|record| record.refusal.is_none()).count(), 401);
    assert!(told.windows(2).all(|pair| pair[0].position < pair[1].position));
    drop(engine);
    let report = audit(&folder.path().join("store")).unwrap();
    assert_eq!(report.settled, 402);
}

#[test]
fn a_till_that_is_revoked_is_not_paid() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let signer = DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &[1; 32]).unwrap();
    let until = engine.now().plus_millis(3_600_000);
    let certificate =
        block_on(engine.certify_till(payee.party(), payee.wallet, payee.device.device, until)).unwrap();
    let details = |n: u8| quittance_barcode::RequestDetails {
        request: quittance_ledger::PaymentRequestId::from_bytes({
            let mut bytes = transfer_id(&engine).to_bytes();
            bytes[9] = n;
            bytes
        })
        .unwrap(),
        payee: payee.wallet,
        currency: Currency::new("EUR".parse().unwrap(), None).unwrap(),
        amount: Some(amount(30)),
        usage: Usage::OneTime,
        expires_at: Some(until),
        payee_name: "Shop".parse().unwrap(),
        reference: None,
        has_more: false,
    };
    let text = certificate.seal(&signer, &details(1)).unwrap();
    let id = transfer_id(&engine);
    let paid = block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap();
    assert_eq!(paid.refusal, None);
    let again = order(&engine, transfer_id(&engine), &payer, &text, None);
    assert_eq!(block_on(engine.pay(&payer.device, again)).unwrap().refusal, Some(Refusal::RequestPaid));

    block_on(engine.revoke_device(payee.device.account, payee.device.device)).unwrap();
    let later = certificate.seal(&signer, &details(2)).unwrap();
    let refused =
        block_on(engine.pay(&payer.device, order(&engine, transfer_id(&engine), &payer, &later, None)));
    assert!(matches!(refused, Err(EngineError::TillNotTrusted)), "{refused:?}");
    // What was paid before keeps its answer.
    assert_eq!(block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap(), paid);
}

#[test]
fn too_much_at_once_is_refused_and_what_was_let_in_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let text = barcode(&engine, &payee, Some(1), Usage::Reusable);
    drop(engine);
    let engine = start(EngineConfig { max_in_flight: 2, ..config(folder.path()) }, folder.path());
    let settled = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let id = transfer_id(&engine);
                    match block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))) {
                        Ok(_) => _ = settled.fetch_add(1, Ordering::Relaxed),
                        // The id is free: the same order may be sent again.
                        Err(EngineError::Overloaded) => {
                            assert_eq!(engine.transfer(Party::Operator, id).unwrap(), None);
                        }
                        Err(other) => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(posted(&engine, payee.wallet), i64::try_from(settled.load(Ordering::Relaxed)).unwrap());
    engine.shutdown();
    let late = block_on(engine.pay(&payer.device, order(&engine, transfer_id(&engine), &payer, &text, None)));
    assert!(matches!(late, Err(EngineError::Stopping)), "{late:?}");
}

#[test]
fn wallets_close_when_empty_and_requests_can_be_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let text = barcode(&engine, &payee, Some(10), Usage::OneTime);
    let request = engine.open_barcode(&text).unwrap().details().request;
    block_on(engine.cancel_request(payee.party(), payee.wallet, request)).unwrap();
    let refused =
        block_on(engine.pay(&payer.device, order(&engine, transfer_id(&engine), &payer, &text, None)))
            .unwrap();
    assert_eq!(refused.refusal, Some(Refusal::RequestCancelled));
    assert!(matches!(
        block_on(engine.close_wallet(payer.party(), payer.wallet)),
        Err(EngineError::Refused(Refusal::WalletNotEmpty))
    ));
    let closed = block_on(engine.close_wallet(payee.party(), payee.wallet)).unwrap();
    assert_eq!(closed.status, quittance_ledger::WalletStatus::Closed);
    let to_closed = barcode_text_of_closed(&engine, &payee);
    assert!(matches!(to_closed, Err(EngineError::Refused(Refusal::WalletClosed))), "{to_closed:?}");
}

fn barcode_text_of_closed(engine: &Engine, payee: &Holder) -> Result<(), EngineError> {
    let eur = "EUR".parse().unwrap();
    let new = NewPaymentRequest::plain(payee.wallet, None, eur, Usage::Reusable, None);
    block_on(engine.open_request(payee.party(), new)).map(|_| ())
}

#[test]
fn the_store_keeps_to_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    drop(with_parties(folder.path()));
    let verifier = folder.path().join("keys/verifier.key");
    let kept = std::fs::read(&verifier).unwrap();
    std::fs::remove_file(&verifier).unwrap();
    let keys = Keys::load_or_create(&folder.path().join("keys")).unwrap();
    let refused = Engine::start(config(folder.path()), keys);
    assert!(matches!(refused, Err(StartError::KeysDiffer)), "{refused:?}");
    std::fs::write(&verifier, kept).unwrap();
    let newer = folder.path().join("keys/seal-2.key");
    std::fs::copy(&verifier, &newer).unwrap();
    drop(start(config(folder.path()), folder.path()));
    // What the newer key sealed needs it from now on.
    std::fs::remove_file(&newer).unwrap();
    let keys = Keys::load(&folder.path().join("keys")).unwrap();
    assert!(matches!(Engine::start(config(folder.path()), keys), Err(StartError::KeysDiffer)));
    std::fs::remove_file(&verifier).unwrap();
    assert!(matches!(Keys::load(&folder.path().join("keys")), Err(KeyError::Missing(_))));
    assert!(!verifier.exists(), "no key is made where one is missing");
}

/// Every file of a folder with what is in it.
fn contents(folder: &Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    found
}

/// A start clears what a crash has left; what an audit only looks at could be mended still.
#[test]
fn an_audit_changes_nothing_in_a_store_be_it_sound_or_damaged() {
    let folder = tempfile::tempdir().unwrap();
    drop(with_parties(folder.path()));
    let store = folder.path().join("store");
    let sound = contents(&store);
    audit(&store).unwrap();
    assert!(contents(&store) == sound);
    let blocks = store.join("journal/000000-00000000000000000001.blocks");
    let mut bytes = std::fs::read(&blocks).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used / 2] ^= 1;
    std::fs::write(&blocks, &bytes).unwrap();
    let _ = audit(&store);
    assert!(std::fs::read(&blocks).unwrap() == bytes);
    bytes[used / 2] ^= 1;
    std::fs::write(&blocks, &bytes).unwrap();
    audit(&store).unwrap();
}

#[test]
fn a_request_that_no_barcode_can_carry_is_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, _) = with_parties(folder.path());
    let before = engine.tip();
    let until = Some(Timestamp::from_secs(1 << 33));
    let eur = "EUR".parse().unwrap();
    let new = NewPaymentRequest::plain(payee.wallet, None, eur, Usage::Reusable, until);
    let refused = block_on(engine.open_request(payee.party(), new));
    assert!(matches!(refused, Err(EngineError::Barcode(_))), "{refused:?}");
    assert_eq!(engine.tip(), before);
}

#[test]
fn another_accounts_code_is_not_answered_as_a_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let code = block_on(engine.issue_pairing_code(payee.device.account)).unwrap().code;
    let pair = |code: &str| {
        let (name, pin) = ("phone".parse().unwrap(), "1234".parse().unwrap());
        let order = PairingOrder { code: code.to_owned(), key: payer.device.key.clone(), name, pin };
        block_on(engine.pair_device(order))
    };
    let refused = pair(&code);
    assert!(matches!(refused, Err(EngineError::Refused(Refusal::DeviceAlreadyPaired))), "{refused:?}");
    assert_eq!(pair("USED UP").unwrap(), payer.device);
}

#[test]
fn a_payment_to_oneself_is_refused_and_listed_once() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _, payer) = with_parties(folder.path());
    let text = barcode(&engine, &payer, Some(1), Usage::Reusable);
    let id = transfer_id(&engine);
    let refused = block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap();
    assert_eq!(refused.refusal, Some(Refusal::SelfPayment));
    let listed = engine.wallet_transfers(payer.party(), payer.wallet, None, 10).unwrap();
    assert_eq!(listed.iter().filter(|record| record.transfer.id == id).count(), 1);
    let told = transfers_told(&engine, &payer);
    assert_eq!(told.iter().filter(|record| record.transfer.id == id).count(), 1);
    drop(engine);
    audit(&folder.path().join("store")).unwrap();
}

#[test]
fn no_pin_is_judged_that_could_not_be_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let text = barcode(&engine, &payee, Some(1), Usage::Reusable);
    let id = transfer_id(&engine);
    block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap();
    engine.shutdown();
    for pin in ["9999", "1234"] {
        let attempt = PaymentOrder { pin: pin.parse().unwrap(), ..order(&engine, id, &payer, &text, None) };
        let answer = block_on(engine.pay(&payer.device, attempt));
        assert!(matches!(answer, Err(EngineError::Stopping)), "{answer:?}");
    }
}

/// A request may be forgotten before its payment is asked again, as a quote is within minutes.
#[test]
fn a_repeat_is_answered_though_what_it_answers_is_not_known_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let text = barcode(&engine, &payee, Some(250), Usage::OneTime);
    let id = transfer_id(&engine);
    let first = block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap();
    assert_eq!(first.refusal, None);
    let forgotten = |pin: &str, signer: &Holder| {
        let request = PaymentRequestId::from_bytes(transfer_id(&engine).to_bytes()).unwrap();
        let ask = Ask::Request { wallet: payee.wallet, request };
        let line = PaymentLine { ask, amount: None, currency: None };
        let signature = order(&engine, id, signer, &text, None).signature;
        let sound = order(&engine, id, &payer, &text, None);
        PaymentOrder { lines: vec![line], pin: pin.parse().unwrap(), signature, ..sound }
    };
    assert_eq!(block_on(engine.pay(&payer.device, forgotten("1234", &payer))).unwrap(), first);
    let by_another = block_on(engine.pay(&payer.device, forgotten("1234", &payee)));
    assert!(matches!(by_another, Err(EngineError::Refused(Refusal::RequestUnknown))), "{by_another:?}");
    let wrong_pin = block_on(engine.pay(&payer.device, forgotten("9999", &payer)));
    assert!(matches!(wrong_pin, Err(EngineError::PinWrong { .. })), "{wrong_pin:?}");
    assert_eq!(posted(&engine, payee.wallet), 250);
}

/// Every payment of the currency would be refused if fees were to go into a closed wallet.
#[test]
fn a_wallet_is_closed_or_collects_fees_and_never_both() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, _payer) = with_parties(folder.path());
    let eur: CurrencyCode = "EUR".parse().unwrap();
    for _ in 0..40 {
        let wallet = block_on(engine.open_wallet(payee.device.account, None, eur, None)).unwrap().id;
        let rule = FeeRule { fixed: 1, basis_points: 0, minimum: 0, maximum: None, collector: wallet };
        let start = std::sync::Barrier::new(2);
        let (closed, set) = thread::scope(|scope| {
            let closing = scope.spawn(|| {
                start.wait();
                block_on(engine.close_wallet(payee.party(), wallet)).is_ok()
            });
            start.wait();
            let set = block_on(engine.set_fee(FeeScope::Currency(eur), Some(rule))).is_ok();
            (closing.join().unwrap(), set)
        });
        assert!(closed != set, "closed: {closed}, set: {set}");
        block_on(engine.set_fee(FeeScope::Currency(eur), None)).unwrap();
        block_on(engine.close_wallet(payee.party(), wallet)).unwrap();
    }
}
