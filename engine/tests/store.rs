//! The store on a real disk: what was flushed is there again, and folders that are no store of ours are refused.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;

use quittance_engine::{Store, StoreError};
use quittance_journal::{Committer, Position, ReplayError, Submission, Tip, replay};
use quittance_ledger::{AccountId, AccountKind, Event, Timestamp};

fn event(n: u64) -> Event {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    let account = AccountId::from_bytes(bytes).unwrap();
    Event::AccountOpened { account, name: "someone".parse().unwrap(), kind: AccountKind::Person }
}

fn commit(store: &Store, tip: Tip, numbers: std::ops::Range<u64>) -> Tip {
    let (committer, queue) = Committer::new(store.journal_writer().unwrap(), tip, 100_000);
    for n in numbers {
        let at = Timestamp::from_secs(n);
        queue.submit(Submission::Record { at, event: event(n), done: Some(n) });
    }
    drop(queue);
    committer.run(|batch| assert!(!batch.done.is_empty())).unwrap()
}

fn read(store: &Store, after: Position) -> Result<(Vec<Event>, Tip), ReplayError> {
    let mut events = Vec::new();
    let tip = replay(&store.journal_reader(), after, |block| {
        events.extend(block.positioned().filter(|(p, _)| *p > after).map(|(_, record)| record.event.clone()));
        Ok::<_, ReplayError>(())
    })?;
    Ok((events, tip))
}

#[test]
fn the_journal_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut tip = Tip::GENESIS;
    for start in 0..5 {
        let store = Store::open(&path).unwrap();
        assert_eq!(read(&store, Position::START).unwrap().1, tip);
        tip = commit(&store, tip, start * 3_000..(start + 1) * 3_000);
    }
    let store = Store::open_existing(&path).unwrap();
    let (events, end) = read(&store, Position::START).unwrap();
    assert_eq!(end, tip);
    assert!(events.into_iter().eq((0..15_000).map(event)));
    let (events, _) = read(&store, Position::new(14_000)).unwrap();
    assert!(events.into_iter().eq((14_000..15_000).map(event)));
}

/// sled puts large pages into files of their own and does not sync them, so no block may ever end up in one.
#[test]
fn blocks_stay_in_the_file_that_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    commit(&store, Tip::GENESIS, 0..90_000);
    let blobs = fs::read_dir(folder.path().join("sled/blobs")).unwrap().count();
    assert_eq!(blobs, 0);
}

#[test]
fn a_store_whose_making_was_cut_short_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("FORMAT.new"), "quit").unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(read(&store, Position::START).unwrap().0.is_empty());
}

#[test]
fn a_store_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _open = Store::open(folder.path()).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Locked(_))));
}

#[test]
fn what_is_no_store_of_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open_existing(folder.path()), Err(StoreError::Missing(_))));
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::NotAStore(_))));
    fs::write(folder.path().join("FORMAT"), "quittance store 4\n").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::NewerFormat { found: 4, .. })));
    fs::write(folder.path().join("FORMAT"), "quittance store 1\n").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::OlderFormat { found: 1, .. })));
    fs::write(folder.path().join("FORMAT"), "something else").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::NotAStore(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// sled ends its log where it finds damage and says nothing, so what it says last is not believed.
#[test]
fn a_journal_that_lost_its_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let tip = commit(&Store::open(&path).unwrap(), Tip::GENESIS, 0..10);
    let (before, end) = (folder.path().join("before"), path.join("END"));
    fs::create_dir(&before).unwrap();
    for entry in fs::read_dir(path.join("sled")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), before.join(entry.file_name())).unwrap();
        }
    }
    let old_end = fs::read(&end).unwrap();
    commit(&Store::open(&path).unwrap(), tip, 10..20);
    // The database as it was, under the end mark as it is.
    for entry in fs::read_dir(&before).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), path.join("sled").join(entry.file_name())).unwrap();
    }
    for opened in [Store::open(&path), Store::open_existing(&path)] {
        assert!(matches!(opened, Err(StoreError::BlocksLost(at)) if at == Position::new(11)), "{opened:?}");
    }
    // A mark that is behind is what a loss of power leaves.
    fs::write(&end, old_end).unwrap();
    assert_eq!(read(&Store::open(&path).unwrap(), Position::START).unwrap().1, tip);
    for lost in [Some([7; 64].as_slice()), Some(&[]), None] {
        match lost {
            Some(bytes) => fs::write(&end, bytes).unwrap(),
            None => fs::remove_file(&end).unwrap(),
        }
        assert!(matches!(Store::open(&path), Err(StoreError::EndMark(_))), "{lost:?}");
    }
}
