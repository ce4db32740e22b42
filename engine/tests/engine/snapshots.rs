//! Copies of a running engine's journal.

use std::sync::atomic::AtomicBool;

use quittance_engine::{StoreError, audit_with};

use super::*;

#[test]
fn a_snapshot_of_a_running_engine_is_whole_and_can_be_started_on() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let text = barcode(&engine, &payee, Some(1), Usage::Reusable);
    let copy = folder.path().join("copy");
    let is_over = AtomicBool::new(false);
    let end = thread::scope(|scope| {
        let payments = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let id = transfer_id(&engine);
                block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap();
            }
        });
        while engine.tip() < Position::new(60) && !payments.is_finished() {
            thread::yield_now();
        }
        let end = engine.snapshot(&copy);
        is_over.store(true, Ordering::Relaxed);
        end.unwrap()
    });
    assert!(end >= Position::new(60));
    let again = engine.snapshot(&copy);
    assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
    let mut reports = Vec::new();
    let report = audit_with(&copy, Some(engine.origin()), &mut |progress| reports.push(progress)).unwrap();
    assert_eq!(report.position, end);
    assert!(!reports.is_empty() && reports.iter().all(|progress| progress.tip == end));
    let events = |engine: &Engine| {
        let mut events = engine.account_events(payee.device.account, Position::START, 100_000).unwrap();
        events.retain(|(position, ..)| *position <= end);
        events
    };
    let expected = events(&engine);
    let balance = engine.balance_before(Party::Operator, payee.wallet, end.next()).unwrap();
    drop(engine);
    let engine = start(EngineConfig { store: copy.clone(), ..config(folder.path()) }, folder.path());
    assert_eq!(engine.tip(), end);
    assert_eq!(events(&engine), expected);
    assert_eq!(posted(&engine, payee.wallet), balance);
    // What was done before stays done.
    let first = expected.iter().find_map(|(.., happening)| match happening {
        quittance_engine::Happening::Transfer(record) => Some(record.clone()),
        _ => None,
    });
    let id = first.as_ref().unwrap().transfer.id;
    let repeated = block_on(engine.pay(&payer.device, order(&engine, id, &payer, &text, None))).unwrap();
    assert_eq!(Some(repeated), first);
    drop(engine);
    audit(&copy).unwrap();
}
