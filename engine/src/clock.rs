//! The one place where the engine reads a clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use quittance_ledger::Timestamp;

/// A clock that never goes back, whatever the machine's does: what has expired stays expired.
#[derive(Debug)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    /// A clock that is never before `floor`: the latest instant that the journal knows of.
    pub(crate) const fn new(floor: Timestamp) -> Self {
        Self(AtomicU64::new(floor.as_millis()))
    }

    pub(crate) fn now(&self) -> Timestamp {
        let system = system_now().as_millis();
        Timestamp::from_millis(self.0.fetch_max(system, Ordering::Relaxed).max(system))
    }
}

/// What the machine's clock says.
pub(crate) fn system_now() -> Timestamp {
    #[cfg(feature = "simulation")]
    if let Some(now) = crate::simulation::now() {
        return now;
    }
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_does_not_go_back() {
        let ahead = system_now().plus_millis(3_600_000);
        let clock = Clock::new(ahead);
        assert_eq!(clock.now(), ahead);
        let clock = Clock::new(Timestamp::EPOCH);
        let first = clock.now();
        assert!(first > Timestamp::EPOCH && clock.now() >= first);
    }
}
