//! The ledger as a whole: the plain model that shards, recovery and audit are measured against.
//!
//! One map of everything, one event at a time, every rule checked after each. Nothing here is fast, and nothing here
//! is shared with the paths it checks but the meaning of an event: the rules are told once more, and no decision is asked.
//!
//! A wallet decides when a transfer comes by and is recorded later, so where a transfer's stop was not its last one, what was
//! in force then may differ from what is in force at its record: see [`in_force`].

use std::collections::{BTreeMap, HashMap};

use crate::account::Account;
use crate::allowance::{Allowance, LetGo};
use crate::event::Event;
use crate::id::{AccountId, TransferId, WalletId};
use crate::money::{Currency, CurrencyCode};
use crate::time::Timestamp;
use crate::wallet::Wallet;
use crate::wallet_snapshot::{WalletSettings, WalletStatus};

mod breach;
mod facts;
mod holds;
mod in_force;
mod legs;
mod limits;
mod refunds;
mod requests;
mod tariff;

pub use breach::Breach;
use facts::Facts;
use holds::Holds;
use limits::AccountLimits;
use refunds::History;
use requests::Requests;
use tariff::Tariff;

/// Everything the journal says, at one position of it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// As wallets make it of the journal themselves.
    wallets: HashMap<WalletId, Wallet>,
    allowances: BTreeMap<(AccountId, CurrencyCode), Allowance>,
    accounts: HashMap<AccountId, Account>,
    currencies: BTreeMap<CurrencyCode, (Currency, WalletId)>,
    /// The same, as it follows from the rules.
    facts: HashMap<WalletId, Facts>,
    sums: BTreeMap<CurrencyCode, i128>,
    history: History,
    requests: Requests,
    holds: Holds,
    limits: AccountLimits,
    tariff: Tariff,
}

impl Ledger {
    /// The wallets, in no order.
    pub fn wallets(&self) -> impl Iterator<Item = &Wallet> {
        self.wallets.values()
    }

    /// A wallet.
    #[must_use]
    pub fn wallet(&self, id: WalletId) -> Option<&Wallet> {
        self.wallets.get(&id)
    }

    /// The accounts, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// An account.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// The currencies, with their issuer wallets.
    pub fn currencies(&self) -> impl Iterator<Item = (Currency, WalletId)> {
        self.currencies.values().copied()
    }

    /// The limits of accounts, where there ever were any.
    pub fn allowances(&self) -> impl Iterator<Item = &Allowance> {
        self.allowances.values()
    }

    /// The limits of an account in a currency, where there ever were any.
    #[must_use]
    pub fn allowance(&self, account: AccountId, currency: CurrencyCode) -> Option<&Allowance> {
        self.allowances.get(&(account, currency))
    }

    /// Takes the next event in, and checks every rule that it could break.
    ///
    /// # Errors
    /// The first breach. The ledger is of no use after one.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), Breach> {
        self.check(at, event)?;
        if let Some(opened) = Account::opened_by(at, event) {
            let id = opened.id;
            if self.accounts.insert(id, opened).is_some() {
                return Err(out_of_place(format!("account {id} is opened twice")));
            }
        }
        if let Some(account) = event.account() {
            self.check_account(account)?;
            if let Some(account) = self.accounts.get_mut(&account) {
                account.apply(at, event);
            }
        }
        // Whatever a wallet or an allowance takes for granted was looked at before.
        for id in event.wallets() {
            let wallet = self.wallets.get_mut(&id).ok_or_else(|| unknown(id))?;
            wallet.replay(event);
        }
        if let Some(key) = event.allowance() {
            self.allowances.entry(key).or_insert_with(|| Allowance::new(key.0, key.1)).replay(event);
        }
        self.compare(event)
    }

    fn check(&mut self, at: Timestamp, event: &Event) -> Result<(), Breach> {
        match event {
            Event::TransferSettled(transfer) => self.check_settled(at, transfer),
            Event::TransferRefused(transfer, _) => self.history.add_refused(transfer.id),
            Event::CurrencyRegistered { currency, issuer } => {
                if self.currencies.insert(currency.code(), (*currency, *issuer)).is_some() {
                    return Err(out_of_place(format!("currency {} is registered twice", currency.code())));
                }
                self.open_wallet(at, event)
            }
            Event::WalletOpened { account, currency, .. } => {
                self.check_account(*account)?;
                self.check_currency(*currency)?;
                self.open_wallet(at, event)
            }
            Event::PinFailed { account } if self.account(*account).is_some_and(Account::is_pin_locked) => {
                Err(out_of_place(format!("the PIN of account {account} is locked already")))
            }
            Event::WalletClosed { wallet } => self.check_status(at, *wallet, WalletStatus::Closed),
            Event::WalletFrozen { wallet, both_ways: false } => {
                self.check_status(at, *wallet, WalletStatus::Frozen)
            }
            Event::WalletFrozen { wallet, both_ways: true } => {
                self.check_status(at, *wallet, WalletStatus::FrozenBothWays)
            }
            Event::WalletUnfrozen { wallet } => self.check_status(at, *wallet, WalletStatus::Open),
            Event::WalletConfigured { wallet, settings } => self.check_settings(at, *wallet, settings),
            Event::PaymentRequestOpened(request) => {
                self.requests.check_open(at, request, &self.facts, &self.tariff)
            }
            Event::PaymentRequestCancelled { payee, request } => self.requests.check_cancel(*payee, *request),
            Event::HoldReleased { wallet, hold, let_go } => {
                self.check_hold_end(at, *wallet, *hold, *let_go, false)
            }
            Event::HoldExpired { wallet, hold, let_go } => {
                self.check_hold_end(at, *wallet, *hold, *let_go, true)
            }
            Event::AccountLimited { account, currency, limits } => {
                self.check_account(*account)?;
                self.check_currency(*currency)?;
                self.limits.set(at, *account, *currency, *limits);
                Ok(())
            }
            Event::FeeSet { scope, rule } => {
                self.tariff.check_fee(at, *scope, *rule, &self.facts, &self.currencies)
            }
            Event::RateSet { from, to, rate } => {
                self.check_currency(*from)?;
                self.check_currency(*to)?;
                self.tariff.check_rate(at, (*from, *to), *rate, &self.facts)
            }
            Event::AccountOpened { .. }
            | Event::PairingCodeIssued { .. }
            | Event::DevicePaired { .. }
            | Event::DeviceRevoked { .. }
            | Event::PinFailed { .. }
            | Event::PinFailuresCleared { .. } => Ok(()),
        }
    }

    fn open_wallet(&mut self, at: Timestamp, event: &Event) -> Result<(), Breach> {
        let Some(wallet) = Wallet::opened_by(event) else { return Ok(()) };
        let id = wallet.id();
        self.facts.insert(id, Facts::new(wallet.owner(), wallet.currency(), at));
        if self.wallets.insert(id, wallet).is_some() {
            return Err(out_of_place(format!("wallet {id} is opened twice")));
        }
        Ok(())
    }

    fn check_account(&self, id: AccountId) -> Result<(), Breach> {
        if self.accounts.contains_key(&id) {
            Ok(())
        } else {
            Err(out_of_place(format!("account {id} was not opened")))
        }
    }

    fn check_currency(&self, code: CurrencyCode) -> Result<(), Breach> {
        if self.currencies.contains_key(&code) {
            Ok(())
        } else {
            Err(out_of_place(format!("currency {code} is not registered")))
        }
    }

    /// A wallet of an account that is not closed.
    fn open_facts(&mut self, id: WalletId) -> Result<&mut Facts, Breach> {
        let facts = self.facts.get_mut(&id).ok_or_else(|| unknown(id))?;
        if facts.is_closed() || facts.account().is_none() {
            return Err(out_of_place(format!("wallet {id} is closed, or an issuer's")));
        }
        Ok(facts)
    }

    fn check_status(&mut self, at: Timestamp, id: WalletId, status: WalletStatus) -> Result<(), Breach> {
        let facts = self.open_facts(id)?;
        if facts.status.latest() == Some(&status) {
            return Err(out_of_place(format!("wallet {id} is {status:?} already")));
        }
        if status == WalletStatus::Closed && (facts.posted != 0 || facts.held != 0) {
            return Err(Breach::OutOfBounds(id, facts.posted));
        }
        facts.status.set(at, status);
        Ok(())
    }

    fn check_settings(
        &mut self,
        at: Timestamp,
        id: WalletId,
        settings: &WalletSettings,
    ) -> Result<(), Breach> {
        let facts = self.open_facts(id)?;
        facts.settings.set(at, *settings);
        if facts.is_in_bounds() { Ok(()) } else { Err(Breach::OutOfBounds(id, facts.posted)) }
    }

    /// Units that were set aside and are let go without a capture.
    fn check_hold_end(
        &mut self,
        at: Timestamp,
        wallet: WalletId,
        hold: TransferId,
        told: Option<LetGo>,
        is_expired: bool,
    ) -> Result<(), Breach> {
        let freed = self.holds.check_end(at, wallet, hold, is_expired)?;
        self.free(wallet, hold, freed, told)
    }

    /// Compares what the event's wallets say with the sums kept here.
    fn compare(&self, event: &Event) -> Result<(), Breach> {
        for wallet in event.wallets().filter_map(|id| self.wallets.get(&id)).map(Wallet::snapshot) {
            let facts = self.facts.get(&wallet.id).ok_or_else(|| unknown(wallet.id))?;
            if !facts.agree_with(wallet) {
                return Err(Breach::StateDiffers(wallet.id));
            }
            let sum = self.sums.get(&wallet.currency).copied().unwrap_or_default();
            if sum != 0 {
                return Err(Breach::NotZeroSum(wallet.currency, sum));
            }
        }
        let allowance = event.allowance().and_then(|key| self.allowances.get(&key)).map(Allowance::snapshot);
        match allowance.filter(|allowance| !self.limits.agree_with(allowance)) {
            Some(allowance) => Err(Breach::AllowanceDiffers(allowance.account, allowance.currency)),
            None => Ok(()),
        }
    }

    /// Adds up every wallet of every currency.
    ///
    /// # Errors
    /// A currency whose wallets do not sum to zero.
    pub fn check_sums(&self) -> Result<(), Breach> {
        let mut sums: BTreeMap<CurrencyCode, i128> = BTreeMap::new();
        for wallet in self.wallets.values().map(Wallet::snapshot) {
            let sum = sums.entry(wallet.currency).or_default();
            *sum = sum.saturating_add(i128::from(wallet.posted));
        }
        match sums.into_iter().find(|(_, sum)| *sum != 0) {
            Some((currency, sum)) => Err(Breach::NotZeroSum(currency, sum)),
            None => Ok(()),
        }
    }
}

const fn out_of_place(what: String) -> Breach {
    Breach::OutOfPlace(what)
}

fn unknown(wallet: WalletId) -> Breach {
    out_of_place(format!("wallet {wallet} was not opened"))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test fails it")]
mod tests;
