//! The sled database, which holds what is made from the journal, and whether it still has all that was durable.
//!
//! It is made durable from time to time only, and counts how often that was. A file beside it, `SYNCED`, counts too: a database
//! that counts less has lost what was durable, as sled ends its log where it finds damage and says nothing. One that has
//! nothing at all is new, whatever the file says: all of it is made from the journal.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::end_mark::{EndMark, Mark};
use super::keyed::{Tree, Trees};
use super::{StoreError, io};
use crate::folder;

/// Under which key the database counts how many times it was made durable.
const SYNCED_KEY: &[u8] = b"synced";

/// The open database. No other process can open it meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    trees: Trees,
    folder: Arc<Path>,
    mark: Arc<Mutex<EndMark>>,
}

impl Database {
    /// Opens the database in `folder` of the store at `store`, or makes it, and sees that it has all that the file `mark` says.
    pub(super) fn open(store: &Path, folder: &Path, mark: &Path) -> Result<Self, StoreError> {
        let trees = Trees::open(store, folder)?;
        let is_new = trees.is_new();
        let lost = || StoreError::DatabaseLost(folder.to_owned());
        let mark = match EndMark::open(mark).map_err(|error| io(mark, error))? {
            Some((mark, _)) => mark,
            None if is_new => {
                let created = EndMark::create(mark).map_err(|error| io(mark, error))?;
                // Its name too, before the database has anything: one that has something and no mark has lost it.
                folder::sync(store).map_err(|error| io(store, error))?;
                created
            }
            None => return Err(lost()),
        };
        let synced = trees.get(SYNCED_KEY)?.map(|value| value.as_ref().try_into().map(u64::from_be_bytes));
        let is_whole = match synced {
            Some(Ok(synced)) => synced >= mark.writes(),
            Some(Err(_)) => false,
            None => is_new,
        };
        if !is_whole {
            return Err(lost());
        }
        let database = Self { trees, folder: folder.into(), mark: Arc::new(Mutex::new(mark)) };
        // Before it has a tree: one that has is not new.
        database.sync()?;
        Ok(database)
    }

    pub(super) fn tree(&self, name: &'static str) -> Result<Tree, StoreError> {
        self.trees.tree(name)
    }

    /// Makes durable what was written to it until now.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let mut mark = self.mark.lock();
        let synced = mark.writes().saturating_add(1);
        self.trees.sync(SYNCED_KEY, &synced.to_be_bytes(), &self.folder)?;
        // Only now: the mark must never be ahead of what is durable.
        mark.write(Mark::NOTHING).and_then(|()| mark.sync()).map_err(|error| io(&self.folder, error))
    }
}
