//! Backups of a journal that grows, of one that was damaged, and what is restored of them.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use quittance_journal::{Committer, Record, ReplayError, Submission, Tip, replay};
use quittance_ledger::{AccountId, AccountKind, Event};
use tempfile::TempDir;

use super::folder::BackupFolder;
use super::make::back_up_with;
use super::manifest::Manifest;
use super::*;
use crate::keys::Keys;
use crate::store::Store;

/// So small that a few blocks fill a piece.
const TINY_PIECE_BYTES: u64 = 4_096;
const RECORDS_PER_BLOCK: u64 = 7;
pub(crate) const KEYS: [[u8; 32]; 2] = [[1; 32], [2; 32]];

/// The record at a position: one a second.
pub(crate) fn record(position: u64) -> Record {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&position.to_le_bytes());
    let account = AccountId::from_bytes(bytes).unwrap();
    let event =
        Event::AccountOpened { account, name: "somebody".parse().unwrap(), kind: AccountKind::Person };
    Record { at: Timestamp::from_secs(position), event }
}

/// Adds records up to a position, some to a block.
pub(crate) fn commit(store: &Store, mut tip: Tip, to: u64, per_block: u64) -> Tip {
    while tip.position.get() < to {
        let next = tip.position.get() + 1;
        let (committer, queue) = Committer::<_, ()>::new(store.journal_writer().unwrap(), tip, 4_096);
        for position in next..=to.min(tip.position.get() + per_block) {
            let Record { at, event } = record(position);
            queue.submit(Submission::Record { at, event, done: None });
        }
        drop(queue);
        tip = committer.run(|_| {}).unwrap();
    }
    tip
}

/// Makes a store with records up to a position, or adds them.
pub(crate) fn grow(path: &Path, to: u64, per_block: u64) -> Tip {
    let store = Store::open(path).unwrap();
    if store.keys().unwrap().is_empty() {
        store.write_keys(&KEYS).unwrap();
    }
    let tip = replay(&store.journal_reader(), Position::START, |_| Ok::<_, ReplayError>(())).unwrap();
    commit(&store, tip, to, per_block)
}

/// That a store has the records up to a position and no others, and the keys, and can be added to.
#[track_caller]
pub(crate) fn assert_has(path: &Path, to: u64) {
    let store = Store::open_existing(path).unwrap();
    let mut next = 1;
    let tip = replay(&store.journal_reader(), Position::START, |block| {
        for (position, found) in block.positioned() {
            assert_eq!((position, found), (Position::new(next), &record(next)));
            next += 1;
        }
        Ok::<_, ReplayError>(())
    });
    let tip = tip.unwrap();
    assert_eq!((tip.position, next), (Position::new(to), to + 1));
    assert_eq!(store.keys().unwrap(), KEYS);
    commit(&store, tip, to + 1, 1);
}

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a store of so many records, and a backup of it.
    fn backed_up(to: u64) -> Self {
        let home = Self::new();
        grow(&home.store(), to, RECORDS_PER_BLOCK);
        home.back_up();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self) -> PathBuf {
        self.path("store")
    }

    fn backup(&self) -> PathBuf {
        self.path("backup")
    }

    fn back_up(&self) -> BackupReport {
        back_up_with(&self.store(), &self.backup(), TINY_PIECE_BYTES).unwrap()
    }

    fn verify(&self) -> Result<BackupContent, BackupError> {
        verify_backup(&self.backup(), None)
    }

    fn restore(&self, to: &str, point: RestorePoint) -> Result<RestoreReport, BackupError> {
        restore(&self.backup(), &self.path(to), point, &mut |_| {})
    }

    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.backup()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn pieces(&self) -> Vec<String> {
        self.files().into_iter().filter(|name| name.ends_with(".blocks")).collect()
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn each_run_adds_what_is_new_and_nothing_else() {
    let home = Home::new();
    let (mut before, mut bytes, mut tip) = (0, 0, Tip::GENESIS);
    for to in [0, 0, 1, 30, 30, 31, 200, 201, 900] {
        tip = grow(&home.store(), to, RECORDS_PER_BLOCK);
        let BackupReport { content, before: from, new_bytes } = home.back_up();
        assert_eq!((from, content.position, content.hash), (Position::new(before), tip.position, tip.hash));
        assert_eq!(content.blocks, tip.blocks);
        assert_eq!(content.at, (to > 0).then(|| Timestamp::from_secs(to)));
        assert_eq!(content.bytes, bytes + new_bytes);
        assert_eq!(new_bytes == 0, to == before);
        assert_eq!(home.verify().unwrap(), content);
        (before, bytes) = (to, content.bytes);
    }
    assert!(home.pieces().len() > 5, "{:?}", home.files());
    let report = home.restore("restored", RestorePoint::End).unwrap();
    assert_eq!((report.audit.position, report.audit.hash), (tip.position, tip.hash));
    assert_eq!((report.left_out, report.cut_block), (0, None));
    assert_has(&home.path("restored"), 900);
}

/// A copy of the backup that shares its files has what it had, whatever is done afterwards.
#[test]
fn no_file_is_written_to_once_it_has_its_name() {
    let home = Home::backed_up(15);
    for to in 16..30 {
        let linked = home.path(&format!("linked-{to}"));
        fs::create_dir(&linked).unwrap();
        for name in home.files() {
            fs::hard_link(home.backup().join(&name), linked.join(&name)).unwrap();
        }
        grow(&home.store(), to, RECORDS_PER_BLOCK);
        home.back_up();
        let kept = verify_backup(&linked, None).unwrap();
        assert_eq!(kept.position, Position::new(to - 1));
    }
}

#[test]
fn a_backup_of_a_store_that_is_written_to_is_whole() {
    const TO: u64 = 6_000;
    let home = Home::new();
    let store = Store::open(&home.store()).unwrap();
    store.write_keys(&KEYS).unwrap();
    let is_over = AtomicBool::new(false);
    let runs = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let tip = commit(&store, Tip::GENESIS, TO, 3);
            is_over.store(true, Ordering::Release);
            tip
        });
        let (mut runs, mut position) = (Vec::new(), Position::START);
        loop {
            let was_over = is_over.load(Ordering::Acquire);
            let report = home.back_up();
            assert_eq!(report.before, position);
            assert!(report.content.position >= position);
            position = report.content.position;
            assert_eq!(home.verify().unwrap(), report.content);
            runs.push(position);
            if was_over {
                break;
            }
        }
        assert_eq!(writer.join().unwrap().position, position);
        runs
    });
    assert_eq!(runs.last(), Some(&Position::new(TO)));
    assert!(runs.len() > 2, "{runs:?}");
    home.restore("restored", RestorePoint::End).unwrap();
    assert_has(&home.path("restored"), TO);
}

#[test]
fn any_position_can_be_restored() {
    let home = Home::backed_up(15);
    for position in 1..=15 {
        let name = format!("at-{position}");
        let report = home.restore(&name, RestorePoint::At(Position::new(position))).unwrap();
        let in_block = (position - 1) % RECORDS_PER_BLOCK;
        let is_whole = in_block == RECORDS_PER_BLOCK - 1 || position == 15;
        let cut = (!is_whole).then(|| Position::new(position - in_block));
        assert_eq!((report.left_out, report.cut_block), (15 - position, cut), "{position}");
        assert_eq!(report.at, Timestamp::from_secs(position));
        assert_has(&home.path(&name), position);
        // A second later is the next one.
        let instant = Timestamp::from_secs(position).plus_millis(1);
        let before = home.restore(&format!("before-{position}"), RestorePoint::Before(instant)).unwrap();
        assert_eq!(before.audit.position, Position::new(position));
    }
    let before = |instant| home.restore("before", RestorePoint::Before(instant));
    assert!(matches!(before(Timestamp::from_secs(1)), Err(BackupError::NothingBefore)));
    assert_eq!(before(Timestamp::from_secs(2)).unwrap().audit.position, Position::new(1));
    let at = |position| home.restore("at", RestorePoint::At(Position::new(position)));
    assert!(matches!(at(0), Err(BackupError::NothingBefore)));
    let past = at(16);
    assert!(
        matches!(&past, Err(BackupError::PastTheEnd { end, .. }) if *end == Position::new(15)),
        "{past:?}"
    );
}

#[test]
fn nothing_is_restored_over_anything() {
    let home = Home::backed_up(15);
    let exists = |restored: Result<RestoreReport, BackupError>| {
        matches!(restored, Err(BackupError::Store(StoreError::Exists(_))))
    };
    assert!(exists(home.restore("store", RestorePoint::End)));
    fs::create_dir(home.path("empty")).unwrap();
    assert!(exists(home.restore("empty", RestorePoint::End)));
    std::os::unix::fs::symlink(home.path("nowhere"), home.path("link")).unwrap();
    assert!(exists(home.restore("link", RestorePoint::End)));
    fs::create_dir(home.path("cut.unfinished")).unwrap();
    let cut = home.restore("cut", RestorePoint::End);
    assert!(matches!(cut, Err(BackupError::Store(StoreError::Unfinished(_)))), "{cut:?}");
    assert_eq!(home.names(), ["backup", "cut.unfinished", "empty", "link", "store"]);
    assert_has(&home.store(), 15);
}

/// What a run leaves that is killed, at each step that changes the folder.
#[test]
fn a_run_that_is_cut_off_leaves_the_backup_as_it_was() {
    let home = Home::backed_up(7);
    grow(&home.store(), 14, RECORDS_PER_BLOCK);
    home.back_up();
    let old = home.verify().unwrap();
    let old_manifest = fs::read(home.path("backup/MANIFEST")).unwrap();
    let old_pieces: Vec<_> = home.pieces();
    let old_bytes: Vec<_> =
        old_pieces.iter().map(|name| fs::read(home.backup().join(name)).unwrap()).collect();
    grow(&home.store(), 40, RECORDS_PER_BLOCK);
    let new = home.back_up().content;
    let (new_pieces, new_manifest) = (home.pieces(), fs::read(home.path("backup/MANIFEST")).unwrap());
    let new_bytes: Vec<_> =
        new_pieces.iter().map(|name| fs::read(home.backup().join(name)).unwrap()).collect();
    // The small ones were joined, so what was there before is not there any more.
    assert!(old_pieces.iter().any(|name| !new_pieces.contains(name)), "{old_pieces:?} {new_pieces:?}");

    let reset = || {
        fs::remove_dir_all(home.backup()).unwrap();
        fs::create_dir(home.backup()).unwrap();
        for (name, bytes) in old_pieces.iter().zip(&old_bytes) {
            fs::write(home.backup().join(name), bytes).unwrap();
        }
        fs::write(home.path("backup/MANIFEST"), &old_manifest).unwrap();
        fs::write(home.path("backup/LOCK"), "").unwrap();
    };
    let write = |name: &str, bytes: &[u8]| fs::write(home.backup().join(name), bytes).unwrap();
    let begin_piece = |share: usize| {
        let bytes = &new_bytes[0];
        write("piece.unfinished", &bytes[..bytes.len() * share / 4]);
    };
    let name_pieces = || new_pieces.iter().zip(&new_bytes).for_each(|(name, bytes)| write(name, bytes));
    let begin_manifest =
        |share: usize| write("MANIFEST.unfinished", &new_manifest[..new_manifest.len() * share / 4]);
    let steps: [&dyn Fn(); 8] = [
        &|| {},
        &|| begin_piece(0),
        &|| begin_piece(2),
        &|| begin_piece(4),
        &name_pieces,
        &|| {
            name_pieces();
            begin_manifest(0);
        },
        &|| {
            name_pieces();
            begin_manifest(3);
        },
        &|| {
            name_pieces();
            begin_manifest(4);
        },
    ];
    for (index, step) in steps.into_iter().enumerate() {
        reset();
        step();
        assert_eq!(home.verify().unwrap(), old, "step {index}");
        let name = format!("restored-{index}");
        home.restore(&name, RestorePoint::End).unwrap();
        assert_has(&home.path(&name), 14);
        // And the next run makes good.
        assert_eq!(home.back_up().content, BackupContent { pieces: home.pieces().len(), ..new });
        assert_eq!(home.verify().unwrap().position, new.position);
        assert!(!home.files().iter().any(|name| name.ends_with(".unfinished")), "{:?}", home.files());
    }
    // From the moment that the manifest has its name the backup is the new one.
    reset();
    name_pieces();
    write("MANIFEST", &new_manifest);
    assert_eq!(home.verify().unwrap(), new);
    home.back_up();
    assert_eq!(home.pieces(), new_pieces, "what the manifest does not name is removed");
    // And one that was cut off before it had any manifest is begun anew.
    reset();
    fs::remove_file(home.path("backup/MANIFEST")).unwrap();
    assert!(matches!(home.verify(), Err(BackupError::Missing(_))));
    assert_eq!(home.back_up().before, Position::START);
    assert_eq!(home.verify().unwrap().position, new.position);
}

#[test]
fn a_bit_that_was_changed_is_found_and_named() {
    let home = Home::backed_up(400);
    let pieces = home.pieces();
    assert!(pieces.len() > 3, "{pieces:?}");
    let mut restored = 0;
    for (index, name) in pieces.iter().enumerate() {
        let path = home.backup().join(name);
        let bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(199) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&path, &damaged).unwrap();
            let error = home.verify().unwrap_err();
            let BackupError::PieceDamaged { path: named, first } = &error else { panic!("{error:?}") };
            assert_eq!(*named, path);
            // The block that the byte is in.
            let mut offset = 0;
            let mut expected = Position::START;
            while offset <= at {
                let header = quittance_journal::BlockHeader::read(&bytes[offset..]).unwrap();
                (offset, expected) = (offset + header.block_bytes(), header.first);
            }
            assert_eq!(*first, expected, "byte {at} of {name}");
            assert!(error.to_string().contains(name.as_str()), "{error}");
            // What stands before it can be restored, and nothing else.
            if at % 3 == 0 && index < 2 {
                let all = home.restore("all", RestorePoint::End);
                assert!(matches!(all, Err(BackupError::PieceDamaged { .. })), "{all:?}");
                assert!(!home.path("all").exists() && !home.path("all.unfinished").exists());
                let last = before(first);
                if last != Position::START {
                    let to = format!("restored-{restored}");
                    home.restore(&to, RestorePoint::At(last)).unwrap();
                    assert_has(&home.path(&to), last.get());
                    restored += 1;
                }
            }
        }
        for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(matches!(home.verify(), Err(BackupError::PieceDamaged { .. })));
            let added = back_up(&home.store(), &home.backup());
            assert!(matches!(added, Err(BackupError::PieceDamaged { .. })), "{added:?}");
        }
        fs::write(&path, [bytes.as_slice(), &[0]].concat()).unwrap();
        assert!(matches!(home.verify(), Err(BackupError::PieceDamaged { .. })));
        fs::remove_file(&path).unwrap();
        let missing = home.verify();
        assert!(matches!(&missing, Err(BackupError::PieceMissing { path: named, .. }) if *named == path));
        assert!(matches!(home.restore("all", RestorePoint::End), Err(BackupError::PieceMissing { .. })));
        assert!(back_up(&home.store(), &home.backup()).is_err());
        fs::write(&path, &bytes).unwrap();
        home.verify().unwrap();
    }
    assert!(restored > 5, "{restored}");
    let manifest = home.path("backup/MANIFEST");
    let bytes = fs::read(&manifest).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&manifest, &damaged).unwrap();
        let error = home.verify().unwrap_err();
        assert!(matches!(error, BackupError::Manifest(_) | BackupError::NewerFormat { .. }), "{error:?}");
        assert!(home.restore("all", RestorePoint::End).is_err());
        assert!(back_up(&home.store(), &home.backup()).is_err());
    }
}

/// A piece whose blocks are all whole is still found where it is not the one that was written.
#[test]
fn pieces_that_were_exchanged_are_found() {
    let home = Home::backed_up(400);
    let other = Home::new();
    grow(&other.store(), 400, RECORDS_PER_BLOCK + 1);
    other.back_up();
    let pieces = home.pieces();
    let [first, second] = [&pieces[0], &pieces[1]].map(|name| fs::read(home.backup().join(name)).unwrap());
    fs::write(home.backup().join(&pieces[0]), &second).unwrap();
    assert!(matches!(home.verify(), Err(BackupError::PieceDamaged { .. })));
    fs::write(home.backup().join(&pieces[0]), &first).unwrap();
    home.verify().unwrap();
    // The last piece of the other store, under its own manifest.
    let theirs = other.pieces();
    fs::copy(other.backup().join(&theirs[0]), home.backup().join(&pieces[0])).unwrap();
    assert!(matches!(home.verify(), Err(BackupError::PieceDamaged { .. })));
}

/// Blocks that are whole and follow one another, but are not those that were backed up; and a manifest that says another end.
#[test]
fn what_is_whole_and_is_not_what_was_backed_up_is_found() {
    let home = Home::backed_up(35);
    // The same records in as many bytes, in other blocks.
    home.restore("earlier", RestorePoint::End).unwrap();
    let back_up_other =
        || back_up_with(&home.path("earlier"), &home.path("other"), TINY_PIECE_BYTES).unwrap();
    back_up_other();
    for (store, middle) in [(home.store(), 38), (home.path("earlier"), 37)] {
        grow(&store, middle, RECORDS_PER_BLOCK);
        grow(&store, 40, RECORDS_PER_BLOCK);
    }
    home.back_up();
    back_up_other();
    let (pieces, manifest) = (home.pieces(), home.path("backup/MANIFEST"));
    let last = home.backup().join(pieces.last().unwrap());
    let bytes = fs::read(&last).unwrap();
    let other = fs::read(home.path("other").join(pieces.last().unwrap())).unwrap();
    assert!(bytes.len() == other.len() && bytes != other);
    fs::write(&last, other).unwrap();
    let found = home.verify();
    assert!(matches!(found, Err(BackupError::PieceDamaged { .. })), "{found:?}");
    fs::write(&last, bytes).unwrap();

    let right = BackupFolder::open(&home.backup()).unwrap().manifest();
    let hash = BlockHash::from_bytes([3; 32]);
    for wrong in [
        Manifest { tip: Tip { hash, ..right.tip }, ..right.clone() },
        Manifest { at: right.at.plus_millis(1), ..right.clone() },
    ] {
        fs::write(&manifest, wrong.to_text()).unwrap();
        let found = home.verify();
        assert!(matches!(found, Err(BackupError::Manifest(_))), "{found:?}");
    }
    fs::write(&manifest, right.to_text()).unwrap();
    home.verify().unwrap();
}

#[test]
fn a_backup_is_of_one_history() {
    let home = Home::backed_up(40);
    // Restored to what was before, and gone on from there.
    home.restore("earlier", RestorePoint::At(Position::new(20))).unwrap();
    let add = |store: &Path| back_up(store, &home.backup());
    let earlier = home.path("earlier");
    for to in [20, 39, 40, 60] {
        grow(&earlier, to, 5);
        let other = add(&earlier);
        assert!(
            matches!(other, Err(BackupError::OtherHistory(at)) if at == Position::new(40)),
            "{to}: {other:?}"
        );
    }
    grow(&home.path("other"), 50, RECORDS_PER_BLOCK + 1);
    assert!(matches!(add(&home.path("other")), Err(BackupError::OtherHistory(_))));
    // The same journal, restored whole, is the same history.
    home.restore("same", RestorePoint::End).unwrap();
    assert_eq!(add(&home.path("same")).unwrap().new_bytes, 0);
    grow(&home.path("same"), 60, RECORDS_PER_BLOCK);
    assert_eq!(add(&home.path("same")).unwrap().content.position, Position::new(60));
    home.verify().unwrap();
}

/// A loss of power may leave the end mark behind the journal.
#[test]
fn a_mark_that_is_behind_takes_nothing_from_a_backup() {
    let home = Home::backed_up(20);
    let end = home.path("store/END");
    let old_end = fs::read(&end).unwrap();
    grow(&home.store(), 40, RECORDS_PER_BLOCK);
    home.back_up();
    fs::write(&end, &old_end).unwrap();
    let report = home.back_up();
    assert_eq!((report.content.position, report.new_bytes), (Position::new(40), 0));
    // What was durable and not marked is marked by the next start, as it may be shown from then on.
    let other = home.path("other");
    let behind = || back_up(&home.store(), &other).unwrap().content.position;
    assert_eq!(behind(), Position::new(20));
    drop(Store::open(&home.store()).unwrap());
    assert_eq!(behind(), Position::new(40));
    grow(&home.store(), 41, RECORDS_PER_BLOCK);
    assert_eq!(home.back_up().content.position, Position::new(41));
    home.verify().unwrap();
}

#[test]
fn what_is_no_backup_is_refused_and_left_alone() {
    let home = Home::backed_up(15);
    let letters = home.path("letters");
    fs::create_dir(&letters).unwrap();
    fs::write(letters.join("letter.txt"), "dear").unwrap();
    assert!(matches!(back_up(&home.store(), &letters), Err(BackupError::NotABackup(_))));
    assert!(matches!(verify_backup(&letters, None), Err(BackupError::Missing(_))));
    assert_eq!(fs::read_dir(&letters).unwrap().count(), 1);
    assert!(matches!(verify_backup(&home.path("none"), None), Err(BackupError::Missing(_))));
    let no_store = back_up(&home.path("none"), &home.path("backup-2"));
    assert!(matches!(no_store, Err(BackupError::Store(StoreError::Missing(_)))), "{no_store:?}");
    assert_eq!(home.names(), ["backup", "letters", "store"]);
    // Files of others in a backup stay.
    fs::write(home.path("backup/notes.txt"), "dear").unwrap();
    grow(&home.store(), 30, RECORDS_PER_BLOCK);
    home.back_up();
    assert!(home.files().contains(&"notes.txt".to_owned()));
    // And one of an empty store has nothing to restore.
    grow(&home.path("new"), 0, 1);
    back_up(&home.path("new"), &home.path("backup-2")).unwrap();
    let empty = restore(&home.path("backup-2"), &home.path("restored"), RestorePoint::End, &mut |_| {});
    assert!(matches!(empty, Err(BackupError::Empty)), "{empty:?}");
}

#[test]
fn one_at_a_time_is_at_a_backup() {
    let home = Home::backed_up(15);
    let is_locked = |error| matches!(error, BackupError::Locked(_));
    let writing = BackupFolder::open_or_begin(&home.backup()).unwrap();
    assert!(is_locked(back_up(&home.store(), &home.backup()).unwrap_err()));
    assert!(is_locked(home.verify().unwrap_err()));
    drop(writing);
    let reading = BackupFolder::open(&home.backup()).unwrap();
    assert!(is_locked(back_up(&home.store(), &home.backup()).unwrap_err()));
    home.verify().unwrap();
    drop(reading);
    home.back_up();
}

#[test]
fn a_damaged_store_is_not_backed_up() {
    let home = Home::backed_up(15);
    grow(&home.store(), 40, RECORDS_PER_BLOCK);
    let blocks = home.path("store/journal/000000-00000000000000000001.blocks");
    let bytes = fs::read(&blocks).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for at in (0..used).step_by(61) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        fs::write(&blocks, &damaged).unwrap();
        match back_up(&home.store(), &home.backup()) {
            Err(BackupError::Store(StoreError::BlocksLost(_))) => {}
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(home.verify().unwrap().position, Position::new(15));
    }
}

#[test]
fn keys_that_were_kept_can_be_held_against_a_backup() {
    let home = Home::new();
    let keys = Keys::load_or_create(&home.path("keys")).unwrap();
    let others = Keys::load_or_create(&home.path("others")).unwrap();
    {
        let store = Store::open(&home.store()).unwrap();
        store.write_keys(&keys.fingerprints()).unwrap();
        commit(&store, Tip::GENESIS, 15, RECORDS_PER_BLOCK);
    }
    home.back_up();
    verify_backup(&home.backup(), Some(&keys)).unwrap();
    assert!(matches!(verify_backup(&home.backup(), Some(&others)), Err(BackupError::KeysDiffer)));
}
