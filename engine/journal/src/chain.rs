//! The chain: each block names the hash of the one before, so that no bit of the past can change unseen.

use std::fmt;

use crate::position::Position;

/// The BLAKE3 hash of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BlockHash([u8; 32]);

impl BlockHash {
    /// What the first block names as the one before it.
    pub const GENESIS: Self = Self([0; 32]);

    /// A hash from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockHash({self})")
    }
}

/// The end of a journal: what the next block follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The position of the last record.
    pub position: Position,
    /// The hash of the last block.
    pub hash: BlockHash,
    /// How many blocks there are.
    pub blocks: u64,
}

impl Tip {
    /// The end of a journal that has no block.
    pub const GENESIS: Self = Self { position: Position::START, hash: BlockHash::GENESIS, blocks: 0 };
}
