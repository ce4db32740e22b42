//! Refunds and reversals: how much of a transfer its payee has given back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::TransferId;
use crate::money::Amount;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// How long after a transfer it may be refunded or reversed: some 18 months, as card schemes have it. Until then the payee's
/// wallet remembers what it gave back.
pub const MAX_REFUND_AGE_MS: u64 = 540 * 24 * 3_600 * 1_000;

/// The most transfers of which one wallet remembers what it gave back.
pub const MAX_REFUNDED_PER_WALLET: usize = 500_000;

/// One leg of a transfer that is in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LegId {
    /// The transfer.
    pub transfer: TransferId,
    /// Which of its legs, from 0.
    pub leg: u8,
}

/// What is given back: a leg, with what the journal says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// The leg.
    pub id: LegId,
    /// How much it moved.
    pub amount: Amount,
    /// When.
    pub at: Timestamp,
}

/// What a wallet has given back of a leg that paid it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundState {
    /// How much the leg moved.
    pub amount: Amount,
    /// When.
    pub at: Timestamp,
    /// How much of it was given back, in minor units.
    pub refunded: u64,
}

/// What a wallet has given back: what the journal says, and what is decided but not yet in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefundBook {
    states: BTreeMap<LegId, RefundState>,
    ends: BTreeSet<(Timestamp, LegId)>,
    under_way: BTreeMap<LegId, RefundState>,
}

impl RefundBook {
    pub(crate) const fn new() -> Self {
        Self { states: BTreeMap::new(), ends: BTreeSet::new(), under_way: BTreeMap::new() }
    }

    /// What was given back of a leg, durably; none where nothing was.
    #[must_use]
    pub fn get(&self, id: LegId) -> Option<&RefundState> {
        self.states.get(&id)
    }

    /// Every leg of which something was given back.
    pub fn iter(&self) -> impl Iterator<Item = (LegId, &RefundState)> {
        self.states.iter().map(|(id, state)| (*id, state))
    }

    /// Whether no more can be remembered.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.states.len().saturating_add(self.under_way.len()) >= MAX_REFUNDED_PER_WALLET
    }

    /// Puts back what a checkpoint remembered.
    pub fn restore(&mut self, id: LegId, state: RefundState) {
        self.ends.insert((state.at, id));
        self.states.insert(id, state);
        assert_eq!(self.ends.len(), self.states.len(), "a leg was paid at one instant");
        assert!(state.refunded <= state.amount.get(), "refunds never exceed what was paid: {id:?} {state:?}");
    }

    /// Decides that `amount` minor units of a leg are given back, by all legs of one transfer together.
    ///
    /// # Errors
    /// It was paid too long ago, less than that is left of it, or something else was said of it before.
    pub(crate) fn decide(&self, original: &Original, amount: u64, now: Timestamp) -> Result<(), Refusal> {
        if now > original.at.plus_millis(MAX_REFUND_AGE_MS) {
            return Err(Refusal::RefundTooLate);
        }
        let (known, under_way) = (self.states.get(&original.id), self.under_way.get(&original.id));
        let is_same = |state: &RefundState| (state.amount, state.at) == (original.amount, original.at);
        if !known.into_iter().chain(under_way).all(is_same) {
            return Err(Refusal::NotRefundable);
        }
        if known.is_none() && self.is_full() {
            return Err(Refusal::TooManyRefunds);
        }
        let refunded = |state: Option<&RefundState>| state.map_or(0, |state| state.refunded);
        let sum = refunded(known).saturating_add(refunded(under_way)).saturating_add(amount);
        if sum > original.amount.get() { Err(Refusal::RefundExceedsTransfer) } else { Ok(()) }
    }

    pub(crate) fn expect(&mut self, original: &Original, amount: Amount) {
        let nothing = RefundState { amount: original.amount, at: original.at, refunded: 0 };
        let under_way = self.under_way.entry(original.id).or_insert(nothing);
        under_way.refunded = under_way.refunded.saturating_add(amount.get());
    }

    /// It is no longer on its way: it was refused, or it is durable.
    pub(crate) fn end(&mut self, original: &Original, amount: Amount) {
        if let Some(under_way) = self.under_way.get_mut(&original.id) {
            under_way.refunded = under_way.refunded.saturating_sub(amount.get());
            if under_way.refunded == 0 {
                self.under_way.remove(&original.id);
            }
        }
    }

    pub(crate) fn apply(&mut self, original: &Original, amount: Amount) {
        self.end(original, amount);
        let refunded = self.states.get(&original.id).map_or(0, |state| state.refunded);
        let refunded = refunded.saturating_add(amount.get());
        self.restore(original.id, RefundState { amount: original.amount, at: original.at, refunded });
    }

    /// Forgets at most `most` legs that can't be given back any more at `at`, and names them.
    pub(crate) fn forget_old(&mut self, at: Timestamp, most: usize) -> Vec<LegId> {
        let mut forgotten = Vec::new();
        while forgotten.len() < most {
            let Some((paid_at, id)) = self.ends.first().copied() else { break };
            // What is under way was decided when it was still in time.
            if paid_at.plus_millis(MAX_REFUND_AGE_MS) >= at || self.under_way.contains_key(&id) {
                break;
            }
            self.ends.pop_first();
            self.states.remove(&id);
            forgotten.push(id);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_remembers_so_many_refunds_and_no_more() {
        let at = Timestamp::from_secs(1_800_000_000);
        let amount = Amount::new(10).unwrap();
        let original = |n: u32| {
            let [a, b, c, d] = n.to_be_bytes();
            let transfer = TransferId::from_bytes([1, 2, 3, 4, 5, 6, 0x70, 0, 0x80, 0, 0, 0, a, b, c, d]);
            Original { id: LegId { transfer: transfer.unwrap(), leg: 0 }, amount, at }
        };
        let most = u32::try_from(MAX_REFUNDED_PER_WALLET).unwrap();
        let mut book = RefundBook::default();
        for n in 1..most {
            book.restore(original(n).id, RefundState { amount, at, refunded: 4 });
        }
        // The last place is taken by what is under way already.
        assert_eq!(book.decide(&original(most), 1, at), Ok(()));
        book.expect(&original(most), Amount::new(1).unwrap());
        assert_eq!(book.decide(&original(most + 1), 1, at), Err(Refusal::TooManyRefunds));
        assert_eq!(book.decide(&original(1), 6, at), Ok(()), "what is remembered can be added to");
        book.end(&original(most), Amount::new(1).unwrap());
        assert_eq!(book.decide(&original(most + 1), 1, at), Ok(()));
    }
}
