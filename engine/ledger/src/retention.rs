//! The window in which transfer ids are remembered: what makes a transfer happen at most once, for ever.
//!
//! Ids are time-ordered, so the window is a range of ids. Inside it every id is remembered; an id from before it is
//! refused, because nobody could say any more whether it was used.
//!
//! There are many ids of transfers that are finished, so of each only a hash is kept, and where its record is. That another id
//! has the same hash is rare, and not for this window to see: whoever can read the record says.

use std::collections::BTreeMap;

use foldhash::HashMap;
use hashbrown::HashTable;

use crate::id::TransferId;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transfer::Fingerprint;

/// How far an id may be ahead of the server's clock.
pub const MAX_ID_AHEAD_MS: u64 = 5 * 60 * 1_000;

/// What stands for the id of a finished transfer. Others may have the same. Clients choose ids, so it is made with a key that
/// they don't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdHash(pub [u8; 5]);

/// Where the record of a finished transfer is: a number of 48 bits, by which the caller finds it.
pub type Place = u64;

/// What became of asking for an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The id is new: [`IdWindow::take`] it, and say [`IdWindow::complete`] at the end.
    New,
    /// The same transfer was asked for before and is not finished.
    Pending,
    /// There is a finished transfer that may be of this id: the one whose record is there. If it is not, ask again without it.
    Perhaps(Place),
}

#[derive(Clone, Debug)]
struct UnderWay<Waiting> {
    fingerprint: Fingerprint,
    waiting: Waiting,
}

/// Five bytes of the hash and six of the place: room for a million transfers a second for nine years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Finished([u8; 11]);

/// How many low bits of the millisecond that an id was made in do not tell one slice of the window from another: about a minute.
const SLICE_BITS: u32 = 16;

/// The ids that are remembered: those that are under way, and the others in slices of the time that they were made in. A slice is
/// forgotten as a whole when all of it is older than the window. `Waiting` is whatever the caller keeps of what is under way.
#[derive(Clone, Debug)]
pub struct IdWindow<Waiting> {
    slices: BTreeMap<u64, HashTable<Finished>>,
    under_way: HashMap<TransferId, UnderWay<Waiting>>,
    window_ms: u64,
    /// Never goes back, even where the clock does: what was once too old stays so.
    opens_at: Timestamp,
}

impl IdHash {
    /// Spread over the bits that a table looks at.
    const fn spread(self) -> u64 {
        let Self([a, b, c, d, e]) = self;
        let hash = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
        hash | (hash << 40)
    }
}

impl Finished {
    fn new(IdHash([a, b, c, d, e]): IdHash, place: Place) -> Self {
        let [x, y, f, g, h, i, j, k] = place.to_be_bytes();
        assert_eq!([x, y], [0; 2], "a place has 48 bits");
        Self([a, b, c, d, e, f, g, h, i, j, k])
    }

    const fn hash(self) -> IdHash {
        let Self([a, b, c, d, e, ..]) = self;
        IdHash([a, b, c, d, e])
    }

    const fn place(self) -> Place {
        let Self([.., f, g, h, i, j, k]) = self;
        u64::from_be_bytes([0, 0, f, g, h, i, j, k])
    }
}

impl<Waiting> IdWindow<Waiting> {
    /// An empty window of this length, as of `now`.
    #[must_use]
    pub fn new(window_ms: u64, now: Timestamp) -> Self {
        let opens_at = now.minus_millis(window_ms);
        Self { slices: BTreeMap::new(), under_way: HashMap::default(), window_ms, opens_at }
    }

    /// How many ids are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        let finished: usize = self.slices.values().map(HashTable::len).sum();
        finished.saturating_add(self.under_way.len())
    }

    /// Whether no id is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the finished transfers are that may be of this id.
    pub fn places(&self, id: TransferId, hash: IdHash) -> impl Iterator<Item = Place> + '_ {
        let same = self.slices.get(&id_slice(id.made_at())).into_iter();
        let same = same.flat_map(move |slice| slice.iter_hash(hash.spread()));
        same.filter(move |finished| finished.hash() == hash).map(|finished| finished.place())
    }

    /// Asks for an id for a transfer. `ruled_out` are the places that it was found not to be at.
    ///
    /// # Errors
    /// The id is older than the window, ahead of the clock, or another transfer's that is under way.
    pub fn claim(
        &mut self,
        id: TransferId,
        hash: IdHash,
        fingerprint: Fingerprint,
        now: Timestamp,
        ruled_out: &[Place],
    ) -> Result<Claim, Refusal> {
        self.advance(now);
        if id.made_at() < self.opens_at {
            return Err(Refusal::IdTooOld);
        }
        if id.made_at() > now.plus_millis(MAX_ID_AHEAD_MS) {
            return Err(Refusal::IdAhead);
        }
        if let Some(under_way) = self.under_way.get(&id) {
            let is_same = under_way.fingerprint == fingerprint;
            return if is_same { Ok(Claim::Pending) } else { Err(Refusal::IdConflict) };
        }
        let perhaps = self.places(id, hash).find(|place| !ruled_out.contains(place));
        Ok(perhaps.map_or(Claim::New, Claim::Perhaps))
    }

    /// Takes an id that a claim found new.
    pub fn take(&mut self, id: TransferId, fingerprint: Fingerprint, waiting: Waiting) {
        let taken = self.under_way.insert(id, UnderWay { fingerprint, waiting });
        assert!(taken.is_none(), "an id is taken once");
    }

    /// What the caller keeps of a transfer that is under way.
    pub fn waiting_mut(&mut self, id: TransferId) -> Option<&mut Waiting> {
        self.under_way.get_mut(&id).map(|under_way| &mut under_way.waiting)
    }

    /// Remembers where the record of a transfer is, and gives what was kept of it. Also how a window is filled from a journal; ids
    /// from before the window are passed over.
    pub fn complete(&mut self, id: TransferId, hash: IdHash, place: Place) -> Option<Waiting> {
        let under_way = self.under_way.remove(&id);
        // Where the window went past it while it was under way, nobody will ask for it any more.
        if id.made_at() >= self.opens_at {
            assert!(self.places(id, hash).all(|known| known != place), "a record is of one transfer");
            self.insert(id_slice(id.made_at()), hash, place);
        }
        under_way.map(|under_way| under_way.waiting)
    }

    /// Remembers where the records of so many transfers are, whose ids are of a slice of time. Slices from before the window are
    /// passed over.
    pub fn restore(&mut self, slice: u64, count: usize, ids: impl IntoIterator<Item = (IdHash, Place)>) {
        if slice < id_slice(self.opens_at) || count == 0 {
            return;
        }
        let known = self.slices.entry(slice).or_default();
        known.reserve(count, spread);
        for (hash, place) in ids {
            known.insert_unique(hash.spread(), Finished::new(hash, place), spread);
        }
    }

    /// Moves the window on, and forgets the slices that fall out of it. What is under way keeps its id.
    pub fn advance(&mut self, now: Timestamp) {
        self.opens_at = self.opens_at.max(now.minus_millis(self.window_ms));
        let first_kept = id_slice(self.opens_at);
        while let Some(oldest) = self.slices.first_entry() {
            if *oldest.key() >= first_kept {
                break;
            }
            oldest.remove();
        }
    }

    fn insert(&mut self, slice: u64, hash: IdHash, place: Place) {
        let finished = Finished::new(hash, place);
        self.slices.entry(slice).or_default().insert_unique(hash.spread(), finished, spread);
    }
}

const fn spread(finished: &Finished) -> u64 {
    finished.hash().spread()
}

/// The slice of time that an id is of which was made then: about a minute.
#[must_use]
pub const fn id_slice(made_at: Timestamp) -> u64 {
    made_at.as_millis() >> SLICE_BITS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

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

    /// A window, and the journal that its places are of. Ids have one of few hashes.
    struct Tried {
        window: IdWindow<u8>,
        journal: BTreeMap<Place, (TransferId, Fingerprint)>,
        hashes: u8,
    }

    /// What a caller makes of a claim.
    #[derive(Debug, PartialEq, Eq)]
    enum Answer {
        New,
        Pending,
        Done(Place),
    }

    impl Tried {
        fn new(hashes: u8) -> Self {
            Self { window: IdWindow::new(WINDOW_MS, NOW), journal: BTreeMap::new(), hashes }
        }

        fn hash(&self, id: TransferId) -> IdHash {
            IdHash([0, 0, 0, 0, id.to_bytes()[15].checked_rem(self.hashes).unwrap()])
        }

        fn claim(
            &mut self,
            id: TransferId,
            fingerprint: Fingerprint,
            now: Timestamp,
        ) -> Result<Answer, Refusal> {
            let mut ruled_out = Vec::new();
            loop {
                match self.window.claim(id, self.hash(id), fingerprint, now, &ruled_out)? {
                    Claim::New => {
                        self.window.take(id, fingerprint, 0);
                        return Ok(Answer::New);
                    }
                    Claim::Pending => return Ok(Answer::Pending),
                    Claim::Perhaps(place) => match self.journal[&place] {
                        (other, _) if other != id => ruled_out.push(place),
                        (_, known) if known != fingerprint => return Err(Refusal::IdConflict),
                        _ => return Ok(Answer::Done(place)),
                    },
                }
            }
        }

        fn complete(&mut self, id: TransferId, fingerprint: Fingerprint, place: Place) {
            self.journal.insert(place, (id, fingerprint));
            self.window.complete(id, self.hash(id), place);
        }
    }

    #[test]
    fn a_place_of_48_bits_is_kept() {
        let (hash, place) = (IdHash([1, 2, 3, 4, 5]), (1 << 48) - 2);
        let finished = Finished::new(hash, place);
        assert_eq!((finished.hash(), finished.place()), (hash, place));
    }

    #[test]
    fn an_id_is_claimed_once() {
        let mut tried = Tried::new(1);
        let (first, second) = (id(NOW, 1), id(NOW, 2));
        assert_eq!(tried.claim(first, print(1), NOW), Ok(Answer::New));
        assert_eq!(tried.claim(first, print(1), NOW), Ok(Answer::Pending));
        assert_eq!(tried.claim(first, print(2), NOW), Err(Refusal::IdConflict));
        tried.complete(first, print(1), 7);
        assert_eq!(tried.claim(first, print(1), NOW), Ok(Answer::Done(7)));
        assert_eq!(tried.claim(first, print(2), NOW), Err(Refusal::IdConflict));
        assert_eq!(tried.claim(second, print(1), NOW), Ok(Answer::New));
    }

    #[test]
    fn an_id_outside_the_window_is_refused_even_if_the_clock_goes_back() {
        let mut tried = Tried::new(1);
        let old = id(NOW.minus_millis(WINDOW_MS), 1);
        assert_eq!(tried.claim(old, print(1), NOW), Ok(Answer::New));
        tried.complete(old, print(1), 1);
        let later = NOW.plus_millis(1);
        assert_eq!(tried.claim(old, print(1), later), Err(Refusal::IdTooOld));
        assert_eq!(tried.claim(old, print(1), NOW), Err(Refusal::IdTooOld));
        tried.window.advance(NOW.plus_millis(2 << SLICE_BITS));
        assert!(tried.window.is_empty());
        let ahead = id(NOW.plus_millis(MAX_ID_AHEAD_MS + 1), 1);
        assert_eq!(tried.claim(ahead, print(1), NOW), Err(Refusal::IdAhead));
    }

    #[test]
    fn a_pending_id_is_not_forgotten() {
        let mut tried = Tried::new(1);
        let id = id(NOW, 1);
        assert_eq!(tried.claim(id, print(1), NOW), Ok(Answer::New));
        tried.window.advance(NOW.plus_millis(2 << SLICE_BITS));
        assert_eq!(tried.window.len(), 1);
        tried.complete(id, print(1), 1);
        assert!(tried.window.is_empty());
    }

    #[test]
    fn a_slice_from_before_the_window_is_not_restored() {
        let mut window = IdWindow::<u8>::new(WINDOW_MS, NOW);
        window.restore(id_slice(NOW), 1, [(IdHash([1; 5]), 3)]);
        window.restore(0, 1, [(IdHash([2; 5]), 4)]);
        assert_eq!(window.len(), 1);
        assert_eq!(window.places(id(NOW, 1), IdHash([1; 5])).collect::<Vec<_>>(), [3]);
    }

    proptest! {
        /// Whatever ids have one hash, each claim is answered as by a plain map of whole ids.
        #[test]
        fn claims_are_answered_as_by_a_plain_map(
            steps in proptest::collection::vec((any::<bool>(), 0_u8..24, 1_u8..3, 0_u64..40), 1..200),
            hashes in 1_u8..6,
        ) {
            let mut tried = Tried::new(hashes);
            let mut plain: BTreeMap<TransferId, (Fingerprint, Option<Place>)> = BTreeMap::new();
            let mut now = NOW;
            for ((is_claim, n, body, later), place) in steps.into_iter().zip(1..) {
                now = now.plus_millis(later);
                let id = id(NOW.plus_millis(u64::from(n) * 50), n);
                if is_claim {
                    let expected = match plain.get(&id) {
                        _ if id.made_at() < now.minus_millis(WINDOW_MS) => Err(Refusal::IdTooOld),
                        None => Ok(Answer::New),
                        Some((known, _)) if *known != print(body) => Err(Refusal::IdConflict),
                        Some((_, None)) => Ok(Answer::Pending),
                        Some((_, Some(place))) => Ok(Answer::Done(*place)),
                    };
                    if expected == Ok(Answer::New) {
                        plain.insert(id, (print(body), None));
                    }
                    prop_assert_eq!(tried.claim(id, print(body), now), expected);
                } else if let Some((known, done @ None)) = plain.get_mut(&id) {
                    *done = Some(place);
                    tried.complete(id, *known, place);
                }
            }
        }
    }
}
