//! Limits: how much may be paid out of a wallet, or by an account, at once, in a day and in a month.

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::money::Amount;

/// What may be paid. None: any amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// In one payment.
    pub per_payment: Option<Amount>,
    /// In one day.
    pub per_day: Option<Amount>,
    /// In one month.
    pub per_month: Option<Amount>,
}

/// A limit that a payment would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Of one payment.
    Payment,
    /// Of a day.
    Day,
    /// Of a month.
    Month,
}

/// What was paid on a day and in its month, in minor units. Payments and holds count when they are decided; what of a hold
/// is not captured counts no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// The day.
    pub day: Day,
    /// On that day.
    pub in_day: u64,
    /// In that day's month.
    pub in_month: u64,
}

impl Default for Spending {
    fn default() -> Self {
        Self { day: Day::NEVER, in_day: 0, in_month: 0 }
    }
}

impl Spending {
    /// The same, seen from `day`. It never goes back to an earlier one, which a change of the time zone could ask for.
    #[must_use]
    pub fn on(self, day: Day) -> Self {
        if day <= self.day {
            return self;
        }
        let in_month = if day.is_in_month_of(self.day) { self.in_month } else { 0 };
        Self { day, in_day: 0, in_month }
    }

    /// The day to count a payment on that is decided on `day`: no earlier one than before.
    #[must_use]
    pub(crate) fn day_of(self, day: Day) -> Day {
        day.max(self.day)
    }

    /// Adds what is counted on `day`. In whatever order payments are added, the same comes of it: they are decided in one order
    /// and recorded in another.
    pub(crate) fn add(&mut self, day: Day, amount: u64) {
        *self = self.on(day);
        if day == self.day {
            self.in_day = self.in_day.saturating_add(amount);
        }
        if day.is_in_month_of(self.day) {
            self.in_month = self.in_month.saturating_add(amount);
        }
    }

    /// Takes back what was added on `counted_on`, as far as it still counts.
    pub(crate) fn take_back(&mut self, counted_on: Day, amount: u64) {
        if counted_on == self.day {
            self.in_day = self.in_day.saturating_sub(amount);
        }
        if counted_on.is_in_month_of(self.day) {
            self.in_month = self.in_month.saturating_sub(amount);
        }
    }
}

impl Limits {
    /// Whether there is no limit.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.per_payment.is_none() && self.per_day.is_none() && self.per_month.is_none()
    }

    /// The first limit that one more payment of `amount` on `day` would exceed.
    #[must_use]
    pub fn exceeded_by(&self, spending: Spending, day: Day, amount: u64) -> Option<LimitKind> {
        let spent = spending.on(day);
        let exceeds = |limit: Option<Amount>, sum: u64| limit.is_some_and(|limit| sum > limit.get());
        if exceeds(self.per_payment, amount) {
            Some(LimitKind::Payment)
        } else if exceeds(self.per_day, spent.in_day.saturating_add(amount)) {
            Some(LimitKind::Day)
        } else if exceeds(self.per_month, spent.in_month.saturating_add(amount)) {
            Some(LimitKind::Month)
        } else {
            None
        }
    }

    /// What may still be paid on `day`, in the day and in the month; none where there is no limit.
    #[must_use]
    pub fn left(&self, spending: Spending, day: Day) -> (Option<u64>, Option<u64>) {
        let spent = spending.on(day);
        let left = |limit: Option<Amount>, sum: u64| limit.map(|limit| limit.get().saturating_sub(sum));
        (left(self.per_day, spent.in_day), left(self.per_month, spent.in_month))
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test fails it")]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const fn amount(minor: u64) -> Option<Amount> {
        match Amount::new(minor) {
            Ok(amount) => Some(amount),
            Err(_) => None,
        }
    }

    fn day(n: u64) -> Day {
        // 2026-11-28 and the days after it: the third is in December.
        Day::utc(Timestamp::from_secs(1_795_867_200 + (n * 86_400)))
    }

    #[test]
    fn each_limit_counts_what_it_says() {
        let limits = Limits { per_payment: amount(50), per_day: amount(80), per_month: amount(120) };
        let mut spending = Spending::default();
        let table = [
            (0, 51, Some(LimitKind::Payment)),
            (0, 50, None),
            (0, 31, Some(LimitKind::Day)),
            (0, 30, None),
            (0, 1, Some(LimitKind::Day)),
            (1, 41, Some(LimitKind::Month)),
            (1, 40, None),
            (2, 1, Some(LimitKind::Month)),
            (3, 50, None),
        ];
        for (on, paid, exceeded) in table {
            assert_eq!(limits.exceeded_by(spending, day(on), paid), exceeded, "{paid} on day {on}");
            if exceeded.is_none() {
                spending.add(day(on), paid);
            }
        }
        assert_eq!(limits.left(spending, day(3)), (Some(30), Some(70)));
    }

    /// Payments are decided in one order and recorded in another.
    #[test]
    fn in_whatever_order_payments_are_counted_the_same_comes_of_it() {
        let counted = [(0, 1), (1, 10), (1, 100), (3, 1_000), (2, 10_000)];
        for first in 0..counted.len() {
            let (mut forward, mut backward) = (Spending::default(), Spending::default());
            let rotated = || counted.iter().cycle().skip(first).take(counted.len());
            rotated().for_each(|(on, paid)| forward.add(day(*on), *paid));
            rotated().collect::<Vec<_>>().iter().rev().for_each(|(on, paid)| backward.add(day(*on), *paid));
            assert_eq!(forward, Spending { day: day(3), in_day: 1_000, in_month: 1_000 });
            assert_eq!(backward, forward);
        }
        let mut spending = Spending::default();
        for (on, paid) in [(2, 10_000), (0, 1), (1, 10), (1, 100)] {
            spending.add(day(on), paid);
            assert_eq!((spending.day, spending.in_day), (day(2), 10_000));
        }
        assert_eq!(spending.in_month, 10_111);
    }

    #[test]
    fn what_is_taken_back_counts_no_longer_where_it_counted() {
        let mut spending = Spending::default();
        spending.add(day(0), 30);
        spending.add(day(1), 20);
        spending.take_back(day(0), 30);
        assert_eq!(spending, Spending { day: day(1), in_day: 20, in_month: 20 });
        spending.take_back(day(1), 5);
        assert_eq!(spending, Spending { day: day(1), in_day: 15, in_month: 15 });
        assert_eq!(spending.on(day(0)), spending, "a day that is over does not come back");
    }
}
