//! The notifier: fans a block that became durable out to all who wait for it.
//!
//! The order matters. First the history knows the block, then those are told who wait for an answer, and then the event
//! streams are woken: so whoever is told of a transfer also finds it. A slow reader costs nothing here, because a stream
//! reads the history at its own pace and only the newest position is kept for it.

mod watchers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::{Actor, Context, Handler, Message};
use crossbeam::channel::Sender;
use quittance_journal::{Block, Position};
use quittance_ledger::AccountId;

pub(crate) use watchers::Watchers;

use crate::admission::{Admission, Outcome};
use crate::checkpoint::CheckpointTask;
use crate::directory::Directory;
use crate::heads::Heads;
use crate::history::History;
use crate::pending::Done;
use crate::stop::stop_at_once;
use crate::store::StoreError;

pub(crate) struct Notifier {
    pub(crate) directory: Arc<Directory>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) history: Arc<History>,
    pub(crate) heads: Arc<Heads>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) tip: Arc<AtomicU64>,
    pub(crate) checkpointer: Sender<CheckpointTask>,
}

/// What the committer made durable together.
pub(crate) struct Published {
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) done: Vec<Done>,
}

impl Message for Published {
    type Result = ();
}

impl Actor for Notifier {
    type Context = Context<Self>;
}

impl Handler<Published> for Notifier {
    type Result = ();

    fn handle(&mut self, published: Published, _: &mut Self::Context) {
        if let Err(error) = self.publish_all(published) {
            // The journal has it, and a start gathers it again. Going on, some would never be told.
            stop_at_once("the index could not be read or written", &error)
        }
    }
}

impl Notifier {
    /// Fans out what became durable together.
    ///
    /// # Errors
    /// The index could not be read. Nobody may be told anything after this.
    pub(crate) fn publish_all(&self, Published { blocks, done }: Published) -> Result<(), StoreError> {
        for block in blocks {
            self.publish(block)?;
        }
        done.into_iter().for_each(Done::tell);
        Ok(())
    }

    fn publish(&self, block: Arc<Block>) -> Result<(), StoreError> {
        // Most servers have followers; a load of transfers alone need not gather whom to wake.
        let mut parties = (!self.watchers.is_empty()).then(Parties::default);
        let has_much_to_write = self.index(&block, parties.as_mut())?;
        self.directory.published(&block);
        self.tip.store(block.last().get(), Ordering::Release);
        for (position, record) in block.positioned() {
            if let Some(outcome) = Outcome::of(position, record) {
                self.admission.complete(&outcome);
            }
        }
        match parties {
            Some(parties) => self.watchers.wake(&parties),
            // Whoever began to follow meanwhile may have looked at the history before the block was in it.
            None => self.watchers.wake_all(block.last()),
        }
        let has_transfers_alone =
            block.positioned().all(|(position, record)| Outcome::of(position, record).is_some());
        let task = if has_transfers_alone {
            CheckpointTask::Transfers(block.last())
        } else {
            CheckpointTask::Block(block)
        };
        // Only ends when the checkpointer does, which is when the engine does.
        let _ = self.checkpointer.send(task);
        if has_much_to_write {
            let _ = self.checkpointer.send(CheckpointTask::Index);
        }
        Ok(())
    }

    /// Takes a block into the index, and gathers whom it is told to. Says whether there is enough of the index to be written.
    fn index(&self, block: &Arc<Block>, parties: Option<&mut Parties>) -> Result<bool, StoreError> {
        self.heads.append(block)?;
        self.directory.with_owners(|owner| match parties {
            Some(parties) => self.history.append(
                block,
                owner,
                Some(&mut |account, position| _ = parties.insert(account, position)),
            ),
            None => self.history.append(block, owner, None),
        })
    }
}

/// The newest position of each account that a block is told to.
pub(crate) type Parties = foldhash::HashMap<AccountId, Position>;
