//! The journal's files: blocks one after the other, in segments that are made before they are needed.
//!
//! A segment is named for its number, in six digits, and the position of its first record, in twenty: the first is
//! `000000-00000000000000000001.blocks`. It holds blocks as they are (`quittance_journal::Block`), with nothing around them,
//! and ends in zeros: it is written full of zeros when it is made, because a disk makes bytes durable in one write where a
//! file neither grows nor gets new room. The segment that comes next lies ready as `next`. Segments get larger as a journal
//! does, so that a small one takes little room, and how large each is follows from its number: one that is missing, or was
//! cut, is found without reading any.
//!
//! Where a block begins is kept in memory for one block in every 64 KiB alone; the others are found from there by the
//! length that each says it has.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::RwLock;
use quittance_journal::{BlockHeader, BlockView, MAX_BLOCK_BYTES, Position, Tip};

use super::disk::{self, File};
use super::{StoreError, io as store_io};
use crate::folder;

const SUFFIX: &str = ".blocks";
const NEXT: &str = "next";

/// How large segments are. Each is twice as large as the one before it, up to the largest. None is smaller than a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentSizes {
    first_bytes: u64,
    max_bytes: u64,
}

impl SegmentSizes {
    /// Those of every store: part of its format.
    pub(super) const USUAL: Self = Self { first_bytes: 256 * 1_024, max_bytes: 64 * 1_024 * 1_024 };

    /// Those of every store, but of simulated ones, whose journals are short.
    pub(super) fn usual() -> Self {
        #[cfg(feature = "simulation")]
        if crate::simulation::disk::current().is_some() {
            let (first_bytes, max_bytes) = crate::simulation::SEGMENT_BYTES;
            return Self { first_bytes, max_bytes };
        }
        Self::USUAL
    }

    /// How large the segment with this number is.
    fn of(self, number: u64) -> u64 {
        let doubled = u32::try_from(number).ok().and_then(|number| 1_u64.checked_shl(number));
        self.first_bytes.saturating_mul(doubled.unwrap_or(u64::MAX)).min(self.max_bytes)
    }
}

const _: () = assert!(SegmentSizes::USUAL.first_bytes >= MAX_BLOCK_BYTES as u64);

/// How far apart the blocks are at least whose places are kept.
const PLACE_DISTANCE_BYTES: u64 = 64 * 1_024;

static ZEROS: [u8; 256 * 1_024] = [0; 256 * 1_024];

/// What may be done with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Where a block begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) first: Position,
    pub(super) offset: u64,
}

/// A file of the journal.
#[derive(Clone, Debug)]
struct Segment {
    number: u64,
    first: Position,
    /// Up to where it may be read. Of one that is full this is its length: zeros end it.
    readable: u64,
    /// Of some of its blocks, rising; none before they are looked for.
    places: Option<Arc<Vec<Place>>>,
}

/// All files of a journal, as its writer and its readers share them.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    sizes: SegmentSizes,
    access: Access,
    state: RwLock<State>,
    syncs: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// In the order of their positions.
    segments: Vec<Segment>,
    tip: Tip,
    /// What the next block to be appended begins with.
    next: Position,
}

/// The part of a segment that a block may be read from.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) segment: Position,
    pub(super) path: PathBuf,
    /// A block at or before what is looked for.
    pub(super) from: Place,
    /// Up to where the segment may be read.
    pub(super) readable: u64,
}

/// The file that blocks are appended to.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) file: File,
    /// Where the next block goes.
    pub(super) offset: u64,
    pub(super) bytes: u64,
    first: Position,
}

impl Segments {
    /// Looks at the journal in `folder` and finds its end: the last block that is whole and follows on from the one before it.
    /// Changes nothing. No folder is a journal without a block.
    ///
    /// # Errors
    /// A segment before another is missing, or one was cut, or the file system said no.
    pub(super) fn open(folder: &Path, sizes: SegmentSizes, access: Access) -> Result<Self, StoreError> {
        let failed = |error| store_io(folder, error);
        let mut segments = segments_in(folder, sizes)?;
        let mut tip = Tip::GENESIS;
        // The last one has no block yet where the journal ended with the segment before.
        for segment in segments.iter_mut().rev() {
            let file = File::open(&segment.path(folder)).map_err(failed)?;
            let end = read_to_end(&file, segment).map_err(failed)?;
            segment.places = Some(Arc::new(end.places));
            segment.readable = end.offset;
            tip = end.tip;
            if tip != Tip::GENESIS {
                break;
            }
        }
        let state = State { segments, tip, next: tip.position.next() };
        let (state, syncs) = (RwLock::new(state), AtomicU64::new(0));
        Ok(Self { folder: folder.to_owned(), sizes, access, state, syncs })
    }

    /// How many times blocks were made durable since the journal was opened.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// The last block that is durable.
    pub(super) fn tip(&self) -> Tip {
        self.state.read().tip
    }

    /// Makes durable what was found: a process that was killed may have left blocks that are in the system's cache alone. Those
    /// after `marked` were perhaps in a sync that failed. A system may take what it could not write for written, and not try again,
    /// so they are written again first.
    pub(super) fn sync(&self, marked: Position) -> io::Result<()> {
        if self.tip().position > marked
            // All of them are in one segment: the next is begun when all before it is durable and marked.
            && let Some(part) = self.part_of(marked.next())?
        {
            let file = File::open_to_write(&part.path)?;
            let mut buffer = vec![0; ZEROS.len()];
            let mut at = part.from.offset;
            while at < part.readable {
                let bytes = part.readable.saturating_sub(at).min(buffer.len() as u64);
                let (some, _) = buffer.split_at_mut(bytes as usize);
                file.read_exact_at(some, at)?;
                file.write_all_at(some, at)?;
                at = at.saturating_add(bytes);
            }
        }
        let state = self.state.read();
        // All before the last two were made durable when the next began.
        for segment in state.segments.iter().rev().take(2) {
            File::open(&segment.path(&self.folder))?.sync_all()?;
        }
        // The last one may have been named just before the process was killed.
        folder::sync(&self.folder)
    }

    /// Whether the segment that the next block belongs to is the last one.
    pub(super) fn ends_with_the_last_segment(&self) -> bool {
        let state = self.state.read();
        state.segments.last().is_none_or(|last| last.readable > 0 || last.first == state.next)
    }

    /// Takes the place of the next block, which must begin with `first`, and says whether it is free.
    pub(super) fn claim(&self, first: Position, next: Position) -> bool {
        let mut state = self.state.write();
        let is_free = state.next == first;
        if is_free {
            state.next = next;
        }
        is_free
    }

    /// Lets readers see blocks that are durable. `places` are where they begin, in the segment that is written to.
    pub(super) fn publish(&self, writing: &Writing, places: &[Place], tip: Tip) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.write();
        state.tip = tip;
        let Some(segment) = state.segments.last_mut().filter(|segment| segment.first == writing.first) else {
            unreachable!("the segment that is written to is the last one");
        };
        segment.readable = writing.offset;
        let kept = Arc::make_mut(segment.places.get_or_insert_default());
        for place in places {
            if is_far(kept, *place) {
                kept.push(*place);
            }
        }
    }

    /// The part of the journal that has the block with `position`, if any block has it.
    pub(super) fn part_of(&self, position: Position) -> io::Result<Option<Part>> {
        let (segment, index) = {
            let state = self.state.read();
            let index = state.segments.partition_point(|segment| segment.first <= position).saturating_sub(1);
            let Some(segment) = state.segments.get(index) else { return Ok(None) };
            (segment.clone(), index)
        };
        let path = segment.path(&self.folder);
        let start = Place { first: segment.first, offset: 0 };
        if position == segment.first {
            return Ok(Some(Part { segment: segment.first, path, from: start, readable: segment.readable }));
        }
        let places = match segment.places {
            Some(places) => places,
            None => {
                let places = Arc::new(places_in(&File::open(&path)?, segment.readable)?);
                if let Some(segment) = self.state.write().segments.get_mut(index) {
                    segment.places = Some(Arc::clone(&places));
                }
                places
            }
        };
        let before = places.partition_point(|place| place.first <= position).saturating_sub(1);
        let from = places.get(before).copied().unwrap_or(start);
        Ok(Some(Part { segment: segment.first, path, from, readable: segment.readable }))
    }

    /// Up to where a segment may be read by now.
    pub(super) fn readable(&self, segment: Position) -> u64 {
        let state = self.state.read();
        let index = state.segments.partition_point(|other| other.first < segment);
        state.segments.get(index).filter(|other| other.first == segment).map_or(0, |other| other.readable)
    }

    /// The beginning of the segment that comes after the one that begins with `segment`.
    pub(super) fn part_after(&self, segment: Position) -> io::Result<Option<Part>> {
        let next = {
            let state = self.state.read();
            let index = state.segments.partition_point(|other| other.first <= segment);
            state.segments.get(index).map(|segment| segment.first)
        };
        next.map_or(Ok(None), |first| self.part_of(first))
    }

    /// Opens the last segment to go on after the last block, and clears what a crash may have left there: nothing of it may
    /// be taken for a block later. None where there is no segment yet.
    pub(super) fn write(&self) -> io::Result<Option<Writing>> {
        if self.access == Access::Read {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let state = self.state.read();
        let Some(last) = state.segments.last() else { return Ok(None) };
        let file = File::open_to_write(&last.path(&self.folder))?;
        let bytes = file.bytes()?;
        let mut buffer = vec![0; ZEROS.len()];
        let (mut at, mut is_cleared) = (last.readable, false);
        while at < bytes {
            let read = file.read_at(&mut buffer, at)?;
            let (Some(part), true) = (buffer.get(..read), read > 0) else { break };
            if part.iter().any(|byte| *byte != 0) {
                file.write_all_at(ZEROS.get(..read).unwrap_or_default(), at)?;
                is_cleared = true;
            }
            at = at.saturating_add(read as u64);
        }
        if is_cleared {
            file.sync_all()?;
        }
        Ok(Some(Writing { file, offset: last.readable, bytes, first: last.first }))
    }

    /// Begins a segment with the block that begins with `first`. Its name is durable when this returns.
    pub(super) fn begin(&self, made: Made, first: Position) -> io::Result<Writing> {
        let number = self.state.read().segments.len() as u64;
        let segment = Segment { number, first, readable: 0, places: Some(Arc::default()) };
        disk::rename(&self.folder.join(NEXT), &segment.path(&self.folder))?;
        folder::sync(&self.folder)?;
        self.state.write().segments.push(segment);
        Ok(Writing { file: made.file, offset: 0, bytes: made.bytes, first })
    }

    /// Starts to make the segment that comes after all there are.
    pub(super) fn make_next(&self) -> io::Result<Making> {
        let bytes = self.sizes.of(self.state.read().segments.len() as u64);
        let path = self.folder.join(NEXT);
        #[cfg(feature = "simulation")]
        if crate::simulation::disk::current().is_some() {
            return Ok(Making::Put { path, bytes });
        }
        let thread = thread::Builder::new().name("segment".to_owned());
        thread.spawn(move || make(&path, bytes)).map(Making::Thread)
    }
}

/// A segment that is being made.
#[derive(Debug)]
pub(super) enum Making {
    Thread(JoinHandle<io::Result<Made>>),
    /// On the one thread that a simulation has: when it is waited for.
    #[cfg(feature = "simulation")]
    Put {
        path: PathBuf,
        bytes: u64,
    },
}

/// A segment that is made and not part of the journal yet.
#[derive(Debug)]
pub(super) struct Made {
    file: File,
    bytes: u64,
}

impl Making {
    /// Waits until it is made.
    pub(super) fn finish(self) -> io::Result<Made> {
        match self {
            Self::Thread(thread) => {
                thread.join().unwrap_or_else(|_| Err(io::Error::other("the segment's thread panicked")))
            }
            #[cfg(feature = "simulation")]
            Self::Put { path, bytes } => make(&path, bytes),
        }
    }
}

fn make(path: &Path, bytes: u64) -> io::Result<Made> {
    let file = File::create(path)?;
    let mut at = 0;
    while at < bytes {
        let part = bytes.saturating_sub(at).min(ZEROS.len() as u64);
        file.write_all_at(ZEROS.get(..part as usize).unwrap_or(&ZEROS), at)?;
        at = at.saturating_add(part);
    }
    file.sync_all()?;
    Ok(Made { file, bytes })
}

impl Segment {
    /// The segment whose file has this name; none where that is no segment's.
    fn named(name: &OsStr, bytes: u64) -> Option<Self> {
        let (number, first) = name.to_str()?.strip_suffix(SUFFIX)?.split_once('-')?;
        let (number, first) = (number.parse().ok()?, Position::new(first.parse().ok()?));
        let segment = Self { number, first, readable: bytes, places: None };
        (segment.name().as_str() == name).then_some(segment)
    }

    fn name(&self) -> String {
        format!("{:06}-{:020}{SUFFIX}", self.number, self.first.get())
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.name())
    }
}

/// The files in a folder that are named as segments are, by their names. Each is said to be as long as it is.
fn files_in(folder: &Path) -> Result<Vec<Segment>, StoreError> {
    let entries = match disk::entries(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| store_io(folder, error))?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        segments.extend(Segment::named(&entry.name, entry.bytes));
    }
    segments.sort_unstable_by_key(|segment| (segment.number, segment.first));
    Ok(segments)
}

/// The segments in a folder, in their order. None is missing before another, and none is shorter than it was made.
fn segments_in(folder: &Path, sizes: SegmentSizes) -> Result<Vec<Segment>, StoreError> {
    let segments = files_in(folder)?;
    let mut before = Position::START;
    for (expected, segment) in (0..).zip(&segments) {
        if segment.number > expected {
            return Err(StoreError::SegmentMissing { before: segment.path(folder) });
        }
        let is_first = before == Position::START;
        let follows = if is_first { segment.first == before.next() } else { segment.first > before };
        if segment.number < expected || !follows || segment.readable != sizes.of(segment.number) {
            return Err(StoreError::SegmentDamaged(segment.path(folder)));
        }
        before = segment.first;
    }
    Ok(segments)
}

/// A file that is named as a segment is, whatever is in it.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFile {
    pub(crate) path: PathBuf,
    pub(crate) number: u64,
    pub(crate) first: Position,
    /// How long it is, and how long it was made.
    pub(crate) bytes: u64,
    pub(crate) due_bytes: u64,
}

/// The files of a journal that may be damaged, in the order of their numbers.
pub(super) fn segment_files(folder: &Path, sizes: SegmentSizes) -> Result<Vec<SegmentFile>, StoreError> {
    let file = |segment: Segment| SegmentFile {
        path: segment.path(folder),
        number: segment.number,
        first: segment.first,
        bytes: segment.readable,
        due_bytes: sizes.of(segment.number),
    };
    Ok(files_in(folder)?.into_iter().map(file).collect())
}

fn is_far(places: &[Place], place: Place) -> bool {
    places.last().is_none_or(|last| place.offset >= last.offset.saturating_add(PLACE_DISTANCE_BYTES))
}

/// Where the blocks of a segment end that are whole and follow on from one another.
#[derive(Debug)]
struct End {
    tip: Tip,
    offset: u64,
    places: Vec<Place>,
}

impl Default for End {
    fn default() -> Self {
        Self { tip: Tip::GENESIS, offset: 0, places: Vec::new() }
    }
}

fn read_to_end(file: &File, segment: &Segment) -> io::Result<End> {
    let mut end = End::default();
    let mut reader = Window::default();
    let mut next = segment.first;
    while let Some(bytes) = reader.block(file, end.offset, segment.readable)? {
        let Ok(view) = BlockView::read(bytes) else { break };
        let header = view.header();
        let follows =
            end.tip == Tip::GENESIS || (header.previous == end.tip.hash && header.index == end.tip.blocks);
        if header.first != next || !follows {
            break;
        }
        let place = Place { first: header.first, offset: end.offset };
        if is_far(&end.places, place) {
            end.places.push(place);
        }
        end.tip = Tip { position: header.last(), hash: view.hash(), blocks: header.index.saturating_add(1) };
        end.offset = end.offset.saturating_add(bytes.len() as u64);
        next = end.tip.position.next();
    }
    Ok(end)
}

/// Where some of a segment's blocks begin, up to the first that can't be read.
fn places_in(file: &File, readable: u64) -> io::Result<Vec<Place>> {
    let mut places = Vec::new();
    let mut reader = Window::default();
    let mut offset = 0;
    while let Some(Ok(header)) = reader.header(file, offset, readable)? {
        let place = Place { first: header.first, offset };
        if is_far(&places, place) {
            places.push(place);
        }
        offset = offset.saturating_add(header.block_bytes() as u64);
    }
    Ok(places)
}

/// A stretch of a file that was read at once. Who reads on from where it ends gets twice as much the next time: what comes
/// next is likely to be asked for. Who comes from elsewhere gets little more than what was asked for.
#[derive(Debug, Default)]
pub(super) struct Window {
    at: u64,
    bytes: Vec<u8>,
    ahead: usize,
}

/// How much is read at once, at least and at most: some blocks of the smallest, and of the largest.
const MIN_WINDOW_BYTES: usize = 4 * 1_024;
const MAX_WINDOW_BYTES: usize = 512 * 1_024;

/// What stands where a block should, and is none.
#[derive(Debug)]
pub(super) struct NoBlock;

impl Window {
    /// The header at `offset` in a file of so many readable bytes; none where there is none any more.
    pub(super) fn header(
        &mut self,
        file: &File,
        offset: u64,
        readable: u64,
    ) -> io::Result<Option<Result<BlockHeader, NoBlock>>> {
        let bytes = self.read(file, offset, BlockHeader::BYTES, readable)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = BlockHeader::read(bytes).ok().filter(|header| header.block_bytes() <= MAX_BLOCK_BYTES);
        Ok(Some(header.ok_or(NoBlock)))
    }

    /// The bytes of the block at `offset`, or of what stands there and is none.
    pub(super) fn block(&mut self, file: &File, offset: u64, readable: u64) -> io::Result<Option<&[u8]>> {
        let Some(header) = self.header(file, offset, readable)? else { return Ok(None) };
        let length = header.map_or(MAX_BLOCK_BYTES, |header| header.block_bytes());
        self.read(file, offset, length, readable).map(Some)
    }

    /// As many of these bytes as are readable.
    fn read(&mut self, file: &File, offset: u64, length: usize, readable: u64) -> io::Result<&[u8]> {
        let wanted = readable.saturating_sub(offset).min(length as u64) as usize;
        let is_within = offset >= self.at
            && offset.saturating_add(wanted as u64) <= self.at.saturating_add(self.bytes.len() as u64);
        if !is_within {
            let reads_on = self.at < offset && offset <= self.at.saturating_add(self.bytes.len() as u64);
            let ahead = if reads_on { self.ahead.saturating_mul(2) } else { 0 };
            self.ahead = ahead.clamp(MIN_WINDOW_BYTES, MAX_WINDOW_BYTES);
            let ahead = readable.saturating_sub(offset).min(self.ahead as u64) as usize;
            self.bytes.resize(ahead.max(wanted), 0);
            self.at = offset;
            let read = read_full(file, &mut self.bytes, offset)?;
            self.bytes.truncate(read);
        }
        let start = offset.saturating_sub(self.at) as usize;
        let end = start.saturating_add(wanted).min(self.bytes.len());
        Ok(self.bytes.get(start..end).unwrap_or_default())
    }
}

fn read_full(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(read as u64)) {
            Ok(0) => break,
            Ok(more) => read = read.saturating_add(more),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(test)]
#[path = "segments_tests.rs"]
mod tests;
