//! What every route has at hand.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use quittance_engine::{Engine, MAX_BATCH};
use tokio::sync::watch;

use crate::auth::nonces::Nonces;
use crate::problem::Problem;
use crate::server::ServerSettings;
use crate::streams::Streams;
use crate::turns::{Bounds, Turns};

/// How long a request waits for its turn: no longer than a client shall wait before it asks again.
const MAX_REQUEST_WAIT: Duration = Duration::from_secs(1);

/// How many requests wait for each that may have its turn.
const WAITING_PER_TURN: usize = 4;

/// How many pictures are looked at together, one of an account's. Each takes a whole core while it lasts.
const PICTURES: Bounds = Bounds { max_at_once: 2, max_at_once_per_party: 1, max_waiting: 64 };

/// How long a picture waits for its turn.
const MAX_PICTURE_WAIT: Duration = Duration::from_secs(2);

/// How many statements are written together, half of them an account's. Each reads as much of the journal as its period is long.
const EXPORTS: Bounds = Bounds { max_at_once: 8, max_at_once_per_party: 4, max_waiting: 64 };

/// How long a statement waits for its turn.
const MAX_EXPORT_WAIT: Duration = Duration::from_secs(2);

/// How many batches of the operator wait for their turn, and for how long.
const MAX_BATCHES_WAITING: usize = 16;
const MAX_BATCH_WAIT: Duration = Duration::from_secs(5);

/// The state of the server.
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) settings: ServerSettings,
    pub(crate) nonces: Nonces,
    pub(crate) streams: Streams,
    /// Of requests as such.
    pub(crate) turns: Turns,
    pub(crate) pictures: Turns,
    pub(crate) exports: Turns,
    pub(crate) batches: Turns,
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
            turns: Turns::new("requests", requests_at_once(settings.max_requests_at_once), MAX_REQUEST_WAIT),
            pictures: Turns::new("pictures", PICTURES, MAX_PICTURE_WAIT),
            exports: Turns::new("statements", EXPORTS, MAX_EXPORT_WAIT),
            batches: Turns::new("batches", batches_at_once(engine.max_in_flight()), MAX_BATCH_WAIT),
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

fn requests_at_once(max_at_once: usize) -> Bounds {
    let max_waiting = max_at_once.saturating_mul(WAITING_PER_TURN);
    Bounds { max_at_once, max_at_once_per_party: max_at_once.div_ceil(2), max_waiting }
}

/// Full batches take up half of what may be under way, so that whatever the operator sends there is room for payments.
fn batches_at_once(max_in_flight: usize) -> Bounds {
    let most = (max_in_flight / 2).checked_div(MAX_BATCH).unwrap_or_default().max(1);
    Bounds { max_at_once: most, max_at_once_per_party: most, max_waiting: MAX_BATCHES_WAITING }
}
