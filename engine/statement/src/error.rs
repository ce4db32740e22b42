//! Why a statement can't be written.

use std::io;

use quittance_ledger::{CurrencyCode, Timestamp};

use crate::statement::Totals;

/// Why a statement, or a line of it, can't be written.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The text is not a statement's id.
    #[error("a statement's id is 1 to 35 of A-Z, a-z, 0-9 and -, and begins and ends with a letter or digit")]
    NotAnId,
    /// The period ends when it begins, or before.
    #[error("the period is empty: `to` must be after `from`")]
    EmptyPeriod,
    /// An instant beyond what a calendar with years of four digits can write.
    #[error("{} ms after 1970 is past the year 9999, and can't be written", .0.as_millis())]
    PastCalendar(Timestamp),
    /// The totals that were stated do not lead from the opening balance to the closing one.
    #[error(
        "the stated totals lead from the opening balance to {reached}, but the closing balance is {closing}"
    )]
    TotalsDoNotClose {
        /// Where they lead.
        reached: i128,
        /// The closing balance that was stated.
        closing: i64,
    },
    /// A line does not come after the one before it.
    #[error("line {position}-{leg} is out of order: each line must come after the one before it")]
    OutOfOrder {
        /// The line's position in the journal.
        position: u64,
        /// Which of the position's movements it is.
        leg: u8,
    },
    /// A line is not of the period.
    #[error("line {position}-{leg} is outside the statement's period")]
    OutsidePeriod {
        /// The line's position in the journal.
        position: u64,
        /// Which of the position's movements it is.
        leg: u8,
    },
    /// A line's balance does not follow from the balance before it.
    #[error("line {position}-{leg} says the balance is {stated} after it, but the lines lead to {reached}")]
    BalanceBroken {
        /// The line's position in the journal.
        position: u64,
        /// Which of the position's movements it is.
        leg: u8,
        /// The balance the lines so far, and this one, lead to.
        reached: i128,
        /// The balance the line states.
        stated: i64,
    },
    /// The lines do not lead to the closing balance: some are missing, or too many.
    #[error(
        "the lines lead to {reached}, but the closing balance is {closing}: lines are missing, or too many"
    )]
    ClosingDiffers {
        /// The balance after the last line.
        reached: i64,
        /// The closing balance that was stated.
        closing: i64,
    },
    /// The lines are not as many, or not of the sums, that were stated.
    #[error("the lines add up to {counted:?}, but {stated:?} was stated")]
    TotalsDiffer {
        /// What the lines add up to.
        counted: Box<Totals>,
        /// What was stated.
        stated: Box<Totals>,
    },
    /// camt.053 has every entry of its period.
    #[error("camt.053 has every entry of its period: take what was looked for as CSV or JSON lines")]
    Filtered,
    /// camt.053 has only currencies of three letters.
    #[error(
        "{0} is a private currency, which camt.053 has no place for: take the statement as CSV or JSON lines"
    )]
    PrivateCurrency(CurrencyCode),
    /// camt.053 has at most five decimals.
    #[error("camt.053 has at most 5 decimals and this currency {0}: take the statement as CSV or JSON lines")]
    ExponentTooLarge(u8),
    /// camt.053 has at most 18 digits.
    #[error(
        "camt.053 has at most 18 digits, too few for {0} minor units: take the statement as CSV or JSON lines"
    )]
    TooManyDigits(u128),
    /// An encoder failed. Into memory none should.
    #[error("the statement could not be encoded")]
    Encoding(#[from] io::Error),
}
