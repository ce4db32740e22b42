//! A store's journal, read beside whoever has the store open.
//!
//! A block that is durable never changes, and the end mark says up to where they are: it is written after the flush. So
//! whoever looks at the mark first, and reads no further than it says, needs no lock and asks nobody.

use std::path::Path;
use std::sync::Arc;

use quittance_journal::{LogReader as _, Position, Tip};

use super::end_mark::EndMark;
use super::segments::{Access, SegmentSizes, Segments};
use super::{END_FILE, JOURNAL_FOLDER, JournalReader, StoreError, check_mark, io, key_list, read_format};

/// What is durable of a journal that others may add to.
#[derive(Debug)]
pub(crate) struct JournalBeside {
    reader: JournalReader,
    tip: Tip,
    keys: Vec<[u8; 32]>,
}

impl JournalBeside {
    /// Looks at the journal of the store in the folder `path`, and changes nothing.
    ///
    /// # Errors
    /// There is no store of this format, it can't be read, or it has lost blocks or its list of keys.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        if read_format(path)?.is_none() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let end = path.join(END_FILE);
        // Before the files: these have all that was durable when the mark was read.
        let mark = EndMark::read(&end).map_err(|error| io(&end, error))?;
        let mark = mark.ok_or(StoreError::EndMark(end))?;
        let segments = Segments::open(&path.join(JOURNAL_FOLDER), SegmentSizes::USUAL, Access::Read)?;
        let segments = Arc::new(segments);
        let tip = check_mark(mark, &segments)?;
        let keys = key_list::read(path).map_err(|error| io(path, error))?;
        let keys = keys.filter(|keys| !keys.is_empty() || tip == Tip::GENESIS).ok_or(StoreError::Keys)?;
        Ok(Self { reader: JournalReader::new(segments), tip, keys })
    }

    /// The last block that is known to be durable. After a crash there may be more than this until the next start.
    pub(crate) const fn tip(&self) -> Tip {
        self.tip
    }

    /// The fingerprints of the keys that the store was used with, oldest first.
    pub(crate) fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    /// The bytes of the block that has the record at `position`, if there is one.
    pub(crate) fn block_at(&self, position: Position) -> Result<Option<Vec<u8>>, StoreError> {
        self.reader.block_at(position).map_err(|error| StoreError::Journal(Box::new(error)))
    }
}
