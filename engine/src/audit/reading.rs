//! What the journal says, from its first record on.

use std::collections::{BTreeMap, HashMap};

use quittance_journal::{Position, Record};
use quittance_ledger::{
    AccountId, CurrencyCode, Event, FeeRule, FeeScope, Ledger, Owner, Rate, Timestamp, TransferId, Wallet,
    WalletId,
};

use super::AuditError;
use crate::history::{ended_by, opened_by, references_of, told_to, transfer_of};
use crate::store::{Line, Opening, OpeningName, ReferenceHash};

#[derive(Default)]
pub(super) struct Reading {
    pub(super) ledger: Ledger,
    pub(super) blocks: u64,
    pub(super) settled: u64,
    pub(super) refused: u64,
    /// The latest instant of a record.
    pub(super) latest: Option<Timestamp>,
    pub(super) fees: BTreeMap<FeeScope, FeeRule>,
    pub(super) rates: BTreeMap<(CurrencyCode, CurrencyCode), Rate>,
    pub(super) lines: HashMap<WalletId, Vec<Line>>,
    /// What accounts are told of beside their wallets' transfers.
    pub(super) told: HashMap<AccountId, Vec<Position>>,
    pub(super) transfers: Vec<(TransferId, Position)>,
    pub(super) openings: HashMap<OpeningName, Opening>,
    pub(super) references: HashMap<ReferenceHash, Vec<Position>>,
}

impl Reading {
    pub(super) fn take(&mut self, position: Position, record: &Record) -> Result<(), AuditError> {
        self.ledger
            .apply(record.at, &record.event)
            .map_err(|breach| AuditError::Breach { position, breach })?;
        self.latest = self.latest.max(Some(record.at));
        match &record.event {
            Event::FeeSet { scope, rule: Some(rule) } => _ = self.fees.insert(*scope, *rule),
            Event::FeeSet { scope, rule: None } => _ = self.fees.remove(scope),
            Event::RateSet { from, to, rate: Some(rate) } => _ = self.rates.insert((*from, *to), *rate),
            Event::RateSet { from, to, rate: None } => _ = self.rates.remove(&(*from, *to)),
            Event::TransferSettled(_) => self.settled += 1,
            Event::TransferRefused(..) => self.refused += 1,
            _ => {}
        }
        self.list(position, record);
        Ok(())
    }

    /// Takes note of what the index should say of a record.
    fn list(&mut self, position: Position, record: &Record) {
        let ledger = &self.ledger;
        let owner = |wallet: WalletId| match ledger.wallet(wallet)?.owner() {
            Owner::Account(account) => Some(account),
            Owner::Issuer => None,
        };
        let ended = ended_by(&record.event).and_then(|name| self.openings.get(&name));
        let told = told_to(&record.event, ended, owner);
        self.openings.extend(opened_by(position, record, owner));
        let Some(transfer) = transfer_of(&record.event) else {
            for account in told {
                self.told.entry(account).or_default().push(position);
            }
            return;
        };
        self.transfers.push((transfer.id, position));
        for hash in references_of(transfer) {
            self.references.entry(hash).or_default().push(position);
        }
        for wallet in transfer.wallets() {
            // As the wallet itself has it, and not as the sum that the index makes.
            let balance = ledger.wallet(wallet).map(Wallet::snapshot).map_or(0, |wallet| wallet.posted);
            let lines = self.lines.entry(wallet).or_default();
            let at = lines.last().map_or(record.at, |line| line.at.max(record.at));
            lines.push(Line { position, balance, at });
        }
    }
}
