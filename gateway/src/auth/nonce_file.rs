//! The used nonces on disk, so that a process that was killed and started again does not take one twice.
//!
//! What is written here is with the system at once, which keeps it when the process ends, and is never synced: a
//! machine that lost its power takes longer to start than a signature may be ahead of the clock, and what was signed
//! before the start is refused anyway. There are two files, so that none has to be rewritten while it is in use: once
//! all that the older one holds has ended, the newer takes its place.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A nonce's digest, and the second after which its signature is stale by itself.
pub(super) type Entry = (u64, u128);

const END_BYTES: usize = 8;
const ENTRY_BYTES: usize = END_BYTES + 16;

/// The two files. They are one process's at a time, as the store is.
pub(super) struct NonceFile {
    path: PathBuf,
    file: File,
    /// How much of the file is whole entries: one that was cut short is written over.
    length: u64,
    begun_secs: u64,
    lifetime_secs: u64,
}

impl NonceFile {
    /// Opens the file, and reads those entries that end no earlier than `least_end`. None may last longer than
    /// `lifetime_secs`.
    pub(super) fn open(
        path: PathBuf,
        now_secs: u64,
        lifetime_secs: u64,
        least_end: u64,
    ) -> io::Result<(Self, Vec<Entry>)> {
        let mut entries = read(&older(&path))?;
        entries.extend(read(&path)?);
        entries.retain(|(end, _)| *end >= least_end);
        let bytes: Vec<u8> = entries.iter().flat_map(encode).collect();
        let file = File::create(unfinished(&path))?;
        file.write_all_at(&bytes, 0)?;
        fs::rename(unfinished(&path), &path)?;
        ignore_missing(fs::remove_file(older(&path)))?;
        let this = Self { path, file, length: bytes.len() as u64, begun_secs: now_secs, lifetime_secs };
        Ok((this, entries))
    }

    /// Writes one entry.
    pub(super) fn append(&mut self, entry: Entry, now_secs: u64) -> io::Result<()> {
        if now_secs > self.begun_secs.saturating_add(self.lifetime_secs) {
            self.turn_over(now_secs)?;
        }
        self.file.write_all_at(&encode(&entry), self.length)?;
        self.length = self.length.saturating_add(ENTRY_BYTES as u64);
        Ok(())
    }

    fn turn_over(&mut self, now_secs: u64) -> io::Result<()> {
        let file = File::create(unfinished(&self.path))?;
        // It is missing where this was tried before and came no further.
        ignore_missing(fs::rename(&self.path, older(&self.path)))?;
        fs::rename(unfinished(&self.path), &self.path)?;
        (self.file, self.length, self.begun_secs) = (file, 0, now_secs);
        Ok(())
    }
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("old")
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn ignore_missing(outcome: io::Result<()>) -> io::Result<()> {
    outcome.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn encode((end, digest): &Entry) -> Vec<u8> {
    [&end.to_le_bytes()[..], &digest.to_le_bytes()].concat()
}

/// The whole entries of a file; none where there is no file.
fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(bytes.chunks_exact(ENTRY_BYTES).filter_map(decode).collect())
}

fn decode(bytes: &[u8]) -> Option<Entry> {
    let (end, digest) = bytes.split_first_chunk::<END_BYTES>()?;
    Some((u64::from_le_bytes(*end), u128::from_le_bytes(digest.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &tempfile::TempDir, now_secs: u64) -> (NonceFile, Vec<Entry>) {
        NonceFile::open(folder.path().join("nonces"), now_secs, 70, now_secs).unwrap()
    }

    #[test]
    fn what_was_written_is_read_until_it_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, entries) = open(&folder, 1_000);
        assert_eq!(entries, []);
        for entry in [(1_060, 1), (1_070, u128::MAX)] {
            file.append(entry, 1_000).unwrap();
        }
        // What a write left that was cut short.
        file.file.write_all_at(&[7; ENTRY_BYTES - 1], file.length).unwrap();
        let (mut file, entries) = open(&folder, 1_061);
        assert_eq!(entries, [(1_070, u128::MAX)]);
        file.append((1_120, 3), 1_061).unwrap();
        assert_eq!(open(&folder, 1_062).1, [(1_070, u128::MAX), (1_120, 3)]);
    }

    #[test]
    fn the_files_do_not_grow_for_ever_and_lose_nothing_early() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, _) = open(&folder, 0);
        for now in 0..1_000 {
            file.append((now + 70, u128::from(now)), now).unwrap();
            assert!(file.length <= 72 * ENTRY_BYTES as u64);
        }
        let (_, entries) = open(&folder, 999);
        assert_eq!(entries.len(), 71);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_turn_that_failed_is_made_up_for() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, _) = open(&folder, 0);
        fs::remove_file(&file.path).unwrap();
        file.append((200, 1), 100).unwrap();
        assert_eq!(open(&folder, 100).1, [(200, 1)]);
    }
}
