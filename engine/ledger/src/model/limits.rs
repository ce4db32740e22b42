//! Limits: of wallets, and of accounts over all their wallets.

use std::collections::HashMap;

use super::facts::Counted;
use super::in_force::InForce;
use super::{Breach, Ledger};
use crate::allowance::{AllowanceSnapshot, LetGo};
use crate::calendar::Day;
use crate::id::AccountId;
use crate::limits::Limits;
use crate::money::{Amount, CurrencyCode};
use crate::time::Timestamp;
use crate::transfer::{Authority, Purpose, Transfer};
use crate::wallet_snapshot::WalletSettings;

/// By how much a day may begin earlier or later than it seems: the rules of time zones change after the fact.
const MAX_ZONE_CHANGE_MS: u64 = 3 * 3_600 * 1_000;

/// How far the earliest time zone is ahead of universal time, and its rules may change.
const MAX_AHEAD_OF_UTC_MS: u64 = 14 * 3_600 * 1_000 + MAX_ZONE_CHANGE_MS;

/// The limits of accounts, and what counts toward them.
#[derive(Clone, Debug, Default)]
pub(super) struct AccountLimits {
    limits: HashMap<(AccountId, CurrencyCode), InForce<Limits>>,
    counted: HashMap<(AccountId, CurrencyCode), Counted>,
}

impl AccountLimits {
    pub(super) fn set(&mut self, at: Timestamp, account: AccountId, currency: CurrencyCode, limits: Limits) {
        let none_before = || InForce::since(Timestamp::EPOCH, Limits::default());
        self.limits.entry((account, currency)).or_insert_with(none_before).set(at, limits);
    }

    pub(super) fn agree_with(&self, allowance: &AllowanceSnapshot) -> bool {
        let key = (allowance.account, allowance.currency);
        let in_force = self.limits.get(&key).and_then(InForce::latest).copied().unwrap_or_default();
        let counted = self.counted.get(&key).cloned().unwrap_or_default();
        allowance.limits == in_force && counted.agree_with(allowance.spending)
    }

    pub(super) fn take_back(&mut self, let_go: &LetGo) {
        let counted = self.counted.entry((let_go.account, let_go.currency)).or_default();
        counted.take_back(let_go.counted_on, let_go.amount.get());
    }
}

impl Ledger {
    /// Whether what is paid stays within the limits, and is counted on the day that it is. Takes it in.
    pub(super) fn check_limits(&mut self, at: Timestamp, transfer: &Transfer) -> Result<(), Breach> {
        let broken = || Breach::LimitBroken(transfer.id, transfer.first.payer);
        let amount = limited_amount(transfer);
        let day = match (transfer.counted_on, amount) {
            (Some(day), 1..) => day,
            (None, 0) if transfer.account_counted_on.is_none() => return Ok(()),
            _ => return Err(broken()),
        };
        let facts = self.facts.get_mut(&transfer.first.payer).ok_or_else(broken)?;
        if !facts.settings.ever().any(|settings| is_day_of(settings, day, at)) {
            return Err(broken());
        }
        let limits: Vec<Limits> = facts.settings.lately(at).map(|settings| settings.limits).collect();
        if !is_within(&limits, &facts.counted, day, amount) {
            return Err(broken());
        }
        facts.counted.add(day, amount);
        self.check_account_limits(at, transfer, day, amount)
    }

    fn check_account_limits(
        &mut self,
        at: Timestamp,
        transfer: &Transfer,
        day: Day,
        amount: u64,
    ) -> Result<(), Breach> {
        let Authority::Device { account, .. } = transfer.authority else { return Ok(()) };
        let broken = Breach::AccountLimitBroken(transfer.id, account);
        let key = (account, transfer.first.currency);
        let in_force = self.limits.limits.get(&key);
        if !transfer.is_account_limited {
            // Limits count what is paid since they were set.
            let is_limited =
                in_force.is_some_and(|limits| limits.was_throughout(at, |limits| !limits.is_none()));
            let is_counted = transfer.account_counted_on.is_some();
            return if is_limited || is_counted { Err(broken) } else { Ok(()) };
        }
        // Another wallet of the account, in another time zone, may have paid on a later day before: never two days later.
        let latest = Day::utc(at.plus_millis(MAX_AHEAD_OF_UTC_MS));
        let Some(day) =
            transfer.account_counted_on.filter(|counted| (day..=day.max(latest)).contains(counted))
        else {
            return Err(broken);
        };
        let counted = self.limits.counted.entry(key).or_default();
        let limits: Vec<Limits> =
            in_force.into_iter().flat_map(|limits| limits.lately(at)).copied().collect();
        if in_force.is_some() && !is_within(&limits, counted, day, amount) {
            return Err(broken);
        }
        counted.add(day, amount);
        Ok(())
    }
}

fn limited_amount(transfer: &Transfer) -> u64 {
    let counts = |purpose| matches!(purpose, Purpose::Payment(_) | Purpose::Hold { .. });
    let amounts = transfer.legs().filter(|leg| counts(leg.purpose)).map(|leg| leg.amount.get());
    amounts.fold(0, u64::saturating_add)
}

/// Whether `day` is the one that it is at `at`, by settings that the wallet had some time: a payment is not counted on an
/// earlier day than one before it, so an earlier time zone may still tell.
fn is_day_of(settings: &WalletSettings, day: Day, at: Timestamp) -> bool {
    let by_zone = |at| settings.zone.map_or_else(|| Day::utc(at), |zone| zone.day(at));
    (by_zone(at.minus_millis(MAX_ZONE_CHANGE_MS))..=by_zone(at.plus_millis(MAX_ZONE_CHANGE_MS)))
        .contains(&day)
}

/// Whether each of the limits that were in force lately leaves room for `amount`. Which of them it was decided by can't be
/// told, nor by which of them those that came in between were.
fn is_within(limits: &[Limits], counted: &Counted, day: Day, amount: u64) -> bool {
    let in_day = counted.in_day(day).saturating_add(amount);
    let in_month = counted.in_month(day).saturating_add(amount);
    let allows = |limit: fn(&Limits) -> Option<Amount>, sum: u64| {
        limits.iter().any(|limits| limit(limits).is_none_or(|most| sum <= most.get()))
    };
    allows(|limits| limits.per_payment, amount)
        && allows(|limits| limits.per_day, in_day)
        && allows(|limits| limits.per_month, in_month)
}
