//! What holds keys and values in trees: sled. With the feature `simulation` a thread may have one in memory instead, which loses
//! what was not made durable ([`crate::simulation`]).

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::disk::File;
use super::{StoreError, io, patiently};
use crate::folder;

#[cfg(feature = "simulation")]
mod either;

#[cfg(feature = "simulation")]
pub(super) use either::{Batch, Tree};
#[cfg(not(feature = "simulation"))]
pub(super) use sled::{Batch, Tree};

/// A key or a value.
pub(super) type Bytes = sled::IVec;

/// How much sled writes at a time. A leaf of sled's tree holds up to 17 values, and one that outgrows a quarter of a
/// segment is written to a file of its own, which sled 0.34.7 never syncs; a leaf full of the index's largest values fits.
const SEGMENT_BYTES: usize = 16 * 1_024 * 1_024;

const CACHE_BYTES: u64 = 256 * 1_024 * 1_024;

/// All trees. No other process can open them meanwhile.
#[derive(Clone, Debug)]
pub(super) enum Trees {
    Sled {
        sled: sled::Db,
        file: Arc<File>,
    },
    #[cfg(feature = "simulation")]
    Simulated(crate::simulation::Keyed),
}

impl Trees {
    /// Opens those in `folder` of the store at `store`, or makes the first.
    pub(super) fn open(store: &Path, folder: &Path) -> Result<Self, StoreError> {
        #[cfg(feature = "simulation")]
        if let Some(disk) = crate::simulation::disk::current() {
            let keyed = disk.keyed(folder).map_err(|error| io(store, error))?;
            return Ok(Self::Simulated(keyed));
        }
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
                // It is the disk that says no, and not the database that is damaged.
                sled::Error::Io(error) if is_of_the_disk(error.kind()) => io(folder, error),
                other => StoreError::Database(other),
            })
        })?;
        let path = folder.join("db");
        let file = File::open(&path).map_err(|error| io(&path, error))?;
        folder::sync(folder).map_err(|error| io(folder, error))?;
        Ok(Self::Sled { sled, file: Arc::new(file) })
    }

    /// Whether nothing was ever written to them.
    pub(super) fn is_new(&self) -> bool {
        match self {
            Self::Sled { sled, .. } => sled.is_empty() && sled.tree_names().len() == 1,
            #[cfg(feature = "simulation")]
            Self::Simulated(keyed) => keyed.is_new(),
        }
    }

    pub(super) fn tree(&self, name: &'static str) -> Result<Tree, StoreError> {
        match self {
            #[cfg(not(feature = "simulation"))]
            Self::Sled { sled, .. } => Ok(sled.open_tree(name)?),
            #[cfg(feature = "simulation")]
            Self::Sled { sled, .. } => Ok(Tree::Sled(sled.open_tree(name)?)),
            #[cfg(feature = "simulation")]
            Self::Simulated(keyed) => Ok(Tree::Simulated(keyed.tree(name))),
        }
    }

    /// A value that is in no tree.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self {
            Self::Sled { sled, .. } => Ok(sled.get(key)?),
            #[cfg(feature = "simulation")]
            Self::Simulated(keyed) => Ok(Tree::Simulated(keyed.tree("")).get(key)?),
        }
    }

    /// Writes a value that is in no tree, and makes durable all that was written to any until now.
    pub(super) fn sync(&self, key: &[u8], value: &[u8], folder: &Path) -> Result<(), StoreError> {
        match self {
            Self::Sled { sled, file } => {
                sled.insert(key, value)?;
                sled.flush()?;
                // sled's flush writes the file but asks for neither its metadata nor the disk's own cache.
                file.sync_data().map_err(|error| io(folder, error))
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(keyed) => {
                Tree::Simulated(keyed.tree("")).insert(key, value)?;
                keyed.sync().map_err(|error| io(folder, error))
            }
        }
    }
}

const fn is_of_the_disk(kind: ErrorKind) -> bool {
    use ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(kind, ReadOnlyFilesystem | StorageFull | QuotaExceeded | PermissionDenied)
}

/// A tree that goes when it is dropped.
#[cfg(test)]
pub(super) fn temporary(name: &str) -> Tree {
    let database = sled::Config::new().temporary(true).open().unwrap();
    let tree = database.open_tree(name).unwrap();
    #[cfg(feature = "simulation")]
    let tree = Tree::Sled(tree);
    tree
}
