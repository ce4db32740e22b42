//! Where a shard is reached: the mailbox of its actor.

use actix::{Addr, Handler, MailboxError, Message};
use quittance_ledger::{AllowanceSnapshot, EntryState, WalletSnapshot};

use super::shard::{
    Commit, Deliver, DeliverTogether, ReadAllowance, ReadEntry, ReadWallet, ShardActor, TakeCheckpoint,
};
use crate::error::EngineError;

#[cfg(feature = "simulation")]
use super::mailbox::Mailbox;

/// A shard's address.
#[derive(Debug)]
pub(super) enum Address {
    Actor(Addr<ShardActor>),
    /// A queue that whoever schedules by hand empties.
    #[cfg(feature = "simulation")]
    Mailbox(Mailbox),
}

impl Address {
    pub(super) fn deliver(&self, message: Deliver) {
        match self {
            Self::Actor(actor) => actor.do_send(message),
            #[cfg(feature = "simulation")]
            Self::Mailbox(mailbox) => mailbox.push(|shard| shard.deliver(message)),
        }
    }

    pub(super) fn deliver_together(&self, message: DeliverTogether) {
        match self {
            Self::Actor(actor) => actor.do_send(message),
            #[cfg(feature = "simulation")]
            Self::Mailbox(mailbox) => mailbox.push(|shard| shard.deliver_together(message)),
        }
    }

    pub(super) fn commit(&self, message: Commit) {
        match self {
            Self::Actor(actor) => actor.do_send(message),
            #[cfg(feature = "simulation")]
            Self::Mailbox(mailbox) => mailbox.push(|shard| shard.commit(message)),
        }
    }

    pub(super) fn take_checkpoint(&self, message: TakeCheckpoint) {
        match self {
            Self::Actor(actor) => actor.do_send(message),
            #[cfg(feature = "simulation")]
            Self::Mailbox(mailbox) => mailbox.push(|shard| shard.take_checkpoint(message)),
        }
    }

    pub(super) async fn read_wallet(
        &self,
        message: ReadWallet,
    ) -> Result<Option<WalletSnapshot>, EngineError> {
        match self {
            Self::Actor(actor) => ask(actor, message).await,
            #[cfg(feature = "simulation")]
            Self::Mailbox(mailbox) => mailbox.ask(|shard| shard.read_wallet(message)).await,
        }
    }

    pub(super) async fn read_entry(&self, message: ReadEntry) -> Result<Option<EntryState>, EngineError> {
        match self {
            Self::Actor(actor) => ask(actor, message).await,
            #[cfg(feature = "simulation")]
            Self::Mailbox(mailbox) => mailbox.ask(|shard| shard.read_entry(message)).await,
        }
    }

    pub(super) async fn read_allowance(
        &self,
        message: ReadAllowance,
    ) -> Result<Option<AllowanceSnapshot>, EngineError> {
        match self {
            Self::Actor(actor) => ask(actor, message).await,
            #[cfg(feature = "simulation")]
            Self::Mailbox(mailbox) => mailbox.ask(|shard| shard.read_allowance(message)).await,
        }
    }
}

async fn ask<M>(actor: &Addr<ShardActor>, message: M) -> Result<M::Result, EngineError>
where
    M: Message + Send + 'static,
    M::Result: Send,
    ShardActor: Handler<M>,
{
    actor.send(message).await.map_err(|_: MailboxError| EngineError::Stopping)
}
