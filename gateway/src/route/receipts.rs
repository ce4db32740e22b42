//! Receipts, and the heads of the journal that they rest on: proofs for whoever does not want to trust the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use quittance_journal::{ConsistencyProof, SignedHead};
use serde::Deserialize;

use super::Answer;
use crate::app::App;
use crate::auth::{Asked, bare, no_body};
use crate::problem::Problem;
use crate::receipt::{SignerKey, TransferReceipt};
use crate::strict::{PathIds, read_query};
use crate::turns::Party;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Heads {
    from: u64,
    to: u64,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<TransferReceipt>> {
    asked.nothing()?;
    let (party, id) = (asked.caller.party(), ids.get("transfer")?);
    let found = app.read(move |engine| engine.receipt(party, id)).await??;
    let found = found.ok_or_else(Problem::transfer_unknown)?;
    let signer = found.signer.as_ref().map(SignerKey::new);
    Ok(Json(TransferReceipt { receipt: found.receipt, signer }))
}

pub(super) async fn latest_head(State(app): State<Arc<App>>, request: Request) -> Answer<Json<SignedHead>> {
    bare(&request)?;
    let _turn = app.turns.take(Party::Strangers).await?;
    Ok(Json(app.read(quittance_engine::Engine::signed_head).await?))
}

pub(super) async fn consistency(
    State(app): State<Arc<App>>,
    request: Request,
) -> Answer<Json<ConsistencyProof>> {
    no_body(&request)?;
    let Heads { from, to } = read_query(request.uri())?;
    let _turn = app.turns.take(Party::Strangers).await?;
    let known = app.engine.signed_head().head.blocks;
    if to > known {
        let why = format!("the journal has {known} blocks: send at most that");
        return Err(Problem::field_invalid("to".to_owned(), &why));
    }
    if from == 0 || from > to {
        return Err(Problem::field_invalid(
            "from".to_owned(),
            "not from 1 to `to`: send how many blocks the older head has",
        ));
    }
    Ok(Json(app.read(move |engine| engine.consistency(from, to)).await??))
}
