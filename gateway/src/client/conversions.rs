//! Conversions: at which rates market makers convert, and quotes at them.

use quittance_ledger::{Amount, CurrencyCode, Leg, Purpose, TransferId, WalletId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Client;
use super::objects::Transfer;
use super::payments::{RequestName, terms_of};
use super::routes::Answer;

/// At which rate a market maker is to convert.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NewRate<'a> {
    /// Major units given for one major unit taken, in decimals.
    pub rate: &'a str,
    /// The market maker's wallet that takes.
    pub taker: WalletId,
    /// The market maker's wallet that gives.
    pub giver: WalletId,
    /// How long a quote stands, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote_lifetime_s: Option<u32>,
}

/// At which rate a market maker converts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Rate {
    /// The currency it takes.
    pub from: CurrencyCode,
    /// The currency it gives.
    pub to: CurrencyCode,
    /// Major units given for one major unit taken, in decimals.
    pub rate: String,
    /// The market maker's wallet that takes.
    pub taker: WalletId,
    /// The market maker's wallet that gives.
    pub giver: WalletId,
    /// How long a quote stands, in seconds.
    pub quote_lifetime_s: u32,
}

#[derive(Deserialize)]
struct RateList {
    rates: Vec<Rate>,
}

/// How much of a conversion is said; the other side follows from the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QuoteAmount {
    /// What the payer gives.
    Give(u64),
    /// What the payer gets.
    Get(u64),
}

/// A conversion to be quoted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NewQuote {
    /// The payer's wallet that gives.
    pub from: WalletId,
    /// The payer's wallet that gets.
    pub to: WalletId,
    /// How much.
    #[serde(flatten)]
    pub amount: QuoteAmount,
}

/// What a conversion comes to, for a short time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Quote {
    /// What is paid to take it.
    pub request: RequestName,
    /// What the payer gives.
    pub give: Money,
    /// What the payer gets.
    pub get: Money,
    /// The market maker's wallet that gives it.
    pub giver: WalletId,
    /// The payer's wallet that gives.
    pub from: WalletId,
    /// The payer's wallet that gets.
    pub to: WalletId,
    /// When it ends.
    pub expires_at: String,
}

/// An amount of a currency.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Money {
    /// How many minor units.
    pub amount: u64,
    /// Of what.
    pub currency: CurrencyCode,
    /// For a person to read.
    pub display: String,
}

#[expect(clippy::missing_errors_doc, reason = "each fails as the type's own words say, and in no other way")]
impl Client {
    /// Sets at which rate units are converted.
    pub async fn set_rate(&self, from: CurrencyCode, to: CurrencyCode, rate: &NewRate<'_>) -> Answer<Rate> {
        self.put(&format!("/v1/rates/{from}/{to}"), rate).await
    }

    /// Ends conversions.
    pub async fn remove_rate(&self, from: CurrencyCode, to: CurrencyCode) -> Answer<()> {
        self.remove(&format!("/v1/rates/{from}/{to}")).await
    }

    /// Every rate.
    pub async fn rates(&self) -> Answer<Vec<Rate>> {
        self.get::<RateList>("/v1/rates").await.map(|list| list.rates)
    }

    /// Asks what a conversion comes to.
    pub async fn quote(&self, new: &NewQuote) -> Answer<Quote> {
        self.post("/v1/quotes", new).await
    }

    /// Takes a quote: pays the market maker, and is paid by it.
    pub async fn convert(&self, id: TransferId, quote: &Quote, pin: &str) -> Answer<Transfer> {
        let leg = |payer, payee, money: &Money, purpose| {
            let (amount, currency) = (Amount::new(money.amount).ok()?, money.currency);
            Some(Leg { payer, payee, amount, currency, purpose, reference: None })
        };
        let pays = Purpose::Payment(terms_of(quote.request.id));
        let legs: Option<Vec<Leg>> = [
            leg(quote.from, quote.request.wallet, &quote.give, pays),
            leg(quote.giver, quote.to, &quote.get, Purpose::Conversion),
        ]
        .into_iter()
        .collect();
        let body = json!({ "id": id, "payer": quote.from, "request": quote.request, "pin": pin });
        self.post("/v1/transfers", &self.with_word(&body, id, &legs.unwrap_or_default())).await
    }
}
