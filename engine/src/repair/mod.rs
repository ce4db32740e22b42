//! Repair: the longest beginning of a damaged journal that is whole, in a new store, and a report of what is beyond it.
//!
//! Nothing that comes after damage is taken over, however whole it looks: each block rests on those before it. It is listed, so that
//! people can see what was lost and do it again. The damaged store is only read.

mod beyond;
mod reading;
mod salvage;

use std::path::{Path, PathBuf};

use quittance_journal::{Position, Record, Tip};
use quittance_ledger::Timestamp;

use crate::audit::{AuditError, AuditProgress, AuditReport, audit_with};
use crate::keys::Keys;
use crate::store::{DamagedStore, NewStore, StoreError};

pub use beyond::IntactBlocks;
use salvage::Salvage;

/// Why a store can't be repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The damaged store can't be looked at, or the new one can't be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The list of keys is lost.
    #[error(
        "the store's list of the keys it was used with is lost: name the folder of the server's keys with --keys"
    )]
    KeysNeeded,
    /// The keys are not those of the store.
    #[error("the store was used with other keys than these: give its verifier.key and all its seal keys")]
    KeysDiffer,
    /// What is beyond the damage could not be written down.
    #[error("the list of what is beyond the damage can't be written: {0}")]
    List(#[source] std::io::Error),
    /// The salvaged journal breaks a rule.
    #[error("what could be salvaged {verdict}, and nothing was made: {0}", verdict = .0.verdict())]
    Audit(#[from] Box<AuditError>),
}

/// What came of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairReport {
    /// What the new store has, by its audit. None: not even the first block is whole, and no store was made.
    pub salvaged: Option<AuditReport>,
    /// Where the beginning ends that is whole.
    pub end: Tip,
    /// When the last record up to there was decided.
    pub at: Option<Timestamp>,
    /// The first damage. None: the journal is whole up to where it is known to have reached.
    pub damage: Option<FirstDamage>,
    /// Up to where the journal once reached, at the least: the first record of its last block, by the end mark. None where the mark
    /// is lost, or of another journal: then nobody can tell whether more is gone from the end.
    pub reached: Option<Position>,
    /// Blocks beyond the end of the new store that look intact, those together that follow one another.
    pub beyond: Vec<IntactBlocks>,
    /// Bytes beyond that end that are neither zero nor of such a block.
    pub other_bytes: u64,
    /// Bytes that the disk did not give.
    pub unreadable_bytes: u64,
}

/// Where a journal is damaged first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstDamage {
    /// The first record that is lost.
    pub position: Position,
    /// The file that should have it.
    pub file: PathBuf,
    /// From which byte of the file on.
    pub offset: u64,
    /// What is wrong there.
    pub kind: Damage,
}

/// What is wrong with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A block has changed since it was written, and says of itself which records it has.
    #[error("the block of positions {first} to {last} is not as it was written")]
    Block {
        /// Its first record.
        first: Position,
        /// Its last record.
        last: Position,
    },
    /// There is no block where one should be.
    #[error("what stands there is no block")]
    NoBlock,
    /// There is nothing where a block should be.
    #[error("there is nothing where the next block should be")]
    Nothing,
    /// A block is whole, but does not belong there.
    #[error("a block of position {0} stands there, which does not follow the one before it")]
    Other(Position),
    /// The disk can't read it.
    #[error("the disk can't read it")]
    Unreadable,
    /// A whole file is gone.
    #[error("the file is missing")]
    FileMissing,
    /// The file ends too early.
    #[error("the file is cut off there")]
    FileCut,
}

/// Makes a store in the folder `target`, which must not be there, of the longest beginning of the journal in the folder `store` that
/// is whole; it is audited before it gets its name. The damaged store, which nobody may have open, is only read. `list` is given
/// every record beyond, of blocks that look intact. `keys` are needed where the store's own list of them is lost.
///
/// # Errors
/// As [`RepairError`] says. Nothing is left at the target.
pub fn repair(
    store: &Path,
    target: &Path,
    keys: Option<&Keys>,
    list: &mut dyn FnMut(Position, &Record) -> std::io::Result<()>,
    progress: &mut dyn FnMut(AuditProgress),
) -> Result<RepairReport, RepairError> {
    let damaged = DamagedStore::open(store)?;
    let keys = match (&damaged.keys, keys.map(Keys::fingerprints)) {
        (Some(known), Some(given)) if !given.starts_with(known) => return Err(RepairError::KeysDiffer),
        (Some(known), _) => known.clone(),
        (None, Some(given)) => given,
        (None, None) => return Err(RepairError::KeysNeeded),
    };
    let mut new = NewStore::begin(target)?;
    let mut salvage = Salvage::new(damaged.reached);
    for (index, file) in (0..).zip(&damaged.files) {
        let is_last = index == damaged.files.len().saturating_sub(1);
        salvage.take(index, file, is_last, &mut new, list)?;
    }
    let mut report = salvage.finish();
    if report.end != Tip::GENESIS {
        let made = new.close(&keys)?;
        report.salvaged = Some(audit_with(made, None, progress).map_err(Box::new)?);
        new.name()?;
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
