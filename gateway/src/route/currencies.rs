//! Currencies.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_ledger::{Currency, CurrencyCode, CurrencyError};
use serde::{Deserialize, Serialize};

use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::view::CurrencyView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCurrency {
    code: CurrencyCode,
    exponent: Option<u8>,
}

#[derive(Serialize)]
pub(super) struct Currencies {
    currencies: Vec<CurrencyView>,
}

pub(super) async fn register(State(app): State<Arc<App>>, asked: Asked) -> Answer<Created<CurrencyView>> {
    asked.caller.operator()?;
    let new: NewCurrency = asked.json()?;
    let currency = Currency::new(new.code, new.exponent).map_err(|error| {
        let field = match error {
            CurrencyError::Unknown => "/code",
            CurrencyError::ExponentMissing
            | CurrencyError::ExponentTooLarge
            | CurrencyError::ExponentDiffers(_) => "/exponent",
        };
        let why = match error {
            CurrencyError::ExponentMissing => {
                "a private currency needs an exponent: send how many decimals its major unit has, 0 to 12"
                    .to_owned()
            }
            other => other.to_string(),
        };
        Problem::field_invalid(field.to_owned(), &why)
    })?;
    let issuer = app.engine.register_currency(currency).await?;
    Ok(created(CurrencyView::new(&currency, issuer)))
}

pub(super) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Answer<Json<Currencies>> {
    asked.nothing()?;
    let currencies = app.engine.currencies().await?;
    let currencies =
        currencies.iter().map(|(currency, issuer)| CurrencyView::new(currency, *issuer)).collect();
    Ok(Json(Currencies { currencies }))
}
