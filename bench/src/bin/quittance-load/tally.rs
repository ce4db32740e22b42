//! What came of the transfers: counts, latencies, and what should have come of each wallet.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use crate::server::{Failure, Outcome, TurnedAway};
use crate::traffic::Draft;

/// The longest latency that is told from longer ones.
const MAX_LATENCY: Duration = Duration::from_secs(3_600);

/// To how many significant figures latencies are kept.
const FIGURES: u8 = 3;

/// The count that all callers add to.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Of all that were answered, in the warm-up too.
    settled: AtomicU64,
    refused: AtomicU64,
    turned_away: AtomicU64,
    /// What was not answered.
    failed: AtomicU64,
    counted: Mutex<Counted>,
    surprise: Mutex<Option<String>>,
    surprises: AtomicU64,
    /// By how much each wallet's balance should have changed; empty where that is not checked.
    moved: Vec<AtomicI64>,
}

/// How long a request took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Since it should have been sent.
    pub(crate) since_intended: Duration,
    pub(crate) since_sent: Duration,
}

/// What came after the warm-up.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    pub(crate) settled: u64,
    pub(crate) refused: u64,
    pub(crate) turned_away: u64,
    pub(crate) failed: u64,
    /// Of the requests that were answered, in microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// Of the same, from when they were sent.
    pub(crate) latencies_sent: Histogram<u64>,
    /// Of the requests that were turned away, from when they were sent.
    pub(crate) turned_away_latencies: Histogram<u64>,
    /// When the last answer came.
    pub(crate) last: Option<Instant>,
}

/// How many transfers came to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) settled: u64,
    pub(crate) refused: u64,
    pub(crate) turned_away: u64,
    pub(crate) failed: u64,
    /// How many of the answers were not what was expected.
    pub(crate) surprises: u64,
}

impl Totals {
    /// How many transfers were answered.
    pub(crate) const fn answered(&self) -> u64 {
        self.settled.saturating_add(self.refused)
    }
}

impl Tally {
    /// A tally that keeps the movements of so many wallets.
    ///
    /// # Errors
    /// Never: the histogram's bounds are in range.
    pub(crate) fn new(wallets: usize) -> Result<Self, Failure> {
        let latencies = Histogram::new_with_bounds(1, micros(MAX_LATENCY), FIGURES)?;
        Ok(Self {
            settled: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            counted: Mutex::new(Counted {
                settled: 0,
                refused: 0,
                turned_away: 0,
                failed: 0,
                latencies_sent: latencies.clone(),
                turned_away_latencies: latencies.clone(),
                latencies,
                last: None,
            }),
            surprise: Mutex::new(None),
            surprises: AtomicU64::new(0),
            moved: std::iter::repeat_with(AtomicI64::default).take(wallets).collect(),
        })
    }

    /// Takes in what came of a request.
    pub(crate) fn take(
        &self,
        drafts: &[Draft],
        answer: &Result<Vec<Outcome>, Failure>,
        is_counted: bool,
        times: Times,
    ) {
        let (mut settled, mut refused, mut turned_away, mut failed) = (0, 0, 0, 0);
        match answer {
            Ok(outcomes) => {
                if outcomes.len() != drafts.len() {
                    self.surprised(|| format!("{} outcomes of {} transfers", outcomes.len(), drafts.len()));
                }
                for (draft, outcome) in drafts.iter().zip(outcomes) {
                    if *outcome == Outcome::Settled {
                        settled += 1;
                        self.moved(draft);
                    } else {
                        refused += 1;
                    }
                    if *outcome != draft.expected {
                        self.surprised(|| format!("{outcome:?} in the place of {:?}", draft.expected));
                    }
                }
            }
            Err(failure) if failure.is::<TurnedAway>() => turned_away = drafts.len() as u64,
            Err(failure) => {
                failed = drafts.len() as u64;
                self.surprised(|| failure.to_string());
            }
        }
        self.settled.fetch_add(settled, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
        self.turned_away.fetch_add(turned_away, Ordering::Relaxed);
        self.failed.fetch_add(failed, Ordering::Relaxed);
        if is_counted {
            let mut counted = self.counted.lock();
            counted.settled += settled;
            counted.refused += refused;
            counted.turned_away += turned_away;
            counted.failed += failed;
            if answer.is_ok() {
                counted.latencies.saturating_record(micros(times.since_intended));
                counted.latencies_sent.saturating_record(micros(times.since_sent));
            } else if turned_away > 0 {
                counted.turned_away_latencies.saturating_record(micros(times.since_sent));
            }
            counted.last = counted.last.max(Some(Instant::now()));
        }
    }

    fn moved(&self, draft: &Draft) {
        let amount = i64::try_from(draft.amount.get()).unwrap_or(i64::MAX);
        for (wallet, change) in [(draft.payer, amount.wrapping_neg()), (draft.payee, amount)] {
            if let Some(moved) = self.moved.get(wallet) {
                moved.fetch_add(change, Ordering::Relaxed);
            }
        }
    }

    fn surprised(&self, what: impl FnOnce() -> String) {
        if self.surprises.fetch_add(1, Ordering::Relaxed) == 0 {
            *self.surprise.lock() = Some(what());
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            settled: self.settled.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            turned_away: self.turned_away.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            surprises: self.surprises.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn counted(&self) -> Counted {
        self.counted.lock().clone()
    }

    /// The first answer that was not as expected, in words.
    pub(crate) fn surprise(&self) -> Option<String> {
        self.surprise.lock().clone()
    }

    /// By how much each wallet's balance should have changed, in minor units.
    pub(crate) fn moves(&self) -> impl Iterator<Item = i64> + '_ {
        self.moved.iter().map(|moved| moved.load(Ordering::Relaxed))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use quittance_ledger::{Amount, TransferId};

    use super::*;

    fn draft(payer: usize, payee: usize, amount: u64, expected: Outcome) -> Draft {
        let id = TransferId::from_bytes([0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        Draft { id, payer, payee, amount: Amount::new(amount).unwrap(), expected }
    }

    #[test]
    fn answers_are_counted_and_held_against_what_was_expected() {
        let tally = Tally::new(3).unwrap();
        let drafts = [
            draft(0, 1, 5, Outcome::Settled),
            draft(1, 2, 7, Outcome::Settled),
            draft(2, 0, 9, Outcome::TooLittle),
            draft(2, 0, 9, Outcome::TooLittle),
        ];
        let answer = Ok(vec![Outcome::Settled, Outcome::Settled, Outcome::TooLittle, Outcome::Settled]);
        let times =
            |ms| Times { since_intended: Duration::from_millis(ms), since_sent: Duration::from_millis(1) };
        tally.take(&drafts, &answer, false, times(1));
        tally.take(&drafts[..1], &Err("gone".into()), true, times(2));
        tally.take(&drafts[..2], &Err(TurnedAway.into()), true, times(9));
        let totals = Totals { settled: 3, refused: 1, turned_away: 2, failed: 1, surprises: 2 };
        assert_eq!(tally.totals(), totals);
        assert_eq!(tally.surprise().as_deref(), Some("Settled in the place of TooLittle"));
        assert_eq!(tally.moves().collect::<Vec<_>>(), [4, -2, -2]);
        let counted = tally.counted();
        assert_eq!((counted.settled, counted.refused, counted.failed), (0, 0, 1));
        assert!(counted.latencies.is_empty() && counted.last.is_some());
        assert_eq!((counted.turned_away, counted.turned_away_latencies.max() / 100), (2, 10));
    }
}
