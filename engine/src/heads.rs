//! The heads: what is signed of the journal's end, and the proofs that go with it.
//!
//! As the history, it takes in every block when it is durable, keeps what is newest in memory until the next checkpoint
//! writes it, and after a crash gathers that again from the journal: replay has to begin at [`Heads::indexed_to`].

use parking_lot::RwLock;
use quittance_journal::{
    Block, BlockTree, Chunk, ChunkKey, ChunkedNodes, ConsistencyProof, Head, LogError, NodeHash, Position,
    TreeError, prove_block, prove_consistency,
};
use quittance_ledger::Timestamp;

use crate::store::{HeadsTree, Store, StoreError};

#[derive(Debug)]
pub(crate) struct Heads {
    newest: RwLock<BlockTree>,
    tree: HeadsTree,
}

impl Heads {
    pub(crate) fn open(store: &Store) -> Result<Self, StoreError> {
        let tree = store.heads();
        let newest = match tree.end()? {
            Some(end) => BlockTree::restore(&end, |key| stored(&tree, key))?,
            None => BlockTree::default(),
        };
        Ok(Self { newest: RwLock::new(newest), tree })
    }

    /// Up to where the tree reaches.
    pub(crate) fn indexed_to(&self) -> Position {
        self.newest.read().tip().position
    }

    /// Takes in a block that is durable. One that it has already is passed over.
    ///
    /// # Errors
    /// The block is of another journal than the tree, or one before it is missing.
    pub(crate) fn append(&self, block: &Block) -> Result<(), StoreError> {
        Ok(self.newest.write().append(block)?)
    }

    /// Writes what is in memory alone to the tree. One at a time.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        // Meanwhile it is read from memory still, until it is known to be in the tree.
        let unwritten = self.newest.read().unwritten();
        self.tree.write(&unwritten)?;
        self.newest.write().written(unwritten.blocks);
        Ok(())
    }

    /// What there is to say of the journal's end at the time `at`, to be signed.
    pub(crate) fn head(&self, at: Timestamp) -> Head {
        self.newest.read().head(at)
    }

    /// Whether what the store has is what a tree has that was made anew from the journal, down to each node that a proof may need.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) fn is_kept(&self, made_anew: &BlockTree) -> Result<bool, StoreError> {
        let all = made_anew.unwritten();
        let mut is_same = self.tree.end()?.is_some_and(|end| end == all.end);
        for (key, nodes) in all.chunks {
            is_same &= self.tree.chunk(key)?.is_some_and(|chunk| chunk.to_bytes() == nodes);
        }
        Ok(is_same)
    }

    /// What leads from the block of this index to the root of a head of so many blocks.
    ///
    /// # Errors
    /// The head does not reach as far, or was never one of this journal; or the store failed.
    pub(crate) fn prove_block(&self, index: u64, blocks: u64) -> Result<Vec<NodeHash>, StoreError> {
        self.check_size(blocks)?;
        Ok(prove_block(&self.nodes(), index, blocks)?)
    }

    /// What shows a head of `old` blocks to be the beginning of one of `new`.
    ///
    /// # Errors
    /// As [`Heads::prove_block`].
    pub(crate) fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, StoreError> {
        self.check_size(new)?;
        Ok(ConsistencyProof::new(old, new, prove_consistency(&self.nodes(), old, new)?))
    }

    fn check_size(&self, blocks: u64) -> Result<(), TreeError> {
        let known = self.newest.read().tip().blocks;
        if blocks <= known { Ok(()) } else { Err(TreeError::OutOfRange { index: blocks, blocks: known }) }
    }

    fn nodes(&self) -> ChunkedNodes<impl Fn(ChunkKey) -> Result<Option<Chunk>, TreeError>> {
        ChunkedNodes::new(|key| {
            let in_memory = self.newest.read().chunk(key).cloned();
            in_memory.map_or_else(|| stored(&self.tree, key), |chunk| Ok(Some(chunk)))
        })
    }
}

fn stored(tree: &HeadsTree, key: ChunkKey) -> Result<Option<Chunk>, TreeError> {
    tree.chunk(key).map_err(|error| match error {
        StoreError::Heads(error) => error,
        other => TreeError::Log(LogError::Store(Box::new(other))),
    })
}

#[cfg(test)]
#[path = "heads_tests.rs"]
mod tests;
