//! A line of a statement: one movement of a wallet's balance.

use std::fmt;

use quittance_ledger::{
    Amount, Description, Name, PaymentRequestId, Reference, Timestamp, TransferId, WalletId,
};
use serde::{Deserialize, Serialize};

/// Which way units moved, seen from the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the wallet.
    Credit,
    /// Out of the wallet.
    Debit,
}

impl Direction {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Debit => "debit",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a movement was. The words are those of every form, and a released word never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// Units entered the system.
    Issue,
    /// Units left the system.
    Redemption,
    /// A payment request was paid.
    Payment,
    /// What had been set aside for a payment was taken.
    Capture,
    /// A payee gave back a payment, or a part of it.
    Refund,
    /// A transfer was undone, as if it had not been.
    Reversal,
    /// What the operator takes for a service.
    Fee,
    /// A share of a payment, passed on.
    Split,
    /// One side of an exchange of currencies.
    Conversion,
    /// The operator put a balance right.
    Adjustment,
    /// Money from outside became units of the wallet.
    TopUp,
    /// Units of the wallet became money outside.
    Withdrawal,
}

impl LineKind {
    /// Every kind there is.
    pub const ALL: [Self; 12] = [
        Self::Issue,
        Self::Redemption,
        Self::Payment,
        Self::Capture,
        Self::Refund,
        Self::Reversal,
        Self::Fee,
        Self::Split,
        Self::Conversion,
        Self::Adjustment,
        Self::TopUp,
        Self::Withdrawal,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Redemption => "redemption",
            Self::Payment => "payment",
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::Reversal => "reversal",
            Self::Fee => "fee",
            Self::Split => "split",
            Self::Conversion => "conversion",
            Self::Adjustment => "adjustment",
            Self::TopUp => "top-up",
            Self::Withdrawal => "withdrawal",
        }
    }
}

impl fmt::Display for LineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One movement of a wallet's balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where in the journal it was recorded.
    pub position: u64,
    /// Which of the position's movements it is: one record can move a wallet's balance more than once.
    pub leg: u8,
    /// When it was recorded.
    pub at: Timestamp,
    /// The transfer that it is of.
    pub transfer: TransferId,
    /// What it was.
    pub kind: LineKind,
    /// Which way units moved.
    pub direction: Direction,
    /// How many minor units.
    pub amount: Amount,
    /// The wallet's balance after it.
    pub balance_after: i64,
    /// The wallet on the other side.
    pub counterparty: Option<WalletId>,
    /// What the owner of the other side is called.
    pub counterparty_name: Option<Name>,
    /// What ties it to the payee's books.
    pub reference: Option<Reference>,
    /// The payment request that was paid.
    pub request: Option<PaymentRequestId>,
    /// The transfer it follows from: what is refunded or reversed, or the hold that is captured.
    pub related: Option<TransferId>,
    /// What it was for.
    pub note: Option<Description>,
}

impl Line {
    /// By how much it changes the balance.
    #[must_use]
    pub fn change(&self) -> i128 {
        let amount = i128::from(self.amount.get());
        match self.direction {
            Direction::Credit => amount,
            Direction::Debit => -amount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_words_of_the_other_forms() {
        for kind in LineKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        for direction in [Direction::Credit, Direction::Debit] {
            assert_eq!(serde_json::to_string(&direction).unwrap(), format!("\"{direction}\""));
        }
    }
}
