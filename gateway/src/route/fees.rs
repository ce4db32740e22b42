//! Fees: what the operator takes of payments in a currency, or into a wallet.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use quittance_engine::EngineError;
use quittance_ledger::{FeeRule, FeeScope, MAX_AMOUNT, MAX_BASIS_POINTS, Refusal, WalletId};
use serde::{Deserialize, Serialize};

use super::{Answer, unknown_currency};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::strict::PathIds;
use crate::view::FeeView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFee {
    fixed: Option<u64>,
    basis_points: Option<u16>,
    minimum: Option<u64>,
    maximum: Option<u64>,
    collector: WalletId,
}

#[derive(Serialize)]
pub(super) struct Fees {
    fees: Vec<FeeView>,
}

impl NewFee {
    fn into_rule(self) -> Result<FeeRule, Problem> {
        let Self { fixed, basis_points, minimum, maximum, collector } = self;
        for (field, units) in [("/fixed", fixed), ("/minimum", minimum), ("/maximum", maximum)] {
            if units.is_some_and(|units| units > MAX_AMOUNT) {
                let why = format!("more than there can be: send at most {MAX_AMOUNT}");
                return Err(Problem::field_invalid(field.to_owned(), &why));
            }
        }
        let basis_points = basis_points.unwrap_or(0);
        if basis_points > MAX_BASIS_POINTS {
            let why = "more than all of the payment: send at most 10000";
            return Err(Problem::field_invalid("/basis_points".to_owned(), why));
        }
        let minimum = minimum.unwrap_or(0);
        if maximum.is_some_and(|maximum| maximum < minimum) {
            return Err(Problem::from(Refusal::FeeRuleInvalid).at("/minimum"));
        }
        Ok(FeeRule { fixed: fixed.unwrap_or(0), basis_points, minimum, maximum, collector })
    }
}

pub(super) async fn set_of_currency(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<FeeView>> {
    set(&app, &asked, || Ok(FeeScope::Currency(ids.get("currency")?))).await
}

pub(super) async fn set_of_wallet(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<FeeView>> {
    set(&app, &asked, || Ok(FeeScope::Wallet(ids.get("wallet")?))).await
}

async fn set(
    app: &App,
    asked: &Asked,
    scope: impl FnOnce() -> Result<FeeScope, Problem>,
) -> Answer<Json<FeeView>> {
    asked.caller.operator()?;
    let scope = scope()?;
    let rule = asked.json::<NewFee>()?.into_rule()?;
    app.engine.set_fee(scope, Some(rule)).await.map_err(problem)?;
    Ok(Json(FeeView::new(scope, &rule)))
}

pub(super) async fn remove_of_currency(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<StatusCode> {
    remove(&app, &asked, || Ok(FeeScope::Currency(ids.get("currency")?))).await
}

pub(super) async fn remove_of_wallet(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<StatusCode> {
    remove(&app, &asked, || Ok(FeeScope::Wallet(ids.get("wallet")?))).await
}

async fn remove(
    app: &App,
    asked: &Asked,
    scope: impl FnOnce() -> Result<FeeScope, Problem>,
) -> Answer<StatusCode> {
    asked.caller.operator()?;
    asked.nothing()?;
    app.engine.set_fee(scope()?, None).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Answer<Json<Fees>> {
    asked.caller.operator()?;
    asked.nothing()?;
    let fees = app.engine.fees().await?;
    Ok(Json(Fees { fees: fees.iter().map(|(scope, rule)| FeeView::new(*scope, rule)).collect() }))
}

fn problem(error: EngineError) -> Problem {
    unknown_currency(error, "currency")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_within_its_bounds() {
        let rule = |change: fn(&mut NewFee)| {
            let collector = WalletId::from_bytes([1; 16]).unwrap();
            let mut new = NewFee { fixed: None, basis_points: None, minimum: None, maximum: None, collector };
            change(&mut new);
            new.into_rule()
        };
        assert_eq!(
            rule(|_| ()).map(|rule| (rule.fixed, rule.basis_points, rule.maximum)).unwrap(),
            (0, 0, None)
        );
        for (change, field) in [
            ((|new| new.fixed = Some(MAX_AMOUNT + 1)) as fn(&mut NewFee), "/fixed"),
            (|new| new.maximum = Some(u64::MAX), "/maximum"),
            (|new| new.basis_points = Some(10_001), "/basis_points"),
            (
                |new| {
                    new.minimum = Some(2);
                    new.maximum = Some(1);
                },
                "/minimum",
            ),
        ] {
            assert_eq!(rule(change).unwrap_err().field(), Some(field));
        }
    }
}
