//! What the operator says of a wallet: whether it takes part, and within which bounds.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_engine::EngineError;
use quittance_ledger::{Amount, Balances, Refusal, WalletId, WalletSettings, Zone};
use serde::Deserialize;

use super::Answer;
use super::limits::NewLimits;
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::strict::{Object, PathIds, optional_amount};
use crate::view::WalletView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Freeze {
    credits: Option<Credits>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Credits {
    Accept,
    Refuse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSettings {
    #[serde(default, deserialize_with = "optional_amount")]
    overdraft: Option<Amount>,
    #[serde(default, deserialize_with = "optional_amount")]
    ceiling: Option<Amount>,
    limits: Option<Object<NewLimits>>,
    time_zone: Option<Zone>,
}

pub(super) async fn freeze(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<WalletView>> {
    asked.caller.operator()?;
    let wallet = ids.get("wallet")?;
    // All of the body may be left out, and so may the body.
    let credits = if asked.body.is_empty() {
        asked.no_query().map(|()| None)?
    } else {
        asked.json::<Freeze>()?.credits
    };
    let wallet = app.engine.freeze_wallet(wallet, credits == Some(Credits::Refuse)).await?;
    Ok(Json(WalletView::new(&app.engine, &wallet)?))
}

pub(super) async fn unfreeze(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<WalletView>> {
    asked.caller.operator()?;
    asked.nothing()?;
    let wallet = app.engine.unfreeze_wallet(ids.get("wallet")?).await?;
    Ok(Json(WalletView::new(&app.engine, &wallet)?))
}

pub(super) async fn configure(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<WalletView>> {
    asked.caller.operator()?;
    let wallet: WalletId = ids.get("wallet")?;
    let NewSettings { overdraft, ceiling, limits, time_zone } = asked.json_with(&["limits"])?;
    let limits = limits.map(|Object(limits)| limits.into_limits()).unwrap_or_default();
    let settings = WalletSettings { overdraft, ceiling, limits, zone: time_zone };
    match app.engine.configure_wallet(wallet, settings).await {
        Ok(wallet) => Ok(Json(WalletView::new(&app.engine, &wallet)?)),
        Err(EngineError::Refused(Refusal::BalanceOutOfBounds)) => {
            let known = app.engine.wallet(quittance_engine::Party::Operator, wallet).await?;
            Err(Problem::from(Refusal::BalanceOutOfBounds).at(bound_that_is_hit(known.balances())))
        }
        Err(error) => Err(error.into()),
    }
}

/// What is below zero by what is not set aside needs its overdraft; whatever else is out of bounds is too much.
const fn bound_that_is_hit(balances: Balances) -> &'static str {
    if balances.available < 0 { "/overdraft" } else { "/ceiling" }
}
