//! Receipts prove what is in the journal, and no changed bit of one proves anything else.

use ed25519_dalek::{Signer as _, SigningKey};
use quittance_ledger::Timestamp;

use super::*;
use crate::block::tests::events;
use crate::block_tree::{BlockTree, ChunkedNodes};
use crate::chain::{BlockHash, Tip};
use crate::committer::{Committer, Submission};
use crate::log::LogReader;
use crate::memory_log::MemoryLog;
use crate::tree_proof::prove_block;

const AT: Timestamp = Timestamp::from_secs(1_800_000_000);
const ORIGIN: &str = "HTTPS://PAY.EXAMPLE.COM";
const KEY: [u8; 4] = [1, 2, 3, 4];

fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn sign(head: Head) -> SignedHead {
    SignedHead::sign(head, ORIGIN, |message| (KEY, signing_key().sign(message).to_bytes()))
}

fn is_by_server(key: [u8; 4], message: &[u8], signature: &[u8; 64]) -> Result<(), String> {
    if key != KEY {
        return Err("no key of the server has this id".to_owned());
    }
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    signing_key().verifying_key().verify_strict(message, &signature).map_err(|error| error.to_string())
}

/// A journal of one block for each round, of ever more records, and the tree over it.
fn journal(rounds: usize) -> (MemoryLog, BlockTree) {
    let (log, mut tree) = (MemoryLog::default(), BlockTree::default());
    for round in 1..=rounds {
        let (committer, queue) = Committer::<_, ()>::new(log.clone(), tree.tip(), 1_000);
        for event in events().into_iter().cycle().take(round) {
            queue.submit(Submission::Record { at: AT, event, done: None });
        }
        drop(queue);
        committer.run(|batch| batch.blocks.iter().for_each(|block| tree.append(block).unwrap())).unwrap();
    }
    (log, tree)
}

fn receipt(log: &MemoryLog, tree: &BlockTree, position: Position) -> Receipt {
    let bytes = log.block_at(position).unwrap().unwrap();
    let block = BlockView::read(&bytes).unwrap();
    let nodes = ChunkedNodes::new(|key| Ok(tree.chunk(key).cloned()));
    let path = prove_block(&nodes, block.header().index, tree.tip().blocks).unwrap();
    Receipt::new(&block, position, path, sign(tree.head(AT))).unwrap()
}

#[test]
fn each_record_has_a_receipt_under_each_head() {
    for rounds in 1..12 {
        let (log, tree) = journal(rounds);
        let head = tree.head(AT);
        for position in (1..=head.position.get()).map(Position::new) {
            let receipt = receipt(&log, &tree, position);
            let text = serde_json::to_string(&receipt).unwrap();
            let read: Receipt = serde_json::from_str(&text).unwrap();
            assert_eq!(read, receipt);
            let proven = read.verify(is_by_server).unwrap();
            let block = crate::Block::decode(&log.block_at(position).unwrap().unwrap()).unwrap();
            assert_eq!(Some(&proven.record), block.record(position));
            assert_eq!((proven.position, proven.head), (position, head));
            assert_eq!(proven.origin, ORIGIN);
        }
    }
}

/// Of 2,000 blocks and a record each, a receipt is what it is in print: a few kilobytes.
#[test]
fn a_receipt_is_small() {
    let mut tree = BlockTree::default();
    let log = MemoryLog::default();
    for _ in 0..2_000 {
        let (committer, queue) = Committer::<_, ()>::new(log.clone(), tree.tip(), 1);
        queue.submit(Submission::Record { at: AT, event: events().remove(0), done: None });
        drop(queue);
        committer.run(|batch| batch.blocks.iter().for_each(|block| tree.append(block).unwrap())).unwrap();
    }
    let text = serde_json::to_string(&receipt(&log, &tree, Position::new(777))).unwrap();
    assert!(text.len() < 2_500, "{} bytes", text.len());
}

#[test]
fn no_changed_bit_of_a_receipt_proves_anything_else() {
    let (log, tree) = journal(6);
    let receipt = receipt(&log, &tree, Position::new(9));
    let proven = receipt.verify(is_by_server).unwrap();
    let text = serde_json::to_string(&receipt).unwrap();
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = serde_json::from_slice::<Receipt>(&bytes) else { continue };
        let verdict = changed.verify(is_by_server);
        assert!(
            verdict.as_ref().map_or(true, |other| *other == proven),
            "bit {bit}: {}",
            String::from_utf8_lossy(&bytes)
        );
        assert!(verdict.is_err() || changed == receipt, "bit {bit} has a second spelling");
    }
    for length in 0..text.len() {
        assert!(serde_json::from_str::<Receipt>(&text[..length]).is_err());
    }
}

/// Everything that a receipt says is changed once, in a way that reads.
#[test]
fn each_step_that_does_not_hold_is_named() {
    let (log, tree) = journal(6);
    let good = receipt(&log, &tree, Position::new(9));
    let verdict = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        receipt.verify(is_by_server).unwrap_err()
    };
    let signed_anew = |change: &dyn Fn(&mut Head)| {
        verdict(&|receipt| {
            let mut head = receipt.head.head;
            change(&mut head);
            receipt.head = sign(head);
        })
    };
    let hash = NodeHash::from_bytes([9; 32]);
    use ReceiptError as E;

    let is_unsigned = |error| matches!(error, E::Head(HeadError::Signature(_)));
    assert!(is_unsigned(verdict(&|receipt| receipt.head.key = [0; 4])));
    assert!(is_unsigned(verdict(&|receipt| receipt.head.signature[63] ^= 1)));
    assert!(is_unsigned(verdict(&|receipt| receipt.head.origin.push('X'))));
    assert!(is_unsigned(verdict(&|receipt| receipt.head.head.at = AT.plus_millis(1))));
    assert!(is_unsigned(verdict(&|receipt| receipt.head.head.root = hash)));
    assert!(is_unsigned(verdict(&|receipt| receipt.head.head.last = BlockHash::GENESIS)));
    assert!(is_unsigned(verdict(&|receipt| receipt.head.head.blocks += 1)));
    assert!(is_unsigned(verdict(&|receipt| receipt.head.head.position = Position::new(99))));

    let is_impossible = |error| matches!(error, E::Head(HeadError::Impossible { .. }));
    assert!(is_impossible(signed_anew(&|head| head.blocks = 0)));
    assert!(is_impossible(signed_anew(&|head| head.blocks = head.position.get() + 1)));

    // Position 9 is in the fourth block, which ends at 10.
    assert!(matches!(signed_anew(&|head| head.blocks = 3), E::BlockBeyondHead));
    assert!(matches!(signed_anew(&|head| head.blocks = 4), E::BlockBeyondHead));
    assert!(matches!(signed_anew(&|head| head.position = Position::new(10)), E::BlockBeyondHead));
    assert!(matches!(verdict(&|receipt| receipt.block.header.index = 6), E::BlockBeyondHead));
    assert!(matches!(verdict(&|receipt| receipt.block.header.index = u64::MAX), E::BlockBeyondHead));

    assert!(matches!(signed_anew(&|head| head.root = hash), E::BlockNotUnderHead));
    assert!(matches!(signed_anew(&|head| head.blocks = 9), E::BlockNotUnderHead));
    let in_header: [&dyn Fn(&mut BlockHeader); 6] = [
        &|header| header.index = 2,
        &|header| header.first = Position::new(8),
        &|header| header.count = 3,
        &|header| header.body_bytes += 1,
        &|header| header.previous = BlockHash::GENESIS,
        &|header| header.root = hash,
    ];
    for change in in_header {
        assert!(matches!(verdict(&|receipt| change(&mut receipt.block.header)), E::BlockNotUnderHead));
    }
    assert!(matches!(verdict(&|receipt| receipt.block.path[0] = hash), E::BlockNotUnderHead));
    assert!(matches!(verdict(&|receipt| receipt.block.path.push(hash)), E::BlockNotUnderHead));
    assert!(matches!(verdict(&|receipt| receipt.block.path.truncate(1)), E::BlockNotUnderHead));

    for outside in [0, 6, 11, u64::MAX] {
        let error = verdict(&|receipt| receipt.record.position = Position::new(outside));
        assert!(matches!(error, E::RecordBeyondBlock(position) if position == Position::new(outside)));
    }
    assert!(matches!(verdict(&|receipt| receipt.record.position = Position::new(8)), E::RecordNotInBlock));
    assert!(matches!(verdict(&|receipt| receipt.record.bytes.push(0)), E::RecordNotInBlock));
    assert!(matches!(verdict(&|receipt| receipt.record.path[1] = hash), E::RecordNotInBlock));
    assert!(matches!(verdict(&|receipt| receipt.record.path.clear()), E::RecordNotInBlock));
}

/// A record of a later format is proven to be there, and said to be unreadable.
#[test]
fn what_is_proven_and_can_not_be_read_is_said_to_be_so() {
    use crate::merkle::record_leaf;
    let bytes = vec![99, 1, 2, 3];
    let header = BlockHeader {
        index: 0,
        first: Position::new(1),
        count: 1,
        body_bytes: 6,
        previous: BlockHash::GENESIS,
        root: record_leaf(&bytes),
    };
    let hash = header.hash();
    let head =
        Head { position: Position::new(1), blocks: 1, last: hash, root: hash.into(), at: Timestamp::EPOCH };
    let receipt = Receipt {
        format: Format,
        record: RecordInBlock { position: Position::new(1), bytes, path: Vec::new() },
        block: BlockInHead { header, path: Vec::new() },
        head: sign(head),
    };
    let verdict = receipt.verify(is_by_server);
    assert!(matches!(verdict, Err(ReceiptError::Record(RecordError::Format(99)))));
}

#[test]
fn a_head_is_a_document_of_its_own() {
    let (_, tree) = journal(3);
    let signed = sign(tree.head(AT));
    let text = serde_json::to_string(&signed).unwrap();
    assert_eq!(serde_json::from_str::<SignedHead>(&text).unwrap(), signed);
    assert_eq!(signed.verify(is_by_server).unwrap(), tree.head(AT));
    let newer = text.replacen("\"format\":1", "\"format\":2", 1);
    let error = serde_json::from_str::<SignedHead>(&newer).unwrap_err().to_string();
    assert!(error.contains("use a newer version"), "{error}");
    let more = text.replacen("\"format\":1", "\"format\":1,\"more\":1", 1);
    assert!(serde_json::from_str::<SignedHead>(&more).is_err());
    let upper = text.replacen("01020304", "0102030A", 1);
    assert!(serde_json::from_str::<SignedHead>(&upper).is_err());
    let empty = BlockTree::default().head(AT);
    assert_eq!(empty.position, Tip::GENESIS.position);
    assert_eq!(sign(empty).verify(is_by_server).unwrap(), empty);
}

/// What is signed, byte by byte: another implementation has to be able to say it again.
#[test]
fn what_is_signed_has_one_form() {
    let head = Head {
        position: Position::new(0x0102),
        blocks: 3,
        last: BlockHash::from_bytes([4; 32]),
        root: NodeHash::from_bytes([5; 32]),
        at: Timestamp::from_millis(6),
    };
    let numbers = [&[0, 0, 0, 0, 0, 0, 1, 2], &[0, 0, 0, 0, 0, 0, 0, 3], &[0, 0, 0, 0, 0, 0, 0, 6_u8]];
    let expected: [&[u8]; 6] = [b"HTTP://A\0", numbers[0], numbers[1], &[4; 32], &[5; 32], numbers[2]];
    assert_eq!(head.message("HTTP://A"), expected.concat());
}
