//! The sled database, which holds what is made from the journal, and whether it still has all that was durable.
//!
//! It is made durable from time to time only, and counts how often that was. A file beside it, `SYNCED`, counts too: a database
//! that counts less has lost what was durable, as sled ends its log where it finds damage and says nothing. One that has
//! nothing at all is new, whatever the file says: all of it is made from the journal.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::end_mark::{EndMark, Mark};
use super::{StoreError, io, patiently};
use crate::folder;

/// How much sled writes at a time. A leaf of sled's tree holds up to 17 values, and one that outgrows a quarter of a
/// segment is written to a file of its own, which sled 0.34.7 never syncs; a leaf full of the index's largest values fits.
const SEGMENT_BYTES: usize = 16 * 1_024 * 1_024;

const CACHE_BYTES: u64 = 256 * 1_024 * 1_024;

/// Under which key the database counts how many times it was made durable.
const SYNCED_KEY: &[u8] = b"synced";

/// The open database. No other process can open it meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    sled: sled::Db,
    folder: Arc<Path>,
    file: Arc<File>,
    mark: Arc<Mutex<EndMark>>,
}

impl Database {
    /// Opens the database in `folder` of the store at `store`, or makes it, and sees that it has all that the file `mark` says.
    pub(super) fn open(store: &Path, folder: &Path, mark: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(folder)
            .mode(sled::Mode::HighThroughput)
            .cache_capacity(CACHE_BYTES)
            .segment_size(SEGMENT_BYTES)
            // What must be durable is flushed by whoever waits for it.
            .flush_every_ms(None);
        let sled = patiently(|| {
            config.open().map_err(|error| match error {
                sled::Error::Io(io) if io.to_string().contains("could not acquire lock") => {
                    StoreError::Locked(store.to_owned())
                }
                other => StoreError::Database(other),
            })
        })?;
        let is_new = sled.is_empty() && sled.tree_names().len() == 1;
        let lost = || StoreError::DatabaseLost(folder.to_owned());
        let mark = match EndMark::open(mark).map_err(|error| io(mark, error))? {
            Some((mark, _)) => mark,
            None if is_new => EndMark::create(mark).map_err(|error| io(mark, error))?,
            None => return Err(lost()),
        };
        let synced = sled.get(SYNCED_KEY)?.map(|value| value.as_ref().try_into().map(u64::from_be_bytes));
        let is_whole = match synced {
            Some(Ok(synced)) => synced >= mark.writes(),
            Some(Err(_)) => false,
            None => is_new,
        };
        if !is_whole {
            return Err(lost());
        }
        let path = folder.join("db");
        let file = File::open(&path).map_err(|error| io(&path, error))?;
        folder::sync(folder).map_err(|error| io(folder, error))?;
        let database =
            Self { sled, folder: folder.into(), file: Arc::new(file), mark: Arc::new(Mutex::new(mark)) };
        // Before it has a tree: one that has is not new.
        database.sync()?;
        Ok(database)
    }

    pub(super) fn tree(&self, name: &str) -> Result<sled::Tree, StoreError> {
        Ok(self.sled.open_tree(name)?)
    }

    /// Makes durable what was written to it until now.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let mut mark = self.mark.lock();
        let synced = mark.writes().saturating_add(1);
        self.sled.insert(SYNCED_KEY, &synced.to_be_bytes())?;
        self.sled.flush()?;
        let failed = |error| io(&self.folder, error);
        // sled's flush writes the file but asks for neither its metadata nor the disk's own cache.
        self.file.sync_data().map_err(failed)?;
        // Only now: the mark must never be ahead of what is durable.
        mark.write(Mark::NOTHING).and_then(|()| mark.sync()).map_err(failed)
    }
}
