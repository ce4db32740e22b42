//! The window in which transfer ids are remembered: what makes a transfer happen at most once, for ever.
//!
//! Ids are time-ordered, so the window is a range of ids. Inside it every id is remembered; an id from before it is
//! refused, because nobody could say any more whether it was used.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry as MapEntry;

use foldhash::HashMap;

use crate::id::TransferId;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transfer::Fingerprint;

/// How far an id may be ahead of the server's clock.
pub const MAX_ID_AHEAD_MS: u64 = 5 * 60 * 1_000;

/// What became of asking for an id. `Outcome` is whatever the caller keeps of a finished transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim<Outcome> {
    /// The id is new and now taken: go on, and say [`IdWindow::complete`] at the end.
    New,
    /// The same transfer was asked for before and is not finished.
    Pending,
    /// The same transfer was asked for before, and this came of it.
    Done(Outcome),
}

#[derive(Clone, Copy, Debug)]
struct Entry<Outcome> {
    fingerprint: Fingerprint,
    outcome: Option<Outcome>,
}

/// How many low bits of the millisecond that an id was made in do not tell one slice of the window from another: about a minute.
const SLICE_BITS: u32 = 16;

/// The ids that are remembered, in slices of the time that they were made in: an id is found by its hash within its slice,
/// and a slice is forgotten as a whole when all of it is older than the window.
#[derive(Clone, Debug)]
pub struct IdWindow<Outcome> {
    slices: BTreeMap<u64, HashMap<TransferId, Entry<Outcome>>>,
    window_ms: u64,
    /// Never goes back, even where the clock does: what was once too old stays so.
    opens_at: Timestamp,
}

impl<Outcome: Copy> IdWindow<Outcome> {
    /// An empty window of this length, as of `now`.
    #[must_use]
    pub const fn new(window_ms: u64, now: Timestamp) -> Self {
        Self { slices: BTreeMap::new(), window_ms, opens_at: now.minus_millis(window_ms) }
    }

    /// How many ids are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slices.values().map(HashMap::len).sum()
    }

    /// Whether no id is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What became of a transfer, if its id is remembered and it is finished.
    #[must_use]
    pub fn outcome(&self, id: TransferId) -> Option<Outcome> {
        self.slices.get(&slice_of(id.made_at()))?.get(&id)?.outcome
    }

    /// Takes an id for a transfer, or says what is known of it.
    ///
    /// # Errors
    /// The id is older than the window, ahead of the clock, or another transfer's.
    pub fn claim(
        &mut self,
        id: TransferId,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Result<Claim<Outcome>, Refusal> {
        self.advance(now);
        if id.made_at() < self.opens_at {
            return Err(Refusal::IdTooOld);
        }
        if id.made_at() > now.plus_millis(MAX_ID_AHEAD_MS) {
            return Err(Refusal::IdAhead);
        }
        let entry = match self.slice_mut(id).entry(id) {
            MapEntry::Occupied(entry) => *entry.get(),
            MapEntry::Vacant(vacant) => {
                vacant.insert(Entry { fingerprint, outcome: None });
                return Ok(Claim::New);
            }
        };
        if entry.fingerprint != fingerprint {
            return Err(Refusal::IdConflict);
        }
        Ok(entry.outcome.map_or(Claim::Pending, Claim::Done))
    }

    /// Remembers what became of a transfer. Also how a window is filled from a journal; ids from before the window
    /// are passed over.
    pub fn complete(&mut self, id: TransferId, fingerprint: Fingerprint, outcome: Outcome) {
        if id.made_at() < self.opens_at {
            // The window went past it while it was pending: nobody will ask for it any more.
            self.slice_mut(id).remove(&id);
            return;
        }
        let entry = self.slice_mut(id).entry(id).or_insert(Entry { fingerprint, outcome: None });
        assert!(entry.outcome.is_none(), "a transfer id has at most one effect");
        assert_eq!(entry.fingerprint, fingerprint, "an id names one transfer");
        entry.outcome = Some(outcome);
    }

    /// Gives back an id whose transfer never set out.
    pub fn abandon(&mut self, id: TransferId) {
        let taken = self.slice_mut(id).remove(&id);
        assert!(taken.is_none_or(|entry| entry.outcome.is_none()), "a finished transfer is not abandoned");
    }

    /// Moves the window on, and forgets the slices that fall out of it. An id that is still pending keeps its place.
    pub fn advance(&mut self, now: Timestamp) {
        self.opens_at = self.opens_at.max(now.minus_millis(self.window_ms));
        let first_kept = slice_of(self.opens_at);
        while let Some(mut oldest) = self.slices.first_entry() {
            if *oldest.key() >= first_kept {
                break;
            }
            oldest.get_mut().retain(|_, entry| entry.outcome.is_none());
            if !oldest.get().is_empty() {
                break;
            }
            oldest.remove();
        }
    }

    fn slice_mut(&mut self, id: TransferId) -> &mut HashMap<TransferId, Entry<Outcome>> {
        self.slices.entry(slice_of(id.made_at())).or_default()
    }
}

const fn slice_of(made_at: Timestamp) -> u64 {
    made_at.as_millis() >> SLICE_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_MS: u64 = 1_000;
    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn id(at: Timestamp, n: u8) -> TransferId {
        let mut bytes = TransferId::first_at(at).to_bytes();
        bytes[6] = 0x70;
        bytes[8] = 0x80;
        bytes[15] = n;
        TransferId::from_bytes(bytes).unwrap()
    }

    fn print(n: u8) -> Fingerprint {
        crate::transfer::tests::fingerprint_of(n)
    }

    #[test]
    fn an_id_is_claimed_once() {
        let mut window = IdWindow::new(WINDOW_MS, NOW);
        let id = id(NOW, 1);
        assert_eq!(window.claim(id, print(1), NOW), Ok(Claim::New));
        assert_eq!(window.claim(id, print(1), NOW), Ok(Claim::Pending));
        assert_eq!(window.claim(id, print(2), NOW), Err(Refusal::IdConflict));
        window.complete(id, print(1), 7);
        assert_eq!(window.claim(id, print(1), NOW), Ok(Claim::Done(7)));
        assert_eq!(window.claim(id, print(2), NOW), Err(Refusal::IdConflict));
    }

    #[test]
    fn an_id_outside_the_window_is_refused_even_if_the_clock_goes_back() {
        let mut window = IdWindow::<u8>::new(WINDOW_MS, NOW);
        let old = id(NOW.minus_millis(WINDOW_MS), 1);
        assert_eq!(window.claim(old, print(1), NOW), Ok(Claim::New));
        window.complete(old, print(1), 1);
        let later = NOW.plus_millis(1);
        assert_eq!(window.claim(old, print(1), later), Err(Refusal::IdTooOld));
        assert_eq!(window.claim(old, print(1), NOW), Err(Refusal::IdTooOld));
        window.advance(NOW.plus_millis(2 << SLICE_BITS));
        assert!(window.is_empty());
        let ahead = id(NOW.plus_millis(MAX_ID_AHEAD_MS + 1), 1);
        assert_eq!(window.claim(ahead, print(1), NOW), Err(Refusal::IdAhead));
    }

    #[test]
    fn a_pending_id_is_not_forgotten() {
        let mut window = IdWindow::<u8>::new(WINDOW_MS, NOW);
        let id = id(NOW, 1);
        assert_eq!(window.claim(id, print(1), NOW), Ok(Claim::New));
        window.advance(NOW.plus_millis(2 << SLICE_BITS));
        assert_eq!(window.len(), 1);
        window.complete(id, print(1), 1);
        assert!(window.is_empty());
    }

    #[test]
    fn an_id_that_the_window_passed_while_it_was_pending_holds_nothing_up() {
        let mut window = IdWindow::new(WINDOW_MS, NOW);
        let at_the_edge = id(NOW.minus_millis(WINDOW_MS), 1);
        assert_eq!(window.claim(at_the_edge, print(1), NOW), Ok(Claim::New));
        let next = id(NOW, 2);
        assert_eq!(window.claim(next, print(2), NOW.plus_millis(1)), Ok(Claim::New));
        window.complete(at_the_edge, print(1), 1);
        window.complete(next, print(2), 2);
        assert_eq!(window.len(), 1);
        window.advance(NOW.plus_millis(2 << SLICE_BITS));
        assert!(window.is_empty());
    }

    #[test]
    fn an_abandoned_id_is_free_again() {
        let mut window = IdWindow::<u8>::new(WINDOW_MS, NOW);
        let id = id(NOW, 1);
        assert_eq!(window.claim(id, print(1), NOW), Ok(Claim::New));
        window.abandon(id);
        assert_eq!(window.claim(id, print(2), NOW), Ok(Claim::New));
    }
}
