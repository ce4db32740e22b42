//! Making a backup, or adding to it what came after.

use std::path::Path;

use quittance_journal::{Block, BlockView, Position, Tip};
use quittance_ledger::Timestamp;

use super::folder::BackupFolder;
use super::manifest::{Manifest, Piece};
use super::pieces::{self, MAX_PIECE_BYTES, PieceWriter};
use super::{BackupContent, BackupError};
use crate::store::{JournalBeside, StoreError};

/// What a run has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// All that the backup has now.
    pub content: BackupContent,
    /// Where it ended before.
    pub before: Position,
    /// How many bytes of blocks are new.
    pub new_bytes: u64,
}

/// Backs the store in the folder `store` up to the folder `target`: all that is durable, or of it what came after the last backup
/// there. The store may be open elsewhere, and nothing in it changes.
///
/// The backup is the one before until this one is whole and on the disk, and from then on this one, whatever happens.
///
/// # Errors
/// The store or the target can't be used, or the target is a backup of another store. The backup is the one before.
pub fn back_up(store: &Path, target: &Path) -> Result<BackupReport, BackupError> {
    back_up_with(store, target, MAX_PIECE_BYTES)
}

pub(super) fn back_up_with(
    store: &Path,
    target: &Path,
    max_piece_bytes: u64,
) -> Result<BackupReport, BackupError> {
    let journal = JournalBeside::open(store)?;
    let mut backup = BackupFolder::open_or_begin(target)?;
    let old = backup.manifest();
    backup.check_lengths()?;
    check_same_history(&journal, &old)?;
    // After a loss of power the store may know less of what is durable than the backup has, until its next start.
    let has_new_blocks = journal.tip().position > old.tip.position;
    let mut manifest = Manifest { keys: journal.keys().to_vec(), ..old.clone() };
    let mut new_bytes = 0;
    if has_new_blocks {
        let (kept, joined) = old.pieces.split_at(first_to_join(&old.pieces, max_piece_bytes));
        let mut writer = PieceWriter::new(&backup, max_piece_bytes);
        for piece in joined {
            pieces::each(&backup, piece, |view, block| writer.append(view.header(), block).map(|()| true))?;
        }
        (new_bytes, manifest.at) = copy_new(&journal, old.tip, &mut writer)?;
        manifest.tip = journal.tip();
        manifest.pieces = kept.iter().copied().chain(writer.finish()?).collect();
    }
    let content = manifest.content();
    if backup.is_new() || manifest != old {
        backup.replace_manifest(manifest)?;
    }
    Ok(BackupReport { content, before: old.tip.position, new_bytes })
}

/// Sees that what the backup has is the beginning of the journal.
fn check_same_history(journal: &JournalBeside, old: &Manifest) -> Result<(), BackupError> {
    let end = old.tip.position;
    if !journal.keys().starts_with(&old.keys) {
        return Err(BackupError::OtherHistory(end));
    }
    if end == Position::START {
        return Ok(());
    }
    let block = journal.block_at(end)?.ok_or(BackupError::OtherHistory(end))?;
    let view = BlockView::read(&block).map_err(|_| StoreError::BlocksLost(end))?;
    // The chain makes it the same from the first block on.
    if view.tip() == old.tip { Ok(()) } else { Err(BackupError::OtherHistory(end)) }
}

/// Copies what comes after `tip`. Gives how many bytes that is, and when the last record was decided.
fn copy_new(
    journal: &JournalBeside,
    mut tip: Tip,
    writer: &mut PieceWriter<'_>,
) -> Result<(u64, Timestamp), BackupError> {
    let (mut bytes, mut at) = (0_u64, Timestamp::EPOCH);
    while tip.position < journal.tip().position {
        let next = tip.position.next();
        let lost = || StoreError::BlocksLost(next);
        let block = journal.block_at(next)?.ok_or_else(lost)?;
        let view = BlockView::read(&block).map_err(|_| lost())?;
        tip = view.follows(tip).ok_or_else(lost)?;
        writer.append(view.header(), &block)?;
        bytes = bytes.saturating_add(block.len() as u64);
        if tip.position >= journal.tip().position {
            let records = Block::decode(&block).map_err(|_| lost())?.records;
            at = records.last().map_or(at, |record| record.at);
        }
    }
    if tip == journal.tip() { Ok((bytes, at)) } else { Err(StoreError::BlocksLost(tip.position).into()) }
}

/// Which of the pieces is the first that is written again together with what is new. From the last one on, each that is no
/// larger than those after it together is joined to them; so there are few pieces, and each block is written again only when
/// what it is in has at least doubled.
fn first_to_join(pieces: &[Piece], max_piece_bytes: u64) -> usize {
    let Some((last, before)) = pieces.split_last() else { return 0 };
    let (mut joined_bytes, mut first) = (last.bytes, before.len());
    for piece in before.iter().rev() {
        let together = joined_bytes.saturating_add(piece.bytes);
        if piece.bytes > joined_bytes || together > max_piece_bytes {
            break;
        }
        (joined_bytes, first) = (together, first.saturating_sub(1));
    }
    // One by itself stays as it is.
    if first == before.len() { pieces.len() } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_few_pieces_however_often_a_backup_is_run() {
        const RUNS: u64 = 10_000;
        const NEW_BYTES: u64 = 1_000;
        let (mut pieces, mut written, mut position) = (Vec::<Piece>::new(), 0, 0);
        for run in 1..=RUNS {
            let first = first_to_join(&pieces, MAX_PIECE_BYTES);
            let joined: u64 = pieces.drain(first..).map(|piece| piece.bytes).sum();
            let (first, last) = (Position::new(position + 1), Position::new(run));
            pieces.push(Piece { first, last, blocks: 1, bytes: joined + NEW_BYTES, hash: [0; 32] });
            position = run;
            written += joined + NEW_BYTES;
            assert_eq!(pieces.iter().map(|piece| piece.bytes).sum::<u64>(), run * NEW_BYTES);
            assert!(pieces.len() <= 2 + run.ilog2() as usize, "{} after {run} runs", pieces.len());
        }
        assert!(written <= RUNS * NEW_BYTES * u64::from(RUNS.ilog2()), "{written}");
    }

    #[test]
    fn a_piece_that_is_large_enough_is_left_alone() {
        let piece = |bytes| {
            let first = Position::new(1);
            Piece { first, last: first, blocks: 1, bytes, hash: [0; 32] }
        };
        for (bytes, first) in [
            (vec![], 0),
            (vec![5], 1),
            (vec![5, 5], 0),
            (vec![5, 4], 2),
            (vec![9, 5, 5], 0),
            (vec![11, 5, 5], 1),
            (vec![80, 40, 40], 1),
            (vec![60, 60], 2),
        ] {
            let pieces: Vec<_> = bytes.iter().map(|bytes| piece(*bytes)).collect();
            assert_eq!(first_to_join(&pieces, 100), first, "{bytes:?}");
        }
    }
}
