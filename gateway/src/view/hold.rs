//! Holds.

use quittance_engine::{Engine, HoldRecord, Party};
use quittance_ledger::{
    Amount, CurrencyCode, HoldStatus, Name, PaymentRequestId, Purpose, TransferId, WalletId,
};
use serde::Serialize;

use super::{Instant, TransferView, display, known_currency};
use crate::problem::Problem;

#[derive(Serialize)]
pub(crate) struct HoldView {
    id: TransferId,
    status: HoldStatusView,
    amount: Amount,
    /// None where it is no longer known.
    captured: Option<u64>,
    remaining: u64,
    currency: CurrencyCode,
    display: String,
    payer: WalletId,
    payee: WalletId,
    payee_name: Option<Name>,
    request: Option<PaymentRequestId>,
    expires_at: Option<Instant>,
    transfer: TransferView,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum HoldStatusView {
    Open,
    Captured,
    Released,
    Expired,
    Forgotten,
}

impl HoldView {
    pub(crate) fn new(engine: &Engine, viewer: Party, hold: &HoldRecord) -> Result<Self, Problem> {
        let placed = &hold.placed.transfer;
        let currency = known_currency(engine, placed.first.currency)?;
        let (request, until) = match &placed.first.purpose {
            Purpose::Hold { terms, until } => (Some(terms.request), Some(*until)),
            _ => (None, None),
        };
        let status = match hold.state.map(|state| state.status) {
            Some(HoldStatus::Open) => HoldStatusView::Open,
            Some(HoldStatus::Captured) => HoldStatusView::Captured,
            Some(HoldStatus::Released) => HoldStatusView::Released,
            Some(HoldStatus::Expired) => HoldStatusView::Expired,
            None => HoldStatusView::Forgotten,
        };
        Ok(Self {
            id: placed.id,
            status,
            amount: placed.first.amount,
            captured: hold.state.map(|state| state.captured),
            remaining: hold.state.map_or(0, |state| state.remaining()),
            currency: placed.first.currency,
            display: display(&currency, placed.first.amount),
            payer: placed.first.payer,
            payee: placed.first.payee,
            payee_name: engine.owner_name(placed.first.payee),
            request,
            expires_at: until.map(Instant),
            transfer: TransferView::new(engine, viewer, &hold.placed)?,
        })
    }
}
