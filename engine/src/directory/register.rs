//! The register: what the directory knows, as a plain value. Made by recovery, changed by events.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashSet};

use quittance_ledger::{
    Account, AccountId, Currency, CurrencyCode, DeviceId, Event, FeeRule, FeeScope, Name, Owner, Rate,
    Refusal, Timestamp, WalletId,
};

use crate::order::PairedDevice;

/// What the directory knows. Made by recovery, changed by events.
#[derive(Debug, Default)]
pub(crate) struct Register {
    pub(super) accounts: HashMap<AccountId, Account>,
    pub(super) account_of_device: HashMap<DeviceId, AccountId>,
    pub(super) account_of_code: HashMap<[u8; 32], AccountId>,
    pub(super) currencies: BTreeMap<CurrencyCode, (Currency, WalletId)>,
    pub(super) wallets: HashMap<WalletId, Listing>,
    /// Wallets by whose they are. Most accounts have one, so a list for each would cost more than what is in it.
    pub(super) owned: BTreeSet<(AccountId, WalletId)>,
    pub(super) fees: BTreeMap<FeeScope, FeeRule>,
    pub(super) rates: BTreeMap<(CurrencyCode, CurrencyCode), Rate>,
    /// Accounts that have, or had, limits over all their wallets of a currency.
    pub(super) limited: HashSet<(AccountId, CurrencyCode)>,
}

/// What is known of a wallet outside its shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) owner: Owner,
    pub(super) currency: CurrencyCode,
    /// Few wallets have one, and it takes much room.
    pub(super) name: Option<Box<Name>>,
    pub(super) is_open: bool,
    /// Its shard was told to close it, and what it said is not known here yet.
    pub(super) is_closing: bool,
}

impl Register {
    pub(crate) fn restore_account(&mut self, account: Account) {
        for (device, _) in account.devices() {
            self.account_of_device.insert(device, account.id);
        }
        // A code that has expired is judged when it is used.
        if let Ok(code) = account.pairing_code(Timestamp::EPOCH) {
            self.account_of_code.insert(*code.as_bytes(), account.id);
        }
        self.accounts.insert(account.id, account);
    }

    pub(crate) fn restore_currency(&mut self, currency: Currency, issuer: WalletId) {
        self.currencies.insert(currency.code(), (currency, issuer));
    }

    pub(crate) fn restore_wallet(&mut self, wallet: &quittance_ledger::WalletSnapshot) {
        let listing = Listing {
            owner: wallet.owner,
            currency: wallet.currency,
            name: wallet.name.map(Box::new),
            is_closing: false,
            is_open: wallet.status != quittance_ledger::WalletStatus::Closed,
        };
        if self.wallets.insert(wallet.id, listing).is_none()
            && let Owner::Account(account) = wallet.owner
        {
            self.owned.insert((account, wallet.id));
        }
    }

    pub(crate) fn restore_fee(&mut self, scope: FeeScope, rule: FeeRule) {
        self.fees.insert(scope, rule);
    }

    pub(crate) fn restore_rate(&mut self, rate: Rate) {
        self.rates.insert((rate.from, rate.to), rate);
    }

    pub(crate) fn restore_limited(&mut self, account: AccountId, currency: CurrencyCode) {
        self.limited.insert((account, currency));
    }

    pub(crate) fn fees(&self) -> impl Iterator<Item = (FeeScope, FeeRule)> + '_ {
        self.fees.iter().map(|(scope, rule)| (*scope, *rule))
    }

    pub(crate) fn rates(&self) -> impl Iterator<Item = Rate> + '_ {
        self.rates.values().copied()
    }

    pub(crate) fn fee(&self, scope: FeeScope) -> Option<FeeRule> {
        self.fees.get(&scope).copied()
    }

    pub(crate) fn rate(&self, from: CurrencyCode, to: CurrencyCode) -> Option<Rate> {
        self.rates.get(&(from, to)).copied()
    }

    pub(crate) fn currencies(&self) -> impl Iterator<Item = (Currency, WalletId)> {
        self.currencies.values().copied()
    }

    /// Changes what is known by an event, recorded at `at`. Events that are none of the directory's change nothing.
    pub(crate) fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::CurrencyRegistered { currency, issuer } => self.restore_currency(*currency, *issuer),
            Event::WalletClosed { wallet } => {
                if let Some(listing) = self.wallets.get_mut(wallet) {
                    listing.is_open = false;
                }
            }
            Event::FeeSet { scope, rule: Some(rule) } => self.restore_fee(*scope, *rule),
            Event::FeeSet { scope, rule: None } => {
                self.fees.remove(scope);
            }
            Event::RateSet { rate: Some(rate), .. } => self.restore_rate(*rate),
            Event::RateSet { from, to, rate: None } => {
                self.rates.remove(&(*from, *to));
            }
            Event::AccountLimited { account, currency, .. } => self.restore_limited(*account, *currency),
            _ => {}
        }
        if let Some(account) = Account::opened_by(at, event) {
            self.accounts.insert(account.id, account);
        }
        if let Some(wallet) = quittance_ledger::Wallet::opened_by(event) {
            self.restore_wallet(wallet.snapshot());
        }
        let Some(account) = event.account().and_then(|id| self.accounts.get_mut(&id)) else { return };
        let code_before = account.pairing_code(Timestamp::EPOCH).ok();
        account.apply(at, event);
        let (id, code_now) = (account.id, account.pairing_code(Timestamp::EPOCH).ok());
        if let Some(code) = code_before {
            self.account_of_code.remove(code.as_bytes());
        }
        if let Some(code) = code_now {
            self.account_of_code.insert(*code.as_bytes(), id);
        }
        if let Event::DevicePaired { key, .. } = event {
            self.account_of_device.insert(key.device_id(), id);
        }
    }

    /// An account's wallets in order of their ids, open or not.
    pub(super) fn wallets_of(&self, account: AccountId) -> impl Iterator<Item = WalletId> + '_ {
        let from_the_first = self.owned.range((account, WalletId::FIRST)..);
        from_the_first.take_while(move |(owner, _)| *owner == account).map(|(_, wallet)| *wallet)
    }

    /// Whether a wallet is an account's, open and staying so, and of a currency.
    pub(super) fn is_open_account_wallet(&self, wallet: WalletId, currency: CurrencyCode) -> bool {
        self.wallets.get(&wallet).is_some_and(|listing| {
            listing.is_open
                && !listing.is_closing
                && listing.currency == currency
                && listing.owner != Owner::Issuer
        })
    }

    pub(crate) fn account(&self, id: AccountId) -> Result<&Account, Refusal> {
        self.accounts.get(&id).ok_or(Refusal::AccountUnknown)
    }

    pub(super) fn paired_device(&self, id: DeviceId) -> Result<PairedDevice, Refusal> {
        let account = self.account_of_device.get(&id).ok_or(Refusal::DeviceUnknown)?;
        let device = self.account(*account)?.trusted_device(id)?;
        Ok(PairedDevice { account: *account, device: id, key: device.key.clone() })
    }
}
