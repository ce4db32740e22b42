//! The nonces that devices have used, for as long as a signature with one could be shown again.
//!
//! Kept in memory and bounded. When it is full new ones are refused: to forget an old one early would let it be used
//! again. What was signed before the start is refused, and of what was signed in its very second, or ahead of the clock,
//! a file keeps which nonces were used.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::Path;

use parking_lot::Mutex;
use quittance_ledger::DeviceId;
use sha2::{Digest as _, Sha256};

use super::nonce_file::NonceFile;

/// How old a signature may be.
pub(crate) const MAX_AGE_SECS: u64 = 60;
/// How far ahead a device's clock may be.
pub(crate) const MAX_AHEAD_SECS: u64 = 10;

/// Its name in the store's folder.
const FILE: &str = "nonces";

const SHARDS: usize = 16;
const MAX_NONCES_PER_SHARD: usize = 65_536;

/// Why a nonce was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonceError {
    /// The device has used it.
    Used,
    /// It may have been used, and nobody would remember it.
    Stale,
    /// No more can be remembered now.
    Full,
    /// It could not be written down.
    Unwritten,
}

/// A digest of device and nonce: all are of one size, and no two pairs share one.
type Digest = u128;

#[derive(Default)]
struct Shard {
    seen: HashSet<Digest>,
    /// The second after which a nonce's signature is stale by itself.
    by_end: BTreeSet<(u64, Digest)>,
    latest_now_secs: u64,
}

/// The nonces in use.
pub(crate) struct Nonces {
    shards: [Mutex<Shard>; SHARDS],
    file: Mutex<NonceFile>,
    started_secs: u64,
    max_per_shard: usize,
}

impl Nonces {
    /// Remembers what was used before the process started, at `started_secs`, and can be shown again. The folder is
    /// the store's.
    pub(crate) fn open(folder: &Path, started_secs: u64) -> io::Result<Self> {
        Self::with_room(folder, started_secs, MAX_NONCES_PER_SHARD)
    }

    fn with_room(folder: &Path, started_secs: u64, max_per_shard: usize) -> io::Result<Self> {
        // What was signed before the start is refused by its time.
        let least_end = started_secs.saturating_add(MAX_AGE_SECS);
        let lifetime_secs = MAX_AGE_SECS + MAX_AHEAD_SECS;
        let (file, entries) = NonceFile::open(folder.join(FILE), started_secs, lifetime_secs, least_end)?;
        let shards: [Mutex<Shard>; SHARDS] = Default::default();
        for (end, digest) in entries {
            if let Some(shard) = shards.get(shard_of(digest)) {
                shard.lock().insert(end, digest);
            }
        }
        Ok(Self { shards, file: Mutex::new(file), started_secs, max_per_shard })
    }

    /// Takes a nonce, once. The signature that holds it was verified before.
    pub(crate) fn take(
        &self,
        device: DeviceId,
        nonce: &str,
        created_secs: u64,
        now_secs: u64,
    ) -> Result<(), NonceError> {
        let digest = digest(device, nonce);
        let Some(shard) = self.shards.get(shard_of(digest)) else { return Err(NonceError::Full) };
        let mut shard = shard.lock();
        // Another request may have brought a later time, and what ended before it is forgotten already.
        shard.latest_now_secs = shard.latest_now_secs.max(now_secs);
        let end = created_secs.saturating_add(MAX_AGE_SECS);
        if created_secs < self.started_secs || end < shard.latest_now_secs {
            return Err(NonceError::Stale);
        }
        shard.forget_ended();
        if shard.seen.contains(&digest) {
            return Err(NonceError::Used);
        }
        if shard.seen.len() >= self.max_per_shard {
            return Err(NonceError::Full);
        }
        shard.insert(end, digest);
        drop(shard);
        // What can't be written down is used up all the same, and what it was for is not done.
        self.file.lock().append((end, digest), now_secs).map_err(|error| {
            tracing::error!(%error, "a nonce could not be written to the store's folder");
            NonceError::Unwritten
        })
    }
}

impl Shard {
    fn insert(&mut self, end: u64, digest: Digest) {
        self.seen.insert(digest);
        self.by_end.insert((end, digest));
    }

    fn forget_ended(&mut self) {
        while let Some((end, digest)) = self.by_end.first().copied() {
            if end >= self.latest_now_secs {
                break;
            }
            self.by_end.pop_first();
            self.seen.remove(&digest);
        }
    }
}

fn shard_of(digest: Digest) -> usize {
    usize::try_from(digest % SHARDS as u128).unwrap_or_default()
}

fn digest(device: DeviceId, nonce: &str) -> Digest {
    let bytes = Sha256::new().chain_update(device.to_bytes()).chain_update(nonce).finalize();
    bytes.iter().take(16).fold(0, |digest, byte| digest << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u8) -> DeviceId {
        DeviceId::from_bytes([n; 16]).unwrap()
    }

    #[test]
    fn a_nonce_is_taken_once_by_each_device() {
        let folder = tempfile::tempdir().unwrap();
        let nonces = Nonces::open(folder.path(), 1_000).unwrap();
        assert_eq!(nonces.take(device(1), "a", 1_000, 1_000), Ok(()));
        assert_eq!(nonces.take(device(1), "a", 1_000, 1_000), Err(NonceError::Used));
        assert_eq!(
            nonces.take(device(1), "a", 1_010, 1_000),
            Err(NonceError::Used),
            "another time, same nonce"
        );
        assert_eq!(nonces.take(device(2), "a", 1_000, 1_000), Ok(()));
        assert_eq!(nonces.take(device(1), "b", 1_000, 1_000), Ok(()));
    }

    #[test]
    fn what_was_signed_before_the_start_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let nonces = Nonces::open(folder.path(), 1_000).unwrap();
        assert_eq!(nonces.take(device(1), "a", 999, 1_000), Err(NonceError::Stale));
    }

    #[test]
    fn a_restart_forgets_nothing_that_is_not_stale_by_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let nonces = Nonces::open(folder.path(), 1_000).unwrap();
        for (nonce, created) in [("now", 1_005), ("ahead", 1_015)] {
            assert_eq!(nonces.take(device(1), nonce, created, 1_005), Ok(()));
        }
        drop(nonces);
        let nonces = Nonces::open(folder.path(), 1_005).unwrap();
        assert_eq!(nonces.take(device(1), "now", 1_005, 1_005), Err(NonceError::Used));
        assert_eq!(nonces.take(device(1), "ahead", 1_015, 1_006), Err(NonceError::Used));
        assert_eq!(nonces.take(device(2), "ahead", 1_015, 1_006), Ok(()));
        assert!(Nonces::open(&folder.path().join("missing"), 1_005).is_err());
    }

    #[test]
    fn a_nonce_that_can_not_be_written_down_is_used_up_and_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let nonces = Nonces::open(folder.path(), 1_000).unwrap();
        folder.close().unwrap();
        let now = 1_000 + MAX_AGE_SECS + MAX_AHEAD_SECS + 1;
        assert_eq!(nonces.take(device(1), "a", now, now), Err(NonceError::Unwritten));
        assert_eq!(nonces.take(device(1), "a", now, now), Err(NonceError::Used));
    }

    #[test]
    fn a_nonce_is_remembered_exactly_as_long_as_its_signature_is_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let nonces = Nonces::with_room(folder.path(), 0, 1).unwrap();
        let ahead = 1_000 + MAX_AHEAD_SECS;
        assert_eq!(nonces.take(device(1), "a", ahead, 1_000), Ok(()));
        let last = ahead + MAX_AGE_SECS;
        assert_eq!(nonces.take(device(1), "a", ahead, last), Err(NonceError::Used));
        assert_eq!(nonces.take(device(1), "a", ahead, last + 1), Err(NonceError::Stale));
        // A clock that was read earlier does not bring it back.
        assert_eq!(nonces.take(device(1), "a", ahead, last), Err(NonceError::Stale));
    }

    #[test]
    fn a_full_registry_refuses_and_forgets_nothing_early() {
        let folder = tempfile::tempdir().unwrap();
        let nonces = Nonces::with_room(folder.path(), 0, 2).unwrap();
        let mut taken = Vec::new();
        let mut refused = 0;
        for n in 0..200 {
            let nonce = format!("nonce-{n}");
            match nonces.take(device(1), &nonce, 1_000, 1_000) {
                Ok(()) => taken.push(nonce),
                Err(error) => {
                    assert_eq!(error, NonceError::Full);
                    refused += 1;
                }
            }
        }
        assert!(taken.len() <= 2 * SHARDS && refused > 0);
        for nonce in &taken {
            assert_eq!(nonces.take(device(1), nonce, 1_000, 1_060), Err(NonceError::Used));
        }
        let later = 1_000 + MAX_AGE_SECS + 1;
        assert_eq!(nonces.take(device(1), "nonce-new", later, later), Ok(()));
    }
}
