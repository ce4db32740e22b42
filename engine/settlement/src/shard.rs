//! A shard: the wallets of some partitions, and what they make of messages.

use std::collections::{BTreeSet, HashMap};

use quittance_ledger::{
    AccountId, Event, Owner, PaymentRequestId, Refusal, RequestState, Timestamp, Transfer, Wallet, WalletId,
    WalletSnapshot, decide_credit, decide_debit,
};

use crate::message::{Effect, Message, Ticket, WalletCommand};
use crate::partition::Partition;

/// How many forgotten requests a wallet gives up each time its state is taken for a checkpoint.
const FORGOTTEN_REQUESTS_PER_CHECKPOINT: usize = 1_000;

/// What changed durably since the last checkpoint, in key order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Wallets as they are.
    pub wallets: Vec<WalletSnapshot>,
    /// Requests as they are; none where they were forgotten.
    pub requests: Vec<(WalletId, PaymentRequestId, Option<RequestState>)>,
}

/// The wallets of the partitions that a shard hosts. Nobody else touches their state.
#[derive(Debug)]
pub struct ShardState {
    hosted: BTreeSet<Partition>,
    wallets: HashMap<WalletId, Wallet>,
    /// The instant of the latest record that is durable. What was forgotten by a clock that a crash takes back could be
    /// paid twice, so requests are forgotten by this.
    durable_at: Timestamp,
    dirty_wallets: BTreeSet<WalletId>,
    dirty_requests: BTreeSet<(WalletId, PaymentRequestId)>,
}

impl ShardState {
    /// A shard that hosts these partitions, with no wallets.
    #[must_use]
    pub fn new(hosted: impl IntoIterator<Item = Partition>) -> Self {
        Self {
            hosted: hosted.into_iter().collect(),
            wallets: HashMap::new(),
            durable_at: Timestamp::EPOCH,
            dirty_wallets: BTreeSet::new(),
            dirty_requests: BTreeSet::new(),
        }
    }

    /// Puts back a wallet that recovery found.
    pub fn restore(&mut self, wallet: Wallet) {
        self.assert_hosted(wallet.id());
        self.wallets.insert(wallet.id(), wallet);
    }

    /// A wallet's state.
    #[must_use]
    pub fn wallet(&self, id: WalletId) -> Option<&Wallet> {
        self.wallets.get(&id)
    }

    /// The wallets, in no order.
    pub fn wallets(&self) -> impl Iterator<Item = &Wallet> {
        self.wallets.values()
    }

    /// Handles one message at the instant `now`, and adds what it wants done to `effects`.
    ///
    /// A message for a partition of this same shard is handled on the spot and never becomes an effect.
    pub fn handle(&mut self, message: Message, now: Timestamp, effects: &mut Vec<Effect>) {
        let mut next = Some(message);
        while let Some(message) = next.take() {
            self.assert_hosted_partition(message.partition());
            let onward = match message {
                Message::Debit(transfer) => self.debit(transfer, effects),
                Message::Credit(transfer) => self.credit(transfer, now, effects),
                Message::TakeBack(transfer, refusal) => {
                    if let Some(payer) = self.wallets.get_mut(&transfer.payer) {
                        payer.release(transfer.amount);
                    }
                    effects.push(Effect::Record(Event::TransferRefused(transfer, refusal), None));
                    None
                }
                Message::Command { wallet, account, command, ticket } => {
                    effects.push(self.command(wallet, account, command, now, ticket));
                    None
                }
            };
            let Some(onward) = onward else { continue };
            let partition = onward.partition();
            if self.hosted.contains(&partition) {
                next = Some(onward);
            } else {
                effects.push(Effect::Send(partition, onward));
            }
        }
    }

    /// Lets a wallet that can remember no more requests forget some that are long over. Nothing else might change it, and
    /// then no checkpoint would.
    fn make_room(&mut self, id: WalletId) {
        let Some(wallet) = self.wallets.get_mut(&id).filter(|wallet| wallet.requests().is_full()) else {
            return;
        };
        for request in wallet.forget_expired_requests(self.durable_at, FORGOTTEN_REQUESTS_PER_CHECKPOINT) {
            self.dirty_requests.insert((id, request));
        }
    }

    fn debit(&mut self, transfer: Transfer, effects: &mut Vec<Effect>) -> Option<Message> {
        let payer = self.wallets.get_mut(&transfer.payer);
        match (decide_debit(payer.as_deref(), &transfer), payer) {
            (Ok(()), Some(payer)) => {
                payer.reserve(transfer.amount);
                Some(Message::Credit(transfer))
            }
            (Err(refusal), _) => {
                effects.push(Effect::Record(Event::TransferRefused(transfer, refusal), None));
                None
            }
            (Ok(()), None) => unreachable!("a debit is decided of a wallet that is there"),
        }
    }

    /// The last word on a transfer: both legs stand once the event is in the queue, which is before the next message.
    fn credit(&mut self, transfer: Transfer, now: Timestamp, effects: &mut Vec<Effect>) -> Option<Message> {
        self.make_room(transfer.payee);
        let payee = self.wallets.get_mut(&transfer.payee);
        match (decide_credit(payee.as_deref(), &transfer, now), payee) {
            (Ok(()), Some(payee)) => {
                payee.expect_credit(transfer.amount, &transfer.purpose);
                effects.push(Effect::Record(Event::TransferSettled(transfer), None));
                None
            }
            (Err(refusal), _) => Some(Message::TakeBack(transfer, refusal)),
            (Ok(()), None) => unreachable!("a credit is decided of a wallet that is there"),
        }
    }

    fn command(
        &mut self,
        id: WalletId,
        account: Option<AccountId>,
        command: WalletCommand,
        now: Timestamp,
        ticket: Ticket,
    ) -> Effect {
        self.make_room(id);
        let is_owner = |wallet: &&mut Wallet| match (wallet.owner(), account) {
            (Owner::Account(owner), Some(account)) => owner == account,
            (Owner::Account(_), None) => true,
            (Owner::Issuer, _) => false,
        };
        let Some(wallet) = self.wallets.get_mut(&id).filter(is_owner) else {
            return Effect::Answer(ticket, Err(Refusal::WalletUnknown));
        };
        let decided = match &command {
            WalletCommand::Close => wallet.decide_close(),
            WalletCommand::OpenRequest(request) => wallet.decide_request(request, now),
            WalletCommand::CancelRequest(request) => wallet.decide_cancel(*request),
        };
        match decided {
            Err(refusal) => Effect::Answer(ticket, Err(refusal)),
            Ok(None) => Effect::Answer(ticket, Ok(())),
            Ok(Some(event)) => {
                match command {
                    WalletCommand::Close => wallet.expect_close(),
                    WalletCommand::OpenRequest(request) => wallet.expect_request(*request),
                    WalletCommand::CancelRequest(request) => wallet.expect_cancel(request),
                }
                Effect::Record(event, Some(ticket))
            }
        }
    }

    /// Posts the events of a block that has become durable, those of them that concern wallets of this shard.
    pub fn commit<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) {
        for event in events {
            if let Some(opened) = Wallet::opened_by(event)
                && self.hosted.contains(&Partition::of(opened.id()))
            {
                self.wallets.insert(opened.id(), opened);
            }
            for id in event.wallets() {
                let Some(wallet) = self.wallets.get_mut(&id) else { continue };
                wallet.apply(event);
                self.dirty_wallets.insert(id);
                if let Some(request) = event.changed_request(id) {
                    self.dirty_requests.insert((id, request));
                }
            }
        }
    }

    /// Takes note of the instant of a record that is durable.
    pub fn note_time(&mut self, at: Timestamp) {
        self.durable_at = self.durable_at.max(at);
    }

    /// Takes what changed durably since the last time, for a checkpoint as of the last block committed here. Forgets
    /// some of the requests that are long over.
    pub fn take_dirty(&mut self) -> Dirty {
        let mut dirty = Dirty::default();
        for id in std::mem::take(&mut self.dirty_wallets) {
            let Some(wallet) = self.wallets.get_mut(&id) else { continue };
            dirty.wallets.push(wallet.snapshot());
            for request in wallet.forget_expired_requests(self.durable_at, FORGOTTEN_REQUESTS_PER_CHECKPOINT)
            {
                self.dirty_requests.insert((id, request));
            }
        }
        for (wallet, request) in std::mem::take(&mut self.dirty_requests) {
            let state = self.wallets.get(&wallet).and_then(|wallet| wallet.requests().get(request)).copied();
            dirty.requests.push((wallet, request, state));
        }
        dirty
    }

    fn assert_hosted(&self, wallet: WalletId) {
        self.assert_hosted_partition(Partition::of(wallet));
    }

    fn assert_hosted_partition(&self, partition: Partition) {
        assert!(self.hosted.contains(&partition), "a shard touches the wallets of its own partitions alone");
    }
}
