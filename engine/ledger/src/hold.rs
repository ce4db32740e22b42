//! Holds: units of a payer's wallet that are set aside for a payee, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::id::{PaymentRequestId, TransferId, WalletId};
use crate::money::Amount;
use crate::payment_request::{Terms, Usage};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// The longest time units may be set aside.
pub const MAX_HOLD_LIFETIME_MS: u64 = 31 * 24 * 3_600 * 1_000;

/// The most holds one wallet remembers.
pub const MAX_HOLDS_PER_WALLET: usize = 10_000;

/// How long a hold is remembered past its end, so that both parties can read what became of it.
const KEPT_PAST_END_MS: u64 = 30 * 24 * 3_600 * 1_000;

/// What has become of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldStatus {
    /// What is not captured yet is set aside.
    Open,
    /// All of it was captured, or the last capture let the rest go.
    Captured,
    /// The payee, or the operator, let it go.
    Released,
    /// Its time was over.
    Expired,
}

/// A hold that the payer's wallet remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldState {
    /// The wallet that may capture it.
    pub payee: WalletId,
    /// The payment request that was answered with it.
    pub request: PaymentRequestId,
    /// How much was set aside at first.
    pub amount: Amount,
    /// How much of it was captured, in minor units.
    pub captured: u64,
    /// From this instant on nothing can be captured.
    pub expires_at: Timestamp,
    /// What has become of it.
    pub status: HoldStatus,
    /// The day on which it counted toward the payer's limits.
    pub counted_on: Day,
    /// The day on which it counted toward the limits of the payer's account, where it did.
    pub account_counted_on: Option<Day>,
}

/// The holds of one wallet: what the journal says of them, and what is decided but not yet in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldBook {
    states: BTreeMap<TransferId, HoldState>,
    /// The open ones, by when they expire.
    due: BTreeSet<(Timestamp, TransferId)>,
    /// The others, by when they expire, or would have.
    ended: BTreeSet<(Timestamp, TransferId)>,
    capturing: BTreeMap<TransferId, Capturing>,
    /// Release or expiry is decided.
    ending: BTreeSet<TransferId>,
    placing: usize,
    held: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Capturing {
    amount: u64,
    count: u32,
    is_final: bool,
}

impl HoldState {
    /// Minor units that are set aside.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        match self.status {
            HoldStatus::Open => self.amount.get().saturating_sub(self.captured),
            HoldStatus::Captured | HoldStatus::Released | HoldStatus::Expired => 0,
        }
    }
}

impl HoldBook {
    pub(crate) const fn new() -> Self {
        Self {
            states: BTreeMap::new(),
            due: BTreeSet::new(),
            ended: BTreeSet::new(),
            capturing: BTreeMap::new(),
            ending: BTreeSet::new(),
            placing: 0,
            held: 0,
        }
    }

    /// What is known of a hold, durably.
    #[must_use]
    pub fn get(&self, id: TransferId) -> Option<&HoldState> {
        self.states.get(&id)
    }

    /// Every hold that is remembered, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (TransferId, &HoldState)> {
        self.states.iter().map(|(id, state)| (*id, state))
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Minor units set aside, durably.
    #[must_use]
    pub const fn held(&self) -> i64 {
        self.held
    }

    /// The open holds, by when they expire.
    pub fn due(&self) -> impl Iterator<Item = (Timestamp, TransferId)> + '_ {
        self.due.iter().copied()
    }

    /// Whether no more can be remembered: time to forget what is long over.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.states.len().saturating_add(self.placing) >= MAX_HOLDS_PER_WALLET
    }

    /// Whether anything is set aside or on its way there.
    pub(crate) const fn is_idle(&self) -> bool {
        self.held == 0 && self.placing == 0
    }

    /// Puts back a hold that a checkpoint remembered, or the state that an event gave it.
    pub fn restore(&mut self, id: TransferId, state: HoldState) {
        let key = (state.expires_at, id);
        if let Some(earlier) = self.states.insert(id, state) {
            self.held = self.held.saturating_sub_unsigned(earlier.remaining());
        }
        self.held = self.held.saturating_add_unsigned(state.remaining());
        let is_open = state.status == HoldStatus::Open;
        let (into, out_of) =
            if is_open { (&mut self.due, &mut self.ended) } else { (&mut self.ended, &mut self.due) };
        into.insert(key);
        out_of.remove(&key);
        self.assert_invariants();
    }

    fn assert_invariants(&self) {
        assert_eq!(
            self.due.len().saturating_add(self.ended.len()),
            self.states.len(),
            "each hold is due or ended"
        );
        assert!(self.held >= 0, "what is set aside is a sum of amounts");
    }

    /// Decides a new hold, as far as it is the book's to say. It answers a one-time request for good, so it must not end before
    /// the request does: else anybody could end a request for nothing.
    pub(crate) fn decide_place(
        &self,
        terms: &Terms,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if self.is_full() {
            return Err(Refusal::TooManyHolds);
        }
        let latest = now.plus_millis(MAX_HOLD_LIFETIME_MS);
        let earliest = match (terms.usage, terms.expires_at) {
            (Usage::OneTime, Some(end)) => end.min(latest),
            _ => now.plus_millis(1),
        };
        if until < earliest || until <= now || until > latest {
            return Err(Refusal::HoldExpiryInvalid);
        }
        Ok(())
    }

    pub(crate) const fn expect_place(&mut self) {
        self.placing = self.placing.saturating_add(1);
    }

    pub(crate) const fn take_back_place(&mut self) {
        self.placing = self.placing.saturating_sub(1);
    }

    fn open(&self, id: TransferId, payee: Option<WalletId>, now: Timestamp) -> Result<&HoldState, Refusal> {
        let hold = self.states.get(&id).ok_or(Refusal::HoldUnknown)?;
        if payee.is_some_and(|payee| payee != hold.payee) {
            return Err(Refusal::HoldUnknown);
        }
        match hold.status {
            HoldStatus::Captured => return Err(Refusal::HoldCaptured),
            HoldStatus::Released => return Err(Refusal::HoldReleased),
            HoldStatus::Expired => return Err(Refusal::HoldExpired),
            HoldStatus::Open if hold.expires_at <= now => return Err(Refusal::HoldExpired),
            HoldStatus::Open => {}
        }
        if self.ending.contains(&id) {
            return Err(Refusal::HoldReleased);
        }
        Ok(hold)
    }

    /// Decides that `payee` takes `amount` of a hold, and with `is_final` lets the rest go.
    ///
    /// # Errors
    /// There is no such hold for the payee, it is over, it has less left, or another capture stands in the way.
    pub(crate) fn decide_capture(
        &self,
        id: TransferId,
        payee: WalletId,
        amount: Amount,
        is_final: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let hold = self.open(id, Some(payee), now)?;
        let capturing = self.capturing.get(&id);
        // The rest is let go by whichever record comes last, so a last capture stands alone.
        if capturing.is_some_and(|capturing| capturing.is_final || is_final) {
            return Err(Refusal::HoldBusy);
        }
        let taken = hold.captured.saturating_add(capturing.map_or(0, |capturing| capturing.amount));
        if taken.saturating_add(amount.get()) > hold.amount.get() {
            return Err(Refusal::CaptureExceedsHold);
        }
        Ok(())
    }

    pub(crate) fn expect_capture(&mut self, id: TransferId, amount: Amount, is_final: bool) {
        let capturing =
            self.capturing.entry(id).or_insert(Capturing { amount: 0, count: 0, is_final: false });
        capturing.amount = capturing.amount.saturating_add(amount.get());
        capturing.count = capturing.count.saturating_add(1);
        capturing.is_final |= is_final;
    }

    /// One capture is no longer on its way: it was refused, or it is durable.
    pub(crate) fn end_capture(&mut self, id: TransferId, amount: Amount) {
        let Some(capturing) = self.capturing.get_mut(&id) else { return };
        capturing.amount = capturing.amount.saturating_sub(amount.get());
        capturing.count = capturing.count.saturating_sub(1);
        if capturing.count == 0 {
            self.capturing.remove(&id);
        }
    }

    /// Whether letting a hold go says again what was said.
    ///
    /// # Errors
    /// The hold is not known, captured or expired, or a capture of it is on its way.
    pub(crate) fn decide_release(&self, id: TransferId, now: Timestamp) -> Result<bool, Refusal> {
        match self.open(id, None, now) {
            Ok(_) if self.capturing.contains_key(&id) => Err(Refusal::HoldBusy),
            Ok(_) => Ok(false),
            Err(Refusal::HoldReleased) => Ok(true),
            Err(refusal) => Err(refusal),
        }
    }

    pub(crate) fn expect_end(&mut self, id: TransferId) {
        assert!(!self.capturing.contains_key(&id), "a hold ends when no capture of it is on its way");
        self.ending.insert(id);
    }

    /// Whether a hold's time is over and nothing else of it is on its way to the journal.
    pub(crate) fn decide_expiry(&self, id: TransferId, now: Timestamp) -> bool {
        let is_at_rest = !self.capturing.contains_key(&id) && !self.ending.contains(&id);
        let is_over = |hold: &HoldState| hold.status == HoldStatus::Open && hold.expires_at <= now;
        is_at_rest && self.states.get(&id).is_some_and(is_over)
    }

    pub(crate) fn apply_place(&mut self, id: TransferId, state: HoldState) {
        self.placing = self.placing.saturating_sub(1);
        self.restore(id, state);
    }

    /// Takes a capture in, and says how much of the rest was let go, and on which day the hold had counted.
    pub(crate) fn apply_capture(&mut self, id: TransferId, amount: Amount, is_final: bool) -> (u64, Day) {
        self.end_capture(id, amount);
        let Some(mut hold) = self.states.get(&id).copied() else {
            unreachable!("a capture was decided of a hold that is there")
        };
        assert!(hold.remaining() >= amount.get(), "captures never exceed their hold: {hold:?}");
        hold.captured = hold.captured.saturating_add(amount.get());
        let rest = if is_final { hold.remaining() } else { 0 };
        if is_final || hold.remaining() == 0 {
            hold.status = HoldStatus::Captured;
        }
        self.restore(id, hold);
        (rest, hold.counted_on)
    }

    /// Ends a hold, and says how much was let go, and on which day the hold had counted.
    pub(crate) fn apply_end(&mut self, id: TransferId, status: HoldStatus) -> (u64, Day) {
        self.ending.remove(&id);
        let Some(hold) = self.states.get(&id).copied() else {
            unreachable!("an end was decided of a hold that is there")
        };
        let rest = hold.remaining();
        self.restore(id, HoldState { status, ..hold });
        (rest, hold.counted_on)
    }

    /// Forgets at most `most` holds that ended long before `at`, and names them.
    pub(crate) fn forget_ended(&mut self, at: Timestamp, most: usize) -> Vec<TransferId> {
        let mut forgotten = Vec::new();
        while forgotten.len() < most {
            let Some((expiry, id)) = self.ended.first().copied() else { break };
            if expiry.plus_millis(KEPT_PAST_END_MS) > at {
                break;
            }
            self.ended.pop_first();
            self.states.remove(&id);
            forgotten.push(id);
        }
        forgotten
    }
}
