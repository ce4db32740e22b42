//! The engine as a whole: its parts, in the order in which data runs through them, and what may be asked of it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use quittance_barcode::{Origin, ServerKeys};
use quittance_journal::{Committer, Position, Queue};
use quittance_ledger::Timestamp;
use quittance_settlement::{MAX_EXPIRING_PER_SHARD, PartitionState, ShardState};

use crate::actors::{Actors, Router, ShardActor, spawn_committer};
use crate::admission::Admission;
use crate::checkpoint::{self, ChangedAccounts, CheckpointTask, Checkpointer};
use crate::clock::{Clock, system_now};
use crate::config::EngineConfig;
use crate::directory::{Directory, Seen};
use crate::error::{EngineError, StartError};
use crate::heads::Heads;
use crate::history::History;
use crate::keys::Keys;
use crate::notifier::{Notifier, Watchers};
use crate::pending::{Done, Waiting};
use crate::reading::Reads;
use crate::recovery::{Recovered, recover};
use crate::space::SpaceWatch;
use crate::store::{JournalWriter, NewStore, StateBatch, Store, StoreError};
use crate::unsealed::Unsealed;

/// How long a snapshot is given again instead of another.
const SNAPSHOT_GIVEN_AGAIN: Duration = Duration::from_secs(60);

/// A settlement engine on one store.
///
/// Its methods are in the files of `request/`, by what they are about. Those that are async answer once all that the
/// answer rests on is durable, and need no particular runtime: what they read from the disk they read as [`Engine::reading`]
/// does. The others do not wait for anything, but may read the disk, so async code runs those that do by it.
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) keys: Keys,
    pub(crate) published_keys: ServerKeys,
    pub(crate) clock: Arc<Clock>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) router: Arc<Router>,
    pub(crate) history: Arc<History>,
    pub(crate) heads: Arc<Heads>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) reads: Reads,
    pub(crate) unsealed: Unsealed,
    tip: Arc<AtomicU64>,
    pub(crate) store: Store,
    last_snapshot: Mutex<Option<Snapshot>>,
    threads: Mutex<Option<Threads>>,
}

/// A snapshot that was made since the start.
struct Snapshot {
    folder: PathBuf,
    position: Position,
    at: Instant,
}

/// What runs beside whoever asks something of the engine: each on a thread of its own.
pub(crate) struct Parts {
    pub(crate) shards: Vec<ShardActor>,
    pub(crate) notifier: Notifier,
    pub(crate) committer: Committer<JournalWriter, Done>,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) tasks: crossbeam::channel::Receiver<CheckpointTask>,
}

struct Threads {
    actors: Actors,
    committer: JoinHandle<()>,
    checkpointer: JoinHandle<()>,
    checkpoint_tasks: crossbeam::channel::Sender<CheckpointTask>,
    space: Option<SpaceWatch>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens the store, reads what is durable, and starts the threads. Blocks until all of that is done.
    ///
    /// # Errors
    /// A setting is out of its range, the store can't be opened or is damaged, or a thread can't be started.
    pub fn start(config: EngineConfig, keys: Keys) -> Result<Self, StartError> {
        let (engine, parts) = Self::assemble(config, keys)?;
        let Parts { shards, notifier, committer, checkpointer, tasks } = parts;
        let checkpoint_tasks = notifier.checkpointer.clone();
        let (actors, notifier) = Actors::start(shards, notifier, &engine.router)?;
        let committer =
            spawn_committer(committer, Arc::clone(&engine.router), notifier).map_err(StartError::Thread)?;
        let checkpointer = checkpointer.spawn(tasks).map_err(StartError::Thread)?;
        let (store, min_free_bytes) = (engine.config.store.clone(), engine.config.min_free_bytes);
        let watch = || SpaceWatch::start(store, min_free_bytes, Arc::clone(&engine.admission));
        let space = (min_free_bytes > 0).then(watch).transpose().map_err(StartError::Thread)?;
        *engine.threads.lock() = Some(Threads { actors, committer, checkpointer, checkpoint_tasks, space });
        Ok(engine)
    }

    /// As [`Engine::start`], but for the threads: gives what would run on them.
    pub(crate) fn assemble(config: EngineConfig, keys: Keys) -> Result<(Self, Parts), StartError> {
        let shard_count = check(&config)?;
        let published_keys = keys
            .published_keys()
            .map_err(|_| StartError::Damaged("a seal key is not usable: replace it".to_owned()))?;
        let store = Store::open(&config.store)?;
        check_keys(&store, &keys)?;
        let now = system_now();
        let admission = Arc::new(Admission::new(
            config.max_in_flight,
            config.id_window_ms,
            now,
            store.history().id_key()?,
        ));
        let mut recovered = recover(&store, config.id_window_ms, now, &admission)?;
        if recovered.latest > now.plus_millis(config.id_window_ms) {
            let ahead_secs = recovered.latest.as_secs().saturating_sub(now.as_secs());
            return Err(StartError::ClockBehind { ahead_secs });
        }
        recovered.write_checkpoint(&store.state())?;
        store.sync()?;
        let Recovered { tip, partitions, register, history, heads, replayed, latest, .. } = recovered;
        let wallets: usize = partitions.iter().map(PartitionState::wallet_count).sum();
        tracing::info!(position = %tip.position, wallets, replayed, "the journal was read");

        let clock = Arc::new(Clock::new(latest));
        // Expiries come without a permit, as many at a time as each shard may have.
        let slots =
            config.max_in_flight.saturating_add(shard_count.get().saturating_mul(MAX_EXPIRING_PER_SHARD));
        let (committer, queue) = Committer::new(store.journal_writer()?, tip, slots);
        let directory = Arc::new(Directory::new(register, queue.clone(), Arc::clone(&clock)));
        let history = Arc::new(history);
        let heads = Arc::new(heads);
        let router = Arc::new(Router::default());
        let watchers = Arc::new(Watchers::default());
        let published_to = Arc::new(AtomicU64::new(tip.position.get()));
        let (checkpoint_tasks, tasks) = checkpoint::channel();

        let notifier = Notifier {
            directory: Arc::clone(&directory),
            admission: Arc::clone(&admission),
            history: Arc::clone(&history),
            heads: Arc::clone(&heads),
            watchers: Arc::clone(&watchers),
            tip: Arc::clone(&published_to),
            checkpointer: checkpoint_tasks,
        };
        let states = shard_states(shard_count, latest, partitions);
        let shards = shards(states, tip.position, &router, &queue, &clock);
        drop(queue);
        let checkpointer = Checkpointer {
            state: store.state(),
            database: store.database().clone(),
            history: Arc::clone(&history),
            heads: Arc::clone(&heads),
            router: Arc::clone(&router),
            accounts: ChangedAccounts::new(store.state(), tip.position),
            pending: StateBatch::default(),
            interval: Duration::from_millis(config.checkpoint_interval_ms),
        };
        let parts = Parts { shards, notifier, committer, checkpointer, tasks };
        let engine = Self {
            config,
            keys,
            published_keys,
            clock,
            admission,
            directory,
            router,
            history,
            heads,
            watchers,
            reads: Reads::default(),
            unsealed: Unsealed::default(),
            tip: published_to,
            store,
            last_snapshot: Mutex::new(None),
            threads: Mutex::new(None),
        };
        Ok((engine, parts))
    }

    /// Lets nothing more in, finishes what was let in, writes a last checkpoint and ends the threads. Blocks until all of
    /// that is done; a second call does nothing. The store is free for others once the engine is dropped.
    pub fn shutdown(&self) {
        let Some(threads) = self.threads.lock().take() else { return };
        pollster::block_on(self.admission.drain());
        if let Some(space) = threads.space {
            space.stop();
        }
        self.watchers.close();
        // An end that is gone already has said why.
        let _ = threads.checkpoint_tasks.send(CheckpointTask::Stop);
        join(threads.checkpointer, "checkpointer");
        // Until here the shards may record that holds are over. The last of these are durable and in no checkpoint, so the next
        // start replays them.
        threads.actors.stop();
        self.directory.close();
        join(threads.committer, "committer");
        if let Err(error) = self.store.sync() {
            tracing::error!(%error, "the last checkpoint may not be on the disk: the next start reads more of the journal");
        }
    }

    /// Makes a store in the folder `target`, which must not be there, with the journal up to the last record that is durable and
    /// published, whose position is given back. The engine goes on meanwhile. The copy can be audited, and an engine started
    /// on it, which makes checkpoints and index again: it has none.
    ///
    /// Blocks until all of it is on the disk.
    ///
    /// # Errors
    /// There is something at `target`, or the file system has no room for the copy. What a crash cuts off is beside it, under a
    /// name that ends in `.unfinished`.
    pub fn snapshot(&self, target: &Path) -> Result<Position, StoreError> {
        // The publisher goes from block to block, so a block ends here.
        let end = self.tip();
        self.store.copy_journal(target, end)?;
        Ok(end)
    }

    /// Makes a snapshot in a folder of its own beside the store, named for its position, and gives the folder. One that was
    /// made in the last minute is given again, so that whoever could not wait for it finds it. None: one is being made.
    ///
    /// # Errors
    /// As [`Engine::snapshot`].
    pub fn snapshot_beside(&self) -> Result<Option<(PathBuf, Position)>, StoreError> {
        let Some(mut last) = self.last_snapshot.try_lock() else { return Ok(None) };
        if let Some(made) = last.as_ref().filter(|made| made.at.elapsed() < SNAPSHOT_GIVEN_AGAIN) {
            return Ok(Some((made.folder.clone(), made.position)));
        }
        let position = self.tip();
        let mut folder = self.config.store.clone().into_os_string();
        folder.push(format!(".snapshot-{position}"));
        let folder = PathBuf::from(folder);
        // One of this position is whole: it gets its name when it is.
        if !Store::is_at(&folder)? {
            NewStore::discard_unfinished(&folder)?;
            self.store.copy_journal(&folder, position)?;
        }
        *last = Some(Snapshot { folder: folder.clone(), position, at: Instant::now() });
        Ok(Some((folder, position)))
    }

    /// How many times the journal was made durable since the start.
    #[must_use]
    pub fn journal_syncs(&self) -> u64 {
        self.store.journal_syncs()
    }

    /// The engine's time: never goes back, also not from one start to the next.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The origin that barcodes carry.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.config.origin
    }

    /// How many transfers and commands may be under way at one time.
    #[must_use]
    pub const fn max_in_flight(&self) -> usize {
        self.config.max_in_flight
    }

    /// The server's keys.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The position of the last record that is durable and published.
    #[must_use]
    pub fn tip(&self) -> Position {
        Position::new(self.tip.load(Ordering::Acquire))
    }

    /// Whether whatever would write is refused because the store's disk is nearly full.
    #[must_use]
    pub fn is_space_low(&self) -> bool {
        self.admission.is_space_low()
    }

    /// Waits, if need be, until what was seen is durable.
    pub(crate) async fn durably<T>(&self, seen: Seen<T>) -> Result<T, EngineError> {
        if !seen.is_durable {
            let (done, waiting) = self.pending()?;
            self.directory.wait(done)?;
            waiting.durable().await?;
        }
        Ok(seen.value)
    }

    /// A pair to send through the queue and to wait with.
    pub(crate) fn pending(&self) -> Result<(Done, Waiting), EngineError> {
        Ok(Done::new(self.admission.permit()?))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// Sees that the keys are those that the store was used with, and perhaps newer ones.
fn check_keys(store: &Store, keys: &Keys) -> Result<(), StartError> {
    let (known, present) = (store.keys()?, keys.fingerprints());
    if !present.starts_with(&known) {
        return Err(StartError::KeysDiffer);
    }
    if present != known {
        store.write_keys(&present)?;
    }
    Ok(())
}

fn check(config: &EngineConfig) -> Result<NonZeroUsize, StartError> {
    let bad = |field, problem| Err(StartError::Config { field, problem });
    let Some(shards) = NonZeroUsize::new(config.shards).filter(|n| n.get() <= EngineConfig::MAX_SHARDS)
    else {
        return bad("shards", "not from 1 to 64");
    };
    if !(1..=EngineConfig::MAX_IN_FLIGHT).contains(&config.max_in_flight) {
        return bad("max_in_flight", "not from 1 to 1048576");
    }
    if !(1..=EngineConfig::MAX_ID_WINDOW_MS).contains(&config.id_window_ms) {
        return bad("id_window_ms", "not from 1 ms to 31 days");
    }
    if config.checkpoint_interval_ms == 0 || config.pairing_code_lifetime_ms == 0 {
        return bad("checkpoint_interval_ms or pairing_code_lifetime_ms", "zero: give at least 1 ms");
    }
    Ok(shards)
}

/// Deals the partitions out to the shards.
fn shard_states(count: NonZeroUsize, latest: Timestamp, partitions: Vec<PartitionState>) -> Vec<ShardState> {
    let mut hosted: Vec<Vec<_>> = (0..count.get()).map(|_| Vec::new()).collect();
    for state in partitions {
        if let Some(of_shard) = hosted.get_mut(state.partition().shard(count.get())) {
            of_shard.push(state);
        }
    }
    let mut states: Vec<_> = hosted.into_iter().map(ShardState::new).collect();
    states.iter_mut().for_each(|state| state.note_time(latest));
    states
}

fn shards(
    states: Vec<ShardState>,
    posted_to: Position,
    router: &Arc<Router>,
    queue: &Queue<Done>,
    clock: &Arc<Clock>,
) -> Vec<ShardActor> {
    let actor =
        |state| ShardActor::new(state, posted_to, Arc::clone(router), queue.clone(), Arc::clone(clock));
    states.into_iter().map(actor).collect()
}

fn join(thread: JoinHandle<()>, name: &'static str) {
    if thread.join().is_err() {
        tracing::error!(name, "a thread panicked");
    }
}
