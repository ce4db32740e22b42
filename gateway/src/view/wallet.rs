//! Wallets, their currencies, and the limits of wallets and accounts.

use quittance_engine::Engine;
use quittance_ledger::{
    AccountId, AllowanceSnapshot, Amount, Balances, Currency, CurrencyCode, Day, Limits, Name, Owner,
    WalletId, WalletSnapshot, WalletStatus,
};
use serde::Serialize;

use super::known_currency;
use crate::problem::Problem;

#[derive(Serialize)]
pub(crate) struct CurrencyView {
    code: CurrencyCode,
    exponent: u8,
    issuer_wallet: WalletId,
}

impl CurrencyView {
    pub(crate) const fn new(currency: &Currency, issuer_wallet: WalletId) -> Self {
        Self { code: currency.code(), exponent: currency.exponent(), issuer_wallet }
    }
}

/// The zone of a wallet for which the operator set none.
const UNIVERSAL_TIME: &str = "UTC";

#[derive(Serialize)]
pub(crate) struct WalletView {
    id: WalletId,
    account: Option<AccountId>,
    currency: CurrencyCode,
    name: Option<Name>,
    status: WalletStatus,
    posted: i64,
    held: i64,
    available: i64,
    display: BalanceDisplay,
    overdraft: Option<Amount>,
    ceiling: Option<Amount>,
    limits: LimitsView,
    time_zone: String,
}

#[derive(Serialize)]
struct BalanceDisplay {
    posted: String,
    held: String,
    available: String,
}

/// Limits, and what is left of those that are of a time.
#[derive(Serialize)]
struct LimitsView {
    per_payment: Option<Amount>,
    per_day: Option<Amount>,
    per_month: Option<Amount>,
    left_day: Option<u64>,
    left_month: Option<u64>,
}

impl LimitsView {
    const fn new(limits: Limits, (left_day, left_month): (Option<u64>, Option<u64>)) -> Self {
        let Limits { per_payment, per_day, per_month } = limits;
        Self { per_payment, per_day, per_month, left_day, left_month }
    }
}

impl WalletView {
    pub(crate) fn new(engine: &Engine, wallet: &WalletSnapshot) -> Result<Self, Problem> {
        let currency = known_currency(engine, wallet.currency)?;
        let Balances { posted, held, available } = wallet.balances();
        let settings = wallet.settings();
        Ok(Self {
            id: wallet.id,
            account: match wallet.owner {
                Owner::Account(account) => Some(account),
                Owner::Issuer => None,
            },
            currency: wallet.currency,
            name: wallet.name,
            status: wallet.status,
            posted,
            held,
            available,
            display: BalanceDisplay {
                posted: currency.format(posted),
                held: currency.format(held),
                available: currency.format(available),
            },
            overdraft: settings.overdraft,
            ceiling: settings.ceiling,
            limits: LimitsView::new(settings.limits, wallet.limits_left(engine.now())),
            time_zone: settings.zone.map_or_else(|| UNIVERSAL_TIME.to_owned(), |zone| zone.to_string()),
        })
    }
}

/// The limits of an account over all its wallets of a currency.
#[derive(Serialize)]
pub(crate) struct AllowanceView {
    account: AccountId,
    currency: CurrencyCode,
    #[serde(flatten)]
    limits: LimitsView,
}

impl AllowanceView {
    /// `day` is the earliest that it is for one of the account's wallets.
    pub(crate) fn new(allowance: &AllowanceSnapshot, day: Day) -> Self {
        let AllowanceSnapshot { account, currency, limits, spending } = *allowance;
        let left = limits.left(spending, day);
        Self { account, currency, limits: LimitsView::new(limits, left) }
    }
}
