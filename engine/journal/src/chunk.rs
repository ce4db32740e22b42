//! Chunks: how the tree of blocks is kept in a store of keys and values.
//!
//! Only every eighth level is kept: level 0, which is the blocks' hashes, 8, 16 and so on. These levels are the *tiers*. A
//! tier is cut into chunks of 256 nodes, a value each, so a block costs 32 bytes and an eighth of one. A node of a level
//! between is computed from the nodes of one chunk, because all that are under it are in the same; a proof reads a chunk or
//! two of each tier.

use crate::merkle::{NodeHash, Tree};

/// How many levels a chunk spans.
const LEVELS_PER_TIER: u8 = 8;

/// How many nodes a chunk has when it is full.
pub(crate) const NODES_PER_CHUNK: u64 = 1 << LEVELS_PER_TIER;

const NODE_BYTES: usize = 32;

/// What a chunk is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkKey {
    /// Which of the levels that are kept: its nodes are on level `8 * tier`.
    pub tier: u8,
    /// How many chunks of the tier come before it.
    pub number: u64,
}

/// Nodes of a tier that stand side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk(Vec<NodeHash>);

impl ChunkKey {
    /// The key's bytes, which sort as chunks do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 9] {
        let [a, b, c, d, e, f, g, h] = self.number.to_be_bytes();
        [self.tier, a, b, c, d, e, f, g, h]
    }

    /// The chunk from which a node comes, and the node's place there: how far above the chunk's own nodes it is, and how many
    /// on the same level come before it in the chunk.
    pub(crate) fn of_node(level: u8, index: u64) -> (Self, u8, u64) {
        let (tier, above) = (level / LEVELS_PER_TIER, level % LEVELS_PER_TIER);
        let bits_in_chunk = LEVELS_PER_TIER - above;
        let key = Self { tier, number: index >> bits_in_chunk };
        (key, above, index & ((1 << bits_in_chunk) - 1))
    }

    /// Whether nodes of this level are kept.
    pub(crate) const fn keeps(level: u8) -> bool {
        level.is_multiple_of(LEVELS_PER_TIER)
    }
}

impl Chunk {
    /// The chunk of a value's bytes; none where they are no chunk.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (nodes, []) = bytes.as_chunks::<NODE_BYTES>() else { return None };
        let is_chunk = (1..=NODES_PER_CHUNK).contains(&(nodes.len() as u64));
        is_chunk.then(|| Self(nodes.iter().copied().map(NodeHash::from_bytes).collect()))
    }

    /// The chunk's bytes: its nodes, one after another.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|node| *node.as_bytes()).collect()
    }

    /// How many nodes it has.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() as u64 >= NODES_PER_CHUNK
    }

    /// Adds the next node.
    pub(crate) fn push(&mut self, node: NodeHash) {
        self.0.push(node);
    }

    /// The node at a place that [`ChunkKey::of_node`] gave; none where not all that is under it is there yet.
    pub(crate) fn node(&self, above: u8, index: u64) -> Option<NodeHash> {
        let width = 1_usize.checked_shl(u32::from(above))?;
        let from = usize::try_from(index).ok()?.checked_mul(width)?;
        let under = self.0.get(from..from.checked_add(width)?)?;
        Some(Tree::Blocks.root(under.to_vec()))
    }
}
