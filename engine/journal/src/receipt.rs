//! Receipts: what proves to anybody who knows a server's public keys that a record is in its journal.
//!
//! A receipt leads from the record's bytes to the root in its block's header, from there to the block's hash, from that to
//! the root of the tree of blocks, and that is in a head which the server signed. It needs nothing but itself and the keys.
//! It shows no other record, but the hashes of some: whoever can guess a neighbour bit by bit, with the ids in it, can see
//! that the guess is right.

use serde::{Deserialize, Serialize};

use crate::block::BlockView;
use crate::document::{Format, base64url};
use crate::head::{Head, HeadError, SignedHead};
use crate::header::BlockHeader;
use crate::inclusion::RecordProof;
use crate::merkle::{NodeHash, Tree};
use crate::position::Position;
use crate::record::{Record, RecordError};

/// A receipt as it is given out: a document on its own. Nothing in it is to be believed before [`Receipt::verify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    format: Format,
    record: RecordInBlock,
    block: BlockInHead,
    head: SignedHead,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordInBlock {
    position: Position,
    #[serde(with = "base64url")]
    bytes: Vec<u8>,
    path: Vec<NodeHash>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockInHead {
    header: BlockHeader,
    path: Vec<NodeHash>,
}

/// What a receipt has proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The record, with the instant it was decided at.
    pub record: Record,
    /// Where in the journal it is.
    pub position: Position,
    /// The head under which it is.
    pub head: Head,
    /// The server whose journal it is. That it is the one that is meant, the reader has to see.
    pub origin: String,
}

/// Why a receipt proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The head is not to be believed.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The head was made before the block, or by a journal in which the block is not at this place.
    #[error(
        "the block does not fit into the journal that the head is of: ask for a receipt under a newer head"
    )]
    BlockBeyondHead,
    /// The block's path does not lead to the head's root.
    #[error("the block is not shown to be under the head: the receipt is forged or damaged")]
    BlockNotUnderHead,
    /// The block does not have the record's position.
    #[error("the block does not reach over position {0}: the receipt is forged or damaged")]
    RecordBeyondBlock(Position),
    /// The record's path does not lead to the block's root.
    #[error("the record is not shown to be in the block: the receipt is forged or damaged")]
    RecordNotInBlock,
    /// The record is in the journal, but can't be read here.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Receipt {
    /// A receipt for the record at `position`, which is in `block`, which `block_path` (what [`crate::prove_block`] gave)
    /// leads to the root of `head`. None where the block has no such record.
    #[must_use]
    pub fn new(
        block: &BlockView<'_>,
        position: Position,
        block_path: Vec<NodeHash>,
        head: SignedHead,
    ) -> Option<Self> {
        let bytes = block.record(position)?.to_vec();
        let path = block.inclusion(position)?.path().to_vec();
        Some(Self {
            format: Format,
            record: RecordInBlock { position, bytes, path },
            block: BlockInHead { header: *block.header(), path: block_path },
            head,
        })
    }

    /// The head that it rests on.
    #[must_use]
    pub const fn head(&self) -> &SignedHead {
        &self.head
    }

    /// Checks every step from the record to the signature, as [`SignedHead::verify`] does the last.
    ///
    /// # Errors
    /// The first step that does not hold.
    pub fn verify<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        verify_signature: impl FnOnce([u8; 4], &[u8], &[u8; 64]) -> Result<(), E>,
    ) -> Result<Proven, ReceiptError> {
        let head = self.head.verify(verify_signature)?;
        self.block.verify(&head)?;
        let record = self.record.verify(&self.block.header)?;
        Ok(Proven { record, position: self.record.position, head, origin: self.head.origin.clone() })
    }
}

impl BlockInHead {
    fn verify(&self, head: &Head) -> Result<(), ReceiptError> {
        let (header, hash) = (&self.header, self.header.hash());
        let fits = if header.index.checked_add(1) == Some(head.blocks) {
            hash == head.last && header.last() == head.position
        } else {
            header.index < head.blocks && header.last() < head.position
        };
        if !fits {
            return Err(ReceiptError::BlockBeyondHead);
        }
        let root = Tree::Blocks.root_by_path(hash.into(), header.index, head.blocks, &self.path);
        if root == Some(head.root) { Ok(()) } else { Err(ReceiptError::BlockNotUnderHead) }
    }
}

impl RecordInBlock {
    fn verify(&self, block: &BlockHeader) -> Result<Record, ReceiptError> {
        let index = self.position.get().checked_sub(block.first.get());
        let index = index.and_then(|index| u32::try_from(index).ok()).filter(|index| *index < block.count);
        let index = index.ok_or(ReceiptError::RecordBeyondBlock(self.position))?;
        let proof = RecordProof::new(self.path.clone());
        if !proof.verify(&self.bytes, index, block.count, block.root) {
            return Err(ReceiptError::RecordNotInBlock);
        }
        Ok(Record::decode(&self.bytes)?)
    }
}

#[cfg(test)]
#[path = "receipt_tests.rs"]
mod tests;
