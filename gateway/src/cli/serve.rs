//! `quittance serve`: the server, from its settings to its end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use quittance_engine::{Engine, Keys, Store};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::CliError;
use super::config::Config;
use super::open_files;
use crate::auth::nonces::Nonces;
use crate::server::serve;

/// The settings that the command line may change. What each means, and its default, is in config/quittance.toml.
#[derive(clap::Args)]
#[command(
    after_help = "Each setting may also come from the environment, as QUITTANCE_ and its name in capitals \
                  (QUITTANCE_STORE), or from the configuration file. Flags count most, the file least."
)]
pub struct ServeArgs {
    /// The configuration file [default: config/quittance.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(clap::Args, Serialize)]
struct Flags {
    /// The folder of the store, made where it is missing [default: ./data]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<PathBuf>,
    /// The folder of the server's secret keys, made where it is missing [default: ./keys]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<PathBuf>,
    /// The address and port to listen at; port 0 takes a free one [default: 127.0.0.1:7400]
    #[arg(long, value_name = "ADDRESS:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    /// Where clients reach the server, such as https://pay.example.com [default: http:// and the address]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    public_origin: Option<String>,
    /// How many threads settle, 1 to 64 [default: one fewer than cores]
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    shards: Option<usize>,
    /// How many transfers may be under way at one time [default: 65536]
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_in_flight: Option<usize>,
    /// For how many hours transfer ids are remembered [default: 24]
    #[arg(long, value_name = "HOURS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    id_window_hours: Option<u64>,
    /// How many seconds lie between two checkpoints [default: 10]
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_seconds: Option<u64>,
    /// Below how many MiB of room on the store's disk nothing is written any more, 0: never [default: 512]
    #[arg(long, value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    min_free_mib: Option<u64>,
    /// How many seconds the body of a request may take, 1 to 300 [default: 15]
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    body_timeout_seconds: Option<u64>,
    /// How many connections there may be at one time [default: 12000]
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_connections: Option<usize>,
    /// How many requests are worked on at a time [default: 256]
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_requests_at_once: Option<usize>,
    /// What is logged on stderr: off, error, warn, info, debug or trace, also by module [default: info]
    #[arg(long, value_name = "LEVEL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
}

/// What a server within this process is started with, all else being as usual.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// The folder of the store.
    pub store: PathBuf,
    /// The folder of the keys.
    pub keys: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
}

/// A server that runs in this process.
pub struct Running {
    /// The public origin, in lower case.
    pub origin: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The operator's key.
    pub operator_key: String,
    /// The file that holds it.
    pub operator_key_file: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), CliError>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Running {
    /// Stops the server: what is under way is finished, and the store is closed.
    pub async fn shutdown(self) {
        // It may have ended by itself already.
        let _ = self.stop.send(());
        if let Ok(Err(error)) = self.task.await {
            tracing::error!(%error, "the server did not stop in good order");
        }
    }
}

/// Starts a server in this process.
///
/// # Errors
/// The address is taken, or the keys or the store can't be used.
pub async fn start(settings: ServeSettings) -> Result<Running, CliError> {
    let ServeSettings { store, keys, listen } = settings;
    start_with(Config { store, keys, listen, ..Config::default() }, "--port").await
}

/// `flag` is what says elsewhere where to listen.
async fn start_with(config: Config, flag: &str) -> Result<Running, CliError> {
    // First, so that the port is known where it was left open, and nothing is made where it is taken.
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("can't listen at {}: {error}; choose another with {flag}", config.listen))?;
    let address = listener.local_addr()?;
    let (settings, mut limits) = (config.engine(address)?, config.server()?);
    limits.max_connections = open_files::fitting(limits.max_connections)?;
    let (keys_folder, store) = (config.keys, config.store);
    let (engine, nonces, operator_key_file, operator_key) = tokio::task::spawn_blocking(move || {
        // A store that is in use has its keys: new ones in the place of lost ones would only hide the loss.
        let is_in_use = Store::is_at(&settings.store)?;
        let keys = if is_in_use { Keys::load(&keys_folder)? } else { Keys::load_or_create(&keys_folder)? };
        let file = keys.operator_key_file();
        let key = std::fs::read_to_string(&file)?.trim_end().to_owned();
        let engine = Engine::start(settings, keys)?;
        let nonces = Nonces::open(&store, engine.now().as_secs()).map_err(|error| {
            engine.shutdown();
            let store = store.display();
            format!("the used nonces in {store} can't be read or written: {error}; see that the folder is writable")
        })?;
        Ok::<_, CliError>((Arc::new(engine), nonces, file, key))
    })
    .await??;
    let origin = engine.origin().as_str().to_ascii_lowercase();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        serve(listener, Arc::clone(&engine), limits, nonces, async move { drop(stopped.await) }).await;
        tokio::task::spawn_blocking(move || engine.shutdown()).await.map_err(CliError::from)
    });
    Ok(Running { origin, address, operator_key, operator_key_file, stop, task })
}

/// Runs the server until a signal stops it.
pub(super) async fn run(args: ServeArgs) -> Result<(), CliError> {
    let config = Config::load(args.config.as_deref(), &args.flags)?;
    start_log(&config.log)?;
    open_files::raise_limit();
    // Before the start, so that no signal finds nobody who heeds it.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let store = config.store.clone();
    let running = tokio::select! {
        running = start_with(config, "--listen") => running?,
        _ = terminate.recv() => return stopped_early(),
        _ = interrupt.recv() => return stopped_early(),
    };
    println!("listening at http://{}, known as {}", running.address, running.origin);
    println!("store in {}", store.display());
    println!("operator's key in {}", running.operator_key_file.display());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    let Running { stop, task, .. } = running;
    let _ = stop.send(());
    task.await?
}

/// The store may be read still, which takes as long as the journal is. Nothing was acknowledged, so nothing is lost.
#[expect(clippy::unnecessary_wraps, reason = "it is what the command answers with")]
fn stopped_early() -> Result<(), CliError> {
    tracing::info!("stopping before the start was complete");
    Ok(())
}

fn start_log(levels: &str) -> Result<(), CliError> {
    let targets = log_targets(levels)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(targets).with(lines).try_init()?;
    Ok(())
}

fn log_targets(levels: &str) -> Result<Targets, CliError> {
    // To the parser a word that is no level is a module, all of whose lines are wanted.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let has_good_words = levels.split(',').all(|part| part.contains('=') || is_level(part));
    levels.parse().ok().filter(|_| has_good_words).ok_or_else(|| {
        format!("the setting log is {levels:?}: set it to off, error, warn, info, debug or trace").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_words_or_by_module() {
        for good in ["off", "info", "warn,quittance_engine=debug"] {
            assert!(log_targets(good).is_ok(), "{good}");
        }
        for bad in ["verbose", "", "info,loud", "quittance_engine=loud"] {
            assert!(log_targets(bad).is_err(), "{bad}");
        }
    }
}
