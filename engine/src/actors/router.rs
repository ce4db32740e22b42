//! Routing: from a wallet to the shard that hosts it.

use std::sync::{Arc, OnceLock};

use crossbeam::channel::{Receiver, bounded};
use quittance_journal::Block;
use quittance_ledger::{
    AccountId, AllowanceSnapshot, BookEntry, CurrencyCode, EntryState, HoldState, PaymentRequestId,
    RequestState, TransferId, WalletId, WalletSnapshot,
};
use quittance_settlement::{Message, Partition};

use super::address::Address;
use super::shard::{
    Commit, Deliver, DeliverTogether, PartitionCheckpoint, ReadAllowance, ReadEntry, ReadWallet,
    TakeCheckpoint,
};
use crate::error::EngineError;
use crate::pending::Done;

/// The shards' addresses. They are known once all shards have started, and each shard needs all of them.
#[derive(Debug, Default)]
pub(crate) struct Router(OnceLock<Box<[Address]>>);

impl Router {
    pub(super) fn set(&self, shards: Box<[Address]>) {
        assert!(self.0.set(shards).is_ok(), "shards start once");
    }

    fn shards(&self) -> &[Address] {
        self.0.get().map_or(&[], |shards| shards)
    }

    fn shard(&self, partition: Partition) -> Option<&Address> {
        let shards = self.shards();
        shards.get(partition.shard(shards.len()))
    }

    /// Sends a message to the shard of its wallet. Never waits and never finds the mailbox full: what is under way is
    /// bounded at admission. Once the shards have ended it is dropped, and whoever waits is told nothing.
    pub(crate) fn deliver(&self, message: Message, done: Option<Done>) {
        if let Some(partition) = message.partition() {
            self.deliver_to(partition, message, done);
        }
    }

    pub(super) fn deliver_to(&self, partition: Partition, message: Message, done: Option<Done>) {
        if let Some(shard) = self.shard(partition) {
            shard.deliver(Deliver { message, done });
        }
    }

    /// Sends messages of transfers to their partitions' shards, to each shard in one of the actors' messages.
    pub(crate) fn deliver_together(&self, messages: impl Iterator<Item = (Partition, Message)>) {
        let shards = self.shards();
        let mut together: Vec<Vec<Message>> = shards.iter().map(|_| Vec::new()).collect();
        for (partition, message) in messages {
            if let Some(of_shard) = together.get_mut(partition.shard(shards.len())) {
                of_shard.push(message);
            }
        }
        for (shard, messages) in shards.iter().zip(together).filter(|(_, messages)| !messages.is_empty()) {
            shard.deliver_together(DeliverTogether(messages));
        }
    }

    /// Tells every shard of a block that became durable.
    pub(crate) fn commit(&self, block: &Arc<Block>) {
        for shard in self.shards() {
            shard.commit(Commit(Arc::clone(block)));
        }
    }

    /// A wallet's durable state.
    pub(crate) async fn wallet(&self, id: WalletId) -> Result<Option<WalletSnapshot>, EngineError> {
        let shard = self.shard(Partition::of(id)).ok_or(EngineError::Stopping)?;
        shard.read_wallet(ReadWallet(id)).await
    }

    /// What is durably known of a payment request.
    pub(crate) async fn request(
        &self,
        wallet: WalletId,
        request: PaymentRequestId,
    ) -> Result<Option<RequestState>, EngineError> {
        match self.entry(wallet, BookEntry::Request(request)).await? {
            Some(EntryState::Request(state)) => Ok(Some(state)),
            _ => Ok(None),
        }
    }

    /// What is durably known of a hold, by the wallet that pays.
    pub(crate) async fn hold(
        &self,
        wallet: WalletId,
        hold: TransferId,
    ) -> Result<Option<HoldState>, EngineError> {
        match self.entry(wallet, BookEntry::Hold(hold)).await? {
            Some(EntryState::Hold(state)) => Ok(Some(state)),
            _ => Ok(None),
        }
    }

    async fn entry(&self, wallet: WalletId, entry: BookEntry) -> Result<Option<EntryState>, EngineError> {
        let shard = self.shard(Partition::of(wallet)).ok_or(EngineError::Stopping)?;
        shard.read_entry(ReadEntry(wallet, entry)).await
    }

    /// An account's limits over all its wallets of a currency, where there ever were any.
    pub(crate) async fn allowance(
        &self,
        account: AccountId,
        currency: CurrencyCode,
    ) -> Result<Option<AllowanceSnapshot>, EngineError> {
        let shard = self.shard(Partition::of_account(account)).ok_or(EngineError::Stopping)?;
        shard.read_allowance(ReadAllowance(account, currency)).await
    }

    /// What changed of a partition since this was last asked. Blocks until its shard comes to it; none once that has ended.
    pub(crate) fn take_checkpoint(&self, partition: Partition) -> Option<PartitionCheckpoint> {
        self.ask_checkpoint(partition)?.recv().ok()
    }

    /// As [`Router::take_checkpoint`], for whoever waits by itself.
    pub(crate) fn ask_checkpoint(&self, partition: Partition) -> Option<Receiver<PartitionCheckpoint>> {
        let (sender, receiver) = bounded(1);
        self.shard(partition)?.take_checkpoint(TakeCheckpoint(partition, sender));
        Some(receiver)
    }
}
