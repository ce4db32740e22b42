//! The store: what the engine keeps on disk. The one place that knows sled.
//!
//! A store is a folder with a `FORMAT` file, which says what wrote it before anything else is touched, the journal in
//! `journal/`, a file `END` that says where it ends, and the list `KEYS`. What is made from the journal is in a sled database in
//! `sled/`, and `SYNCED` says how much of that was durable; where these two are taken away, the next start makes them again.
//! sled's lock guards all of it. Whoever serves the store may keep files of its own beside these, such as the nonces that
//! devices have used.

mod beside;
mod damaged;
mod database;
pub(crate) mod disk;
mod end_mark;
mod heads;
mod history;
mod journal;
mod key_list;
mod keyed;
mod new_store;
mod segments;
mod state;

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use end_mark::{EndMark, Mark};
use quittance_journal::{BlockHeader, BlockView, LogError, LogReader, Position, Tip, TreeError};
use segments::{Access, SegmentSizes, Segments};
use tempfile::TempDir;

use crate::folder;
use crate::keys::KeyError;

pub(crate) use beside::JournalBeside;
pub(crate) use damaged::{DamagedStore, Reached};
pub(crate) use database::Database;
pub(crate) use heads::HeadsTree;
pub(crate) use history::{
    EntryCounts, Group, HistoryBatch, HistoryTree, IdKey, IdsOfSlice, LastLines, Line, LinkedLine, Opening,
    OpeningName, ReferenceHash,
};
pub use journal::{JournalReader, JournalWriter};
pub(crate) use new_store::NewStore;
pub(crate) use segments::SegmentFile;
pub(crate) use state::{StateBatch, StateTree, StoredState};

const END_FILE: &str = "END";
const SYNCED_FILE: &str = "SYNCED";
const JOURNAL_FOLDER: &str = "journal";
const DATABASE_FOLDER: &str = "sled";
const FORMAT_FILE: &str = "FORMAT";
const UNFINISHED_FORMAT_FILE: &str = "FORMAT.new";
const FORMAT_PREFIX: &str = "quittance store ";
const FORMAT_NUMBER: u32 = 4;
/// Longer than any format file, to read no more than that of a file that is none.
const MAX_FORMAT_FILE_BYTES: usize = 64;

/// How often, and how far apart, a lock is tried for.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// What helps where the database is damaged.
const REMADE: &str =
    "take the folder `sled` in the store away, and the next start makes it again from the journal";

/// What helps where the journal is damaged.
pub(crate) const SALVAGED: &str =
    "restore it from a backup with `quittance restore`, or salvage what is whole with `quittance repair`";

/// Why a store can't be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("the store {0} is in use by another process: stop that one first")]
    Locked(PathBuf),
    /// It was written by a version of Quittance that this one does not know.
    #[error(
        "the store {path} has format {found}, this version reads format {FORMAT_NUMBER}: use a newer version, or go back: back the \
         store up with `quittance backup` of that version, and restore that with `quittance restore` of this one"
    )]
    NewerFormat {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It was written by a version from before the first release.
    #[error(
        "the store {path} has format {found}, which no released version wrote or reads, this one reads format {FORMAT_NUMBER}: use \
         the version that wrote it, or choose another folder for a new store"
    )]
    OlderFormat {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file that says which format it has can't be read.
    #[error(
        "the store is damaged: {0} does not say which format the store has; restore it from a backup with `quittance restore`"
    )]
    Format(PathBuf),
    /// A folder with other things in it.
    #[error("{0} is not a Quittance store, and not empty: choose another folder")]
    NotAStore(PathBuf),
    /// There is no store.
    #[error("there is no store at {0}")]
    Missing(PathBuf),
    /// The file system said no.
    #[error("the store at {path} can't be used: {error}; {}", mend(error))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        error: std::io::Error,
    },
    /// The database is damaged, or failed.
    #[error("the store's database failed: {0}; if it is damaged, {REMADE}")]
    Database(#[from] sled::Error),
    /// The database has less than it had when it was last made durable.
    #[error("the store is damaged: the database in {0} has lost what was on the disk; {REMADE}")]
    DatabaseLost(PathBuf),
    /// A block could not be written.
    #[error(transparent)]
    Journal(Box<LogError>),
    /// The journal ends before the end mark, or with another block.
    #[error(
        "the store is damaged: the journal's block at position {0} was on the disk and is not there as it was; \
         {SALVAGED}"
    )]
    BlocksLost(Position),
    /// A segment of the journal is not there.
    #[error("the store is damaged: the journal's segment before {before} is missing; {SALVAGED}")]
    SegmentMissing {
        /// The one that comes after it.
        before: PathBuf,
    },
    /// A segment of the journal is not as it was made.
    #[error(
        "the store is damaged: the journal's segment {0} is not as long as it was, or not in its place; {SALVAGED}"
    )]
    SegmentDamaged(PathBuf),
    /// A store can't be made where something is.
    #[error("there is something at {0} already: name a folder that is not there")]
    Exists(PathBuf),
    /// The making of a store was cut off.
    #[error("{0} is what was left when the making of a store was cut off: take it away, and try again")]
    Unfinished(PathBuf),
    /// The end mark is missing, or can't be read.
    #[error(
        "the store is damaged: {0} is missing or can't be read, so nobody can tell whether the journal is whole; {SALVAGED}"
    )]
    EndMark(PathBuf),
    /// The key of the index could not be made.
    #[error(transparent)]
    Key(#[from] Box<KeyError>),
    /// The tree of blocks can't be used.
    #[error("{0}; if the store's database is damaged, {REMADE}")]
    Heads(#[from] TreeError),
    /// A checkpoint or an index holds what can't be read.
    #[error("the store's database is damaged: a {0} in it can't be read; {REMADE}")]
    Unreadable(&'static str),
    /// The list of the keys is missing or can't be read.
    #[error(
        "the store is damaged: its list of the keys it was used with is missing or can't be read; {SALVAGED} --keys"
    )]
    Keys,
}

/// An open store. No other process can open it meanwhile.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    database: Database,
    segments: Arc<Segments>,
    state: keyed::Tree,
    history: keyed::Tree,
    heads: keyed::Tree,
    /// Of a store that is read where it lies, beside a copy of its database.
    _lock: Option<File>,
}

impl Store {
    /// Opens the store in the folder `path`, and makes one where there is nothing.
    ///
    /// # Errors
    /// The folder holds something else, a store that is in use, damaged or of another format, or can't be written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if read_format(path)?.is_none() {
            create(path)?;
        }
        Self::open_to_write(path)
    }

    /// Whether there is a store in the folder `path`. Touches nothing.
    ///
    /// # Errors
    /// The folder holds something else, or a store of another format, or can't be read.
    pub fn is_at(path: &Path) -> Result<bool, StoreError> {
        Ok(read_format(path)?.is_some())
    }

    /// Opens a store that must be there.
    ///
    /// # Errors
    /// As [`Store::open`], and [`StoreError::Missing`].
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        if read_format(path)?.is_none() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        Self::open_to_write(path)
    }

    /// Opens a store that must be there and that nobody has open, to read it, and leaves it as it is. Its journal, which may be
    /// large, is read where it lies; the rest is copied, as sled cuts a damaged log off when it opens it. The copy goes with
    /// the folder that is given back with it.
    ///
    /// # Errors
    /// As [`Store::open_existing`], and the file system has no room for the copy.
    pub(crate) fn open_copy(path: &Path) -> Result<(Self, TempDir), StoreError> {
        if read_format(path)?.is_none() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let folder = tempfile::tempdir().map_err(|error| io(&std::env::temp_dir(), error))?;
        let lock = lock_to_read(path)?;
        copy_all_but_journal(path, folder.path())?;
        let opened = Self::open_parts(folder.path(), &path.join(JOURNAL_FOLDER), Access::Read);
        let mut store = opened.map_err(|error| match error {
            // Named where it is, not in the copy.
            StoreError::EndMark(_) => StoreError::EndMark(path.join(END_FILE)),
            StoreError::DatabaseLost(_) => StoreError::DatabaseLost(path.join(DATABASE_FOLDER)),
            other => other,
        })?;
        store._lock = lock;
        Ok((store, folder))
    }

    fn open_to_write(path: &Path) -> Result<Self, StoreError> {
        Self::open_parts(path, &path.join(JOURNAL_FOLDER), Access::Write)
    }

    fn open_parts(path: &Path, journal: &Path, access: Access) -> Result<Self, StoreError> {
        // First, for its lock.
        let database = Database::open(path, &path.join(DATABASE_FOLDER), &path.join(SYNCED_FILE))?;
        if access == Access::Write {
            folder::create(journal, 0o700).map_err(|error| io(journal, error))?;
        }
        let segments = Arc::new(Segments::open(journal, SegmentSizes::usual(), access)?);
        let marked = check_end(&path.join(END_FILE), &segments)?;
        if access == Access::Write {
            // Before anything is made of it: no checkpoint may ever be ahead of the journal.
            segments.sync(marked.position).map_err(|error| io(journal, error))?;
            mark_end(&path.join(END_FILE), &segments)?;
        }
        sync_folder(path)?;
        let (state, history, heads) =
            (database.tree("state")?, database.tree("history")?, database.tree("heads")?);
        Ok(Self { path: path.to_owned(), database, segments, state, history, heads, _lock: None })
    }

    /// Makes a store in the folder `target`, which must not be there, with this one's journal up to the record at `end`, which
    /// is the last one of a block. Checkpoints and index are made again when it is opened. Blocks that are added meanwhile do
    /// not disturb it.
    pub(crate) fn copy_journal(&self, target: &Path, end: Position) -> Result<(), StoreError> {
        let mut copy = NewStore::begin(target)?;
        let (reader, mut next) = (self.journal_reader(), Position::new(1));
        while next <= end {
            let block = reader.block_at(next).map_err(|error| StoreError::Journal(Box::new(error)))?;
            let block = block.ok_or(StoreError::BlocksLost(next))?;
            let header = BlockHeader::read(&block).map_err(|_| StoreError::BlocksLost(next))?;
            copy.append(next, &block)?;
            next = header.last().next();
        }
        // So that it is not started with other keys either.
        copy.close(&self.keys()?)?;
        copy.name()
    }

    /// The fingerprints of the keys that the store was used with, oldest first; none of a store that was never used.
    pub(crate) fn keys(&self) -> Result<Vec<[u8; 32]>, StoreError> {
        let keys = key_list::read(&self.path).map_err(|error| io(&self.path, error))?;
        let is_used = self.segments.tip().position > Position::START;
        keys.filter(|keys| !keys.is_empty() || !is_used).ok_or(StoreError::Keys)
    }

    pub(crate) fn write_keys(&self, fingerprints: &[[u8; 32]]) -> Result<(), StoreError> {
        key_list::write(&self.path, fingerprints).map_err(|error| io(&self.path, error))
    }

    /// The writing end of the journal. There must be one at a time.
    ///
    /// # Errors
    /// The file system said no.
    pub fn journal_writer(&self) -> Result<JournalWriter, StoreError> {
        let (end, _) = open_end(&self.path.join(END_FILE))?;
        JournalWriter::new(Arc::clone(&self.segments), end).map_err(|error| io(&self.path, error))
    }

    /// A reading end of the journal.
    #[must_use]
    pub fn journal_reader(&self) -> JournalReader {
        JournalReader::new(Arc::clone(&self.segments))
    }

    pub(crate) fn journal_syncs(&self) -> u64 {
        self.segments.syncs()
    }

    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn state(&self) -> StateTree {
        StateTree::new(self.state.clone())
    }

    pub(crate) fn history(&self) -> HistoryTree {
        HistoryTree::new(self.history.clone())
    }

    pub(crate) fn heads(&self) -> HeadsTree {
        HeadsTree::new(self.heads.clone())
    }

    /// Cuts a wallet's checkpoint short, as no engine would.
    #[cfg(test)]
    pub(crate) fn damage_state(&self) {
        let (key, value) = self.state.scan_prefix(b"w").next().unwrap().unwrap();
        self.state.insert(key, &value[..value.len() - 1]).unwrap();
    }

    /// Makes all that was written durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.database.sync()?;
        let end = self.path.join(END_FILE);
        open_end(&end)?.0.sync().map_err(|error| io(&end, error))
    }
}

/// Tries for a while to get at a store that is locked: sled gives its lock up a moment after the store was closed.
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut last = attempt();
    for _ in 0..LOCK_ATTEMPTS {
        if !matches!(last, Err(StoreError::Locked(_))) {
            break;
        }
        std::thread::sleep(LOCK_PAUSE);
        last = attempt();
    }
    last
}

/// Keeps others from writing to a store, for as long as what is given back is kept.
fn lock_to_read(path: &Path) -> Result<Option<File>, StoreError> {
    let database = path.join(DATABASE_FOLDER).join("db");
    let file = match File::open(&database) {
        Ok(file) => file,
        // A store without a database has nothing to lock.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(&database, error)),
    };
    patiently(|| match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(&database, error)),
        Ok(()) => Ok(()),
    })?;
    Ok(Some(file))
}

/// What to do where the file system says no.
fn mend(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on its disk",
        ErrorKind::ReadOnlyFilesystem => "mount its disk so that it can be written to",
        ErrorKind::PermissionDenied => {
            "let the user that the server runs as read and write all that is in it"
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory => "see that its folder is there and whole",
        _ => {
            "see that its disk is sound, and if it is not, restore the store from a backup to another disk with `quittance restore`"
        }
    }
}

fn io(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), error }
}

/// A store has an end mark from its making on, so one without it has lost it.
fn open_end(path: &Path) -> Result<(EndMark, Mark), StoreError> {
    let opened = EndMark::open(path).map_err(|error| io(path, error))?;
    opened.ok_or_else(|| StoreError::EndMark(path.to_owned()))
}

/// Sees that the journal reaches as far as it ever did, and has no gap before its last segment. Gives the end that is marked.
fn check_end(path: &Path, segments: &Arc<Segments>) -> Result<Tip, StoreError> {
    let (_, mark) = open_end(path)?;
    check_mark(mark, segments)
}

/// Sees that the journal reaches as far as `mark` says, and has no gap before its last segment. Gives the end that the mark is of.
fn check_mark(mark: Mark, segments: &Arc<Segments>) -> Result<Tip, StoreError> {
    let tip = segments.tip().position;
    if mark.first > tip || !segments.ends_with_the_last_segment() {
        return Err(StoreError::BlocksLost(tip.next()));
    }
    if mark == Mark::NOTHING {
        return Ok(Tip::GENESIS);
    }
    let lost = || StoreError::BlocksLost(mark.first);
    let reader = JournalReader::new(Arc::clone(segments));
    let block = reader
        .block_at(mark.first)
        .map_err(|error| StoreError::Journal(Box::new(error)))?
        .ok_or_else(lost)?;
    let view = BlockView::read(&block).map_err(|_| lost())?;
    if Mark::of(view.header()) == mark { Ok(view.tip()) } else { Err(lost()) }
}

/// Brings the mark up to the journal's end, all of which is durable: a crash may have come between a flush and its mark, and
/// whoever reads beside the writer goes by the mark.
fn mark_end(path: &Path, segments: &Arc<Segments>) -> Result<(), StoreError> {
    let (mut end, mark) = open_end(path)?;
    let last = segments.tip().position;
    let reader = JournalReader::new(Arc::clone(segments));
    let block = reader.block_at(last).map_err(|error| StoreError::Journal(Box::new(error)))?;
    let Some(block) = block.filter(|_| last > Position::START) else { return Ok(()) };
    let found = Mark::of(&BlockHeader::read(&block).map_err(|_| StoreError::BlocksLost(last))?);
    if found == mark {
        return Ok(());
    }
    end.write(found).and_then(|()| end.sync()).map_err(|error| io(path, error))
}

/// Copies a store, or a folder in one, without its journal.
fn copy_all_but_journal(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(to).map_err(|error| io(to, error))?;
    for entry in fs::read_dir(from).map_err(|error| io(from, error))? {
        let entry = entry.map_err(|error| io(from, error))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(|error| io(&path, error))?;
        if entry.file_name() == JOURNAL_FOLDER {
            continue;
        }
        if kind.is_dir() {
            copy_all_but_journal(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(|error| io(&path, error))?;
            // A store that may only be read is copied with its permissions, and sled writes to what it opens.
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600))
                .map_err(|error| io(&target, error))?;
        }
    }
    Ok(())
}

/// Looks at the format without touching anything. None where a store may be made.
fn read_format(path: &Path) -> Result<Option<u32>, StoreError> {
    let file = path.join(FORMAT_FILE);
    let bytes = match disk::File::open(&file) {
        Ok(mut open) => open.read_up_to(MAX_FORMAT_FILE_BYTES).map_err(|error| io(&file, error))?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match disk::entries(path) {
                Ok(entries) => {
                    // The making of a store that was cut short leaves this behind, and nothing else.
                    let is_foreign = |name: &OsStr| name != UNFINISHED_FORMAT_FILE && name != END_FILE;
                    if entries.iter().any(|entry| is_foreign(&entry.name)) {
                        Err(if looks_like_a_store(path) {
                            StoreError::Format(file)
                        } else {
                            StoreError::NotAStore(path.to_owned())
                        })
                    } else {
                        Ok(None)
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(io(path, error)),
            };
        }
        Err(error) => return Err(io(&file, error)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let number = text.trim_end().strip_prefix(FORMAT_PREFIX).and_then(|number| number.parse().ok());
    match number {
        Some(FORMAT_NUMBER) => Ok(Some(FORMAT_NUMBER)),
        Some(found) if found < FORMAT_NUMBER => Err(StoreError::OlderFormat { path: path.to_owned(), found }),
        Some(found) => Err(StoreError::NewerFormat { path: path.to_owned(), found }),
        None if looks_like_a_store(path) => Err(StoreError::Format(file)),
        None => Err(StoreError::NotAStore(path.to_owned())),
    }
}

/// Whether a folder without a good format file was a store: nothing else is likely to have these two.
fn looks_like_a_store(path: &Path) -> bool {
    path.join(END_FILE).exists() && path.join(JOURNAL_FOLDER).exists()
}

fn create(path: &Path) -> Result<(), StoreError> {
    folder::create(path, 0o700).map_err(|error| io(path, error))?;
    let end = path.join(END_FILE);
    EndMark::create(&end).map_err(|error| io(&end, error))?;
    // Last, and under another name first: where a format file is, the rest is too.
    let (written, named) = (path.join(UNFINISHED_FORMAT_FILE), path.join(FORMAT_FILE));
    let file = disk::File::create(&written).map_err(|error| io(&written, error))?;
    let text = format!("{FORMAT_PREFIX}{FORMAT_NUMBER}\n");
    file.write_all_at(text.as_bytes(), 0).map_err(|error| io(&written, error))?;
    file.sync_all().map_err(|error| io(&written, error))?;
    // The names of the rest, before this one can be there.
    sync_folder(path)?;
    disk::rename(&written, &named).map_err(|error| io(&named, error))?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    folder::sync(path).map_err(|error| io(path, error))
}
