//! The ledger as a whole: the plain model that shards, recovery and audit are measured against.
//!
//! One map of everything, one event at a time, every rule checked after each. Nothing here is fast, and nothing here
//! is shared with the paths it checks but the meaning of an event.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::account::Account;
use crate::event::Event;
use crate::id::{AccountId, PaymentRequestId, TransferId, WalletId};
use crate::money::{Currency, CurrencyCode};
use crate::payment_request::{MAX_TILL_ONE_TIME_LIFETIME_MS, Usage};
use crate::time::Timestamp;
use crate::transfer::{Authority, Purpose, Transfer};
use crate::wallet::{MAX_BALANCE, Owner, Wallet, WalletStatus};

/// A rule that a sequence of events breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// The postings of a currency do not sum to zero.
    #[error("the posted balances of {0} sum to {1}, not to zero")]
    NotZeroSum(CurrencyCode, i128),
    /// A balance is out of its bounds.
    #[error("wallet {0} is posted at {1}, out of its bounds")]
    OutOfBounds(WalletId, i128),
    /// A transfer id has two effects.
    #[error("transfer {0} appears twice")]
    TransferTwice(TransferId),
    /// A one-time request was paid twice.
    #[error("one-time payment request {0} was paid twice")]
    RequestPaidTwice(PaymentRequestId),
    /// A request was paid after it expired, after it was cancelled, or with another amount.
    #[error("payment request {0} was paid against its terms")]
    RequestTermsBroken(PaymentRequestId),
    /// A transfer names a wallet that is not there, is closed, or holds another currency.
    #[error("transfer {0} has a leg at wallet {1}, which can't take it")]
    LegImpossible(TransferId, WalletId),
    /// A transfer is not on the word of who may give it.
    #[error("transfer {0} moves units without the authority to")]
    NotAuthorised(TransferId),
    /// An event names an account or wallet that is not there, or opens one that is.
    #[error("the event does not fit what came before: {0}")]
    OutOfPlace(String),
}

/// Everything the journal says, at one position of it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    wallets: HashMap<WalletId, Wallet>,
    accounts: HashMap<AccountId, Account>,
    currencies: BTreeMap<CurrencyCode, (Currency, WalletId)>,
    transfers: HashSet<TransferId>,
    paid_once: HashSet<(WalletId, PaymentRequestId)>,
    cancelled: HashSet<(WalletId, PaymentRequestId)>,
    sums: BTreeMap<CurrencyCode, i128>,
    postings: HashMap<WalletId, i128>,
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

    /// Takes the next event in, and checks every rule that it could break.
    ///
    /// # Errors
    /// The first breach. The ledger is of no use after one.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), Breach> {
        match event {
            Event::TransferSettled(transfer) => self.check_settled(at, transfer)?,
            Event::TransferRefused(transfer, _) => self.check_id(transfer)?,
            Event::CurrencyRegistered { currency, issuer } => {
                if self.currencies.insert(currency.code(), (*currency, *issuer)).is_some() {
                    return Err(Breach::OutOfPlace(format!(
                        "currency {} is registered twice",
                        currency.code()
                    )));
                }
                self.open_wallet(event)?;
            }
            Event::WalletOpened { account, currency, .. } => {
                self.check_account(*account)?;
                if !self.currencies.contains_key(currency) {
                    return Err(Breach::OutOfPlace(format!("currency {currency} is not registered")));
                }
                self.open_wallet(event)?;
            }
            Event::PinFailed { account } if self.account(*account).is_some_and(Account::is_pin_locked) => {
                return Err(Breach::OutOfPlace(format!("the PIN of account {account} is locked already")));
            }
            Event::PaymentRequestCancelled { payee, request } => {
                self.cancelled.insert((*payee, *request));
            }
            _ => {}
        }
        if let Some(opened) = Account::opened_by(at, event) {
            let id = opened.id;
            if self.accounts.insert(id, opened).is_some() {
                return Err(Breach::OutOfPlace(format!("account {id} is opened twice")));
            }
        }
        if let Some(account) = event.account() {
            self.check_account(account)?;
            if let Some(account) = self.accounts.get_mut(&account) {
                account.apply(at, event);
            }
        }
        for id in event.wallets() {
            let wallet = self
                .wallets
                .get_mut(&id)
                .ok_or_else(|| Breach::OutOfPlace(format!("wallet {id} was not opened")))?;
            wallet.apply(event);
        }
        self.check_balances(event)
    }

    fn open_wallet(&mut self, event: &Event) -> Result<(), Breach> {
        let Some(wallet) = Wallet::opened_by(event) else { return Ok(()) };
        let id = wallet.id();
        if self.wallets.insert(id, wallet).is_some() {
            return Err(Breach::OutOfPlace(format!("wallet {id} is opened twice")));
        }
        Ok(())
    }

    fn check_account(&self, id: AccountId) -> Result<(), Breach> {
        if self.accounts.contains_key(&id) {
            Ok(())
        } else {
            Err(Breach::OutOfPlace(format!("account {id} was not opened")))
        }
    }

    fn check_id(&mut self, transfer: &Transfer) -> Result<(), Breach> {
        if self.transfers.insert(transfer.id) { Ok(()) } else { Err(Breach::TransferTwice(transfer.id)) }
    }

    fn check_settled(&mut self, at: Timestamp, transfer: &Transfer) -> Result<(), Breach> {
        self.check_id(transfer)?;
        for id in [transfer.payer, transfer.payee] {
            let fits = self.wallets.get(&id).map(Wallet::snapshot).is_some_and(|wallet| {
                wallet.status == WalletStatus::Open && wallet.currency == transfer.currency
            });
            if !fits || transfer.payer == transfer.payee {
                return Err(Breach::LegImpossible(transfer.id, id));
            }
        }
        let owner = |id| self.wallets.get(&id).map(Wallet::owner);
        let is_authorised = match (
            transfer.purpose,
            transfer.authority,
            owner(transfer.payer),
            owner(transfer.payee),
        ) {
            (Purpose::Issue, Authority::Operator, Some(Owner::Issuer), Some(Owner::Account(_)))
            | (Purpose::Redemption, Authority::Operator, Some(Owner::Account(_)), Some(Owner::Issuer)) => {
                true
            }
            (
                Purpose::Payment(_),
                Authority::Device { account, device },
                Some(Owner::Account(payer)),
                Some(Owner::Account(payee)),
            ) => {
                // A device that is revoked while its last payment settles was still trusted when it asked.
                let was_paired =
                    self.accounts.get(&account).is_some_and(|a| a.devices().any(|(id, _)| id == device));
                account == payer && payer != payee && was_paired
            }
            _ => false,
        };
        if !is_authorised {
            return Err(Breach::NotAuthorised(transfer.id));
        }
        if let Purpose::Payment(terms) = &transfer.purpose {
            let key = (transfer.payee, terms.request);
            let wrong_amount = terms.amount.is_some_and(|asked| asked != transfer.amount);
            // A till may use an id again that is long forgotten; the server's barcode of it has expired.
            let is_remembered = at < terms.request.made_at().plus_millis(MAX_TILL_ONE_TIME_LIFETIME_MS)
                || terms.till.is_none();
            let is_cancelled = is_remembered && self.cancelled.contains(&key);
            if terms.is_expired(at) || wrong_amount || is_cancelled {
                return Err(Breach::RequestTermsBroken(terms.request));
            }
            if terms.usage == Usage::OneTime && !self.paid_once.insert(key) {
                return Err(Breach::RequestPaidTwice(terms.request));
            }
        }
        let amount = i128::from(transfer.amount.get());
        for (wallet, change) in [(transfer.payer, amount.saturating_neg()), (transfer.payee, amount)] {
            let posting = self.postings.entry(wallet).or_default();
            *posting = posting.saturating_add(change);
            let sum = self.sums.entry(transfer.currency).or_default();
            *sum = sum.saturating_add(change);
            // Looked at before the wallet is asked to apply it, so that a bad journal is reported and not run.
            let is_issuer = self.wallets.get(&wallet).map(Wallet::owner) == Some(Owner::Issuer);
            let is_in_bounds =
                if is_issuer { *posting <= 0 } else { (0..=i128::from(MAX_BALANCE)).contains(posting) };
            if !is_in_bounds {
                return Err(Breach::OutOfBounds(wallet, *posting));
            }
        }
        Ok(())
    }

    /// Compares what the event's wallets say with the sums kept here.
    fn check_balances(&self, event: &Event) -> Result<(), Breach> {
        for wallet in event.wallets().filter_map(|id| self.wallets.get(&id)).map(Wallet::snapshot) {
            let posting = self.postings.get(&wallet.id).copied().unwrap_or_default();
            if i128::from(wallet.posted) != posting {
                return Err(Breach::OutOfBounds(wallet.id, i128::from(wallet.posted)));
            }
            let sum = self.sums.get(&wallet.currency).copied().unwrap_or_default();
            if sum != 0 {
                return Err(Breach::NotZeroSum(wallet.currency, sum));
            }
        }
        Ok(())
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
