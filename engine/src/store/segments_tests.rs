//! The segments against a plain list of blocks, whatever happens to them.

use std::fs;

use parking_lot::Mutex;
use proptest::prelude::*;
use quittance_journal::{Committer, Log, LogError, LogReader, ReplayError, Submission, replay};
use quittance_ledger::{AccountId, AccountKind, Event, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::store::check_end;
use crate::store::end_mark::EndMark;
use crate::store::journal::{JournalReader, JournalWriter, Reading};

/// So small that a few blocks fill a segment.
const TINY: SegmentSizes = SegmentSizes { first_bytes: 2_048, max_bytes: 8_192 };
const MAX_RECORDS: usize = 24;

type Blocks = Vec<(Position, Vec<u8>)>;

/// A log that gives the blocks out.
struct Collecting(Arc<Mutex<Blocks>>);

impl Log for Collecting {
    fn append(&mut self, first: Position, block: &[u8]) -> Result<(), LogError> {
        self.0.lock().push((first, block.to_vec()));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

/// A block of so many records for each number, the first of which follows `tip`. `seed` tells one journal from another.
fn make_blocks(mut tip: Tip, seed: u8, counts: &[usize]) -> (Blocks, Tip) {
    let made = Arc::new(Mutex::new(Vec::new()));
    for count in counts {
        let (committer, queue) = Committer::<_, ()>::new(Collecting(Arc::clone(&made)), tip, *count);
        for n in 0..*count {
            let account = AccountId::from_bytes([seed; 16]).unwrap();
            let name = format!("somebody {n}").parse().unwrap();
            let event = Event::AccountOpened { account, name, kind: AccountKind::Person };
            queue.submit(Submission::Record { at: Timestamp::from_secs(9), event, done: None });
        }
        drop(queue);
        tip = committer.run(|_| {}).unwrap();
    }
    let made = made.lock().clone();
    (made, tip)
}

/// A journal in a folder of its own, its end mark, and what must be in it.
struct Home {
    folder: TempDir,
    blocks: Blocks,
    tip: Tip,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        EndMark::create(&folder.path().join("END")).unwrap();
        fs::create_dir(folder.path().join("journal")).unwrap();
        Self { folder, blocks: Vec::new(), tip: Tip::GENESIS }
    }

    /// With so many blocks of a record, each flushed.
    fn with_blocks(count: usize) -> Self {
        let mut home = Self::new();
        let mut writer = home.writer(&home.open().unwrap());
        (0..count).for_each(|_| home.commit(&mut writer, &[1]));
        home
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn end(&self) -> PathBuf {
        self.folder.path().join("END")
    }

    /// As a start does.
    fn open(&self) -> Result<Arc<Segments>, StoreError> {
        let segments = Arc::new(Segments::open(&self.journal(), TINY, Access::Write)?);
        let marked = check_end(&self.end(), &segments)?;
        segments.sync(marked.position).unwrap();
        Ok(segments)
    }

    fn writer(&self, segments: &Arc<Segments>) -> JournalWriter {
        let (end, _) = EndMark::open(&self.end()).unwrap().unwrap();
        JournalWriter::new(Arc::clone(segments), end).unwrap()
    }

    /// Appends such blocks and flushes them.
    fn commit(&mut self, writer: &mut JournalWriter, counts: &[usize]) {
        let (made, tip) = make_blocks(self.tip, 1, counts);
        made.iter().for_each(|(first, block)| writer.append(*first, block).unwrap());
        writer.flush().unwrap();
        self.blocks.extend(made);
        self.tip = tip;
    }

    /// The block that has a position.
    fn block_of(&self, position: Position) -> Option<&Vec<u8>> {
        let index = self.blocks.partition_point(|(first, _)| *first <= position);
        self.blocks
            .get(index.checked_sub(1)?)
            .map(|(_, block)| block)
            .filter(|_| position <= self.tip.position)
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.journal()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.filter(|path| !path.ends_with(NEXT)).collect();
        files.sort();
        files
    }
}

/// All blocks, as a start reads them that has no checkpoint.
fn read_all(segments: &Arc<Segments>) -> Result<Blocks, ReplayError> {
    let (mut blocks, reader) = (Vec::new(), JournalReader::new(Arc::clone(segments)));
    let tip = replay(&reader.clone(), Position::START, |block| {
        blocks.push((block.first, reader.block_at(block.first)?.unwrap()));
        Ok::<_, ReplayError>(())
    })?;
    assert_eq!(tip, segments.tip());
    Ok(blocks)
}

#[derive(Clone, Debug)]
enum Step {
    /// Blocks of so many records, in one flush.
    Commit(Vec<usize>),
    /// Blocks that are written and not flushed when the power goes: this many bytes of them stay.
    LosePower(Vec<usize>, usize),
    Reopen,
    /// A read out of order, of a part of what there is in thousandths.
    Read(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let counts = || prop::collection::vec(1..MAX_RECORDS, 1..6);
    prop_oneof![
        4 => counts().prop_map(Step::Commit),
        1 => (counts(), 0_usize..3_000).prop_map(|(counts, bytes)| Step::LosePower(counts, bytes)),
        1 => Just(Step::Reopen),
        3 => (0_u64..1_000).prop_map(Step::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_journal_is_what_was_flushed(steps in prop::collection::vec(step(), 1..32)) {
        let mut home = Home::new();
        let mut segments = home.open().unwrap();
        let mut writer = home.writer(&segments);
        let mut beside = JournalReader::new(Arc::clone(&segments));
        let mut followed = Position::START.next();
        for step in steps {
            match step {
                Step::Commit(counts) => home.commit(&mut writer, &counts),
                Step::Read(thousandths) => {
                    let position = Position::new(1 + home.tip.position.get() * thousandths / 1_000);
                    prop_assert_eq!(beside.block_at(position).unwrap(), home.block_of(position).cloned());
                    continue;
                }
                Step::Reopen | Step::LosePower(..) => {
                    drop(writer);
                    if let Step::LosePower(counts, bytes) = step
                        && let Some(writing) = segments.write().unwrap()
                    {
                        let torn: Vec<u8> =
                            make_blocks(home.tip, 2, &counts).0.into_iter().flat_map(|(_, block)| block).collect();
                        let kept = bytes.min(torn.len()).min((writing.bytes - writing.offset) as usize);
                        writing.file.write_all_at(&torn[..kept], writing.offset).unwrap();
                    }
                    segments = home.open().unwrap();
                    let found = read_all(&segments).unwrap();
                    // Of what was not acknowledged, the first blocks may be there, whole.
                    prop_assert_eq!(&found[..home.blocks.len()], home.blocks.as_slice());
                    (home.blocks, home.tip) = (found, segments.tip());
                    writer = home.writer(&segments);
                    beside = JournalReader::new(Arc::clone(&segments));
                }
            }
            // The reader goes on where it was, and sees all that was flushed and nothing else.
            while let Some(block) = beside.block_at(followed).unwrap() {
                prop_assert_eq!(Some(&block), home.block_of(followed));
                followed = BlockHeader::read(&block).unwrap().last().next();
            }
            prop_assert_eq!(followed, home.tip.position.next());
        }
        drop(writer);
        let segments = home.open().unwrap();
        prop_assert_eq!(segments.tip(), home.tip);
        prop_assert_eq!(&read_all(&segments).unwrap(), &home.blocks);
        // Every position leads to its block, also from the last to the first.
        let reader = JournalReader::new(segments);
        for position in (1..=home.tip.position.get() + 1).rev().map(Position::new) {
            prop_assert_eq!(reader.block_at(position).unwrap(), home.block_of(position).cloned());
        }
    }
}

#[test]
fn readers_beside_the_writer_see_what_is_durable() {
    const FLUSHES: usize = 400;
    let mut home = Home::new();
    let segments = home.open().unwrap();
    let follow = || {
        let segments = Arc::clone(&segments);
        thread::spawn(move || {
            let (reader, mut seen) = (JournalReader::new(Arc::clone(&segments)), Blocks::new());
            let mut next = Position::START.next();
            while seen.len() < FLUSHES {
                let known = segments.tip().position;
                let Some(block) = reader.block_at(next).unwrap() else {
                    assert!(known < next, "what is durable is seen");
                    thread::yield_now();
                    continue;
                };
                let view = BlockView::read(&block).unwrap();
                assert!(view.header().first == next && view.header().last() <= segments.tip().position);
                next = view.header().last().next();
                // And somewhere before.
                let position = Position::new(1 + (next.get() * 7_919) % (next.get() - 1));
                let block_before = reader.block_at(position).unwrap().unwrap();
                let before = *BlockView::read(&block_before).unwrap().header();
                assert!(before.first <= position && position <= before.last());
                seen.push((view.header().first, block));
            }
            seen
        })
    };
    let readers = [follow(), follow()];
    let mut writer = home.writer(&segments);
    (0..FLUSHES).for_each(|n| home.commit(&mut writer, &[1 + n % MAX_RECORDS]));
    for reader in readers {
        assert!(reader.join().unwrap() == home.blocks);
    }
}

/// What a reader knew of a segment may be old by the time it comes to its end.
#[test]
fn a_reader_at_the_end_of_a_segment_passes_over_nothing() {
    let mut home = Home::new();
    let segments = home.open().unwrap();
    let mut writer = home.writer(&segments);
    home.commit(&mut writer, &[1]);
    let next = home.tip.position.next();
    let reader = JournalReader::new(Arc::clone(&segments));
    let mut reading = Reading::of(segments.part_of(next).unwrap().unwrap()).unwrap();
    while home.files().len() < 2 {
        home.commit(&mut writer, &[1]);
    }
    assert_eq!(reader.read_on(&mut reading, next).unwrap().as_ref(), home.block_of(next));
}

#[test]
fn a_segment_that_is_missing_or_was_cut_is_found() {
    let home = Home::with_blocks(200);
    let files = home.files();
    assert!(files.len() > 5, "{files:?}");
    for path in &files {
        let bytes = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        let (missing, is_last) = (home.open(), Some(path) == files.last());
        let is_found = match &missing {
            Err(StoreError::SegmentMissing { before }) => files.contains(before) && before > path,
            Err(StoreError::BlocksLost(_)) => is_last,
            _ => false,
        };
        assert!(is_found, "{path:?}: {missing:?}");
        for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            fs::write(path, &bytes[..length]).unwrap();
            let cut = home.open();
            assert!(matches!(&cut, Err(StoreError::SegmentDamaged(found)) if found == path), "{cut:?}");
        }
        fs::write(path, &bytes).unwrap();
        // Nor is one taken for another.
        let twice = home.journal().join(format!("000001-{:020}{SUFFIX}", 2));
        fs::copy(path, &twice).unwrap();
        assert!(matches!(home.open(), Err(StoreError::SegmentDamaged(_))));
        fs::remove_file(twice).unwrap();
    }
    // What is not named as a segment is let alone.
    for name in ["letter.txt", "1-1.blocks", "00000000000000000001.blocks"] {
        fs::write(home.journal().join(name), "dear").unwrap();
    }
    assert_eq!(read_all(&home.open().unwrap()).unwrap(), home.blocks);
}

#[test]
fn no_more_is_read_than_is_likely_to_be_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks");
    let (blocks, _) = make_blocks(Tip::GENESIS, 1, &[20; 2_000]);
    let (mut bytes, mut offsets) = (Vec::new(), Vec::new());
    for (_, block) in &blocks {
        offsets.push(bytes.len() as u64);
        bytes.extend_from_slice(block);
    }
    fs::write(&path, &bytes).unwrap();
    let (file, readable) = (File::open(&path).unwrap(), bytes.len() as u64);
    assert!(bytes.len() > 3 * MAX_WINDOW_BYTES);
    let mut window = Window::default();
    for index in (0..blocks.len()).map(|n| n * 7_919 % blocks.len()) {
        assert_eq!(window.block(&file, offsets[index], readable).unwrap().unwrap(), blocks[index].1);
        assert!(window.bytes.len() <= MIN_WINDOW_BYTES);
    }
    // Whoever reads on gets more at a time.
    let mut reads = 0;
    let mut before = u64::MAX;
    let mut window = Window::default();
    for (offset, (_, block)) in offsets.iter().zip(&blocks) {
        assert_eq!(window.block(&file, *offset, readable).unwrap().unwrap(), block);
        reads += usize::from(window.at != std::mem::replace(&mut before, window.at));
    }
    assert!(reads <= 8 + bytes.len().div_ceil(MAX_WINDOW_BYTES / 2), "{reads}");
}
