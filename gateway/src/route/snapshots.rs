//! Snapshots: copies of the journal, made while the server runs, for an audit to read.

use std::sync::Arc;

use axum::extract::State;
use quittance_engine::EngineError;
use serde::Serialize;

use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;

#[derive(Serialize)]
pub(super) struct Snapshot {
    folder: String,
    position: u64,
}

pub(super) async fn make(State(app): State<Arc<App>>, asked: Asked) -> Answer<Created<Snapshot>> {
    asked.caller.operator()?;
    asked.nothing()?;
    if app.engine.is_space_low() {
        return Err(EngineError::SpaceLow.into());
    }
    let made = app.read(quittance_engine::Engine::snapshot_beside).await?;
    let made = made.map_err(|error| Problem::internal(&error))?;
    let (folder, position) = made.ok_or_else(|| Problem::overloaded("a snapshot is being made"))?;
    Ok(created(Snapshot { folder: folder.display().to_string(), position: position.get() }))
}
