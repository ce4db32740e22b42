//! Whether the ledger is what the answers said: every wallet's balance, and the sum of all of them.

use std::fmt;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use quittance_ledger::WalletId;
use serde::Serialize;

use crate::server::{Failure, Server};
use crate::tally::Tally;

/// How many balances are asked for at a time.
const ASKED_AT_ONCE: usize = 64;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What all wallets held before the load, in minor units.
    pub(crate) sum_before: i64,
    /// What they hold now.
    pub(crate) sum_after: i64,
    /// How many wallets hold something else than follows from the answers.
    pub(crate) wrong_balances: u64,
    /// How many answers were not as expected, or did not come.
    pub(crate) unexpected_answers: u64,
    /// The first of these.
    pub(crate) first_unexpected: Option<String>,
    /// What is in circulation by the audit of the store, in minor units; none where there was no audit.
    pub(crate) audited: Option<i64>,
}

impl Check {
    /// Holds balances before and after the load against what its answers said.
    pub(crate) fn new(before: &[i64], after: &[i64], tally: &Tally) -> Self {
        let wrong = before.iter().zip(after).zip(tally.moves());
        let wrong = wrong.filter(|((before, after), moved)| before.checked_add(*moved) != Some(**after));
        Self {
            sum_before: before.iter().sum(),
            sum_after: after.iter().sum(),
            wrong_balances: wrong.count() as u64,
            unexpected_answers: tally.totals().surprises,
            first_unexpected: tally.surprise(),
            audited: None,
        }
    }

    /// Whether all is as it should be.
    pub(crate) fn is_sound(&self) -> bool {
        self.sum_before == self.sum_after
            && self.wrong_balances == 0
            && self.unexpected_answers == 0
            && self.audited.is_none_or(|audited| audited == self.sum_after)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: wallets held {} and hold {}, {} of them not what they should; {} answers were not as expected",
            if self.is_sound() { "sound" } else { "NOT SOUND" },
            self.sum_before,
            self.sum_after,
            self.wrong_balances,
            self.unexpected_answers,
        )?;
        self.audited.map_or(Ok(()), |audited| write!(f, "; the audit finds {audited}"))
    }
}

/// What each wallet holds, in minor units.
///
/// # Errors
/// A wallet can't be read.
pub(crate) async fn balances<S: Server>(server: &S, wallets: &[WalletId]) -> Result<Vec<i64>, Failure> {
    stream::iter(wallets).map(|wallet| server.balance(*wallet)).buffered(ASKED_AT_ONCE).try_collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_must_be_what_the_answers_say() {
        let tally = Tally::new(2).unwrap();
        let sound = Check::new(&[5, 7], &[5, 7], &tally);
        assert!(sound.is_sound());
        assert!(Check { audited: Some(12), ..sound.clone() }.is_sound());
        assert!(!Check { audited: Some(13), ..sound.clone() }.is_sound());
        assert!(!Check { unexpected_answers: 1, ..sound }.is_sound());
        let moved = Check::new(&[5, 7], &[4, 8], &tally);
        assert_eq!((moved.sum_after, moved.wrong_balances, moved.is_sound()), (12, 2, false));
    }
}
