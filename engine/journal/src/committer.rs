//! The committer: the one place where what was decided becomes durable.
//!
//! It drains its queue into blocks, appends them, flushes once, and only then lets anybody know. While it flushes, what
//! comes next gathers in the queue: the slower the disk, the larger the blocks, and the more of them to a flush.

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use quittance_ledger::{Event, Timestamp};

use crate::block::{Block, BlockWriter};
use crate::chain::Tip;
use crate::log::{Log, LogError};
use crate::record::{Record, RecordError};

/// How many blocks are full before a flush is due. A disk writes faster the more it is given at once, up to some hundred KiB.
const MAX_BLOCKS_PER_FLUSH: usize = 8;

/// Why the committer ended. Nobody may be answered after this.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event could not be written down.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Something for the committer. `Done` is whatever shall be told when it is durable.
#[derive(Debug)]
pub enum Submission<Done> {
    /// An event for the journal.
    Record {
        /// When it was decided.
        at: Timestamp,
        /// What was decided.
        event: Event,
        /// Who waits for it.
        done: Option<Done>,
    },
    /// Several events for the journal, in this order, for which nobody waits here.
    Records {
        /// When they were decided.
        at: Timestamp,
        /// What was decided.
        events: Vec<Event>,
    },
    /// Nothing for the journal: only to be told when all that was submitted before is durable.
    Barrier {
        /// Who waits.
        done: Done,
    },
}

/// What became durable together.
#[derive(Debug)]
pub struct Batch<Done> {
    /// The blocks; none where there were only barriers.
    pub blocks: Vec<Block>,
    /// Who waited, in the order of submission.
    pub done: Vec<Done>,
}

/// The writing end of the committer's queue: first in, first out.
#[derive(Debug)]
pub struct Queue<Done>(Sender<Submission<Done>>);

impl<Done> Clone for Queue<Done> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Done> Queue<Done> {
    /// Puts a submission into the queue, at once: whoever submits holds a permit for its slot since before the work
    /// was admitted, so there is room.
    ///
    /// Once the committer has ended the submission is dropped, and whoever waits for it is told nothing.
    pub fn submit(&self, submission: Submission<Done>) {
        match self.0.try_send(submission) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => unreachable!("a slot in the queue is reserved at admission"),
        }
    }

    /// How many submissions wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Makes submissions durable, in order.
#[derive(Debug)]
pub struct Committer<L, Done> {
    log: L,
    tip: Tip,
    queue: Receiver<Submission<Done>>,
    writer: BlockWriter,
}

impl<L: Log, Done> Committer<L, Done> {
    /// A committer that goes on after `tip`, and a queue to it with this many slots.
    #[must_use]
    pub fn new(log: L, tip: Tip, queue_slots: usize) -> (Self, Queue<Done>) {
        let (sender, queue) = bounded(queue_slots);
        (Self { log, tip, queue, writer: BlockWriter::default() }, Queue(sender))
    }

    /// Runs until every [`Queue`] is dropped and all that was submitted is durable. Gives `publish` each batch, in
    /// order, after it became durable.
    ///
    /// # Errors
    /// The log failed: nothing that was not published may be acknowledged.
    pub fn run(mut self, mut publish: impl FnMut(Batch<Done>)) -> Result<Tip, CommitError> {
        while let Ok(first) = self.queue.recv() {
            let batch = self.append_from(first, usize::MAX)?;
            self.make_durable(&batch)?;
            publish(batch);
        }
        Ok(self.tip)
    }

    /// A part of a turn of [`Committer::run`], for whoever schedules it by hand: appends what waits, at most so many
    /// submissions. None where nothing waits. [`Committer::make_durable`] must follow before anybody is told.
    ///
    /// # Errors
    /// As [`Committer::run`].
    pub fn append_waiting(&mut self, most: usize) -> Result<Option<Batch<Done>>, CommitError> {
        let Ok(first) = self.queue.try_recv() else { return Ok(None) };
        self.append_from(first, most).map(Some)
    }

    /// How many submissions wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Makes a batch durable that was appended.
    ///
    /// # Errors
    /// As [`Committer::run`].
    pub fn make_durable(&mut self, batch: &Batch<Done>) -> Result<(), CommitError> {
        if !batch.blocks.is_empty() {
            self.log.flush()?;
        }
        Ok(())
    }

    /// Appends a submission and those that wait behind it: at most so many, and no more blocks than are due to be flushed.
    fn append_from(&mut self, first: Submission<Done>, most: usize) -> Result<Batch<Done>, CommitError> {
        let (mut blocks, mut waiting) = (Vec::new(), Vec::new());
        let mut left = most;
        let mut next = Some(first);
        while let Some(submission) = next.take() {
            match submission {
                Submission::Record { at, event, done } => {
                    self.push(Record { at, event }, &mut blocks)?;
                    waiting.extend(done);
                }
                Submission::Records { at, events } => {
                    for event in events {
                        self.push(Record { at, event }, &mut blocks)?;
                    }
                }
                Submission::Barrier { done } => waiting.push(done),
            }
            left = left.saturating_sub(1);
            if left > 0 && blocks.len() < MAX_BLOCKS_PER_FLUSH {
                next = self.queue.try_recv().ok();
            }
        }
        if !self.writer.is_empty() {
            blocks.push(self.append()?);
        }
        Ok(Batch { blocks, done: waiting })
    }

    fn push(&mut self, record: Record, full: &mut Vec<Block>) -> Result<(), CommitError> {
        if !self.writer.has_room() {
            full.push(self.append()?);
        }
        Ok(self.writer.push(record)?)
    }

    fn append(&mut self) -> Result<Block, CommitError> {
        let (block, bytes) = self.writer.finish(self.tip);
        self.log.append(block.first, bytes)?;
        self.tip = block.tip();
        Ok(block)
    }
}
