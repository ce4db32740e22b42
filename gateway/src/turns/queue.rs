//! Whose turn is next: parties that want to be served, some of them much oftener than others.
//!
//! It must not know what a turn is for, nor what a party is. It knows no clock and waits for nothing.

use std::collections::btree_map::Entry as TreeEntry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

/// How many times as many of a party's must wait, for one to make way for another's. Parties that ask alike are told at once that the
/// queue is full, rather than one of them later.
const MANY_TIMES: usize = 4;

/// The bounds of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many have their turn at a time, at least one.
    pub(crate) max_at_once: usize,
    /// How many of one party's have their turn at a time, at least one.
    pub(crate) max_at_once_per_party: usize,
    /// How many wait.
    pub(crate) max_waiting: usize,
}

/// Names one that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

/// What asking for a turn comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<W> {
    /// It has its turn.
    Turn,
    /// It waits. Where the queue was full, the last one to come of the party with the most that wait has gone instead: it has many times
    /// as many.
    Waits(Place, Option<W>),
    /// The queue is full, and no party has many times as many that wait as this one.
    Full(W),
}

/// Those who have a turn are counted, and those who wait are kept: the party with the fewest turns is next, of several the one
/// that has gone without for longest.
#[derive(Debug)]
pub(super) struct Queue<P, W> {
    bounds: Bounds,
    parties: HashMap<P, Party<W>>,
    /// Those parties of which any wait, by their turns, and then by when they last had one.
    next: BTreeSet<(usize, u64, P)>,
    /// The same, by how many wait.
    longest: BTreeSet<(usize, P)>,
    at_once: usize,
    waiting: usize,
    /// Counts whatever happens, and so tells what was earlier.
    step: u64,
}

#[derive(Debug)]
struct Party<W> {
    at_once: usize,
    /// When it last had a turn, or came.
    since: u64,
    waiting: BTreeMap<Place, W>,
}

impl<P: Copy + Eq + Hash + Ord, W> Queue<P, W> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            parties: HashMap::new(),
            next: BTreeSet::new(),
            longest: BTreeSet::new(),
            at_once: 0,
            waiting: 0,
            step: 0,
        }
    }

    /// Asks for a turn, or to wait for one.
    pub(super) fn ask(&mut self, party: P, waiter: impl FnOnce() -> W) -> Asked<W> {
        self.step = self.step.saturating_add(1);
        let step = self.step;
        let state = self.parties.entry(party).or_insert_with(|| Party {
            at_once: 0,
            since: step,
            waiting: BTreeMap::new(),
        });
        // Nobody is passed over: who waits while there is room waits because his party has its share.
        if self.at_once < self.bounds.max_at_once && state.at_once < self.bounds.max_at_once_per_party {
            state.at_once = state.at_once.saturating_add(1);
            state.since = step;
            self.at_once = self.at_once.saturating_add(1);
            return Asked::Turn;
        }
        let waiting = state.waiting.len();
        let gone = if self.waiting < self.bounds.max_waiting {
            None
        } else {
            match self.longest.last().copied() {
                Some((most, greediest)) if most > waiting.saturating_add(1).saturating_mul(MANY_TIMES) => {
                    self.change(greediest, |state| state.waiting.pop_last()).map(|(_, gone)| gone)
                }
                _ => {
                    self.forget_if_idle(party);
                    return Asked::Full(waiter());
                }
            }
        };
        let place = Place(step);
        self.change(party, |state| _ = state.waiting.insert(place, waiter()));
        Asked::Waits(place, gone)
    }

    /// Gives a turn back. Gives who has the next one.
    pub(super) fn leave(&mut self, party: P) -> Option<(P, W)> {
        self.change(party, |state| state.at_once = state.at_once.saturating_sub(1));
        self.at_once = self.at_once.saturating_sub(1);
        let (fewest, _, next) = self.next.first().copied()?;
        if fewest >= self.bounds.max_at_once_per_party || self.at_once >= self.bounds.max_at_once {
            return None;
        }
        self.step = self.step.saturating_add(1);
        let step = self.step;
        let waiter = self.change(next, |state| {
            state.at_once = state.at_once.saturating_add(1);
            state.since = step;
            state.waiting.pop_first()
        });
        self.at_once = self.at_once.saturating_add(1);
        waiter.map(|(_, waiter)| (next, waiter))
    }

    /// Waits no longer. Whoever had gone already is no error.
    pub(super) fn give_up(&mut self, party: P, place: Place) {
        self.change(party, |state| {
            if let TreeEntry::Occupied(waiting) = state.waiting.entry(place) {
                waiting.remove();
            }
        });
    }

    /// Changes a party and keeps what is sorted sorted. Every change goes this way.
    fn change<T: Default>(&mut self, party: P, change: impl FnOnce(&mut Party<W>) -> T) -> T {
        let Some(state) = self.parties.get_mut(&party) else { return T::default() };
        let before = state.waiting.len();
        if before > 0 {
            self.next.remove(&(state.at_once, state.since, party));
            self.longest.remove(&(before, party));
        }
        let changed = change(state);
        let after = state.waiting.len();
        if after > 0 {
            self.next.insert((state.at_once, state.since, party));
            self.longest.insert((after, party));
        }
        self.waiting = self.waiting.saturating_add(after).saturating_sub(before);
        self.forget_if_idle(party);
        changed
    }

    fn forget_if_idle(&mut self, party: P) {
        if self.parties.get(&party).is_some_and(|state| state.at_once == 0 && state.waiting.is_empty()) {
            self.parties.remove(&party);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { max_at_once: 4, max_at_once_per_party: 2, max_waiting: 6 };

    type Waiters = Queue<u8, u32>;

    fn asks(queue: &mut Waiters, party: u8, number: u32) -> Asked<u32> {
        queue.ask(party, || number)
    }

    #[test]
    fn a_party_never_has_more_than_its_share() {
        let mut queue = Waiters::new(BOUNDS);
        assert_eq!(asks(&mut queue, 1, 0), Asked::Turn);
        assert_eq!(asks(&mut queue, 1, 1), Asked::Turn);
        assert!(matches!(asks(&mut queue, 1, 2), Asked::Waits(_, None)));
        // There is room for others at once.
        assert_eq!(asks(&mut queue, 2, 3), Asked::Turn);
        assert_eq!(queue.leave(1), Some((1, 2)));
        assert_eq!(queue.leave(1), None);
        assert_eq!(queue.leave(1), None);
        assert_eq!(queue.leave(2), None);
        assert!(queue.parties.is_empty());
    }

    #[test]
    fn the_party_with_the_fewest_turns_is_next_however_many_others_wait() {
        let mut queue = Waiters::new(Bounds { max_at_once: 2, max_at_once_per_party: 2, max_waiting: 99 });
        for number in 0..50 {
            let _ = asks(&mut queue, 1, number);
        }
        assert!(matches!(asks(&mut queue, 2, 100), Asked::Waits(..)));
        assert!(matches!(asks(&mut queue, 2, 101), Asked::Waits(..)));
        assert_eq!(queue.leave(1), Some((2, 100)));
        // One each, so whoever has gone without for longer.
        assert_eq!(queue.leave(2), Some((2, 101)));
        assert_eq!(queue.leave(2), Some((1, 2)));
    }

    #[test]
    fn in_a_full_queue_the_last_of_the_longest_makes_way() {
        let mut queue = Waiters::new(BOUNDS);
        for number in 0..8 {
            let _ = asks(&mut queue, 1, number);
        }
        for (party, number) in [(2, 20), (2, 21)] {
            assert_eq!(asks(&mut queue, party, number), Asked::Turn);
        }
        assert_eq!(asks(&mut queue, 1, 8), Asked::Full(8));
        for (party, number, gone) in [(2, 22, 7), (3, 30, 6)] {
            assert!(matches!(asks(&mut queue, party, number), Asked::Waits(_, Some(last)) if last == gone));
        }
        // Four of the first wait, which is not many times as many as none and one more.
        assert_eq!(asks(&mut queue, 2, 23), Asked::Full(23));
        assert_eq!(asks(&mut queue, 4, 40), Asked::Full(40));
        assert_eq!(asks(&mut queue, 1, 9), Asked::Full(9));
        assert_eq!(queue.waiting, BOUNDS.max_waiting);
    }

    #[test]
    fn who_gives_up_is_not_called() {
        let mut queue = Waiters::new(Bounds { max_at_once: 1, max_at_once_per_party: 1, max_waiting: 9 });
        assert_eq!(asks(&mut queue, 1, 0), Asked::Turn);
        let Asked::Waits(place, None) = asks(&mut queue, 1, 1) else { panic!("it waits") };
        assert!(matches!(asks(&mut queue, 1, 2), Asked::Waits(..)));
        queue.give_up(1, place);
        queue.give_up(1, place);
        assert_eq!(queue.waiting, 1);
        assert_eq!(queue.leave(1), Some((1, 2)));
        assert_eq!(queue.leave(1), None);
        assert!(queue.parties.is_empty() && queue.next.is_empty() && queue.longest.is_empty());
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Ask(u8),
        Leave(usize),
        GiveUp(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            // The first party asks ten times as often as the others together.
            10 => Just(Step::Ask(0)),
            1 => (1_u8..4).prop_map(Step::Ask),
            6 => any::<prop::sample::Index>().prop_map(|index| Step::Leave(index.index(1 << 20))),
            1 => any::<prop::sample::Index>().prop_map(|index| Step::GiveUp(index.index(1 << 20))),
        ]
    }

    proptest! {
        /// Against a list that is searched from end to end each time.
        #[test]
        fn turns_go_to_whom_the_rule_says(steps in prop::collection::vec(step(), 0..400)) {
            let mut queue = Waiters::new(BOUNDS);
            let mut having: Vec<u8> = Vec::new();
            let mut waiting: Vec<(u8, u32, Place)> = Vec::new();
            let mut number = 0;
            for step in steps {
                match step {
                    Step::Ask(party) => {
                        number += 1;
                        let its_turns = having.iter().filter(|other| **other == party).count();
                        let count = |of: u8| waiting.iter().filter(|(other, ..)| *other == of).count();
                        let most = (0..4).map(count).max().unwrap_or(0);
                        let its_waiting = count(party);
                        match asks(&mut queue, party, number) {
                            Asked::Turn => {
                                prop_assert!(having.len() < BOUNDS.max_at_once && its_turns < BOUNDS.max_at_once_per_party);
                                having.push(party);
                            }
                            Asked::Waits(place, gone) => {
                                prop_assert!(having.len() == BOUNDS.max_at_once || its_turns == BOUNDS.max_at_once_per_party);
                                prop_assert_eq!(gone.is_some(), waiting.len() == BOUNDS.max_waiting);
                                if let Some(gone) = gone {
                                    let index = waiting.iter().position(|(_, number, _)| *number == gone).unwrap();
                                    let (greediest, ..) = waiting[index];
                                    prop_assert_eq!(count(greediest), most);
                                    prop_assert!(most > MANY_TIMES * (its_waiting + 1));
                                    prop_assert!(waiting[index + 1..].iter().all(|(other, ..)| *other != greediest));
                                    waiting.remove(index);
                                }
                                waiting.push((party, number, place));
                            }
                            Asked::Full(_) => {
                                prop_assert_eq!(waiting.len(), BOUNDS.max_waiting);
                                prop_assert!(most <= MANY_TIMES * (its_waiting + 1));
                            }
                        }
                    }
                    Step::Leave(index) if !having.is_empty() => {
                        let party = having.swap_remove(index % having.len());
                        let turns = |of: u8| having.iter().filter(|other| **other == of).count();
                        let may = |of: u8| turns(of) < BOUNDS.max_at_once_per_party;
                        let fewest = waiting.iter().map(|(of, ..)| turns(*of)).min();
                        match queue.leave(party) {
                            Some((next, number)) => {
                                prop_assert!(may(next));
                                prop_assert_eq!(Some(turns(next)), fewest);
                                let index = waiting.iter().position(|(of, ..)| *of == next).unwrap();
                                prop_assert_eq!(waiting[index].1, number, "who came first of a party goes first");
                                waiting.remove(index);
                                having.push(next);
                            }
                            None => prop_assert!(waiting.iter().all(|(of, ..)| !may(*of))),
                        }
                    }
                    Step::GiveUp(index) if !waiting.is_empty() => {
                        let (party, _, place) = waiting.remove(index % waiting.len());
                        queue.give_up(party, place);
                    }
                    Step::Leave(_) | Step::GiveUp(_) => {}
                }
                prop_assert_eq!((queue.at_once, queue.waiting), (having.len(), waiting.len()));
            }
            while let Some(party) = having.pop() {
                having.extend(queue.leave(party).map(|(next, _)| next));
            }
            prop_assert_eq!((queue.at_once, queue.waiting, queue.parties.len()), (0, 0, 0));
        }
    }
}
