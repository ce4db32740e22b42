//! Recovery: from what is on disk to the state as of the last durable block.
//!
//! Wallets, accounts and the index come from checkpoints, each as of its own position; what came after is replayed from
//! the journal, whose chain is checked on the way. Replay decides nothing: blocks hold decided facts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use quittance_journal::{Block, Position, ReplayError, Tip, replay};
use quittance_ledger::{
    AccountId, Allowance, BookEntry, Books, CurrencyCode, Event, FeeScope, Owner, Timestamp, Wallet, WalletId,
};
use quittance_settlement::Partition;

use crate::admission::{Admission, Outcome};
use crate::directory::Register;
use crate::error::StartError;
use crate::heads::Heads;
use crate::history::History;
use crate::store::{StateBatch, StateTree, Store, StoreError, StoredState};

/// The state as of the last durable block.
pub(crate) struct Recovered {
    pub(crate) tip: Tip,
    pub(crate) wallets: HashMap<WalletId, Wallet>,
    pub(crate) allowances: HashMap<(AccountId, CurrencyCode), Allowance>,
    pub(crate) register: Register,
    pub(crate) history: History,
    pub(crate) heads: Heads,
    /// The latest instant that a replayed record names. The last block is always replayed.
    pub(crate) latest: Timestamp,
    changed_wallets: HashSet<WalletId>,
    changed_entries: HashSet<(WalletId, BookEntry)>,
    changed_allowances: HashSet<(AccountId, CurrencyCode)>,
    changed_fees: HashSet<FeeScope>,
    changed_rates: HashSet<(CurrencyCode, CurrencyCode)>,
}

/// Reads the state. Writes nothing but parts of the index, where that has to be made again. `admission` is given every transfer
/// whose id may still be in the window of `id_window_ms`, so that it can be told from a new one: from the index, and what comes
/// after it from the journal.
pub(crate) fn recover(
    store: &Store,
    id_window_ms: u64,
    now: Timestamp,
    admission: &Admission,
) -> Result<Recovered, StartError> {
    let stored = store.state().load()?;
    let history = History::open(store.history(), store.journal_reader())?;
    let heads = Heads::open(store)?;
    let ids_from = history.indexed_to();
    store.history().ids_since(now.minus_millis(id_window_ms), |slice, hash, position| {
        admission.restore(slice, hash, position);
    })?;
    let kept: Vec<Position> = Partition::all()
        .map(|partition| stored.partition(partition))
        .chain([stored.directory, history.indexed_to(), heads.indexed_to()])
        .collect();
    let oldest_needed = kept.iter().copied().min().unwrap_or(Position::START);
    let newest_kept = kept.iter().copied().max().unwrap_or(Position::START);

    let mut replaying = Replaying::new(stored, history, heads, ids_from);
    let tip =
        replay(&store.journal_reader(), oldest_needed, |block| replaying.take(Arc::new(block), admission))?;
    if tip.position < newest_kept {
        return Err(ReplayError::Short { needed: newest_kept, found: tip.position }.into());
    }
    let mut recovered = replaying.recovered;
    recovered.tip = tip;
    recovered.forget();
    for wallet in recovered.wallets.values() {
        recovered.register.restore_wallet(wallet.snapshot());
    }
    Ok(recovered)
}

struct Replaying {
    recovered: Recovered,
    partitions: BTreeMap<u16, Position>,
    directory: Position,
    /// Up to where the index had the ids.
    ids_from: Position,
}

impl Replaying {
    fn new(stored: StoredState, history: History, heads: Heads, ids_from: Position) -> Self {
        let mut register = Register::default();
        stored.accounts.into_values().for_each(|account| register.restore_account(account));
        for (currency, issuer) in stored.currencies.into_values() {
            register.restore_currency(currency, issuer);
        }
        for (scope, rule) in stored.fees {
            register.restore_fee(scope, rule);
        }
        stored.rates.into_iter().for_each(|rate| register.restore_rate(rate));
        let mut entries = stored.entries;
        let mut restore = |snapshot: quittance_ledger::WalletSnapshot| {
            let mut books = Books::default();
            for (entry, state) in entries.remove(&snapshot.id).unwrap_or_default() {
                books.restore(entry, state);
            }
            (snapshot.id, Wallet::restore(snapshot, books))
        };
        let mut allowances = HashMap::new();
        for kept in stored.allowances {
            register.restore_limited(kept.account, kept.currency);
            allowances.insert((kept.account, kept.currency), Allowance::restore(kept));
        }
        let wallets = stored.wallets.into_values().map(&mut restore).collect();
        let recovered = Recovered {
            tip: Tip::GENESIS,
            wallets,
            allowances,
            register,
            history,
            heads,
            latest: Timestamp::EPOCH,
            changed_wallets: HashSet::new(),
            changed_entries: HashSet::new(),
            changed_allowances: HashSet::new(),
            changed_fees: HashSet::new(),
            changed_rates: HashSet::new(),
        };
        Self { recovered, partitions: stored.partitions, directory: stored.directory, ids_from }
    }

    fn take(&mut self, block: Arc<Block>, admission: &Admission) -> Result<(), StartError> {
        for (position, record) in block.positioned() {
            self.recovered.latest = self.recovered.latest.max(record.at);
            self.apply_to_wallets(position, &record.event);
            if position > self.directory {
                self.recovered.apply_to_register(record.at, &record.event);
            }
            if position > self.ids_from
                && let Some(outcome) = Outcome::of(position, record)
            {
                admission.complete(&outcome);
            }
        }
        let wallets = &self.recovered.wallets;
        self.recovered.heads.append(&block)?;
        let history = &self.recovered.history;
        // Never ahead of the journal, which is on the disk, and a start that ends early leaves the next one less to gather.
        if history.append(&block, &|wallet| account_of(wallets, wallet), None)? {
            history.write_full()?;
        }
        Ok(())
    }

    fn apply_to_wallets(&mut self, position: Position, event: &Event) {
        let is_new_at = |partition: Partition| {
            self.partitions.get(&partition.number()).is_none_or(|kept| position > *kept)
        };
        let is_new = |id: WalletId| is_new_at(Partition::of(id));
        let recovered = &mut self.recovered;
        if let Some(opened) = Wallet::opened_by(event).filter(|wallet| is_new(wallet.id())) {
            recovered.wallets.insert(opened.id(), opened);
        }
        for id in event.wallets().filter(|id| is_new(*id)) {
            let Some(wallet) = recovered.wallets.get_mut(&id) else { continue };
            wallet.replay(event);
            recovered.changed_wallets.insert(id);
            recovered.changed_entries.extend(event.changed_entries(id).into_iter().map(|entry| (id, entry)));
        }
        if let Some((account, currency)) = event.allowance()
            && is_new_at(Partition::of_account(account))
        {
            let key = (account, currency);
            let allowance =
                recovered.allowances.entry(key).or_insert_with(|| Allowance::new(account, currency));
            allowance.replay(event);
            recovered.changed_allowances.insert(key);
        }
    }
}

fn account_of(wallets: &HashMap<WalletId, Wallet>, wallet: WalletId) -> Option<AccountId> {
    match wallets.get(&wallet)?.owner() {
        Owner::Account(account) => Some(account),
        Owner::Issuer => None,
    }
}

impl Recovered {
    /// Forgets what is long over, which replay does not.
    fn forget(&mut self) {
        for (id, wallet) in &mut self.wallets {
            let forgotten = wallet.forget(self.latest, usize::MAX);
            self.changed_entries.extend(forgotten.into_iter().map(|entry| (*id, entry)));
        }
    }

    fn apply_to_register(&mut self, at: Timestamp, event: &Event) {
        self.register.apply(at, event);
        match event {
            Event::FeeSet { scope, .. } => {
                self.changed_fees.insert(*scope);
            }
            Event::RateSet { from, to, .. } => {
                self.changed_rates.insert((*from, *to));
            }
            _ => {}
        }
    }

    /// Writes a checkpoint of all that replay changed, as of the last block: the next start has less to replay, and the
    /// shards start with nothing to write.
    pub(crate) fn write_checkpoint(&self, state: &StateTree) -> Result<(), StoreError> {
        let mut batch = StateBatch::default();
        for wallet in self.changed_wallets.iter().filter_map(|id| self.wallets.get(id)) {
            batch.wallet(wallet.snapshot())?;
        }
        for (wallet, entry) in &self.changed_entries {
            let known = self.wallets.get(wallet).and_then(|wallet| wallet.books().get(*entry));
            batch.entry(*wallet, *entry, known.as_ref())?;
        }
        for allowance in self.changed_allowances.iter().filter_map(|key| self.allowances.get(key)) {
            batch.allowance(&allowance.snapshot())?;
        }
        for scope in &self.changed_fees {
            batch.fee(*scope, self.register.fee(*scope).as_ref())?;
        }
        for (from, to) in &self.changed_rates {
            batch.rate(*from, *to, self.register.rate(*from, *to).as_ref())?;
        }
        for account in self.register.accounts() {
            batch.account(account)?;
        }
        for (currency, issuer) in self.register.currencies() {
            batch.currency(&currency, issuer)?;
        }
        for partition in Partition::all() {
            batch.partition(partition, self.tip.position)?;
        }
        batch.directory(self.tip.position)?;
        state.write(batch)?;
        self.history.flush()?;
        self.heads.flush()
    }
}
