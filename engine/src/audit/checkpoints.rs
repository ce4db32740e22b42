//! Checkpoints, held against what the journal says at the position that each was taken as of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quittance_journal::Position;
use quittance_ledger::{
    Account, AccountId, AllowanceSnapshot, BookEntry, CurrencyCode, EntryState, FeeRule, FeeScope, Rate,
    Timestamp, Wallet, WalletId,
};
use quittance_settlement::Partition;

use super::AuditError;
use super::reading::Reading;
use crate::store::StoredState;

/// What checkpoints say, by the partitions and the positions that it is of.
#[derive(Default)]
pub(super) struct Checkpoints {
    stored: StoredState,
    wallets: HashMap<WalletId, (Partition, usize)>,
    allowances: BTreeMap<Partition, BTreeMap<(AccountId, CurrencyCode), AllowanceSnapshot>>,
    /// Which partitions were written as of a position.
    partitions: BTreeMap<Position, Vec<Partition>>,
    /// The same of accounts.
    account_partitions: BTreeMap<Position, BTreeSet<Partition>>,
}

impl Checkpoints {
    pub(super) fn new(stored: StoredState) -> Self {
        let mut checkpoints = Self::default();
        for (partition, wallets) in &stored.wallets {
            let places = wallets.iter().enumerate().map(|(place, wallet)| (wallet.id, (*partition, place)));
            checkpoints.wallets.extend(places);
        }
        for allowance in &stored.allowances {
            let partition = Partition::of_account(allowance.account);
            let of_partition = checkpoints.allowances.entry(partition).or_default();
            of_partition.insert((allowance.account, allowance.currency), *allowance);
        }
        for partition in Partition::all() {
            let as_of = stored.partition(partition);
            checkpoints.partitions.entry(as_of).or_default().push(partition);
            let accounts_as_of = stored.accounts(partition);
            checkpoints.account_partitions.entry(accounts_as_of).or_default().insert(partition);
        }
        checkpoints.stored = stored;
        checkpoints
    }

    /// The furthest position after the journal's end that something was written as of.
    pub(super) fn ahead_of(&self, tip: Position) -> Option<Position> {
        let partitions = self.partitions.last_key_value().map(|(position, _)| *position);
        let accounts = self.account_partitions.last_key_value().map(|(position, _)| *position);
        partitions.max(accounts).max(Some(self.stored.directory)).filter(|position| *position > tip)
    }

    /// Compares what was written as of `position`, which is the last record that was read.
    pub(super) fn compare(&mut self, position: Position, reading: &Reading) -> Result<(), AuditError> {
        if let Some(partitions) = self.partitions.get(&position) {
            self.compare_partitions(position, &partitions.iter().copied().collect(), reading)?;
        }
        if let Some(partitions) = self.account_partitions.get(&position) {
            self.compare_accounts(position, partitions, reading)?;
        }
        if self.stored.directory == position {
            self.compare_directory(position, reading)?;
        }
        Ok(())
    }

    /// Sees that there is nothing of a partition that was never written.
    pub(super) fn check_unplaced(&self) -> Result<(), AuditError> {
        let never = self.partitions.get(&Position::START).map_or(&[] as &[_], Vec::as_slice);
        let is_written = |partition: &&Partition| {
            self.stored.wallets.contains_key(partition) || self.allowances.contains_key(partition)
        };
        if let Some(partition) = never.iter().find(is_written) {
            return Err(differs(format!("partition {}", partition.number()), Position::START));
        }
        let Some(never) = self.account_partitions.get(&Position::START) else { return Ok(()) };
        match self.stored.accounts.keys().find(|id| never.contains(&Partition::of_account(**id))) {
            Some(id) => Err(differs(format!("account {id}"), Position::START)),
            None => Ok(()),
        }
    }

    fn compare_partitions(
        &self,
        position: Position,
        partitions: &BTreeSet<Partition>,
        reading: &Reading,
    ) -> Result<(), AuditError> {
        let is_of = |wallet: &&Wallet| partitions.contains(&Partition::of(wallet.id()));
        let mut known = 0;
        for wallet in reading.ledger.wallets().filter(is_of) {
            known += 1;
            let id = wallet.id();
            let kept = self
                .wallets
                .get(&id)
                .and_then(|(partition, place)| self.stored.wallets.get(partition)?.get(*place));
            if kept != Some(wallet.snapshot()) {
                return Err(differs(format!("wallet {id}"), position));
            }
            let entries = self.stored.entries.get(&id).map_or(&[] as &[_], Vec::as_slice);
            if let Some(entry) = wrong_entry(wallet, entries, reading) {
                return Err(differs(format!("{} of wallet {id}", name(entry)), position));
            }
        }
        let of_partitions = |partition: &Partition| self.stored.wallets.get(partition).map_or(0, Vec::len);
        if known != partitions.iter().map(of_partitions).sum::<usize>() {
            return Err(differs("the wallets".to_owned(), position));
        }
        let known: BTreeMap<_, _> = reading
            .ledger
            .allowances()
            .map(quittance_ledger::Allowance::snapshot)
            .filter(|allowance| partitions.contains(&Partition::of_account(allowance.account)))
            .map(|allowance| ((allowance.account, allowance.currency), allowance))
            .collect();
        let kept: BTreeMap<_, _> =
            partitions.iter().filter_map(|partition| self.allowances.get(partition)).flatten().collect();
        if !known.iter().eq(kept) {
            return Err(differs("the limits of accounts".to_owned(), position));
        }
        Ok(())
    }

    fn compare_accounts(
        &self,
        position: Position,
        partitions: &BTreeSet<Partition>,
        reading: &Reading,
    ) -> Result<(), AuditError> {
        let is_of = |id: AccountId| partitions.contains(&Partition::of_account(id));
        let known = reading.ledger.accounts().map(|account| (account.id, account));
        let known: HashMap<AccountId, &Account> = known.filter(|(id, _)| is_of(*id)).collect();
        let kept = self.stored.accounts.iter().map(|(id, account)| (*id, account));
        let kept: HashMap<AccountId, &Account> = kept.filter(|(id, _)| is_of(*id)).collect();
        if kept == known { Ok(()) } else { Err(differs("the accounts".to_owned(), position)) }
    }

    fn compare_directory(&self, position: Position, reading: &Reading) -> Result<(), AuditError> {
        let (stored, ledger) = (&self.stored, &reading.ledger);
        if !stored.currencies.values().copied().eq(ledger.currencies()) {
            return Err(differs("the currencies".to_owned(), position));
        }
        let fees: BTreeMap<FeeScope, FeeRule> = stored.fees.iter().copied().collect();
        if fees != reading.fees {
            return Err(differs("the fees".to_owned(), position));
        }
        let by_currencies = |rate: &Rate| ((rate.from, rate.to), *rate);
        let rates: BTreeMap<_, _> = stored.rates.iter().map(by_currencies).collect();
        if rates != reading.rates {
            return Err(differs("the rates".to_owned(), position));
        }
        Ok(())
    }
}

/// An entry of a wallet's books that the checkpoint has otherwise, or does not have although it can't be forgotten yet.
fn wrong_entry(wallet: &Wallet, kept: &[(BookEntry, EntryState)], reading: &Reading) -> Option<BookEntry> {
    let is_wrong =
        |(entry, state): &&(BookEntry, EntryState)| wallet.books().get(*entry).as_ref() != Some(state);
    if let Some((entry, _)) = kept.iter().find(is_wrong) {
        return Some(*entry);
    }
    if kept.len() == wallet.books().entries().count() {
        return None;
    }
    let kept: BTreeSet<BookEntry> = kept.iter().map(|(entry, _)| *entry).collect();
    let forgettable: BTreeSet<BookEntry> =
        wallet.clone().forget(reading.latest.unwrap_or(Timestamp::EPOCH), usize::MAX).into_iter().collect();
    wallet.books().entries().find(|entry| !kept.contains(entry) && !forgettable.contains(entry))
}

fn name(entry: BookEntry) -> String {
    match entry {
        BookEntry::Request(id) => format!("payment request {id}"),
        BookEntry::Hold(id) => format!("hold {id}"),
        BookEntry::Refund(id) => format!("the refunds of leg {} of transfer {}", id.leg, id.transfer),
    }
}

const fn differs(what: String, position: Position) -> AuditError {
    AuditError::CheckpointDiffers { what, position }
}
