//! One mutex around all balances, held over each transfer's own append and `fdatasync`.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{Disk, NAIVE_FUNDS, NaiveBank, NaiveTransfer};
use crate::SetupError;

/// All balances in memory behind one mutex; on the disk, an append a transfer.
#[derive(Debug)]
pub struct MutexBank {
    books: Mutex<Books>,
    disk: Disk,
}

#[derive(Debug)]
struct Books {
    balances: Vec<u64>,
    ids: HashSet<u128>,
}

impl MutexBank {
    /// A bank of so many wallets, kept in a folder that is empty.
    ///
    /// # Errors
    /// The store fails, or there are more wallets than memory has addresses.
    pub fn open(folder: &Path, wallets: u64) -> Result<Self, SetupError> {
        let balances = vec![NAIVE_FUNDS; usize::try_from(wallets)?];
        Ok(Self { books: Mutex::new(Books { balances, ids: HashSet::new() }), disk: Disk::open(folder)? })
    }

    fn settle_one(&self, transfer: &NaiveTransfer) -> Result<(), SetupError> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        if books.ids.contains(&transfer.id) {
            return Ok(());
        }
        let (payer, payee) = (usize::try_from(transfer.payer)?, usize::try_from(transfer.payee)?);
        let [from, to] = books.balances.get_disjoint_mut([payer, payee])?;
        let left = from.checked_sub(transfer.amount).ok_or("the payer has too little")?;
        (*from, *to) = (left, *to + transfer.amount);
        books.ids.insert(transfer.id);
        let position = books.ids.len() as u64;
        self.disk.database.insert(position.to_be_bytes(), transfer.record())?;
        self.disk.sync()
    }
}

impl NaiveBank for MutexBank {
    fn settle(&self, transfers: &[NaiveTransfer]) -> Result<(), SetupError> {
        transfers.iter().try_for_each(|transfer| self.settle_one(transfer))
    }

    fn totals(&self) -> Result<(u64, u64), SetupError> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((books.balances.iter().sum(), self.disk.database.len() as u64))
    }
}
