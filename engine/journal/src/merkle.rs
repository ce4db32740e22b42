//! Merkle trees as RFC 6962 shapes them (section 2.1), with BLAKE3 for the hashes.
//!
//! There are two. The tree of a block's *records* lets one record be shown without the others; the tree of all *blocks*
//! lets one block be shown to lie under a signed head, and two heads to be of one history. Each hashes with keys of its
//! own, and leaves with another key than inner nodes: so no node of one can be taken for a node of the other, nor for a
//! leaf (section 2.1.1 of RFC 9162 says what comes of mixing them).

use std::fmt;
use std::sync::LazyLock;

use crate::chain::BlockHash;

/// The hash of a node in a tree: of a leaf, or of all that is under an inner one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NodeHash([u8; 32]);

impl NodeHash {
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

impl From<BlockHash> for NodeHash {
    /// A block is a leaf of the tree of blocks by its own hash, which is for that purpose alone already.
    fn from(hash: BlockHash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl fmt::Display for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeHash({self})")
    }
}

/// Which of the two trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    Records,
    Blocks,
}

/// One key a purpose. Hashing under a key costs less than BLAKE3's derivation for each of so many short inputs.
static RECORD_LEAF: LazyLock<[u8; 32]> =
    LazyLock::new(|| blake3::derive_key("quittance 2026-11 record tree: leaf", &[]));
static RECORD_NODE: LazyLock<[u8; 32]> =
    LazyLock::new(|| blake3::derive_key("quittance 2026-11 record tree: node", &[]));
static BLOCK_NODE: LazyLock<[u8; 32]> =
    LazyLock::new(|| blake3::derive_key("quittance 2026-11 block tree: node", &[]));

/// The leaf of a record, given its bytes as a block has them.
pub(crate) fn record_leaf(bytes: &[u8]) -> NodeHash {
    NodeHash(*blake3::keyed_hash(&RECORD_LEAF, bytes).as_bytes())
}

impl Tree {
    fn key(self) -> &'static [u8; 32] {
        match self {
            Self::Records => &RECORD_NODE,
            Self::Blocks => &BLOCK_NODE,
        }
    }

    /// The root of a tree without leaves.
    pub(crate) fn empty(self) -> NodeHash {
        NodeHash(*blake3::keyed_hash(self.key(), &[]).as_bytes())
    }

    /// The node over two others.
    pub(crate) fn join(self, left: NodeHash, right: NodeHash) -> NodeHash {
        NodeHash(*blake3::keyed_hash(self.key(), [left.0, right.0].as_flattened()).as_bytes())
    }

    /// The node over roots of ever smaller trees that stand side by side, as RFC 6962 joins them: from the right.
    pub(crate) fn join_all(self, roots: &[NodeHash]) -> NodeHash {
        let joined = roots.iter().rev().copied().reduce(|right, left| self.join(left, right));
        joined.unwrap_or_else(|| self.empty())
    }

    /// The root over these leaves, which are used up.
    pub(crate) fn root(self, mut level: Vec<NodeHash>) -> NodeHash {
        while level.len() > 1 {
            // A node without a neighbour goes up a level as it is, which gives the shape of RFC 6962: every subtree but
            // the last of its level is complete.
            let mut above = 0;
            for at in (0..level.len()).step_by(2) {
                let node = match level.get(at..) {
                    Some([left, right, ..]) => self.join(*left, *right),
                    Some([alone]) => *alone,
                    _ => break,
                };
                if let Some(slot) = level.get_mut(above) {
                    *slot = node;
                }
                above += 1;
            }
            level.truncate(above);
        }
        level.first().copied().unwrap_or_else(|| self.empty())
    }

    /// The hashes that lead from the leaf at `index` to the root, the leaf's neighbour first; none where there is no such
    /// leaf.
    pub(crate) fn path(self, leaves: &[NodeHash], index: usize) -> Option<Vec<NodeHash>> {
        leaves.get(index)?;
        let (mut path, mut under, mut index) = (Vec::new(), leaves, index);
        while under.len() > 1 {
            let (left, right) = under.split_at_checked(split(under.len() as u64) as usize)?;
            let (on_path, beside) = if index < left.len() { (left, right) } else { (right, left) };
            index = if index < left.len() { index } else { index - left.len() };
            path.push(self.root(beside.to_vec()));
            under = on_path;
        }
        path.reverse();
        Some(path)
    }

    /// The root that a leaf's path leads to (RFC 9162, section 2.1.3.2); none where the path is too short or too long for
    /// a leaf at `index` of `size`.
    pub(crate) fn root_by_path(
        self,
        leaf: NodeHash,
        index: u64,
        size: u64,
        path: &[NodeHash],
    ) -> Option<NodeHash> {
        if index >= size {
            return None;
        }
        let (mut at, mut last, mut node) = (index, size - 1, leaf);
        for beside in path {
            if last == 0 {
                return None;
            }
            if at % 2 == 1 || at == last {
                node = self.join(*beside, node);
                // At the right edge, levels where the node had no neighbour are passed over.
                while at.is_multiple_of(2) && at != 0 {
                    (at, last) = (at / 2, last / 2);
                }
            } else {
                node = self.join(node, *beside);
            }
            (at, last) = (at / 2, last / 2);
        }
        (last == 0).then_some(node)
    }

    /// The two roots that a path from a smaller tree to a larger one leads to (RFC 9162, section 2.1.4.2), given the root of
    /// the smaller; none where the path is too short or too long. `old_size` is at least 1 and less than `new_size`.
    pub(crate) fn roots_by_path(
        self,
        old_root: NodeHash,
        old_size: u64,
        new_size: u64,
        path: &[NodeHash],
    ) -> Option<(NodeHash, NodeHash)> {
        let (mut at, mut last) = (old_size.checked_sub(1)?, new_size.checked_sub(1)?);
        while at % 2 == 1 {
            (at, last) = (at / 2, last / 2);
        }
        // A complete smaller tree is a node of the larger one, and goes without saying.
        let (first, rest) = if old_size.is_power_of_two() {
            (old_root, path)
        } else {
            path.split_first().map(|(f, r)| (*f, r))?
        };
        let (mut old, mut new) = (first, first);
        for beside in rest {
            if last == 0 {
                return None;
            }
            if at % 2 == 1 || at == last {
                old = self.join(*beside, old);
                new = self.join(*beside, new);
                while at.is_multiple_of(2) && at != 0 {
                    (at, last) = (at / 2, last / 2);
                }
            } else {
                new = self.join(new, *beside);
            }
            (at, last) = (at / 2, last / 2);
        }
        (last == 0).then_some((old, new))
    }
}

/// Where RFC 6962 splits a tree of more than one leaf: after the largest power of two that leaves something over.
pub(crate) const fn split(size: u64) -> u64 {
    match size.saturating_sub(1).checked_ilog2() {
        Some(level) => 1 << level,
        None => 0,
    }
}

#[cfg(test)]
#[path = "merkle_tests.rs"]
pub(crate) mod tests;
