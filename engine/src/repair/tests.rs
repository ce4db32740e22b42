//! Stores that are damaged in one way each: what is salvaged, what is said of the rest, and that nothing in them changes.

use std::collections::BTreeMap;
use std::fs;

use quittance_journal::{BlockHeader, BlockView};
use tempfile::TempDir;

use super::*;
use crate::backup::tests::{KEYS, assert_has, grow, record};
use crate::keys::Keys;

/// What a repair gave out: its report, and the records that it listed.
type Repaired = (RepairReport, Vec<(Position, Record)>);

struct Home(TempDir);

impl Home {
    /// With a store of so many records.
    fn new(to: u64, per_block: u64) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        grow(&home.store(), to, per_block);
        home
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn new_store(&self) -> PathBuf {
        self.0.path().join("new")
    }

    fn segments(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.store().join("journal")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some()).collect();
        files.sort();
        files
    }

    /// Repairs the store, and sees that nothing in it changed.
    fn try_repair(&self, keys: Option<&Keys>) -> Result<Repaired, RepairError> {
        let before = contents(&self.store());
        let mut listed = Vec::new();
        let mut list = |position, record: &Record| {
            listed.push((position, record.clone()));
            Ok(())
        };
        let repaired = repair(&self.store(), &self.new_store(), keys, &mut list, &mut |_| {});
        assert!(contents(&self.store()) == before, "a damaged store is only read");
        assert!(!self.0.path().join("new.unfinished").exists());
        repaired.map(|report| (report, listed))
    }

    fn repair(&self) -> Repaired {
        self.try_repair(None).unwrap()
    }

    /// That the new store has the records up to a position, and is taken away again.
    #[track_caller]
    fn assert_salvaged(&self, report: &RepairReport, to: u64) {
        assert_eq!(report.end.position, Position::new(to));
        assert_eq!(report.at, Some(record(to).at));
        assert_eq!(report.salvaged.as_ref().unwrap().position, report.end.position);
        assert_has(&self.new_store(), to);
        fs::remove_dir_all(self.new_store()).unwrap();
    }
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Where the blocks of a file begin, with their headers.
fn blocks_in(bytes: &[u8]) -> Vec<(usize, BlockHeader)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Ok((view, _)) = BlockView::split_first(&bytes[at..]) {
        found.push((at, *view.header()));
        at += view.header().block_bytes();
    }
    found
}

/// That the listed records are those of these positions, as they were.
#[track_caller]
fn assert_listed(listed: &[(Position, Record)], positions: impl IntoIterator<Item = u64>) {
    let due = positions.into_iter().map(|position| (Position::new(position), record(position)));
    assert!(due.eq(listed.iter().cloned()), "{} are listed", listed.len());
}

#[test]
fn a_store_that_is_whole_is_salvaged_whole() {
    let home = Home::new(50, 5);
    let (report, listed) = home.repair();
    assert_eq!((&report.damage, report.reached), (&None, Some(Position::new(46))));
    assert!(report.beyond.is_empty() && listed.is_empty());
    assert_eq!((report.other_bytes, report.unreadable_bytes), (0, 0));
    home.assert_salvaged(&report, 50);
}

#[test]
fn a_bit_that_was_changed_costs_its_block_and_what_is_beyond_is_listed() {
    let home = Home::new(60, 4);
    let file = home.segments().remove(0);
    let bytes = fs::read(&file).unwrap();
    let blocks = blocks_in(&bytes);
    assert_eq!(blocks.len(), 15);
    for (index, in_block) in [(1, 3), (3, 30), (7, 50), (9, 110), (11, 200), (14, 160), (5, 250)] {
        let (start, header) = blocks[index];
        let mut damaged = bytes.clone();
        damaged[start + in_block] ^= 0x20;
        fs::write(&file, &damaged).unwrap();
        let (report, listed) = home.repair();
        let damage = report.damage.clone().unwrap();
        assert_eq!((damage.position, damage.offset), (header.first, start as u64), "{report:?}");
        assert_eq!(damage.file, file);
        // The block's hash stands at 92: before it is what it says of itself.
        let expected = if in_block < 124 {
            Damage::NoBlock
        } else {
            Damage::Block { first: header.first, last: header.last() }
        };
        assert_eq!(damage.kind, expected, "{in_block}");
        let is_last = index == 14;
        assert_eq!(report.beyond.len(), usize::from(!is_last));
        if let Some(run) = report.beyond.first() {
            assert_eq!((run.first, run.last), (header.last().next(), Position::new(60)));
            assert_eq!(
                (run.blocks, run.transfers, run.offset),
                (14 - index as u64, 0, blocks[index + 1].0 as u64)
            );
        }
        assert_listed(&listed, header.last().get() + 1..=60);
        assert!(report.other_bytes > 0 && report.other_bytes <= header.block_bytes() as u64);
        assert_eq!(report.reached, Some(Position::new(57)));
        home.assert_salvaged(&report, header.first.get() - 1);
    }
    // Not even the first block.
    let mut damaged = bytes.clone();
    damaged[150] ^= 1;
    fs::write(&file, &damaged).unwrap();
    let (report, listed) = home.repair();
    assert_eq!((report.end, &report.salvaged), (Tip::GENESIS, &None));
    assert_listed(&listed, 5..=60);
    assert!(!home.new_store().exists());
    // In two places.
    let mut damaged = bytes.clone();
    damaged[blocks[2].0 + 150] ^= 1;
    damaged[blocks[8].0 + 150] ^= 1;
    fs::write(&file, &damaged).unwrap();
    let (report, listed) = home.repair();
    let runs: Vec<_> = report.beyond.iter().map(|run| (run.first.get(), run.last.get())).collect();
    assert_eq!(runs, [(13, 32), (37, 60)]);
    assert_listed(&listed, (13..=32).chain(37..=60));
    home.assert_salvaged(&report, 8);
}

#[test]
fn blocks_that_are_gone_are_missed() {
    let home = Home::new(60, 4);
    let file = home.segments().remove(0);
    let bytes = fs::read(&file).unwrap();
    let blocks = blocks_in(&bytes);
    // The disk has zeros in the place of two blocks.
    let mut damaged = bytes.clone();
    damaged[blocks[5].0..blocks[7].0].fill(0);
    fs::write(&file, &damaged).unwrap();
    let (report, listed) = home.repair();
    assert_eq!(report.damage.as_ref().unwrap().kind, Damage::Nothing);
    assert_listed(&listed, 29..=60);
    assert_eq!(report.other_bytes, 0);
    home.assert_salvaged(&report, 20);
    // Or of all that came at the end.
    let mut damaged = bytes.clone();
    damaged[blocks[12].0..].fill(0);
    fs::write(&file, &damaged).unwrap();
    let (report, listed) = home.repair();
    let damage = report.damage.clone().unwrap();
    assert_eq!((damage.kind, damage.offset), (Damage::Nothing, blocks[12].0 as u64));
    assert_eq!(report.reached, Some(Position::new(57)));
    assert!(listed.is_empty());
    home.assert_salvaged(&report, 48);
    // Or the file ends there.
    fs::write(&file, &bytes[..blocks[12].0]).unwrap();
    let (report, _) = home.repair();
    assert_eq!(report.damage.as_ref().unwrap().kind, Damage::FileCut);
    home.assert_salvaged(&report, 48);
    fs::write(&file, &bytes[..blocks[12].0 + 140]).unwrap();
    let (report, _) = home.repair();
    assert_eq!(report.damage.as_ref().unwrap().kind, Damage::FileCut);
    home.assert_salvaged(&report, 48);
    // Or another block.
    let mut damaged = bytes.clone();
    let length = blocks[4].1.block_bytes();
    damaged.copy_within(blocks[4].0..blocks[4].0 + length, blocks[10].0);
    fs::write(&file, &damaged).unwrap();
    let (report, listed) = home.repair();
    assert_eq!(report.damage.as_ref().unwrap().kind, Damage::Other(Position::new(17)));
    assert_listed(&listed, 45..=60);
    home.assert_salvaged(&report, 40);
}

#[test]
fn damage_in_one_of_several_files_is_named() {
    const TO: u64 = 40_000;
    let home = Home::new(TO, 1_500);
    let files = home.segments();
    assert!(files.len() >= 3, "{files:?}");
    let first_of = |file: &Path| {
        let name = file.file_stem().unwrap().to_str().unwrap();
        name.split_once('-').unwrap().1.parse::<u64>().unwrap()
    };
    let bytes = fs::read(&files[1]).unwrap();
    let salvaged = first_of(&files[1]) - 1;

    fs::remove_file(&files[1]).unwrap();
    let (report, listed) = home.repair();
    let damage = report.damage.clone().unwrap();
    assert_eq!((damage.kind, damage.file), (Damage::FileMissing, files[2].clone()));
    assert_eq!(damage.position, Position::new(salvaged + 1));
    assert_listed(&listed, first_of(&files[2])..=TO);
    home.assert_salvaged(&report, salvaged);

    // The last blocks of a file that is not the last.
    let blocks = blocks_in(&bytes);
    let (start, header) = blocks[blocks.len() - 2];
    let mut damaged = bytes.clone();
    damaged[start..].fill(0);
    fs::write(&files[1], &damaged).unwrap();
    let (report, listed) = home.repair();
    let damage = report.damage.clone().unwrap();
    assert_eq!((damage.kind, damage.file, damage.offset), (Damage::Nothing, files[1].clone(), start as u64));
    assert_listed(&listed, first_of(&files[2])..=TO);
    home.assert_salvaged(&report, header.first.get() - 1);

    // Cut where there is nothing but zeros: a start refuses it, and nothing is lost.
    fs::write(&files[1], &bytes[..bytes.len() - 1]).unwrap();
    let (report, listed) = home.repair();
    assert_eq!(report.damage, None);
    assert!(listed.is_empty());
    home.assert_salvaged(&report, TO);

    // The last one is missing.
    fs::write(&files[1], &bytes).unwrap();
    let last = files.last().unwrap();
    let last_bytes = fs::read(last).unwrap();
    fs::remove_file(last).unwrap();
    let (report, _) = home.repair();
    assert_eq!(report.damage.as_ref().unwrap().kind, Damage::Nothing);
    home.assert_salvaged(&report, first_of(last) - 1);
    // Under another's name.
    let misnamed = last.with_file_name(format!("{:06}-{:020}.blocks", files.len() - 1, first_of(last) + 1));
    fs::write(&misnamed, &last_bytes).unwrap();
    let (report, _) = home.repair();
    assert_eq!(report.damage.as_ref().unwrap().kind, Damage::Nothing);
    home.assert_salvaged(&report, first_of(last) - 1);
}

/// What a crash leaves after the end was never acknowledged.
#[test]
fn what_was_never_finished_is_no_damage() {
    let home = Home::new(40, 4);
    let file = home.segments().remove(0);
    let bytes = fs::read(&file).unwrap();
    let end = home.store().join("END");
    let marked = fs::read(&end).unwrap();
    grow(&home.store(), 52, 4);
    let more = fs::read(&file).unwrap();
    let blocks = blocks_in(&more);
    // The first of three blocks of one write was torn, and the mark is that of before.
    let mut torn = more.clone();
    torn[blocks[10].0 + 200] ^= 1;
    fs::write(&file, &torn).unwrap();
    fs::write(&end, &marked).unwrap();
    let (report, listed) = home.repair();
    assert_eq!((&report.damage, report.reached), (&None, Some(Position::new(37))));
    assert_listed(&listed, 45..=52);
    home.assert_salvaged(&report, 40);
    // Without the mark nobody can tell.
    fs::write(&end, [7; 64]).unwrap();
    let (report, _) = home.repair();
    assert!(report.damage.is_some() && report.reached.is_none());
    home.assert_salvaged(&report, 40);
    fs::remove_file(&end).unwrap();
    fs::write(&file, &bytes).unwrap();
    let (report, _) = home.repair();
    assert_eq!((&report.damage, report.reached), (&None, None));
    home.assert_salvaged(&report, 40);
    // Nor with that of another journal.
    let other = Home::new(20, 3);
    fs::copy(other.store().join("END"), &end).unwrap();
    let (report, _) = home.repair();
    assert_eq!(report.reached, None);
    home.assert_salvaged(&report, 40);
}

#[test]
fn a_store_that_lost_more_than_blocks_is_salvaged() {
    let home = Home::new(40, 4);
    fs::remove_dir_all(home.store().join("sled")).unwrap();
    fs::write(home.store().join("FORMAT"), "quit").unwrap();
    let (report, _) = home.repair();
    assert_eq!(report.damage, None);
    home.assert_salvaged(&report, 40);
    fs::remove_file(home.store().join("FORMAT")).unwrap();
    home.assert_salvaged(&home.repair().0, 40);

    // The list of keys is made again of the keys.
    let keys = Keys::load_or_create(&home.0.path().join("keys")).unwrap();
    let differ = home.try_repair(Some(&keys));
    assert!(matches!(differ, Err(RepairError::KeysDiffer)), "{differ:?}");
    for lost in [Some([9; 64].as_slice()), None] {
        match lost {
            Some(bytes) => fs::write(home.store().join("KEYS"), bytes).unwrap(),
            None => fs::remove_file(home.store().join("KEYS")).unwrap(),
        }
        let needed = home.try_repair(None);
        assert!(matches!(needed, Err(RepairError::KeysNeeded)), "{needed:?}");
        let (report, _) = home.try_repair(Some(&keys)).unwrap();
        assert_eq!(report.end.position, Position::new(40));
        let made = crate::store::Store::open_existing(&home.new_store()).unwrap();
        assert_eq!(made.keys().unwrap(), keys.fingerprints());
        assert_ne!(keys.fingerprints(), KEYS);
        drop(made);
        fs::remove_dir_all(home.new_store()).unwrap();
    }
}

#[test]
fn what_can_not_be_repaired_is_refused() {
    let home = Home::new(40, 4);
    fs::create_dir(home.new_store()).unwrap();
    let there = home.try_repair(None);
    assert!(matches!(there, Err(RepairError::Store(StoreError::Exists(_)))), "{there:?}");
    fs::remove_dir(home.new_store()).unwrap();
    let open = crate::store::Store::open_existing(&home.store()).unwrap();
    let mut list = |_, _: &Record| Ok(());
    let in_use = repair(&home.store(), &home.new_store(), None, &mut list, &mut |_| {});
    assert!(matches!(in_use, Err(RepairError::Store(StoreError::Locked(_)))), "{in_use:?}");
    drop(open);
    fs::write(home.store().join("FORMAT"), "quittance store 5\n").unwrap();
    let newer = home.try_repair(None);
    assert!(matches!(newer, Err(RepairError::Store(StoreError::NewerFormat { .. }))), "{newer:?}");
    let letters = home.0.path().join("letters");
    fs::create_dir(&letters).unwrap();
    fs::write(letters.join("letter.txt"), "dear").unwrap();
    let foreign = repair(&letters, &home.new_store(), None, &mut list, &mut |_| {});
    assert!(matches!(foreign, Err(RepairError::Store(StoreError::NotAStore(_)))), "{foreign:?}");
    assert!(!home.new_store().exists());

    // A list that can't be written ends it, and nothing is made.
    fs::write(home.store().join("FORMAT"), "quittance store 4\n").unwrap();
    let file = home.segments().remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[300] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let mut full = |_, _: &Record| Err(std::io::ErrorKind::StorageFull.into());
    let unlisted = repair(&home.store(), &home.new_store(), None, &mut full, &mut |_| {});
    assert!(matches!(unlisted, Err(RepairError::List(_))), "{unlisted:?}");
    assert!(!home.new_store().exists() && !home.0.path().join("new.unfinished").exists());
}
