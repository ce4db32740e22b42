//! Refunds and reversals: what gives back some or all of a leg that is in the journal.

use std::collections::HashMap;

use super::Breach;
use super::in_force::MAX_UNDER_WAY_MS;
use crate::id::{TransferId, WalletId};
use crate::money::{Amount, CurrencyCode};
use crate::payment_request::PaymentKind;
use crate::refund::{LegId, MAX_REFUND_AGE_MS, Original};
use crate::time::Timestamp;
use crate::transfer::{Leg, Purpose, Transfer};

/// Every transfer there ever was, and what was given back of it.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    transfers: HashMap<TransferId, Settled>,
    given_back: HashMap<LegId, u64>,
}

/// A transfer that settled; one that was refused has no legs.
#[derive(Clone, Debug)]
struct Settled {
    at: Timestamp,
    legs: Box<[Moved]>,
}

#[derive(Clone, Copy, Debug)]
struct Moved {
    payer: WalletId,
    payee: WalletId,
    amount: Amount,
    currency: CurrencyCode,
    can_be_refunded: bool,
    can_be_reversed: bool,
}

impl History {
    pub(super) fn check_new(&self, id: TransferId) -> Result<(), Breach> {
        if self.transfers.contains_key(&id) { Err(Breach::TransferTwice(id)) } else { Ok(()) }
    }

    pub(super) fn add_refused(&mut self, id: TransferId) -> Result<(), Breach> {
        self.check_new(id)?;
        self.transfers.insert(id, Settled { at: Timestamp::EPOCH, legs: Box::default() });
        Ok(())
    }

    pub(super) fn add_settled(&mut self, at: Timestamp, transfer: &Transfer) {
        let legs = transfer.legs().map(Moved::by).collect();
        self.transfers.insert(transfer.id, Settled { at, legs });
    }

    /// Takes in what a transfer gives back.
    pub(super) fn check_refunds(&mut self, at: Timestamp, transfer: &Transfer) -> Result<(), Breach> {
        for leg in transfer.legs() {
            let (original, is_reversal) = match leg.purpose {
                Purpose::Refund(original) => (original, false),
                Purpose::Reversal(original) => (original, true),
                _ => continue,
            };
            let broken = |why| Err(Breach::RefundBroken(transfer.id, why));
            let Some((paid_at, moved)) = self.original(original.id) else {
                return broken("there was no such leg");
            };
            if original != (Original { id: original.id, amount: moved.amount, at: paid_at }) {
                return broken("the leg moved another amount, or at another instant");
            }
            let is_back = (leg.payer, leg.payee, leg.currency) == (moved.payee, moved.payer, moved.currency);
            if !is_back {
                return broken("the leg was between others");
            }
            if paid_at.plus_millis(MAX_REFUND_AGE_MS) < at.minus_millis(MAX_UNDER_WAY_MS) {
                return broken("the leg is too old");
            }
            if !(if is_reversal { moved.can_be_reversed } else { moved.can_be_refunded }) {
                return broken("the leg is of a kind that is not given back");
            }
            if is_reversal && leg.amount != moved.amount {
                return broken("the leg is taken back in part");
            }
            let given_back = self.given_back.entry(original.id).or_default();
            *given_back = given_back.saturating_add(leg.amount.get());
            if *given_back > moved.amount.get() {
                return broken("with what was given back before, it is more than the leg moved");
            }
        }
        Ok(())
    }

    fn original(&self, id: LegId) -> Option<(Timestamp, Moved)> {
        let settled = self.transfers.get(&id.transfer)?;
        Some((settled.at, *settled.legs.get(usize::from(id.leg))?))
    }
}

impl Moved {
    const fn by(leg: &Leg) -> Self {
        let Leg { payer, payee, amount, currency, purpose, .. } = *leg;
        let can_be_refunded = match purpose {
            Purpose::Payment(terms) => !matches!(terms.kind, PaymentKind::Conversion),
            Purpose::Capture { .. } => true,
            _ => false,
        };
        let can_be_reversed =
            !matches!(purpose, Purpose::Hold { .. } | Purpose::Refund(_) | Purpose::Reversal(_));
        Self { payer, payee, amount, currency, can_be_refunded, can_be_reversed }
    }
}
