//! Blocks and records of the journal, as they may stand on a damaged disk.

use quittance_journal::{
    Block, BlockHeader, BlockView, Committer, LogReader as _, MAX_BLOCK_BYTES, MemoryLog, Record, Submission,
    Tip,
};

/// How long a piece may be that is taken for a record.
const MAX_PIECE_BYTES: usize = 512;

/// Any bytes are a block or not, whoever asks; and of whatever pieces are records, a block is made that is read again as it was.
pub(crate) fn run(data: &[u8]) {
    whole(data);
    let mut rest = data;
    let mut records = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)) % MAX_PIECE_BYTES;
        let (piece, after) = after.split_at(length.min(after.len()));
        rest = after;
        if let Ok(record) = Record::decode(piece) {
            let mut bytes = Vec::new();
            record.encode_to(&mut bytes).unwrap();
            assert_eq!(Record::decode(&bytes).unwrap(), record);
            records.push(record);
        }
    }
    if !records.is_empty() {
        committed(records);
    }
}

fn whole(data: &[u8]) {
    let header = BlockHeader::read(data);
    let view = BlockView::read(data);
    match Block::decode(data) {
        Ok(block) => {
            let (header, view) = (header.unwrap(), view.unwrap());
            assert_eq!(
                (header.first, header.last(), header.hash()),
                (block.first, block.last(), view.hash())
            );
            assert!(data.len() == header.block_bytes() && data.len() <= MAX_BLOCK_BYTES);
        }
        // The view does not look into the records.
        Err(_) => drop(view),
    }
}

fn committed(records: Vec<Record>) {
    let log = MemoryLog::default();
    let (committer, queue) = Committer::<_, ()>::new(log.clone(), Tip::GENESIS, records.len());
    for Record { at, event } in records.clone() {
        queue.submit(Submission::Record { at, event, done: None });
    }
    drop(queue);
    let mut published = Vec::new();
    committer.run(|batch| published.extend(batch.blocks)).unwrap();
    let mut again = Vec::new();
    for block in &published {
        let bytes = log.block_at(block.first).unwrap().unwrap();
        whole(&bytes);
        let read = Block::decode(&bytes).unwrap();
        assert_eq!(read.first, block.first);
        again.extend(read.records.iter().cloned());
        for position in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut bytes = bytes.clone();
            bytes[position] ^= 1;
            assert!(Block::decode(&bytes).is_err(), "a bit was flipped at {position}");
        }
    }
    assert_eq!(again, records);
}
