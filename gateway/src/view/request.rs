//! Payment requests.

use quittance_barcode::Rendering;
use quittance_engine::{Engine, Party, PaymentRequestState};
use quittance_ledger::{
    AccountId, Amount, CurrencyCode, Description, Name, PaymentKind, PaymentRequest, PaymentRequestId, Quote,
    Reference, RequestDetail, RequestStatus, Split, Timestamp, TransferId, Usage, WalletId,
};
use serde::Serialize;

use super::{Instant, Money, display, known_currency};
use crate::problem::Problem;

#[derive(Serialize)]
pub(crate) struct RequestView {
    id: PaymentRequestId,
    wallet: WalletId,
    payee_name: Option<Name>,
    amount: Option<Amount>,
    currency: CurrencyCode,
    display: Option<String>,
    expires_at: Option<Instant>,
    reference: Option<Reference>,
    description: Option<Description>,
    status: RequestStatusView,
    paid_by: Option<TransferId>,
    held_by: Option<TransferId>,
    #[serde(flatten)]
    more: MoreView,
    quote: Option<RequestQuote>,
    barcode: RequestBarcode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum RequestStatusView {
    Open,
    PartlyPaid,
    Paid,
    Held,
    Overdue,
    Cancelled,
    Expired,
}

#[derive(Serialize)]
struct RequestBarcode {
    text: String,
    qr_version: i16,
}

/// What a request says that its barcode may not say.
#[derive(Serialize)]
pub(crate) struct MoreView {
    kind: PaymentKind,
    usage: Usage,
    payer: Option<AccountId>,
    paid: u64,
    remaining: Option<u64>,
    splits: Vec<Split>,
    invoice: Option<InvoiceView>,
    suggestions: Vec<Amount>,
}

/// What is said of a bill.
#[derive(Serialize)]
pub(crate) struct InvoiceView {
    pub(crate) number: Reference,
    pub(crate) due_at: Instant,
}

impl InvoiceView {
    pub(crate) fn of(request: &PaymentRequest) -> Option<Self> {
        match request.detail.as_deref() {
            Some(RequestDetail::Invoice { number, due_at }) => {
                Some(Self { number: *number, due_at: Instant(*due_at) })
            }
            Some(RequestDetail::Donation { .. } | RequestDetail::Conversion(_)) | None => None,
        }
    }
}

impl MoreView {
    pub(crate) fn new(state: &PaymentRequestState) -> Self {
        let PaymentRequestState { request, paid, .. } = state;
        let suggestions = match request.detail.as_deref() {
            Some(RequestDetail::Donation { suggestions }) => suggestions.clone(),
            Some(RequestDetail::Invoice { .. } | RequestDetail::Conversion(_)) | None => Vec::new(),
        };
        Self {
            kind: request.terms.kind,
            usage: request.terms.usage,
            payer: request.payer,
            paid: *paid,
            remaining: remaining(state),
            splits: request.splits.to_vec(),
            invoice: InvoiceView::of(request),
            suggestions,
        }
    }
}

/// What is left to pay, in minor units; none where the payer says how much, or it may be paid any number of times.
pub(crate) fn remaining(state: &PaymentRequestState) -> Option<u64> {
    let terms = &state.request.terms;
    match terms.usage {
        Usage::OneTime | Usage::Parts => terms.amount.map(|amount| amount.get().saturating_sub(state.paid)),
        Usage::Reusable => None,
    }
}

/// What is given for a request that is a quote.
#[derive(Serialize)]
struct RequestQuote {
    giver: WalletId,
    to: WalletId,
    get: Money,
}

impl RequestQuote {
    fn new(engine: &Engine, quote: &Quote) -> Result<Self, Problem> {
        let Quote { source, target, amount, currency } = *quote;
        Ok(Self { giver: source, to: target, get: Money::new(engine, amount, currency)? })
    }
}

fn status(state: &PaymentRequestState, now: Timestamp) -> RequestStatusView {
    match state.status {
        RequestStatus::Paid(_) => RequestStatusView::Paid,
        RequestStatus::Held(_) => RequestStatusView::Held,
        RequestStatus::Cancelled => RequestStatusView::Cancelled,
        RequestStatus::Open if state.request.terms.is_expired(now) => RequestStatusView::Expired,
        RequestStatus::Open if InvoiceView::of(&state.request).is_some_and(|bill| bill.due_at.0 <= now) => {
            RequestStatusView::Overdue
        }
        RequestStatus::Open if state.paid > 0 => RequestStatusView::PartlyPaid,
        RequestStatus::Open => RequestStatusView::Open,
    }
}

impl RequestView {
    /// What the payment is for is the payee's own note.
    pub(crate) fn new(engine: &Engine, viewer: Party, state: &PaymentRequestState) -> Result<Self, Problem> {
        let request = &state.request;
        let is_payees = match viewer {
            Party::Operator => true,
            Party::Account(account) => engine.owner(request.payee) == Some(account),
        };
        let terms = &request.terms;
        let currency = known_currency(engine, request.currency)?;
        let text = engine.barcode_of(request)?;
        let qr_version = Rendering::default().version(&text)?;
        let (paid_by, held_by) = match state.status {
            RequestStatus::Paid(transfer) => (Some(transfer), None),
            RequestStatus::Held(transfer) => (None, Some(transfer)),
            RequestStatus::Cancelled | RequestStatus::Open => (None, None),
        };
        Ok(Self {
            id: terms.request,
            wallet: request.payee,
            payee_name: engine.owner_name(request.payee),
            amount: terms.amount,
            currency: request.currency,
            display: terms.amount.map(|amount| display(&currency, amount)),
            expires_at: terms.expires_at.map(Instant),
            reference: request.reference,
            description: request.description.filter(|_| is_payees),
            status: status(state, engine.now()),
            paid_by,
            held_by,
            more: MoreView::new(state),
            quote: request.quote().map(|quote| RequestQuote::new(engine, &quote)).transpose()?,
            barcode: RequestBarcode { text, qr_version },
        })
    }
}

#[cfg(test)]
mod tests {
    use quittance_ledger::Terms;

    use super::*;

    const DUE: Timestamp = Timestamp::from_secs(2_000);

    fn invoice(paid: u64, status: RequestStatus) -> PaymentRequestState {
        let terms = Terms {
            request: "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b".parse().unwrap(),
            amount: Some(Amount::new(100).unwrap()),
            usage: Usage::Parts,
            expires_at: Some(Timestamp::from_secs(3_000)),
            till: None,
            kind: PaymentKind::Invoice,
        };
        let payee = WalletId::from_bytes([1; 16]).unwrap();
        let mut request = PaymentRequest::plain(terms, payee, "EUR".parse().unwrap());
        let number = "INV-1".parse().unwrap();
        request.detail = Some(Box::new(RequestDetail::Invoice { number, due_at: DUE }));
        PaymentRequestState { request, status, paid }
    }

    #[test]
    fn a_status_says_what_its_payee_has_to_look_after() {
        use RequestStatusView as S;
        let transfer = "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5c".parse().unwrap();
        for (paid, state, at, shown) in [
            (0, RequestStatus::Open, 1_999, S::Open),
            (40, RequestStatus::Open, 1_999, S::PartlyPaid),
            (40, RequestStatus::Open, 2_000, S::Overdue),
            (40, RequestStatus::Open, 3_000, S::Expired),
            (100, RequestStatus::Paid(transfer), 3_000, S::Paid),
            (100, RequestStatus::Held(transfer), 3_000, S::Held),
            (0, RequestStatus::Cancelled, 3_000, S::Cancelled),
        ] {
            assert_eq!(status(&invoice(paid, state), Timestamp::from_secs(at)), shown, "{paid} at {at}");
        }
        let more = serde_json::to_value(MoreView::new(&invoice(40, RequestStatus::Open))).unwrap();
        assert_eq!((&more["remaining"], &more["usage"]), (&60.into(), &"parts".into()));
        assert_eq!(more["invoice"]["due_at"], "1970-01-01T00:33:20.000Z");
    }
}
