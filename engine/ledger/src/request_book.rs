//! The payment requests of one wallet, and which of them were paid: each is paid as often as it says, by one actor's word.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, PaymentRequestId, TransferId};
use crate::money::Amount;
use crate::payment_request::{
    MAX_INVOICE_LIFETIME_MS, MAX_ONE_TIME_LIFETIME_MS, MAX_TILL_ONE_TIME_LIFETIME_MS, PaymentKind,
    PaymentRequest, Terms, Usage,
};
use crate::refusal::Refusal;
use crate::retention::MAX_ID_AHEAD_MS;
use crate::time::Timestamp;

/// How old a request's id may be when the request is opened. Far less than how long ids are remembered, so that an id
/// that was forgotten can't be opened again.
pub const MAX_REQUEST_ID_AGE_MS: u64 = 24 * 3_600 * 1_000;

/// The most requests one wallet remembers.
pub const MAX_REQUESTS_PER_WALLET: usize = 500_000;

/// The most quotes of one market maker's wallet that an account may have standing.
pub const MAX_STANDING_QUOTES_PER_ACCOUNT: usize = 16;

/// How long a quote is remembered past its end. Anybody may ask for quotes, so they must not fill their market maker's book
/// for days. The server alone makes their ids: where somebody else uses one after that, it is for another request.
const QUOTE_KEPT_PAST_END_MS: u64 = 10 * 60 * 1_000;

/// How long a request is remembered past its end, so that its payee can still read what became of it.
const KEPT_PAST_END_MS: u64 = 24 * 3_600 * 1_000;

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestStatus {
    /// It may be paid, until it expires.
    Open,
    /// It was paid by this transfer, the last one where it was paid in parts.
    Paid(TransferId),
    /// Units were set aside for it by this transfer.
    Held(TransferId),
    /// Its payee withdrew it.
    Cancelled,
}

/// A request that the payee's wallet remembers. Of a till's request only what must not happen twice is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestState {
    /// What has become of it.
    pub status: RequestStatus,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// The request, where the server made it.
    pub request: Option<PaymentRequest>,
    /// How much of it was paid, in minor units, where it is not reusable.
    pub paid: u64,
}

/// The requests of one wallet: what the journal says of them, and what is decided but not yet in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestBook {
    states: BTreeMap<PaymentRequestId, RequestState>,
    /// From when on each may be forgotten, see `forget_from`. What never expires is not in here.
    ends: BTreeSet<(Timestamp, PaymentRequestId)>,
    /// Quotes that are remembered or on their way, by the account that asked, and by when they end.
    quotes: BTreeMap<AccountId, BTreeSet<(Timestamp, PaymentRequestId)>>,
    /// Requests opened or cancelled by an event that is not durable yet.
    undecided: BTreeMap<PaymentRequestId, Pending>,
    /// Payments on their way. Of requests that are reusable those alone that another wallet may refuse.
    paying: BTreeMap<PaymentRequestId, Paying>,
}

/// Opened or cancelled by an event that is not durable yet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pending {
    Opened(Box<PaymentRequest>),
    /// With the request, where that it was opened is not durable yet either.
    Cancelled(Option<Box<PaymentRequest>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Paying {
    amount: u64,
    count: u32,
    /// How many of them are not as good as in the journal: another wallet can still refuse.
    uncertain: u32,
}

impl RequestBook {
    pub(crate) const fn new() -> Self {
        Self {
            states: BTreeMap::new(),
            ends: BTreeSet::new(),
            quotes: BTreeMap::new(),
            undecided: BTreeMap::new(),
            paying: BTreeMap::new(),
        }
    }

    /// What is known of a request, durably.
    #[must_use]
    pub fn get(&self, id: PaymentRequestId) -> Option<&RequestState> {
        self.states.get(&id)
    }

    /// How many requests are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether no request is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Every request that is remembered, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (PaymentRequestId, &RequestState)> {
        self.states.iter().map(|(id, state)| (*id, state))
    }

    /// Puts back a request that a checkpoint remembered.
    pub fn restore(&mut self, id: PaymentRequestId, state: RequestState) {
        // One end for each: by the earlier of two it would be forgotten while it can still be paid.
        self.remove(id);
        if let Some(end) = forget_from(id, &state) {
            self.ends.insert((end, id));
        }
        if let Some((account, end)) = state.request.as_ref().and_then(quote_of) {
            self.quotes.entry(account).or_default().insert((end, id));
        }
        self.states.insert(id, state);
        self.assert_invariants();
    }

    /// What must hold of the memory of requests.
    fn assert_invariants(&self) {
        assert!(self.ends.len() <= self.states.len(), "each request has one end at most");
    }

    /// Whether opening `request` says again what was said: nothing is left to do then.
    ///
    /// # Errors
    /// The id is another request's, the expiry breaks a rule, or the wallet remembers too many.
    pub(crate) fn decide_open(&self, request: &PaymentRequest, now: Timestamp) -> Result<bool, Refusal> {
        if self.opened(request.terms.request).is_some_and(|known| known == request) {
            return Ok(true);
        }
        let is_taken = self.states.contains_key(&request.terms.request)
            || self.undecided.contains_key(&request.terms.request)
            || self.paying.contains_key(&request.terms.request);
        if is_taken {
            return Err(Refusal::RequestIdTaken);
        }
        if !request.is_consistent() {
            return Err(Refusal::RequestInconsistent);
        }
        if self.is_full() {
            return Err(Refusal::TooManyRequests);
        }
        if let Some((account, _)) = quote_of(request)
            && self.standing_quotes(account, now) >= MAX_STANDING_QUOTES_PER_ACCOUNT
        {
            return Err(Refusal::TooManyQuotes);
        }
        let made_at = request.terms.request.made_at();
        if made_at.plus_millis(MAX_REQUEST_ID_AGE_MS) < now || made_at > now.plus_millis(MAX_ID_AHEAD_MS) {
            return Err(Refusal::RequestIdOutOfTime);
        }
        let has_valid_expiry = match (request.terms.usage, request.terms.expires_at) {
            (Usage::OneTime | Usage::Parts, None) => false,
            (Usage::OneTime | Usage::Parts, Some(at)) => {
                at > now && at <= now.plus_millis(longest_lifetime(request.terms.kind))
            }
            (Usage::Reusable, None) => true,
            (Usage::Reusable, Some(at)) => at > now,
        };
        if has_valid_expiry { Ok(false) } else { Err(Refusal::RequestExpiryInvalid) }
    }

    /// Whether no more can be remembered: time to forget what is long over.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let on_their_way = self.undecided.len().saturating_add(self.paying.len());
        self.states.len().saturating_add(on_their_way) >= MAX_REQUESTS_PER_WALLET
    }

    fn standing_quotes(&self, account: AccountId, now: Timestamp) -> usize {
        let ends_later = |(end, _): &&(Timestamp, PaymentRequestId)| *end > now;
        self.quotes.get(&account).map_or(0, |quotes| quotes.iter().rev().take_while(ends_later).count())
    }

    /// The request of this id, as its payee opened it at the server.
    pub(crate) fn opened(&self, id: PaymentRequestId) -> Option<&PaymentRequest> {
        match self.undecided.get(&id) {
            Some(Pending::Opened(opened) | Pending::Cancelled(Some(opened))) => Some(opened),
            _ => self.states.get(&id).and_then(|state| state.request.as_ref()),
        }
    }

    /// Whether cancelling says again what was said.
    ///
    /// # Errors
    /// The request is not known, or was paid.
    pub(crate) fn decide_cancel(&self, id: PaymentRequestId) -> Result<bool, Refusal> {
        let status = match self.undecided.get(&id) {
            Some(Pending::Cancelled(_)) => return Ok(true),
            Some(Pending::Opened(_)) => RequestStatus::Open,
            None => self.states.get(&id).map(|state| state.status).ok_or(Refusal::RequestUnknown)?,
        };
        match (status, self.paying.get(&id)) {
            (RequestStatus::Cancelled, _) => Ok(true),
            (RequestStatus::Paid(_), _) => Err(Refusal::RequestPaid),
            (RequestStatus::Held(_), _) => Err(Refusal::RequestHeld),
            (RequestStatus::Open, Some(paying)) => Err(paying.refusal()),
            (RequestStatus::Open, None) => Ok(false),
        }
    }

    /// Decides whether a payment of `amount` meets `terms`, once and for all payers that race for it.
    ///
    /// # Errors
    /// The request is unknown, cancelled, paid or expired, or asks for another amount.
    pub(crate) fn decide_payment(
        &self,
        terms: &Terms,
        amount: Amount,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if terms.till.is_some() && (terms.usage == Usage::Parts || terms.kind != PaymentKind::Standard) {
            return Err(Refusal::RequestInconsistent);
        }
        // A till that uses the id of a request that the server knows asks for something else.
        if self.opened(terms.request).is_some_and(|known| known.terms != *terms) {
            return Err(Refusal::RequestIdTaken);
        }
        let state = self.states.get(&terms.request);
        let status = match self.undecided.get(&terms.request) {
            Some(Pending::Opened(_)) => Some(RequestStatus::Open),
            Some(Pending::Cancelled(_)) => return Err(Refusal::RequestCancelled),
            None => state.map(|state| state.status),
        };
        let paying = self.paying.get(&terms.request);
        match status {
            Some(RequestStatus::Cancelled) => return Err(Refusal::RequestCancelled),
            Some(RequestStatus::Paid(_)) => return Err(Refusal::RequestPaid),
            Some(RequestStatus::Held(_)) => return Err(Refusal::RequestHeld),
            None | Some(RequestStatus::Open) => {}
        }
        if let Some(paying) = paying.filter(|_| terms.usage == Usage::OneTime) {
            return Err(paying.refusal());
        }
        if status.is_none() {
            // A till's request is heard of when it is paid, and one past its expiry may have been forgotten.
            if terms.till.is_none() && !terms.is_expired(now) {
                return Err(Refusal::RequestUnknown);
            }
            // From here on it would be remembered.
            if terms.usage != Usage::Reusable && self.is_full() {
                return Err(Refusal::TooManyRequests);
            }
        }
        if terms.is_expired(now) {
            return Err(Refusal::RequestExpired);
        }
        let made_at = terms.request.made_at();
        let latest = match terms.till {
            None => now.plus_millis(longest_lifetime(terms.kind)),
            Some(_) => made_at.plus_millis(MAX_TILL_ONE_TIME_LIFETIME_MS),
        };
        let is_bounded = match (terms.usage, terms.expires_at) {
            (Usage::OneTime | Usage::Parts, Some(at)) => at <= latest,
            (Usage::OneTime | Usage::Parts, None) => false,
            (Usage::Reusable, _) => true,
        };
        if !is_bounded {
            return Err(Refusal::RequestExpiryInvalid);
        }
        match (terms.usage, terms.amount) {
            (Usage::Parts, Some(asked)) => {
                let under_way = paying.map_or(0, |paying| paying.amount);
                let paid = state.map_or(0, |state| state.paid).saturating_add(under_way);
                if paid.saturating_add(amount.get()) > asked.get() {
                    return Err(Refusal::AmountExceedsRest);
                }
            }
            (_, Some(asked)) if asked != amount => return Err(Refusal::AmountDiffers),
            (Usage::OneTime | Usage::Reusable, _) => {}
            (Usage::Parts, None) => return Err(Refusal::AmountDiffers),
        }
        if made_at > now.plus_millis(MAX_ID_AHEAD_MS) {
            return Err(Refusal::RequestIdOutOfTime);
        }
        Ok(())
    }

    pub(crate) fn expect_open(&mut self, request: PaymentRequest) {
        if let Some((account, end)) = quote_of(&request) {
            self.quotes.entry(account).or_default().insert((end, request.terms.request));
        }
        self.undecided.insert(request.terms.request, Pending::Opened(Box::new(request)));
    }

    pub(crate) fn expect_cancel(&mut self, id: PaymentRequestId) {
        let opened = match self.undecided.remove(&id) {
            Some(Pending::Opened(opened)) => Some(opened),
            _ => None,
        };
        self.undecided.insert(id, Pending::Cancelled(opened));
    }

    /// Accepts a payment. `is_certain` says that no other wallet can refuse it any more.
    pub(crate) fn expect_payment(&mut self, terms: &Terms, amount: Amount, is_certain: bool) {
        if terms.usage == Usage::Reusable && is_certain {
            return;
        }
        let paying = self.paying.entry(terms.request).or_insert(Paying { amount: 0, count: 0, uncertain: 0 });
        assert!(terms.usage != Usage::OneTime || paying.count == 0, "a one-time request is paid once");
        paying.amount = paying.amount.saturating_add(amount.get());
        paying.count = paying.count.saturating_add(1);
        paying.uncertain = paying.uncertain.saturating_add(u32::from(!is_certain));
    }

    /// A payment is no longer on its way: another wallet refused, or it is durable.
    pub(crate) fn end_payment(&mut self, terms: &Terms, amount: Amount, is_certain: bool) {
        if terms.usage == Usage::Reusable && is_certain {
            return;
        }
        let Some(paying) = self.paying.get_mut(&terms.request) else { return };
        paying.amount = paying.amount.saturating_sub(amount.get());
        paying.count = paying.count.saturating_sub(1);
        paying.uncertain = paying.uncertain.saturating_sub(u32::from(!is_certain));
        if paying.count == 0 {
            self.paying.remove(&terms.request);
        }
    }

    pub(crate) fn apply_open(&mut self, request: PaymentRequest) {
        let id = request.terms.request;
        match self.undecided.get_mut(&id) {
            Some(Pending::Opened(_)) => {
                self.undecided.remove(&id);
            }
            Some(Pending::Cancelled(opened)) => *opened = None,
            None => {}
        }
        let state = RequestState {
            status: RequestStatus::Open,
            expires_at: request.terms.expires_at,
            request: Some(request),
            paid: 0,
        };
        self.restore(id, state);
    }

    pub(crate) fn apply_cancel(&mut self, id: PaymentRequestId) {
        if matches!(self.undecided.get(&id), Some(Pending::Cancelled(_))) {
            self.undecided.remove(&id);
        }
        if let Some(state) = self.states.get_mut(&id) {
            state.status = RequestStatus::Cancelled;
        }
    }

    /// Takes in that a request was answered: paid, or held where `is_hold`.
    pub(crate) fn apply_payment(
        &mut self,
        terms: &Terms,
        amount: Amount,
        transfer: TransferId,
        is_hold: bool,
    ) {
        if terms.usage == Usage::Reusable {
            return;
        }
        let known = self.remove(terms.request);
        // Where the server's own request of this id has other terms, it was forgotten before this one was heard of.
        let is_same = |state: &RequestState| state.request.as_ref().is_none_or(|known| known.terms == *terms);
        let known = known.filter(is_same);
        let earlier = known.as_ref().map(|state| state.status);
        assert!(
            !matches!(earlier, Some(RequestStatus::Paid(_) | RequestStatus::Held(_))),
            "a request is paid once"
        );
        let paid = known.as_ref().map_or(0, |state| state.paid).saturating_add(amount.get());
        let asked = terms.amount.map_or(paid, Amount::get);
        assert!(paid <= asked, "the parts of a request never exceed it");
        let known_expiry = known.as_ref().and_then(|state| state.expires_at);
        let status = if is_hold {
            RequestStatus::Held(transfer)
        } else if terms.usage == Usage::Parts && paid < asked {
            RequestStatus::Open
        } else {
            RequestStatus::Paid(transfer)
        };
        let expires_at = terms.expires_at.max(known_expiry);
        let request = known.and_then(|state| state.request);
        self.restore(terms.request, RequestState { status, expires_at, request, paid });
    }

    /// Takes a request out of the memory.
    fn remove(&mut self, id: PaymentRequestId) -> Option<RequestState> {
        let state = self.states.remove(&id)?;
        if let Some(end) = forget_from(id, &state) {
            self.ends.remove(&(end, id));
        }
        if let Some((account, end)) = state.request.as_ref().and_then(quote_of)
            && let Some(quotes) = self.quotes.get_mut(&account)
        {
            quotes.remove(&(end, id));
            if quotes.is_empty() {
                self.quotes.remove(&account);
            }
        }
        Some(state)
    }

    /// Forgets at most `most` requests whose expiry is long past at `at`, and names them.
    pub fn forget_expired(&mut self, at: Timestamp, most: usize) -> Vec<PaymentRequestId> {
        let mut forgotten = Vec::new();
        while forgotten.len() < most {
            let Some((end, id)) = self.ends.first().copied() else { break };
            let is_on_its_way = self.undecided.contains_key(&id) || self.paying.contains_key(&id);
            if end > at || is_on_its_way {
                break;
            }
            self.remove(id);
            forgotten.push(id);
        }
        forgotten
    }
}

/// Who asked for a quote, and when it ends; none of any other request.
fn quote_of(request: &PaymentRequest) -> Option<(AccountId, Timestamp)> {
    request.quote()?;
    Some((request.payer?, request.terms.expires_at?))
}

const fn longest_lifetime(kind: PaymentKind) -> u64 {
    match kind {
        PaymentKind::Invoice => MAX_INVOICE_LIFETIME_MS,
        _ => MAX_ONE_TIME_LIFETIME_MS,
    }
}

impl Paying {
    const fn refusal(self) -> Refusal {
        if self.uncertain == 0 { Refusal::RequestPaid } else { Refusal::RequestBusy }
    }
}

/// From when on a request may be forgotten: nothing under its id can be paid any more, and its payee had time to read what
/// became of it. None where that never comes.
fn forget_from(id: PaymentRequestId, state: &RequestState) -> Option<Timestamp> {
    let is_quote =
        state.request.as_ref().is_some_and(|request| request.terms.kind == PaymentKind::Conversion);
    if is_quote {
        return state.expires_at.map(|expires_at| expires_at.plus_millis(QUOTE_KEPT_PAST_END_MS));
    }
    let of_tills = id.made_at().plus_millis(MAX_TILL_ONE_TIME_LIFETIME_MS);
    state.expires_at.map(|expires_at| expires_at.max(of_tills).plus_millis(KEPT_PAST_END_MS))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test fails it")]
#[path = "request_book_tests.rs"]
mod tests;
