//! Statements: running balances, ranges, instants and references.

use quittance_engine::{Order, StatementLine};
use quittance_ledger::{FeeRule, FeeScope};

use super::*;

const ALL: std::ops::Range<Position> = Position::START..Position::new(u64::MAX);

fn lines(engine: &Engine, wallet: WalletId, range: std::ops::Range<Position>) -> Vec<StatementLine> {
    let forwards =
        engine.statement_lines(Party::Operator, wallet, range.clone(), Order::OldestFirst, 1_000).unwrap();
    let mut backwards =
        engine.statement_lines(Party::Operator, wallet, range, Order::NewestFirst, 1_000).unwrap();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    forwards
}

fn change(line: &StatementLine, wallet: WalletId) -> i64 {
    if line.record.refusal.is_some() {
        return 0;
    }
    let signed = |leg: &Leg| i64::try_from(leg.amount.get()).unwrap();
    let of = |leg: &Leg| if leg.payee == wallet { signed(leg) } else { 0 } - if leg.payer == wallet { signed(leg) } else { 0 };
    line.record.transfer.legs().map(of).sum()
}

/// A statement adds up, from any position on.
fn check(engine: &Engine, wallet: WalletId) -> Vec<StatementLine> {
    let all = lines(engine, wallet, ALL);
    let mut balance = 0;
    for line in &all {
        let before = engine.balance_before(Party::Operator, wallet, line.record.position).unwrap();
        assert_eq!(before, balance);
        balance += change(line, wallet);
        assert_eq!(line.balance, balance);
    }
    assert_eq!(engine.balance_before(Party::Operator, wallet, Position::new(u64::MAX)).unwrap(), balance);
    assert_eq!(posted(engine, wallet), balance);
    let cut = all.get(all.len() / 2).unwrap().record.position;
    let parts =
        [lines(engine, wallet, Position::START..cut), lines(engine, wallet, cut..Position::new(u64::MAX))];
    assert_eq!(parts.concat(), all);
    for line in &all {
        let from = engine.position_at(Party::Operator, wallet, line.at).unwrap();
        let first = all.iter().find(|other| other.at >= line.at).unwrap();
        assert_eq!(from, first.record.position);
    }
    let after_all = engine.position_at(Party::Operator, wallet, engine.now().plus_millis(60_000)).unwrap();
    assert_eq!(after_all, engine.tip().next());
    all
}

#[test]
fn a_statement_adds_up_and_stays_the_same_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, payee, payer) = with_parties(folder.path());
    let operator = holder(&engine, "Operator", 3);
    let rule = FeeRule { fixed: 1, basis_points: 100, minimum: 0, maximum: None, collector: operator.wallet };
    block_on(engine.set_fee(FeeScope::Currency("EUR".parse().unwrap()), Some(rule))).unwrap();
    let text = barcode(&engine, &payee, None, Usage::Reusable);
    let pay = |engine: &Engine, minor| {
        let id = transfer_id(engine);
        block_on(engine.pay(&payer.device, order(engine, id, &payer, &text, Some(minor)))).unwrap()
    };
    let mut paid: Vec<_> = (1..40).map(|n| pay(&engine, n * 10)).collect();
    assert_eq!(
        paid.iter().filter(|record| record.refusal.is_some()).count(),
        8,
        "some are more than there is"
    );
    let wallets = [payer.wallet, payee.wallet, operator.wallet];
    let before = wallets.map(|wallet| check(&engine, wallet));
    assert_eq!(
        before[2].len(),
        39,
        "the collector's statement has every fee, and every fee that was refused"
    );
    let told = engine.account_events(operator.device.account, Position::START, 1_000).unwrap();
    assert_eq!(told.len(), 39);
    drop(engine);
    audit(&folder.path().join("store")).unwrap();
    let engine = start(config(folder.path()), folder.path());
    assert_eq!(wallets.map(|wallet| check(&engine, wallet)), before);
    paid.push(pay(&engine, 1));
    for wallet in wallets {
        assert_eq!(check(&engine, wallet).last().unwrap().record, paid[39]);
    }
    let reference = "R-1".parse().unwrap();
    paid.reverse();
    for wallet in [payer.wallet, payee.wallet] {
        let found = |before, limit| {
            engine.transfers_by_reference(Party::Operator, wallet, &reference, before, limit).unwrap()
        };
        assert_eq!(found(None, 100), paid);
        assert_eq!(found(Some(paid[4].position), 3), paid[5..8]);
    }
    let other = "R-2".parse().unwrap();
    assert_eq!(engine.transfers_by_reference(payee.party(), payee.wallet, &other, None, 9).unwrap(), []);
    let foreign = engine.transfers_by_reference(payee.party(), payer.wallet, &reference, None, 9);
    assert!(matches!(foreign, Err(EngineError::Refused(Refusal::WalletUnknown))), "{foreign:?}");
}
