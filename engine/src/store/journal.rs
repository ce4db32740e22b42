//! The journal in sled: a block a key, under the big-endian position of its first record.

use std::fs::File;

use quittance_journal::{BlockHeader, Log, LogError, LogReader, Position};

use super::end_mark::{EndMark, Mark};

/// The writing end.
#[derive(Debug)]
pub struct JournalWriter {
    database: sled::Db,
    blocks: sled::Tree,
    database_file: File,
    end: EndMark,
    /// The last block that was appended and not flushed.
    appended: Option<Mark>,
}

impl JournalWriter {
    pub(super) const fn new(
        database: sled::Db,
        blocks: sled::Tree,
        database_file: File,
        end: EndMark,
    ) -> Self {
        Self { database, blocks, database_file, end, appended: None }
    }
}

impl Log for JournalWriter {
    fn append(&mut self, first: Position, block: &[u8]) -> Result<(), LogError> {
        let key = first.get().to_be_bytes();
        match self.blocks.compare_and_swap(key, None::<&[u8]>, Some(block)).map_err(store_error)? {
            Ok(()) => {
                self.appended = Some(Mark::of(first, block));
                Ok(())
            }
            Err(_) => Err(LogError::Fenced(first)),
        }
    }

    fn flush(&mut self) -> Result<(), LogError> {
        self.database.flush().map_err(store_error)?;
        // sled's flush writes the file but asks for neither its metadata nor the disk's own cache.
        self.database_file.sync_data().map_err(store_error)?;
        // Only now: the mark must never be ahead of what is durable.
        self.appended.take().map_or(Ok(()), |mark| self.end.write(mark)).map_err(store_error)
    }
}

/// A reading end.
#[derive(Clone, Debug)]
pub struct JournalReader {
    blocks: sled::Tree,
}

impl JournalReader {
    pub(super) const fn new(blocks: sled::Tree) -> Self {
        Self { blocks }
    }
}

impl JournalReader {
    /// The position of the last record, or where its block begins if that can't be read.
    pub(crate) fn end(&self) -> Result<Position, LogError> {
        let Some((first, block)) = self.blocks.last().map_err(store_error)? else {
            return Ok(Position::START);
        };
        let first =
            first.as_ref().try_into().map_or(Position::START, |key| Position::new(u64::from_be_bytes(key)));
        Ok(quittance_journal::Block::decode(&block).map_or(first, |block| block.last()))
    }
}

impl LogReader for JournalReader {
    fn block_at(&self, position: Position) -> Result<Option<Vec<u8>>, LogError> {
        let key = position.get().to_be_bytes();
        let before = self.blocks.range(..=key).next_back().transpose().map_err(store_error)?;
        // Replay asks for blocks by where they begin, and then nothing needs to be decoded here.
        if let Some((first, block)) = before
            && (first.as_ref() == key || reaches(&block, position))
        {
            return Ok(Some(block.to_vec()));
        }
        let after = self.blocks.range(key..).next().transpose().map_err(store_error)?;
        Ok(after.map(|(_, block)| block.to_vec()))
    }
}

/// Whether the block holds `position` or something after it. One that doesn't read is given out, so that whoever asked
/// sees that it is damaged.
fn reaches(block: &[u8], position: Position) -> bool {
    BlockHeader::read(block).map_or(true, |header| header.last() >= position)
}

fn store_error(error: impl std::error::Error + Send + Sync + 'static) -> LogError {
    LogError::Store(Box::new(error))
}
