//! The journal's ends: one that appends blocks and makes them durable, and any number that read them.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use quittance_journal::{BlockHeader, Log, LogError, LogReader, Position, Tip};

use super::disk::File;
use super::end_mark::{EndMark, Mark};
use super::segments::{Making, Part, Place, Segments, Window, Writing};

/// The writing end.
#[derive(Debug)]
pub struct JournalWriter {
    segments: Arc<Segments>,
    writing: Option<Writing>,
    /// The next segment, once the one that is written to is half full.
    making: Option<Making>,
    end: EndMark,
    /// Blocks that were appended and not written yet, one after the other.
    gathered: Vec<u8>,
    places: Vec<Place>,
    last: Option<BlockHeader>,
}

impl JournalWriter {
    pub(super) fn new(segments: Arc<Segments>, end: EndMark) -> io::Result<Self> {
        let writing = segments.write()?;
        let (gathered, places) = (Vec::new(), Vec::new());
        Ok(Self { segments, writing, making: None, end, gathered, places, last: None })
    }

    /// Sees that there is room for so many more bytes, in the next segment where it must be.
    fn make_room(&mut self, first: Position, bytes: usize) -> io::Result<()> {
        let gathered = self.gathered.len().saturating_add(bytes) as u64;
        let has_room = |writing: &Writing| writing.offset.saturating_add(gathered) <= writing.bytes;
        if self.writing.as_ref().is_some_and(has_room) {
            return Ok(());
        }
        // All before it is durable before anything is in the next one: nothing ever survives without what came before.
        self.write_out()?;
        let making = match self.making.take() {
            Some(making) => making,
            None => self.segments.make_next()?,
        };
        let writing = self.segments.begin(making.finish()?, first)?;
        assert!(bytes as u64 <= writing.bytes, "the smallest segment has room for the largest block");
        self.writing = Some(writing);
        Ok(())
    }

    /// Writes what was gathered and makes it durable: one write, one sync.
    fn write_out(&mut self) -> io::Result<()> {
        let (Some(writing), Some(last)) = (self.writing.as_mut(), self.last.take()) else { return Ok(()) };
        writing.file.write_all_at(&self.gathered, writing.offset)?;
        writing.file.sync_data()?;
        writing.offset = writing.offset.saturating_add(self.gathered.len() as u64);
        self.gathered.clear();
        let tip = Tip { position: last.last(), hash: last.hash(), blocks: last.index.saturating_add(1) };
        self.segments.publish(writing, &self.places, tip);
        self.places.clear();
        // Only now: the mark must never be ahead of what is durable.
        self.end.write(Mark::of(&last))?;
        if self.making.is_none() && writing.offset > writing.bytes / 2 {
            self.making = Some(self.segments.make_next()?);
        }
        Ok(())
    }
}

impl Log for JournalWriter {
    fn append(&mut self, first: Position, block: &[u8]) -> Result<(), LogError> {
        let header = BlockHeader::read(block).map_err(store_error)?;
        assert!(
            header.first == first && header.block_bytes() == block.len(),
            "a block says where it belongs"
        );
        if !self.segments.claim(first, header.last().next()) {
            return Err(LogError::Fenced(first));
        }
        self.make_room(first, block.len()).map_err(store_error)?;
        let offset = self.writing.as_ref().map_or(0, |writing| writing.offset);
        self.places.push(Place { first, offset: offset.saturating_add(self.gathered.len() as u64) });
        self.gathered.extend_from_slice(block);
        self.last = Some(header);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LogError> {
        self.write_out().map_err(store_error)
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        // Or it would go on to write to the file that the next writer makes. What went wrong with it is of no use any more.
        if let Some(making) = self.making.take() {
            let _ = making.finish();
        }
    }
}

/// A reading end. It sees what is durable.
#[derive(Debug)]
pub struct JournalReader {
    segments: Arc<Segments>,
    /// Where the last block was read, because the next one is likely to be asked for next.
    reading: Mutex<Option<Reading>>,
}

#[derive(Debug)]
pub(super) struct Reading {
    part: Part,
    file: File,
    window: Window,
    /// Where the block begins that comes after the last one that was read.
    next: Place,
}

impl Clone for JournalReader {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.segments))
    }
}

impl JournalReader {
    pub(super) fn new(segments: Arc<Segments>) -> Self {
        Self { segments, reading: Mutex::default() }
    }

    /// The position of the last record.
    pub(crate) fn end(&self) -> Position {
        self.segments.tip().position
    }

    fn read(&self, position: Position) -> io::Result<Option<Vec<u8>>> {
        // Whoever finds another reading here reads by itself.
        let mut kept = self.reading.try_lock();
        let goes_on = |reading: &Reading| reading.next.first == position;
        let mut reading = match kept.as_mut().and_then(|kept| kept.take()).filter(goes_on) {
            Some(mut reading) => {
                reading.part.readable = self.segments.readable(reading.part.segment);
                reading
            }
            None => match self.segments.part_of(position)? {
                Some(part) => Reading::of(part)?,
                None => return Ok(None),
            },
        };
        let found = self.read_on(&mut reading, position)?;
        if let Some(kept) = kept.as_mut() {
            **kept = Some(reading);
        }
        Ok(found)
    }

    /// The block that holds `position`, or the first one after it, from where a reading is.
    pub(super) fn read_on(&self, reading: &mut Reading, position: Position) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(block) = reading.find(position)? {
                return Ok(Some(block));
            }
            let after = self.segments.part_after(reading.part.segment)?;
            // Only now: once there is a next segment, nothing comes into this one any more.
            let readable = self.segments.readable(reading.part.segment);
            if readable > reading.part.readable {
                reading.part.readable = readable;
                continue;
            }
            match after {
                Some(part) => *reading = Reading::of(part)?,
                None => return Ok(None),
            }
        }
    }
}

impl Reading {
    pub(super) fn of(part: Part) -> io::Result<Self> {
        let file = File::open(&part.path)?;
        Ok(Self { next: part.from, file, window: Window::default(), part })
    }

    /// The block that holds `position`, or the first one after it in this segment; or what stands there and is none.
    fn find(&mut self, position: Position) -> io::Result<Option<Vec<u8>>> {
        loop {
            let (offset, readable) = (self.next.offset, self.part.readable);
            let Some(header) = self.window.header(&self.file, offset, readable)? else { return Ok(None) };
            if let Ok(header) = &header {
                self.next = Place {
                    first: header.last().next(),
                    offset: offset.saturating_add(header.block_bytes() as u64),
                };
                if header.last() < position {
                    continue;
                }
            }
            return Ok(self.window.block(&self.file, offset, readable)?.map(<[u8]>::to_vec));
        }
    }
}

impl LogReader for JournalReader {
    fn block_at(&self, position: Position) -> Result<Option<Vec<u8>>, LogError> {
        self.read(position).map_err(store_error)
    }
}

fn store_error(error: impl std::error::Error + Send + Sync + 'static) -> LogError {
    LogError::Store(Box::new(error))
}
