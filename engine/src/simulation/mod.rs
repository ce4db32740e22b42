//! What a simulation runs the engine on: a machine in memory, with a disk, a clock and chance of its own, and the engine's parts
//! without their threads, for whoever schedules them one step at a time.
//!
//! A [`Machine`] is entered by a thread; until that leaves it, whatever the engine does there with files, keys and values, time
//! and chance is the machine's. A [`Process`] is the engine on it. Only with the feature `simulation`, which no product has.

mod chance;
pub(crate) mod disk;
mod keyed;
mod process;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use quittance_ledger::Timestamp;

pub use chance::Chance;
pub use disk::{Disk, Loss};
pub use process::{Death, Part, Process, audit};

pub(crate) use keyed::{Keyed, KeyedTree};

/// How large the first segment of a simulated journal is, and the largest.
pub(crate) const SEGMENT_BYTES: (u64, u64) = (8 * 1_024, 32 * 1_024);

/// A fault that is built in on purpose, to see that a simulation finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The journal's files are never made durable.
    NoSync,
    /// What was decided enters the committer's queue only after the shard's next message.
    EnqueueAfterCredit,
    /// Shards post blocks, and so checkpoints have them, before they are durable.
    CheckpointAhead,
    /// A start does not find the ids of transfers in the index.
    ForgetIds,
    /// Whoever waits is told before the block is durable.
    NotifyBeforeDurable,
}

/// A machine in memory. Clones are the same machine.
#[derive(Clone, Debug)]
pub struct Machine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    disk: Disk,
    now: Arc<AtomicU64>,
    chance: Mutex<Chance>,
    plant: Option<Plant>,
}

thread_local! {
    static ENTERED: RefCell<Option<Machine>> = const { RefCell::new(None) };
}

/// A thread is in a machine until this is dropped.
#[derive(Debug)]
pub struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        ENTERED.set(None);
    }
}

impl Machine {
    /// A machine with nothing on its disk, whose chance is all from this seed.
    #[must_use]
    pub fn new(seed: u64, now: Timestamp, plant: Option<Plant>) -> Self {
        let now = Arc::new(AtomicU64::new(now.as_millis()));
        let mut chance = Chance::new(seed);
        let disk = Disk::new(Chance::new(chance.next()), Arc::clone(&now));
        Self(Arc::new(Shared { disk, now, chance: Mutex::new(chance), plant }))
    }

    /// Lets this thread run on the machine.
    #[must_use]
    pub fn enter(&self) -> Entered {
        ENTERED.set(Some(self.clone()));
        Entered(())
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.0.disk
    }

    /// What the clock says.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.load(Ordering::Relaxed))
    }

    /// Lets time pass.
    pub fn pass(&self, millis: u64) {
        self.0.now.fetch_add(millis, Ordering::Relaxed);
    }

    fn entered<T>(use_it: impl FnOnce(&Self) -> T) -> Option<T> {
        ENTERED.with_borrow(|machine| machine.as_ref().map(use_it))
    }
}

/// What the clock says of the machine that this thread is in.
pub(crate) fn now() -> Option<Timestamp> {
    Machine::entered(Machine::now)
}

/// Fills bytes by the chance of the machine that this thread is in; false where it is in none.
pub(crate) fn fill(bytes: &mut [u8]) -> bool {
    Machine::entered(|machine| machine.0.chance.lock().fill(bytes)).is_some()
}

/// Whether this thread is in a machine with this fault.
pub(crate) fn is_planted(plant: Plant) -> bool {
    Machine::entered(|machine| machine.0.plant == Some(plant)) == Some(true)
}
