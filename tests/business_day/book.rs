//! The test's own book: what every wallet must hold, to the unit.

use std::collections::BTreeMap;

use quittance_gateway::client::Wallet;
use quittance_ledger::{CurrencyCode, WalletId};

/// What every wallet must hold, by what was asked for.
#[derive(Default)]
pub(crate) struct Book {
    rows: BTreeMap<WalletId, Row>,
    /// How many transfers settled.
    pub(crate) settled: u64,
}

/// What one wallet must hold.
pub(crate) struct Row {
    pub(crate) whose: String,
    pub(crate) currency: CurrencyCode,
    pub(crate) posted: i64,
    pub(crate) held: i64,
    /// What was paid out of it that counts toward limits.
    pub(crate) spent: u64,
    /// What moved it, in order.
    pub(crate) postings: Vec<i64>,
}

impl Book {
    pub(crate) fn open(&mut self, wallet: WalletId, whose: &str, currency: CurrencyCode) {
        let whose = whose.to_owned();
        let row = Row { whose, currency, posted: 0, held: 0, spent: 0, postings: Vec::new() };
        assert!(self.rows.insert(wallet, row).is_none(), "{wallet} is opened once");
    }

    pub(crate) fn row(&self, wallet: WalletId) -> &Row {
        self.rows.get(&wallet).unwrap_or_else(|| panic!("{wallet} was not opened"))
    }

    fn row_mut(&mut self, wallet: WalletId) -> &mut Row {
        self.rows.get_mut(&wallet).unwrap_or_else(|| panic!("{wallet} was not opened"))
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (WalletId, &Row)> {
        self.rows.iter().map(|(wallet, row)| (*wallet, row))
    }

    /// One leg of a transfer that settled.
    pub(crate) fn moved(&mut self, from: WalletId, to: WalletId, amount: u64) {
        assert_eq!(self.row(from).currency, self.row(to).currency);
        let amount = i64::try_from(amount).unwrap();
        for (wallet, change) in [(from, -amount), (to, amount)] {
            let row = self.row_mut(wallet);
            row.posted += change;
            row.postings.push(change);
        }
    }

    /// A payment's leg: it counts toward the payer's limits too.
    pub(crate) fn paid(&mut self, from: WalletId, to: WalletId, amount: u64) {
        self.moved(from, to, amount);
        self.row_mut(from).spent += amount;
    }

    pub(crate) fn set_aside(&mut self, wallet: WalletId, amount: u64) {
        let row = self.row_mut(wallet);
        row.held += i64::try_from(amount).unwrap();
        row.spent += amount;
    }

    /// What was set aside is the payer's to spend again, and counts no longer.
    pub(crate) fn let_go(&mut self, wallet: WalletId, amount: u64) {
        let row = self.row_mut(wallet);
        row.held -= i64::try_from(amount).unwrap();
        row.spent -= amount;
    }

    pub(crate) fn captured(&mut self, from: WalletId, to: WalletId, amount: u64) {
        self.row_mut(from).held -= i64::try_from(amount).unwrap();
        self.moved(from, to, amount);
    }

    /// How many units of each currency there are outside of issuer wallets.
    pub(crate) fn in_circulation(&self) -> BTreeMap<CurrencyCode, i64> {
        let mut sums = BTreeMap::new();
        for (_, row) in self.rows().filter(|(_, row)| !row.is_issuers()) {
            *sums.entry(row.currency).or_default() += row.posted;
        }
        sums
    }

    /// What everything holds now, to be held against the server's memory of it later.
    pub(crate) fn balances(&self) -> BTreeMap<WalletId, i64> {
        self.rows().map(|(wallet, row)| (wallet, row.posted)).collect()
    }

    /// Holds every wallet that the server has against the book.
    pub(crate) fn compare(&self, chapter: &str, wallets: &[Wallet]) {
        assert_eq!(
            wallets.len(),
            self.rows.len(),
            "{chapter}: the server has other wallets than were opened"
        );
        for wallet in wallets {
            let row = self.row(wallet.id);
            assert_eq!(
                (wallet.posted, wallet.held, wallet.available),
                (row.posted, row.held, row.posted - row.held),
                "{chapter}: what {} holds of {}",
                row.whose,
                row.currency
            );
            assert_eq!(wallet.currency, row.currency);
            assert_eq!(row.posted, row.postings.iter().sum::<i64>());
        }
        let mut sums: BTreeMap<CurrencyCode, i64> = BTreeMap::new();
        for wallet in wallets {
            *sums.entry(wallet.currency).or_default() += wallet.posted;
        }
        assert!(sums.values().all(|sum| *sum == 0), "{chapter}: units were made or lost: {sums:?}");
    }
}

impl Row {
    pub(crate) fn is_issuers(&self) -> bool {
        self.whose.starts_with("issuer")
    }
}
