//! Blocks: a group of records that become durable together.
//!
//! Format 2, all numbers little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `QTB2` |
//! | 8 | how many blocks come before |
//! | 8 | position of the first record |
//! | 4 | count of records |
//! | 4 | length of the body |
//! | 32 | hash of the block before; of the first block, zeros |
//! | 32 | root of the tree over the records: the leaves are the records' bytes |
//! | 32 | hash of this block: of all that stands before it |
//! | … | the body: the records one after another, the length (2) before each, which is no part of the record's bytes |

use crate::chain::{BlockHash, Tip};
use crate::header::{BlockHeader, HEADER_BYTES};
use crate::inclusion::RecordProof;
use crate::merkle::{NodeHash, Tree, record_leaf};
use crate::position::Position;
use crate::record::{Record, RecordError};
use crate::transfer_layout::MAX_TRANSFER_BYTES;

/// The most records of a block.
pub const MAX_RECORDS_PER_BLOCK: usize = 2_000;

/// The most bytes of a block: few enough that a store can keep a block whole inside its own log.
pub const MAX_BLOCK_BYTES: usize = 120 * 1_024;

pub(crate) const BODY_AT: usize = HEADER_BYTES + 32;
const LENGTH_BYTES: usize = 2;

/// The most bytes that one record may take. A transfer has a most, and any other event is bounded by the texts in it.
const MAX_RECORD_BYTES: usize = 6 * 1_024;
const _: () = assert!(MAX_TRANSFER_BYTES <= MAX_RECORD_BYTES && MAX_RECORD_BYTES <= u16::MAX as usize);

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
    #[error("not a block of format 2: written by another version, or damaged")]
    Format,
    /// A bit of it has changed.
    #[error("the block's hash does not match its bytes: it is damaged")]
    Hash,
    /// A record does not read, although no bit of it has changed.
    #[error("record {index} of the block can't be read: {error}")]
    Record {
        /// Which, counted from 0.
        index: u32,
        /// What is wrong with it.
        #[source]
        error: RecordError,
    },
}

/// A block as it is read from a journal, or is about to be written to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// How many blocks come before it.
    pub index: u64,
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
        Tip { position: self.last(), hash: self.hash, blocks: self.index.saturating_add(1) }
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
        let view = BlockView::read(bytes)?;
        let record = |(index, bytes): (u32, &&[u8])| {
            Record::decode(bytes).map_err(|error| BlockError::Record { index, error })
        };
        Ok(Self {
            index: view.header.index,
            first: view.header.first,
            previous: view.header.previous,
            hash: view.hash,
            records: (0..).zip(&view.records).map(record).collect::<Result<_, _>>()?,
        })
    }
}

/// The bytes of a block, whose hash was checked: what its records are proven from.
#[derive(Clone, Debug)]
pub struct BlockView<'a> {
    header: BlockHeader,
    hash: BlockHash,
    records: Vec<&'a [u8]>,
    leaves: Vec<NodeHash>,
}

impl<'a> BlockView<'a> {
    /// Looks at a block's bytes and checks them against its hash.
    ///
    /// # Errors
    /// The bytes are no block, or not the block that was written.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BlockError> {
        let header = BlockHeader::read(bytes)?;
        let expected = header.block_bytes();
        let length = BlockError::Length { actual: bytes.len(), expected };
        let (written, body) =
            bytes.get(HEADER_BYTES..).and_then(<[u8]>::split_first_chunk::<32>).ok_or(length)?;
        if bytes.len() != expected {
            return Err(BlockError::Length { actual: bytes.len(), expected });
        }
        let hash = header.hash();
        if hash.as_bytes() != written {
            return Err(BlockError::Hash);
        }
        let records = slices(body, header.count).ok_or(BlockError::Hash)?;
        let leaves: Vec<_> = records.iter().map(|record| record_leaf(record)).collect();
        if Tree::Records.root(leaves.clone()) != header.root {
            return Err(BlockError::Hash);
        }
        Ok(Self { header, hash, records, leaves })
    }

    /// Looks at the block that stands at the beginning of these bytes, and gives what comes after it.
    ///
    /// # Errors
    /// There is no block, or not the one that was written.
    pub fn split_first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BlockError> {
        let expected = BlockHeader::read(bytes)?.block_bytes();
        let length = BlockError::Length { actual: bytes.len(), expected };
        let (block, rest) = bytes.split_at_checked(expected).ok_or(length)?;
        Ok((Self::read(block)?, rest))
    }

    /// What it says of itself.
    #[must_use]
    pub const fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> BlockHash {
        self.hash
    }

    /// The bytes of its record at `position`, if it has it.
    #[must_use]
    pub fn record(&self, position: Position) -> Option<&'a [u8]> {
        self.records.get(self.place(position)?).copied()
    }

    /// What proves that its record at `position` is in it, if it has it.
    #[must_use]
    pub fn inclusion(&self, position: Position) -> Option<RecordProof> {
        Tree::Records.path(&self.leaves, self.place(position)?).map(RecordProof::new)
    }

    /// The end of a journal that ended at `before` and goes on with this block; none where another belongs there.
    #[must_use]
    pub fn follows(&self, before: Tip) -> Option<Tip> {
        let BlockHeader { first, previous, index, .. } = self.header;
        let is_next = first == before.position.next() && previous == before.hash && index == before.blocks;
        is_next.then(|| self.tip())
    }

    /// The end of a journal that ends with this block.
    #[must_use]
    pub const fn tip(&self) -> Tip {
        let BlockHeader { index, .. } = self.header;
        Tip { position: self.header.last(), hash: self.hash, blocks: index.saturating_add(1) }
    }

    /// The bytes of a block that has this one's records up to `last` and no others: another block, with a hash of its own. None
    /// where this one has no record at `last`.
    #[must_use]
    pub fn cut_after(&self, last: Position) -> Option<Vec<u8>> {
        let count = self.place(last)?.checked_add(1)?;
        let (records, leaves) = (self.records.get(..count)?, self.leaves.get(..count)?);
        let body: Vec<u8> = records
            .iter()
            .flat_map(|record| (record.len() as u16).to_le_bytes().into_iter().chain(record.iter().copied()))
            .collect();
        // Both are no more than what this block has.
        let (count, body_bytes) = (count as u32, body.len() as u32);
        let header =
            BlockHeader { count, body_bytes, root: Tree::Records.root(leaves.to_vec()), ..self.header };
        let hash = header.hash();
        Some([header.to_bytes().as_slice(), hash.as_bytes(), &body].concat())
    }

    fn place(&self, position: Position) -> Option<usize> {
        usize::try_from(position.get().checked_sub(self.header.first.get())?).ok()
    }
}

/// The records' bytes; none where they are not so many, or do not fill the body.
fn slices(body: &[u8], count: u32) -> Option<Vec<&[u8]>> {
    let mut records = Vec::with_capacity((count as usize).min(MAX_RECORDS_PER_BLOCK));
    let mut rest = body;
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH_BYTES>() {
        let (record, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        records.push(record);
        rest = after;
    }
    (rest.is_empty() && !records.is_empty() && records.len() == count as usize).then_some(records)
}

/// A block that is being gathered, in a buffer that is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct BlockWriter {
    /// The block's bytes; its header is filled in at its end.
    bytes: Vec<u8>,
    records: Vec<Record>,
    leaves: Vec<NodeHash>,
}

impl BlockWriter {
    pub(crate) fn has_room(&self) -> bool {
        // The bytes of the block before are there until the next begins.
        let worst_case = self.bytes.len() + LENGTH_BYTES + MAX_RECORD_BYTES;
        self.is_empty() || (self.records.len() < MAX_RECORDS_PER_BLOCK && worst_case <= MAX_BLOCK_BYTES)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn push(&mut self, record: Record) -> Result<(), RecordError> {
        assert!(self.has_room(), "a block is ended when it is full");
        if self.records.is_empty() {
            self.bytes.resize(BODY_AT, 0);
        }
        // Encoded where it stays: its length is filled in when it is known.
        let length_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        record.encode_to(&mut self.bytes)?;
        let written = self.bytes.get_mut(length_at..).and_then(<[u8]>::split_first_chunk_mut);
        let Some((length, encoded)) = written else { unreachable!("encoding only adds to the bytes") };
        assert!(encoded.len() <= MAX_RECORD_BYTES, "an event is bounded by the texts in it");
        *length = (encoded.len() as u16).to_le_bytes();
        self.leaves.push(record_leaf(encoded));
        self.records.push(record);
        Ok(())
    }

    /// Ends the block: gives it and its bytes, and starts the next with the record that is pushed next.
    pub(crate) fn finish(&mut self, tip: Tip) -> (Block, &[u8]) {
        assert!(!self.is_empty(), "a block has at least one record");
        let header = BlockHeader {
            index: tip.blocks,
            first: tip.position.next(),
            // Both are bounded by the constants above, far below what 32 bits hold.
            count: self.records.len() as u32,
            body_bytes: self.bytes.len().saturating_sub(BODY_AT) as u32,
            previous: tip.hash,
            root: Tree::Records.root(std::mem::take(&mut self.leaves)),
        };
        let hash = header.hash();
        let head = header.to_bytes().into_iter().chain(*hash.as_bytes());
        self.bytes.iter_mut().zip(head).for_each(|(to, from)| *to = from);
        let records = std::mem::take(&mut self.records);
        let block =
            Block { index: header.index, first: header.first, previous: header.previous, hash, records };
        (block, &self.bytes)
    }
}

#[cfg(test)]
#[path = "block_tests.rs"]
pub(crate) mod tests;
