//! Payment requests: what a payee asks for, and which of them were paid.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, PaymentRequestId, TransferId, WalletId};
use crate::money::{Amount, CurrencyCode};
use crate::refusal::Refusal;
use crate::retention::MAX_ID_AHEAD_MS;
use crate::text::{Description, Reference};
use crate::time::Timestamp;

/// The longest time a one-time request may stay open: until it expires, the payee's wallet remembers it.
pub const MAX_ONE_TIME_LIFETIME_MS: u64 = 90 * 24 * 3_600 * 1_000;

/// How long after the instant in its id a till's one-time request may expire. A till's request is first heard of when it
/// is paid, and tills may seal any number under one id: past this, none of them can be paid, and the id be forgotten.
pub const MAX_TILL_ONE_TIME_LIFETIME_MS: u64 = 7 * 24 * 3_600 * 1_000;

/// How old a request's id may be when the request is opened. Far less than how long ids are remembered, so that an id
/// that was forgotten can't be opened again.
pub const MAX_REQUEST_ID_AGE_MS: u64 = 24 * 3_600 * 1_000;

/// The most requests one wallet remembers.
pub const MAX_REQUESTS_PER_WALLET: usize = 500_000;

/// How long a request is remembered past its end, so that its payee can still read what became of it.
const KEPT_PAST_END_MS: u64 = 24 * 3_600 * 1_000;

/// How often a request may be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// Once, whoever pays first.
    OneTime,
    /// Any number of times until it expires, if it does.
    Reusable,
}

/// The part of a payment request that a payment must meet, as its barcode carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The request's id.
    pub request: PaymentRequestId,
    /// The amount asked for; none where the payer says it.
    pub amount: Option<Amount>,
    /// How often it may be paid.
    pub usage: Usage,
    /// From this instant on it is refused. A one-time request always has one.
    pub expires_at: Option<Timestamp>,
    /// The till that sealed the request, where the server did not: such a request is first heard of when paid.
    pub till: Option<DeviceId>,
}

/// A request as its payee made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRequest {
    /// What a payment must meet.
    pub terms: Terms,
    /// The wallet to be paid into.
    pub payee: WalletId,
    /// The currency, which is the wallet's.
    pub currency: CurrencyCode,
    /// What ties a payment to the payee's books.
    pub reference: Option<Reference>,
    /// What the payment is for.
    pub description: Option<Description>,
}

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestStatus {
    /// It may be paid, until it expires.
    Open,
    /// It was paid by this transfer, and was one-time.
    Paid(TransferId),
    /// Its payee withdrew it.
    Cancelled,
}

/// A request that the payee's wallet remembers. Of a till's request only what must not happen twice is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestState {
    /// What has become of it.
    pub status: RequestStatus,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// The request, where the server made it.
    pub request: Option<PaymentRequest>,
}

/// The requests of one wallet: what the journal says of them, and what is decided but not yet in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestBook {
    states: BTreeMap<PaymentRequestId, RequestState>,
    /// From when on each may be forgotten. What never expires is not in here.
    ends: BTreeSet<(Timestamp, PaymentRequestId)>,
    /// Requests opened, paid or cancelled by an event that is not durable yet.
    undecided: BTreeMap<PaymentRequestId, Pending>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pending {
    Opened(Box<PaymentRequest>),
    Paid,
    Cancelled,
}

impl RequestBook {
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
        if let Some(end) = end_of(id, &state) {
            self.ends.insert((end, id));
        }
        let earlier = self.states.insert(id, state);
        // One end for each: by the earlier of two it would be forgotten while it can still be paid.
        if let Some(earlier) = earlier.and_then(|earlier| end_of(id, &earlier))
            && end_of(id, &state) != Some(earlier)
        {
            self.ends.remove(&(earlier, id));
        }
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
        if self.opened(request.terms.request).is_some_and(|known| known == *request) {
            return Ok(true);
        }
        let is_taken = self.states.contains_key(&request.terms.request)
            || self.undecided.contains_key(&request.terms.request);
        if is_taken {
            return Err(Refusal::RequestIdTaken);
        }
        if self.is_full() {
            return Err(Refusal::TooManyRequests);
        }
        let made_at = request.terms.request.made_at();
        if made_at.plus_millis(MAX_REQUEST_ID_AGE_MS) < now || made_at > now.plus_millis(MAX_ID_AHEAD_MS) {
            return Err(Refusal::RequestIdOutOfTime);
        }
        let has_valid_expiry = match (request.terms.usage, request.terms.expires_at) {
            (Usage::OneTime, None) => false,
            (Usage::OneTime, Some(at)) => at > now && at <= now.plus_millis(MAX_ONE_TIME_LIFETIME_MS),
            (Usage::Reusable, None) => true,
            (Usage::Reusable, Some(at)) => at > now,
        };
        if has_valid_expiry { Ok(false) } else { Err(Refusal::RequestExpiryInvalid) }
    }

    /// Whether no more can be remembered: time to forget what is long over.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.states.len().saturating_add(self.undecided.len()) >= MAX_REQUESTS_PER_WALLET
    }

    /// The request of this id, as its payee opened it at the server.
    fn opened(&self, id: PaymentRequestId) -> Option<PaymentRequest> {
        match self.undecided.get(&id) {
            Some(Pending::Opened(opened)) => Some(**opened),
            _ => self.states.get(&id).and_then(|state| state.request),
        }
    }

    /// Whether cancelling says again what was said.
    ///
    /// # Errors
    /// The request is not known, or was paid.
    pub(crate) fn decide_cancel(&self, id: PaymentRequestId) -> Result<bool, Refusal> {
        match (self.undecided.get(&id), self.states.get(&id).map(|state| state.status)) {
            (Some(Pending::Cancelled), _) | (None, Some(RequestStatus::Cancelled)) => Ok(true),
            (Some(Pending::Paid), _) | (None, Some(RequestStatus::Paid(_))) => Err(Refusal::RequestPaid),
            (Some(Pending::Opened(_)), _) | (None, Some(RequestStatus::Open)) => Ok(false),
            (None, None) => Err(Refusal::RequestUnknown),
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
        // A till that uses the id of a request that the server knows asks for something else.
        if self.opened(terms.request).is_some_and(|known| known.terms.till != terms.till) {
            return Err(Refusal::RequestIdTaken);
        }
        let status = match self.undecided.get(&terms.request) {
            Some(Pending::Opened(_)) => Some(RequestStatus::Open),
            Some(Pending::Cancelled) => return Err(Refusal::RequestCancelled),
            Some(Pending::Paid) => return Err(Refusal::RequestPaid),
            None => self.states.get(&terms.request).map(|state| state.status),
        };
        match status {
            // A till's request is heard of when it is paid, and one past its expiry may have been forgotten.
            None if terms.till.is_none() && !terms.is_expired(now) => return Err(Refusal::RequestUnknown),
            // From here on it would be remembered.
            None if terms.usage == Usage::OneTime && self.is_full() => return Err(Refusal::TooManyRequests),
            None | Some(RequestStatus::Open) => {}
            Some(RequestStatus::Cancelled) => return Err(Refusal::RequestCancelled),
            Some(RequestStatus::Paid(_)) => return Err(Refusal::RequestPaid),
        }
        if terms.is_expired(now) {
            return Err(Refusal::RequestExpired);
        }
        let made_at = terms.request.made_at();
        let latest = match terms.till {
            None => now.plus_millis(MAX_ONE_TIME_LIFETIME_MS),
            Some(_) => made_at.plus_millis(MAX_TILL_ONE_TIME_LIFETIME_MS),
        };
        let is_bounded = match (terms.usage, terms.expires_at) {
            (Usage::OneTime, Some(at)) => at <= latest,
            (Usage::OneTime, None) => false,
            (Usage::Reusable, _) => true,
        };
        if !is_bounded {
            return Err(Refusal::RequestExpiryInvalid);
        }
        if terms.amount.is_some_and(|asked| asked != amount) {
            return Err(Refusal::AmountDiffers);
        }
        if made_at > now.plus_millis(MAX_ID_AHEAD_MS) {
            return Err(Refusal::RequestIdOutOfTime);
        }
        Ok(())
    }

    pub(crate) fn expect_open(&mut self, request: PaymentRequest) {
        self.undecided.insert(request.terms.request, Pending::Opened(Box::new(request)));
    }

    pub(crate) fn expect_cancel(&mut self, id: PaymentRequestId) {
        self.undecided.insert(id, Pending::Cancelled);
    }

    pub(crate) fn expect_payment(&mut self, terms: &Terms) {
        if terms.usage == Usage::OneTime {
            let earlier = self.undecided.insert(terms.request, Pending::Paid);
            assert_ne!(earlier, Some(Pending::Paid), "a one-time request is paid once");
        }
    }

    pub(crate) fn apply_open(&mut self, request: PaymentRequest) {
        let id = request.terms.request;
        if matches!(self.undecided.get(&id), Some(Pending::Opened(_))) {
            self.undecided.remove(&id);
        }
        let state = RequestState {
            status: RequestStatus::Open,
            expires_at: request.terms.expires_at,
            request: Some(request),
        };
        self.restore(id, state);
    }

    pub(crate) fn apply_cancel(&mut self, id: PaymentRequestId) {
        if self.undecided.get(&id) == Some(&Pending::Cancelled) {
            self.undecided.remove(&id);
        }
        if let Some(state) = self.states.get_mut(&id) {
            state.status = RequestStatus::Cancelled;
        }
    }

    pub(crate) fn apply_payment(&mut self, terms: &Terms, transfer: TransferId) {
        if terms.usage == Usage::Reusable {
            return;
        }
        if self.undecided.get(&terms.request) == Some(&Pending::Paid) {
            self.undecided.remove(&terms.request);
        }
        let request = self.states.get(&terms.request).and_then(|state| state.request);
        let earlier = self.states.get(&terms.request).map(|state| state.status);
        assert!(!matches!(earlier, Some(RequestStatus::Paid(_))), "a one-time request is paid once");
        let known_expiry = self.states.get(&terms.request).and_then(|state| state.expires_at);
        let expires_at = terms.expires_at.max(known_expiry);
        let state = RequestState { status: RequestStatus::Paid(transfer), expires_at, request };
        self.restore(terms.request, state);
    }

    /// Forgets at most `most` requests whose expiry is long past at `at`, and names them.
    pub fn forget_expired(&mut self, at: Timestamp, most: usize) -> Vec<PaymentRequestId> {
        let mut forgotten = Vec::new();
        while forgotten.len() < most {
            let Some((end, id)) = self.ends.first().copied() else { break };
            if end.plus_millis(KEPT_PAST_END_MS) > at || self.undecided.contains_key(&id) {
                break;
            }
            self.ends.pop_first();
            self.states.remove(&id);
            forgotten.push(id);
        }
        forgotten
    }
}

/// From when on nothing under this id can be paid; none where that never comes.
fn end_of(id: PaymentRequestId, state: &RequestState) -> Option<Timestamp> {
    let of_tills = id.made_at().plus_millis(MAX_TILL_ONE_TIME_LIFETIME_MS);
    state.expires_at.map(|expires_at| expires_at.max(of_tills))
}

impl Terms {
    /// Whether the request may be paid no longer at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test fails it")]
#[path = "payment_request_tests.rs"]
mod tests;
