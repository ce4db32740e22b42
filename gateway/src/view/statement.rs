//! Lines of statements: what a transfer did to one wallet, leg by leg.

use quittance_engine::{Engine, StatementLine};
use quittance_ledger::{Currency, CurrencyCode, Leg, PaymentKind, Purpose, TransferId, WalletId};
use quittance_statement::{Direction, Line, LineKind, LineObject};
use serde::Serialize;

use super::{Instant, display};
use crate::problem::Problem;

/// The movements of a wallet that a transfer is, in the order of its legs. A hold moves nothing, nor does what was refused.
pub(crate) fn movements(engine: &Engine, wallet: WalletId, line: &StatementLine) -> Vec<Line> {
    let StatementLine { record, balance, at } = line;
    if record.refusal.is_some() {
        return Vec::new();
    }
    let moving = record.numbered_legs().filter_map(|(number, leg)| {
        let kind = line_kind(&leg.purpose)?;
        let direction = if leg.payee == wallet { Direction::Credit } else { Direction::Debit };
        (leg.payee == wallet || leg.payer == wallet).then_some((number, leg, kind, direction))
    });
    let change = |leg: &Leg, direction| {
        let amount = i64::try_from(leg.amount.get()).unwrap_or(i64::MAX);
        if direction == Direction::Credit { amount } else { amount.saturating_neg() }
    };
    let moving: Vec<_> = moving.collect();
    // What is kept of a transfer is the balance after all of it.
    let total = moving.iter().map(|(_, leg, _, direction)| change(leg, *direction));
    let mut reached = balance.saturating_sub(total.fold(0, i64::saturating_add));
    let mut lines = Vec::with_capacity(moving.len());
    for (number, leg, kind, direction) in moving {
        reached = reached.saturating_add(change(leg, direction));
        let counterparty = if direction == Direction::Credit { leg.payer } else { leg.payee };
        lines.push(Line {
            position: record.position.get(),
            leg: number,
            at: *at,
            transfer: record.transfer.id,
            kind,
            direction,
            amount: leg.amount,
            balance_after: reached,
            counterparty: Some(counterparty),
            counterparty_name: engine.owner_name(counterparty),
            reference: leg.reference,
            request: leg.purpose.terms().map(|terms| terms.request),
            related: related(&leg.purpose),
            note: record.transfer.reason.as_deref().copied(),
        });
    }
    lines
}

const fn line_kind(purpose: &Purpose) -> Option<LineKind> {
    Some(match purpose {
        Purpose::Issue => LineKind::Issue,
        Purpose::Redemption => LineKind::Redemption,
        Purpose::Payment(terms) => match terms.kind {
            PaymentKind::Standard | PaymentKind::Invoice | PaymentKind::Donation => LineKind::Payment,
            PaymentKind::TopUp => LineKind::TopUp,
            PaymentKind::Withdrawal => LineKind::Withdrawal,
            PaymentKind::Conversion => LineKind::Conversion,
        },
        Purpose::Hold { .. } => return None,
        Purpose::Capture { .. } => LineKind::Capture,
        Purpose::Refund(_) => LineKind::Refund,
        Purpose::Reversal(_) => LineKind::Reversal,
        Purpose::Fee => LineKind::Fee,
        Purpose::Split => LineKind::Split,
        Purpose::Conversion => LineKind::Conversion,
        Purpose::Adjustment => LineKind::Adjustment,
    })
}

const fn related(purpose: &Purpose) -> Option<TransferId> {
    match purpose {
        Purpose::Capture { hold, .. } => Some(*hold),
        Purpose::Refund(original) | Purpose::Reversal(original) => Some(original.id.transfer),
        _ => None,
    }
}

/// A page of a statement.
#[derive(Serialize)]
pub(crate) struct StatementView {
    pub(crate) wallet: WalletId,
    pub(crate) currency: CurrencyCode,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
    pub(crate) opening: i64,
    pub(crate) closing: i64,
    pub(crate) lines: Vec<LineView>,
    pub(crate) next: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct LineView {
    #[serde(flatten)]
    line: LineObject,
    display: String,
}

impl LineView {
    pub(crate) fn new(currency: &Currency, line: &Line) -> Result<Self, Problem> {
        let object = LineObject::of(line).map_err(|error| Problem::internal(&error))?;
        Ok(Self { line: object, display: display(currency, line.amount) })
    }
}

/// What a wallet held at an instant.
#[derive(Serialize)]
pub(crate) struct BalanceView {
    pub(crate) wallet: WalletId,
    pub(crate) currency: CurrencyCode,
    pub(crate) posted: i64,
    pub(crate) display: String,
    pub(crate) at: Instant,
}
