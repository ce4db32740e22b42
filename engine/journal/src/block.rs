//! Blocks: a group of records that become durable together.
//!
//! Format 1, all numbers little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `QTB1` |
//! | 8 | position of the first record |
//! | 4 | count of records |
//! | 4 | length of the body |
//! | 32 | hash of the block before; of the first block, zeros |
//! | 32 | hash of this block: keyed by its purpose, over all that stands before it and the body |
//! | … | the body: the records one after another, in postcard's encoding |

use crate::chain::{BlockHash, Tip};
use crate::position::Position;
use crate::record::Record;

/// The most records of a block.
pub const MAX_RECORDS_PER_BLOCK: usize = 2_000;

/// The most bytes of a block: few enough that a store can keep a block whole inside its own log.
pub const MAX_BLOCK_BYTES: usize = 120 * 1_024;

const MAGIC: &[u8; 4] = b"QTB1";
const LINK_BYTES: usize = 4 + 8 + 4 + 4 + 32;
const HEADER_BYTES: usize = LINK_BYTES + 32;

/// The most bytes that one record may take. An event is bounded by the texts in it, far below this.
const MAX_RECORD_BYTES: usize = 2_048;

/// Why bytes are not a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Too short to hold what it says it holds, or longer.
    #[error("the block is {actual} bytes long, not {expected}")]
    Length {
        /// As long as it is.
        actual: usize,
        /// As long as it says.
        expected: usize,
    },
    /// Another format, or no block at all.
    #[error("not a block of format 1: written by a newer version, or damaged")]
    Format,
    /// A bit of it has changed.
    #[error("the block's hash does not match its bytes: it is damaged")]
    Hash,
    /// The records don't read.
    #[error("record {0} of the block can't be read: written by a newer version")]
    Record(u32),
}

/// A block as it is read from a journal, or is about to be written to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The position of its first record.
    pub first: Position,
    /// The hash of the block before.
    pub previous: BlockHash,
    /// Its own hash.
    pub hash: BlockHash,
    /// Its records, at least one.
    pub records: Vec<Record>,
}

impl Block {
    /// The position of its last record.
    #[must_use]
    pub fn last(&self) -> Position {
        Position::new(self.first.get().saturating_add(self.records.len() as u64).saturating_sub(1))
    }

    /// The end of a journal that ends with this block.
    #[must_use]
    pub fn tip(&self) -> Tip {
        Tip { position: self.last(), hash: self.hash }
    }

    /// Its records with their positions.
    pub fn positioned(&self) -> impl DoubleEndedIterator<Item = (Position, &Record)> {
        self.records.iter().enumerate().map(|(index, record)| (self.first.plus(index as u64), record))
    }

    /// Its record at `position`, if it has it.
    #[must_use]
    pub fn record(&self, position: Position) -> Option<&Record> {
        let index = position.get().checked_sub(self.first.get())?;
        self.records.get(usize::try_from(index).ok()?)
    }

    /// Reads a block and checks its hash.
    ///
    /// # Errors
    /// The bytes are no block, or not the block that was written.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockError> {
        let length = |expected| BlockError::Length { actual: bytes.len(), expected };
        let (link, rest) = bytes.split_first_chunk::<LINK_BYTES>().ok_or_else(|| length(HEADER_BYTES))?;
        let (hash, body) = rest.split_first_chunk::<32>().ok_or_else(|| length(HEADER_BYTES))?;
        let (magic, fields) = link.split_first_chunk::<4>().ok_or(BlockError::Format)?;
        if magic != MAGIC {
            return Err(BlockError::Format);
        }
        let (first, fields) = fields.split_first_chunk::<8>().ok_or(BlockError::Format)?;
        let (count, fields) = fields.split_first_chunk::<4>().ok_or(BlockError::Format)?;
        let (body_len, fields) = fields.split_first_chunk::<4>().ok_or(BlockError::Format)?;
        let (previous, _) = fields.split_first_chunk::<32>().ok_or(BlockError::Format)?;
        let expected = HEADER_BYTES + u32::from_le_bytes(*body_len) as usize;
        if bytes.len() != expected {
            return Err(length(expected));
        }
        if hash_of(link, body).as_bytes() != hash {
            return Err(BlockError::Hash);
        }
        let count = u32::from_le_bytes(*count);
        let mut records = Vec::with_capacity((count as usize).min(MAX_RECORDS_PER_BLOCK));
        let mut rest = body;
        for index in 0..count {
            let (record, left) = postcard::take_from_bytes(rest).map_err(|_| BlockError::Record(index))?;
            records.push(record);
            rest = left;
        }
        if !rest.is_empty() || records.is_empty() {
            return Err(BlockError::Record(count));
        }
        Ok(Self {
            first: Position::new(u64::from_le_bytes(*first)),
            previous: BlockHash::from_bytes(*previous),
            hash: BlockHash::from_bytes(*hash),
            records,
        })
    }
}

fn hash_of(link: &[u8], body: &[u8]) -> BlockHash {
    let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 journal block 1");
    hasher.update(link).update(body);
    BlockHash::from_bytes(*hasher.finalize().as_bytes())
}

/// A block that is being gathered, in a buffer that is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct BlockWriter {
    body: Vec<u8>,
    records: Vec<Record>,
    bytes: Vec<u8>,
}

impl BlockWriter {
    pub(crate) fn has_room(&self) -> bool {
        let worst_case = HEADER_BYTES + self.body.len() + MAX_RECORD_BYTES;
        self.records.len() < MAX_RECORDS_PER_BLOCK && worst_case <= MAX_BLOCK_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn push(&mut self, record: Record) -> Result<(), postcard::Error> {
        let before = self.body.len();
        self.body = postcard::to_extend(&record, std::mem::take(&mut self.body))?;
        assert!(self.body.len() - before <= MAX_RECORD_BYTES, "an event is bounded by the texts in it");
        self.records.push(record);
        Ok(())
    }

    /// Ends the block: gives it and its bytes, and starts the next.
    pub(crate) fn finish(&mut self, tip: Tip) -> (Block, &[u8]) {
        let first = tip.position.next();
        self.bytes.clear();
        self.bytes.extend_from_slice(MAGIC);
        self.bytes.extend_from_slice(&first.get().to_le_bytes());
        // Both are bounded by the constants above, far below what 32 bits hold.
        self.bytes.extend_from_slice(&(self.records.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&(self.body.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(tip.hash.as_bytes());
        let hash = hash_of(&self.bytes, &self.body);
        self.bytes.extend_from_slice(hash.as_bytes());
        self.bytes.extend_from_slice(&self.body);
        self.body.clear();
        let records = std::mem::take(&mut self.records);
        (Block { first, previous: tip.hash, hash, records }, &self.bytes)
    }
}

#[cfg(test)]
#[path = "block_tests.rs"]
pub(crate) mod tests;
