//! Fees, rates and quotes.

use quittance_engine::{Engine, PaymentRequestState};
use quittance_ledger::{CurrencyCode, FeeRule, FeeScope, PaymentRequestId, Quote, Rate, WalletId};
use serde::Serialize;

use super::{Instant, Money};
use crate::problem::Problem;
use crate::rate::decimal;

/// A fee rule; of a currency or of a wallet.
#[derive(Serialize)]
pub(crate) struct FeeView {
    currency: Option<CurrencyCode>,
    wallet: Option<WalletId>,
    fixed: u64,
    basis_points: u16,
    minimum: u64,
    maximum: Option<u64>,
    collector: WalletId,
}

impl FeeView {
    pub(crate) const fn new(scope: FeeScope, rule: &FeeRule) -> Self {
        let (currency, wallet) = match scope {
            FeeScope::Currency(currency) => (Some(currency), None),
            FeeScope::Wallet(wallet) => (None, Some(wallet)),
        };
        let FeeRule { fixed, basis_points, minimum, maximum, collector } = *rule;
        Self { currency, wallet, fixed, basis_points, minimum, maximum, collector }
    }
}

#[derive(Serialize)]
pub(crate) struct RateView {
    from: CurrencyCode,
    to: CurrencyCode,
    rate: String,
    taker: WalletId,
    giver: WalletId,
    quote_lifetime_s: u64,
}

impl RateView {
    pub(crate) fn new(engine: &Engine, rate: &Rate) -> Self {
        let exponent = |code| engine.currency(code).map_or(0, |currency| currency.exponent());
        Self {
            from: rate.from,
            to: rate.to,
            rate: decimal(rate, exponent(rate.from), exponent(rate.to)),
            taker: rate.taker,
            giver: rate.giver,
            quote_lifetime_s: rate.quote_lifetime_ms / 1_000,
        }
    }
}

/// A quote: what the payer gives and gets, and what it pays to have it so.
#[derive(Serialize)]
pub(crate) struct QuoteView {
    request: AskedRequest,
    give: Money,
    get: Money,
    giver: WalletId,
    from: WalletId,
    to: WalletId,
    expires_at: Option<Instant>,
}

#[derive(Serialize)]
struct AskedRequest {
    wallet: WalletId,
    id: PaymentRequestId,
}

impl QuoteView {
    /// `quoted` is the request that the engine made of a quote for the wallet `from`.
    pub(crate) fn new(
        engine: &Engine,
        from: WalletId,
        quoted: &PaymentRequestState,
    ) -> Result<Self, Problem> {
        let request = &quoted.request;
        let incomplete = || Problem::internal(&NotAQuote);
        let Quote { source, target, amount, currency } = request.quote().ok_or_else(incomplete)?;
        let taken = request.terms.amount.ok_or_else(incomplete)?;
        Ok(Self {
            request: AskedRequest { wallet: request.payee, id: request.terms.request },
            give: Money::new(engine, taken, request.currency)?,
            get: Money::new(engine, amount, currency)?,
            giver: source,
            from,
            to: target,
            expires_at: request.terms.expires_at.map(Instant),
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the engine's quote is a request without its amounts")]
struct NotAQuote;
