//! Verifying a backup: every byte of it, without making a store.

use std::path::Path;

use quittance_journal::Block;

use super::folder::BackupFolder;
use super::{BackupContent, BackupError, pieces};
use crate::keys::Keys;

/// Verifies the backup in the folder `path`: the manifest, every file against its hash, the chain of blocks from the first to
/// the last, and that every record reads. With `keys`, also that they are those that the store was used with. That the records
/// keep the rules of money is what [`restore()`](super::restore()) checks.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_backup(path: &Path, keys: Option<&Keys>) -> Result<BackupContent, BackupError> {
    let backup = BackupFolder::open(path)?;
    let manifest = backup.manifest();
    backup.check_lengths()?;
    let mut at = None;
    let tip = pieces::walk(&backup, |view, block, _| {
        let first = view.header().first;
        let records = Block::decode(block).map_err(|_| BackupError::Unreadable(first))?.records;
        at = records.last().map(|record| record.at);
        Ok(true)
    })?;
    let content = manifest.content();
    if tip != manifest.tip || at != content.at {
        return Err(backup.manifest_damaged());
    }
    match keys {
        Some(keys) if !keys.fingerprints().starts_with(&manifest.keys) => Err(BackupError::KeysDiffer),
        _ => Ok(content),
    }
}
