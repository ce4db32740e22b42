//! Batches: each transfer for itself, and all of them answered together.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quittance_engine::{MAX_BATCH, MoveOrder, Moved};

use super::*;

fn move_order(engine: &Engine, payer: WalletId, payee: WalletId, minor: u64) -> MoveOrder {
    let currency = "EUR".parse().unwrap();
    MoveOrder { id: transfer_id(engine), payer, payee, amount: amount(minor), currency, reference: None }
}

fn moved(engine: &Engine, orders: &[MoveOrder]) -> Vec<Result<Moved, EngineError>> {
    block_on(engine.move_batch(orders)).unwrap()
}

fn refusals(answers: &[Result<Moved, EngineError>]) -> Vec<Option<Refusal>> {
    answers.iter().map(|answer| answer.as_ref().unwrap().refusal).collect()
}

fn issuer(engine: &Engine) -> WalletId {
    block_on(engine.currencies()).unwrap().first().unwrap().1
}

#[test]
fn each_of_a_batch_stands_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, ada, cafe) = with_parties(folder.path());
    let (a, b) = (ada.wallet, cafe.wallet);
    // Enough for all it pays: what the batch brings may come later than what the batch takes.
    fund(&engine, a, 1_000);
    let before = (posted(&engine, a), posted(&engine, b));
    let nobody = WalletId::from_bytes([9; 16]).unwrap();
    let mut orders = vec![
        move_order(&engine, issuer(&engine), a, 100),
        move_order(&engine, a, b, 30),
        move_order(&engine, b, a, 1_000_000),
        move_order(&engine, a, nobody, 1),
        move_order(&engine, a, a, 1),
        move_order(&engine, a, issuer(&engine), 10),
    ];
    orders.push(MoveOrder { currency: "USD".parse().unwrap(), ..move_order(&engine, a, b, 1) });
    // The second once more, and another under its name.
    orders.push(orders[1]);
    orders.push(MoveOrder { amount: amount(31), ..orders[1] });
    let answers = moved(&engine, &orders);
    let told: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Ok(moved) => moved.refusal,
            Err(EngineError::Refused(refusal)) => Some(*refusal),
            Err(other) => panic!("{other}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            None,
            None,
            Some(Refusal::InsufficientFunds),
            Some(Refusal::WalletUnknown),
            Some(Refusal::SelfPayment),
            None,
            Some(Refusal::PayerCurrencyDiffers),
            None,
            Some(Refusal::IdConflict),
        ]
    );
    assert_eq!(answers[7].as_ref().unwrap(), answers[1].as_ref().unwrap(), "one transfer, told twice");
    assert_eq!((posted(&engine, a), posted(&engine, b)), (before.0 + 100 - 30 - 10, before.1 + 30));
    let record = engine.transfer(Party::Operator, orders[1].id).unwrap().unwrap();
    assert_eq!(
        (record.position, record.transfer.first.purpose),
        (answers[1].as_ref().unwrap().position, Purpose::Adjustment)
    );
    assert!(transfers_told(&engine, &cafe).iter().any(|told| told.transfer.id == orders[1].id));

    // Also after a restart the same orders get the same answers.
    drop(engine);
    let engine = start(config(folder.path()), folder.path());
    let again = moved(&engine, &orders[..3]);
    assert_eq!(refusals(&again), refusals(&answers[..3]));
    assert_eq!((posted(&engine, a), posted(&engine, b)), (before.0 + 100 - 30 - 10, before.1 + 30));
    drop(engine);
    audit(&folder.path().join("store")).unwrap();
}

#[test]
fn a_batch_is_let_in_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let engine = start(EngineConfig { max_in_flight: 16, ..config(folder.path()) }, folder.path());
    block_on(engine.register_currency(Currency::new("EUR".parse().unwrap(), None).unwrap())).unwrap();
    let ada = holder(&engine, "Ada", 1);
    let order = |_| move_order(&engine, issuer(&engine), ada.wallet, 1);
    let orders: Vec<_> = (0..=MAX_BATCH).map(order).collect();
    assert!(matches!(block_on(engine.move_batch(&orders)), Err(EngineError::BatchTooLong)));
    assert!(matches!(block_on(engine.move_batch(&orders[..17])), Err(EngineError::Overloaded)));
    assert_eq!(posted(&engine, ada.wallet), 0);
    assert!(moved(&engine, &[]).is_empty());
    for orders in orders.chunks(16).take(20) {
        assert!(refusals(&moved(&engine, orders)).iter().all(Option::is_none));
    }
    assert_eq!(posted(&engine, ada.wallet), 20 * 16);
    engine.shutdown();
    assert!(matches!(block_on(engine.move_batch(&orders[..1])), Err(EngineError::Stopping)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Batches that run into one another, over several shards, with the same ids here and there: no unit is made or lost, no
    /// transfer moves twice, and balances are what the answers say.
    #[test]
    fn batches_side_by_side_move_each_transfer_once(
        shards in 1..=3_usize,
        batches in prop::collection::vec(
            prop::collection::vec((0..6_usize, 0..6_usize, 1..=400_u64, any::<bool>()), 1..200),
            1..6,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let engine = start(EngineConfig { shards, ..config(folder.path()) }, folder.path());
        block_on(engine.register_currency(Currency::new("EUR".parse().unwrap(), None).unwrap())).unwrap();
        let wallets: Vec<_> = (1..=6).map(|n| holder(&engine, "Holder", n).wallet).collect();
        wallets.iter().for_each(|wallet| fund(&engine, *wallet, 1_000));
        let mut first: Option<MoveOrder> = None;
        let batches: Vec<Vec<MoveOrder>> = batches
            .into_iter()
            .map(|batch| {
                let order = |(payer, payee, minor, is_first_again): (usize, usize, u64, bool)| {
                    let new = move_order(&engine, wallets[payer], wallets[payee], minor);
                    let first = *first.get_or_insert(new);
                    if is_first_again && minor > 350 { first } else { new }
                };
                batch.into_iter().map(order).collect()
            })
            .collect();
        let mut answers = Vec::new();
        thread::scope(|scope| {
            let running: Vec<_> = batches.iter().map(|batch| scope.spawn(|| moved(&engine, batch))).collect();
            answers.extend(running.into_iter().map(|batch| batch.join().unwrap()));
        });
        let mut outcomes = BTreeMap::new();
        for (order, answer) in batches.iter().flatten().zip(answers.into_iter().flatten()) {
            let moved = answer.unwrap();
            let known = outcomes.insert(order.id, (order, moved));
            prop_assert!(known.is_none_or(|(_, before)| before == moved), "a repeat gets the same answer");
        }
        let mut balances: BTreeMap<_, i64> = wallets.iter().map(|wallet| (*wallet, 1_000)).collect();
        for (order, moved) in outcomes.values().filter(|(_, moved)| moved.refusal.is_none()) {
            prop_assert!(moved.position > Position::START);
            *balances.get_mut(&order.payer).unwrap() -= order.amount.get() as i64;
            *balances.get_mut(&order.payee).unwrap() += order.amount.get() as i64;
        }
        for (wallet, balance) in balances {
            prop_assert_eq!(posted(&engine, wallet), balance);
        }
        drop(engine);
        audit(&folder.path().join("store")).unwrap();
    }
}
