//! A log in memory that fails as it is told, for tests: of what a crash leaves, and of stores that lie.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::header::BlockHeader;
use crate::log::{Log, LogError, LogReader};
use crate::position::Position;

/// How the log shall fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The append of the block after this many fails, and writes nothing.
    AppendAfter(usize),
    /// The flush after this many fails, and leaves open what became durable.
    FlushAfter(usize),
}

#[derive(Debug, Default)]
struct Inner {
    durable: BTreeMap<Position, Vec<u8>>,
    written: BTreeMap<Position, Vec<u8>>,
    fault: Option<Fault>,
    appends: usize,
    flushes: usize,
}

/// A log in memory. Clones share it, as two handles of one store would.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog(Arc<Mutex<Inner>>);

impl MemoryLog {
    /// A log that will fail in this way.
    #[must_use]
    pub fn with_fault(fault: Fault) -> Self {
        let log = Self::default();
        log.lock().fault = Some(fault);
        log
    }

    /// Loses power: of the blocks that were not flushed, the first `survivors` stay.
    pub fn lose_power(&self, survivors: usize) {
        let mut inner = self.lock();
        let written = std::mem::take(&mut inner.written);
        inner.durable.extend(written.into_iter().take(survivors));
    }

    /// How many flushes there were.
    #[must_use]
    pub fn flushes(&self) -> usize {
        self.lock().flushes
    }

    /// Changes one bit of the block that holds `position`.
    pub fn flip_bit(&self, position: Position, bit: usize) {
        if let Some(byte) = self.lock().durable.get_mut(&position).and_then(|block| block.get_mut(bit / 8)) {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// Loses the block that begins at `position`.
    pub fn lose(&self, position: Position) {
        self.lock().durable.remove(&position);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for MemoryLog {
    fn append(&mut self, first: Position, block: &[u8]) -> Result<(), LogError> {
        let mut inner = self.lock();
        if inner.fault == Some(Fault::AppendAfter(inner.appends)) {
            return Err(LogError::Store("the append failed as it was told to".into()));
        }
        if inner.durable.contains_key(&first) || inner.written.contains_key(&first) {
            return Err(LogError::Fenced(first));
        }
        inner.appends += 1;
        inner.written.insert(first, block.to_vec());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let mut inner = self.lock();
        if inner.fault == Some(Fault::FlushAfter(inner.flushes)) {
            return Err(LogError::Store("the flush failed as it was told to".into()));
        }
        inner.flushes += 1;
        let written = std::mem::take(&mut inner.written);
        inner.durable.extend(written);
        Ok(())
    }
}

impl LogReader for MemoryLog {
    fn block_at(&self, position: Position) -> Result<Option<Vec<u8>>, LogError> {
        let inner = self.lock();
        let holding = inner.durable.range(..=position).next_back();
        let is_within =
            |block: &[u8]| BlockHeader::read(block).map_or(true, |header| header.last() >= position);
        if let Some((_, block)) = holding.filter(|(_, block)| is_within(block)) {
            return Ok(Some(block.clone()));
        }
        Ok(inner.durable.range(position..).next().map(|(_, block)| block.clone()))
    }
}
