//! Admission: the one bound on how much is under way, and the memory of which transfer ids were used.
//!
//! Whatever is let in holds a permit for its slot in the committer's queue until it is durable and published. So no
//! queue behind this point can overflow, and overload is refused here, before anything was decided.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::{HashMap, HashMapExt as _};
use parking_lot::Mutex;
use quittance_journal::{Position, Record};
use quittance_ledger::{Claim, Event, Fingerprint, IdWindow, Refusal, Timestamp, Transfer, TransferId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use crate::batch::Batch;
use crate::error::EngineError;
use crate::order::{Moved, TransferRecord};

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
    fingerprint: Fingerprint,
    first: Waiter,
    /// Those who asked for the same meanwhile.
    others: Vec<Waiter>,
    /// The slot of one that is in no batch.
    _permit: Option<OwnedSemaphorePermit>,
}

/// What became of a transfer, as the journal has it.
pub(crate) struct Outcome<'a> {
    pub(crate) position: Position,
    pub(crate) at: Timestamp,
    pub(crate) transfer: &'a Transfer,
    pub(crate) refusal: Option<Refusal>,
}

impl<'a> Outcome<'a> {
    /// What a record says became of a transfer, if it is about one.
    pub(crate) fn of(position: Position, record: &'a Record) -> Option<Self> {
        let (transfer, refusal) = match &record.event {
            Event::TransferSettled(transfer) => (transfer, None),
            Event::TransferRefused(transfer, refusal) => (transfer, Some(*refusal)),
            _ => return None,
        };
        Some(Self { position, at: record.at, transfer, refusal })
    }

    pub(crate) fn record(&self) -> TransferRecord {
        let transfer = Box::new(self.transfer.clone());
        TransferRecord { position: self.position, at: self.at, transfer, refusal: self.refusal }
    }

    const fn moved(&self) -> Moved {
        Moved { position: self.position, at: self.at, refusal: self.refusal }
    }
}

/// Who waits for what becomes of a transfer.
#[derive(Debug)]
enum Waiter {
    Alone(oneshot::Sender<TransferRecord>),
    /// A batch, of which it is the one of this number.
    InBatch(Arc<Batch>, usize),
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

impl Waiter {
    fn is_gone(&self) -> bool {
        match self {
            Self::Alone(waiter) => waiter.is_closed(),
            Self::InBatch(..) => false,
        }
    }

    fn tell(self, outcome: &Outcome<'_>) {
        match self {
            // Whoever went away can ask again by the id.
            Self::Alone(waiter) => drop(waiter.send(outcome.record())),
            Self::InBatch(batch, index) => batch.complete(index, outcome.moved()),
        }
    }
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
        self.permits(1)
    }

    /// Reserves so many slots in the committer's queue, or none.
    pub(crate) fn permits(&self, count: u32) -> Result<OwnedSemaphorePermit, EngineError> {
        if self.is_stopping.load(Ordering::Acquire) {
            return Err(EngineError::Stopping);
        }
        Arc::clone(&self.slots).try_acquire_many_owned(count).map_err(|error| match error {
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
        let (waiter, receiver) = oneshot::channel();
        let permit = || check().and_then(|()| self.permit()).map(Some);
        Ok(match self.claim_for(transfer, now, Waiter::Alone(waiter), permit)? {
            Claim::New => Claimed::New(receiver),
            Claim::Pending => Claimed::UnderWay(receiver),
            Claim::Done(position) => Claimed::Done(position),
        })
    }

    /// As [`Admission::claim`], for the one of this number in a batch, which waits for it unless it was finished before.
    pub(crate) fn claim_in_batch(
        &self,
        transfer: &Transfer,
        now: Timestamp,
        batch: &Arc<Batch>,
        index: usize,
    ) -> Result<Claim<Position>, EngineError> {
        // Before anybody can complete it.
        batch.expect();
        let waiter = Waiter::InBatch(Arc::clone(batch), index);
        let claimed = self.claim_for(transfer, now, waiter, || Ok(None));
        if !matches!(claimed, Ok(Claim::New | Claim::Pending)) {
            batch.end_one();
        }
        claimed
    }

    fn claim_for(
        &self,
        transfer: &Transfer,
        now: Timestamp,
        waiter: Waiter,
        permit: impl FnOnce() -> Result<Option<OwnedSemaphorePermit>, EngineError>,
    ) -> Result<Claim<Position>, EngineError> {
        let fingerprint = transfer.fingerprint();
        let mut guard = self.stripe(transfer.id).lock();
        let stripe = &mut *guard;
        let claim = stripe.window.claim(transfer.id, fingerprint, now)?;
        match claim {
            Claim::Done(_) => {}
            Claim::Pending => {
                if let Some(under_way) = stripe.under_way.get_mut(&transfer.id) {
                    // Whoever went away need not be told.
                    under_way.others.retain(|waiter| !waiter.is_gone());
                    under_way.others.push(waiter);
                }
            }
            Claim::New => {
                let permit = permit().inspect_err(|_| stripe.window.abandon(transfer.id))?;
                let under_way = UnderWay { fingerprint, first: waiter, others: Vec::new(), _permit: permit };
                stripe.under_way.insert(transfer.id, under_way);
            }
        }
        Ok(claim)
    }

    /// Remembers what became of a transfer, tells those who wait, and frees its slot. Also how recovery fills the memory.
    pub(crate) fn complete(&self, outcome: &Outcome<'_>) {
        let transfer = outcome.transfer;
        let under_way = {
            let mut stripe = self.stripe(transfer.id).lock();
            let under_way = stripe.under_way.remove(&transfer.id);
            let known = under_way.as_ref().map(|under_way| under_way.fingerprint);
            let fingerprint = known.unwrap_or_else(|| transfer.fingerprint());
            stripe.window.complete(transfer.id, fingerprint, outcome.position);
            under_way
        };
        if let Some(UnderWay { first, others, .. }) = under_way {
            first.tell(outcome);
            others.into_iter().for_each(|waiter| waiter.tell(outcome));
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
