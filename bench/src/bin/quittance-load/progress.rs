//! The line that tells how the load is getting on.

use std::time::Instant;

use crate::figures::grouped;
use crate::tally::Totals;

/// What was told before.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: Instant,
    told: Instant,
    answered: u64,
}

impl Default for Progress {
    fn default() -> Self {
        let now = Instant::now();
        Self { begun: now, told: now, answered: 0 }
    }
}

impl Progress {
    /// What there is to tell at `now`.
    pub(crate) fn line(&mut self, totals: Totals, now: Instant, is_counted: bool) -> String {
        let answered = totals.answered();
        let since = now.saturating_duration_since(self.told).as_secs_f64();
        let rate = answered.saturating_sub(self.answered) as f64 / since.max(f64::EPSILON);
        (self.told, self.answered) = (now, answered);
        format!(
            "{:>5} s  {:>14} done  {:>10}/s  {:>10} refused  {:>10} turned away  {:>6} failed{}",
            now.saturating_duration_since(self.begun).as_secs(),
            grouped(answered),
            grouped(rate as u64),
            grouped(totals.refused),
            grouped(totals.turned_away),
            grouped(totals.failed),
            if is_counted { "" } else { "  (warm-up)" },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_rate_is_of_what_came_since_the_line_before() {
        let mut progress = Progress::default();
        let begun = progress.begun;
        let totals = |settled| Totals { settled, refused: 10, turned_away: 7, failed: 0, surprises: 0 };
        let _ = progress.line(totals(990), begun + Duration::from_secs(1), false);
        let line = progress.line(totals(5_990), begun + Duration::from_secs(3), true);
        assert_eq!(
            line,
            "    3 s           6,000 done       2,500/s          10 refused           7 turned away       0 failed"
        );
    }
}
