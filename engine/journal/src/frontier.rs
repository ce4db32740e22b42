//! The frontier of the tree of blocks: all that must be kept of it to append to it and to know its root.

use crate::chain::BlockHash;
use crate::merkle::{NodeHash, Tree};

/// The roots of the complete subtrees that a tree of blocks falls into, largest first: one for each bit that is set in the
/// number of its leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    blocks: u64,
    roots: Vec<NodeHash>,
}

/// A node whose subtree has all its leaves, and so never changes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompleteNode {
    /// How far above the leaves it is: it has `1 << level` of them.
    pub level: u8,
    /// How many nodes of its level come before it.
    pub index: u64,
    /// Its hash.
    pub hash: NodeHash,
}

impl Frontier {
    /// How many blocks the tree has.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// The tree's root.
    #[must_use]
    pub fn root(&self) -> NodeHash {
        Tree::Blocks.join_all(&self.roots)
    }

    /// Appends the next block, and says which nodes that completes, from the leaf upward.
    pub fn append(&mut self, block: BlockHash) -> impl Iterator<Item = CompleteNode> + use<> {
        let mut node = CompleteNode { level: 0, index: self.blocks, hash: block.into() };
        let mut completed = vec![node];
        // A node that is the second of two completes the one above it.
        while node.index % 2 == 1
            && let Some(left) = self.roots.pop()
        {
            let hash = Tree::Blocks.join(left, node.hash);
            node = CompleteNode { level: node.level + 1, index: node.index / 2, hash };
            completed.push(node);
        }
        self.roots.push(node.hash);
        self.blocks = self.blocks.saturating_add(1);
        completed.into_iter()
    }

    /// The nodes that it is made of, largest first.
    pub(crate) fn complete_nodes(&self) -> impl Iterator<Item = CompleteNode> {
        let levels = (0..u64::BITS as u8).rev().filter(|level| self.blocks >> level & 1 == 1);
        // Of the nodes of a level, the last complete one is part of the frontier where the level's bit is set.
        let index = |level| (self.blocks >> level) - 1;
        levels.zip(&self.roots).map(move |(level, hash)| CompleteNode {
            level,
            index: index(level),
            hash: *hash,
        })
    }

    /// The frontier's bytes, for a checkpoint: the number of blocks, big-endian, and the roots.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let roots = self.roots.iter().flat_map(|root| *root.as_bytes());
        self.blocks.to_be_bytes().into_iter().chain(roots).collect()
    }

    /// The frontier of these bytes; none where they are those of no frontier.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (blocks, rest) = bytes.split_first_chunk::<8>()?;
        let blocks = u64::from_be_bytes(*blocks);
        let (roots, []) = rest.as_chunks::<32>() else { return None };
        let roots: Vec<_> = roots.iter().copied().map(NodeHash::from_bytes).collect();
        (roots.len() == blocks.count_ones() as usize).then_some(Self { blocks, roots })
    }
}
