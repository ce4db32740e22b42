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
    Ok(Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION"), position: app.engine.tip().get() }))
}
