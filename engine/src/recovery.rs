//! Recovery: from what is on disk to the state as of the last durable block.
//!
//! Wallets, accounts and the index come from checkpoints, each as of its own position; what came after is replayed from
//! the journal, whose chain is checked on the way. Replay decides nothing: blocks hold decided facts.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::sync::Arc;
use std::thread;

use quittance_journal::{Block, Position, Record, ReplayError, Tip, replay};
use quittance_ledger::{
    Account, AccountId, Allowance, Books, CurrencyCode, Event, FeeScope, Owner, Timestamp, Wallet, WalletId,
    WalletSnapshot,
};
use quittance_settlement::{Partition, PartitionState, WALLETS_PER_PAGE};

use crate::admission::{Admission, Outcome};
use crate::checkpoint::write_accounts;
use crate::directory::Register;
use crate::error::StartError;
use crate::heads::Heads;
use crate::history::History;
use crate::store::{JournalReader, StateBatch, StateTree, Store, StoreError, StoredState};

/// How many blocks are read ahead of what is made of them.
const BLOCKS_READ_AHEAD: usize = 64;

/// The state as of the last durable block.
pub(crate) struct Recovered {
    pub(crate) tip: Tip,
    /// Every partition, in order.
    pub(crate) partitions: Vec<PartitionState>,
    pub(crate) register: Register,
    pub(crate) history: History,
    pub(crate) heads: Heads,
    /// How many records came after the oldest checkpoint that was needed.
    pub(crate) replayed: u64,
    /// The latest instant that a replayed record names. The last block is always replayed.
    pub(crate) latest: Timestamp,
    changed_accounts: HashSet<AccountId>,
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
    store.history().ids_since(now.minus_millis(id_window_ms), |slice, ids| admission.restore(slice, ids))?;
    let kept: Vec<Position> = Partition::all()
        .flat_map(|partition| [stored.partition(partition), stored.accounts(partition)])
        .chain([stored.directory, history.indexed_to(), heads.indexed_to()])
        .collect();
    let oldest_needed = kept.iter().copied().min().unwrap_or(Position::START);
    let newest_kept = kept.iter().copied().max().unwrap_or(Position::START);

    let mut replaying = Replaying::new(stored, history, heads, ids_from);
    let tip = read_ahead(&store.journal_reader(), oldest_needed, |block| {
        replaying.take(Arc::new(block), admission)
    })?;
    if tip.position < newest_kept {
        return Err(ReplayError::Short { needed: newest_kept, found: tip.position }.into());
    }
    let mut recovered = replaying.recovered;
    recovered.tip = tip;
    recovered.replayed = tip.position.get().saturating_sub(oldest_needed.get());
    for partition in &mut recovered.partitions {
        // Replay does not.
        partition.forget(recovered.latest);
        partition.wallets().for_each(|wallet| recovered.register.restore_wallet(wallet.snapshot()));
    }
    Ok(recovered)
}

/// As [`replay`], reading and checking on a thread of its own what `visit` comes to a moment later.
fn read_ahead(
    journal: &JournalReader,
    after: Position,
    mut visit: impl FnMut(Block) -> Result<(), StartError>,
) -> Result<Tip, StartError> {
    #[cfg(feature = "simulation")]
    if crate::simulation::now().is_some() {
        return replay(journal, after, visit);
    }
    thread::scope(|scope| {
        let (sender, blocks) = crossbeam::channel::bounded(BLOCKS_READ_AHEAD);
        let read = move || {
            replay(journal, after, |block| {
                // Whoever is gone has failed, and says why.
                sender.send(block).map_err(|_| StartError::Thread(ErrorKind::BrokenPipe.into()))
            })
        };
        let reading = thread::Builder::new().name("replay".to_owned()).spawn_scoped(scope, read);
        let reading = reading.map_err(StartError::Thread)?;
        blocks.into_iter().try_for_each(&mut visit)?;
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

struct Replaying {
    recovered: Recovered,
    /// As of which positions the checkpoints are, of wallets and of accounts, by the partition's number.
    wallets_from: Vec<Position>,
    accounts_from: Vec<Position>,
    directory: Position,
    /// Up to where the index had the ids.
    ids_from: Position,
}

impl Replaying {
    fn new(stored: StoredState, history: History, heads: Heads, ids_from: Position) -> Self {
        let mut register = Register::default();
        let wallets_from = Partition::all().map(|partition| stored.partition(partition)).collect();
        let accounts_from = Partition::all().map(|partition| stored.accounts(partition)).collect();
        stored.accounts.into_values().for_each(|account| register.restore_account(account));
        for (currency, issuer) in stored.currencies.into_values() {
            register.restore_currency(currency, issuer);
        }
        for (scope, rule) in stored.fees {
            register.restore_fee(scope, rule);
        }
        stored.rates.into_iter().for_each(|rate| register.restore_rate(rate));
        let mut entries = stored.entries;
        let mut wallets = stored.wallets;
        let mut restore = |snapshot: WalletSnapshot| {
            let mut books = Books::default();
            for (entry, state) in entries.remove(&snapshot.id).unwrap_or_default() {
                books.restore(entry, state);
            }
            Wallet::restore(snapshot, books)
        };
        let mut partitions: Vec<_> = Partition::all().map(PartitionState::new).collect();
        for partition in &mut partitions {
            let mut snapshots =
                wallets.remove(&partition.partition()).unwrap_or_default().into_iter().peekable();
            while snapshots.peek().is_some() {
                let page = snapshots.by_ref().take(WALLETS_PER_PAGE as usize);
                partition.restore_page(page.map(&mut restore).collect());
            }
        }
        for kept in stored.allowances {
            register.restore_limited(kept.account, kept.currency);
            if let Some(partition) = at(&mut partitions, Partition::of_account(kept.account)) {
                partition.restore_allowance(Allowance::restore(kept));
            }
        }
        let recovered = Recovered {
            tip: Tip::GENESIS,
            partitions,
            register,
            history,
            heads,
            replayed: 0,
            latest: Timestamp::EPOCH,
            changed_accounts: HashSet::new(),
            changed_fees: HashSet::new(),
            changed_rates: HashSet::new(),
        };
        Self { recovered, wallets_from, accounts_from, directory: stored.directory, ids_from }
    }

    fn take(&mut self, block: Arc<Block>, admission: &Admission) -> Result<(), StartError> {
        for (position, record) in block.positioned() {
            self.recovered.latest = self.recovered.latest.max(record.at);
            self.apply_to_wallets(position, &record.event);
            self.apply_to_register(position, record);
            if position > self.ids_from
                && let Some(outcome) = Outcome::of(position, record)
            {
                admission.complete(&outcome);
            }
        }
        let partitions = &self.recovered.partitions;
        self.recovered.heads.append(&block)?;
        let history = &self.recovered.history;
        // Never ahead of the journal, which is on the disk, and a start that ends early leaves the next one less to gather.
        if history.append(&block, &|wallet| account_of(partitions, wallet), None)? {
            history.write_full()?;
        }
        Ok(())
    }

    fn apply_to_wallets(&mut self, position: Position, event: &Event) {
        if let Some(opened) = Wallet::opened_by(event)
            && let Some(partition) = self.before(position, Partition::of(opened.id()))
        {
            partition.open(opened);
        }
        for id in event.wallets() {
            if let Some(partition) = self.before(position, Partition::of(id)) {
                partition.replay(id, event);
            }
        }
        if let Some(key) = event.allowance()
            && let Some(partition) = self.before(position, Partition::of_account(key.0))
        {
            partition.replay_allowance(key, event);
        }
    }

    /// A partition, where its checkpoint was before a position.
    fn before(&mut self, position: Position, partition: Partition) -> Option<&mut PartitionState> {
        let from = self.wallets_from.get(usize::from(partition.number()))?;
        at(&mut self.recovered.partitions, partition).filter(|_| position > *from)
    }

    fn apply_to_register(&mut self, position: Position, record: &Record) {
        let Record { at, event } = record;
        let changed = Account::opened_by(*at, event).map(|account| account.id).or(event.account());
        let from = match changed {
            Some(account) => self.accounts_from.get(usize::from(Partition::of_account(account).number())),
            None => Some(&self.directory),
        };
        if from.is_none_or(|from| position <= *from) {
            return;
        }
        let recovered = &mut self.recovered;
        recovered.register.apply(*at, event);
        recovered.changed_accounts.extend(changed);
        match event {
            Event::FeeSet { scope, .. } => {
                recovered.changed_fees.insert(*scope);
            }
            Event::RateSet { from, to, .. } => {
                recovered.changed_rates.insert((*from, *to));
            }
            _ => {}
        }
    }
}

fn at(partitions: &mut [PartitionState], partition: Partition) -> Option<&mut PartitionState> {
    partitions.get_mut(usize::from(partition.number()))
}

fn account_of(partitions: &[PartitionState], wallet: WalletId) -> Option<AccountId> {
    match partitions.get(usize::from(Partition::of(wallet).number()))?.wallet(wallet)?.owner() {
        Owner::Account(account) => Some(account),
        Owner::Issuer => None,
    }
}

impl Recovered {
    /// Writes a checkpoint of all that replay changed, as of the last block: the next start has less to replay, and the
    /// shards start with nothing to write.
    pub(crate) fn write_checkpoint(&mut self, state: &StateTree) -> Result<(), StoreError> {
        let end = self.tip.position;
        for partition in &mut self.partitions {
            let mut batch = StateBatch::default();
            batch.partition_state(partition.partition(), end, &partition.take_dirty(self.latest))?;
            state.write(batch)?;
        }
        let changed = self.changed_accounts.iter().filter_map(|id| self.register.account(*id).ok());
        write_accounts(state, changed, end)?;
        let mut batch = StateBatch::default();
        for scope in &self.changed_fees {
            batch.fee(*scope, self.register.fee(*scope).as_ref())?;
        }
        for (from, to) in &self.changed_rates {
            batch.rate(*from, *to, self.register.rate(*from, *to).as_ref())?;
        }
        for (currency, issuer) in self.register.currencies() {
            batch.currency(&currency, issuer)?;
        }
        batch.directory(end)?;
        state.write(batch)?;
        self.history.flush()?;
        self.heads.flush()
    }
}
