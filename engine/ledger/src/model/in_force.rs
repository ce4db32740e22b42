//! What was in force when.

use crate::time::Timestamp;

/// How long a transfer may be on its way. It is recorded at its last stop, and the stops before decided by what was in force
/// when it came by: a wallet may have been frozen since. Far longer than it takes, so that a machine that was put to sleep
/// in between leaves no journal that seems wrong.
pub(super) const MAX_UNDER_WAY_MS: u64 = 3_600 * 1_000;

/// A value that changes, and since when it is what.
#[derive(Clone, Debug)]
pub(super) struct InForce<T>(Vec<(Timestamp, T)>);

impl<T> Default for InForce<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> InForce<T> {
    pub(super) fn since(at: Timestamp, value: T) -> Self {
        Self(vec![(at, value)])
    }

    pub(super) fn set(&mut self, at: Timestamp, value: T) {
        self.0.push((at, value));
    }

    /// What is in force now.
    pub(super) fn latest(&self) -> Option<&T> {
        self.0.last().map(|(_, value)| value)
    }

    /// What was in force at one instant or another while what is recorded at `at` was on its way.
    pub(super) fn lately(&self, at: Timestamp) -> impl Iterator<Item = &T> {
        let earliest = at.minus_millis(MAX_UNDER_WAY_MS);
        let newer = self.0.iter().rev().take_while(move |(since, _)| *since >= earliest).count();
        self.0.iter().rev().take(newer.saturating_add(1)).map(|(_, value)| value)
    }

    /// All that it ever was.
    pub(super) fn ever(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Whether it was something all the time while what is recorded at `at` was on its way.
    pub(super) fn was_throughout(&self, at: Timestamp, is_so: impl Fn(&T) -> bool) -> bool {
        let is_settled = self.0.iter().any(|(since, _)| *since < at.minus_millis(MAX_UNDER_WAY_MS));
        is_settled && self.lately(at).all(is_so)
    }
}
