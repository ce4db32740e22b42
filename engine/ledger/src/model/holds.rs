//! Holds: what was set aside, and what became of it.

use std::collections::HashMap;

use super::in_force::MAX_UNDER_WAY_MS;
use super::{Breach, Ledger};
use crate::allowance::LetGo;
use crate::calendar::Day;
use crate::hold::MAX_HOLD_LIFETIME_MS;
use crate::id::{TransferId, WalletId};
use crate::money::Amount;
use crate::time::Timestamp;
use crate::transfer::{Leg, Purpose, Transfer};

/// Every hold there ever was.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds(HashMap<TransferId, Hold>);

#[derive(Clone, Debug)]
struct Hold {
    payer: WalletId,
    payee: WalletId,
    left: u64,
    until: Timestamp,
    is_over: bool,
    counted_on: Option<Day>,
    account_counted_on: Option<Day>,
}

/// What of a hold is set aside no longer and was not captured, and when the hold was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Freed {
    amount: u64,
    counted_on: Option<Day>,
    account_counted_on: Option<Day>,
}

impl Holds {
    fn check_place(
        &mut self,
        at: Timestamp,
        transfer: &Transfer,
        leg: &Leg,
        until: Timestamp,
    ) -> Result<(), Breach> {
        let earliest = at.minus_millis(MAX_UNDER_WAY_MS);
        if until <= earliest || until > at.plus_millis(MAX_HOLD_LIFETIME_MS) {
            return Err(Breach::HoldBroken(transfer.id, "its end is past, or too far away"));
        }
        let hold = Hold {
            payer: leg.payer,
            payee: leg.payee,
            left: leg.amount.get(),
            until,
            is_over: false,
            counted_on: transfer.counted_on,
            account_counted_on: transfer.account_counted_on,
        };
        self.0.insert(transfer.id, hold);
        Ok(())
    }

    /// Takes a capture in, and says what is let go with it.
    fn check_capture(
        &mut self,
        at: Timestamp,
        leg: &Leg,
        id: TransferId,
        is_final: bool,
    ) -> Result<Freed, Breach> {
        let broken = |why| Err(Breach::HoldBroken(id, why));
        let Some(hold) = self.0.get_mut(&id) else { return broken("it was not placed") };
        if hold.payer != leg.payer || hold.payee != leg.payee {
            return broken("it is captured between others");
        }
        if hold.is_over {
            return broken("it is captured after it was over");
        }
        if hold.until <= at.minus_millis(MAX_UNDER_WAY_MS) {
            return broken("it is captured after its end");
        }
        let Some(left) = hold.left.checked_sub(leg.amount.get()) else {
            return broken("more is captured than was set aside");
        };
        hold.left = if is_final { 0 } else { left };
        hold.is_over = hold.left == 0;
        let amount = if is_final { left } else { 0 };
        Ok(hold.freed(amount))
    }

    /// Takes in that a hold is let go. Its wallet says so by itself, so the instant is that of the decision.
    pub(super) fn check_end(
        &mut self,
        at: Timestamp,
        wallet: WalletId,
        id: TransferId,
        is_expired: bool,
    ) -> Result<Freed, Breach> {
        let broken = |why| Err(Breach::HoldBroken(id, why));
        let Some(hold) = self.0.get_mut(&id) else { return broken("it was not placed") };
        if hold.payer != wallet {
            return broken("it ends at another wallet");
        }
        if hold.is_over {
            return broken("it ends after it was over");
        }
        if is_expired != (hold.until <= at) {
            return broken("it expires before its time, or is released after it");
        }
        let freed = hold.freed(hold.left);
        hold.left = 0;
        hold.is_over = true;
        Ok(freed)
    }
}

impl Hold {
    const fn freed(&self, amount: u64) -> Freed {
        Freed { amount, counted_on: self.counted_on, account_counted_on: self.account_counted_on }
    }
}

impl Ledger {
    pub(super) fn check_holds(&mut self, at: Timestamp, transfer: &Transfer) -> Result<(), Breach> {
        for leg in transfer.legs() {
            match leg.purpose {
                Purpose::Hold { until, .. } => {
                    self.holds.check_place(at, transfer, leg, until)?;
                    self.set_aside(leg.payer, i128::from(leg.amount.get()));
                }
                Purpose::Capture { hold, is_final } => {
                    let freed = self.holds.check_capture(at, leg, hold, is_final)?;
                    self.set_aside(leg.payer, i128::from(leg.amount.get()).saturating_neg());
                    self.free(leg.payer, hold, freed, transfer.let_go)?;
                }
                _ => {}
            }
        }
        let has_capture = transfer.legs().any(|leg| matches!(leg.purpose, Purpose::Capture { .. }));
        if transfer.let_go.is_some() && !has_capture {
            return Err(Breach::HoldBroken(transfer.id, "it lets go what no hold set aside"));
        }
        Ok(())
    }

    fn set_aside(&mut self, wallet: WalletId, amount: i128) {
        if let Some(facts) = self.facts.get_mut(&wallet) {
            facts.held = facts.held.saturating_add(amount);
        }
    }

    /// What was let go can be spent again, and counts toward no limit. `told` is what the record tells the account's limits.
    pub(super) fn free(
        &mut self,
        wallet: WalletId,
        hold: TransferId,
        freed: Freed,
        told: Option<LetGo>,
    ) -> Result<(), Breach> {
        let Freed { amount, counted_on, account_counted_on } = freed;
        self.set_aside(wallet, i128::from(amount).saturating_neg());
        let Some(facts) = self.facts.get_mut(&wallet) else { return Ok(()) };
        if let Some(day) = counted_on {
            facts.counted.take_back(day, amount);
        }
        let counted = account_counted_on.zip(facts.account()).zip(Amount::new(amount).ok());
        let let_go = counted.map(|((counted_on, account), amount)| {
            let currency = facts.currency;
            LetGo { account, currency, counted_on, amount }
        });
        if told != let_go {
            return Err(Breach::HoldBroken(hold, "the limits of its account are told of another amount"));
        }
        if let Some(let_go) = let_go {
            self.limits.take_back(&let_go);
        }
        Ok(())
    }
}
