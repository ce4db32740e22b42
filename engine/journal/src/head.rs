//! Heads: where the journal ends at a time, in so few bytes that they can be signed and given to anybody; and the proof
//! that one head's journal is the beginning of another's.
//!
//! This crate holds no key. Whoever has one signs what [`SignedHead::sign`] gives out, and says of a signature whether it
//! is by the server's key for heads and for nothing else.

use quittance_ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::chain::BlockHash;
use crate::document::{Format, hex};
use crate::merkle::{NodeHash, Tree};
use crate::position::Position;

/// What a server says of its journal's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The position of the last record.
    pub position: Position,
    /// How many blocks there are.
    pub blocks: u64,
    /// The hash of the last block.
    pub last: BlockHash,
    /// The root of the tree of blocks.
    pub root: NodeHash,
    /// When it was said, in milliseconds since 1970.
    #[serde(rename = "at_ms")]
    pub at: Timestamp,
}

/// Why a head is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The signature is not one of the server's, or of another head.
    #[error("the head's signature does not fit: {0}")]
    Signature(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A server of ours can't have said this.
    #[error("no journal has {blocks} blocks and ends at position {position}")]
    Impossible {
        /// So many blocks it says.
        blocks: u64,
        /// And so many records.
        position: Position,
    },
}

/// A head with a server's signature: a document on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    format: Format,
    /// Which server's it is, by its public origin as the server writes it.
    pub origin: String,
    /// What is said.
    pub head: Head,
    /// The id of the key that signed it.
    #[serde(with = "hex")]
    pub key: [u8; 4],
    /// The signature.
    #[serde(with = "hex")]
    pub signature: [u8; 64],
}

impl Head {
    /// What is signed: the origin, a zero byte, and the fields in their order, 8 bytes a number, big-endian. Whoever signs
    /// puts before it what the signature is for.
    #[must_use]
    pub fn message(&self, origin: &str) -> Vec<u8> {
        // An origin holds no zero byte; and what follows has a fixed length, so that it can't be read in two ways.
        [
            origin.as_bytes(),
            &[0],
            &self.position.get().to_be_bytes(),
            &self.blocks.to_be_bytes(),
            self.last.as_bytes(),
            self.root.as_bytes(),
            &self.at.as_millis().to_be_bytes(),
        ]
        .concat()
    }

    /// Every block has a record at least.
    fn is_possible(&self) -> bool {
        let is_empty = self.blocks == 0;
        self.blocks <= self.position.get() && is_empty == (self.position == Position::START)
    }
}

impl SignedHead {
    /// A head of the server at `origin`, signed by `sign`, which says by which key.
    #[must_use]
    pub fn sign(head: Head, origin: &str, sign: impl FnOnce(&[u8]) -> ([u8; 4], [u8; 64])) -> Self {
        let (key, signature) = sign(&head.message(origin));
        Self { format: Format, origin: origin.to_owned(), head, key, signature }
    }

    /// Checks the signature: `verify_signature` is asked whether the key of this id, which must be one of the server's at
    /// this origin, made this signature of this message. Whether the server is the one that is meant, the caller has to
    /// see from [`SignedHead::origin`].
    ///
    /// # Errors
    /// It did not, or the head says what can't be.
    pub fn verify<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        verify_signature: impl FnOnce([u8; 4], &[u8], &[u8; 64]) -> Result<(), E>,
    ) -> Result<Head, HeadError> {
        verify_signature(self.key, &self.head.message(&self.origin), &self.signature)
            .map_err(|error| HeadError::Signature(error.into()))?;
        if self.head.is_possible() {
            Ok(self.head)
        } else {
            Err(HeadError::Impossible { blocks: self.head.blocks, position: self.head.position })
        }
    }
}

/// Why two heads are not shown to be of one history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsistencyError {
    /// It is the proof for two others.
    #[error(
        "the proof leads from {old} blocks to {new}, which are not those of the heads: ask for the right one"
    )]
    OtherHeads {
        /// So many blocks the older one has.
        old: u64,
        /// And the newer.
        new: u64,
    },
    /// The newer head was said before the older, or has fewer records.
    #[error("the head with more blocks is older, or has fewer records: the server has taken something back")]
    WentBack,
    /// It leads to other roots.
    #[error("the heads are not of one history, or the proof is damaged: the past may have been rewritten")]
    Differs,
}

/// What proves that the journal of one head is the beginning of another's: a document on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    format: Format,
    old_blocks: u64,
    new_blocks: u64,
    path: Vec<NodeHash>,
}

impl ConsistencyProof {
    /// A proof for heads of so many blocks, of what [`crate::prove_consistency`] gave.
    #[must_use]
    pub const fn new(old_blocks: u64, new_blocks: u64, path: Vec<NodeHash>) -> Self {
        Self { format: Format, old_blocks, new_blocks, path }
    }

    /// Checks that nothing of what `old` says was taken back or changed by when `new` was said. Both must be verified
    /// themselves.
    ///
    /// # Errors
    /// Something was, or it is not shown.
    pub fn verify(&self, old: &Head, new: &Head) -> Result<(), ConsistencyError> {
        if (old.blocks, new.blocks) != (self.old_blocks, self.new_blocks) || old.blocks > new.blocks {
            return Err(ConsistencyError::OtherHeads { old: self.old_blocks, new: self.new_blocks });
        }
        if old.blocks == new.blocks {
            let is_same = (old.position, old.last, old.root) == (new.position, new.last, new.root);
            return if is_same && self.path.is_empty() { Ok(()) } else { Err(ConsistencyError::Differs) };
        }
        if old.at > new.at || old.position >= new.position {
            return Err(ConsistencyError::WentBack);
        }
        let is_beginning = if old.blocks == 0 {
            self.path.is_empty() && old.root == Tree::Blocks.empty()
        } else {
            let roots = Tree::Blocks.roots_by_path(old.root, old.blocks, new.blocks, &self.path);
            roots == Some((old.root, new.root))
        };
        if is_beginning { Ok(()) } else { Err(ConsistencyError::Differs) }
    }
}
