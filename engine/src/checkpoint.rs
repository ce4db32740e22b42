//! The checkpointer: writes the durable state to the store from time to time, so that a start replays only what came after.
//!
//! It runs on a thread of its own, off the way of every answer. A partition's wallets with their books, its accounts' limits
//! and the position they are as of are one batch; so are a partition's accounts; so are currencies, fees and rates, and so
//! is the index. No batch is large, because whoever else needs the store waits for it. None of it is ever ahead of the
//! journal: a shard and this thread only hear of blocks that are durable.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use quittance_journal::{Block, Position};
use quittance_ledger::{Account, AccountId, Event};
use quittance_settlement::{PARTITION_COUNT, Partition};

use crate::actors::{PartitionCheckpoint, Router};
use crate::heads::Heads;
use crate::history::History;
use crate::stop::stop_at_once;
use crate::store::{Database, StateBatch, StateTree, StoreError};

/// How many blocks may wait for this thread before the notifier waits for it.
pub(crate) const MAX_WAITING_BLOCKS: usize = 1_024;

/// After how many records the next step of a round is due before its time: a start replays what came after the oldest
/// partition's last step, which is a round and a half at most, or about 3 million records.
const RECORDS_PER_STEP: u64 = 8_192;

/// What the checkpointer is given to do.
pub(crate) enum CheckpointTask {
    /// Take note of a block that is durable and changes accounts, or may.
    Block(Arc<Block>),
    /// Take note that the journal reaches to here, by a block of transfers alone. They take up memory, and need not wait here
    /// while a checkpoint is written.
    Transfers(Position),
    /// Write what there is enough of in the index.
    Index,
    /// Write a last checkpoint and end.
    Stop,
}

pub(crate) struct Checkpointer {
    pub(crate) state: StateTree,
    pub(crate) database: Database,
    pub(crate) history: Arc<History>,
    pub(crate) heads: Arc<Heads>,
    pub(crate) router: Arc<Router>,
    pub(crate) accounts: ChangedAccounts,
    /// What is written next: the positions as of which partitions are that have not changed.
    pub(crate) pending: StateBatch,
    pub(crate) interval: Duration,
}

/// The accounts that changed durably since the last checkpoint. An account is read from the store when an event first
/// changes it, so only what changes is here.
pub(crate) struct ChangedAccounts {
    state: StateTree,
    changed: HashMap<AccountId, Account>,
    batch: StateBatch,
    as_of: Position,
}

impl ChangedAccounts {
    pub(crate) fn new(state: StateTree, as_of: Position) -> Self {
        Self { state, changed: HashMap::new(), batch: StateBatch::default(), as_of }
    }

    fn apply(&mut self, block: &Block) -> Result<(), StoreError> {
        for record in &block.records {
            match &record.event {
                Event::CurrencyRegistered { currency, issuer } => self.batch.currency(currency, *issuer)?,
                Event::FeeSet { scope, rule } => self.batch.fee(*scope, rule.as_ref())?,
                Event::RateSet { from, to, rate } => self.batch.rate(*from, *to, rate.as_ref())?,
                _ => {}
            }
            if let Some(account) = Account::opened_by(record.at, &record.event) {
                self.changed.insert(account.id, account);
            }
            let Some(id) = record.event.account() else { continue };
            if !self.changed.contains_key(&id)
                && let Some(account) = self.state.account(id)?
            {
                self.changed.insert(id, account);
            }
            if let Some(account) = self.changed.get_mut(&id) {
                account.apply(record.at, &record.event);
            }
        }
        self.as_of = block.last();
        Ok(())
    }

    fn write(&mut self) -> Result<(), StoreError> {
        write_accounts(&self.state, self.changed.values(), self.as_of)?;
        self.changed.clear();
        let mut batch = std::mem::take(&mut self.batch);
        batch.directory(self.as_of)?;
        self.state.write(batch)
    }
}

/// When the next step of a round is due. A round goes through all partitions, and last comes what belongs to none. Its
/// steps are spread over the interval, so that neither a shard nor the store is taken up for long; they come sooner where the
/// journal grows fast, because that is what a start has to replay.
struct Round {
    /// From one step to the next.
    pause: Duration,
    /// The next partition's number.
    next: u16,
    due_at: Instant,
    /// The journal's end by which the next step is due before its time.
    due_by: Position,
    /// Where the journal ended when this round began; until it begins, when the one before did.
    begun_at: Position,
}

impl Round {
    fn new(interval: Duration, end: Position) -> Self {
        let pause = interval / (u32::from(PARTITION_COUNT) + 1);
        Self { pause, next: 0, due_at: Instant::now(), due_by: end.plus(RECORDS_PER_STEP), begun_at: end }
    }

    /// Whether the round before has written all there is.
    fn is_idle(&self, end: Position) -> bool {
        self.next == 0 && end == self.begun_at
    }

    fn is_due(&self, end: Position) -> bool {
        !self.is_idle(end) && (Instant::now() >= self.due_at || end >= self.due_by)
    }

    /// Goes to the next step: a partition, or last what belongs to none.
    fn step(&mut self, end: Position) -> Option<Partition> {
        if self.next == 0 {
            self.begun_at = end;
        }
        let step = Partition::numbered(self.next);
        self.next = step.map_or(0, |partition| partition.number() + 1);
        self.due_at = Instant::now() + self.pause;
        self.due_by = end.plus(RECORDS_PER_STEP);
        step
    }
}

/// Writes accounts that changed, by partitions, and that all accounts are as of a position.
pub(crate) fn write_accounts<'a>(
    state: &StateTree,
    changed: impl Iterator<Item = &'a Account>,
    as_of: Position,
) -> Result<(), StoreError> {
    let mut by_partition = BTreeMap::<Partition, Vec<&Account>>::new();
    changed
        .for_each(|account| by_partition.entry(Partition::of_account(account.id)).or_default().push(account));
    let mut unchanged = StateBatch::default();
    for partition in Partition::all() {
        let Some(mut accounts) = by_partition.remove(&partition) else {
            unchanged.accounts(partition, as_of)?;
            continue;
        };
        accounts.sort_unstable_by_key(|account| account.id);
        let mut batch = StateBatch::default();
        accounts.into_iter().try_for_each(|account| batch.account(account))?;
        batch.accounts(partition, as_of)?;
        state.write(batch)?;
    }
    state.write(unchanged)
}

impl Checkpointer {
    /// Starts the thread. It ends when it is told to.
    pub(crate) fn spawn(mut self, tasks: Receiver<CheckpointTask>) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("checkpointer".to_owned()).spawn(move || {
            if let Err(error) = self.run(&tasks) {
                // The journal has it all. But a store that can't be written to will not hold the next block either.
                stop_at_once("a checkpoint could not be written", &error);
            }
        })
    }

    fn run(&mut self, tasks: &Receiver<CheckpointTask>) -> Result<(), StoreError> {
        let mut round = Round::new(self.interval, self.accounts.as_of);
        loop {
            let task = if round.is_idle(self.accounts.as_of) {
                tasks.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                tasks.recv_deadline(round.due_at)
            };
            match task {
                Ok(CheckpointTask::Stop) | Err(RecvTimeoutError::Disconnected) => return self.write_all(),
                Ok(task) => self.note(&task)?,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if round.is_due(self.accounts.as_of) {
                match round.step(self.accounts.as_of) {
                    Some(partition) => self.write_partition(partition)?,
                    None => self.write_rest()?,
                }
            }
        }
    }

    /// Does what it was given to do but for the end.
    fn note(&mut self, task: &CheckpointTask) -> Result<(), StoreError> {
        match task {
            CheckpointTask::Block(block) => self.accounts.apply(block)?,
            CheckpointTask::Transfers(last) => self.accounts.as_of = *last,
            CheckpointTask::Index => self.history.write_full()?,
            CheckpointTask::Stop => {}
        }
        Ok(())
    }

    fn write_all(&mut self) -> Result<(), StoreError> {
        Partition::all().try_for_each(|partition| self.write_partition(partition))?;
        self.write_rest()
    }

    fn write_partition(&mut self, partition: Partition) -> Result<(), StoreError> {
        match self.router.take_checkpoint(partition) {
            Some(checkpoint) => self.keep(partition, &checkpoint),
            None => Ok(()),
        }
    }

    fn keep(&mut self, partition: Partition, checkpoint: &PartitionCheckpoint) -> Result<(), StoreError> {
        let PartitionCheckpoint { as_of, dirty } = checkpoint;
        self.pending.partition_state(partition, *as_of, dirty)?;
        // Positions alone are written with the next state. In one batch after the other nothing older comes after it.
        if !dirty.is_empty() {
            self.state.write(std::mem::take(&mut self.pending))?;
        }
        Ok(())
    }

    fn write_rest(&mut self) -> Result<(), StoreError> {
        self.state.write(std::mem::take(&mut self.pending))?;
        self.history.flush()?;
        self.heads.flush()?;
        self.accounts.write()?;
        self.database.sync()
    }
}

/// A checkpointer that is run by hand, a step at a time, instead of by a thread: for simulations.
#[cfg(feature = "simulation")]
pub(crate) struct ManualCheckpointer {
    checkpointer: Checkpointer,
    tasks: Receiver<CheckpointTask>,
    round: Round,
    /// A partition whose shard was asked and has not answered.
    asked: Option<(Partition, Receiver<PartitionCheckpoint>)>,
}

#[cfg(feature = "simulation")]
impl ManualCheckpointer {
    pub(crate) fn new(checkpointer: Checkpointer, tasks: Receiver<CheckpointTask>) -> Self {
        let round = Round::new(checkpointer.interval, checkpointer.accounts.as_of);
        Self { checkpointer, tasks, round, asked: None }
    }

    /// How many tasks wait.
    pub(crate) fn waiting(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is nothing that a step would write.
    pub(crate) fn is_idle(&self) -> bool {
        self.asked.is_none() && self.round.is_idle(self.checkpointer.accounts.as_of)
    }

    /// Does the next task, unless it waits for a shard: then its thread would wait too.
    pub(crate) fn do_next(&mut self) -> Result<(), StoreError> {
        if self.asked.is_some() {
            return Ok(());
        }
        self.tasks.try_recv().map_or(Ok(()), |task| self.checkpointer.note(&task))
    }

    /// Whether it waits for a shard's answer.
    pub(crate) const fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Goes on with a round, one step of it: asks the next partition's shard, or writes what it answered. `answer_at_once` has the
    /// shard of a partition answer, if it has nothing else to do before.
    pub(crate) fn step(&mut self, mut answer_at_once: impl FnMut(Partition)) -> Result<(), StoreError> {
        if let Some((partition, answer)) = self.asked.take() {
            match answer.try_recv() {
                Ok(checkpoint) => self.checkpointer.keep(partition, &checkpoint)?,
                Err(_) => self.asked = Some((partition, answer)),
            }
            return Ok(());
        }
        let Some(partition) = self.round.step(self.checkpointer.accounts.as_of) else {
            return self.checkpointer.write_rest();
        };
        if let Some(answer) = self.checkpointer.router.ask_checkpoint(partition) {
            self.asked = Some((partition, answer));
            answer_at_once(partition);
        }
        Ok(())
    }
}

/// The sending end, and what it takes.
pub(crate) fn channel() -> (Sender<CheckpointTask>, Receiver<CheckpointTask>) {
    crossbeam::channel::bounded(MAX_WAITING_BLOCKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_round_comes_by_every_partition_and_ends_with_the_rest() {
        let (before, end) = (Position::START, Position::new(1));
        let mut round = Round::new(HOUR, before);
        assert!(round.is_idle(before) && !round.is_due(before));
        assert!(round.is_due(end), "the first step waits for nothing");
        assert!(Partition::all().all(|partition| round.step(end) == Some(partition)));
        // What came after the round began may be of a partition that it had come by.
        assert!(!round.is_idle(end.next()));
        assert_eq!(round.step(end.next()), None);
        assert!(!round.is_idle(end.next()));
        assert!(round.is_idle(end), "what was there when the round began is written");
    }

    #[test]
    fn a_step_is_due_before_its_time_where_the_journal_grows_fast() {
        let mut round = Round::new(HOUR, Position::START);
        let end = Position::new(1);
        round.step(end);
        assert!(!round.is_due(end.plus(RECORDS_PER_STEP - 1)));
        assert!(round.is_due(end.plus(RECORDS_PER_STEP)));
    }
}
