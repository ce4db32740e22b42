//! Transfers, leg by leg, as each party may see them.
//!
//! The operator and the account whose device asked see all of a transfer. Another party sees the legs that one of its wallets
//! pays or is paid by, and neither whose device asked nor why a transfer was refused: what else was to be paid together with it
//! is nothing to it.

use quittance_engine::{Engine, Party, TransferRecord};
use quittance_ledger::{
    AccountId, Amount, Authority, CurrencyCode, Description, DeviceId, Leg, LegId, Name, PaymentKind,
    PaymentRequestId, Purpose, Reference, Transfer, TransferId, WalletId,
};
use serde::Serialize;

use super::{Instant, display, known_currency};
use crate::problem::Problem;

#[derive(Serialize)]
pub(crate) struct TransferView {
    id: TransferId,
    status: TransferStatus,
    refusal: Option<RefusalView>,
    position: u64,
    at: Instant,
    /// The first leg that is seen.
    #[serde(flatten)]
    first: LegView,
    legs: Vec<NumberedLeg>,
    reason: Option<Description>,
    by: AuthorityView,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum TransferStatus {
    Settled,
    Refused,
}

#[derive(Serialize)]
struct RefusalView {
    r#type: String,
    title: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct NumberedLeg {
    leg: u8,
    #[serde(flatten)]
    moved: LegView,
}

#[derive(Serialize)]
struct LegView {
    purpose: PurposeView,
    kind: Option<PaymentKind>,
    payer: WalletId,
    payee: WalletId,
    payer_name: Option<Name>,
    payee_name: Option<Name>,
    amount: Amount,
    currency: CurrencyCode,
    display: String,
    request: Option<PaymentRequestId>,
    reference: Option<Reference>,
    related: Option<LegId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum PurposeView {
    Issue,
    Redemption,
    Payment,
    Hold,
    Capture,
    Refund,
    Reversal,
    Fee,
    Split,
    Conversion,
    Adjustment,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum AuthorityView {
    Operator,
    Device {
        #[serde(flatten)]
        who: Option<DeviceName>,
    },
}

#[derive(Serialize)]
struct DeviceName {
    account: AccountId,
    device: DeviceId,
}

impl PurposeView {
    /// The purpose's name, and the leg that it is about.
    const fn of(purpose: &Purpose) -> (Self, Option<LegId>) {
        match purpose {
            Purpose::Issue => (Self::Issue, None),
            Purpose::Redemption => (Self::Redemption, None),
            Purpose::Payment(_) => (Self::Payment, None),
            Purpose::Hold { .. } => (Self::Hold, None),
            Purpose::Capture { hold, .. } => (Self::Capture, Some(LegId { transfer: *hold, leg: 0 })),
            Purpose::Refund(original) => (Self::Refund, Some(original.id)),
            Purpose::Reversal(original) => (Self::Reversal, Some(original.id)),
            Purpose::Fee => (Self::Fee, None),
            Purpose::Split => (Self::Split, None),
            Purpose::Conversion => (Self::Conversion, None),
            Purpose::Adjustment => (Self::Adjustment, None),
        }
    }
}

impl LegView {
    fn new(engine: &Engine, leg: &Leg) -> Result<Self, Problem> {
        let currency = known_currency(engine, leg.currency)?;
        let (purpose, related) = PurposeView::of(&leg.purpose);
        let terms = leg.purpose.terms();
        Ok(Self {
            purpose,
            kind: terms.map(|terms| terms.kind),
            payer: leg.payer,
            payee: leg.payee,
            payer_name: engine.owner_name(leg.payer),
            payee_name: engine.owner_name(leg.payee),
            amount: leg.amount,
            currency: leg.currency,
            display: display(&currency, leg.amount),
            request: terms.map(|terms| terms.request),
            reference: leg.reference,
            related,
        })
    }
}

/// Whether a party asked for a transfer, or is the operator.
fn is_told_all(viewer: Party, transfer: &Transfer) -> bool {
    match (viewer, transfer.authority) {
        (Party::Operator, _) => true,
        (Party::Account(account), Authority::Device { account: asker, .. }) => account == asker,
        (Party::Account(_), Authority::Operator) => false,
    }
}

impl TransferView {
    pub(crate) fn new(engine: &Engine, viewer: Party, record: &TransferRecord) -> Result<Self, Problem> {
        let transfer = &record.transfer;
        let is_own = |wallet| match viewer {
            Party::Operator => true,
            Party::Account(account) => engine.owner(wallet) == Some(account),
        };
        let sees_all = is_told_all(viewer, transfer);
        let refusal = record.refusal.map(|refusal| {
            let problem = if sees_all { Problem::from(refusal) } else { Problem::transfer_refused() };
            RefusalView {
                r#type: problem.kind(),
                title: problem.title(),
                detail: problem.detail().to_owned(),
            }
        });
        let seen =
            record.numbered_legs().filter(|(_, leg)| sees_all || is_own(leg.payer) || is_own(leg.payee));
        let seen: Vec<(u8, &Leg)> = seen.collect();
        // Whoever has no part in it is not told that there is such a transfer.
        let (_, first) = seen.first().ok_or_else(Problem::transfer_unknown)?;
        let numbered =
            |(number, leg): &(u8, &Leg)| Ok(NumberedLeg { leg: *number, moved: LegView::new(engine, leg)? });
        Ok(Self {
            id: transfer.id,
            status: if refusal.is_some() { TransferStatus::Refused } else { TransferStatus::Settled },
            refusal,
            position: record.position.get(),
            at: Instant(record.at),
            first: LegView::new(engine, first)?,
            legs: seen.iter().map(numbered).collect::<Result<_, Problem>>()?,
            reason: transfer.reason.as_deref().copied(),
            by: match transfer.authority {
                Authority::Operator => AuthorityView::Operator,
                Authority::Device { account, device } => {
                    AuthorityView::Device { who: sees_all.then_some(DeviceName { account, device }) }
                }
            },
        })
    }
}
