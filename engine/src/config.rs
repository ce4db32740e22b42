//! What an engine is told at its start.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use quittance_barcode::Origin;

/// The settings of an engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The folder of the store. Made where it is missing.
    pub store: PathBuf,
    /// The server's public origin, which every barcode carries.
    pub origin: Origin,
    /// How many threads host wallets, from 1 to [`EngineConfig::MAX_SHARDS`]. May differ from one start to the next.
    pub shards: usize,
    /// How many transfers and commands may be under way at one time, from 1 to
    /// [`EngineConfig::MAX_IN_FLIGHT`]; what is beyond is refused at once.
    pub max_in_flight: usize,
    /// For how long transfer ids are remembered, in milliseconds, at most
    /// [`EngineConfig::MAX_ID_WINDOW_MS`]. Older ids are refused.
    pub id_window_ms: u64,
    /// How long after one checkpoint the next is taken, in milliseconds.
    pub checkpoint_interval_ms: u64,
    /// While the store's disk has less room than this, in bytes, whatever would write is refused. 0: it is not watched.
    pub min_free_bytes: u64,
    /// For how long a pairing code is good, in milliseconds.
    pub pairing_code_lifetime_ms: u64,
}

impl EngineConfig {
    /// The most shards there may be.
    pub const MAX_SHARDS: usize = 64;
    /// The most that may be let in at one time.
    pub const MAX_IN_FLIGHT: usize = 1 << 20;
    /// The longest time that ids may be remembered.
    pub const MAX_ID_WINDOW_MS: u64 = 31 * 24 * 3_600 * 1_000;

    /// How many shards there usually are: one fewer than cores, because callers, the committer and the notifier need a core too.
    #[must_use]
    pub fn usual_shards() -> usize {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        cores.saturating_sub(1).clamp(1, Self::MAX_SHARDS)
    }

    /// The usual settings for a store and an origin.
    #[must_use]
    pub fn new(store: PathBuf, origin: Origin) -> Self {
        Self {
            store,
            origin,
            shards: Self::usual_shards(),
            max_in_flight: 65_536,
            id_window_ms: 24 * 3_600 * 1_000,
            checkpoint_interval_ms: 10_000,
            min_free_bytes: 512 * 1_024 * 1_024,
            pairing_code_lifetime_ms: 15 * 60 * 1_000,
        }
    }
}
