//! The objects of the API, as JSON shows them. Made of what the engine answers; they must not ask it to change a thing.

mod account;
mod barcode;
mod hold;
mod request;
mod statement;
mod tariff;
mod transfer;
mod wallet;

use quittance_engine::Engine;
use quittance_ledger::{Amount, Currency, CurrencyCode, Timestamp};
use serde::{Serialize, Serializer};

pub(crate) use account::{AccountView, PairingView};
pub(crate) use barcode::DecodedView;
pub(crate) use hold::HoldView;
pub(crate) use request::{InvoiceView, RequestView, remaining};
pub(crate) use statement::{BalanceView, LineView, StatementView, movements};
pub(crate) use tariff::{FeeView, QuoteView, RateView};
pub(crate) use transfer::TransferView;
pub(crate) use wallet::{AllowanceView, CurrencyView, WalletView};

use crate::problem::Problem;

/// An instant, in RFC 3339.
#[derive(Clone, Copy)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX);
        // Past the end of 9999 nothing can be written, so it stays there.
        let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{instant:.3}")
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An amount with its currency, and as a person reads it.
#[derive(Serialize)]
pub(crate) struct Money {
    amount: Amount,
    currency: CurrencyCode,
    display: String,
}

impl Money {
    fn new(engine: &Engine, amount: Amount, code: CurrencyCode) -> Result<Self, Problem> {
        let currency = known_currency(engine, code)?;
        Ok(Self { amount, currency: code, display: display(&currency, amount) })
    }
}

pub(crate) fn known_currency(engine: &Engine, code: CurrencyCode) -> Result<Currency, Problem> {
    // A transfer that was refused for it may name a currency that nobody registered.
    match engine.currency(code) {
        Some(currency) => Ok(currency),
        None => Currency::new(code, None)
            .or_else(|_| Currency::new(code, Some(0)))
            .map_err(|error| Problem::internal(&error)),
    }
}

fn display(currency: &Currency, amount: Amount) -> String {
    currency.format(i64::try_from(amount.get()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_milliseconds_always() {
        let text = |millis| Instant(Timestamp::from_millis(millis)).to_string();
        assert_eq!(text(1_795_519_800_000), "2026-11-24T11:30:00.000Z");
        assert_eq!(text(1_795_519_800_007), "2026-11-24T11:30:00.007Z");
        assert!(text(u64::MAX).starts_with("9999-12-30T"));
    }
}
