//! Transfers that are asked for together, each for itself: they share one permit, one wake-up and no fate.

use std::sync::Arc;
use std::sync::OnceLock;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::order::Moved;
use crate::sync::{AtomicUsize, Ordering};

/// What is known of each transfer of a batch, in the order in which they were asked for.
#[derive(Debug)]
pub(crate) struct Batch {
    moved: Box<[OnceLock<Moved>]>,
    /// How many are under way, and one more until all have set out.
    left: AtomicUsize,
    /// Who waits for all of them, and their slots in the committer's queue.
    waiting: Mutex<Option<(oneshot::Sender<()>, OwnedSemaphorePermit)>>,
}

impl Batch {
    /// A batch of so many, none of which has set out, and what tells that all that did are durable.
    pub(crate) fn new(count: usize, permit: OwnedSemaphorePermit) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let batch = Self {
            moved: std::iter::repeat_with(OnceLock::new).take(count).collect(),
            left: AtomicUsize::new(1),
            waiting: Mutex::new(Some((sender, permit))),
        };
        (Arc::new(batch), receiver)
    }

    /// One more is waited for.
    pub(crate) fn expect(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// One that was waited for is durable.
    pub(crate) fn complete(&self, index: usize, moved: Moved) {
        if let Some(known) = self.moved.get(index) {
            // A transfer is completed once.
            let _ = known.set(moved);
        }
        self.end_one();
    }

    /// What became of one, where it has become durable.
    pub(crate) fn moved(&self, index: usize) -> Option<Moved> {
        self.moved.get(index)?.get().copied()
    }

    /// One that was waited for is not any more.
    pub(crate) fn end_one(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some((sender, permit)) = self.waiting.lock().take()
        {
            // First, so that whoever is told finds room for more.
            drop(permit);
            // Whoever went away can ask again by the ids.
            let _ = sender.send(());
        }
    }
}
