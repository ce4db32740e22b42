//! The limits of an account over all its wallets of a currency.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_ledger::{AccountId, Amount, CurrencyCode, Limits, Refusal};
use serde::Deserialize;

use super::{Answer, unknown_currency};
use crate::app::App;
use crate::auth::Asked;
use crate::strict::{PathIds, optional_amount};
use crate::view::AllowanceView;

/// Limits as bodies have them; what is left out is not limited.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLimits {
    #[serde(default, deserialize_with = "optional_amount")]
    per_payment: Option<Amount>,
    #[serde(default, deserialize_with = "optional_amount")]
    per_day: Option<Amount>,
    #[serde(default, deserialize_with = "optional_amount")]
    per_month: Option<Amount>,
}

impl NewLimits {
    pub(super) const fn into_limits(self) -> Limits {
        let Self { per_payment, per_day, per_month } = self;
        Limits { per_payment, per_day, per_month }
    }
}

pub(super) async fn set(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<AllowanceView>> {
    asked.caller.operator()?;
    let (account, currency): (AccountId, CurrencyCode) = (ids.get("account")?, ids.get("currency")?);
    let new: NewLimits = asked.json()?;
    let allowance = app.engine.limit_account(account, currency, new.into_limits()).await;
    let allowance = allowance.map_err(|error| unknown_currency(error, "currency"))?;
    let day = app.engine.allowance_day(account, currency).await?;
    Ok(Json(AllowanceView::new(&allowance, day)))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<AllowanceView>> {
    asked.nothing()?;
    let (account, currency): (AccountId, CurrencyCode) = (ids.get("account")?, ids.get("currency")?);
    asked.caller.may_see(account)?;
    app.engine.account(account).await?;
    if app.engine.currency(currency).is_none() {
        return Err(unknown_currency(Refusal::CurrencyUnknown.into(), "currency"));
    }
    let allowance = app.engine.allowance(account, currency).await?;
    let day = app.engine.allowance_day(account, currency).await?;
    Ok(Json(AllowanceView::new(&allowance, day)))
}
