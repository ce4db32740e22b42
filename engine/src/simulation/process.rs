//! The engine on a machine, without its threads: what would run on each is run one step at a time.

use std::collections::VecDeque;
use std::future::Future as _;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use quittance_journal::{Batch, Block, Committer, Position, Record, ReplayError, replay};
use quittance_settlement::PARTITION_COUNT;

use super::{Plant, is_planted};
use crate::actors::ManualShard;
use crate::audit::{AuditReport, audit_store};
use crate::checkpoint::ManualCheckpointer;
use crate::config::EngineConfig;
use crate::engine::{Engine, Parts};
use crate::error::StartError;
use crate::keys::Keys;
use crate::notifier::{Notifier, Published};
use crate::pending::Done;
use crate::store::{JournalWriter, Store};

/// Why the process ended by itself, as it does where a thread of it finds that it can't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process ended: {0}")]
pub struct Death(String);

/// What can take a step. Each is a thread of the engine, or a moment of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// A shard handles its next message.
    Shard(usize),
    /// The committer takes what waits and appends it.
    Append,
    /// The committer makes what it appended durable, and publishes it.
    Flush,
    /// The notifier fans the next batch out.
    Notifier,
    /// The checkpointer takes note of what was published.
    CheckpointTask,
    /// The checkpointer goes on with its round.
    CheckpointStep,
}

/// An engine whose parts are run by hand. What its requests wait for happens in [`Process::run`].
pub struct Process {
    engine: Arc<Engine>,
    shards: Vec<ManualShard>,
    committer: Committer<JournalWriter, Done>,
    /// Appended, and not durable yet.
    appended: Option<Appended>,
    notifier: Notifier,
    published: VecDeque<Published>,
    checkpointer: ManualCheckpointer,
}

struct Appended {
    batch: Batch<Done>,
    is_posted: bool,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("ready", &self.ready()).finish_non_exhaustive()
    }
}

fn dead(error: impl std::fmt::Display) -> Death {
    Death(error.to_string())
}

impl Process {
    /// Starts the engine on the machine that this thread is in, with keys that are made of a number.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start(config: EngineConfig, keys: u64) -> Result<Self, StartError> {
        let (engine, parts) = Engine::assemble(config, Keys::simulated(keys))?;
        let Parts { shards, notifier, committer, checkpointer, tasks } = parts;
        let shards = ManualShard::start(shards, &engine.router);
        Ok(Self {
            engine: Arc::new(engine),
            shards,
            committer,
            appended: None,
            notifier,
            published: VecDeque::new(),
            checkpointer: ManualCheckpointer::new(checkpointer, tasks),
        })
    }

    /// The engine, to ask something of.
    #[must_use]
    pub const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What has something to do, in a fixed order.
    #[must_use]
    pub fn ready(&self) -> Vec<Part> {
        let busy = |(number, shard): (usize, &ManualShard)| {
            (shard.waiting() > 0 || shard.has_late()).then_some(Part::Shard(number))
        };
        let mut ready: Vec<_> = self.shards.iter().enumerate().filter_map(busy).collect();
        match &self.appended {
            Some(_) => ready.push(Part::Flush),
            None if self.committer.waiting() > 0 => ready.push(Part::Append),
            None => {}
        }
        if !self.published.is_empty() {
            ready.push(Part::Notifier);
        }
        if self.checkpointer.waiting() > 0 && !self.checkpointer.is_asking() {
            ready.push(Part::CheckpointTask);
        }
        if !self.checkpointer.is_idle() {
            ready.push(Part::CheckpointStep);
        }
        ready
    }

    /// Has a part take its next step: of a committer with at most so many submissions, of a checkpointer so many partitions.
    ///
    /// # Errors
    /// The process ends by itself.
    pub fn run(&mut self, part: Part, most: usize) -> Result<(), Death> {
        match part {
            Part::Shard(number) => {
                if let Some(shard) = self.shards.get_mut(number) {
                    shard.handle_next();
                }
                Ok(())
            }
            Part::Append => self.append(most),
            Part::Flush => self.flush(),
            Part::Notifier => match self.published.pop_front() {
                Some(published) => self.notifier.publish_all(published).map_err(dead),
                None => Ok(()),
            },
            Part::CheckpointTask => self.checkpointer.do_next().map_err(dead),
            Part::CheckpointStep => (0..most.max(1)).try_for_each(|_| self.checkpoint()),
        }
    }

    fn append(&mut self, most: usize) -> Result<(), Death> {
        let Some(batch) = self.committer.append_waiting(most).map_err(dead)? else { return Ok(()) };
        let tells_early = is_planted(Plant::NotifyBeforeDurable);
        let posts_early = tells_early || is_planted(Plant::CheckpointAhead);
        if posts_early {
            batch.blocks.iter().for_each(|block| self.engine.router.commit(&Arc::new(block.clone())));
        }
        let mut appended = Appended { batch, is_posted: posts_early };
        if tells_early {
            let done = std::mem::take(&mut appended.batch.done);
            self.publish(&appended.batch.blocks, done);
        }
        self.appended = Some(appended);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Death> {
        let Some(Appended { batch, is_posted }) = self.appended.take() else { return Ok(()) };
        self.committer.make_durable(&batch).map_err(dead)?;
        if is_planted(Plant::NotifyBeforeDurable) {
            return Ok(());
        }
        // In the order of the committer's thread.
        let Batch { blocks, done } = batch;
        if !is_posted {
            blocks.iter().for_each(|block| self.engine.router.commit(&Arc::new(block.clone())));
        }
        self.publish(&blocks, done);
        Ok(())
    }

    fn publish(&mut self, blocks: &[Block], done: Vec<Done>) {
        let blocks = blocks.iter().cloned().map(Arc::new).collect();
        self.published.push_back(Published { blocks, done });
    }

    fn checkpoint(&mut self) -> Result<(), Death> {
        let count = self.shards.len();
        let shards = &mut self.shards;
        let answer_at_once = |partition: quittance_settlement::Partition| {
            // Whoever has nothing before it may as well answer now.
            if let Some(shard) = shards.get_mut(partition.shard(count)).filter(|shard| shard.waiting() == 1) {
                shard.handle_next();
            }
        };
        self.checkpointer.step(answer_at_once).map_err(dead)
    }

    /// Has the shards end holds whose time is over.
    pub fn expire(&mut self) {
        self.shards.iter_mut().for_each(ManualShard::expire);
    }

    /// Ends the process as its operator would, where nothing is left to do but checkpoints: writes what no checkpoint has.
    ///
    /// # Errors
    /// It can't be written, or something is still under way.
    pub fn shut_down(mut self) -> Result<(), Death> {
        let engine = Arc::clone(&self.engine);
        let drained = pin!(engine.admission.drain()).poll(&mut Context::from_waker(Waker::noop()));
        if drained == Poll::Pending {
            return Err(dead("not all that was let in is let go, though nothing is left to do"));
        }
        // What is left of a round, and a whole one: each step may ask and write, or do one after the other.
        for _ in 0..u32::from(PARTITION_COUNT).saturating_add(1).saturating_mul(4) {
            self.checkpoint()?;
        }
        self.engine.store.sync().map_err(dead)
    }

    /// What the journal durably has after a position.
    ///
    /// # Errors
    /// It can't be read.
    pub fn records_after(&self, after: Position) -> Result<Vec<(Position, Record)>, ReplayError> {
        let mut records = Vec::new();
        let reader = self.engine.store.journal_reader();
        if reader.end() <= after {
            return Ok(records);
        }
        replay(&reader, after, |block| {
            let newer = block.positioned().filter(|(position, _)| *position > after);
            records.extend(newer.map(|(position, record)| (position, record.clone())));
            Ok::<_, ReplayError>(())
        })?;
        Ok(records)
    }

    /// The position of the last record that is durable, whether or not anybody was told.
    #[must_use]
    pub fn durable_to(&self) -> Position {
        self.engine.store.journal_reader().end()
    }
}

/// Audits the store on the machine that this thread is in, which no process has open.
///
/// # Errors
/// The first thing that is wrong.
pub fn audit(path: &Path) -> Result<AuditReport, crate::audit::AuditError> {
    audit_store(&Store::open_existing(path)?, None, &mut |_| {})
}
