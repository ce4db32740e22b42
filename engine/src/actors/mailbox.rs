//! A shard's mailbox that is emptied by hand, one message at a time, instead of by an actor: for simulations.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::address::Address;
use super::router::Router;
use super::shard::ShardActor;
use crate::error::EngineError;

type Mail = Box<dyn FnOnce(&mut ShardActor) + Send>;

/// First in, first out.
#[derive(Clone, Default)]
pub(crate) struct Mailbox(Arc<Mutex<VecDeque<Mail>>>);

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Mailbox").field(&self.len()).finish()
    }
}

/// A shard with its mailbox.
pub(crate) struct ManualShard {
    shard: ShardActor,
    mailbox: Mailbox,
}

impl Mailbox {
    pub(super) fn push(&self, mail: impl FnOnce(&mut ShardActor) + Send + 'static) {
        self.0.lock().push_back(Box::new(mail));
    }

    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut ShardActor) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (sender, receiver) = oneshot::channel();
        self.push(move |shard| {
            // Whoever asked may be gone.
            let _ = sender.send(question(shard));
        });
        receiver.await.map_err(|_| EngineError::Stopping)
    }

    fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl ManualShard {
    /// Tells the router of shards that are run by hand.
    pub(crate) fn start(shards: Vec<ShardActor>, router: &Router) -> Vec<Self> {
        let shards: Vec<_> =
            shards.into_iter().map(|shard| Self { shard, mailbox: Mailbox::default() }).collect();
        router.set(shards.iter().map(|shard| Address::Mailbox(shard.mailbox.clone())).collect());
        shards
    }

    /// How many messages wait.
    pub(crate) fn waiting(&self) -> usize {
        self.mailbox.len()
    }

    /// Handles the next message.
    pub(crate) fn handle_next(&mut self) {
        let mail = self.mailbox.0.lock().pop_front();
        let late = self.shard.take_late();
        if let Some(mail) = mail {
            mail(&mut self.shard);
        }
        self.shard.submit_late(late);
    }

    /// Whether a planted fault keeps something back.
    pub(crate) fn has_late(&self) -> bool {
        self.shard.has_late()
    }

    /// Ends holds whose time is over.
    pub(crate) fn expire(&mut self) {
        self.shard.expire();
    }
}
