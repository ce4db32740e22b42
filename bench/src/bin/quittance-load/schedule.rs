//! When requests start, how many transfers each has, and whether they count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the load lasts once it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Until so many transfers were sent.
    Transfers(u64),
    /// For so long.
    Time(Duration),
}

/// The one plan that all callers take their turns from.
#[derive(Debug)]
pub(crate) struct Schedule {
    begin: Instant,
    warm_up: Duration,
    goal: Goal,
    per_request: u64,
    /// How long after one request the next is to start; none in a closed loop.
    interval: Option<Duration>,
    requests: AtomicU64,
    /// How many transfers that count were given out.
    counted: AtomicU64,
}

/// One request to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// When it is to start; none: at once.
    pub(crate) intended: Option<Instant>,
    /// How many transfers it has.
    pub(crate) transfers: u64,
    /// Whether it comes after the warm-up.
    pub(crate) is_counted: bool,
}

impl Schedule {
    /// A schedule that begins at `begin`, with `per_request` transfers to a request, and in an open loop `rate` transfers a
    /// second.
    pub(crate) fn new(
        begin: Instant,
        warm_up: Duration,
        goal: Goal,
        per_request: u64,
        rate: Option<f64>,
    ) -> Self {
        Self {
            begin,
            warm_up,
            goal,
            per_request,
            interval: rate.map(|rate| Duration::from_secs_f64(per_request as f64 / rate)),
            requests: AtomicU64::new(0),
            counted: AtomicU64::new(0),
        }
    }

    /// The instant from which on transfers count.
    pub(crate) fn counts_from(&self) -> Instant {
        self.begin + self.warm_up
    }

    /// The next turn of a caller that is free at `now`; none: the load is over.
    pub(crate) fn next(&self, now: Instant) -> Option<Turn> {
        let intended = self.interval.map(|interval| {
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            self.begin + Duration::from_secs_f64(interval.as_secs_f64() * number as f64)
        });
        let start = intended.unwrap_or(now);
        let is_counted = start >= self.counts_from();
        let transfers = match self.goal {
            Goal::Time(time) => {
                if start >= self.counts_from() + time {
                    return None;
                }
                self.per_request
            }
            Goal::Transfers(all) if is_counted => {
                let before = self.counted.fetch_add(self.per_request, Ordering::Relaxed);
                all.saturating_sub(before).min(self.per_request)
            }
            Goal::Transfers(all) => all.min(self.per_request),
        };
        (transfers > 0).then_some(Turn { intended, transfers, is_counted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn so_many_transfers_are_given_out_and_no_more() {
        let begin = Instant::now();
        let schedule = Schedule::new(begin, Duration::ZERO, Goal::Transfers(25), 10, None);
        let turn = |transfers| Some(Turn { intended: None, transfers, is_counted: true });
        assert_eq!(schedule.next(begin), turn(10));
        assert_eq!(schedule.next(begin), turn(10));
        assert_eq!(schedule.next(begin), turn(5));
        assert_eq!(schedule.next(begin), None);
        assert_eq!(schedule.next(begin), None);
    }

    #[test]
    fn what_starts_in_the_warm_up_does_not_count() {
        let begin = Instant::now();
        let schedule = Schedule::new(begin, SECOND, Goal::Transfers(10), 10, None);
        for _ in 0..5 {
            assert!(schedule.next(begin).is_some_and(|turn| !turn.is_counted));
        }
        assert!(schedule.next(begin + SECOND).is_some_and(|turn| turn.is_counted));
        assert_eq!(schedule.next(begin + SECOND), None);
    }

    #[test]
    fn time_runs_out() {
        let begin = Instant::now();
        let schedule = Schedule::new(begin, SECOND, Goal::Time(SECOND), 1, None);
        assert!(schedule.next(begin + SECOND * 199 / 100).is_some());
        assert_eq!(schedule.next(begin + SECOND * 2), None);
    }

    #[test]
    fn in_an_open_loop_starts_do_not_depend_on_when_callers_are_free() {
        let begin = Instant::now();
        let schedule = Schedule::new(begin, SECOND, Goal::Time(SECOND), 100, Some(200.0));
        let late = begin + SECOND * 60;
        let turns: Vec<Turn> = std::iter::from_fn(|| schedule.next(late)).collect();
        let intended: Vec<_> = turns.iter().filter_map(|turn| turn.intended).collect();
        assert_eq!(intended, [0, 1, 2, 3].map(|half| begin + SECOND * half / 2));
        assert_eq!(turns.iter().map(|turn| turn.is_counted).collect::<Vec<_>>(), [false, false, true, true]);
    }

    #[test]
    fn nothing_to_send_is_over_at_once() {
        let begin = Instant::now();
        let schedule = Schedule::new(begin, SECOND, Goal::Transfers(0), 100, None);
        assert_eq!(schedule.next(begin), None);
    }
}
