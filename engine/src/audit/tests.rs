//! What an audit finds: each test damages a sound store in one way.

use std::path::Path;

use pollster::block_on;
use quittance_journal::{ChunkKey, Committer, Submission, Tip, Unwritten};
use quittance_ledger::{
    Allowance, Amount, Authority, BookEntry, Day, EntryState, Event, FeeRule, FeeScope, HoldState,
    HoldStatus, Leg, PaymentRequestId, Purpose, Timestamp, Transfer, TransferId, WalletId, WalletSnapshot,
};
use quittance_settlement::{PageNumber, Partition};

use super::*;
use crate::clock::system_now;
use crate::config::EngineConfig;
use crate::engine::Engine;
use crate::keys::Keys;
use crate::order::OperatorOrder;
use crate::store::{HistoryBatch, Line, LinkedLine, StateBatch};

fn transfer_id(n: u8) -> TransferId {
    let [_, _, a, b, c, d, e, f] = system_now().as_millis().to_be_bytes();
    TransferId::from_bytes([a, b, c, d, e, f, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, n]).unwrap()
}

fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

/// A store with one wallet that was issued units into, in three transfers; gives the wallet.
fn sound_store(folder: &Path) -> WalletSnapshot {
    let config = EngineConfig::new(folder.join("store"), "http://127.0.0.1:7400".parse().unwrap());
    let engine = Engine::start(config, Keys::load_or_create(&folder.join("keys")).unwrap()).unwrap();
    block_on(async {
        let eur = Currency::new("EUR".parse().unwrap(), None).unwrap();
        engine.register_currency(eur).await.unwrap();
        let kind = quittance_ledger::AccountKind::Person;
        let (account, _) = engine.open_account(None, "Ada".parse().unwrap(), kind).await.unwrap();
        let wallet = engine.open_wallet(account.id, None, eur.code(), None).await.unwrap();
        for n in 1..=3 {
            let order = OperatorOrder {
                id: transfer_id(n),
                wallet: wallet.id,
                amount: amount(100),
                currency: eur.code(),
                reference: None,
            };
            engine.issue(order).await.unwrap();
        }
        engine.wallet(crate::order::Party::Operator, wallet.id).await.unwrap()
    })
}

/// Writes a wallet's lines in the place of what the value has that begins with the first of them. The issuer's are written again:
/// they may be in that value too.
fn write_lines(store: &Store, wallet: WalletId, lines: &[Line]) {
    let issuers = store.state().load().unwrap().currencies.into_values().map(|(_, issuer)| issuer);
    let of_issuer = |issuer| {
        let lines = store.history().lines_after(issuer, Position::START, 10).unwrap();
        lines.into_iter().map(move |line| (issuer, line))
    };
    let mut all: Vec<_> = issuers.flat_map(of_issuer).collect();
    all.extend(lines.iter().map(|line| (wallet, *line)));
    all.sort_by_key(|(_, line)| line.position);
    let mut last = std::collections::HashMap::new();
    let link = |(wallet, line): (WalletId, Line)| {
        let previous = last.insert(wallet, line.position).unwrap_or_default();
        LinkedLine { wallet, line, previous }
    };
    let mut batch = HistoryBatch::default();
    batch.lines(&all.into_iter().map(link).collect::<Vec<_>>());
    store.history().write(batch).unwrap();
}

fn damaged(damage: impl FnOnce(&Store, WalletSnapshot)) -> AuditError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let wallet = sound_store(folder.path());
    let sound = audit(&path).unwrap();
    assert_eq!((sound.settled, sound.totals[0].in_circulation), (3, 300));
    let store = Store::open_existing(&path).unwrap();
    damage(&store, wallet);
    store.sync().unwrap();
    drop(store);
    audit(&path).unwrap_err()
}

/// All files of a store, with what is in them and when they were last written to.
fn files(folder: &Path) -> std::collections::BTreeMap<std::path::PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut files = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let changed = path.metadata().unwrap().modified().unwrap();
        if path.is_dir() {
            files.extend(self::files(&path));
            files.insert(path, (Vec::new(), changed));
        } else {
            files.insert(path.clone(), (std::fs::read(path).unwrap(), changed));
        }
    }
    files
}

/// Also where a crash left some of a block behind the last one, which a start clears.
#[test]
fn an_audit_changes_nothing_and_needs_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    sound_store(folder.path());
    let segment = path.join("journal/000000-00000000000000000001.blocks");
    let mut bytes = std::fs::read(&segment).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes.copy_within(..50, used + 64);
    std::fs::write(&segment, bytes).unwrap();
    let before = files(&path);
    let report = audit(&path).unwrap();
    assert_eq!(report.settled, 3);
    assert!(files(&path) == before);
    std::fs::remove_dir_all(path.join("sled")).unwrap();
    let before = files(&path);
    assert_eq!(audit(&path).unwrap(), report);
    assert!(files(&path) == before);
    std::fs::remove_dir_all(path.join("journal")).unwrap();
    let error = audit(&path).unwrap_err();
    assert!(matches!(error, AuditError::Unreadable(StartError::Store(StoreError::BlocksLost(_)))), "{error}");
    assert!(!path.join("journal").exists());
}

/// Appends an event that no engine would have decided.
fn append(store: &Store, event: Event) {
    append_at(store, system_now(), event);
}

fn append_at(store: &Store, at: Timestamp, event: Event) {
    let tip = replay(&store.journal_reader(), Position::START, |_| Ok::<_, ReplayError>(())).unwrap();
    assert_ne!(tip, Tip::GENESIS);
    append_after(store, tip, at, event);
}

fn append_after(store: &Store, tip: Tip, at: Timestamp, event: Event) -> Tip {
    let (committer, queue) = Committer::<_, ()>::new(store.journal_writer().unwrap(), tip, 1);
    queue.submit(Submission::Record { at, event, done: None });
    drop(queue);
    committer.run(|_| {}).unwrap()
}

#[test]
fn a_wallet_that_was_changed_in_the_checkpoint_is_found() {
    let error = damaged(|store, wallet| {
        let partition = Partition::of(wallet.id);
        let mut page = store.state().load().unwrap().wallets.remove(&partition).unwrap();
        page.iter_mut().filter(|kept| kept.id == wallet.id).for_each(|kept| kept.posted += 1);
        let mut batch = StateBatch::default();
        batch.page(partition, PageNumber::new(0), &page).unwrap();
        store.state().write(batch).unwrap();
    });
    assert!(
        matches!(&error, AuditError::CheckpointDiffers { what, .. } if what.starts_with("wallet")),
        "{error}"
    );
}

#[test]
fn a_checkpoint_that_is_ahead_of_the_journal_is_found() {
    let error = damaged(|store, _| {
        let mut batch = StateBatch::default();
        batch.directory(Position::new(1_000)).unwrap();
        store.state().write(batch).unwrap();
    });
    let AuditError::Unreadable(StartError::Journal(ReplayError::Short { needed, .. })) = error else {
        panic!("{error}")
    };
    assert_eq!(needed, Position::new(1_000));
}

#[test]
fn a_notification_that_would_be_missed_is_found() {
    let error = damaged(|store, wallet| {
        let lines = store.history().lines_after(wallet.id, Position::START, 10).unwrap();
        assert_eq!(lines.len(), 3);
        write_lines(store, wallet.id, &[lines[0], lines[2]]);
    });
    assert!(
        matches!(&error, AuditError::IndexDiffers { what, position } if what.starts_with("wallet") && position.get() == 6),
        "{error}"
    );
}

#[test]
fn lines_that_would_be_passed_over_from_the_newest_are_found() {
    let error = damaged(|store, wallet| {
        let lines = store.history().lines_after(wallet.id, Position::START, 10).unwrap();
        // Whoever comes from behind would look on from there.
        let linked = |line| LinkedLine { wallet: wallet.id, line, previous: Position::new(1) };
        let mut batch = HistoryBatch::default();
        batch.lines(&lines.into_iter().map(linked).collect::<Vec<_>>());
        store.history().write(batch).unwrap();
    });
    assert!(error.to_string().contains("value of lines"), "{error}");
}

#[test]
fn an_id_that_would_not_be_found_is_found() {
    let lost = damaged(|store, _| store.history().damage_ids(|entries| _ = entries.pop()));
    assert!(
        matches!(&lost, AuditError::IndexDiffers { what, position } if what.starts_with("transfer ") && position.get() >= 5),
        "{lost}"
    );
    let one_more = damaged(|store, _| {
        store.history().damage_ids(|entries| entries.push([u8::MAX; 11]));
    });
    assert!(matches!(&one_more, AuditError::IndexDiffers { .. }), "{one_more}");
    let disordered = damaged(|store, _| store.history().damage_ids(|entries| entries[1..].reverse()));
    assert!(disordered.to_string().contains("value of ids"), "{disordered}");
    let elsewhere = damaged(|store, _| store.history().damage_ids(|entries| _ = entries.remove(0)));
    assert!(elsewhere.to_string().contains("value of ids"), "{elsewhere}");
}

/// A wallet that was frozen is no transfer, so what its account is told of that is listed for itself.
#[test]
fn a_freezing_that_nobody_would_be_told_of_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let wallet = sound_store(folder.path());
    let Owner::Account(account) = wallet.owner else { panic!("an account's wallet") };
    let store = Store::open_existing(&path).unwrap();
    append(&store, Event::WalletFrozen { wallet: wallet.id, both_ways: false });
    drop(store);
    let config = EngineConfig::new(path.clone(), "http://127.0.0.1:7400".parse().unwrap());
    drop(Engine::start(config, Keys::load_or_create(&folder.path().join("keys")).unwrap()).unwrap());
    audit(&path).unwrap();
    let store = Store::open_existing(&path).unwrap();
    let told = store.history().told_after(account, Position::START, 10).unwrap();
    assert_eq!(told.len(), 1);
    let mut batch = HistoryBatch::default();
    // Under the key of the one that is there.
    batch.told(account, &[told[0], told[0].next()]);
    store.history().write(batch).unwrap();
    drop(store);
    let error = audit(&path).unwrap_err();
    assert!(
        matches!(&error, AuditError::IndexDiffers { what, .. } if what.starts_with("account")),
        "{error}"
    );
}

#[test]
fn a_balance_that_would_be_shown_wrong_is_found() {
    let error = damaged(|store, wallet| {
        let mut lines = store.history().lines_after(wallet.id, Position::START, 10).unwrap();
        assert_eq!(lines.iter().map(|line| line.balance).collect::<Vec<_>>(), [100, 200, 300]);
        lines[1] = Line { balance: 201, ..lines[1] };
        write_lines(store, wallet.id, &lines);
    });
    let AuditError::IndexDiffers { what, position } = error else { panic!("{error}") };
    assert!(what.starts_with("wallet") && position == Position::new(6), "{what} at {position}");
}

/// Of the oldest chunk nothing is read at a start, only when a receipt or a consistency proof needs it.
#[test]
fn a_tree_of_blocks_that_would_prove_nothing_is_found() {
    const OLDEST: ChunkKey = ChunkKey { tier: 0, number: 0 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let Owner::Account(account) = sound_store(folder.path()).owner else { panic!("an account's wallet") };
    let store = Store::open_existing(&path).unwrap();
    let mut tip = replay(&store.journal_reader(), Position::START, |_| Ok::<_, ReplayError>(())).unwrap();
    for _ in 0..300 {
        tip = append_after(&store, tip, system_now(), Event::PinFailuresCleared { account });
    }
    drop(store);
    let config = EngineConfig::new(path.clone(), "http://127.0.0.1:7400".parse().unwrap());
    drop(Engine::start(config, Keys::load_or_create(&folder.path().join("keys")).unwrap()).unwrap());
    audit(&path).unwrap();

    let write = |chunks: Vec<(ChunkKey, Vec<u8>)>, end: Option<Vec<u8>>| {
        let store = Store::open_existing(&path).unwrap();
        let tree = store.heads();
        let end = end.unwrap_or_else(|| tree.end().unwrap().unwrap());
        tree.write(&Unwritten { blocks: tip.blocks, end, chunks }).unwrap();
        store.sync().unwrap();
    };
    let (sound, end) = {
        let tree = Store::open_existing(&path).unwrap().heads();
        (tree.chunk(OLDEST).unwrap().unwrap().to_bytes(), tree.end().unwrap().unwrap())
    };
    assert_eq!(sound.len(), 256 * 32);
    for at in [0, 100 * 32 + 7, sound.len() - 1] {
        let mut nodes = sound.clone();
        nodes[at] ^= 1;
        write(vec![(OLDEST, nodes)], None);
        let error = audit(&path).unwrap_err();
        assert!(matches!(error, AuditError::HeadsDiffer(position) if position == tip.position), "{error}");
    }
    write(vec![(OLDEST, sound[..255 * 32].to_vec())], None);
    assert!(matches!(audit(&path).unwrap_err(), AuditError::HeadsDiffer(_)));
    write(vec![(OLDEST, sound[..31].to_vec())], None);
    assert!(matches!(audit(&path).unwrap_err(), AuditError::Unreadable(_)));
    write(vec![(OLDEST, sound)], None);
    audit(&path).unwrap();
    // The end says how far the tree reaches, the last block's hash, and the nodes that the root is of.
    for at in (0..end.len()).step_by(13) {
        let mut changed = end.clone();
        changed[at] ^= 1;
        write(Vec::new(), Some(changed));
        assert!(audit(&path).is_err(), "byte {at} of the end");
    }
}

#[test]
fn what_is_listed_and_never_was_is_found() {
    let error = damaged(|store, _| {
        write_lines(store, WalletId::from_bytes([9; 16]).unwrap(), &[line_at(5)]);
    });
    assert!(matches!(&error, AuditError::IndexDiffers { what, .. } if what.contains("not in")), "{error}");
}

fn line_at(position: u64) -> Line {
    Line { position: Position::new(position), balance: 0, at: Timestamp::EPOCH }
}

#[test]
fn an_entry_of_a_book_that_the_checkpoint_has_otherwise_is_found() {
    let error = damaged(|store, wallet| {
        let mut batch = StateBatch::default();
        let hold = HoldState {
            payee: wallet.id,
            request: PaymentRequestId::from_bytes(transfer_id(7).to_bytes()).unwrap(),
            amount: amount(5),
            captured: 0,
            expires_at: Timestamp::EPOCH,
            status: HoldStatus::Released,
            counted_on: Day::NEVER,
            account_counted_on: None,
        };
        let entry = BookEntry::Hold(transfer_id(7));
        batch.entry(wallet.id, entry, Some(&EntryState::Hold(hold))).unwrap();
        store.state().write(batch).unwrap();
    });
    let AuditError::CheckpointDiffers { what, position } = error else { panic!("{error}") };
    assert!(what.starts_with("hold") && position == Position::new(7), "{what} as of {position}");
}

#[test]
fn a_fee_and_a_limit_that_nobody_set_are_found() {
    let error = damaged(|store, wallet| {
        let rule = FeeRule { fixed: 1, basis_points: 0, minimum: 0, maximum: None, collector: wallet.id };
        let mut batch = StateBatch::default();
        batch.fee(FeeScope::Wallet(wallet.id), Some(&rule)).unwrap();
        store.state().write(batch).unwrap();
    });
    assert!(matches!(&error, AuditError::CheckpointDiffers { what, .. } if what == "the fees"), "{error}");
    let error = damaged(|store, wallet| {
        let Owner::Account(account) = wallet.owner else { panic!("an account's wallet") };
        let mut batch = StateBatch::default();
        batch.allowance(&Allowance::new(account, wallet.currency).snapshot()).unwrap();
        store.state().write(batch).unwrap();
    });
    assert!(
        matches!(&error, AuditError::CheckpointDiffers { what, .. } if what.contains("limits")),
        "{error}"
    );
}

#[test]
fn a_transfer_out_of_nothing_is_found() {
    let error = damaged(|store, wallet| {
        let leg = Leg {
            payer: wallet.id,
            payee: WalletId::from_bytes([9; 16]).unwrap(),
            amount: amount(1),
            currency: wallet.currency,
            purpose: Purpose::Redemption,
            reference: None,
        };
        let transfer = Transfer::new(transfer_id(9), Authority::Operator, leg);
        append(store, Event::TransferSettled(Box::new(transfer)));
    });
    assert!(matches!(&error, AuditError::Breach { breach: Breach::LegImpossible(..), .. }), "{error}");
}

#[test]
fn a_pin_that_is_guessed_past_its_lock_is_found() {
    let error = damaged(|store, wallet| {
        let Owner::Account(account) = wallet.owner else { panic!("an account's wallet") };
        (0..=quittance_ledger::MAX_PIN_FAILURES).for_each(|_| append(store, Event::PinFailed { account }));
    });
    assert!(matches!(&error, AuditError::Breach { breach: Breach::OutOfPlace(_), .. }), "{error}");
}

#[test]
fn what_can_not_be_read_is_named() {
    let error = damaged(|store, _| store.damage_state());
    assert!(error.to_string().contains("page of wallets in it can't be read"), "{error}");
}

/// With such a record every transfer's id would be too old, until the machine's clock has caught up.
#[test]
fn a_journal_that_is_far_ahead_of_the_clock_is_not_started_on() {
    let folder = tempfile::tempdir().unwrap();
    let wallet = sound_store(folder.path());
    let path = folder.path().join("store");
    let Owner::Account(account) = wallet.owner else { panic!("an account's wallet") };
    let start = || {
        let config = EngineConfig::new(path.clone(), "http://127.0.0.1:7400".parse().unwrap());
        Engine::start(config, Keys::load_or_create(&folder.path().join("keys")).unwrap())
    };
    for (hours, is_started) in [(1, true), (26, false)] {
        let at = system_now().plus_millis(hours * 3_600 * 1_000);
        append_at(&Store::open(&path).unwrap(), at, Event::PinFailuresCleared { account });
        let started = start();
        assert_eq!(started.is_ok(), is_started, "{hours} h: {started:?}");
        assert!(is_started || matches!(started, Err(StartError::ClockBehind { .. })));
    }
    audit(&path).unwrap();
}
