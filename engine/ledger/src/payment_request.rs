//! Payment requests: what a payee asks for.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, DeviceId, PaymentRequestId, WalletId};
use crate::money::{Amount, CurrencyCode};
use crate::text::{Description, Reference};
use crate::time::Timestamp;

/// The longest time a one-time request may stay open: until it expires, the payee's wallet remembers it.
pub const MAX_ONE_TIME_LIFETIME_MS: u64 = 90 * 24 * 3_600 * 1_000;

/// How long after the instant in its id a till's one-time request may expire. A till's request is first heard of when it
/// is paid, and tills may seal any number under one id: past this, none of them can be paid, and the id be forgotten.
pub const MAX_TILL_ONE_TIME_LIFETIME_MS: u64 = 7 * 24 * 3_600 * 1_000;

/// The longest time an invoice may stay open.
pub const MAX_INVOICE_LIFETIME_MS: u64 = 400 * 24 * 3_600 * 1_000;

/// The most parts of a payment that its payee may pass on.
pub const MAX_SPLITS: usize = 8;

/// The most amounts that a request for a donation may suggest.
pub const MAX_SUGGESTIONS: usize = 6;

/// How often a request may be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// Once, whoever pays first.
    OneTime,
    /// Any number of times until it expires, if it does.
    Reusable,
    /// In parts, by whoever pays them, until all of its amount is paid.
    Parts,
}

/// What a payment is by its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaymentKind {
    /// Goods, services, or anything else.
    #[default]
    Standard,
    /// A bill.
    Invoice,
    /// A gift.
    Donation,
    /// An agent, who was given cash, pays a customer.
    TopUp,
    /// A customer pays an agent, who gives cash.
    Withdrawal,
    /// A market maker is paid in one currency and pays in another.
    Conversion,
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
    /// What kind of payment it is. A till asks for standard ones alone.
    pub kind: PaymentKind,
}

/// A part of a payment that its payee passes on in the same transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The wallet it is passed on to.
    pub wallet: WalletId,
    /// How much.
    pub amount: Amount,
}

/// What a market maker gives for what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The market maker's wallet that pays.
    pub source: WalletId,
    /// The payer's wallet that is paid.
    pub target: WalletId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: CurrencyCode,
}

/// What a request says that only some kinds of payment have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestDetail {
    /// Of a bill.
    Invoice {
        /// The bill's number in the payee's books.
        number: Reference,
        /// When it should be paid by. It can be paid later too, until it expires.
        due_at: Timestamp,
    },
    /// Of a donation.
    Donation {
        /// Amounts that the payer may choose from, or not.
        suggestions: Vec<Amount>,
    },
    /// Of a conversion.
    Conversion(Quote),
}

/// A request as its payee made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The one account that may pay it.
    pub payer: Option<AccountId>,
    /// What of each payment is passed on.
    pub splits: Box<[Split]>,
    /// What only its kind of payment has.
    pub detail: Option<Box<RequestDetail>>,
}

impl PaymentRequest {
    /// A request that says nothing but its terms.
    #[must_use]
    pub fn plain(terms: Terms, payee: WalletId, currency: CurrencyCode) -> Self {
        Self {
            terms,
            payee,
            currency,
            reference: None,
            description: None,
            payer: None,
            splits: Box::default(),
            detail: None,
        }
    }

    /// Whether it says more than a barcode of it can.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.terms.kind != PaymentKind::Standard
            || self.terms.usage == Usage::Parts
            || self.payer.is_some()
            || !self.splits.is_empty()
            || self.detail.is_some()
    }

    /// What is given for it, where it is a quote.
    #[must_use]
    pub fn quote(&self) -> Option<Quote> {
        match self.detail.as_deref() {
            Some(RequestDetail::Conversion(quote)) => Some(*quote),
            _ => None,
        }
    }

    /// Whether units may be set aside for it instead of being paid.
    #[must_use]
    pub fn can_be_held(&self) -> bool {
        self.splits.is_empty()
            && self.terms.usage != Usage::Parts
            && !matches!(
                self.terms.kind,
                PaymentKind::Conversion | PaymentKind::TopUp | PaymentKind::Withdrawal
            )
    }

    /// What must fit together in a request.
    pub(crate) fn is_consistent(&self) -> bool {
        let passed_on = self.splits.iter().fold(0_u64, |sum, split| sum.saturating_add(split.amount.get()));
        let are_splits_covered = self.splits.is_empty()
            || (self.terms.usage != Usage::Parts
                && self.splits.len() <= MAX_SPLITS
                && self.splits.iter().all(|split| split.wallet != self.payee)
                && self.terms.amount.is_some_and(|amount| passed_on <= amount.get()));
        let is_amount_there = self.terms.usage != Usage::Parts || self.terms.amount.is_some();
        let fits_kind = match (self.terms.kind, self.detail.as_deref()) {
            (PaymentKind::Standard | PaymentKind::TopUp | PaymentKind::Withdrawal, None) => true,
            (PaymentKind::Invoice, Some(RequestDetail::Invoice { .. })) => {
                self.terms.amount.is_some() && self.terms.usage != Usage::Reusable
            }
            (PaymentKind::Donation, Some(RequestDetail::Donation { suggestions })) => {
                suggestions.len() <= MAX_SUGGESTIONS && self.terms.amount.is_none()
            }
            (PaymentKind::Conversion, Some(RequestDetail::Conversion(quote))) => {
                self.terms.amount.is_some()
                    && self.terms.usage == Usage::OneTime
                    && self.splits.is_empty()
                    && self.payer.is_some()
                    && quote.currency != self.currency
            }
            _ => false,
        };
        are_splits_covered && is_amount_there && fits_kind && self.terms.till.is_none()
    }
}

impl Terms {
    /// Whether the request may be paid no longer at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
