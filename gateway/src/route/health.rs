//! Whether the server is well.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use serde::Serialize;

use super::Answer;
use crate::app::App;
use crate::auth::bare;

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
    version: &'static str,
    position: u64,
}

pub(super) async fn show(State(app): State<Arc<App>>, request: Request) -> Answer<Json<Health>> {
    bare(&request)?;
    // It is well all the same, and answers whoever reads: to start it anew would not make room.
    let status = if app.engine.is_space_low() { "space-low" } else { "ok" };
    Ok(Json(Health { status, version: env!("CARGO_PKG_VERSION"), position: app.engine.tip().get() }))
}
