//! Turns: how much is worked on at a time, and for whom.
//!
//! A request that costs the server something takes a turn of its party (an account, the operator, or all strangers together) before
//! any of that is done, and gives it back with its answer. Requests that find no turn free wait a moment in one bounded queue, and
//! whoever finds that full, or waits too long, is told to come back. No party can use up the turns or the queue:
//!
//! - a party has at most half of all turns;
//! - a free turn goes to the party with the fewest of those that wait;
//! - in a full queue the newest request of the party with the most makes way for one of a party with a quarter as many or fewer.
//!
//! So a party that asks for less than its share (the turns, over the parties that ask) is served whatever the others do.

mod queue;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use quittance_ledger::AccountId;
use tokio::sync::oneshot;

use queue::{Asked, Place, Queue};

pub(crate) use queue::Bounds;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Party {
    /// All who have not said who they are.
    Strangers,
    /// The operator.
    Operator,
    /// An account, by any of its devices.
    Account(AccountId),
}

/// No turn was free in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoTurn;

/// How often it is told that some were turned away.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The turns there are.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue<Party, Waiter>>,
    max_wait: Duration,
    /// What the turns are for, for the log.
    name: &'static str,
    turned_away: Mutex<TurnedAway>,
}

/// Those that were turned away since it was last told how many.
#[derive(Debug)]
struct TurnedAway {
    count: u64,
    told: Option<Instant>,
}

type Waiter = oneshot::Sender<Turn>;

/// A turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    shared: Arc<Shared>,
    /// None where another has it now.
    party: Option<Party>,
}

/// One that waits, until it has its turn or gives up.
struct Waiting<'a> {
    shared: &'a Shared,
    party: Party,
    place: Place,
}

impl Turns {
    pub(crate) fn new(name: &'static str, bounds: Bounds, max_wait: Duration) -> Self {
        let turned_away = Mutex::new(TurnedAway { count: 0, told: None });
        Self(Arc::new(Shared { queue: Mutex::new(Queue::new(bounds)), max_wait, name, turned_away }))
    }

    /// Takes a turn of a party, at once or after a moment.
    pub(crate) async fn take(&self, party: Party) -> Result<Turn, NoTurn> {
        let turn = self.wait(party).await;
        if turn.is_err() {
            self.0.tell_turned_away();
        }
        turn
    }

    async fn wait(&self, party: Party) -> Result<Turn, NoTurn> {
        let shared = &self.0;
        let (sender, receiver) = oneshot::channel();
        let asked = shared.queue.lock().ask(party, || sender);
        let (place, gone) = match asked {
            Asked::Turn => return Ok(Turn { shared: Arc::clone(shared), party: Some(party) }),
            Asked::Full(_) => return Err(NoTurn),
            Asked::Waits(place, gone) => (place, gone),
        };
        // It is told by this. Not under the lock, which whoever is woken wants next.
        drop(gone);
        // Also where whoever asked goes away.
        let _waiting = Waiting { shared, party, place };
        match tokio::time::timeout(shared.max_wait, receiver).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(NoTurn),
        }
    }
}

impl Shared {
    /// One line for many: under load a line each would be load too.
    fn tell_turned_away(&self) {
        let mut turned_away = self.turned_away.lock();
        turned_away.count = turned_away.count.saturating_add(1);
        if turned_away.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            tracing::warn!(what = self.name, count = turned_away.count, "too much is asked: turned away");
            *turned_away = TurnedAway { count: 0, told: Some(Instant::now()) };
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.queue.lock().give_up(self.party, self.place);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        while let Some(party) = self.party.take() {
            let next = self.shared.queue.lock().leave(party);
            let Some((next, waiter)) = next else { return };
            let turn = Self { shared: Arc::clone(&self.shared), party: Some(next) };
            // Whoever gives up at this very moment gives it back here.
            if let Err(mut turn) = waiter.send(turn) {
                self.party = turn.party.take();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::poll_immediate;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn account(n: u8) -> Party {
        Party::Account(AccountId::from_bytes([n; 16]).unwrap())
    }

    fn turns(max_at_once: usize, max_waiting: usize) -> Turns {
        let max_at_once_per_party = max_at_once.div_ceil(2);
        Turns::new("tests", Bounds { max_at_once, max_at_once_per_party, max_waiting }, LONG)
    }

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_turn_goes_on_to_who_waits() {
        let turns = turns(1, 8);
        let first = turns.take(account(1)).await.unwrap();
        let second = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(account(2)).await }
        });
        settle().await;
        assert!(!second.is_finished());
        drop(first);
        drop(second.await.unwrap().unwrap());
        assert!(turns.take(account(3)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_turned_away_and_leaves_nothing_behind() {
        let turns = turns(1, 8);
        let first = turns.take(account(1)).await.unwrap();
        assert_eq!(turns.take(account(2)).await.err(), Some(NoTurn));
        drop(first);
        assert!(turns.take(account(2)).await.is_ok());
    }

    #[tokio::test]
    async fn who_goes_away_with_a_turn_on_its_way_gives_it_back() {
        let turns = turns(1, 8);
        let first = turns.take(account(1)).await.unwrap();
        let mut second = Box::pin(turns.take(account(2)));
        assert!(poll_immediate(&mut second).await.is_none());
        let mut third = Box::pin(turns.take(account(3)));
        assert!(poll_immediate(&mut third).await.is_none());
        // The second has it now, and never looks.
        drop(first);
        drop(second);
        assert!(third.await.is_ok());
    }

    #[tokio::test]
    async fn who_makes_way_is_told_at_once() {
        let turns = turns(2, 5);
        let (_held, _too) = (turns.take(account(1)).await.unwrap(), turns.take(account(2)).await.unwrap());
        let waits = |party| {
            let turns = turns.clone();
            tokio::spawn(async move { turns.take(party).await })
        };
        let first: Vec<_> = (0..4).map(|_| waits(account(1))).collect();
        settle().await;
        let last = waits(account(1));
        settle().await;
        assert_eq!(turns.take(account(1)).await.err(), Some(NoTurn));
        let modest = waits(account(3));
        assert_eq!(last.await.unwrap().err(), Some(NoTurn));
        assert!(!modest.is_finished() && first.iter().all(|waiting| !waiting.is_finished()));
    }

    /// Three hundred callers of one account, each of which asks again as soon as it was served or turned away, and one of another.
    #[tokio::test]
    async fn a_modest_party_is_served_however_greedy_another_is() {
        let turns = turns(4, 16);
        let served = Arc::new(AtomicUsize::new(0));
        let greedy: Vec<_> = (0..300)
            .map(|_| {
                let (turns, served) = (turns.clone(), Arc::clone(&served));
                tokio::spawn(async move {
                    loop {
                        if let Ok(_turn) = turns.take(account(1)).await {
                            served.fetch_add(1, Ordering::Relaxed);
                            tokio::task::yield_now().await;
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        settle().await;
        for _ in 0..200 {
            let turn = turns.take(account(2)).await;
            assert!(turn.is_ok(), "half of the turns are nobody's but others'");
            tokio::task::yield_now().await;
        }
        assert!(served.load(Ordering::Relaxed) > 0, "what the modest one leaves is used");
        greedy.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
