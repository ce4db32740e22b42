//! The routes, one resource a file. Each lets its caller in, reads what is asked, has the engine do it, and shows what
//! came of it.

mod accounts;
mod adjustments;
mod asks;
mod balances;
mod barcodes;
mod batches;
mod currencies;
mod devices;
mod events;
mod fault;
mod fees;
mod health;
mod holds;
mod incoming_requests;
mod keys;
mod limits;
mod movers;
mod page;
mod payment_requests;
mod rates;
mod receipts;
mod refunds;
mod snapshots;
mod statement_export;
mod statements;
#[cfg(test)]
mod tests;
mod till_certificates;
mod transfers;
mod wallet_settings;
mod wallets;

use std::sync::Arc;

use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use quittance_engine::EngineError;
use quittance_ledger::Refusal;
use serde::Serialize;

use crate::app::App;
use crate::problem::Problem;

/// What a route answers with.
type Answer<T> = Result<T, Problem>;

/// An answer that shows what was made.
type Created<T> = (StatusCode, Json<T>);

const fn created<T: Serialize>(view: T) -> Created<T> {
    (StatusCode::CREATED, Json(view))
}

/// An error whose refusal points at one of these fields of the route, or else at what the route is about.
fn pointed(
    error: EngineError,
    fields: &[&str],
    otherwise: impl Into<std::borrow::Cow<'static, str>>,
) -> Problem {
    match error {
        EngineError::Refused(refusal) => Problem::from(refusal).within(fields, otherwise),
        error => error.into(),
    }
}

/// An error of a route that has the currency in its path, where an unknown one is a thing that is not there.
fn unknown_currency(error: EngineError, part: &'static str) -> Problem {
    match error {
        EngineError::Refused(refusal @ Refusal::CurrencyUnknown) => {
            Problem::from(refusal).at(part).with_status(StatusCode::NOT_FOUND)
        }
        error => error.into(),
    }
}

/// Every route there is.
pub(crate) fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/v1/accounts", post(accounts::open))
        .route("/v1/accounts/{account}", get(accounts::show))
        .route("/v1/accounts/{account}/pairing-codes", post(accounts::issue_pairing_code))
        .route("/v1/accounts/{account}/unlock", post(accounts::unlock))
        .route("/v1/accounts/{account}/devices/{device}", delete(devices::revoke))
        .route("/v1/accounts/{account}/limits/{currency}", get(limits::show).put(limits::set))
        .route("/v1/devices", post(devices::pair))
        .route("/v1/currencies", post(currencies::register).get(currencies::list))
        .route("/v1/currencies/{currency}/fee", put(fees::set_of_currency).delete(fees::remove_of_currency))
        .route("/v1/fees", get(fees::list))
        .route("/v1/rates", get(rates::list))
        .route("/v1/rates/{from}/{to}", put(rates::set).delete(rates::remove))
        .route("/v1/quotes", post(rates::quote))
        .route("/v1/wallets", post(wallets::open).get(wallets::list))
        .route("/v1/balances", get(balances::show))
        .route("/v1/wallets/{wallet}", get(wallets::show).delete(wallets::close))
        .route("/v1/wallets/{wallet}/freeze", put(wallet_settings::freeze).delete(wallet_settings::unfreeze))
        .route("/v1/wallets/{wallet}/settings", put(wallet_settings::configure))
        .route("/v1/wallets/{wallet}/fee", put(fees::set_of_wallet).delete(fees::remove_of_wallet))
        .route("/v1/wallets/{wallet}/issues", post(transfers::issue))
        .route("/v1/wallets/{wallet}/redemptions", post(transfers::redeem))
        .route("/v1/wallets/{wallet}/transfers", get(transfers::list))
        .route("/v1/wallets/{wallet}/statement", get(statements::show))
        .route("/v1/wallets/{wallet}/balance", get(statements::balance))
        .route("/v1/wallets/{wallet}/payment-requests", post(payment_requests::open))
        .route(
            "/v1/wallets/{wallet}/payment-requests/{request}",
            get(payment_requests::show).delete(payment_requests::cancel),
        )
        .route("/v1/wallets/{wallet}/payment-requests/{request}/barcode", get(barcodes::draw))
        .route("/v1/wallets/{wallet}/till-certificates", post(till_certificates::issue))
        .route("/v1/barcodes/decode", post(barcodes::decode))
        .route("/v1/transfers", post(transfers::pay).get(transfers::search))
        .route("/v1/transfers/batch", post(batches::move_together))
        .route("/v1/transfers/{transfer}", get(transfers::show))
        .route("/v1/transfers/{transfer}/receipt", get(receipts::show))
        .route("/v1/transfers/{transfer}/refunds", post(refunds::refund))
        .route("/v1/transfers/{transfer}/reversals", post(refunds::reverse))
        .route("/v1/adjustments", post(adjustments::adjust))
        .route("/v1/holds", post(holds::place))
        .route("/v1/holds/{hold}", get(holds::show).delete(holds::release))
        .route("/v1/holds/{hold}/captures", post(holds::capture))
        .route("/v1/incoming-requests", get(incoming_requests::list))
        .route("/v1/incoming-requests/{wallet}/{request}", get(incoming_requests::show))
        .route("/v1/events", get(events::follow))
        .route("/v1/keys", get(keys::list))
        .route("/v1/heads/latest", get(receipts::latest_head))
        .route("/v1/heads/consistency", get(receipts::consistency))
        .route("/v1/snapshots", post(snapshots::make))
        .route("/v1/health", get(health::show))
        .route("/P/{payload}", get(page::payment))
        .route("/PAIR/{code}", get(page::pairing));
    with_fallbacks(routes).with_state(app)
}

/// What there is for connections beyond the limit.
pub(crate) fn door_router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/health", get(health::show))
        .fallback(async || Problem::too_many_connections())
        .with_state(app)
}

/// Reads a body as a payment, a batch or a payment request.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_as(which: u8, body: &[u8]) -> Result<(), Problem> {
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    match which {
        0 => transfers::read_payment(&headers, body),
        1 => batches::read_batch(&headers, body),
        _ => payment_requests::read_request(&headers, body),
    }
}

/// What is no route, and no method of one, is told as a problem too.
fn with_fallbacks<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .fallback(async || Problem::route_unknown())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
}
