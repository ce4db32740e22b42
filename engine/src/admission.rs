//! Admission: the one bound on how much is under way, and the memory of which transfer ids were used.
//!
//! Whatever is let in holds a permit for its slot in the committer's queue until it is durable and published. So no
//! queue behind this point can overflow, and overload is refused here, before anything was decided.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use quittance_journal::{Position, Record};
use quittance_ledger::{Claim, Event, IdHash, IdWindow, Refusal, Timestamp, Transfer, TransferId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use crate::batch::Batch;
use crate::error::EngineError;
use crate::order::{Moved, TransferRecord};
use crate::store::{IdKey, IdsOfSlice};
use crate::sync::{AtomicBool, AtomicUsize, Ordering};

/// How many parts the memory of ids is split into, so that claims seldom meet.
const STRIPES: usize = 64;

/// So many ids are restored sooner by one thread than others are started.
const FEW_IDS: usize = 65_536;

#[derive(Debug)]
pub(crate) struct Admission {
    slots: Arc<Semaphore>,
    max_in_flight: usize,
    is_stopping: AtomicBool,
    /// Whether the store's disk is nearly full.
    is_space_low: AtomicBool,
    stripes: Box<[Mutex<Stripe>]>,
    id_key: IdKey,
}

type Stripe = IdWindow<UnderWay>;

#[derive(Debug)]
struct UnderWay {
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
    /// It may have been finished before, at this position: see whether it is the one there, and if not, ask again without it.
    Perhaps(Position),
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
    pub(crate) fn new(max_in_flight: usize, id_window_ms: u64, now: Timestamp, id_key: IdKey) -> Self {
        let stripe = || Mutex::new(IdWindow::new(id_window_ms, now));
        Self {
            slots: Arc::new(Semaphore::new(max_in_flight)),
            max_in_flight,
            is_stopping: AtomicBool::new(false),
            is_space_low: AtomicBool::new(false),
            stripes: std::iter::repeat_with(stripe).take(STRIPES).collect(),
            id_key,
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
        if self.is_space_low() {
            return Err(EngineError::SpaceLow);
        }
        Arc::clone(&self.slots).try_acquire_many_owned(count).map_err(|error| match error {
            TryAcquireError::NoPermits => EngineError::Overloaded,
            TryAcquireError::Closed => EngineError::Stopping,
        })
    }

    /// Whether whatever would write is refused because the store's disk is nearly full.
    pub(crate) fn is_space_low(&self) -> bool {
        self.is_space_low.load(Ordering::Relaxed)
    }

    pub(crate) fn set_space_low(&self, is_low: bool) {
        self.is_space_low.store(is_low, Ordering::Relaxed);
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

    /// Takes a transfer's id, or finds what may have become of it. `check` is asked of new ones alone; where it says no, the id
    /// stays free. `ruled_out` are positions that the transfer was found not to be at.
    pub(crate) fn claim(
        &self,
        transfer: &Transfer,
        now: Timestamp,
        ruled_out: &[Position],
        check: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<Claimed, EngineError> {
        let (waiter, receiver) = oneshot::channel();
        let permit = || check().and_then(|()| self.permit()).map(Some);
        Ok(match self.claim_for(transfer, now, ruled_out, Waiter::Alone(waiter), permit)? {
            Claim::New => Claimed::New(receiver),
            Claim::Pending => Claimed::UnderWay(receiver),
            Claim::Perhaps(place) => Claimed::Perhaps(Position::new(place)),
        })
    }

    /// As [`Admission::claim`], for the one of this number in a batch, which waits for it unless it may be finished.
    pub(crate) fn claim_in_batch(
        &self,
        transfer: &Transfer,
        now: Timestamp,
        ruled_out: &[Position],
        batch: &Arc<Batch>,
        index: usize,
    ) -> Result<Claim, EngineError> {
        // Before anybody can complete it.
        batch.expect();
        let waiter = Waiter::InBatch(Arc::clone(batch), index);
        let claimed = self.claim_for(transfer, now, ruled_out, waiter, || Ok(None));
        if !matches!(claimed, Ok(Claim::New | Claim::Pending)) {
            batch.end_one();
        }
        claimed
    }

    fn claim_for(
        &self,
        transfer: &Transfer,
        now: Timestamp,
        ruled_out: &[Position],
        waiter: Waiter,
        permit: impl FnOnce() -> Result<Option<OwnedSemaphorePermit>, EngineError>,
    ) -> Result<Claim, EngineError> {
        let (hash, fingerprint) = (self.id_key.hash(transfer.id), transfer.fingerprint());
        let ruled_out: Vec<_> = ruled_out.iter().map(|position| position.get()).collect();
        let mut stripe = self.stripe(hash).lock();
        let claim = stripe.claim(transfer.id, hash, fingerprint, now, &ruled_out)?;
        match claim {
            Claim::Perhaps(_) => {}
            Claim::Pending => {
                if let Some(under_way) = stripe.waiting_mut(transfer.id) {
                    // Whoever went away need not be told.
                    under_way.others.retain(|waiter| !waiter.is_gone());
                    under_way.others.push(waiter);
                }
            }
            Claim::New => {
                let under_way = UnderWay { first: waiter, others: Vec::new(), _permit: permit()? };
                stripe.take(transfer.id, fingerprint, under_way);
            }
        }
        Ok(claim)
    }

    /// Remembers what became of a transfer, tells those who wait, and frees its slot. Also how recovery fills the memory.
    pub(crate) fn complete(&self, outcome: &Outcome<'_>) {
        let (id, place) = (outcome.transfer.id, outcome.position.get());
        let hash = self.id_key.hash(id);
        let under_way = self.stripe(hash).lock().complete(id, hash, place);
        if let Some(UnderWay { first, others, .. }) = under_way {
            first.tell(outcome);
            others.into_iter().for_each(|waiter| waiter.tell(outcome));
        }
    }

    /// Fills the memory from the index, on several threads where there is much.
    pub(crate) fn restore(&self, slice: u64, ids: &IdsOfSlice) {
        let threads =
            if ids.len() < FEW_IDS { Ok(NonZeroUsize::MIN) } else { thread::available_parallelism() };
        self.restore_on(threads.unwrap_or(NonZeroUsize::MIN), slice, ids);
    }

    fn restore_on(&self, threads: NonZeroUsize, slice: u64, ids: &IdsOfSlice) {
        let next = AtomicUsize::new(0);
        let restore_stripes = || loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(stripe) = self.stripes.get(index) else { break };
            let mut stripe = stripe.lock();
            for byte in (0..=u8::MAX).filter(|byte| stripe_of(*byte) == index) {
                let (count, ids) = ids.beginning_with(byte);
                stripe.restore(slice, count, ids.map(|(hash, position)| (hash, position.get())));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.get() {
                // One that does not start leaves its part to the others.
                let _ = thread::Builder::new().name("ids".to_owned()).spawn_scoped(scope, restore_stripes);
            }
            restore_stripes();
        });
    }

    /// Where the journal may have a transfer, if its id is remembered.
    pub(crate) fn positions_of(&self, id: TransferId) -> Vec<Position> {
        let hash = self.id_key.hash(id);
        self.stripe(hash).lock().places(id, hash).map(Position::new).collect()
    }

    fn stripe(&self, hash: IdHash) -> &Mutex<Stripe> {
        let IdHash([first, ..]) = hash;
        self.stripes.get(stripe_of(first)).unwrap_or_else(|| unreachable!("there are {STRIPES} stripes"))
    }
}

/// The stripe of the hashes that begin with this byte.
fn stripe_of(first: u8) -> usize {
    usize::from(first) % STRIPES
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
