//! Adjustments: the operator moves units between wallets, all of it or none.

use std::sync::Arc;

use axum::extract::State;
use quittance_engine::{AdjustmentLeg, AdjustmentOrder, Engine, EngineError, Party};
use quittance_ledger::{
    Amount, CurrencyCode, Description, MAX_ASKED_LEGS, Reference, Refusal, TransferId, WalletId,
};
use serde::Deserialize;

use super::transfers::settled;
use super::{Answer, Created, pointed};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::strict::{List, Object, amount};
use crate::view::TransferView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAdjustment {
    id: TransferId,
    legs: List<Object<NewLeg>, MAX_ASKED_LEGS>,
    reason: Description,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLeg {
    payer: WalletId,
    payee: WalletId,
    #[serde(deserialize_with = "amount")]
    amount: Amount,
    currency: CurrencyCode,
    reference: Option<Reference>,
}

impl NewLeg {
    const fn into_leg(Object(new): Object<Self>) -> AdjustmentLeg {
        let Self { payer, payee, amount, currency, reference } = new;
        AdjustmentLeg { payer, payee, amount, currency, reference }
    }
}

pub(super) async fn adjust(State(app): State<Arc<App>>, asked: Asked) -> Answer<Created<TransferView>> {
    asked.caller.operator()?;
    let NewAdjustment { id, legs: List(legs), reason } = asked.json_with(&["legs"])?;
    if legs.is_empty() {
        return Err(Problem::field_invalid("/legs".to_owned(), "the list is empty: send 1 to 16"));
    }
    let legs: Vec<AdjustmentLeg> = legs.into_iter().map(NewLeg::into_leg).collect();
    let answer = app.engine.adjust(AdjustmentOrder { id, legs: legs.clone(), reason }).await;
    let refusal = match &answer {
        Ok(record) => record.refusal,
        Err(EngineError::Refused(refusal)) => Some(*refusal),
        Err(_) => None,
    };
    let place = match refusal {
        Some(refusal) => leg_at_fault(&app.engine, &legs, refusal).await,
        None => None,
    };
    let place = place.unwrap_or_else(|| "/legs".to_owned());
    settled(&app, Party::Operator, answer, |error| pointed(error, &["/id"], place.clone()))
}

/// Where the body names what was refused, as far as the wallets tell.
async fn leg_at_fault(engine: &Engine, legs: &[AdjustmentLeg], refusal: Refusal) -> Option<String> {
    for (index, leg) in legs.iter().enumerate() {
        if refusal == Refusal::SelfPayment && leg.payer == leg.payee {
            return Some(format!("/legs/{index}/payee"));
        }
        for (wallet, member) in [(leg.payer, "payer"), (leg.payee, "payee")] {
            let is_at_fault = match (refusal, engine.wallet(Party::Operator, wallet).await) {
                (Refusal::WalletUnknown, known) => known.is_err(),
                (Refusal::PayerCurrencyDiffers | Refusal::PayeeCurrencyDiffers, Ok(known)) => {
                    known.currency != leg.currency
                }
                (Refusal::PayerClosed | Refusal::PayeeClosed, Ok(known)) => {
                    known.status == quittance_ledger::WalletStatus::Closed
                }
                _ => false,
            };
            if is_at_fault {
                return Some(format!("/legs/{index}/{member}"));
            }
        }
    }
    None
}
