//! The audit: reads a store that nobody has open from its first block to its last and checks it against every invariant.
//!
//! It shares with the running engine only what an event means. The rules are checked by [`Ledger`], the plain model; and
//! where a checkpoint was taken on the way, and at the end the index, they are held against what the journal says. Recovery is
//! not asked: it takes for granted that checkpoints are sound, and would stop where a report is wanted.

mod checkpoints;
mod index;
mod reading;

use std::path::Path;

use quittance_barcode::{Origin, verify_device_signature};
use quittance_journal::{BlockHash, BlockTree, Position, Record, ReplayError, replay};
use quittance_ledger::{Authority, Breach, Currency, Event, Ledger, Owner};

use crate::error::StartError;
use crate::heads::Heads;
use crate::store::{Store, StoreError};

use checkpoints::Checkpoints;
use reading::Reading;

/// After how many records, about, the progress is said.
const RECORDS_PER_REPORT: u64 = 4_096;

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

/// How far an audit has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditProgress {
    /// The last record that was looked at.
    pub position: Position,
    /// The last record of the journal.
    pub tip: Position,
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
        /// The first record that does.
        position: Position,
        /// Which.
        #[source]
        breach: Breach,
    },
    /// A transfer does not bear the word of the device that is said to have asked for it.
    #[error("the transfer at position {0} is not signed by the device that asked for it")]
    NotSigned(Position),
    /// The tree of blocks that heads are signed of says something else than the journal.
    #[error(
        "the tree of blocks differs from the journal at position {0}: its heads and receipts would prove nothing"
    )]
    HeadsDiffer(Position),
    /// A checkpoint says something else than the journal.
    #[error("the checkpoint of {what} as of position {position} differs from the journal")]
    CheckpointDiffers {
        /// Of what.
        what: String,
        /// As of which record it was taken.
        position: Position,
    },
    /// The index leads somewhere else than the journal.
    #[error(
        "the index of {what} differs from the journal at position {position}: some of it would not be found, shown or \
         notified, or with another balance"
    )]
    IndexDiffers {
        /// Of what.
        what: String,
        /// The first record that is listed wrongly, or not listed, or listed and should not be.
        position: Position,
    },
}

impl AuditError {
    /// What the audit of a store that was just made has come to, in words.
    pub(crate) const fn verdict(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "can't be audited",
            _ => "does not pass the audit",
        }
    }
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

/// Audits the store in the folder `path`, as [`audit_with`].
///
/// # Errors
/// The first thing that is wrong.
pub fn audit(path: &Path) -> Result<AuditReport, AuditError> {
    audit_with(path, None, &mut |_| {})
}

/// Audits the store in the folder `path`, which nothing else may have open: of a running server's, see
/// [`Engine::snapshot`](crate::Engine::snapshot). Nothing in it changes: its journal is read where it lies, and its
/// database is copied to the folder for temporary files (`TMPDIR`) and read there. With `origin`, the server's, every device's
/// signature of what it moved is checked too, which takes some 50 µs for each. `progress` is told from time to time how far the
/// reading of the journal has come.
///
/// # Errors
/// The first thing that is wrong.
pub fn audit_with(
    path: &Path,
    origin: Option<&Origin>,
    progress: &mut dyn FnMut(AuditProgress),
) -> Result<AuditReport, AuditError> {
    let (store, _folder) = Store::open_copy(path)?;
    audit_store(&store, origin, progress)
}

/// As [`audit_with`], of a store that is open.
pub(crate) fn audit_store(
    store: &Store,
    origin: Option<&Origin>,
    progress: &mut dyn FnMut(AuditProgress),
) -> Result<AuditReport, AuditError> {
    let journal = store.journal_reader();
    let end = journal.end();
    // What is wrong with the journal is said before what is wrong with the rest.
    let (mut checkpoints, unreadable) = match store.state().load() {
        Ok(stored) => (Checkpoints::new(stored), None),
        Err(error) => (Checkpoints::default(), Some(error)),
    };
    let mut reading = Reading::default();
    let heads = Heads::open(store)?;
    let mut tree = BlockTree::default();
    let (mut differs, mut are_heads_same) = (None, false);
    let mut next_report = Position::START;
    let tip = replay(&journal, Position::START, |block| {
        for (position, record) in block.positioned() {
            reading.take(position, record)?;
            if let Some(origin) = origin {
                check_signed(&reading.ledger, origin, position, record)?;
            }
            if differs.is_none() {
                differs = checkpoints.compare(position, &reading).err();
            }
        }
        reading.blocks += 1;
        tree.append(&block).map_err(StoreError::from)?;
        if block.last() == heads.indexed_to() {
            are_heads_same = heads.is_kept(&tree)?;
        }
        if block.last() >= next_report {
            progress(AuditProgress { position: block.last(), tip: end });
            next_report = block.last().plus(RECORDS_PER_REPORT);
        }
        Ok::<_, AuditError>(())
    })?;
    let at_end = |breach| AuditError::Breach { position: tip.position, breach };
    reading.ledger.check_sums().map_err(at_end)?;
    if let Some(error) = unreadable {
        return Err(error.into());
    }
    let indexed_to = store.history().indexed_to()?;
    if let Some(needed) = checkpoints
        .ahead_of(tip.position)
        .max(Some(indexed_to.max(heads.indexed_to())).filter(|to| *to > tip.position))
    {
        return Err(ReplayError::Short { needed, found: tip.position }.into());
    }
    if let Some(differs) = differs {
        return Err(differs);
    }
    if heads.indexed_to() != Position::START && !are_heads_same {
        return Err(AuditError::HeadsDiffer(heads.indexed_to()));
    }
    checkpoints.check_unplaced()?;
    index::compare(&store.history(), indexed_to, &reading)?;
    // Without the list nobody can tell whether the keys that a server is given are the right ones.
    store.keys()?;
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

/// Holds the word of the device that asked for a transfer against what was asked. That the device is the account's, and was
/// paired, is a rule of the ledger.
fn check_signed(
    ledger: &Ledger,
    origin: &Origin,
    position: Position,
    record: &Record,
) -> Result<(), AuditError> {
    let (Event::TransferSettled(transfer) | Event::TransferRefused(transfer, _)) = &record.event else {
        return Ok(());
    };
    let Authority::Device { account, device } = transfer.authority else { return Ok(()) };
    let account = ledger.account(account);
    let key = account.and_then(|account| account.devices().find(|(id, _)| *id == device));
    let is_signed = key.zip(transfer.signature.as_ref()).is_some_and(|((_, device), signature)| {
        let statement = transfer.statement(&origin.url());
        verify_device_signature(&device.key, statement.as_bytes(), &signature.0).is_ok()
    });
    if is_signed { Ok(()) } else { Err(AuditError::NotSigned(position)) }
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
mod tests;
