//! Admission: the one bound on how much is under way, and the memory of which transfer ids were used.
//!
//! Whatever is let in holds a permit for its slot in the committer's queue until it is durable and published. So no
//! queue behind this point can overflow, and overload is refused here, before anything was decided.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use quittance_journal::Position;
use quittance_ledger::{Claim, IdWindow, Timestamp, Transfer, TransferId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use crate::error::EngineError;
use crate::order::TransferRecord;

/// How many parts the memory of ids is split into, so that claims seldom meet.
const STRIPES: usize = 64;

#[derive(Debug)]
pub(crate) struct Admission {
    slots: Arc<Semaphore>,
    max_in_flight: usize,
    is_stopping: AtomicBool,
    stripes: Box<[Mutex<Stripe>]>,
}

#[derive(Debug)]
struct Stripe {
    window: IdWindow<Position>,
    under_way: HashMap<TransferId, UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    waiters: Vec<oneshot::Sender<TransferRecord>>,
    _permit: OwnedSemaphorePermit,
}

/// What asking for a transfer comes to.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// It is new: send it on its way, and wait for what comes of it.
    New(oneshot::Receiver<TransferRecord>),
    /// It is under way: wait for what comes of it.
    UnderWay(oneshot::Receiver<TransferRecord>),
    /// It was finished before, at this position.
    Done(Position),
}

impl Admission {
    pub(crate) fn new(max_in_flight: usize, id_window_ms: u64, now: Timestamp) -> Self {
        let stripe =
            || Mutex::new(Stripe { window: IdWindow::new(id_window_ms, now), under_way: HashMap::new() });
        Self {
            slots: Arc::new(Semaphore::new(max_in_flight)),
            max_in_flight,
            is_stopping: AtomicBool::new(false),
            stripes: std::iter::repeat_with(stripe).take(STRIPES).collect(),
        }
    }

    /// Reserves a slot in the committer's queue.
    pub(crate) fn permit(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        if self.is_stopping.load(Ordering::Acquire) {
            return Err(EngineError::Stopping);
        }
        Arc::clone(&self.slots).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => EngineError::Overloaded,
            TryAcquireError::Closed => EngineError::Stopping,
        })
    }

    /// Lets nothing more in, and waits until all that was let in is published.
    pub(crate) async fn drain(&self) {
        self.is_stopping.store(true, Ordering::Release);
        let all = u32::try_from(self.max_in_flight).unwrap_or(u32::MAX);
        // An error means that it was drained before.
        let drained = self.slots.acquire_many(all).await;
        self.slots.close();
        drop(drained);
    }

    /// Takes a transfer's id, or finds what became of it. `check` is asked of new ones alone; where it says no, the id
    /// stays free.
    pub(crate) fn claim(
        &self,
        transfer: &Transfer,
        now: Timestamp,
        check: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<Claimed, EngineError> {
        let mut guard = self.stripe(transfer.id).lock();
        let stripe = &mut *guard;
        match stripe.window.claim(transfer.id, transfer.fingerprint(), now)? {
            Claim::Done(position) => Ok(Claimed::Done(position)),
            Claim::Pending => {
                let (waiter, receiver) = oneshot::channel();
                if let Some(under_way) = stripe.under_way.get_mut(&transfer.id) {
                    // Whoever went away need not be told.
                    under_way.waiters.retain(|waiter| !waiter.is_closed());
                    under_way.waiters.push(waiter);
                }
                Ok(Claimed::UnderWay(receiver))
            }
            Claim::New => {
                let permit = check().and_then(|()| self.permit()).inspect_err(|_| {
                    stripe.window.abandon(transfer.id);
                })?;
                let (waiter, receiver) = oneshot::channel();
                let under_way = UnderWay { waiters: vec![waiter], _permit: permit };
                stripe.under_way.insert(transfer.id, under_way);
                Ok(Claimed::New(receiver))
            }
        }
    }

    /// Remembers what became of a transfer, tells those who wait, and frees its slot. Also how recovery fills the memory.
    pub(crate) fn complete(&self, record: &TransferRecord) {
        let transfer = &record.transfer;
        let under_way = {
            let mut stripe = self.stripe(transfer.id).lock();
            stripe.window.complete(transfer.id, transfer.fingerprint(), record.position);
            stripe.under_way.remove(&transfer.id)
        };
        for waiter in under_way.into_iter().flat_map(|under_way| under_way.waiters) {
            // Whoever went away can ask again by the id.
            let _ = waiter.send(record.clone());
        }
    }

    /// Where the journal has a transfer, if its id is remembered.
    pub(crate) fn position_of(&self, id: TransferId) -> Option<Position> {
        self.stripe(id).lock().window.outcome(id)
    }

    fn stripe(&self, id: TransferId) -> &Mutex<Stripe> {
        // The last byte of a time-ordered id is random in every client worth its name; a bad one only slows itself.
        let [.., last] = id.to_bytes();
        let index = usize::from(last) % STRIPES;
        self.stripes.get(index).unwrap_or_else(|| unreachable!("there are {STRIPES} stripes"))
    }
}
