//! The checkpointer: writes the durable state to the store from time to time, so that a start replays only what came after.
//!
//! It runs on a thread of its own, off the way of every answer. A shard's wallets with their books, its accounts' limits
//! and the position they are as of are one batch; so are the accounts with currencies, fees and rates, and so is the
//! index. None of it is ever ahead of the journal: a shard and this thread only hear of blocks that are durable.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use quittance_journal::{Block, Position};
use quittance_ledger::{Account, AccountId, Event};

use crate::actors::{Router, ShardCheckpoint};
use crate::heads::Heads;
use crate::history::History;
use crate::store::{Database, StateBatch, StateTree, StoreError};

/// How many blocks may wait for this thread before the notifier waits for it.
pub(crate) const MAX_WAITING_BLOCKS: usize = 1_024;

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
        let mut batch = std::mem::take(&mut self.batch);
        for (_, account) in self.changed.drain() {
            batch.account(&account)?;
        }
        batch.directory(self.as_of)?;
        self.state.write(batch)
    }
}

impl Checkpointer {
    /// Starts the thread. It ends when it is told to.
    pub(crate) fn spawn(mut self, tasks: Receiver<CheckpointTask>) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("checkpointer".to_owned()).spawn(move || {
            if let Err(error) = self.run(&tasks) {
                // The journal has it all. But a store that can't be written to will not hold the next block either.
                tracing::error!(%error, "a checkpoint could not be written: stopping at once");
                eprintln!("quittance: a checkpoint could not be written: {error}; stopping at once");
                std::process::abort();
            }
        })
    }

    fn run(&mut self, tasks: &Receiver<CheckpointTask>) -> Result<(), StoreError> {
        let mut next = Instant::now() + self.interval;
        let mut is_due = false;
        loop {
            match tasks.recv_deadline(next) {
                Ok(CheckpointTask::Block(block)) => {
                    self.accounts.apply(&block)?;
                    is_due = true;
                }
                Ok(CheckpointTask::Transfers(last)) => {
                    self.accounts.as_of = last;
                    is_due = true;
                }
                Ok(CheckpointTask::Index) => self.history.write_full()?,
                Ok(CheckpointTask::Stop) | Err(RecvTimeoutError::Disconnected) => return self.checkpoint(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= next {
                if std::mem::take(&mut is_due) {
                    self.checkpoint()?;
                }
                next = Instant::now() + self.interval;
            }
        }
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        for shard in self.router.take_checkpoints() {
            self.state.write(shard_batch(&shard)?)?;
        }
        self.history.flush()?;
        self.heads.flush()?;
        self.accounts.write()?;
        self.database.sync()
    }
}

fn shard_batch(shard: &ShardCheckpoint) -> Result<StateBatch, StoreError> {
    let mut batch = StateBatch::default();
    for wallet in &shard.dirty.wallets {
        batch.wallet(wallet)?;
    }
    for (wallet, entry, state) in &shard.dirty.entries {
        batch.entry(*wallet, *entry, state.as_ref())?;
    }
    for allowance in &shard.dirty.allowances {
        batch.allowance(allowance)?;
    }
    for partition in &shard.hosted {
        batch.partition(*partition, shard.as_of)?;
    }
    Ok(batch)
}

/// The sending end, and what it takes.
pub(crate) fn channel() -> (Sender<CheckpointTask>, Receiver<CheckpointTask>) {
    crossbeam::channel::bounded(MAX_WAITING_BLOCKS)
}
