//! A store that is made of blocks there are already, and gets its name when all of it is on the disk.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use quittance_journal::{Log as _, LogError, Position};

use super::journal::JournalWriter;
use super::{Store, StoreError, io, sync_folder};

/// How much of a journal is written before it is made durable.
const BYTES_PER_FLUSH: usize = 8 * 1_024 * 1_024;

/// A store that is being made beside its place. One that does not get its name is taken away again.
#[derive(Debug)]
pub(crate) struct NewStore {
    target: PathBuf,
    unfinished: PathBuf,
    open: Option<(JournalWriter, Store)>,
    unflushed_bytes: usize,
    is_named: bool,
}

impl NewStore {
    /// Begins a store that is to be the folder `target`, which must not be there.
    pub(crate) fn begin(target: &Path) -> Result<Self, StoreError> {
        let unfinished = unfinished(target)?;
        // A rename would take the place of an empty folder without a word.
        if target.symlink_metadata().is_ok() {
            return Err(StoreError::Exists(target.to_owned()));
        }
        if unfinished.symlink_metadata().is_ok() {
            return Err(StoreError::Unfinished(unfinished));
        }
        let mut new =
            Self { target: target.to_owned(), unfinished, open: None, unflushed_bytes: 0, is_named: false };
        let store = Store::open(&new.unfinished)?;
        new.open = Some((store.journal_writer()?, store));
        Ok(new)
    }

    /// Adds the block that comes next.
    pub(crate) fn append(&mut self, first: Position, block: &[u8]) -> Result<(), StoreError> {
        let Some((writer, _)) = &mut self.open else { unreachable!("no block comes after the last") };
        writer.append(first, block).map_err(failed)?;
        self.unflushed_bytes = self.unflushed_bytes.saturating_add(block.len());
        if self.unflushed_bytes >= BYTES_PER_FLUSH {
            writer.flush().map_err(failed)?;
            self.unflushed_bytes = 0;
        }
        Ok(())
    }

    /// Ends it: all of it is durable when this returns, and nobody has it open. It is to be used with these keys. Gives the folder
    /// where it can be looked at before it gets its name.
    pub(crate) fn close(&mut self, keys: &[[u8; 32]]) -> Result<&Path, StoreError> {
        if let Some((mut writer, store)) = self.open.take() {
            writer.flush().map_err(failed)?;
            store.write_keys(keys)?;
            store.sync()?;
        }
        Ok(&self.unfinished)
    }

    /// Gives it its name.
    pub(crate) fn name(mut self) -> Result<(), StoreError> {
        fs::rename(&self.unfinished, &self.target).map_err(|error| io(&self.target, error))?;
        self.is_named = true;
        let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync_folder(parent.unwrap_or(Path::new(".")))
    }

    /// Removes what the making of a store at `target` has left that a crash cut off.
    pub(crate) fn discard_unfinished(target: &Path) -> Result<(), StoreError> {
        let unfinished = unfinished(target)?;
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io(&unfinished, error)),
            _ => Ok(()),
        }
    }
}

impl Drop for NewStore {
    fn drop(&mut self) {
        if !self.is_named {
            self.open = None;
            // Whoever gave it up has said why; what can't be removed is found by the next attempt.
            let _ = fs::remove_dir_all(&self.unfinished);
        }
    }
}

/// What a store that is to be at `target` is called until it is whole.
fn unfinished(target: &Path) -> Result<PathBuf, StoreError> {
    let name = target.file_name().ok_or_else(|| StoreError::Exists(target.to_owned()))?;
    let mut unfinished = name.to_owned();
    unfinished.push(".unfinished");
    Ok(target.with_file_name(unfinished))
}

fn failed(error: LogError) -> StoreError {
    StoreError::Journal(Box::new(error))
}
