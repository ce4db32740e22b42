//! Restoring: a new store that is made of a backup, to its end or to a point before.

use std::path::Path;

use quittance_journal::{Block, Position, Record};
use quittance_ledger::Timestamp;

use super::folder::BackupFolder;
use super::{BackupError, pieces};
use crate::audit::{AuditProgress, AuditReport, audit_with};
use crate::store::NewStore;

/// Up to where a backup is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestorePoint {
    /// All of it.
    End,
    /// The record at this position is the last one.
    At(Position),
    /// All before the first record that was decided at this instant or after it.
    Before(Timestamp),
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// What the new store has, by the audit.
    pub audit: AuditReport,
    /// When its last record was decided.
    pub at: Timestamp,
    /// How many records of the backup come after the point.
    pub left_out: u64,
    /// The first record of the last block, where the point is in the middle of one: the new store's last block is a part of it,
    /// under another hash.
    pub cut_block: Option<Position>,
}

/// Makes a store in the folder `target`, which must not be there, of the backup in the folder `backup`. It is audited before it gets
/// its name; `progress` is told how far that has come.
///
/// # Errors
/// The backup is damaged before the point, or breaks a rule, or has no such point; or the target is there, or has no room. Nothing
/// is left at the target.
pub fn restore(
    backup: &Path,
    target: &Path,
    point: RestorePoint,
    progress: &mut dyn FnMut(AuditProgress),
) -> Result<RestoreReport, BackupError> {
    let backup = BackupFolder::open(backup)?;
    let manifest = backup.manifest();
    let end = manifest.tip.position;
    match point {
        _ if end == Position::START => return Err(BackupError::Empty),
        RestorePoint::At(asked) if asked > end => return Err(BackupError::PastTheEnd { asked, end }),
        _ => {}
    }
    let mut store = NewStore::begin(target)?;
    let (mut last, mut at, mut cut_block) = (Position::START, Timestamp::EPOCH, None);
    pieces::walk(&backup, |view, bytes, _| {
        let first = view.header().first;
        let unreadable = || BackupError::Unreadable(first);
        let block = Block::decode(bytes).map_err(|_| unreadable())?;
        let Some((position, record)) = last_to_keep(&block, point) else { return Ok(false) };
        let is_whole = position == block.last();
        if is_whole {
            store.append(first, bytes)?;
        } else {
            store.append(first, &view.cut_after(position).ok_or_else(unreadable)?)?;
            cut_block = Some(first);
        }
        (last, at) = (position, record.at);
        // Nothing after the point is looked at: it may be damaged.
        Ok(is_whole && point != RestorePoint::At(position))
    })?;
    if last == Position::START {
        return Err(BackupError::NothingBefore);
    }
    let made = store.close(&manifest.keys)?;
    let audit = audit_with(made, None, progress).map_err(Box::new)?;
    store.name()?;
    Ok(RestoreReport { audit, at, left_out: end.get().saturating_sub(last.get()), cut_block })
}

/// The last record of a block that comes up to the point, if any does.
fn last_to_keep(block: &Block, point: RestorePoint) -> Option<(Position, &Record)> {
    let is_kept = |(position, record): &(Position, &Record)| match point {
        RestorePoint::End => true,
        RestorePoint::At(last) => *position <= last,
        // Instants are taken before records get their order, so one may be a moment before its neighbour's.
        RestorePoint::Before(instant) => record.at < instant,
    };
    block.positioned().take_while(is_kept).last()
}
