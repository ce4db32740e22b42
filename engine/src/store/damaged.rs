//! A store that may be damaged, as far as it can be looked at. Nothing in it changes.

use std::fs::File;
use std::path::Path;

use quittance_journal::{BlockView, Position};

use super::end_mark::{EndMark, Mark};
use super::segments::{SegmentFile, SegmentSizes, segment_files};
use super::{END_FILE, JOURNAL_FOLDER, StoreError, key_list, lock_to_read, read_format};

/// What is left of a store. No server can open it meanwhile.
#[derive(Debug)]
pub(crate) struct DamagedStore {
    /// In the order of their numbers.
    pub(crate) files: Vec<SegmentFile>,
    /// Up to where the journal once reached; none where that can't be read.
    pub(crate) reached: Option<Reached>,
    /// The keys that the store was used with; none where the list can't be read.
    pub(crate) keys: Option<Vec<[u8; 32]>>,
    _lock: Option<File>,
}

/// The last block of the journal when it was last made durable, as far as is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached(Mark);

impl DamagedStore {
    /// Looks at the store in the folder `path`. One whose format file can't be read is looked at too, where it has a journal.
    ///
    /// # Errors
    /// There is no store, or one of another format, or it is open elsewhere.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let files = segment_files(&path.join(JOURNAL_FOLDER), SegmentSizes::USUAL);
        match read_format(path) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(StoreError::Missing(path.to_owned())),
            Err(StoreError::NotAStore(_) | StoreError::Format(_) | StoreError::Io { .. })
                if files.as_ref().is_ok_and(|files| !files.is_empty()) => {}
            Err(error) => return Err(error),
        }
        let lock = lock_to_read(path)?;
        let files = files?;
        // What can't be read is as good as gone.
        let reached = EndMark::read(&path.join(END_FILE)).unwrap_or_default().map(Reached);
        let keys = key_list::read(path).unwrap_or_default();
        let keys = keys.filter(|keys| !keys.is_empty() || files.is_empty());
        Ok(Self { files, reached, keys, _lock: lock })
    }
}

impl Reached {
    /// The first record of that block; position 0 where there was none.
    pub(crate) const fn first(self) -> Position {
        self.0.first
    }

    /// Whether this is that block.
    pub(crate) fn is(self, view: &BlockView<'_>) -> bool {
        Mark::of(view.header()) == self.0
    }
}
