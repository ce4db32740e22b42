//! The head of a statement: whose it is, for which period, and between which balances.

use std::fmt;
use std::str::FromStr;

use quittance_ledger::{AccountId, Currency, Name, Timestamp, WalletId};
use serde::{Serialize, Serializer};

use crate::error::StatementError;

/// The most bytes of a statement's id: what ISO 20022 gives a message's.
pub const MAX_STATEMENT_ID_BYTES: usize = 35;

/// What a statement is called. No two statements of a server may have one id: camt.053 shows it as the message's.
///
/// The letters are those that every bank's system takes, fewer than ISO 20022 allows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StatementId(String);

impl StatementId {
    /// The id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StatementId {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let has_good_letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let has_good_ends = !text.starts_with('-') && !text.ends_with('-');
        let has_good_length = (1..=MAX_STATEMENT_ID_BYTES).contains(&text.len());
        if has_good_letters && has_good_ends && has_good_length {
            Ok(Self(text.to_owned()))
        } else {
            Err(StatementError::NotAnId)
        }
    }
}

impl fmt::Display for StatementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for StatementId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// How many lines, and what they add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// How many lines.
    pub lines: u64,
    /// The sum of their amounts in minor units. A year of large payments can be more than a balance may.
    pub amount: u128,
}

/// What a statement's lines add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The lines that brought units.
    pub credits: Sum,
    /// The lines that took units.
    pub debits: Sum,
}

impl Totals {
    /// By how much the lines change the balance.
    #[must_use]
    pub fn net(&self) -> i128 {
        // As many lines as there may be, of the largest amount, stay below 2^117.
        let signed = |sum: Sum| i128::try_from(sum.amount).unwrap_or(i128::MAX);
        signed(self.credits).saturating_sub(signed(self.debits))
    }
}

/// The head of a statement. Balances are in minor units.
///
/// The closing balance and the totals are known before the first line is written, because camt.053 shows them first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What the statement is called.
    pub id: StatementId,
    /// Where the statement stands in the sequence of the wallet's statements, if there is one.
    pub sequence: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The wallet it is of.
    pub wallet: WalletId,
    /// The account that owns the wallet; none owns an issuer's.
    pub account: Option<AccountId>,
    /// What the owner is called.
    pub owner_name: Option<Name>,
    /// The wallet's currency.
    pub currency: Currency,
    /// The first instant of the period.
    pub from: Timestamp,
    /// The first instant after the period.
    pub to: Timestamp,
    /// The balance at `from`, before any line.
    pub opening: i64,
    /// The balance at `to`, after the last line.
    pub closing: i64,
    /// Whether only some of the period's lines are written, those that somebody looked for. Their balances then don't lead from
    /// one to the next, and camt.053 has no form of it.
    pub is_filtered: bool,
    /// What the lines will add up to, where it is known. It is held against them at the end, and camt.053 shows it.
    pub totals: Option<Totals>,
}

impl Statement {
    /// The last instant of the period.
    #[must_use]
    pub const fn last_instant(&self) -> Timestamp {
        self.to.minus_millis(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_fits_a_message_id() {
        for good in ["1", "2026-11-0193a2b40c5d", &"x".repeat(35)] {
            assert_eq!(good.parse::<StatementId>().unwrap().as_str(), good);
        }
        for bad in ["", &"x".repeat(36), "a b", "a/b", "-a", "a-", "é", "<a>", "a\n"] {
            assert!(matches!(bad.parse::<StatementId>(), Err(StatementError::NotAnId)), "{bad:?}");
        }
    }
}
