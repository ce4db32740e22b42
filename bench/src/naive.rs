//! Naive settlement on sled, to compare the engine with: what one would write first, honest and durable.
//!
//! Wallets are numbers, and each begins with the same units. A transfer is checked against its payer's balance and
//! against repeats of its id, moved, recorded, and acknowledged after the `fdatasync` of the database's file: sled's own
//! `flush` does not sync it. There are no accounts, barcodes, signatures, chains, notifications or checkpoints.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::SetupError;

mod keys;
mod mutex;

pub use keys::KeysBank;
pub use mutex::MutexBank;

/// What each wallet begins with, in minor units: enough for any number of transfers of one minor unit.
pub const NAIVE_FUNDS: u64 = 1_000_000_000_000;

/// Units moved from one wallet to another.
#[derive(Clone, Copy, Debug)]
pub struct NaiveTransfer {
    /// The client's name of the transfer: time-ordered, as the engine's are.
    pub id: u128,
    /// The number of the wallet that pays.
    pub payer: u64,
    /// The number of the wallet that is paid.
    pub payee: u64,
    /// How much, in minor units.
    pub amount: u64,
}

impl NaiveTransfer {
    /// What is recorded: 40 bytes, little-endian.
    fn record(&self) -> Vec<u8> {
        let id = self.id.to_le_bytes();
        let fields = [self.payer, self.payee, self.amount].map(u64::to_le_bytes);
        [id.as_slice(), fields.as_flattened()].concat()
    }
}

/// Wallets, and what moves units between them.
pub trait NaiveBank: Sync {
    /// Moves units, and returns when that is durable. A repeat of an id moves nothing. Where one transfer fails, those
    /// before it may have been settled.
    ///
    /// # Errors
    /// The payer has too little, there is no such wallet, or the store fails.
    fn settle(&self, transfers: &[NaiveTransfer]) -> Result<(), SetupError>;

    /// The sum of all balances in minor units, and how many transfers are recorded.
    ///
    /// # Errors
    /// The store fails.
    fn totals(&self) -> Result<(u64, u64), SetupError>;
}

/// What a run of a naive bank came to.
#[derive(Debug)]
pub struct NaiveRun {
    /// How many transfers were acknowledged.
    pub transfers: u64,
    /// From the first call to the last answer.
    pub elapsed: Duration,
    /// How long each call took, ascending.
    pub latencies: Vec<Duration>,
}

impl NaiveRun {
    /// The latency that this share of the calls, in percent, did not exceed; zero if there were none.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(rank).copied().unwrap_or_default()
    }
}

/// So many threads settle transfers between random wallets, `group` transfers a call, until the time is over. The
/// totals are checked afterwards.
///
/// # Errors
/// A transfer fails, or the totals are not those of the wallets and the transfers.
pub fn run_naive(
    bank: &impl NaiveBank,
    wallets: u64,
    threads: u64,
    group: u64,
    time: Duration,
) -> Result<NaiveRun, SetupError> {
    let ids = AtomicU64::new(0);
    let begun = Instant::now();
    let run_thread = |thread: u64| {
        let mut random = Random::new(thread);
        let mut latencies = Vec::new();
        while begun.elapsed() < time {
            let transfers: Vec<_> = (0..group).map(|_| random.transfer(&ids, wallets)).collect();
            let asked = Instant::now();
            bank.settle(&transfers)?;
            latencies.push(asked.elapsed());
        }
        Ok::<_, SetupError>(latencies)
    };
    let mut latencies = thread::scope(|scope| {
        let callers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run_thread(thread))).collect();
        let mut all = Vec::new();
        for caller in callers {
            all.extend(caller.join().map_err(|_| "a caller panicked")??);
        }
        Ok::<_, SetupError>(all)
    })?;
    let elapsed = begun.elapsed();
    latencies.sort_unstable();
    let transfers = latencies.len() as u64 * group;
    let (sum, recorded) = bank.totals()?;
    if sum != wallets * NAIVE_FUNDS || recorded != transfers {
        return Err(format!("{sum} units and {recorded} records after {transfers} transfers").into());
    }
    Ok(NaiveRun { transfers, elapsed, latencies })
}

/// A sled database, and what makes it durable.
#[derive(Debug)]
struct Disk {
    database: sled::Db,
    file: File,
}

impl Disk {
    /// Opens a database in a folder, with as much cache as the engine gives it.
    fn open(folder: &Path) -> Result<Self, SetupError> {
        let config = sled::Config::new()
            .path(folder)
            .mode(sled::Mode::HighThroughput)
            .cache_capacity(256 << 20)
            .flush_every_ms(None);
        Ok(Self { database: config.open()?, file: File::open(folder.join("db"))? })
    }

    /// Returns when all that was written is on the disk.
    fn sync(&self) -> Result<(), SetupError> {
        self.database.flush()?;
        Ok(self.file.sync_data()?)
    }
}

/// Which wallets pay which: xorshift, one sequence a thread, the same in every run.
struct Random(u64);

impl Random {
    fn new(thread: u64) -> Self {
        Self((thread + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// One minor unit between two of so many wallets, at least two.
    fn transfer(&mut self, ids: &AtomicU64, wallets: u64) -> NaiveTransfer {
        let payer = self.below(wallets);
        let payee = (payer + 1 + self.below(wallets - 1)) % wallets;
        NaiveTransfer { id: u128::from(ids.fetch_add(1, Ordering::Relaxed)), payer, payee, amount: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obeys(bank: &impl NaiveBank) {
        let transfer = NaiveTransfer { id: 1, payer: 0, payee: 1, amount: NAIVE_FUNDS };
        bank.settle(&[transfer, transfer]).expect("the funds suffice once, and a repeat does nothing");
        assert_eq!(bank.totals().expect("totals"), (3 * NAIVE_FUNDS, 1));
        bank.settle(&[NaiveTransfer { id: 2, amount: 1, ..transfer }]).expect_err("nothing is left");
        bank.settle(&[NaiveTransfer { id: 3, payer: 3, ..transfer }]).expect_err("there is no such payer");
        bank.settle(&[NaiveTransfer { id: 4, payer: 1, payee: 3, ..transfer }]).expect_err("no such payee");
        assert_eq!(bank.totals().expect("totals"), (3 * NAIVE_FUNDS, 1));
    }

    #[test]
    fn a_mutex_obeys_the_rules() {
        let folder = tempfile::tempdir().expect("a folder");
        obeys(&MutexBank::open(folder.path(), 3).expect("a bank"));
    }

    #[test]
    fn keys_obey_the_rules() {
        let folder = tempfile::tempdir().expect("a folder");
        obeys(&KeysBank::open(folder.path(), 3).expect("a bank"));
    }
}
