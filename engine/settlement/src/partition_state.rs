//! What belongs to one partition: its wallets with their books, its accounts' limits, and what of them changed since they
//! were last written.
//!
//! It is what a checkpoint is of. Recovery makes it again from a checkpoint and what came after, and a shard hosts it.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt as _};
use quittance_ledger::{
    AccountId, Allowance, AllowanceSnapshot, BookEntry, CurrencyCode, EntryState, Event, Timestamp, Wallet,
    WalletId, WalletSnapshot,
};

use crate::pages::{PageNumber, Pages};
use crate::partition::Partition;

/// How many entries of each of its books a wallet forgets each time its state is taken for a checkpoint.
const FORGOTTEN_PER_CHECKPOINT: usize = 1_000;

/// What changed durably of a partition since the last checkpoint, in key order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Pages of wallets as they are, each whole.
    pub pages: Vec<(PageNumber, Vec<WalletSnapshot>)>,
    /// Entries of wallets' books as they are; none where they were forgotten.
    pub entries: Vec<(WalletId, BookEntry, Option<EntryState>)>,
    /// Limits of accounts as they are.
    pub allowances: Vec<AllowanceSnapshot>,
}

impl Dirty {
    /// Whether nothing changed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pages.is_empty() && self.entries.is_empty() && self.allowances.is_empty()
    }
}

/// What belongs to one partition.
#[derive(Debug)]
pub struct PartitionState {
    partition: Partition,
    wallets: Pages,
    allowances: HashMap<(AccountId, CurrencyCode), Allowance>,
    dirty_entries: BTreeSet<(WalletId, BookEntry)>,
    dirty_allowances: BTreeSet<(AccountId, CurrencyCode)>,
}

impl PartitionState {
    /// A partition with nothing in it.
    #[must_use]
    pub fn new(partition: Partition) -> Self {
        Self {
            partition,
            wallets: Pages::new(),
            allowances: HashMap::new(),
            dirty_entries: BTreeSet::new(),
            dirty_allowances: BTreeSet::new(),
        }
    }

    /// Which partition.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        self.partition
    }

    /// Puts back the next page of wallets that a checkpoint has.
    pub fn restore_page(&mut self, wallets: Vec<Wallet>) {
        let is_here = |wallet: &Wallet| Partition::of(wallet.id()) == self.partition;
        assert!(wallets.iter().all(is_here), "a wallet stays in its partition");
        self.wallets.restore(wallets);
    }

    /// Puts back the limits of an account that a checkpoint has.
    pub fn restore_allowance(&mut self, allowance: Allowance) {
        let AllowanceSnapshot { account, currency, .. } = allowance.snapshot();
        assert_eq!(
            Partition::of_account(account),
            self.partition,
            "an account's limits stay in their partition"
        );
        self.allowances.insert((account, currency), allowance);
    }

    /// How many wallets there are.
    #[must_use]
    pub fn wallet_count(&self) -> usize {
        self.wallets.len()
    }

    /// A wallet.
    #[must_use]
    pub fn wallet(&self, id: WalletId) -> Option<&Wallet> {
        self.wallets.get(id)
    }

    /// The wallets, in the order in which they were opened.
    pub fn wallets(&self) -> impl Iterator<Item = &Wallet> {
        self.wallets.iter()
    }

    /// The limits of an account in a currency, where there ever were any.
    #[must_use]
    pub fn allowance(&self, account: AccountId, currency: CurrencyCode) -> Option<&Allowance> {
        self.allowances.get(&(account, currency))
    }

    /// A wallet, for what is decided and not durable. No checkpoint hears of it.
    pub(crate) fn wallet_mut(&mut self, id: WalletId) -> Option<&mut Wallet> {
        self.wallets.get_mut(id)
    }

    /// The limits of an account, for what is decided and not durable.
    pub(crate) fn allowance_mut(&mut self, key: (AccountId, CurrencyCode)) -> &mut Allowance {
        self.allowances.entry(key).or_insert_with(|| Allowance::new(key.0, key.1))
    }

    /// Adds a wallet that was opened, durably.
    pub fn open(&mut self, wallet: Wallet) {
        assert_eq!(Partition::of(wallet.id()), self.partition, "a wallet is opened in its partition");
        self.wallets.open(wallet);
    }

    /// Posts an event that is durable to one of the wallets that it names, and gives the entries of its books that changed; none
    /// where there is no such wallet.
    pub(crate) fn apply(&mut self, id: WalletId, event: &Event) -> Option<Vec<BookEntry>> {
        self.change(id, event, Wallet::apply)
    }

    /// As [`ShardState::commit`](crate::ShardState::commit) for one wallet, where nothing is in flight.
    pub fn replay(&mut self, id: WalletId, event: &Event) {
        self.change(id, event, Wallet::replay);
    }

    fn change(
        &mut self,
        id: WalletId,
        event: &Event,
        change: fn(&mut Wallet, &Event),
    ) -> Option<Vec<BookEntry>> {
        change(self.wallets.change(id)?, event);
        let entries = event.changed_entries(id);
        self.dirty_entries.extend(entries.iter().map(|entry| (id, *entry)));
        Some(entries)
    }

    /// Posts an event that is durable to the limits of the account that it names.
    pub(crate) fn apply_allowance(&mut self, key: (AccountId, CurrencyCode), event: &Event) {
        self.allowance_mut(key).apply(event);
        self.dirty_allowances.insert(key);
    }

    /// As [`ShardState::commit`](crate::ShardState::commit) for the limits of an account, where nothing is in flight.
    pub fn replay_allowance(&mut self, key: (AccountId, CurrencyCode), event: &Event) {
        self.allowance_mut(key).replay(event);
        self.dirty_allowances.insert(key);
    }

    /// As [`PartitionState::wallet_mut`], with room in its books: one whose books are full forgets what is long over at `at`.
    /// Nothing else might change it, and then no checkpoint would.
    pub(crate) fn wallet_with_room(&mut self, id: WalletId, at: Timestamp) -> Option<&mut Wallet> {
        let wallet = self.wallets.get_mut(id)?;
        if wallet.is_full() {
            let forgotten = wallet.forget(at, FORGOTTEN_PER_CHECKPOINT);
            self.dirty_entries.extend(forgotten.into_iter().map(|entry| (id, entry)));
        }
        Some(wallet)
    }

    /// Forgets all that is long over at `at`.
    pub fn forget(&mut self, at: Timestamp) {
        for wallet in self.wallets.iter_mut() {
            let id = wallet.id();
            let forgotten = wallet.forget(at, usize::MAX);
            self.dirty_entries.extend(forgotten.into_iter().map(|entry| (id, entry)));
        }
    }

    /// Takes what changed durably since the last time, for a checkpoint. Forgets some of the entries of what changed that are
    /// long over at `at`.
    pub fn take_dirty(&mut self, at: Timestamp) -> Dirty {
        let mut dirty = Dirty::default();
        for (number, wallets) in self.wallets.take_dirty() {
            for wallet in wallets.iter_mut() {
                let id = wallet.id();
                let forgotten = wallet.forget(at, FORGOTTEN_PER_CHECKPOINT);
                self.dirty_entries.extend(forgotten.into_iter().map(|entry| (id, entry)));
            }
            dirty.pages.push((number, wallets.iter().map(|wallet| wallet.snapshot().clone()).collect()));
        }
        for (wallet, entry) in std::mem::take(&mut self.dirty_entries) {
            let state = self.wallets.get(wallet).and_then(|wallet| wallet.books().get(entry));
            dirty.entries.push((wallet, entry, state));
        }
        for key in std::mem::take(&mut self.dirty_allowances) {
            dirty.allowances.extend(self.allowances.get(&key).map(Allowance::snapshot));
        }
        dirty
    }
}
