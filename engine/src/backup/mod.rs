//! Backups: a folder that has all blocks of a journal up to a position, and stores that are made of one.
//!
//! A backup is taken beside the running server: it reads the journal's files up to where they are durable, which never change
//! there ([`JournalBeside`](crate::store::JournalBeside)), and asks nobody. Wallets, index and heads are not in it, because a
//! start makes them of the journal; nor are the server's secret keys.
//!
//! | file | what |
//! | --- | --- |
//! | `MANIFEST` | what the backup is: its pieces with their hashes, the end of its journal, and what tells the keys (`manifest.rs`) |
//! | `N-M.blocks` | a piece: the blocks of the positions N to M, one after the other, as they are in the journal |
//! | `LOCK` | held by whoever is at it |
//!
//! A file is never written to again once it has its name. A run writes what is new to a piece of its own, then the manifest anew
//! under another name, and renames it: until that moment the backup is the one before, and from then on the new one. Pieces
//! that are small are written together with what is new, as the digits of a counter are carried, so that there are few of them
//! however often it is run.

mod folder;
mod make;
mod manifest;
mod pieces;
mod restore;
mod verify;

use std::path::{Path, PathBuf};

use quittance_journal::{BlockHash, Position};
use quittance_ledger::Timestamp;

use crate::audit::AuditError;
use crate::store::StoreError;

pub use make::{BackupReport, back_up};
pub use restore::{RestorePoint, RestoreReport, restore};
pub use verify::verify_backup;

/// Why a backup can't be made, verified or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store says no: the one that is backed up, or the one that is made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system says no.
    #[error("the backup can't be used: {path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        error: std::io::Error,
    },
    /// Nothing could be added.
    #[error(
        "the backup could not be added to: {path}: {error}; it is as it was: see that there is room, and run it again"
    )]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        error: std::io::Error,
    },
    /// A folder with other things in it.
    #[error("{0} is not a backup, and not empty: choose another folder")]
    NotABackup(PathBuf),
    /// There is no backup.
    #[error("there is no backup in {0}")]
    Missing(PathBuf),
    /// Another process is at it.
    #[error("the backup {0} is being used by another process: wait until that one is done")]
    Locked(PathBuf),
    /// It was made by a version of Quittance that this one does not know.
    #[error("the backup {path} has format {found}, this version reads format 1: use a newer version")]
    NewerFormat {
        /// The backup.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The manifest is not as it was written.
    #[error("the backup is damaged: {0} is not as it was written; make a new backup in another folder")]
    Manifest(PathBuf),
    /// A piece is not there.
    #[error(
        "the backup is damaged: {path} is missing, which has all from position {first} on; make a new backup in another folder, \
         or restore with --at {} what comes before", before(.first)
    )]
    PieceMissing {
        /// The file.
        path: PathBuf,
        /// The first record that is gone with it.
        first: Position,
    },
    /// A piece is not as it was written.
    #[error(
        "the backup is damaged: {path} is not as it was written, from position {first} on; make a new backup in another folder, \
         or restore with --at {} what comes before", before(.first)
    )]
    PieceDamaged {
        /// The file.
        path: PathBuf,
        /// The first record that can't be used.
        first: Position,
    },
    /// A block is whole, but this version can't read it.
    #[error("the backup's block at position {0} can't be read by this version: use the one that wrote it")]
    Unreadable(Position),
    /// The store's journal is not the one that was backed up.
    #[error(
        "the backup ends at position {0} with a block that the store does not have there: the store is another one, or was \
         restored to what was before, or has lost its end; keep this backup, and back the store up to another folder"
    )]
    OtherHistory(Position),
    /// The keys are not those of the store.
    #[error(
        "the store that was backed up was used with other keys than these: keep its verifier.key and all its seal keys"
    )]
    KeysDiffer,
    /// The point that is to be restored is past the end.
    #[error("the backup ends at position {end}, before {asked}: choose a position up to that")]
    PastTheEnd {
        /// What was asked for.
        asked: Position,
        /// Where the backup ends.
        end: Position,
    },
    /// The point that is to be restored is before the first record.
    #[error("the backup has no record up to that point: choose a later one")]
    NothingBefore,
    /// There is nothing to restore.
    #[error("the backup has no record: there is nothing to restore")]
    Empty,
    /// What would be restored breaks a rule, or can't be audited.
    #[error("what would be restored {verdict}, and nothing was made: {0}", verdict = .0.verdict())]
    Audit(#[from] Box<AuditError>),
}

/// The end of a backup, and how much there is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupContent {
    /// The last record.
    pub position: Position,
    /// When the last record was decided. None of a journal without any.
    pub at: Option<Timestamp>,
    /// The hash of the last block.
    pub hash: BlockHash,
    /// How many blocks.
    pub blocks: u64,
    /// In how many files.
    pub pieces: usize,
    /// Of how many bytes together.
    pub bytes: u64,
}

fn before(position: &Position) -> Position {
    Position::new(position.get().saturating_sub(1))
}

fn io(path: &Path, error: std::io::Error) -> BackupError {
    BackupError::Io { path: path.to_owned(), error }
}

#[cfg(test)]
pub(crate) mod tests;
