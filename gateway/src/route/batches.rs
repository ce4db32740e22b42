//! Batches: the operator moves units between many wallets in one request, each transfer for itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use quittance_engine::{EngineError, MAX_BATCH, MoveOrder, Moved};
use quittance_ledger::{Amount, CurrencyCode, Reference, TransferId, WalletId};
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::app::App;
use crate::auth::{Asked, Presented};
use crate::body::{MAX_BATCH_BYTES, MAX_JSON_BYTES};
use crate::problem::Problem;
use crate::strict::{List, Object, amount};
use crate::view::Instant;

/// Which members of the body are no plain values.
const NESTED: &[&str] = &["transfers"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBatch {
    transfers: List<Object<NewMove>, MAX_BATCH>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMove {
    id: TransferId,
    payer: WalletId,
    payee: WalletId,
    #[serde(deserialize_with = "amount")]
    amount: Amount,
    currency: CurrencyCode,
    reference: Option<Reference>,
}

#[derive(Serialize)]
pub(super) struct BatchView {
    results: Vec<ResultView>,
}

#[derive(Serialize)]
struct ResultView {
    id: TransferId,
    #[serde(flatten)]
    outcome: OutcomeView,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum OutcomeView {
    Settled { position: u64, at: Instant },
    Refused { position: u64, at: Instant, refusal: WhyView },
    Unrecorded { refusal: WhyView },
}

/// Why nothing moved.
#[derive(Serialize)]
struct WhyView {
    r#type: String,
    title: &'static str,
    detail: String,
    mend: String,
}

impl From<Problem> for WhyView {
    fn from(problem: Problem) -> Self {
        let (title, detail, mend) = (problem.title(), problem.detail().to_owned(), problem.mend().to_owned());
        Self { r#type: problem.kind(), title, detail, mend }
    }
}

pub(super) async fn move_together(State(app): State<Arc<App>>, request: Request) -> Answer<Json<BatchView>> {
    // A device may not ask this, and need not be listened to for longer than elsewhere.
    let is_operator = matches!(Presented::read(request.headers())?, Presented::Token(_));
    let max_bytes = if is_operator { MAX_BATCH_BYTES } else { MAX_JSON_BYTES };
    let asked = Asked::read(&app, request, max_bytes).await?;
    asked.caller.operator()?;
    let NewBatch { transfers: List(transfers) } = asked.json_with(NESTED)?;
    let party = asked.party();
    drop(asked);
    if transfers.is_empty() {
        return Err(Problem::field_invalid("/transfers".to_owned(), "the list is empty: send 1 to 8190"));
    }
    let orders: Vec<MoveOrder> = transfers.into_iter().map(|Object(new)| new.into_order()).collect();
    let busy = |_| Problem::overloaded("too many batches are under way");
    let _turn = app.batches.take(party).await.map_err(busy)?;
    let answers = app.engine.move_batch(&orders).await?;
    let results = orders.iter().zip(answers).map(|(order, answer)| result(order.id, answer));
    Ok(Json(BatchView { results: results.collect::<Result<_, _>>()? }))
}

impl NewMove {
    const fn into_order(self) -> MoveOrder {
        let Self { id, payer, payee, amount, currency, reference } = self;
        MoveOrder { id, payer, payee, amount, currency, reference }
    }
}

/// What came of one. Only a rule's no is told of one: what fails otherwise fails for all.
fn result(id: TransferId, answer: Result<Moved, EngineError>) -> Answer<ResultView> {
    let outcome = match answer {
        Ok(Moved { position, at, refusal }) => {
            let (position, at) = (position.get(), Instant(at));
            match refusal {
                None => OutcomeView::Settled { position, at },
                Some(refusal) => {
                    OutcomeView::Refused { position, at, refusal: Problem::from(refusal).into() }
                }
            }
        }
        Err(EngineError::Refused(refusal)) => {
            OutcomeView::Unrecorded { refusal: Problem::from(refusal).into() }
        }
        Err(error) => return Err(error.into()),
    };
    Ok(ResultView { id, outcome })
}

#[cfg(feature = "fuzzing")]
pub(super) fn read_batch(headers: &http::HeaderMap, body: &[u8]) -> Result<(), Problem> {
    crate::strict::read_json::<NewBatch>(headers, body, NESTED).map(drop)
}
