//! How many event streams each account has open.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use quittance_ledger::AccountId;

/// The counts of open streams.
pub(crate) struct Streams {
    open: Arc<Mutex<HashMap<AccountId, usize>>>,
    max_per_account: usize,
}

impl Streams {
    pub(crate) fn new(max_per_account: usize) -> Self {
        Self { open: Arc::default(), max_per_account }
    }

    /// Counts one more stream until the slot is dropped; none where there are as many as may be.
    pub(crate) fn open(&self, account: AccountId) -> Option<StreamSlot> {
        let mut open = self.open.lock();
        let count = open.entry(account).or_default();
        if *count >= self.max_per_account {
            return None;
        }
        *count = count.saturating_add(1);
        Some(StreamSlot { open: Arc::clone(&self.open), account })
    }
}

/// One open stream.
pub(crate) struct StreamSlot {
    open: Arc<Mutex<HashMap<AccountId, usize>>>,
    account: AccountId,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&self.account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_counted_by_account_while_they_last() {
        let account = |n| AccountId::from_bytes([n; 16]).unwrap();
        let streams = Streams::new(2);
        let first = streams.open(account(1)).unwrap();
        let second = streams.open(account(1)).unwrap();
        assert!(streams.open(account(1)).is_none());
        assert!(streams.open(account(2)).is_some());
        drop(first);
        assert!(streams.open(account(1)).is_some());
        drop(second);
        assert!(streams.open.lock().is_empty());
    }
}
