//! Wallets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_ledger::{AccountId, CurrencyCode, Name, WalletId};
use serde::{Deserialize, Serialize};

use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::Asked;
use crate::strict::PathIds;
use crate::view::WalletView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWallet {
    id: Option<WalletId>,
    account: Option<AccountId>,
    currency: CurrencyCode,
    name: Option<Name>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhoseWallets {
    account: Option<AccountId>,
}

#[derive(Serialize)]
pub(super) struct Wallets {
    wallets: Vec<WalletView>,
}

pub(super) async fn open(State(app): State<Arc<App>>, asked: Asked) -> Answer<Created<WalletView>> {
    let new: NewWallet = asked.json()?;
    let account = asked.caller.account(new.account, "/account")?;
    let wallet = app.engine.open_wallet(account, new.id, new.currency, new.name).await?;
    Ok(created(WalletView::new(&app.engine, &wallet)?))
}

pub(super) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Answer<Json<Wallets>> {
    let whose: WhoseWallets = asked.query()?;
    let account = asked.caller.account(whose.account, "account")?;
    let wallets = app.engine.wallets_of(account).await?;
    let wallets =
        wallets.iter().map(|wallet| WalletView::new(&app.engine, wallet)).collect::<Result<_, _>>()?;
    Ok(Json(Wallets { wallets }))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<WalletView>> {
    asked.nothing()?;
    let wallet = app.engine.wallet(asked.caller.party(), ids.get("wallet")?).await?;
    Ok(Json(WalletView::new(&app.engine, &wallet)?))
}

pub(super) async fn close(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<WalletView>> {
    asked.nothing()?;
    let wallet = app.engine.close_wallet(asked.caller.party(), ids.get("wallet")?).await?;
    Ok(Json(WalletView::new(&app.engine, &wallet)?))
}
