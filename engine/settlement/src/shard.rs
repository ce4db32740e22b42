//! A shard: the wallets of some partitions, and what they make of messages.

use std::collections::BTreeSet;

use quittance_ledger::{
    AccountId, Allowance, BookEntry, CurrencyCode, Event, Limits, Owner, Refusal, Stop, Timestamp, Transfer,
    TransferId, Wallet, WalletId, decide_part,
};

use crate::message::{Effect, Message, Ticket, WalletCommand};
use crate::partition::Partition;
use crate::partition_state::{Dirty, PartitionState};

/// The most expiries of holds that one shard has on their way to the journal. Nobody asked for them, so they have no permit:
/// whoever sizes the journal's queue leaves room for as many.
pub const MAX_EXPIRING_PER_SHARD: usize = 256;

/// The wallets of the partitions that a shard hosts. Nobody else touches their state.
#[derive(Debug)]
pub struct ShardState {
    /// By the partition's number; none where another shard hosts it.
    partitions: Vec<Option<PartitionState>>,
    /// Holds that are open, by when they expire.
    due: BTreeSet<(Timestamp, WalletId, TransferId)>,
    /// How many expiries are on their way to the journal.
    expiring: usize,
    /// The instant of the latest record that is durable. What was forgotten by a clock that a crash takes back could be
    /// paid twice, so entries are forgotten by this.
    durable_at: Timestamp,
}

impl ShardState {
    /// A shard that hosts these partitions.
    #[must_use]
    pub fn new(hosted: impl IntoIterator<Item = PartitionState>) -> Self {
        let mut shard = Self {
            partitions: Partition::all().map(|_| None).collect(),
            due: BTreeSet::new(),
            expiring: 0,
            durable_at: Timestamp::EPOCH,
        };
        hosted.into_iter().for_each(|partition| shard.host(partition));
        shard
    }

    fn host(&mut self, state: PartitionState) {
        for wallet in state.wallets() {
            self.due.extend(wallet.holds().due().map(|(at, hold)| (at, wallet.id(), hold)));
        }
        if let Some(hosted) = self.partitions.get_mut(usize::from(state.partition().number())) {
            *hosted = Some(state);
        }
    }

    fn partition(&self, partition: Partition) -> Option<&PartitionState> {
        self.partitions.get(usize::from(partition.number()))?.as_ref()
    }

    fn partition_mut(&mut self, partition: Partition) -> Option<&mut PartitionState> {
        self.partitions.get_mut(usize::from(partition.number()))?.as_mut()
    }

    fn hosts(&self, partition: Partition) -> bool {
        self.partition(partition).is_some()
    }

    /// A wallet's state.
    #[must_use]
    pub fn wallet(&self, id: WalletId) -> Option<&Wallet> {
        self.partition(Partition::of(id))?.wallet(id)
    }

    fn wallet_mut(&mut self, id: WalletId) -> Option<&mut Wallet> {
        self.partition_mut(Partition::of(id))?.wallet_mut(id)
    }

    fn wallet_with_room(&mut self, id: WalletId) -> Option<&mut Wallet> {
        let durable_at = self.durable_at;
        self.partition_mut(Partition::of(id))?.wallet_with_room(id, durable_at)
    }

    /// The wallets, in no order.
    pub fn wallets(&self) -> impl Iterator<Item = &Wallet> {
        self.partitions.iter().flatten().flat_map(PartitionState::wallets)
    }

    /// The limits of an account in a currency, where there ever were any.
    #[must_use]
    pub fn allowance(&self, account: AccountId, currency: CurrencyCode) -> Option<&Allowance> {
        self.partition(Partition::of_account(account))?.allowance(account, currency)
    }

    /// The limits of an account whose partition is hosted here.
    fn allowance_mut(&mut self, account: AccountId, currency: CurrencyCode) -> &mut Allowance {
        let Some(partition) = self.partition_mut(Partition::of_account(account)) else {
            unreachable!("a message comes to the shard that hosts its partition")
        };
        partition.allowance_mut((account, currency))
    }

    /// Handles one message at the instant `now`, and adds what it wants done to `effects`.
    ///
    /// A message for a partition of this same shard is handled on the spot and never becomes an effect.
    pub fn handle(&mut self, message: Message, now: Timestamp, effects: &mut Vec<Effect>) {
        let mut next = Some(message);
        while let Some(message) = next.take() {
            if let Some(partition) = message.partition() {
                self.assert_hosted(partition);
            }
            let onward = match message {
                Message::Visit { transfer, stop } => self.visit(transfer, stop, now, effects),
                Message::TakeBack { transfer, stop, refusal } => {
                    self.take_back(&transfer, stop);
                    go_back(transfer, stop, refusal, effects)
                }
                Message::Command { wallet, account, command, ticket } => {
                    effects.push(self.command(wallet, account, &command, now, ticket));
                    None
                }
                Message::LimitAccount { account, currency, limits, ticket } => {
                    effects.push(self.limit(account, currency, limits, ticket));
                    None
                }
            };
            let Some(onward) = onward else { continue };
            let Some(partition) = onward.partition() else {
                unreachable!("a transfer goes on to a stop that it has")
            };
            if self.hosts(partition) {
                next = Some(onward);
            } else {
                effects.push(Effect::Send(partition, onward));
            }
        }
    }

    /// Ends holds whose time is over at `now`, as many as may be on their way at once. To be called from time to time.
    pub fn expire(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let room = MAX_EXPIRING_PER_SHARD.saturating_sub(self.expiring);
        // No more are looked at than there is room for. Those that can't end yet wait for a capture that is on its way, and
        // so hold the others up for a moment only.
        let due: Vec<_> = self.due.iter().take_while(|(at, ..)| *at <= now).take(room).copied().collect();
        for entry in due {
            let (_, wallet, hold) = entry;
            let Some(wallet) = self.wallet_mut(wallet) else { continue };
            let Some(expired) = wallet.decide_expiry(hold, now) else { continue };
            wallet.expect(&expired);
            effects.push(Effect::Record(expired, None));
            self.due.remove(&entry);
            self.expiring = self.expiring.saturating_add(1);
        }
    }

    /// A transfer at one of its stops. At the last one all of it stands once the event is in the queue, which is before the
    /// next message.
    fn visit(
        &mut self,
        mut transfer: Box<Transfer>,
        stop: usize,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Option<Message> {
        let decided = match transfer.stop(stop) {
            Some(Stop::Wallet(id)) => self.visit_wallet(&mut transfer, id, now),
            Some(Stop::Allowance(account, currency)) => {
                self.visit_allowance(&mut transfer, account, currency)
            }
            None => unreachable!("a transfer visits the stops that it has"),
        };
        match decided {
            Err(refusal) => go_back(transfer, stop, refusal, effects),
            Ok(()) => {
                let next = stop.saturating_add(1);
                if transfer.stop(next).is_some() {
                    Some(Message::Visit { transfer, stop: next })
                } else {
                    effects.push(Effect::Record(Event::TransferSettled(transfer), None));
                    None
                }
            }
        }
    }

    fn visit_wallet(&mut self, transfer: &mut Transfer, id: WalletId, now: Timestamp) -> Result<(), Refusal> {
        let wallet = self.wallet_with_room(id);
        let decided = decide_part(wallet.as_deref(), id, transfer, now)?;
        decided.note_in(transfer);
        let Some(wallet) = wallet else { unreachable!("a part is decided of a wallet that is there") };
        wallet.accept(transfer);
        Ok(())
    }

    fn visit_allowance(
        &mut self,
        transfer: &mut Transfer,
        account: AccountId,
        currency: CurrencyCode,
    ) -> Result<(), Refusal> {
        let allowance = self.allowance_mut(account, currency);
        transfer.account_counted_on = allowance.decide(transfer)?;
        allowance.accept(transfer);
        Ok(())
    }

    fn take_back(&mut self, transfer: &Transfer, stop: usize) {
        match transfer.stop(stop) {
            Some(Stop::Wallet(id)) => {
                if let Some(wallet) = self.wallet_mut(id) {
                    wallet.take_back(transfer);
                }
            }
            Some(Stop::Allowance(account, currency)) => {
                self.allowance_mut(account, currency).take_back(transfer);
            }
            None => {}
        }
    }

    fn command(
        &mut self,
        id: WalletId,
        account: Option<AccountId>,
        command: &WalletCommand,
        now: Timestamp,
        ticket: Ticket,
    ) -> Effect {
        let is_owner = |wallet: &&mut Wallet| match (wallet.owner(), account) {
            (Owner::Account(owner), Some(account)) => owner == account,
            (Owner::Account(_), None) => true,
            (Owner::Issuer, _) => false,
        };
        let Some(wallet) = self.wallet_with_room(id).filter(is_owner) else {
            return Effect::Answer(ticket, Err(Refusal::WalletUnknown));
        };
        let decided = match command {
            WalletCommand::Close => wallet.decide_close(),
            WalletCommand::OpenRequest(request) => wallet.decide_request(request, now),
            WalletCommand::CancelRequest(request) => wallet.decide_cancel(*request),
            WalletCommand::Release(hold) => wallet.decide_release(*hold, now),
            WalletCommand::Freeze { both_ways } => wallet.decide_freeze(*both_ways),
            WalletCommand::Unfreeze => wallet.decide_unfreeze(),
            WalletCommand::Configure(settings) => wallet.decide_settings(settings),
        };
        match decided {
            Err(refusal) => Effect::Answer(ticket, Err(refusal)),
            Ok(None) => Effect::Answer(ticket, Ok(())),
            Ok(Some(event)) => {
                wallet.expect(&event);
                Effect::Record(event, Some(ticket))
            }
        }
    }

    fn limit(
        &mut self,
        account: AccountId,
        currency: CurrencyCode,
        limits: Limits,
        ticket: Ticket,
    ) -> Effect {
        let allowance = self.allowance_mut(account, currency);
        match allowance.decide_limits(limits) {
            None => Effect::Answer(ticket, Ok(())),
            Some(event) => {
                allowance.expect_limits(limits);
                Effect::Record(event, Some(ticket))
            }
        }
    }

    /// Posts the events of a block that has become durable, those of them that concern wallets of this shard.
    pub fn commit<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) {
        for event in events {
            if let Some(opened) = Wallet::opened_by(event)
                && let Some(partition) = self.partition_mut(Partition::of(opened.id()))
            {
                partition.open(opened);
            }
            for id in event.wallets() {
                let Some(partition) = self.partition_mut(Partition::of(id)) else { continue };
                let Some(entries) = partition.apply(id, event) else { continue };
                for entry in entries {
                    self.note_hold(id, entry);
                }
                if matches!(event, Event::HoldExpired { .. }) {
                    self.expiring = self.expiring.saturating_sub(1);
                }
            }
            if let Some(key) = event.allowance()
                && let Some(partition) = self.partition_mut(Partition::of_account(key.0))
            {
                partition.apply_allowance(key, event);
            }
        }
    }

    /// Keeps the list of what is due in step with a hold.
    fn note_hold(&mut self, wallet: WalletId, entry: BookEntry) {
        let BookEntry::Hold(id) = entry else { return };
        let hold = self.wallet(wallet).and_then(|wallet| wallet.holds().get(id));
        let Some(hold) = hold else { return };
        let key = (hold.expires_at, wallet, id);
        if hold.remaining() > 0 {
            self.due.insert(key);
        } else {
            self.due.remove(&key);
        }
    }

    /// Takes note of the instant of a record that is durable.
    pub fn note_time(&mut self, at: Timestamp) {
        self.durable_at = self.durable_at.max(at);
    }

    /// Takes what changed durably of a partition since the last time, for a checkpoint as of the last block committed here;
    /// none where the partition is another shard's. One partition at a time, so that nobody waits long for the shard.
    pub fn take_dirty(&mut self, partition: Partition) -> Option<Dirty> {
        let durable_at = self.durable_at;
        Some(self.partition_mut(partition)?.take_dirty(durable_at))
    }

    fn assert_hosted(&self, partition: Partition) {
        assert!(self.hosts(partition), "a shard touches the wallets of its own partitions alone");
    }
}

/// Takes a refused transfer back to the stop before, or records the refusal where it set out.
fn go_back(
    mut transfer: Box<Transfer>,
    stop: usize,
    refusal: Refusal,
    effects: &mut Vec<Effect>,
) -> Option<Message> {
    match stop.checked_sub(1) {
        Some(stop) => Some(Message::TakeBack { transfer, stop, refusal }),
        None => {
            // It counts toward nothing, and lets nothing go.
            transfer.counted_on = None;
            transfer.account_counted_on = None;
            transfer.let_go = None;
            effects.push(Effect::Record(Event::TransferRefused(transfer, refusal), None));
            None
        }
    }
}
