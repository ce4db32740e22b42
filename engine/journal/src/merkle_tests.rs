//! The trees against RFC 6962's own definition, word by word: slow, recursive, and over leaves that are all there.

use proptest::prelude::*;

use super::*;

pub(crate) fn leaves(count: u64) -> Vec<NodeHash> {
    (0..count).map(|n| NodeHash(*blake3::hash(&n.to_le_bytes()).as_bytes())).collect()
}

/// The largest power of two below `n`.
fn k(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// MTH of section 2.1.
pub(crate) fn mth(tree: Tree, d: &[NodeHash]) -> NodeHash {
    match d {
        [] => tree.empty(),
        [leaf] => *leaf,
        _ => tree.join(mth(tree, &d[..k(d.len())]), mth(tree, &d[k(d.len())..])),
    }
}

/// PATH of section 2.1.1.
pub(crate) fn path(tree: Tree, m: usize, d: &[NodeHash]) -> Vec<NodeHash> {
    if d.len() == 1 {
        return Vec::new();
    }
    let (left, right) = d.split_at(k(d.len()));
    if m < left.len() {
        [path(tree, m, left), vec![mth(tree, right)]].concat()
    } else {
        [path(tree, m - left.len(), right), vec![mth(tree, left)]].concat()
    }
}

/// PROOF of section 2.1.2.
pub(crate) fn proof(tree: Tree, m: usize, d: &[NodeHash]) -> Vec<NodeHash> {
    subproof(tree, m, d, true)
}

fn subproof(tree: Tree, m: usize, d: &[NodeHash], is_known: bool) -> Vec<NodeHash> {
    if m == d.len() {
        return if is_known { Vec::new() } else { vec![mth(tree, d)] };
    }
    let (left, right) = d.split_at(k(d.len()));
    if m <= left.len() {
        [subproof(tree, m, left, is_known), vec![mth(tree, right)]].concat()
    } else {
        [subproof(tree, m - left.len(), right, false), vec![mth(tree, left)]].concat()
    }
}

#[test]
fn roots_and_paths_are_those_of_the_definition() {
    for size in 0..300 {
        let d = leaves(size);
        let root = mth(Tree::Records, &d);
        assert_eq!(Tree::Records.root(d.clone()), root, "{size}");
        assert_eq!(Tree::Records.path(&d, d.len()), None);
        // Every leaf of the smaller trees; of the larger ones those at the edges and some between.
        let step = if size <= 80 { 1 } else { 13 };
        for index in (0..d.len()).step_by(step).chain(d.len().checked_sub(1)) {
            let found = Tree::Records.path(&d, index).unwrap();
            assert_eq!(found, path(Tree::Records, index, &d), "{index} of {size}");
            assert_eq!(Tree::Records.root_by_path(d[index], index as u64, size, &found), Some(root));
        }
    }
}

/// The tree of seven leaves that section 2.1.3 of RFC 6962 draws, and the proofs it lists.
#[test]
fn the_example_of_the_rfc_comes_out() {
    let join = |left, right| Tree::Blocks.join(left, right);
    let d = leaves(7);
    let [a, b, c, d_, e, f, j] = d[..] else { unreachable!() };
    let (g, h, i) = (join(a, b), join(c, d_), join(e, f));
    let (k, l) = (join(g, h), join(i, j));
    assert_eq!(mth(Tree::Blocks, &d), join(k, l));
    let path = |index| Tree::Blocks.path(&d, index).unwrap();
    assert_eq!(path(0), [b, h, l]);
    assert_eq!(path(3), [c, g, l]);
    assert_eq!(path(4), [f, j, k]);
    assert_eq!(path(6), [i, k]);
    assert_eq!(proof(Tree::Blocks, 3, &d), [c, d_, g, l]);
    assert_eq!(proof(Tree::Blocks, 4, &d), [l]);
    assert_eq!(proof(Tree::Blocks, 6, &d), [i, j, k]);
}

#[test]
fn no_tree_and_no_kind_of_node_stands_for_another() {
    let [left, right] = leaves(2)[..] else { unreachable!() };
    let both = [left.0, right.0].concat();
    let joined = [Tree::Records.join(left, right), Tree::Blocks.join(left, right), record_leaf(&both)];
    let empty = [Tree::Records.empty(), Tree::Blocks.empty(), record_leaf(&[])];
    for hashes in [joined, empty] {
        let [a, b, c] = hashes;
        assert!(a != b && b != c && a != c);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn larger_trees_are_those_of_the_definition_too(size in 1_u64..3_000, index in any::<prop::sample::Index>()) {
        let d = leaves(size);
        let index = index.index(d.len());
        let root = mth(Tree::Records, &d);
        prop_assert_eq!(Tree::Records.root(d.clone()), root);
        let path = Tree::Records.path(&d, index).unwrap();
        prop_assert_eq!(Tree::Records.root_by_path(d[index], index as u64, size, &path), Some(root));
    }

    /// A path proves its own leaf, at its own place, in a tree of its own size, and nothing else. (Of the size alone a path
    /// does not always tell, where both sizes give it the same turns: a size is never taken from whoever shows the path.)
    #[test]
    fn a_path_proves_nothing_else(
        size in 2_u64..300,
        index in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        bit in 0_usize..256,
    ) {
        let d = leaves(size);
        let (index, other) = (index.index(d.len()), other.index(d.len()));
        let root = mth(Tree::Records, &d);
        let path = Tree::Records.path(&d, index).unwrap();
        let proves = |leaf, index: usize, path: &[NodeHash]| {
            Tree::Records.root_by_path(leaf, index as u64, size, path) == Some(root)
        };
        prop_assert!(index == other || !proves(d[other], index, &path));
        prop_assert!(index == other || !proves(d[index], other, &path));
        prop_assert!(!proves(d[index], index + size as usize, &path));
        prop_assert!(!proves(d[index], index, &path[1..]));
        prop_assert!(!proves(d[index], index, &path[..path.len() - 1]));
        prop_assert!(!proves(d[index], index, &[path.clone(), vec![root]].concat()));
        for at in 0..path.len() {
            let mut changed = path.clone();
            changed[at].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!proves(d[index], index, &changed));
        }
    }
}
