//! The store on a real disk: what was flushed is there again, and folders that are no store of ours are refused.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::{Path, PathBuf};

use quittance_engine::{Store, StoreError};
use quittance_journal::{
    Block, CommitError, Committer, LogError, LogReader, Position, ReplayError, Submission, Tip, replay,
};
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
    fs::write(folder.path().join("FORMAT"), "quittance store 5\n").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::NewerFormat { found: 5, .. })));
    fs::write(folder.path().join("FORMAT"), "quittance store 1\n").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::OlderFormat { found: 1, .. })));
    fs::write(folder.path().join("FORMAT"), "something else").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::NotAStore(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_journal_that_lost_its_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let tip = commit(&Store::open(&path).unwrap(), Tip::GENESIS, 0..10);
    let (blocks, end) = (path.join("journal/000000-00000000000000000001.blocks"), path.join("END"));
    let (before, old_end) = (fs::read(&blocks).unwrap(), fs::read(&end).unwrap());
    commit(&Store::open(&path).unwrap(), tip, 10..20);
    // The journal as it was, under the end mark as it is.
    fs::write(&blocks, before).unwrap();
    for opened in [Store::open(&path), Store::open_existing(&path)] {
        assert!(matches!(opened, Err(StoreError::BlocksLost(at)) if at == Position::new(11)), "{opened:?}");
    }
    // A mark that is behind is what a loss of power leaves.
    fs::write(&end, &old_end).unwrap();
    assert_eq!(read(&Store::open(&path).unwrap(), Position::START).unwrap().1, tip);
    for lost in [Some([7; 64].as_slice()), Some(&[]), None] {
        match lost {
            Some(bytes) => fs::write(&end, bytes).unwrap(),
            None => fs::remove_file(&end).unwrap(),
        }
        assert!(matches!(Store::open(&path), Err(StoreError::EndMark(_))), "{lost:?}");
    }
}

/// sled ends its log where it finds damage and says nothing, so what it says last is not believed.
#[test]
fn a_database_that_lost_what_it_had_is_refused_until_it_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (database, synced) = (path.join("sled/db"), path.join("SYNCED"));
    let tip = commit(&Store::open(&path).unwrap(), Tip::GENESIS, 0..10);
    let (before, old_synced) = (fs::read(&database).unwrap(), fs::read(&synced).unwrap());
    drop(Store::open(&path).unwrap());
    fs::write(&database, before).unwrap();
    let refused = || {
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::DatabaseLost(_)), "{error:?}");
        assert!(error.to_string().contains("take the folder `sled` in the store away"), "{error}");
    };
    refused();
    let lost = fs::read(&synced).unwrap();
    for unreadable in [Some([7; 64].as_slice()), Some(&[]), None] {
        match unreadable {
            Some(bytes) => fs::write(&synced, bytes).unwrap(),
            None => fs::remove_file(&synced).unwrap(),
        }
        refused();
    }
    // A file that is behind is what a loss of power leaves.
    fs::write(&synced, old_synced).unwrap();
    assert_eq!(read(&Store::open(&path).unwrap(), Position::START).unwrap().1, tip);
    for is_empty in [false, true] {
        fs::write(&synced, &lost).unwrap();
        fs::remove_dir_all(path.join("sled")).unwrap();
        if is_empty {
            fs::create_dir(path.join("sled")).unwrap();
            fs::remove_file(&synced).unwrap();
        }
        for _ in 0..2 {
            assert_eq!(read(&Store::open(&path).unwrap(), Position::START).unwrap().1, tip);
        }
    }
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(path.join("journal")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.retain(|path| path.extension().is_some());
    files
}

/// Blocks that are as large as they get, so that few fit a segment.
#[test]
fn a_journal_goes_from_segment_to_segment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut tip = Tip::GENESIS;
    let mut count = 0;
    for records in [5_000, 1, 12_000, 2, 30_000, 700] {
        let store = Store::open(&path).unwrap();
        tip = commit(&store, tip, count..count + records);
        count += records;
        assert_eq!(read(&store, Position::START).unwrap().1, tip);
    }
    assert!(files(&path).len() >= 3, "{:?}", files(&path));
    let store = Store::open(&path).unwrap();
    let (events, end) = read(&store, Position::START).unwrap();
    assert_eq!(end, tip);
    assert!(events.into_iter().eq((0..count).map(event)));
    // One at a time, and not in their order.
    let reader = store.journal_reader();
    for step in 0..2_000 {
        let position = Position::new(1 + (step * 7_919) % count);
        let block = Block::decode(&reader.block_at(position).unwrap().unwrap()).unwrap();
        assert_eq!(block.record(position).unwrap().event, event(position.get() - 1));
    }
    assert!(reader.block_at(Position::new(count + 1)).unwrap().is_none());
}

#[test]
fn a_reader_goes_on_where_the_journal_grows() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let reader = store.journal_reader();
    let mut tip = Tip::GENESIS;
    for turn in 0..200 {
        assert!(reader.block_at(tip.position.next()).unwrap().is_none());
        let first = tip.position.next();
        tip = commit(&store, tip, turn * 100..(turn + 1) * 100);
        let block = Block::decode(&reader.block_at(first).unwrap().unwrap()).unwrap();
        assert_eq!((block.first, block.last()), (first, tip.position));
    }
}

/// A loss of power may leave any part of what was written and not yet synced; the end mark is behind then.
#[test]
fn a_block_that_was_cut_off_is_not_there_and_never_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let before = commit(&Store::open(&path).unwrap(), Tip::GENESIS, 0..3);
    let (blocks, end) = (files(&path).remove(0), path.join("END"));
    let (old_bytes, old_end) = (fs::read(&blocks).unwrap(), fs::read(&end).unwrap());
    let after = commit(&Store::open(&path).unwrap(), before, 3..5);
    let bytes = fs::read(&blocks).unwrap();
    let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let (from, to) = (used(&old_bytes), used(&bytes));
    for cut in (from..to).step_by(11) {
        for from_the_end in [false, true] {
            let mut torn = old_bytes.clone();
            let kept = if from_the_end { cut + 1..to } else { from..cut };
            torn[kept.clone()].copy_from_slice(&bytes[kept]);
            if torn == bytes {
                continue;
            }
            fs::write(&blocks, &torn).unwrap();
            fs::write(&end, &old_end).unwrap();
            let store = Store::open(&path).unwrap();
            assert_eq!(read(&store, Position::START).unwrap().1, before, "cut at {cut}");
            // A shorter block in its place, and nothing behind it.
            let tip = commit(&store, before, 7..8);
            drop(store);
            assert_eq!(read(&Store::open(&path).unwrap(), Position::START).unwrap().1, tip, "cut at {cut}");
        }
    }
    fs::write(&blocks, &bytes).unwrap();
    fs::write(&end, &old_end).unwrap();
    assert_eq!(read(&Store::open(&path).unwrap(), Position::START).unwrap().1, after);
}

#[test]
fn damage_is_found_wherever_it_is_and_nothing_is_made_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let tip = commit(&Store::open(&path).unwrap(), Tip::GENESIS, 0..40);
    commit(&Store::open(&path).unwrap(), tip, 40..43);
    let blocks = files(&path).remove(0);
    let bytes = fs::read(&blocks).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for at in (0..used).step_by(13) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&blocks, &damaged).unwrap();
        let opened = Store::open(&path);
        assert!(matches!(opened, Err(StoreError::BlocksLost(_))), "byte {at}: {opened:?}");
        assert!(fs::read(&blocks).unwrap() == damaged, "byte {at}: what is damaged is left as it is");
    }
    fs::remove_file(&blocks).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::BlocksLost(_))));
}

#[test]
fn a_segment_that_is_missing_is_found_at_the_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    commit(&Store::open(&path).unwrap(), Tip::GENESIS, 0..60_000);
    let files = files(&path);
    assert!(files.len() > 3);
    let aside = folder.path().join("aside");
    fs::rename(&files[1], &aside).unwrap();
    let opened = Store::open(&path);
    assert!(
        matches!(&opened, Err(StoreError::SegmentMissing { before }) if *before == files[2]),
        "{opened:?}"
    );
    fs::rename(&aside, &files[1]).unwrap();
    Store::open(&path).unwrap();
    fs::remove_file(files.last().unwrap()).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::BlocksLost(_))));
}

#[test]
fn a_second_writer_is_kept_off() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (first, second) = (store.journal_writer().unwrap(), store.journal_writer().unwrap());
    let submit = |writer| {
        let (committer, queue) = Committer::new(writer, Tip::GENESIS, 1);
        queue.submit(Submission::Record { at: Timestamp::from_secs(1), event: event(1), done: Some(()) });
        drop(queue);
        committer.run(|_| {})
    };
    submit(first).unwrap();
    assert!(matches!(submit(second), Err(CommitError::Log(LogError::Fenced(at))) if at == Position::new(1)));
}

#[test]
fn a_full_disk_is_an_error_and_no_wait() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    // Where the next segment would be made there is something that is no file.
    fs::create_dir(folder.path().join("journal/next")).unwrap();
    let (committer, queue) = Committer::<_, ()>::new(store.journal_writer().unwrap(), Tip::GENESIS, 1);
    queue.submit(Submission::Record { at: Timestamp::from_secs(1), event: event(1), done: None });
    drop(queue);
    assert!(matches!(committer.run(|_| {}), Err(CommitError::Log(LogError::Store(_)))));
}
