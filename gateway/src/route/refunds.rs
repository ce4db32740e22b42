//! What is given back of a transfer: by its payee, or by the operator, who can take all of it back.

use std::sync::Arc;

use axum::extract::State;
use quittance_engine::{EngineError, Party, Pin, RefundOrder, ReversalOrder};
use quittance_ledger::{Amount, Description, Reference, Refusal, Signature, TransferId};
use serde::Deserialize;

use super::movers::mover;
use super::transfers::settled;
use super::{Answer, Created, pointed};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::strict::{PathIds, optional_amount, optional_leg, optional_pin, optional_signature};
use crate::view::TransferView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    id: TransferId,
    #[serde(default, deserialize_with = "optional_amount")]
    amount: Option<Amount>,
    #[serde(default, deserialize_with = "optional_leg")]
    leg: Option<u8>,
    reference: Option<Reference>,
    #[serde(default, deserialize_with = "optional_pin")]
    pin: Option<Pin>,
    #[serde(default, deserialize_with = "optional_signature")]
    signature: Option<Signature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewReversal {
    id: TransferId,
    reason: Description,
}

pub(super) async fn refund(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Created<TransferView>> {
    let transfer = ids.get("transfer")?;
    let NewRefund { id, amount, leg, reference, pin, signature } = asked.json()?;
    let mover = mover(&asked.caller, pin.as_ref(), signature)?;
    let order = RefundOrder { id, transfer, leg, amount, reference };
    let answer = app.engine.refund(mover, order).await;
    settled(&app, asked.caller.party(), answer, |error| {
        refund_problem(error, leg.is_some(), amount.is_some())
    })
}

/// A refund of an amount that nobody said is of all that the leg paid.
fn refund_problem(error: EngineError, is_leg_named: bool, is_amount_said: bool) -> Problem {
    match error {
        EngineError::Refused(refusal @ Refusal::RefundExceedsTransfer) if !is_amount_said => {
            Problem::from(refusal).mended("send amount: what is left, under a new id")
        }
        EngineError::Refused(refusal @ Refusal::NotRefundable) if is_leg_named => {
            Problem::from(refusal).at("/leg")
        }
        error => pointed(error, &["/id", "/amount", "/pin"], "transfer"),
    }
}

pub(super) async fn reverse(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Created<TransferView>> {
    asked.caller.operator()?;
    let transfer = ids.get("transfer")?;
    let NewReversal { id, reason } = asked.json()?;
    let answer = app.engine.reverse(ReversalOrder { id, transfer, reason }).await;
    settled(&app, Party::Operator, answer, reversal_problem)
}

/// A reversal has no amount that could be less.
fn reversal_problem(error: EngineError) -> Problem {
    let is_partly_refunded = matches!(error, EngineError::Refused(Refusal::RefundExceedsTransfer));
    let problem = pointed(error, &["/id"], "transfer");
    if is_partly_refunded {
        problem.mended("refund the rest instead: POST its refunds, with amount")
    } else {
        problem
    }
}
