//! The check that every writer makes: that the lines lead from the opening balance to the closing one.

use quittance_ledger::Timestamp;

use crate::error::StatementError;
use crate::line::{Direction, Line};
use crate::statement::{Statement, Totals};

/// Where a statement stands: the balance after the lines so far, and what is still expected of the others.
#[derive(Debug)]
pub(crate) struct Chain {
    balance: i64,
    closing: i64,
    from: Timestamp,
    to: Timestamp,
    last: Option<(u64, u8)>,
    counted: Totals,
    stated: Option<Totals>,
    is_filtered: bool,
}

impl Chain {
    /// A chain that begins at the opening balance.
    pub(crate) fn begin(statement: &Statement) -> Result<Self, StatementError> {
        if statement.to <= statement.from {
            return Err(StatementError::EmptyPeriod);
        }
        if let Some(totals) = statement.totals {
            let reached = i128::from(statement.opening).saturating_add(totals.net());
            if reached != i128::from(statement.closing) {
                return Err(StatementError::TotalsDoNotClose { reached, closing: statement.closing });
            }
        }
        Ok(Self {
            balance: statement.opening,
            closing: statement.closing,
            from: statement.from,
            to: statement.to,
            last: None,
            counted: Totals::default(),
            stated: statement.totals,
            is_filtered: statement.is_filtered,
        })
    }

    /// Whether the line can stand next. Nothing is changed: see [`Chain::append`].
    pub(crate) fn check(&self, line: &Line) -> Result<(), StatementError> {
        let Line { position, leg, balance_after: stated, .. } = *line;
        if self.last.is_some_and(|last| last >= (position, leg)) {
            return Err(StatementError::OutOfOrder { position, leg });
        }
        if line.at < self.from || line.at >= self.to {
            return Err(StatementError::OutsidePeriod { position, leg });
        }
        // Two numbers of 64 bits can't overflow one of 128.
        let reached = i128::from(self.balance) + line.change();
        if reached != i128::from(stated) && !self.is_filtered {
            return Err(StatementError::BalanceBroken { position, leg, reached, stated });
        }
        Ok(())
    }

    /// Takes the line in, once it was checked and written.
    pub(crate) fn append(&mut self, line: &Line) {
        debug_assert!(self.check(line).is_ok(), "a line is appended after its check");
        self.balance = line.balance_after;
        self.last = Some((line.position, line.leg));
        let sum = match line.direction {
            Direction::Credit => &mut self.counted.credits,
            Direction::Debit => &mut self.counted.debits,
        };
        sum.lines = sum.lines.saturating_add(1);
        sum.amount = sum.amount.saturating_add(u128::from(line.amount.get()));
    }

    /// The closing balance that was stated.
    pub(crate) const fn closing(&self) -> i64 {
        self.closing
    }

    /// Whether the lines led where they should; and what they add up to.
    pub(crate) fn end(&self) -> Result<Totals, StatementError> {
        if self.balance != self.closing && !self.is_filtered {
            return Err(StatementError::ClosingDiffers { reached: self.balance, closing: self.closing });
        }
        match self.stated {
            Some(stated) if stated != self.counted => Err(StatementError::TotalsDiffer {
                counted: Box::new(self.counted),
                stated: Box::new(stated),
            }),
            _ => Ok(self.counted),
        }
    }
}
