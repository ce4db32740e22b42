//! A disk in memory: what was not made durable may be lost, torn and put in another order when the power goes.
//!
//! What is written is seen at once, as through a system's cache, and kept apart until a sync makes it durable. Syncs may fail or
//! take long, the disk may be full, and the machine may stop at any operation.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::chance::Chance;
use super::keyed::{Keyed, KeyedState};
use super::{Machine, Plant, is_planted};
use crate::store::disk::Entry;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// What the process had: it was killed.
    Process,
    /// What was not durable, too: the power went.
    Power,
}

/// A disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<State>>);

/// An open file.
#[derive(Debug)]
pub(crate) struct File {
    disk: Disk,
    number: u64,
    is_journal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(u64),
    Folder,
}

/// A change of names, all of it or none.
#[derive(Debug)]
struct NameChange {
    folder: PathBuf,
    names: Vec<(PathBuf, Option<Node>)>,
}

#[derive(Debug)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Content {
    durable: Vec<u8>,
    now: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<u64, Content>,
    next_file: u64,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    name_changes: Vec<NameChange>,
    keyed: BTreeMap<PathBuf, KeyedState>,
    chance: Chance,
    clock: Arc<AtomicU64>,
    /// After how many more operations the machine stops.
    stops_after: Option<u64>,
    is_stopped: bool,
    is_full: bool,
    failing_syncs: u32,
    slowness_ms: u64,
    operations: u64,
}

/// The disk of the machine that this thread is in.
pub(crate) fn current() -> Option<Disk> {
    Machine::entered(|machine| machine.disk().clone())
}

impl Disk {
    pub(super) fn new(chance: Chance, clock: Arc<AtomicU64>) -> Self {
        let root = BTreeMap::from([(PathBuf::from("/"), Node::Folder)]);
        Self(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            next_file: 0,
            names: root.clone(),
            durable_names: root,
            name_changes: Vec::new(),
            keyed: BTreeMap::new(),
            chance,
            clock,
            stops_after: None,
            is_stopped: false,
            is_full: false,
            failing_syncs: 0,
            slowness_ms: 0,
            operations: 0,
        })))
    }

    /// Stops the machine at the operation after so many that change something: from then on every one fails.
    pub fn stop_after(&self, operations: u64) {
        self.0.lock().stops_after = Some(operations);
    }

    /// Whether the machine has stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.lock().is_stopped
    }

    /// Whether nothing has room any more but what has its place already.
    pub fn set_full(&self, is_full: bool) {
        self.0.lock().is_full = is_full;
    }

    /// Has the next syncs fail, as many as this.
    pub fn fail_syncs(&self, count: u32) {
        self.0.lock().failing_syncs = count;
    }

    /// How long a sync takes at most.
    pub fn set_slowness(&self, millis: u64) {
        self.0.lock().slowness_ms = millis;
    }

    /// Ends all trouble that was ordered.
    pub fn calm(&self) {
        let mut state = self.0.lock();
        (state.stops_after, state.slowness_ms) = (None, 0);
        (state.is_full, state.failing_syncs) = (false, 0);
    }

    /// How many operations changed something until now.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Ends what runs on the machine: nothing that it does from now on reaches the disk.
    pub fn stop(&self) {
        self.0.lock().is_stopped = true;
    }

    /// Starts the machine again after a loss.
    pub fn restart(&self, loss: Loss) {
        self.calm();
        let mut state = self.0.lock();
        let state = &mut *state;
        state.is_stopped = false;
        for keyed in state.keyed.values_mut() {
            keyed.lose(&mut state.chance, loss == Loss::Power);
        }
        if loss == Loss::Power {
            state.files.values_mut().for_each(|content| content.lose(&mut state.chance));
            state.lose_names();
        }
    }

    /// Takes away the trees in a folder, as an operator would to have them made again, and the file beside it.
    pub fn remove_keyed(&self, folder: &Path) {
        self.0.lock().keyed.remove(folder);
    }

    pub(crate) fn open(&self, path: &Path) -> io::Result<File> {
        let mut state = self.0.lock();
        state.check()?;
        match state.names.get(path) {
            Some(Node::File(number)) => Ok(self.file(*number, path)),
            Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        let mut state = self.0.lock();
        state.begin_growth()?;
        let number = state.next_file;
        state.next_file = number.saturating_add(1);
        state.files.insert(number, Content::default());
        state.change_names(path, vec![(path.to_owned(), Some(Node::File(number)))]);
        Ok(self.file(number, path))
    }

    fn file(&self, number: u64, path: &Path) -> File {
        let is_journal = path.parent().is_some_and(|folder| folder.ends_with("journal"));
        File { disk: self.clone(), number, is_journal }
    }

    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let state = self.0.lock();
        Ok(state.files.get(&file.number).map(|content| content.now.clone()).unwrap_or_default())
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.begin()?;
        let node = state.names.get(from).copied().ok_or(ErrorKind::NotFound)?;
        state.change_names(to, vec![(from.to_owned(), None), (to.to_owned(), Some(node))]);
        Ok(())
    }

    pub(crate) fn entries(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut state = self.0.lock();
        state.check()?;
        if state.names.get(folder) != Some(&Node::Folder) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside = state.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        let entry = |(path, node): (&PathBuf, &Node)| Entry {
            name: path.file_name().map_or_else(OsString::new, OsString::from),
            bytes: match node {
                Node::File(number) => state.files.get(number).map_or(0, |content| content.now.len() as u64),
                Node::Folder => 0,
            },
        };
        Ok(inside.map(entry).collect())
    }

    pub(crate) fn is_folder(&self, path: &Path) -> bool {
        self.0.lock().names.get(path) == Some(&Node::Folder)
    }

    pub(crate) fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.begin_growth()?;
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.change_names(path, vec![(path.to_owned(), Some(Node::Folder))]);
        Ok(())
    }

    pub(crate) fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.begin_sync()?;
        let mut state = self.0.lock();
        let state = &mut *state;
        for change in state.name_changes.extract_if(.., |change| change.folder == folder) {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }

    /// The trees in a folder.
    pub(crate) fn keyed(&self, folder: &Path) -> io::Result<Keyed> {
        let mut state = self.0.lock();
        state.check()?;
        state.keyed.entry(folder.to_owned()).or_default();
        Ok(Keyed { disk: self.clone(), folder: folder.to_owned() })
    }

    pub(super) fn with_keyed<T>(&self, folder: &Path, use_it: impl FnOnce(&mut KeyedState) -> T) -> T {
        use_it(self.0.lock().keyed.entry(folder.to_owned()).or_default())
    }

    pub(super) fn begin_read(&self) -> io::Result<()> {
        self.0.lock().check()
    }

    pub(super) fn begin_growth(&self) -> io::Result<()> {
        self.0.lock().begin_growth()
    }

    /// Begins to make something durable.
    pub(super) fn begin_sync(&self) -> io::Result<()> {
        self.0.lock().begin_sync()
    }
}

impl State {
    fn check(&mut self) -> io::Result<()> {
        if self.is_stopped { Err(io::Error::other("the machine has stopped")) } else { Ok(()) }
    }

    /// An operation that changes something.
    fn begin(&mut self) -> io::Result<()> {
        self.check()?;
        self.operations = self.operations.saturating_add(1);
        if let Some(left) = &mut self.stops_after {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.is_stopped = true,
            }
        }
        self.check()
    }

    /// One that needs room.
    fn begin_growth(&mut self) -> io::Result<()> {
        self.begin()?;
        if self.is_full { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn begin_sync(&mut self) -> io::Result<()> {
        self.begin()?;
        let slowness_ms = self.slowness_ms;
        if slowness_ms > 0 {
            self.clock.fetch_add(self.chance.below(slowness_ms), Ordering::Relaxed);
        }
        if let Some(fewer) = self.failing_syncs.checked_sub(1) {
            self.failing_syncs = fewer;
            return Err(io::Error::other("the sync failed as it was told to"));
        }
        Ok(())
    }

    fn change_names(&mut self, path: &Path, names: Vec<(PathBuf, Option<Node>)>) {
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let change = NameChange { folder, names };
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    /// Loses some changes of names: the last ones, or any.
    fn lose_names(&mut self) {
        let in_order = self.chance.percent(50);
        let first_lost = self.chance.index(self.name_changes.len().saturating_add(1));
        for (index, change) in std::mem::take(&mut self.name_changes).into_iter().enumerate() {
            let survives = if in_order { index < first_lost } else { self.chance.percent(50) };
            if survives {
                change.apply(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
        let named: Vec<_> = self.names.values().copied().collect();
        self.files.retain(|number, _| named.contains(&Node::File(*number)));
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        for (path, node) in &self.names {
            match node {
                Some(node) => _ = names.insert(path.clone(), *node),
                None => _ = names.remove(path),
            }
        }
    }
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.now, offset, bytes);
        self.unsynced.push(Write { offset, bytes: bytes.to_vec() });
    }

    fn sync(&mut self) {
        for write in std::mem::take(&mut self.unsynced) {
            put(&mut self.durable, write.offset, &write.bytes);
        }
    }

    /// A sync fails. Some of it was written, and the system takes all of it for written from then on: what is read is what was
    /// meant, and no later sync tries again.
    fn fail_sync(&mut self, chance: &mut Chance) {
        for write in std::mem::take(&mut self.unsynced) {
            tear(&mut self.durable, &write, chance);
        }
    }

    /// Loses some of what is not durable.
    fn lose(&mut self, chance: &mut Chance) {
        let way = chance.below(4);
        for write in std::mem::take(&mut self.unsynced) {
            let fate = if way == 3 { chance.below(3) } else { way };
            match fate {
                // As if it had just become durable.
                0 => put(&mut self.durable, write.offset, &write.bytes),
                1 => {}
                _ => tear(&mut self.durable, &write, chance),
            }
        }
        self.now = self.durable.clone();
    }
}

/// Writes some sectors of it.
fn tear(durable: &mut Vec<u8>, write: &Write, chance: &mut Chance) {
    let mut at = 0;
    while at < write.bytes.len() {
        let offset = write.offset.saturating_add(at);
        let to_next = SECTOR_BYTES.saturating_sub(offset % SECTOR_BYTES);
        let end = at.saturating_add(to_next).min(write.bytes.len());
        if chance.percent(50) {
            put(durable, offset, write.bytes.get(at..end).unwrap_or_default());
        }
        at = end;
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset.saturating_add(bytes.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

impl File {
    pub(crate) fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.check()?;
        let content = state.files.get(&self.number).ok_or(ErrorKind::NotFound)?;
        let from = content.now.get(offset as usize..).unwrap_or_default();
        let read = from.len().min(bytes.len());
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(read)
    }

    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let offset = offset as usize;
        let grows = state
            .files
            .get(&self.number)
            .is_none_or(|content| content.now.len() < offset.saturating_add(bytes.len()));
        let was_stopped = state.is_stopped;
        let begun = if grows { state.begin_growth() } else { state.begin() };
        // Of a write at which the machine stops some may be written.
        let is_cut_off = !was_stopped && state.is_stopped;
        if begun.is_err() && !(is_cut_off && state.chance.percent(50)) {
            return begun;
        }
        if let Some(content) = state.files.get_mut(&self.number) {
            content.write(offset, bytes);
        }
        begun
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.is_journal && is_planted(Plant::NoSync) {
            return Ok(());
        }
        let mut state = self.disk.0.lock();
        let state = &mut *state;
        let begun = state.begin_sync();
        let Some(content) = state.files.get_mut(&self.number) else { return begun };
        match &begun {
            Ok(()) => content.sync(),
            Err(_) if !state.is_stopped => content.fail_sync(&mut state.chance),
            Err(_) => {}
        }
        begun
    }

    pub(crate) fn bytes(&self) -> io::Result<u64> {
        let mut state = self.disk.0.lock();
        state.check()?;
        Ok(state.files.get(&self.number).map_or(0, |content| content.now.len() as u64))
    }
}
