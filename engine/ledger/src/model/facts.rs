//! What is known of one wallet.

use std::collections::BTreeMap;

use super::in_force::InForce;
use crate::calendar::Day;
use crate::id::AccountId;
use crate::limits::Spending;
use crate::money::{Amount, CurrencyCode};
use crate::time::Timestamp;
use crate::wallet::MAX_BALANCE;
use crate::wallet_snapshot::{Owner, WalletSettings, WalletSnapshot, WalletStatus};

/// As many units as there may be of one currency.
const MAX_ISSUED: i128 = i64::MAX as i128 / 2;

/// A wallet, as plain sums.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) owner: Owner,
    pub(super) currency: CurrencyCode,
    pub(super) status: InForce<WalletStatus>,
    pub(super) settings: InForce<WalletSettings>,
    pub(super) posted: i128,
    pub(super) held: i128,
    pub(super) counted: Counted,
}

impl Facts {
    pub(super) fn new(owner: Owner, currency: CurrencyCode, at: Timestamp) -> Self {
        Self {
            owner,
            currency,
            status: InForce::since(at, WalletStatus::Open),
            settings: InForce::since(at, WalletSettings::default()),
            posted: 0,
            held: 0,
            counted: Counted::default(),
        }
    }

    pub(super) const fn account(&self) -> Option<AccountId> {
        match self.owner {
            Owner::Account(account) => Some(account),
            Owner::Issuer => None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.status.latest() == Some(&WalletStatus::Closed)
    }

    fn in_force(&self) -> WalletSettings {
        self.settings.latest().copied().unwrap_or_default()
    }

    /// Whether what it holds is within its bounds, with what is set aside.
    pub(super) fn is_in_bounds(&self) -> bool {
        let (floor, ceiling) = match self.owner {
            Owner::Issuer => (MAX_ISSUED.saturating_neg(), 0),
            Owner::Account(_) => {
                let WalletSettings { overdraft, ceiling, .. } = self.in_force();
                let minor = |amount: Option<Amount>| amount.map(|amount| i128::from(amount.get()));
                let floor = minor(overdraft).unwrap_or_default().saturating_neg();
                (floor, minor(ceiling).unwrap_or(i128::from(MAX_BALANCE)))
            }
        };
        self.held >= 0 && self.posted.saturating_sub(self.held) >= floor && self.posted <= ceiling
    }

    /// Whether a wallet says of itself what is known of it.
    pub(super) fn agree_with(&self, wallet: &WalletSnapshot) -> bool {
        i128::from(wallet.posted) == self.posted
            && i128::from(wallet.held) == self.held
            && Some(&wallet.status) == self.status.latest()
            && wallet.settings() == self.in_force()
            && self.counted.agree_with(wallet.spending)
    }
}

/// What counts toward limits, by the day it was counted on.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted(BTreeMap<Day, u64>);

impl Counted {
    pub(super) fn add(&mut self, day: Day, amount: u64) {
        let sum = self.0.entry(day).or_default();
        *sum = sum.saturating_add(amount);
    }

    pub(super) fn take_back(&mut self, day: Day, amount: u64) {
        let sum = self.0.entry(day).or_default();
        *sum = sum.saturating_sub(amount);
    }

    pub(super) fn agree_with(&self, spending: Spending) -> bool {
        let sums = (self.in_day(spending.day), self.in_month(spending.day));
        sums == (spending.in_day, spending.in_month)
    }

    pub(super) fn in_day(&self, day: Day) -> u64 {
        self.0.get(&day).copied().unwrap_or_default()
    }

    pub(super) fn in_month(&self, of: Day) -> u64 {
        let month = self.0.iter().filter(|(day, _)| day.is_in_month_of(of));
        month.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
    }
}
