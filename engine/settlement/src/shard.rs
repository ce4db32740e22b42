//! A shard: the wallets of some partitions, and what they make of messages.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use quittance_ledger::{
    AccountId, Allowance, AllowanceSnapshot, BookEntry, CurrencyCode, EntryState, Event, Limits, Owner,
    Refusal, Stop, Timestamp, Transfer, TransferId, Wallet, WalletId, WalletSnapshot, decide_part,
};

use crate::message::{Effect, Message, Ticket, WalletCommand};
use crate::partition::{PARTITION_COUNT, Partition};

/// How many entries of each of its books a wallet forgets each time its state is taken for a checkpoint.
const FORGOTTEN_PER_CHECKPOINT: usize = 1_000;

/// The most expiries of holds that one shard has on their way to the journal. Nobody asked for them, so they have no permit:
/// whoever sizes the journal's queue leaves room for as many.
pub const MAX_EXPIRING_PER_SHARD: usize = 256;

/// What changed durably since the last checkpoint, in key order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Wallets as they are.
    pub wallets: Vec<WalletSnapshot>,
    /// Entries of their books as they are; none where they were forgotten.
    pub entries: Vec<(WalletId, BookEntry, Option<EntryState>)>,
    /// Limits of accounts as they are.
    pub allowances: Vec<AllowanceSnapshot>,
}

/// Which partitions a shard hosts.
#[derive(Debug)]
struct Hosted([bool; PARTITION_COUNT as usize]);

impl Hosted {
    fn of(partitions: impl IntoIterator<Item = Partition>) -> Self {
        let mut hosted = [false; PARTITION_COUNT as usize];
        for partition in partitions {
            if let Some(is_hosted) = hosted.get_mut(usize::from(partition.number())) {
                *is_hosted = true;
            }
        }
        Self(hosted)
    }

    fn contains(&self, partition: Partition) -> bool {
        self.0.get(usize::from(partition.number())).is_some_and(|is_hosted| *is_hosted)
    }
}

/// The wallets of the partitions that a shard hosts. Nobody else touches their state.
#[derive(Debug)]
pub struct ShardState {
    hosted: Hosted,
    wallets: HashMap<WalletId, Wallet>,
    allowances: HashMap<(AccountId, CurrencyCode), Allowance>,
    /// Holds that are open, by when they expire.
    due: BTreeSet<(Timestamp, WalletId, TransferId)>,
    /// How many expiries are on their way to the journal.
    expiring: usize,
    /// The instant of the latest record that is durable. What was forgotten by a clock that a crash takes back could be
    /// paid twice, so entries are forgotten by this.
    durable_at: Timestamp,
    dirty_wallets: HashSet<WalletId>,
    dirty_entries: BTreeSet<(WalletId, BookEntry)>,
    dirty_allowances: BTreeSet<(AccountId, CurrencyCode)>,
}

impl ShardState {
    /// A shard that hosts these partitions, with no wallets.
    #[must_use]
    pub fn new(hosted: impl IntoIterator<Item = Partition>) -> Self {
        Self {
            hosted: Hosted::of(hosted),
            wallets: HashMap::new(),
            allowances: HashMap::new(),
            due: BTreeSet::new(),
            expiring: 0,
            durable_at: Timestamp::EPOCH,
            dirty_wallets: HashSet::new(),
            dirty_entries: BTreeSet::new(),
            dirty_allowances: BTreeSet::new(),
        }
    }

    /// Puts back a wallet that recovery found.
    pub fn restore(&mut self, wallet: Wallet) {
        self.assert_hosted(Partition::of(wallet.id()));
        self.due.extend(wallet.holds().due().map(|(at, hold)| (at, wallet.id(), hold)));
        self.wallets.insert(wallet.id(), wallet);
    }

    /// Puts back the limits of an account that recovery found.
    pub fn restore_allowance(&mut self, allowance: Allowance) {
        let AllowanceSnapshot { account, currency, .. } = allowance.snapshot();
        self.assert_hosted(Partition::of_account(account));
        self.allowances.insert((account, currency), allowance);
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

    /// The limits of an account in a currency, where there ever were any.
    #[must_use]
    pub fn allowance(&self, account: AccountId, currency: CurrencyCode) -> Option<&Allowance> {
        self.allowances.get(&(account, currency))
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
            if self.hosted.contains(partition) {
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
            let Some(wallet) = self.wallets.get_mut(&wallet) else { continue };
            let Some(expired) = wallet.decide_expiry(hold, now) else { continue };
            wallet.expect(&expired);
            effects.push(Effect::Record(expired, None));
            self.due.remove(&entry);
            self.expiring = self.expiring.saturating_add(1);
        }
    }

    /// Lets a wallet whose books are full forget what is long over. Nothing else might change it, and then no checkpoint
    /// would.
    fn make_room(&mut self, id: WalletId) {
        let Some(wallet) = self.wallets.get_mut(&id).filter(|wallet| wallet.is_full()) else { return };
        for entry in wallet.forget(self.durable_at, FORGOTTEN_PER_CHECKPOINT) {
            self.dirty_entries.insert((id, entry));
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
        self.make_room(id);
        let wallet = self.wallets.get_mut(&id);
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
        let allowance =
            self.allowances.entry((account, currency)).or_insert_with(|| Allowance::new(account, currency));
        transfer.account_counted_on = allowance.decide(transfer)?;
        allowance.accept(transfer);
        Ok(())
    }

    fn take_back(&mut self, transfer: &Transfer, stop: usize) {
        match transfer.stop(stop) {
            Some(Stop::Wallet(id)) => {
                if let Some(wallet) = self.wallets.get_mut(&id) {
                    wallet.take_back(transfer);
                }
            }
            Some(Stop::Allowance(account, currency)) => {
                if let Some(allowance) = self.allowances.get_mut(&(account, currency)) {
                    allowance.take_back(transfer);
                }
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
        self.make_room(id);
        let is_owner = |wallet: &&mut Wallet| match (wallet.owner(), account) {
            (Owner::Account(owner), Some(account)) => owner == account,
            (Owner::Account(_), None) => true,
            (Owner::Issuer, _) => false,
        };
        let Some(wallet) = self.wallets.get_mut(&id).filter(is_owner) else {
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
        let allowance =
            self.allowances.entry((account, currency)).or_insert_with(|| Allowance::new(account, currency));
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
                && self.hosted.contains(Partition::of(opened.id()))
            {
                self.wallets.insert(opened.id(), opened);
            }
            for id in event.wallets() {
                if !self.hosted.contains(Partition::of(id)) {
                    continue;
                }
                let Some(wallet) = self.wallets.get_mut(&id) else { continue };
                wallet.apply(event);
                self.dirty_wallets.insert(id);
                for entry in event.changed_entries(id) {
                    self.dirty_entries.insert((id, entry));
                    self.note_hold(id, entry);
                }
                if matches!(event, Event::HoldExpired { .. }) {
                    self.expiring = self.expiring.saturating_sub(1);
                }
            }
            if let Some(key) = event.allowance()
                && self.hosted.contains(Partition::of_account(key.0))
            {
                let allowance = self.allowances.entry(key).or_insert_with(|| Allowance::new(key.0, key.1));
                allowance.apply(event);
                self.dirty_allowances.insert(key);
            }
        }
    }

    /// Keeps the list of what is due in step with a hold.
    fn note_hold(&mut self, wallet: WalletId, entry: BookEntry) {
        let BookEntry::Hold(id) = entry else { return };
        let hold = self.wallets.get(&wallet).and_then(|wallet| wallet.holds().get(id));
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

    /// Takes what changed durably since the last time, for a checkpoint as of the last block committed here. Forgets
    /// some of the entries that are long over.
    pub fn take_dirty(&mut self) -> Dirty {
        let mut dirty = Dirty::default();
        let mut dirty_wallets: Vec<_> = std::mem::take(&mut self.dirty_wallets).into_iter().collect();
        dirty_wallets.sort_unstable();
        for id in dirty_wallets {
            let Some(wallet) = self.wallets.get_mut(&id) else { continue };
            dirty.wallets.push(wallet.snapshot().clone());
            for entry in wallet.forget(self.durable_at, FORGOTTEN_PER_CHECKPOINT) {
                self.dirty_entries.insert((id, entry));
            }
        }
        for (wallet, entry) in std::mem::take(&mut self.dirty_entries) {
            let state = self.wallets.get(&wallet).and_then(|wallet| wallet.books().get(entry));
            dirty.entries.push((wallet, entry, state));
        }
        for key in std::mem::take(&mut self.dirty_allowances) {
            dirty.allowances.extend(self.allowances.get(&key).map(Allowance::snapshot));
        }
        dirty
    }

    fn assert_hosted(&self, partition: Partition) {
        assert!(self.hosted.contains(partition), "a shard touches the wallets of its own partitions alone");
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
