//! The tree over all blocks, as whoever keeps it has it in memory: what it needs to grow, and the chunks that are not in
//! the store yet.

use std::cell::RefCell;
use std::collections::BTreeMap;

use quittance_ledger::Timestamp;

use crate::block::Block;
use crate::chain::{BlockHash, Tip};
use crate::chunk::{Chunk, ChunkKey, NODES_PER_CHUNK};
use crate::frontier::Frontier;
use crate::head::Head;
use crate::merkle::NodeHash;
use crate::position::Position;
use crate::tree_proof::{TreeError, TreeNodes};

/// The tree's newest part. The older is in a store, in [`Chunk`]s.
#[derive(Clone, Debug)]
pub struct BlockTree {
    tip: Tip,
    frontier: Frontier,
    /// The chunk of each tier that is not full, and those that are full and not in the store yet.
    chunks: BTreeMap<ChunkKey, Chunk>,
    /// Up to how many blocks the store has the tree.
    kept: u64,
}

impl Default for BlockTree {
    fn default() -> Self {
        Self { tip: Tip::GENESIS, frontier: Frontier::default(), chunks: BTreeMap::new(), kept: 0 }
    }
}

/// What [`BlockTree::unwritten`] gives to a store, to be written together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// How many blocks the store will have the tree of.
    pub blocks: u64,
    /// The tree's end, under a key of its own.
    pub end: Vec<u8>,
    /// Chunks that are new or have grown.
    pub chunks: Vec<(ChunkKey, Vec<u8>)>,
}

impl BlockTree {
    /// The tree from its end as it was last written, and the chunks that `chunk` looks up.
    ///
    /// # Errors
    /// The bytes are those of no tree, the chunks lack what the tree had, or `chunk` failed.
    pub fn restore(
        end: &[u8],
        chunk: impl Fn(ChunkKey) -> Result<Option<Chunk>, TreeError>,
    ) -> Result<Self, TreeError> {
        let (tip, frontier) = read_end(end).ok_or(TreeError::End)?;
        let mut tree = Self { tip, kept: tip.blocks, frontier, chunks: BTreeMap::new() };
        let (mut tier, mut nodes) = (0, tip.blocks);
        while nodes > 0 {
            let key = ChunkKey { tier, number: nodes / NODES_PER_CHUNK };
            let open = (nodes % NODES_PER_CHUNK) as usize;
            // Of chunks that are full nothing is needed: the next one begins empty.
            if open > 0 {
                let damaged = TreeError::Chunk { tier, number: key.number };
                let found = chunk(key)?.filter(|found| found.len() == open).ok_or(damaged)?;
                tree.chunks.insert(key, found);
            }
            (tier, nodes) = (tier + 1, key.number);
        }
        let is_whole = tree.frontier.complete_nodes().all(|node| {
            let (key, above, index) = ChunkKey::of_node(node.level, node.index);
            tree.chunks.get(&key).and_then(|chunk| chunk.node(above, index)) == Some(node.hash)
        });
        if is_whole { Ok(tree) } else { Err(TreeError::End) }
    }

    /// The end of the journal that the tree is of.
    #[must_use]
    pub const fn tip(&self) -> Tip {
        self.tip
    }

    /// Takes in the next block. One that it has already is passed over.
    ///
    /// # Errors
    /// [`TreeError::NotNext`]: the block is of another journal than the tree, or one before it is missing.
    pub fn append(&mut self, block: &Block) -> Result<(), TreeError> {
        let is_last = block.index.saturating_add(1) == self.tip.blocks;
        if block.index < self.tip.blocks && (!is_last || block.hash == self.tip.hash) {
            return Ok(());
        }
        if block.index != self.tip.blocks || block.previous != self.tip.hash {
            return Err(TreeError::NotNext(block.index));
        }
        for node in self.frontier.append(block.hash).filter(|node| ChunkKey::keeps(node.level)) {
            let (key, _, _) = ChunkKey::of_node(node.level, node.index);
            self.chunks.entry(key).or_default().push(node.hash);
        }
        self.tip = block.tip();
        Ok(())
    }

    /// What there is to say of the journal's end at the time `at`, to be signed.
    #[must_use]
    pub fn head(&self, at: Timestamp) -> Head {
        let Tip { position, hash, blocks } = self.tip;
        Head { position, blocks, last: hash, root: self.frontier.root(), at }
    }

    /// A chunk of the newest part. What it has goes before what a store has under the same key.
    #[must_use]
    pub fn chunk(&self, key: ChunkKey) -> Option<&Chunk> {
        self.chunks.get(&key)
    }

    /// What a store lacks.
    #[must_use]
    pub fn unwritten(&self) -> Unwritten {
        let has_grown =
            |(key, chunk): &(&ChunkKey, &Chunk)| end_of(**key, chunk) > nodes_of(self.kept, key.tier);
        let chunks = self.chunks.iter().filter(has_grown).map(|(key, chunk)| (*key, chunk.to_bytes()));
        Unwritten { blocks: self.tip.blocks, end: self.end_bytes(), chunks: chunks.collect() }
    }

    /// Forgets what needs not be in memory, now that a store has the tree of so many blocks.
    pub fn written(&mut self, blocks: u64) {
        self.kept = blocks;
        self.chunks.retain(|key, chunk| !chunk.is_full() || end_of(*key, chunk) > nodes_of(blocks, key.tier));
    }

    fn end_bytes(&self) -> Vec<u8> {
        let position = self.tip.position.get().to_be_bytes();
        [position.as_slice(), self.tip.hash.as_bytes(), &self.frontier.to_bytes()].concat()
    }
}

fn read_end(bytes: &[u8]) -> Option<(Tip, Frontier)> {
    let (position, rest) = bytes.split_first_chunk::<8>()?;
    let (hash, rest) = rest.split_first_chunk::<32>()?;
    let frontier = Frontier::from_bytes(rest)?;
    let position = Position::new(u64::from_be_bytes(*position));
    let tip = Tip { position, hash: BlockHash::from_bytes(*hash), blocks: frontier.blocks() };
    Some((tip, frontier))
}

/// How many nodes a tier has when there are so many blocks.
fn nodes_of(blocks: u64, tier: u8) -> u64 {
    (0..tier).fold(blocks, |nodes, _| nodes / NODES_PER_CHUNK)
}

/// How many nodes a tier has up to the end of this chunk.
fn end_of(key: ChunkKey, chunk: &Chunk) -> u64 {
    key.number.saturating_mul(NODES_PER_CHUNK).saturating_add(chunk.len() as u64)
}

/// Nodes from chunks that `read` looks up. Each is looked up once, so it is made anew for every proof.
#[derive(Debug)]
pub struct ChunkedNodes<F> {
    read: F,
    seen: RefCell<BTreeMap<ChunkKey, Option<Chunk>>>,
}

impl<F: Fn(ChunkKey) -> Result<Option<Chunk>, TreeError>> ChunkedNodes<F> {
    /// Nodes from what `read` gives.
    pub const fn new(read: F) -> Self {
        Self { read, seen: RefCell::new(BTreeMap::new()) }
    }
}

impl<F: Fn(ChunkKey) -> Result<Option<Chunk>, TreeError>> TreeNodes for ChunkedNodes<F> {
    fn node(&self, level: u8, index: u64) -> Result<Option<NodeHash>, TreeError> {
        let (key, above, index) = ChunkKey::of_node(level, index);
        let mut seen = self.seen.borrow_mut();
        if let Some(chunk) = seen.get(&key) {
            return Ok(chunk.as_ref().and_then(|chunk| chunk.node(above, index)));
        }
        let chunk = (self.read)(key)?;
        let node = chunk.as_ref().and_then(|chunk| chunk.node(above, index));
        seen.insert(key, chunk);
        Ok(node)
    }
}

#[cfg(test)]
#[path = "block_tree_tests.rs"]
mod tests;
