//! The tree over all blocks in sled, from which heads of the journal and receipts are proven.
//!
//! | key | value |
//! | --- | --- |
//! | `c`, tier, number of the chunk | up to 256 nodes that stand side by side, 32 bytes each |
//! | `e` | the journal's end as of which the tree is written: position, hash, and the tree's frontier |
//!
//! Numbers are big-endian. `quittance_journal::Chunk` says which nodes are kept.

use quittance_journal::{Chunk, ChunkKey, TreeError, Unwritten};

use super::{StoreError, keyed};

/// The tree that holds it.
#[derive(Clone, Debug)]
pub(crate) struct HeadsTree(keyed::Tree);

impl HeadsTree {
    pub(super) const fn new(tree: keyed::Tree) -> Self {
        Self(tree)
    }

    /// Writes what is new, all of it or nothing.
    pub(crate) fn write(&self, unwritten: &Unwritten) -> Result<(), StoreError> {
        let mut batch = keyed::Batch::default();
        for (key, nodes) in &unwritten.chunks {
            batch.insert(chunk_key(*key), nodes.as_slice());
        }
        batch.insert(b"e", unwritten.end.as_slice());
        Ok(self.0.apply_batch(batch)?)
    }

    /// The end as it was last written; none where nothing was.
    pub(crate) fn end(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(b"e")?.map(|value| value.to_vec()))
    }

    /// A chunk.
    pub(crate) fn chunk(&self, key: ChunkKey) -> Result<Option<Chunk>, StoreError> {
        let Some(value) = self.0.get(chunk_key(key))? else { return Ok(None) };
        let damaged = TreeError::Chunk { tier: key.tier, number: key.number };
        Ok(Some(Chunk::from_bytes(&value).ok_or(damaged)?))
    }
}

fn chunk_key(key: ChunkKey) -> Vec<u8> {
    std::iter::once(b'c').chain(key.to_bytes()).collect()
}
