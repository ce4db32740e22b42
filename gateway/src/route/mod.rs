//! The routes, one resource a file. Each lets its caller in, reads what is asked, has the engine do it, and shows what
//! came of it.

mod accounts;
mod barcodes;
mod currencies;
mod devices;
mod events;
mod health;
mod keys;
mod page;
mod payment_requests;
#[cfg(test)]
mod tests;
mod till_certificates;
mod transfers;
mod wallets;

use std::sync::Arc;

use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
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

/// Every route there is.
pub(crate) fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/v1/accounts", post(accounts::open))
        .route("/v1/accounts/{account}", get(accounts::show))
        .route("/v1/accounts/{account}/pairing-codes", post(accounts::issue_pairing_code))
        .route("/v1/accounts/{account}/unlock", post(accounts::unlock))
        .route("/v1/accounts/{account}/devices/{device}", delete(devices::revoke))
        .route("/v1/devices", post(devices::pair))
        .route("/v1/currencies", post(currencies::register).get(currencies::list))
        .route("/v1/wallets", post(wallets::open).get(wallets::list))
        .route("/v1/wallets/{wallet}", get(wallets::show).delete(wallets::close))
        .route("/v1/wallets/{wallet}/issues", post(transfers::issue))
        .route("/v1/wallets/{wallet}/redemptions", post(transfers::redeem))
        .route("/v1/wallets/{wallet}/transfers", get(transfers::list))
        .route("/v1/wallets/{wallet}/payment-requests", post(payment_requests::open))
        .route(
            "/v1/wallets/{wallet}/payment-requests/{request}",
            get(payment_requests::show).delete(payment_requests::cancel),
        )
        .route("/v1/wallets/{wallet}/payment-requests/{request}/barcode", get(barcodes::draw))
        .route("/v1/wallets/{wallet}/till-certificates", post(till_certificates::issue))
        .route("/v1/barcodes/decode", post(barcodes::decode))
        .route("/v1/transfers", post(transfers::pay))
        .route("/v1/transfers/{transfer}", get(transfers::show))
        .route("/v1/events", get(events::follow))
        .route("/v1/keys", get(keys::list))
        .route("/v1/health", get(health::show))
        .route("/P/{payload}", get(page::payment))
        .route("/PAIR/{code}", get(page::pairing));
    with_fallbacks(routes).with_state(app)
}

/// What is no route, and no method of one, is told as a problem too.
fn with_fallbacks<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .fallback(async || Problem::route_unknown())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
}
