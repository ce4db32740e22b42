//! Payment requests: what was asked for, and what was paid of it.

use std::collections::{HashMap, HashSet};

use super::facts::Facts;
use super::in_force::MAX_UNDER_WAY_MS;
use super::legs::share_an_account;
use super::tariff::Tariff;
use super::{Breach, out_of_place, unknown};
use crate::id::{PaymentRequestId, WalletId};
use crate::payment_request::{
    MAX_INVOICE_LIFETIME_MS, MAX_ONE_TIME_LIFETIME_MS, MAX_SPLITS, MAX_TILL_ONE_TIME_LIFETIME_MS,
    PaymentKind, PaymentRequest, Quote, RequestDetail, Terms, Usage,
};
use crate::request_book::MAX_REQUEST_ID_AGE_MS;
use crate::retention::MAX_ID_AHEAD_MS;
use crate::time::Timestamp;
use crate::transfer::{Authority, Leg, Purpose, Transfer};

/// Every request there ever was, by its payee and its id, until its id is another's.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    opened: HashMap<(WalletId, PaymentRequestId), PaymentRequest>,
    cancelled: HashSet<(WalletId, PaymentRequestId)>,
    /// What was paid, of those that are not reusable.
    paid: HashMap<(WalletId, PaymentRequestId), u64>,
}

impl Requests {
    pub(super) fn check_open(
        &mut self,
        at: Timestamp,
        request: &PaymentRequest,
        facts: &HashMap<WalletId, Facts>,
        tariff: &Tariff,
    ) -> Result<(), Breach> {
        let (payee, id) = (request.payee, request.terms.request);
        let wallet = facts.get(&payee).ok_or_else(|| unknown(payee))?;
        let impossible = |why| Err(Breach::RequestImpossible(id, why));
        if wallet.is_closed() || wallet.currency != request.currency {
            return impossible("its wallet is closed, or holds another currency");
        }
        let key = (payee, id);
        if self.may_be_forgotten(key, at) {
            self.forget(key);
        }
        if self.opened.contains_key(&key) || self.paid.contains_key(&key) {
            return impossible("its id was used before");
        }
        let made_at = id.made_at();
        if made_at.plus_millis(MAX_REQUEST_ID_AGE_MS) < at || made_at > at.plus_millis(MAX_ID_AHEAD_MS) {
            return impossible("its id is of another time");
        }
        let latest = at.plus_millis(longest_lifetime(request.terms.kind));
        let ends_in_time = match (request.terms.usage, request.terms.expires_at) {
            (_, Some(end)) if end <= at => false,
            (Usage::OneTime | Usage::Parts, end) => end.is_some_and(|end| end <= latest),
            (Usage::Reusable, _) => true,
        };
        if !ends_in_time {
            return impossible("its expiry is past, missing, or too far away");
        }
        if request.terms.till.is_some()
            || (request.terms.usage == Usage::Parts && request.terms.amount.is_none())
        {
            return impossible("its terms contradict themselves");
        }
        let passed_on =
            request.splits.iter().fold(0_u64, |sum, split| sum.saturating_add(split.amount.get()));
        if request.splits.len() > MAX_SPLITS
            || request.terms.amount.is_some_and(|amount| passed_on > amount.get())
        {
            return impossible("it passes on more than is paid");
        }
        let is_quote = request.terms.kind == PaymentKind::Conversion;
        match quote_of(request) {
            Some(quote) if is_quote => check_quote(at, request, &quote, facts, tariff)?,
            None if !is_quote => {}
            _ => return impossible("it gives something and is no quote, or is one and gives nothing"),
        }
        self.opened.insert((payee, id), request.clone());
        Ok(())
    }

    pub(super) fn check_cancel(&mut self, payee: WalletId, id: PaymentRequestId) -> Result<(), Breach> {
        let key = (payee, id);
        let request = self.opened.get(&key);
        let is_open = request.is_some_and(|request| !self.is_over(key, &request.terms));
        if !is_open || !self.cancelled.insert(key) {
            return Err(out_of_place(format!("payment request {id} is not there to be cancelled")));
        }
        Ok(())
    }

    /// Whether all that was asked for was paid, or held.
    fn is_over(&self, key: (WalletId, PaymentRequestId), terms: &Terms) -> bool {
        match (self.paid.get(&key), terms.usage) {
            (Some(paid), Usage::Parts) => terms.amount.is_some_and(|asked| *paid >= asked.get()),
            (Some(_), _) => true,
            (None, _) => false,
        }
    }

    /// Takes in what a leg pays, or sets aside, for a request. `is_paired` says that the till is the payee's.
    pub(super) fn check_payment(
        &mut self,
        at: Timestamp,
        transfer: &Transfer,
        leg: &Leg,
        terms: &Terms,
        is_paired: bool,
    ) -> Result<(), Breach> {
        let key = (leg.payee, terms.request);
        let broken = Err(Breach::RequestTermsBroken(terms.request));
        // At the last stop it was decided at this instant.
        let decided_at =
            if leg.payee == transfer.first.payee { at } else { at.minus_millis(MAX_UNDER_WAY_MS) };
        if terms.is_expired(decided_at) || terms.request.made_at() > at.plus_millis(MAX_ID_AHEAD_MS) {
            return broken;
        }
        // A till may use an id again that is long forgotten; the server's barcode of it has expired.
        if terms.till.is_some() && self.may_be_forgotten(key, at) {
            self.forget(key);
        }
        let opened = self.opened.get(&key);
        let is_hold = matches!(leg.purpose, Purpose::Hold { .. });
        let is_as_asked = match (opened, terms.till) {
            (Some(opened), _) => {
                opened.terms == *terms && is_for(opened, transfer) && (!is_hold || can_be_held(opened))
            }
            (None, Some(_)) => is_paired && is_plain(terms),
            (None, None) => false,
        };
        if !is_as_asked || self.cancelled.contains(&key) {
            return broken;
        }
        if terms.usage == Usage::Reusable {
            return if terms.amount.is_none_or(|asked| asked == leg.amount) { Ok(()) } else { broken };
        }
        let paid = self.paid.get(&key).copied();
        let sum = paid.unwrap_or_default().saturating_add(leg.amount.get());
        match (terms.usage, terms.amount) {
            (Usage::Parts, Some(asked)) if sum <= asked.get() => {}
            (Usage::OneTime, _) if paid.is_some() => return Err(Breach::RequestPaidTwice(terms.request)),
            (Usage::OneTime, asked) if asked.is_none_or(|asked| asked == leg.amount) => {}
            _ => return broken,
        }
        self.paid.insert(key, sum);
        Ok(())
    }

    fn forget(&mut self, key: (WalletId, PaymentRequestId)) {
        self.opened.remove(&key);
        self.cancelled.remove(&key);
        self.paid.remove(&key);
    }

    /// Whether the payee may have forgotten a request at `at`: it is over, and so is every till's under its id.
    fn may_be_forgotten(&self, key: (WalletId, PaymentRequestId), at: Timestamp) -> bool {
        let opened = self.opened.get(&key);
        let of_tills = match opened.map(|opened| opened.terms.kind) {
            // The server alone makes ids of quotes.
            Some(PaymentKind::Conversion) => Timestamp::EPOCH,
            _ => key.1.made_at().plus_millis(MAX_TILL_ONE_TIME_LIFETIME_MS),
        };
        let expires_at = opened.map_or(Some(Timestamp::EPOCH), |opened| opened.terms.expires_at);
        expires_at.is_some_and(|end| end.max(of_tills) <= at)
    }

    /// Whether each payee passes on what its requests say and nothing else, and what is given for the payment is what the
    /// quote says.
    pub(super) fn check_onward(&self, transfer: &Transfer) -> Result<(), Breach> {
        let differ = |what| Err(Breach::LegsDiffer(transfer.id, what));
        let answered = |leg: &Leg| {
            let terms = leg.purpose.terms()?;
            self.opened.get(&(leg.payee, terms.request)).filter(|opened| opened.terms == *terms)
        };
        let of = |purpose: Purpose| transfer.legs().filter(move |leg| leg.purpose == purpose);
        let quotes = transfer.legs().filter_map(|leg| answered(leg).and_then(quote_of));
        let given = of(Purpose::Conversion).map(|leg| Quote {
            source: leg.payer,
            target: leg.payee,
            amount: leg.amount,
            currency: leg.currency,
        });
        if !given.eq(quotes) {
            return differ("a conversion");
        }
        for wallet in transfer.wallets() {
            let said = transfer.legs().filter(|leg| leg.payee == wallet).filter_map(&answered);
            let said =
                said.flat_map(|request| request.splits.iter()).map(|split| (split.wallet, split.amount));
            let passed_on = of(Purpose::Split).filter(|leg| leg.payer == wallet);
            if !passed_on.map(|leg| (leg.payee, leg.amount)).eq(said) {
                return differ("a split");
            }
        }
        Ok(())
    }
}

fn check_quote(
    at: Timestamp,
    request: &PaymentRequest,
    quote: &Quote,
    facts: &HashMap<WalletId, Facts>,
    tariff: &Tariff,
) -> Result<(), Breach> {
    let id = request.terms.request;
    let impossible = |why| Err(Breach::RequestImpossible(id, why));
    let holds = |wallet| facts.get(&wallet).map(|facts| facts.currency) == Some(quote.currency);
    let target_owner = facts.get(&quote.target).and_then(Facts::account);
    if !holds(quote.source) || !holds(quote.target) || !share_an_account(facts, request.payee, quote.source) {
        return impossible("its quote is not between wallets that can exchange");
    }
    if request.payer.is_none() || request.payer != target_owner || request.terms.usage != Usage::OneTime {
        return impossible("its quote is for somebody else, or for more than once");
    }
    if tariff.allows(at, request, quote) {
        Ok(())
    } else {
        impossible("its quote is not at the rate in force")
    }
}

fn quote_of(request: &PaymentRequest) -> Option<Quote> {
    match request.detail.as_deref() {
        Some(RequestDetail::Conversion(quote)) => Some(*quote),
        _ => None,
    }
}

const fn longest_lifetime(kind: PaymentKind) -> u64 {
    match kind {
        PaymentKind::Invoice => MAX_INVOICE_LIFETIME_MS,
        _ => MAX_ONE_TIME_LIFETIME_MS,
    }
}

/// Whether the one account that may pay a request, where it says one, does.
fn is_for(request: &PaymentRequest, transfer: &Transfer) -> bool {
    match (request.payer, transfer.authority) {
        (None, _) => true,
        (Some(payer), Authority::Device { account, .. }) => payer == account,
        (Some(_), Authority::Operator) => false,
    }
}

fn can_be_held(request: &PaymentRequest) -> bool {
    let is_at_once =
        matches!(request.terms.kind, PaymentKind::Conversion | PaymentKind::TopUp | PaymentKind::Withdrawal);
    request.splits.is_empty() && request.terms.usage != Usage::Parts && !is_at_once
}

/// Whether a till may ask for it.
fn is_plain(terms: &Terms) -> bool {
    let is_bounded = match (terms.usage, terms.expires_at) {
        (Usage::Reusable, _) => true,
        (Usage::OneTime, Some(end)) => {
            end <= terms.request.made_at().plus_millis(MAX_TILL_ONE_TIME_LIFETIME_MS)
        }
        (Usage::OneTime, None) | (Usage::Parts, _) => false,
    };
    is_bounded && terms.kind == PaymentKind::Standard
}
