//! Each transfer its own keys in sled, two wallets and the record; those of a call in one transaction of sled's.

use std::path::Path;

use sled::Transactional as _;
use sled::transaction::{ConflictableTransactionError, TransactionError, TransactionalTree};

use super::{Disk, NAIVE_FUNDS, NaiveBank, NaiveTransfer};
use crate::SetupError;

/// How many wallets are opened at a time.
const CHUNK: u64 = 10_000;

/// Balances and transfers as keys of a database.
#[derive(Debug)]
pub struct KeysBank {
    disk: Disk,
    wallets: sled::Tree,
    transfers: sled::Tree,
}

impl KeysBank {
    /// A bank of so many wallets, kept in a folder that is empty.
    ///
    /// # Errors
    /// The store fails.
    pub fn open(folder: &Path, wallets: u64) -> Result<Self, SetupError> {
        let disk = Disk::open(folder)?;
        let bank = Self {
            wallets: disk.database.open_tree("wallets")?,
            transfers: disk.database.open_tree("transfers")?,
            disk,
        };
        for first in (0..wallets).step_by(usize::try_from(CHUNK)?) {
            let mut batch = sled::Batch::default();
            for wallet in first..wallets.min(first + CHUNK) {
                batch.insert(&wallet.to_be_bytes(), &NAIVE_FUNDS.to_le_bytes());
            }
            bank.wallets.apply_batch(batch)?;
        }
        bank.disk.sync()?;
        Ok(bank)
    }
}

type Aborted = ConflictableTransactionError<&'static str>;

fn abort(reason: &'static str) -> Aborted {
    ConflictableTransactionError::Abort(reason)
}

fn settle(
    wallets: &TransactionalTree,
    records: &TransactionalTree,
    transfer: &NaiveTransfer,
) -> Result<(), Aborted> {
    let id = transfer.id.to_be_bytes();
    if records.get(id)?.is_some() {
        return Ok(());
    }
    let (payer, payee) = (transfer.payer.to_be_bytes(), transfer.payee.to_be_bytes());
    let (from, to) = (balance(wallets, &payer)?, balance(wallets, &payee)?);
    let left = from.checked_sub(transfer.amount).ok_or_else(|| abort("the payer has too little"))?;
    wallets.insert(&payer, &left.to_le_bytes())?;
    wallets.insert(&payee, &(to + transfer.amount).to_le_bytes())?;
    records.insert(&id, transfer.record())?;
    Ok(())
}

fn balance(wallets: &TransactionalTree, wallet: &[u8; 8]) -> Result<u64, Aborted> {
    units(wallets.get(wallet)?.as_deref()).map_err(abort)
}

fn units(value: Option<&[u8]>) -> Result<u64, &'static str> {
    let bytes = value.ok_or("there is no such wallet")?;
    Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| "a balance is not of eight bytes")?))
}

impl NaiveBank for KeysBank {
    fn settle(&self, transfers: &[NaiveTransfer]) -> Result<(), SetupError> {
        let settled = (&self.wallets, &self.transfers).transaction(|(wallets, records)| {
            transfers.iter().try_for_each(|each| settle(wallets, records, each))
        });
        settled.map_err(|error| match error {
            TransactionError::Abort(reason) => reason.into(),
            TransactionError::Storage(error) => SetupError::from(error),
        })?;
        self.disk.sync()
    }

    fn totals(&self) -> Result<(u64, u64), SetupError> {
        let mut sum = 0;
        for value in self.wallets.iter().values() {
            sum += units(Some(value?.as_ref()))?;
        }
        Ok((sum, self.transfers.len() as u64))
    }
}
