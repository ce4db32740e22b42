//! Payment requests.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_engine::NewPaymentRequest;
use quittance_ledger::{Amount, CurrencyCode, Description, PaymentRequestId, Reference, Timestamp, Usage};
use serde::Deserialize;

use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::Asked;
use crate::strict::{PathIds, optional_amount, optional_instant};
use crate::view::RequestView;

/// For how long a one-time request may be paid where its payee does not say.
const ONE_TIME_LIFETIME_MS: u64 = 15 * 60 * 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRequest {
    id: Option<PaymentRequestId>,
    #[serde(default, deserialize_with = "optional_amount")]
    amount: Option<Amount>,
    currency: CurrencyCode,
    usage: Option<Usage>,
    #[serde(default, deserialize_with = "optional_instant")]
    expires_at: Option<Timestamp>,
    reference: Option<Reference>,
    description: Option<Description>,
}

pub(super) async fn open(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Created<RequestView>> {
    let wallet = ids.get("wallet")?;
    let new: NewRequest = asked.json()?;
    let usage = new.usage.unwrap_or(Usage::OneTime);
    let expires_at = match (usage, new.expires_at) {
        (Usage::OneTime, None) => Some(app.engine.now().plus_millis(ONE_TIME_LIFETIME_MS)),
        (Usage::OneTime | Usage::Reusable, given) => given,
    };
    let request = NewPaymentRequest {
        id: new.id,
        wallet,
        amount: new.amount,
        currency: new.currency,
        usage,
        expires_at,
        reference: new.reference,
        description: new.description,
    };
    let state = app.engine.open_request(asked.caller.party(), request).await?;
    Ok(created(RequestView::new(&app.engine, &state)?))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<RequestView>> {
    asked.nothing()?;
    let (wallet, request) = (ids.get("wallet")?, ids.get("request")?);
    let state = app.engine.request(asked.caller.party(), wallet, request).await?;
    Ok(Json(RequestView::new(&app.engine, &state)?))
}

pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<RequestView>> {
    asked.nothing()?;
    let (wallet, request) = (ids.get("wallet")?, ids.get("request")?);
    let state = app.engine.cancel_request(asked.caller.party(), wallet, request).await?;
    Ok(Json(RequestView::new(&app.engine, &state)?))
}
