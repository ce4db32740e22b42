//! What stands beyond the damage: blocks that look intact, found by what every block begins with.

use std::io;
use std::path::{Path, PathBuf};

use quittance_journal::{Block, BlockHeader, BlockView, MAX_BLOCK_BYTES, Position, Record, Tip};
use quittance_ledger::Event;

/// Blocks of one file that look intact and follow one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntactBlocks {
    /// The file.
    pub file: PathBuf,
    /// Where in it they begin.
    pub offset: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// How many they are.
    pub blocks: u64,
    /// Their first record.
    pub first: Position,
    /// Their last record.
    pub last: Position,
    /// How many of their records are transfers, settled or refused.
    pub transfers: u64,
    tip: Tip,
}

/// Finds the blocks that look intact in `bytes`, from `from` on, each with its place.
pub(super) fn intact_blocks(bytes: &[u8], from: usize) -> impl Iterator<Item = (usize, BlockView<'_>)> {
    let mut next = from;
    std::iter::from_fn(move || {
        loop {
            let rest = bytes.get(next..)?;
            let at = next.checked_add(rest.windows(4).position(|four| four == BlockHeader::MAGIC)?)?;
            match BlockView::split_first(bytes.get(at..)?) {
                Ok((view, _)) => {
                    next = at.saturating_add(view.header().block_bytes());
                    return Some((at, view));
                }
                // None can begin in the middle of another's beginning.
                Err(_) => next = at.saturating_add(BlockHeader::MAGIC.len()),
            }
        }
    })
}

/// Adds what a file has from `from` on to `found`, without blocks up to `after`, which are not beyond. Gives how many of its bytes are
/// neither zero nor of such a block. Every record is given to `list`.
pub(super) fn look(
    file: &Path,
    bytes: &[u8],
    from: usize,
    after: Position,
    found: &mut Vec<IntactBlocks>,
    list: &mut dyn FnMut(Position, &Record) -> io::Result<()>,
) -> io::Result<u64> {
    // The zeros that end a file are not searched, but the last ones may be a block's.
    let used =
        bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(MAX_BLOCK_BYTES));
    let bytes = bytes.get(..used.min(bytes.len())).unwrap_or_default();
    let (mut others, mut end) = (0, from);
    for (offset, view) in intact_blocks(bytes, from) {
        let length = view.header().block_bytes();
        let whole = bytes.get(offset..offset.saturating_add(length)).unwrap_or_default();
        let Some(block) = Block::decode(whole).ok().filter(|block| block.first > after) else { continue };
        others += not_zero(bytes.get(end..offset));
        end = offset.saturating_add(length);
        let transfers = block.records.iter().filter(|record| is_transfer(&record.event)).count() as u64;
        let (offset, length) = (offset as u64, length as u64);
        match found.last_mut() {
            Some(run)
                if run.file == file
                    && run.offset.saturating_add(run.bytes) == offset
                    && view.follows(run.tip).is_some() =>
            {
                run.bytes = run.bytes.saturating_add(length);
                run.blocks = run.blocks.saturating_add(1);
                run.transfers = run.transfers.saturating_add(transfers);
                (run.last, run.tip) = (block.last(), block.tip());
            }
            _ => found.push(IntactBlocks {
                file: file.to_owned(),
                offset,
                bytes: length,
                blocks: 1,
                first: block.first,
                last: block.last(),
                transfers,
                tip: block.tip(),
            }),
        }
        for (position, record) in block.positioned() {
            list(position, record)?;
        }
    }
    others += not_zero(bytes.get(end..));
    Ok(others)
}

const fn is_transfer(event: &Event) -> bool {
    matches!(event, Event::TransferSettled(_) | Event::TransferRefused(..))
}

fn not_zero(bytes: Option<&[u8]>) -> u64 {
    bytes.unwrap_or_default().iter().filter(|byte| **byte != 0).count() as u64
}
