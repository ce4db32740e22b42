//! What the operator sets: freezes, bounds, limits and fees.

use quittance_ledger::{AccountId, CurrencyCode, WalletId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Client;
use super::objects::{LimitsLeft, Wallet};
use super::routes::Answer;

/// What a frozen wallet is paid. It pays nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Credits {
    /// As before.
    Accept,
    /// Nothing but what comes back.
    Refuse,
}

/// A wallet's bounds. What is left out has none.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct NewSettings<'a> {
    /// How far below zero it may go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdraft: Option<u64>,
    /// The most it may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<u64>,
    /// How much may be paid out of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<NewLimits>,
    /// The time zone whose days and months the limits are of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<&'a str>,
}

/// How much may be paid. What is left out has no limit.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct NewLimits {
    /// At once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_payment: Option<u64>,
    /// In a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u64>,
    /// In a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_month: Option<u64>,
}

/// How much an account may pay out of all its wallets of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountLimits {
    /// The account.
    pub account: AccountId,
    /// The currency.
    pub currency: CurrencyCode,
    /// The limits.
    #[serde(flatten)]
    pub limits: LimitsLeft,
}

/// Which payments a fee is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeScope {
    /// Those of a currency, into wallets without a fee of their own.
    Currency(CurrencyCode),
    /// Those into one wallet.
    Wallet(WalletId),
}

/// What is to be taken of payments.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NewFee {
    /// The same of each, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<u64>,
    /// Ten-thousandths of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis_points: Option<u16>,
    /// At least this much of both together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<u64>,
    /// At most this much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<u64>,
    /// The wallet that is paid it.
    pub collector: WalletId,
}

/// What is taken of payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Fee {
    /// Of the payments of this currency.
    pub currency: Option<CurrencyCode>,
    /// Of the payments into this wallet.
    pub wallet: Option<WalletId>,
    /// The same of each, in minor units.
    pub fixed: u64,
    /// Ten-thousandths of each.
    pub basis_points: u16,
    /// At least this much of both together.
    pub minimum: u64,
    /// At most this much.
    pub maximum: Option<u64>,
    /// The wallet that is paid it.
    pub collector: WalletId,
}

#[derive(Deserialize)]
struct FeeList {
    fees: Vec<Fee>,
}

impl FeeScope {
    fn path(self) -> String {
        match self {
            Self::Currency(currency) => format!("/v1/currencies/{currency}/fee"),
            Self::Wallet(wallet) => format!("/v1/wallets/{wallet}/fee"),
        }
    }
}

#[expect(clippy::missing_errors_doc, reason = "each fails as the type's own words say, and in no other way")]
impl Client {
    /// Lets nothing out of a wallet.
    pub async fn freeze(&self, wallet: WalletId, credits: Credits) -> Answer<Wallet> {
        self.put(&format!("/v1/wallets/{wallet}/freeze"), &json!({ "credits": credits })).await
    }

    /// Lets a frozen wallet take part again.
    pub async fn unfreeze(&self, wallet: WalletId) -> Answer<Wallet> {
        self.delete(&format!("/v1/wallets/{wallet}/freeze")).await
    }

    /// Sets a wallet's bounds and limits.
    pub async fn configure_wallet(&self, wallet: WalletId, settings: &NewSettings<'_>) -> Answer<Wallet> {
        self.put(&format!("/v1/wallets/{wallet}/settings"), settings).await
    }

    /// Sets the limits of an account.
    pub async fn limit_account(
        &self,
        account: AccountId,
        currency: CurrencyCode,
        limits: &NewLimits,
    ) -> Answer<AccountLimits> {
        self.put(&format!("/v1/accounts/{account}/limits/{currency}"), limits).await
    }

    /// The limits of an account, and what is left of them.
    pub async fn account_limits(&self, account: AccountId, currency: CurrencyCode) -> Answer<AccountLimits> {
        self.get(&format!("/v1/accounts/{account}/limits/{currency}")).await
    }

    /// Sets what is taken of payments.
    pub async fn set_fee(&self, scope: FeeScope, fee: &NewFee) -> Answer<Fee> {
        self.put(&scope.path(), fee).await
    }

    /// Takes nothing of payments any more.
    pub async fn remove_fee(&self, scope: FeeScope) -> Answer<()> {
        self.remove(&scope.path()).await
    }

    /// Every fee.
    pub async fn fees(&self) -> Answer<Vec<Fee>> {
        self.get::<FeeList>("/v1/fees").await.map(|list| list.fees)
    }
}
