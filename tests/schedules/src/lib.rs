//! What is handed from thread to thread, under schedules that shuttle chooses.
//!
//! The files of the engine and the gateway are part of this crate as they are; only what they stand on (tokio's and parking_lot's
//! locks, crossbeam's channel, atomics) is such that shuttle decides after each step which thread goes on. The committer is the
//! journal's own. Actors are threads with a queue each here.
//!
//! Shuttle looks for orders that break something. It takes memory to be the same for all threads at once, so it finds nothing that
//! a weaker order of an atomic would break.

#[path = "../../../engine/src/admission.rs"]
#[allow(dead_code, reason = "recovery uses the rest")]
mod admission;
#[path = "../../../engine/src/batch.rs"]
mod batch;
#[path = "../../../engine/src/pending.rs"]
mod pending;
mod stand_ins;
#[path = "../../../gateway/src/turns/mod.rs"]
#[allow(dead_code, reason = "other parties take turns as accounts do")]
mod turns;

mod engine;
mod gate;

pub use engine::{batches_and_callers, drained_while_asked, same_id_from_two};
pub use gate::{everybody_leaves, turns_are_never_lost};

/// The atomics of the engine.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
}

pub(crate) use stand_ins::{error, order, store};
