//! Recovery: from what is on disk to the state as of the last durable block.
//!
//! Wallets, accounts and the index come from checkpoints, each as of its own position; what came after is replayed from
//! the journal, whose chain is checked on the way. Replay decides nothing: blocks hold decided facts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use quittance_journal::{Block, Position, ReplayError, Tip, replay};
use quittance_ledger::{
    AccountId, Event, MAX_ID_AHEAD_MS, Owner, PaymentRequestId, RequestBook, Timestamp, Wallet, WalletId,
};
use quittance_settlement::Partition;

use crate::admission::Admission;
use crate::directory::Register;
use crate::error::StartError;
use crate::history::{History, transfer_record};
use crate::store::{StateBatch, StateTree, Store, StoreError, StoredState};

/// The state as of the last durable block.
pub(crate) struct Recovered {
    pub(crate) tip: Tip,
    pub(crate) wallets: HashMap<WalletId, Wallet>,
    pub(crate) register: Register,
    pub(crate) history: History,
    /// The latest instant that a replayed record names. The last block is always replayed.
    pub(crate) latest: Timestamp,
    pub(crate) last_mark: Timestamp,
    stale_marks: Vec<Timestamp>,
    changed_wallets: HashSet<WalletId>,
    changed_requests: HashSet<(WalletId, PaymentRequestId)>,
}

/// Reads the state. Writes nothing. `remember` is given every transfer whose id may still be in the window of
/// `id_window_ms`, so that it can be told from a new one.
pub(crate) fn recover(
    store: &Store,
    id_window_ms: u64,
    now: Timestamp,
    admission: Option<&Admission>,
) -> Result<Recovered, StartError> {
    let stored = store.state().load()?;
    let history = History::open(store.history(), store.journal_reader())?;
    let window_opens = now.minus_millis(id_window_ms).minus_millis(MAX_ID_AHEAD_MS);
    let newest_mark_before = stored.time_marks.range(..window_opens).next_back();
    let window_from = newest_mark_before.map_or(Position::START, |(_, position)| *position);
    let stale_marks =
        newest_mark_before.map(|(at, _)| stored.time_marks.range(..*at).map(|(at, _)| *at).collect());
    let kept: Vec<Position> = Partition::all()
        .map(|partition| stored.partition(partition))
        .chain([stored.directory, history.indexed_to()])
        .collect();
    let oldest_needed = kept.iter().copied().chain([window_from]).min().unwrap_or(Position::START);
    let newest_kept = kept.iter().copied().max().unwrap_or(Position::START);

    let mut replaying = Replaying::new(stored, history, window_from, now);
    replaying.recovered.stale_marks = stale_marks.unwrap_or_default();
    let tip = replay(&store.journal_reader(), oldest_needed, |block| {
        replaying.take(Arc::new(block), admission);
        Ok::<_, ReplayError>(())
    })?;
    if tip.position < newest_kept {
        return Err(ReplayError::Short { needed: newest_kept, found: tip.position }.into());
    }
    let mut recovered = replaying.recovered;
    recovered.tip = tip;
    for wallet in recovered.wallets.values() {
        recovered.register.restore_wallet(&wallet.snapshot());
    }
    Ok(recovered)
}

struct Replaying {
    recovered: Recovered,
    partitions: BTreeMap<u16, Position>,
    directory: Position,
    window_from: Position,
}

impl Replaying {
    fn new(stored: StoredState, history: History, window_from: Position, now: Timestamp) -> Self {
        let mut register = Register::default();
        // One that a clock made which was ahead says nothing of when the next is due.
        let last_mark = stored.time_marks.range(..=now).next_back().map_or(Timestamp::EPOCH, |(at, _)| *at);
        stored.accounts.into_values().for_each(|account| register.restore_account(account));
        for (currency, issuer) in stored.currencies.into_values() {
            register.restore_currency(currency, issuer);
        }
        let mut requests = stored.requests;
        let mut restore = |snapshot: quittance_ledger::WalletSnapshot| {
            let mut book = RequestBook::default();
            for (id, state) in requests.remove(&snapshot.id).unwrap_or_default() {
                book.restore(id, state);
            }
            (snapshot.id, Wallet::restore(snapshot, book))
        };
        let wallets = stored.wallets.into_values().map(&mut restore).collect();
        let recovered = Recovered {
            tip: Tip::GENESIS,
            wallets,
            register,
            history,
            latest: Timestamp::EPOCH,
            last_mark,
            stale_marks: Vec::new(),
            changed_wallets: HashSet::new(),
            changed_requests: HashSet::new(),
        };
        Self { recovered, partitions: stored.partitions, directory: stored.directory, window_from }
    }

    fn take(&mut self, block: Arc<Block>, admission: Option<&Admission>) {
        for (position, record) in block.positioned() {
            self.recovered.latest = self.recovered.latest.max(record.at);
            self.apply_to_wallets(position, &record.event);
            if position > self.directory {
                self.recovered.register.apply(record.at, &record.event);
            }
            if position > self.window_from
                && let (Some(admission), Some(transfer)) = (admission, transfer_record(position, record))
            {
                admission.complete(&transfer);
            }
        }
        let wallets = &self.recovered.wallets;
        self.recovered.history.append(&block, |wallet| account_of(wallets, wallet));
    }

    fn apply_to_wallets(&mut self, position: Position, event: &Event) {
        let is_new = |id: WalletId| {
            let number = Partition::of(id).number();
            self.partitions.get(&number).is_none_or(|kept| position > *kept)
        };
        let recovered = &mut self.recovered;
        if let Some(opened) = Wallet::opened_by(event).filter(|wallet| is_new(wallet.id())) {
            recovered.wallets.insert(opened.id(), opened);
        }
        for id in event.wallets().filter(|id| is_new(*id)) {
            let Some(wallet) = recovered.wallets.get_mut(&id) else { continue };
            wallet.apply(event);
            recovered.changed_wallets.insert(id);
            if let Some(request) = event.changed_request(id) {
                recovered.changed_requests.insert((id, request));
            }
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
    /// Writes a checkpoint of all that replay changed, as of the last block: the next start has less to replay, and the
    /// shards start with nothing to write.
    pub(crate) fn write_checkpoint(&self, state: &StateTree) -> Result<(), StoreError> {
        let mut batch = StateBatch::default();
        for wallet in self.changed_wallets.iter().filter_map(|id| self.wallets.get(id)) {
            batch.wallet(&wallet.snapshot())?;
        }
        for (wallet, request) in &self.changed_requests {
            let known = self.wallets.get(wallet).and_then(|wallet| wallet.requests().get(*request));
            batch.request(*wallet, *request, known)?;
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
        self.stale_marks.iter().for_each(|at| batch.forget_time_mark(*at));
        state.write(batch)?;
        self.history.flush()
    }
}
