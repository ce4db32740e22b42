//! Heads on a real disk: written at checkpoints, gathered again from the journal, and proven from end to end.

use std::path::Path;

use quittance_barcode::{KeyId, ServerKey, ServerKeys};
use quittance_journal::{
    BlockView, Committer, LogReader, Receipt, ReplayError, SignedHead, Submission, Tip, replay,
};
use quittance_ledger::{AccountId, AccountKind, Event};

use super::*;

const AT: Timestamp = Timestamp::from_secs(1_800_000_000);
const ORIGIN: &str = "HTTPS://PAY.EXAMPLE.COM";

fn event(n: u64) -> Event {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    let account = AccountId::from_bytes(bytes).unwrap();
    Event::AccountOpened { account, name: "someone".parse().unwrap(), kind: AccountKind::Person }
}

/// Commits a block of one to three records for each number, and gives each to `take`.
fn commit(store: &Store, mut tip: Tip, blocks: std::ops::Range<u64>, mut take: impl FnMut(&Block)) -> Tip {
    for n in blocks {
        let (committer, queue) = Committer::<_, ()>::new(store.journal_writer().unwrap(), tip, 3);
        for _ in 0..=n % 3 {
            queue.submit(Submission::Record { at: AT, event: event(n), done: None });
        }
        drop(queue);
        tip = committer.run(|batch| batch.blocks.iter().for_each(&mut take)).unwrap();
    }
    tip
}

/// Opens the store and brings the heads up to the journal's end, as a start does.
fn start(path: &Path) -> (Store, Heads, Tip) {
    let store = Store::open(path).unwrap();
    let heads = Heads::open(&store).unwrap();
    let tip = replay(&store.journal_reader(), heads.indexed_to(), |block| {
        heads.append(&block).unwrap();
        Ok::<_, ReplayError>(())
    });
    (store, heads, tip.unwrap())
}

#[test]
fn what_was_not_written_is_gathered_from_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let mut known = Vec::new();
    // Around where a chunk is full, and with checkpoints before, at and after it.
    for (end, is_flushed) in [(0, true), (3, false), (200, true), (256, true), (300, false), (513, true)] {
        let (store, heads, tip) = start(folder.path());
        known.push(heads.head(AT));
        commit(&store, tip, tip.blocks..end, |block| heads.append(block).unwrap());
        known.push(heads.head(AT));
        if is_flushed {
            heads.flush().unwrap();
            store.sync().unwrap();
        }
    }
    let (_store, heads, tip) = start(folder.path());
    assert_eq!(heads.head(AT).position, tip.position);
    assert_eq!((heads.head(AT).blocks, heads.head(AT).last), (513, tip.hash));
    // One history: each head that ever was, before a stop and after it, is shown to be the beginning of each later one.
    for (at, old) in known.iter().enumerate() {
        for new in &known[at..] {
            let proof = heads.consistency(old.blocks, new.blocks).unwrap();
            assert_eq!(proof.verify(old, new), Ok(()));
        }
    }
}

#[test]
fn a_receipt_is_proven_from_the_disk_to_the_servers_key() {
    let folder = tempfile::tempdir().unwrap();
    let (store, heads, tip) = start(folder.path());
    let key = ServerKey::from_secret(&[7; 32]);
    let keys = ServerKeys::new(&[key.public()]).unwrap();
    let end = commit(&store, tip, 0..300, |block| heads.append(block).unwrap());
    heads.flush().unwrap();
    let head = SignedHead::sign(heads.head(AT), ORIGIN, |message| {
        let (id, signature) = key.sign_head(message);
        (id.to_bytes(), signature)
    });
    // The head stays good when the journal goes on.
    commit(&store, end, 300..310, |block| heads.append(block).unwrap());
    for position in [1, 2, 255, 256, 400, end.position.get()].map(Position::new) {
        let bytes = store.journal_reader().block_at(position).unwrap().unwrap();
        let block = BlockView::read(&bytes).unwrap();
        let path = heads.prove_block(block.header().index, head.head.blocks).unwrap();
        let receipt = Receipt::new(&block, position, path, head.clone()).unwrap();
        let proven = receipt
            .verify(|id, message, signature| keys.verify_head(KeyId::from_bytes(id), message, signature))
            .unwrap();
        assert_eq!((proven.position, proven.head), (position, head.head));
        let block = Block::decode(&bytes).unwrap();
        assert_eq!(Some(&proven.record), block.record(position));
    }
    for beyond in [heads.prove_block(300, 300).err(), heads.prove_block(0, 311).err()] {
        assert!(matches!(beyond, Some(StoreError::Heads(TreeError::OutOfRange { .. }))));
    }
    assert!(heads.consistency(300, 311).is_err() && heads.consistency(301, 300).is_err());
}

#[test]
fn a_tree_that_is_damaged_or_of_another_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, heads, tip) = start(folder.path());
    commit(&store, tip, 0..5, |block| heads.append(block).unwrap());
    heads.flush().unwrap();
    let is_refused = || matches!(Heads::open(&store), Err(StoreError::Heads(_)));
    assert!(!is_refused());
    let unwritten = heads.newest.read().unwritten();
    assert_eq!(unwritten.chunks, []);
    let key = ChunkKey { tier: 0, number: 0 };
    let chunk = store.heads().chunk(key).unwrap().unwrap().to_bytes();
    let mut changed = chunk.clone();
    changed[40] ^= 1;
    for damaged in [&chunk[..32 * 4], &chunk[..31], &changed] {
        let chunks = vec![(key, damaged.to_vec())];
        store.heads().write(&quittance_journal::Unwritten { chunks, ..unwritten.clone() }).unwrap();
        assert!(is_refused());
    }
    let other_folder = tempfile::tempdir().unwrap();
    let (other, _, other_tip) = start(other_folder.path());
    commit(&other, other_tip, 1..6, |_| {});
    let taken = replay(&other.journal_reader(), Position::START, |block| {
        heads.append(&block).map_err(|_| ReplayError::Chain(block.first))
    });
    assert!(matches!(taken, Err(ReplayError::Chain(_))));
}
