//! Accounts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_ledger::{AccountId, AccountKind, Name};
use serde::{Deserialize, Serialize};

use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::Asked;
use crate::strict::PathIds;
use crate::view::{AccountView, PairingView};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    id: Option<AccountId>,
    name: Name,
    kind: AccountKind,
}

#[derive(Serialize)]
pub(super) struct Opened {
    account: AccountView,
    pairing: PairingView,
}

pub(super) async fn open(State(app): State<Arc<App>>, asked: Asked) -> Answer<Created<Opened>> {
    asked.caller.operator()?;
    let new: NewAccount = asked.json()?;
    let (account, code) = app.engine.open_account(new.id, new.name, new.kind).await?;
    let pairing = PairingView::new(&app.engine, code)?;
    Ok(created(Opened { account: AccountView::new(&account), pairing }))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<AccountView>> {
    asked.nothing()?;
    let id = ids.get("account")?;
    asked.caller.may_see(id)?;
    let account = app.engine.account(id).await?;
    Ok(Json(AccountView::new(&account)))
}

pub(super) async fn issue_pairing_code(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Created<PairingView>> {
    asked.nothing()?;
    let id = ids.get("account")?;
    asked.caller.may_see(id)?;
    let code = app.engine.issue_pairing_code(id).await?;
    Ok(created(PairingView::new(&app.engine, code)?))
}

pub(super) async fn unlock(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<AccountView>> {
    asked.caller.operator()?;
    asked.nothing()?;
    let account = app.engine.unlock_pin(ids.get("account")?).await?;
    Ok(Json(AccountView::new(&account)))
}
