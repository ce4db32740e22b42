//! What every route has at hand.

use std::sync::Arc;

use http::Uri;
use quittance_engine::Engine;
use tokio::sync::{Semaphore, watch};

use crate::auth::nonces::Nonces;
use crate::problem::Problem;
use crate::server::ServerSettings;
use crate::streams::Streams;

/// How many pictures are looked at together. Each takes a whole core while it lasts.
const MAX_PICTURES_AT_ONCE: usize = 2;

/// How many statements are written together. Each reads as much of the journal as its period is long.
const MAX_EXPORTS_AT_ONCE: usize = 8;

/// The state of the server.
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) settings: ServerSettings,
    pub(crate) nonces: Nonces,
    pub(crate) streams: Streams,
    pub(crate) pictures: Arc<Semaphore>,
    pub(crate) exports: Arc<Semaphore>,
    /// Says that some device was revoked, so that its streams end at once.
    pub(crate) revocations: watch::Sender<()>,
    /// Whether the server is stopping.
    pub(crate) stopping: watch::Receiver<bool>,
    /// The public origin as clients sign it.
    origin: String,
}

impl App {
    pub(crate) fn new(
        engine: Arc<Engine>,
        settings: ServerSettings,
        nonces: Nonces,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            nonces,
            streams: Streams::new(settings.max_streams_per_account),
            pictures: Arc::new(Semaphore::new(MAX_PICTURES_AT_ONCE)),
            exports: Arc::new(Semaphore::new(MAX_EXPORTS_AT_ONCE)),
            revocations: watch::Sender::new(()),
            origin: engine.origin().as_str().to_ascii_lowercase(),
            engine,
            settings,
            stopping,
        }
    }

    /// The server's public origin in lower case.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The target URI that a client signs to ask for this.
    pub(crate) fn target_uri(&self, uri: &Uri) -> String {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        format!("{}{path}", self.origin)
    }

    /// Reads from the engine where that blocks. Too many reads at a time are refused.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Engine) -> T + Send + 'static,
    {
        let engine = Arc::clone(&self.engine);
        Ok(self.engine.reading(move || read(&engine)).await?)
    }

    /// As [`App::read`], but waits for its turn: an answer that has begun is not broken off for others.
    pub(crate) async fn read_in_turn<T, F>(&self, read: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Engine) -> T + Send + 'static,
    {
        let engine = Arc::clone(&self.engine);
        Ok(self.engine.reading_in_turn(move || read(&engine)).await?)
    }
}
