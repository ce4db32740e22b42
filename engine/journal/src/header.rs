//! A block's header: all that the block's hash is over.

use serde::{Deserialize, Serialize};

use crate::block::{BODY_AT, BlockError};
use crate::chain::BlockHash;
use crate::merkle::NodeHash;
use crate::position::Position;

const MAGIC: &[u8; 4] = b"QTB2";

/// How many bytes a header takes.
pub(crate) const HEADER_BYTES: usize = 4 + 8 + 8 + 4 + 4 + 32 + 32;

/// What a block says of itself, before its records. The records are in its hash by the root of the tree over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockHeader {
    /// How many blocks come before it.
    pub index: u64,
    /// The position of its first record.
    pub first: Position,
    /// How many records it has.
    pub count: u32,
    /// How many bytes the records take, with the length in front of each.
    pub body_bytes: u32,
    /// The hash of the block before; of the first block, zeros.
    pub previous: BlockHash,
    /// The root of the tree over its records.
    pub root: NodeHash,
}

impl BlockHeader {
    /// What every block begins with.
    pub const MAGIC: [u8; 4] = *MAGIC;

    /// How many bytes of a block it takes to read its header.
    pub const BYTES: usize = HEADER_BYTES;

    /// How many bytes the whole block takes.
    #[must_use]
    pub const fn block_bytes(&self) -> usize {
        BODY_AT.saturating_add(self.body_bytes as usize)
    }

    /// The position of the block's last record.
    #[must_use]
    pub const fn last(&self) -> Position {
        Position::new(self.first.get().saturating_add(self.count as u64).saturating_sub(1))
    }

    /// The block's hash.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        BlockHash::from_bytes(blake3::derive_key("quittance 2026-11 journal block 2", &self.to_bytes()))
    }

    /// The header as it stands at the beginning of a block.
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let (index, first) = (self.index.to_le_bytes(), self.first.get().to_le_bytes());
        let (count, body_bytes) = (self.count.to_le_bytes(), self.body_bytes.to_le_bytes());
        let fields: [&[u8]; 7] =
            [MAGIC, &index, &first, &count, &body_bytes, self.previous.as_bytes(), self.root.as_bytes()];
        let mut bytes = [0; HEADER_BYTES];
        bytes.iter_mut().zip(fields.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reads the header at the beginning of a block. Nothing says yet that the block is whole.
    ///
    /// # Errors
    /// The bytes do not begin as a block does.
    pub fn read(block: &[u8]) -> Result<Self, BlockError> {
        let header = block
            .first_chunk::<HEADER_BYTES>()
            .ok_or(BlockError::Length { actual: block.len(), expected: HEADER_BYTES })?;
        Self::from_bytes(header).ok_or(BlockError::Format)
    }

    fn from_bytes(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (magic, rest) = header.split_first_chunk::<4>()?;
        let (index, rest) = rest.split_first_chunk::<8>()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (body_bytes, rest) = rest.split_first_chunk::<4>()?;
        let (previous, rest) = rest.split_first_chunk::<32>()?;
        let (root, _) = rest.split_first_chunk::<32>()?;
        (magic == MAGIC).then(|| Self {
            index: u64::from_le_bytes(*index),
            first: Position::new(u64::from_le_bytes(*first)),
            count: u32::from_le_bytes(*count),
            body_bytes: u32::from_le_bytes(*body_bytes),
            previous: BlockHash::from_bytes(*previous),
            root: NodeHash::from_bytes(*root),
        })
    }
}
