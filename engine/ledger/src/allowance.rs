//! Allowances: the limits of a whole account in one currency, over all its wallets.
//!
//! An allowance is an actor's state as a wallet is: it decides its part of each transfer that counts toward it, between the
//! payer's wallet and the others. It counts from when limits were first set.
//!
//! What is set aside counts at once. What of it is let go is the wallet's to say, so the event that says so tells the
//! allowance too, see [`LetGo`].

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::event::Event;
use crate::id::AccountId;
use crate::limits::{LimitKind, Limits, Spending};
use crate::money::{Amount, CurrencyCode};
use crate::refusal::Refusal;
use crate::transfer::Transfer;

/// An allowance's durable state: what a checkpoint keeps of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowanceSnapshot {
    /// Whose it is.
    pub account: AccountId,
    /// Of which currency.
    pub currency: CurrencyCode,
    /// What may be paid.
    pub limits: Limits,
    /// What was paid.
    pub spending: Spending,
}

/// Units that were set aside and are no longer, and that count toward the limits of an account no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetGo {
    /// Whose limits.
    pub account: AccountId,
    /// Of which currency.
    pub currency: CurrencyCode,
    /// The day on which they counted.
    pub counted_on: Day,
    /// How much.
    pub amount: Amount,
}

/// The limits of an account in one currency, and what counts toward them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    posted: AllowanceSnapshot,
    /// With what is decided and not yet in the journal.
    decided_limits: Limits,
    decided_spending: Spending,
}

impl Allowance {
    /// No limits, and nothing paid.
    #[must_use]
    pub fn new(account: AccountId, currency: CurrencyCode) -> Self {
        let (limits, spending) = (Limits::default(), Spending::default());
        Self::restore(AllowanceSnapshot { account, currency, limits, spending })
    }

    /// The allowance that a checkpoint remembered, with nothing in flight.
    #[must_use]
    pub const fn restore(snapshot: AllowanceSnapshot) -> Self {
        Self { posted: snapshot, decided_limits: snapshot.limits, decided_spending: snapshot.spending }
    }

    /// Its durable state.
    #[must_use]
    pub const fn snapshot(&self) -> AllowanceSnapshot {
        self.posted
    }

    /// Decides that the limits are these from now on. `None`: they are already.
    #[must_use]
    pub fn decide_limits(&self, limits: Limits) -> Option<Event> {
        let AllowanceSnapshot { account, currency, .. } = self.posted;
        (limits != self.decided_limits).then_some(Event::AccountLimited { account, currency, limits })
    }

    /// Accepts what [`Allowance::decide_limits`] allowed.
    pub const fn expect_limits(&mut self, limits: Limits) {
        self.decided_limits = limits;
    }

    /// Decides whether a transfer stays within the limits, and gives the day on which it counts, where it does: the day of the
    /// payer's wallet, or a later one where another wallet of the account is ahead of it.
    ///
    /// # Errors
    /// The first limit that it would exceed.
    pub fn decide(&self, transfer: &Transfer) -> Result<Option<Day>, Refusal> {
        let Some(day) = transfer.counted_on else { return Ok(None) };
        let day = self.decided_spending.day_of(day);
        match self.decided_limits.exceeded_by(self.decided_spending, day, transfer.limited_amount()) {
            None => Ok(Some(day)),
            Some(LimitKind::Payment) => Err(Refusal::AccountPaymentLimitExceeded),
            Some(LimitKind::Day) => Err(Refusal::AccountDayLimitExceeded),
            Some(LimitKind::Month) => Err(Refusal::AccountMonthLimitExceeded),
        }
    }

    /// Accepts what [`Allowance::decide`] allowed and gave the day of, which the transfer now says.
    pub fn accept(&mut self, transfer: &Transfer) {
        if let Some(day) = transfer.account_counted_on {
            self.decided_spending.add(day, transfer.limited_amount());
        }
    }

    /// Takes back what was accepted: a later stop refused.
    pub fn take_back(&mut self, transfer: &Transfer) {
        if let Some(day) = transfer.account_counted_on {
            self.decided_spending.take_back(day, transfer.limited_amount());
        }
    }

    /// Changes the durable state by an event that is its own.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::AccountLimited { limits, .. } => self.posted.limits = *limits,
            Event::TransferSettled(transfer) => {
                if let Some(day) = transfer.account_counted_on {
                    self.posted.spending.add(day, transfer.limited_amount());
                }
            }
            _ => {}
        }
        if let Some(LetGo { counted_on, amount, .. }) = event.let_go() {
            self.decided_spending.take_back(counted_on, amount.get());
            self.posted.spending.take_back(counted_on, amount.get());
        }
    }

    /// As [`Allowance::apply`], where nothing is in flight: what is durable is then what is in force.
    pub fn replay(&mut self, event: &Event) {
        self.apply(event);
        *self = Self::restore(self.posted);
    }
}
