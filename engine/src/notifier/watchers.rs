//! Who watches which account. Only the newest position is kept for a watcher: it reads the rest from the history.

use std::collections::HashMap;

use parking_lot::Mutex;
use quittance_journal::Position;
use quittance_ledger::AccountId;
use tokio::sync::watch;

use super::Parties;

#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<HashMap<AccountId, watch::Sender<Position>>>);

impl Watchers {
    /// Follows an account. `tip` is what the receiver begins with where nobody followed it before.
    pub(crate) fn watch(&self, account: AccountId, tip: Position) -> watch::Receiver<Position> {
        self.0.lock().entry(account).or_insert_with(|| watch::Sender::new(tip)).subscribe()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    pub(super) fn wake(&self, parties: &Parties) {
        let mut watchers = self.0.lock();
        if watchers.is_empty() {
            return;
        }
        for (account, position) in parties {
            let Some(watcher) = watchers.get(account) else { continue };
            if watcher.receiver_count() == 0 {
                watchers.remove(account);
            } else {
                watcher.send_replace(*position);
            }
        }
    }

    /// Wakes everybody: to look at the history once more costs a follower little.
    pub(super) fn wake_all(&self, position: Position) {
        for watcher in self.0.lock().values() {
            watcher.send_replace(position);
        }
    }

    /// Lets every follower go.
    pub(crate) fn close(&self) {
        self.0.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_is_woken_and_one_that_left_is_forgotten() {
        let watchers = Watchers::default();
        let account = AccountId::from_bytes([1; 16]).unwrap();
        let mut watcher = watchers.watch(account, Position::START);
        watchers.wake(&Parties::from_iter([(account, Position::new(7))]));
        assert!(watcher.has_changed().unwrap());
        assert_eq!(*watcher.borrow_and_update(), Position::new(7));
        watchers.wake_all(Position::new(9));
        assert_eq!(*watcher.borrow_and_update(), Position::new(9));
        drop(watcher);
        watchers.wake(&Parties::from_iter([(account, Position::new(8))]));
        assert!(watchers.0.lock().is_empty());
    }
}
