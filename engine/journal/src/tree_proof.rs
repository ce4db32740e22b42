//! Proofs from the tree of blocks: that a block is in it, and that a smaller tree is the beginning of a larger one
//! (RFC 6962, sections 2.1.1 and 2.1.2). They are made from complete nodes, which whoever keeps the tree looks up.

use crate::log::LogError;
use crate::merkle::{NodeHash, Tree, split};

/// Why a proof can't be made.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The store failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The tree has no such block, or never had such a size.
    #[error("the tree of blocks has no block {index} in its first {blocks}")]
    OutOfRange {
        /// The block.
        index: u64,
        /// The size.
        blocks: u64,
    },
    /// What was kept of the tree lacks a node.
    #[error("the tree of blocks lacks node {index} of level {level}")]
    MissingNode {
        /// How far above the leaves.
        level: u8,
        /// How many come before it.
        index: u64,
    },
    /// A chunk of the tree does not read.
    #[error("the chunk {number} of tier {tier} of the tree of blocks is damaged")]
    Chunk {
        /// Which tier.
        tier: u8,
        /// Which of the tier.
        number: u64,
    },
    /// What was kept of the tree's end does not read, or does not fit its chunks.
    #[error("what was kept of the end of the tree of blocks is damaged")]
    End,
    /// A block is not the one that comes next.
    #[error("block {0} does not follow the blocks that the tree of blocks has")]
    NotNext(u64),
}

/// Where complete nodes of the tree of blocks are looked up.
pub trait TreeNodes {
    /// The node above the leaves `index << level` to `(index + 1) << level`, the last not counted; none where not all of
    /// these are there.
    ///
    /// # Errors
    /// The store failed, or what it keeps is damaged.
    fn node(&self, level: u8, index: u64) -> Result<Option<NodeHash>, TreeError>;
}

/// What leads from the block at `index` to the root of the tree of the first `blocks` blocks: the hashes beside its way
/// up, lowest first.
///
/// # Errors
/// There is no such block in a tree of this size, or a node can't be had.
pub fn prove_block(nodes: &impl TreeNodes, index: u64, blocks: u64) -> Result<Vec<NodeHash>, TreeError> {
    if index >= blocks {
        return Err(TreeError::OutOfRange { index, blocks });
    }
    let (mut from, mut to, mut path) = (0, blocks, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(root_between(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(root_between(nodes, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// What leads from the root of the tree of the first `old` blocks to that of the first `new`.
///
/// # Errors
/// The old one is the larger, or a node can't be had.
pub fn prove_consistency(nodes: &impl TreeNodes, old: u64, new: u64) -> Result<Vec<NodeHash>, TreeError> {
    if old > new {
        return Err(TreeError::OutOfRange { index: old, blocks: new });
    }
    // The empty tree is the beginning of every other, and each of itself.
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut from, mut to, mut path) = (0, new, Vec::new());
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(root_between(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(root_between(nodes, from, middle)?);
            from = middle;
        }
    }
    // Where the way never turned right, what it ends at is the old tree itself, whose root goes without saying.
    if from != 0 {
        path.push(root_between(nodes, from, to)?);
    }
    path.reverse();
    Ok(path)
}

/// The root over the leaves from `from` up to `to`, the last not counted, which need not be a complete subtree.
fn root_between(nodes: &impl TreeNodes, from: u64, to: u64) -> Result<NodeHash, TreeError> {
    let (mut at, mut roots) = (from, Vec::new());
    while let Some(level) = (to - at).checked_ilog2() {
        let (level, index) = (level as u8, at >> level);
        roots.push(nodes.node(level, index)?.ok_or(TreeError::MissingNode { level, index })?);
        at += 1 << level;
    }
    Ok(Tree::Blocks.join_all(&roots))
}
