//! The proof that a record is in a block, without the block's other records.

use crate::merkle::{NodeHash, Tree, record_leaf};

/// What leads from a record to the root in its block's header: the hashes beside its way up, lowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProof(Vec<NodeHash>);

impl RecordProof {
    /// A proof of these hashes. Nothing says yet that it proves anything.
    #[must_use]
    pub const fn new(path: Vec<NodeHash>) -> Self {
        Self(path)
    }

    /// Its hashes.
    #[must_use]
    pub fn path(&self) -> &[NodeHash] {
        &self.0
    }

    /// Whether a block whose header has this `count` and `root` has, after `index` others, the record of these bytes.
    #[must_use]
    pub fn verify(&self, record: &[u8], index: u32, count: u32, root: NodeHash) -> bool {
        let leaf = record_leaf(record);
        Tree::Records.root_by_path(leaf, u64::from(index), u64::from(count), &self.0) == Some(root)
    }
}
