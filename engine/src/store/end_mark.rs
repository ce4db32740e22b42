//! The end mark: where the journal ended when it was last made durable, kept apart from it.
//!
//! A block that is damaged looks like one that a crash has cut off, and what comes after it like what was never finished. The
//! mark is what contradicts that. It is written after each flush and not synced on the way, so it may be behind the journal
//! after a loss of power, but it is never ahead: a journal that ends before it has lost blocks.
//!
//! The database has a file of the same form, `SYNCED`, of which only the count is of use.
//!
//! Two slots, written in turn, so that one of them is whole whenever the power goes:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | how many times a mark was written, little-endian: the higher slot counts |
//! | 8 | position of the last block's first record, little-endian |
//! | 32 | the last block's hash |
//! | 16 | BLAKE3 hash, cut, of what stands before |

use std::io;
use std::path::Path;

use quittance_journal::{BlockHeader, Position};

use super::disk::File;

const SLOT_BYTES: usize = 64;
/// Far enough apart that no write of one touches the sector of the other.
const SLOT_DISTANCE_BYTES: u64 = 4_096;
/// How often a mark is read that somebody writes meanwhile.
const READ_ATTEMPTS: u32 = 16;

/// The last block of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) first: Position,
    pub(super) block_hash: [u8; 32],
}

/// The file that holds the mark.
#[derive(Debug)]
pub(super) struct EndMark {
    file: File,
    writes: u64,
}

impl Mark {
    /// The mark of a journal that has no block yet.
    pub(super) const NOTHING: Self = Self { first: Position::START, block_hash: [0; 32] };

    /// The mark of a journal whose last block has this header.
    pub(super) fn of(header: &BlockHeader) -> Self {
        Self { first: header.first, block_hash: *header.hash().as_bytes() }
    }
}

impl EndMark {
    /// Makes the file of a new store, which has no block.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let mut end = Self { file, writes: 0 };
        end.write(Mark::NOTHING)?;
        end.sync()?;
        Ok(end)
    }

    /// Opens the file and reads the mark; none where it can't be read.
    pub(super) fn open(path: &Path) -> io::Result<Option<(Self, Mark)>> {
        let file = match File::open_to_write(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(newest(&file)?.map(|(writes, mark)| (Self { file, writes }, mark)))
    }

    /// Reads the mark beside whoever writes it; none where it can't be read.
    pub(super) fn read(path: &Path) -> io::Result<Option<Mark>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Both slots may be written to while they are read, the second after the first.
        for _ in 0..READ_ATTEMPTS {
            if let Some((_, mark)) = newest(&file)? {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    /// How many times a mark was written.
    pub(super) const fn writes(&self) -> u64 {
        self.writes
    }

    /// Writes the mark. The block is durable.
    pub(super) fn write(&mut self, mark: Mark) -> io::Result<()> {
        self.writes = self.writes.saturating_add(1);
        let mut slot = Vec::with_capacity(SLOT_BYTES);
        slot.extend_from_slice(&self.writes.to_le_bytes());
        slot.extend_from_slice(&mark.first.get().to_le_bytes());
        slot.extend_from_slice(&mark.block_hash);
        let check = check_of(&slot);
        slot.extend_from_slice(&check);
        self.file.write_all_at(&slot, offset(self.writes % 2))
    }

    /// Makes the mark durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

const fn offset(slot: u64) -> u64 {
    slot.saturating_mul(SLOT_DISTANCE_BYTES)
}

fn check_of(bytes: &[u8]) -> [u8; 16] {
    let mut check = [0; 16];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut check);
    check
}

fn newest(file: &File) -> io::Result<Option<(u64, Mark)>> {
    let slots = [read_slot(file, 0)?, read_slot(file, 1)?];
    Ok(slots.into_iter().flatten().max_by_key(|(writes, _)| *writes))
}

fn read_slot(file: &File, slot: u64) -> io::Result<Option<(u64, Mark)>> {
    let mut bytes = [0; SLOT_BYTES];
    match file.read_exact_at(&mut bytes, offset(slot)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let (said, check) = bytes.split_at(SLOT_BYTES - 16);
    let parsed = || {
        let (writes, rest) = said.split_first_chunk::<8>()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let (block_hash, _) = rest.split_first_chunk::<32>()?;
        let first = Position::new(u64::from_le_bytes(*first));
        Some((u64::from_le_bytes(*writes), Mark { first, block_hash: *block_hash }))
    };
    Ok(parsed().filter(|_| check_of(said) == check))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_whole_mark_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("END");
        assert!(EndMark::open(&path).unwrap().is_none() && EndMark::read(&path).unwrap().is_none());
        EndMark::create(&path).unwrap();
        let read = || {
            let opened = EndMark::open(&path).unwrap().map(|(_, mark)| mark);
            assert_eq!(EndMark::read(&path).unwrap(), opened);
            opened
        };
        assert_eq!(read(), Some(Mark::NOTHING));
        let (mut end, _) = EndMark::open(&path).unwrap().unwrap();
        let mark = |n: u64| Mark { first: Position::new(n), block_hash: [n as u8; 32] };
        for n in 1..=5 {
            end.write(mark(n)).unwrap();
            assert_eq!(read(), Some(mark(n)));
        }
        // The fifth is the sixth write, in slot 0. One that was torn leaves the fourth; with both torn, there is none.
        let file = File::open_to_write(&path).unwrap();
        file.write_all_at(&[0xFF], offset(0) + 20).unwrap();
        assert_eq!(read(), Some(mark(4)));
        file.write_all_at(&[0xFF], offset(1) + 20).unwrap();
        assert_eq!(read(), None);
        std::fs::write(&path, "").unwrap();
        assert_eq!(read(), None);
    }
}
