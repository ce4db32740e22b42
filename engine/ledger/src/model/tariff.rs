//! What the operator takes of payments, and at which rates market makers convert.

use std::collections::{BTreeMap, HashMap};

use super::facts::Facts;
use super::in_force::InForce;
use super::legs::{is_paid_for, share_an_account};
use super::{Breach, out_of_place, unknown};
use crate::conversion::Rate;
use crate::fee::{FeeRule, FeeScope, MAX_BASIS_POINTS};
use crate::id::WalletId;
use crate::money::{Currency, CurrencyCode};
use crate::payment_request::{PaymentRequest, Quote};
use crate::time::Timestamp;
use crate::transfer::{Leg, Purpose, Transfer};

/// The fee rules and rates, and since when they are what.
#[derive(Clone, Debug, Default)]
pub(super) struct Tariff {
    fees: BTreeMap<FeeScope, InForce<Option<FeeRule>>>,
    rates: BTreeMap<(CurrencyCode, CurrencyCode), InForce<Option<Rate>>>,
}

impl Tariff {
    pub(super) fn check_fee(
        &mut self,
        at: Timestamp,
        scope: FeeScope,
        rule: Option<FeeRule>,
        facts: &HashMap<WalletId, Facts>,
        currencies: &BTreeMap<CurrencyCode, (Currency, WalletId)>,
    ) -> Result<(), Breach> {
        let currency = match scope {
            FeeScope::Currency(code) => currencies.contains_key(&code).then_some(code),
            FeeScope::Wallet(wallet) => facts.get(&wallet).map(|facts| facts.currency),
        };
        let currency = currency.ok_or_else(|| out_of_place(format!("a fee is set of {scope:?}")))?;
        if let Some(rule) = rule {
            let collector = facts.get(&rule.collector).ok_or_else(|| unknown(rule.collector))?;
            let is_sound = collector.currency == currency
                && collector.account().is_some()
                && rule.basis_points <= MAX_BASIS_POINTS
                && rule.maximum.is_none_or(|maximum| rule.minimum <= maximum);
            if !is_sound {
                return Err(out_of_place(format!("the fee of {scope:?} contradicts itself")));
            }
        }
        self.fees.entry(scope).or_default().set(at, rule);
        Ok(())
    }

    pub(super) fn check_rate(
        &mut self,
        at: Timestamp,
        between: (CurrencyCode, CurrencyCode),
        rate: Option<Rate>,
        facts: &HashMap<WalletId, Facts>,
    ) -> Result<(), Breach> {
        if let Some(rate) = rate {
            let currency = |wallet| facts.get(&wallet).map(|facts| facts.currency);
            let is_sound = rate.numerator > 0
                && rate.denominator > 0
                && between == (rate.from, rate.to)
                && rate.from != rate.to
                && currency(rate.taker) == Some(rate.from)
                && currency(rate.giver) == Some(rate.to)
                && share_an_account(facts, rate.taker, rate.giver);
            if !is_sound {
                return Err(out_of_place(format!("the rate from {} to {} can't be", between.0, between.1)));
            }
        }
        self.rates.entry(between).or_default().set(at, rate);
        Ok(())
    }

    /// Whether a quote is one that a rate in force lately gives, for as long as it stands.
    pub(super) fn allows(&self, at: Timestamp, request: &PaymentRequest, quote: &Quote) -> bool {
        let Some(taken) = request.terms.amount else { return false };
        let rates = self.rates.get(&(request.currency, quote.currency));
        rates.into_iter().flat_map(|rates| rates.lately(at)).flatten().any(|rate| {
            let is_at_rate =
                rate.given_for(taken) == Some(quote.amount) || rate.taken_for(quote.amount) == Some(taken);
            let ends_by = at.plus_millis(rate.quote_lifetime_ms);
            (rate.taker, rate.giver) == (request.payee, quote.source)
                && is_at_rate
                && request.terms.expires_at.is_some_and(|end| end <= ends_by)
        })
    }

    /// Whether each fee is one that a rule lately said of what its payer was paid, and no payment is charged twice.
    pub(super) fn check_fees(&self, at: Timestamp, transfer: &Transfer) -> Result<(), Breach> {
        for fee in transfer.legs().filter(|leg| leg.purpose == Purpose::Fee) {
            let paid = || transfer.legs().filter(|leg| leg.payee == fee.payer && is_paid_for(leg));
            let taken =
                transfer.legs().filter(|leg| leg.purpose == Purpose::Fee && leg.payer == fee.payer).count();
            if taken > paid().count() || !paid().any(|leg| self.says(at, leg, fee)) {
                return Err(Breach::LegsDiffer(transfer.id, "a fee"));
            }
        }
        Ok(())
    }

    fn says(&self, at: Timestamp, paid: &Leg, fee: &Leg) -> bool {
        let lately = |scope| self.fees.get(&scope).into_iter().flat_map(move |rules| rules.lately(at));
        let is_it =
            |rule: &FeeRule| rule.collector == fee.payee && rule.fee_on(paid.amount) == Some(fee.amount);
        let of_wallet = FeeScope::Wallet(paid.payee);
        // The currency's rule is for wallets that have none of their own.
        let has_own =
            self.fees.get(&of_wallet).is_some_and(|rules| rules.was_throughout(at, Option::is_some));
        let of_currency = lately(FeeScope::Currency(paid.currency)).flatten();
        lately(of_wallet).flatten().any(is_it) || (!has_own && of_currency.into_iter().any(is_it))
    }
}
