//! The tree of blocks as it is kept, against RFC 6962's own definition over all its leaves.

use std::cell::Cell;

use proptest::prelude::*;
use quittance_ledger::{AccountId, Event};

use super::*;
use crate::head::{ConsistencyError, ConsistencyProof};
use crate::merkle::Tree;
use crate::merkle::tests::{leaves, mth, path, proof};
use crate::record::Record;
use crate::tree_proof::{prove_block, prove_consistency};

const AT: Timestamp = Timestamp::from_secs(1);

/// A tree and the store that it is written to.
#[derive(Default)]
struct Kept {
    tree: BlockTree,
    chunks: BTreeMap<[u8; 9], Vec<u8>>,
    end: Vec<u8>,
    reads: Cell<usize>,
}

/// A block with this hash that follows `tip`.
fn block(tip: Tip, hash: NodeHash) -> Block {
    let event = Event::PinFailed { account: AccountId::from_bytes([1; 16]).unwrap() };
    Block {
        index: tip.blocks,
        first: tip.position.next(),
        previous: tip.hash,
        hash: BlockHash::from_bytes(*hash.as_bytes()),
        records: vec![Record { at: AT, event }; 1 + (tip.blocks % 3) as usize],
    }
}

impl Kept {
    fn append(&mut self, hash: NodeHash) {
        self.tree.append(&block(self.tree.tip(), hash)).unwrap();
    }

    fn flush(&mut self) {
        let unwritten = self.tree.unwritten();
        self.chunks.extend(unwritten.chunks.into_iter().map(|(key, value)| (key.to_bytes(), value)));
        self.end = unwritten.end;
        self.tree.written(unwritten.blocks);
    }

    fn stored(&self, key: ChunkKey) -> Result<Option<Chunk>, TreeError> {
        Ok(self.chunks.get(&key.to_bytes()).map(|value| Chunk::from_bytes(value).unwrap()))
    }

    fn nodes(&self) -> ChunkedNodes<impl Fn(ChunkKey) -> Result<Option<Chunk>, TreeError>> {
        ChunkedNodes::new(|key| {
            self.reads.set(self.reads.get() + 1);
            self.tree.chunk(key).cloned().map_or_else(|| self.stored(key), |chunk| Ok(Some(chunk)))
        })
    }

    /// The head that there was when there were so many of these blocks.
    fn head(&self, blocks: u64, d: &[NodeHash]) -> Head {
        let mut tree = BlockTree::default();
        d[..blocks as usize].iter().for_each(|leaf| tree.append(&block(tree.tip(), *leaf)).unwrap());
        tree.head(AT)
    }
}

fn kept(d: &[NodeHash], flush_every: usize) -> Kept {
    let mut kept = Kept::default();
    for (index, leaf) in d.iter().enumerate() {
        kept.append(*leaf);
        if index % flush_every == flush_every - 1 {
            kept.flush();
        }
    }
    kept
}

#[test]
fn a_frontier_knows_the_root_and_says_which_nodes_are_complete() {
    let d = leaves(300);
    let mut frontier = Frontier::default();
    assert_eq!(frontier.root(), Tree::Blocks.empty());
    let mut completed = 0;
    for size in 1..=d.len() {
        for node in frontier.append(BlockHash::from_bytes(*d[size - 1].as_bytes())) {
            let under = (node.index as usize) << node.level..(node.index as usize + 1) << node.level;
            assert_eq!(under.end, size);
            assert_eq!(node.hash, mth(Tree::Blocks, &d[under]));
            completed += 1;
        }
        assert_eq!(frontier.blocks(), size as u64);
        assert_eq!(frontier.root(), mth(Tree::Blocks, &d[..size]));
        let bytes = frontier.to_bytes();
        assert_eq!(Frontier::from_bytes(&bytes).as_ref(), Some(&frontier));
        assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Frontier::from_bytes(&[bytes, vec![0; 32]].concat()), None);
    }
    // Each node is said to be complete once: of 300 leaves, 150 pairs, 75 fours, 37 eights and so on.
    assert_eq!(completed, (0..9).map(|level| 300 >> level).sum::<u32>());
}

#[test]
fn proofs_are_those_of_the_definition() {
    let d = leaves(300);
    let kept = kept(&d, 7);
    for size in (1..=40).chain([63, 64, 65, 127, 128, 200, 255, 256, 257, 299, 300]) {
        let (d, root) = (&d[..size], mth(Tree::Blocks, &d[..size]));
        let step = if size <= 40 { 1 } else { 17 };
        for index in (0..size).step_by(step).chain([size - 1]) {
            let found = prove_block(&kept.nodes(), index as u64, size as u64).unwrap();
            assert_eq!(found, path(Tree::Blocks, index, d), "{index} of {size}");
            let shown = Tree::Blocks.root_by_path(d[index], index as u64, size as u64, &found);
            assert_eq!(shown, Some(root));
        }
        for old in (1..=size).step_by(step).chain([size - 1, size]).filter(|old| *old > 0) {
            let found = prove_consistency(&kept.nodes(), old as u64, size as u64).unwrap();
            assert_eq!(found, proof(Tree::Blocks, old, d), "{old} to {size}");
        }
    }
    let nodes = kept.nodes();
    assert!(matches!(prove_block(&nodes, 300, 300), Err(TreeError::OutOfRange { .. })));
    assert!(matches!(prove_block(&nodes, 0, 0), Err(TreeError::OutOfRange { .. })));
    assert!(matches!(prove_consistency(&nodes, 9, 8), Err(TreeError::OutOfRange { .. })));
    assert!(matches!(prove_block(&nodes, 0, 301), Err(TreeError::MissingNode { .. })));
    assert_eq!(prove_consistency(&nodes, 0, 300).unwrap(), []);
    assert_eq!(prove_consistency(&nodes, 300, 300).unwrap(), []);
}

/// Over the third tier's first node, at 65,536 blocks.
#[test]
fn a_large_tree_costs_little() {
    let d = leaves(66_000);
    let mut kept = kept(&d, 1_000);
    kept.flush();
    let bytes: usize = kept.chunks.values().map(Vec::len).sum();
    assert_eq!(bytes, 32 * (66_000 + 66_000 / 256 + 1));
    assert_eq!(kept.tree.chunks.len(), 3, "full chunks are only in the store");
    let root = mth(Tree::Blocks, &d);
    assert_eq!(kept.tree.head(AT).root, root);
    for index in [0, 1, 255, 256, 32_767, 32_768, 65_535, 65_536, 65_791, 65_999] {
        kept.reads.set(0);
        let path = prove_block(&kept.nodes(), index, 66_000).unwrap();
        assert!(kept.reads.get() <= 6 && path.len() <= 17, "{} chunks were read", kept.reads.get());
        assert_eq!(Tree::Blocks.root_by_path(d[index as usize], index, 66_000, &path), Some(root));
    }
    for old in [1, 255, 256, 257, 40_000, 65_535, 65_536, 65_537, 65_999] {
        let old_root = mth(Tree::Blocks, &d[..old]);
        kept.reads.set(0);
        let path = prove_consistency(&kept.nodes(), old as u64, 66_000).unwrap();
        assert!(kept.reads.get() <= 6 && path.len() <= 18, "{} chunks were read", kept.reads.get());
        let roots = Tree::Blocks.roots_by_path(old_root, old as u64, 66_000, &path);
        assert_eq!(roots, Some((old_root, root)));
    }
}

#[test]
fn a_tree_is_restored_from_what_was_written() {
    let d = leaves(700);
    let mut kept = Kept::default();
    for leaf in &d {
        kept.append(*leaf);
        kept.flush();
        assert_eq!(kept.tree.unwritten().chunks, []);
        let mut restored = BlockTree::restore(&kept.end, |key| kept.stored(key)).unwrap();
        assert_eq!(restored.head(AT), kept.tree.head(AT));
        let mut went_on = kept.tree.clone();
        let next = block(went_on.tip(), d[0]);
        restored.append(&next).unwrap();
        went_on.append(&next).unwrap();
        assert_eq!(restored.unwritten(), went_on.unwritten());
    }
    let restore = |end: &[u8], chunk: Option<Chunk>| BlockTree::restore(end, |_| Ok(chunk.clone()));
    assert!(matches!(restore(&kept.end, None), Err(TreeError::Chunk { tier: 0, number: 2 })));
    assert!(matches!(restore(&[], None), Err(TreeError::End)));
    let mut end = kept.end.clone();
    *end.last_mut().unwrap() ^= 1;
    assert!(matches!(BlockTree::restore(&end, |key| kept.stored(key)), Err(TreeError::End)));
    assert_eq!(restore(&BlockTree::default().unwritten().end, None).unwrap().tip(), Tip::GENESIS);
    for bytes in [&[][..], &[0; 31], &[0; 33], &[0; 257 * 32]] {
        assert_eq!(Chunk::from_bytes(bytes), None);
    }
}

#[test]
fn only_the_next_block_is_taken_in() {
    let d = leaves(4);
    let mut tree = BlockTree::default();
    let first = block(Tip::GENESIS, d[0]);
    tree.append(&first).unwrap();
    let second = block(tree.tip(), d[1]);
    tree.append(&second).unwrap();
    let before = tree.head(AT);
    // What it has is passed over, unless it is seen to be another.
    tree.append(&first).unwrap();
    tree.append(&second).unwrap();
    let another = Block { hash: BlockHash::from_bytes([9; 32]), ..second };
    assert!(matches!(tree.append(&another), Err(TreeError::NotNext(1))));
    let third = block(tree.tip(), d[2]);
    let later = Block { index: 3, ..third.clone() };
    assert!(matches!(tree.append(&later), Err(TreeError::NotNext(3))));
    let elsewhere = Block { previous: BlockHash::GENESIS, ..third };
    assert!(matches!(tree.append(&elsewhere), Err(TreeError::NotNext(2))));
    assert_eq!(tree.head(AT), before);
}

#[test]
fn heads_of_one_history_are_shown_to_be() {
    let d = leaves(70);
    let kept = kept(&d, 9);
    for new in 0..=70 {
        for old in 0..=new {
            let path = prove_consistency(&kept.nodes(), old, new).unwrap();
            let (old_head, new_head) = (kept.head(old, &d), kept.head(new, &d));
            let proof = ConsistencyProof::new(old, new, path.clone());
            assert_eq!(proof.verify(&old_head, &new_head), Ok(()), "{old} to {new}");
            let longer = ConsistencyProof::new(old, new, [path, vec![d[0]]].concat());
            assert_eq!(longer.verify(&old_head, &new_head), Err(ConsistencyError::Differs));
        }
    }
    let proof = ConsistencyProof::new(30, 70, prove_consistency(&kept.nodes(), 30, 70).unwrap());
    let (old, new) = (kept.head(30, &d), kept.head(70, &d));
    let verify = |old, new| proof.verify(&old, &new);
    assert!(matches!(verify(new, old), Err(ConsistencyError::OtherHeads { .. })));
    assert!(matches!(verify(kept.head(29, &d), new), Err(ConsistencyError::OtherHeads { .. })));
    let earlier = Head { at: Timestamp::EPOCH, ..new };
    assert_eq!(verify(old, earlier), Err(ConsistencyError::WentBack));
    let shorter = Head { position: old.position, ..new };
    assert_eq!(verify(old, shorter), Err(ConsistencyError::WentBack));
    let text = serde_json::to_string(&proof).unwrap();
    assert_eq!(serde_json::from_str::<ConsistencyProof>(&text).unwrap(), proof);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn larger_trees_prove_what_they_have(
        size in 1_usize..2_500,
        index in any::<prop::sample::Index>(),
        old in any::<prop::sample::Index>(),
        flush_every in 1_usize..700,
    ) {
        let d = leaves(size as u64);
        let (index, old) = (index.index(size), old.index(size) + 1);
        let kept = kept(&d, flush_every);
        let path_of_block = prove_block(&kept.nodes(), index as u64, size as u64).unwrap();
        prop_assert_eq!(path_of_block, path(Tree::Blocks, index, &d));
        let path = prove_consistency(&kept.nodes(), old as u64, size as u64).unwrap();
        prop_assert_eq!(path, proof(Tree::Blocks, old, &d));
    }

    /// Whatever block of the past is rewritten: no proof that the rewritten tree makes, nor one it made before, nor one with
    /// a bit changed, leads from the old head to the new.
    #[test]
    fn a_rewritten_history_is_found_out(
        new in 2_u64..200,
        old in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0_usize..256,
    ) {
        let old = old.index(new as usize - 1) as u64 + 1;
        let d = leaves(new);
        let (honest, old_head, new_head) = {
            let kept = kept(&d, 50);
            let path = prove_consistency(&kept.nodes(), old, new).unwrap();
            (path, kept.head(old, &d), kept.head(new, &d))
        };
        let mut rewritten = d.clone();
        rewritten[at.index(old as usize)] = Tree::Blocks.empty();
        let liar = kept(&rewritten, 50);
        let path = prove_consistency(&liar.nodes(), old, new).unwrap();
        let lie = liar.head(new, &rewritten);
        for path in [path.clone(), honest.clone()] {
            let verdict = ConsistencyProof::new(old, new, path).verify(&old_head, &lie);
            prop_assert_eq!(verdict, Err(ConsistencyError::Differs));
        }
        let mut changed = honest;
        let place = at.index(changed.len());
        let mut bytes = *changed[place].as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        changed[place] = NodeHash::from_bytes(bytes);
        let verdict = ConsistencyProof::new(old, new, changed).verify(&old_head, &new_head);
        prop_assert_eq!(verdict, Err(ConsistencyError::Differs));
    }
}
