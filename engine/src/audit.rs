//! The audit: reads a stopped store from its first block to its last and checks it against every invariant.
//!
//! It shares with the running engine only what an event means. The rules are checked by [`Ledger`], the plain model;
//! then what checkpoints and index say is held against what the journal says.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use quittance_journal::{Block, BlockHash, Position, ReplayError, replay};
use quittance_ledger::{Account, AccountId, Breach, Currency, Ledger, Owner, Wallet, WalletId};

use crate::clock::system_now;
use crate::error::StartError;
use crate::history::{subjects, transfer_record};
use crate::recovery::{Recovered, recover};
use crate::store::{Store, StoreError, Subject};

/// What an audit that found nothing amiss has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// How many records.
    pub records: u64,
    /// In how many blocks.
    pub blocks: u64,
    /// Transfers that were settled.
    pub settled: u64,
    /// Transfers that were refused.
    pub refused: u64,
    /// Accounts.
    pub accounts: usize,
    /// Wallets, open and closed, without those of issuers.
    pub wallets: usize,
    /// By currency.
    pub totals: Vec<CurrencyTotal>,
    /// The position of the last record.
    pub position: Position,
    /// The hash of the last block.
    pub hash: BlockHash,
}

/// The units of a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrencyTotal {
    /// The currency.
    pub currency: Currency,
    /// Minor units in all wallets but the issuer's, which holds as many below zero.
    pub in_circulation: i64,
    /// How many wallets hold the currency, without the issuer's.
    pub wallets: usize,
}

/// What is wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// It can't be read.
    #[error(transparent)]
    Unreadable(#[from] StartError),
    /// The journal breaks a rule.
    #[error("the journal breaks a rule at position {position}: {breach}")]
    Breach {
        /// Where.
        position: Position,
        /// Which.
        #[source]
        breach: Breach,
    },
    /// A checkpoint says something else than the journal.
    #[error("the checkpoint of {0} differs from the journal")]
    CheckpointDiffers(String),
    /// The index leads somewhere else than the journal.
    #[error(
        "the index of {0} differs from the journal: some of its transfers would not be shown or notified"
    )]
    IndexDiffers(String),
}

impl From<ReplayError> for AuditError {
    fn from(error: ReplayError) -> Self {
        Self::Unreadable(error.into())
    }
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error.into())
    }
}

/// Audits the store in the folder `path`, which nothing else may have open. It is copied to the folder for temporary files
/// (`TMPDIR`) and read there, so nothing in it changes.
///
/// # Errors
/// The first thing that is wrong.
pub fn audit(path: &Path) -> Result<AuditReport, AuditError> {
    let (store, _folder) = Store::open_copy(path)?;
    // The plain model first: what stops at a broken rule must not be run on a journal that may break one.
    let mut reading = Reading::default();
    let tip = replay(&store.journal_reader(), Position::START, |block| reading.take(&block))?;
    let at_end = |breach| AuditError::Breach { position: tip.position, breach };
    reading.ledger.check_sums().map_err(at_end)?;
    let recovered = recover(&store, 0, system_now(), None)?;
    compare_checkpoints(&recovered, &reading.ledger)?;
    compare_index(&recovered, &reading)?;
    Ok(AuditReport {
        records: tip.position.get(),
        blocks: reading.blocks,
        settled: reading.settled,
        refused: reading.refused,
        accounts: reading.ledger.accounts().count(),
        wallets: reading.ledger.wallets().filter(|wallet| wallet.owner() != Owner::Issuer).count(),
        totals: totals(&reading.ledger),
        position: tip.position,
        hash: tip.hash,
    })
}

/// What the journal says, from its first block on.
#[derive(Default)]
struct Reading {
    ledger: Ledger,
    blocks: u64,
    settled: u64,
    refused: u64,
    positions: HashMap<Subject, Vec<Position>>,
    transfers: Vec<(quittance_ledger::TransferId, Position)>,
}

impl Reading {
    fn take(&mut self, block: &Block) -> Result<(), AuditError> {
        self.blocks += 1;
        for (position, record) in block.positioned() {
            self.ledger
                .apply(record.at, &record.event)
                .map_err(|breach| AuditError::Breach { position, breach })?;
            let Some(transfer) = transfer_record(position, record) else { continue };
            if transfer.refusal.is_none() {
                self.settled += 1;
            } else {
                self.refused += 1;
            }
            self.transfers.push((transfer.transfer.id, position));
            for subject in subjects(record, |wallet| account_of(&self.ledger, wallet)) {
                self.positions.entry(subject).or_default().push(position);
            }
        }
        Ok(())
    }
}

fn account_of(ledger: &Ledger, wallet: WalletId) -> Option<AccountId> {
    match ledger.wallet(wallet)?.owner() {
        Owner::Account(account) => Some(account),
        Owner::Issuer => None,
    }
}

/// Holds what checkpoint and replay make of each wallet and account against what the whole journal makes of it.
fn compare_checkpoints(recovered: &Recovered, ledger: &Ledger) -> Result<(), AuditError> {
    let differs = |what: String| Err(AuditError::CheckpointDiffers(what));
    for wallet in ledger.wallets() {
        let id = wallet.id();
        let kept = recovered.wallets.get(&id).map(Wallet::snapshot);
        if kept != Some(wallet.snapshot()) {
            return differs(format!("wallet {id}"));
        }
        // A checkpoint may have forgotten requests that are long over, but knows none that the journal does not.
        let requests = recovered.wallets.get(&id).map(Wallet::requests);
        if requests
            .is_some_and(|book| book.iter().any(|(id, state)| wallet.requests().get(id) != Some(state)))
        {
            return differs(format!("the payment requests of wallet {id}"));
        }
    }
    if recovered.wallets.len() != ledger.wallets().count() {
        return differs("the wallets".to_owned());
    }
    let kept: BTreeMap<AccountId, &Account> =
        recovered.register.accounts().map(|account| (account.id, account)).collect();
    let known: BTreeMap<AccountId, &Account> =
        ledger.accounts().map(|account| (account.id, account)).collect();
    if kept != known {
        return differs("the accounts".to_owned());
    }
    if !recovered.register.currencies().eq(ledger.currencies()) {
        return differs("the currencies".to_owned());
    }
    Ok(())
}

/// Every transfer is found by its id, and listed for both wallets and both accounts.
fn compare_index(recovered: &Recovered, reading: &Reading) -> Result<(), AuditError> {
    for (subject, positions) in &reading.positions {
        if recovered.history.after(*subject, Position::START, usize::MAX)? != *positions {
            let name = match subject {
                Subject::Wallet(id) => format!("wallet {id}"),
                Subject::Account(id) => format!("account {id}"),
            };
            return Err(AuditError::IndexDiffers(name));
        }
    }
    for (id, position) in &reading.transfers {
        if recovered.history.find(*id)? != Some(*position) {
            return Err(AuditError::IndexDiffers(format!("transfer {id}")));
        }
    }
    Ok(())
}

fn totals(ledger: &Ledger) -> Vec<CurrencyTotal> {
    let total = |currency: Currency| {
        let held = ledger
            .wallets()
            .filter(|wallet| wallet.currency() == currency.code() && wallet.owner() != Owner::Issuer);
        let (in_circulation, wallets) = held.fold((0_i64, 0), |(sum, count), wallet| {
            (sum.saturating_add(wallet.snapshot().posted), count + 1)
        });
        CurrencyTotal { currency, in_circulation, wallets }
    };
    ledger.currencies().map(|(currency, _)| total(currency)).collect()
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
