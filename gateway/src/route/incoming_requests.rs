//! Requests that were sent to the account that is to pay them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_engine::{EngineError, Party};
use quittance_journal::Position;
use quittance_ledger::Refusal;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::transfers::page_limit;
use crate::app::App;
use crate::auth::Asked;
use crate::strict::PathIds;
use crate::view::RequestView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u16>,
    before: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Requests {
    requests: Vec<RequestView>,
    next: Option<String>,
}

pub(super) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Answer<Json<Requests>> {
    let account = asked.caller.device()?.account;
    let viewer = Party::Account(account);
    let page: Page = asked.query()?;
    let (limit, before) = (page_limit(page.limit)?, page.before.map(Position::new));
    let (sent, next) = app.read(move |engine| engine.incoming_requests(account, before, limit)).await??;
    let mut requests = Vec::with_capacity(sent.len());
    for request in sent {
        match app.engine.asked_of(account, request.payee, request.terms.request).await {
            Ok(state) => requests.push(RequestView::new(&app.engine, viewer, &state)?),
            // Long over, and forgotten by its wallet.
            Err(EngineError::Refused(Refusal::RequestUnknown)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Json(Requests { requests, next: next.map(|position| position.to_string()) }))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<RequestView>> {
    let account = asked.caller.device()?.account;
    asked.nothing()?;
    let (wallet, request) = (ids.get("wallet")?, ids.get("request")?);
    let state = app.engine.asked_of(account, wallet, request).await?;
    Ok(Json(RequestView::new(&app.engine, Party::Account(account), &state)?))
}
