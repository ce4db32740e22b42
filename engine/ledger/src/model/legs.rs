//! The rules of each leg of a transfer: who may pay whom, on whose word, out of what.

use std::collections::HashMap;

use super::facts::Facts;
use super::{Breach, Ledger, unknown};
use crate::id::{DeviceId, WalletId};
use crate::time::Timestamp;
use crate::transfer::{Authority, Leg, MAX_LEGS, Purpose, Transfer};
use crate::wallet_snapshot::{Owner, WalletStatus};

/// What a transfer comes to at one wallet, in minor units.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    posted: i128,
    /// What can be spent beside what was set aside before.
    free: i128,
}

impl Ledger {
    pub(super) fn check_settled(&mut self, at: Timestamp, transfer: &Transfer) -> Result<(), Breach> {
        self.history.check_new(transfer.id)?;
        let is_hold = |leg: &Leg| matches!(leg.purpose, Purpose::Hold { .. });
        let is_capture = |leg: &Leg| matches!(leg.purpose, Purpose::Capture { .. });
        let count = transfer.legs().count();
        let beside_captures = transfer.legs().filter(|leg| leg.purpose != Purpose::Fee).count();
        if count > MAX_LEGS
            || (transfer.legs().any(is_hold) && count > 1)
            || (transfer.legs().any(is_capture) && beside_captures > 1)
        {
            return Err(Breach::TooManyLegs(transfer.id));
        }
        self.check_device(transfer)?;
        for leg in transfer.legs() {
            self.check_wallets(transfer, leg)?;
            self.check_authority(transfer, leg)?;
        }
        let changes = changes_by(transfer);
        for (wallet, change) in &changes {
            self.check_frozen(at, transfer, *wallet, *change)?;
        }
        // Before this payment is taken in: splits and quotes are those of what it answers.
        self.requests.check_onward(transfer)?;
        self.tariff.check_fees(at, transfer)?;
        for leg in transfer.legs() {
            if let Some(terms) = leg.purpose.terms() {
                let is_paired = terms.till.is_some_and(|till| self.is_till_of(leg.payee, till));
                self.requests.check_payment(at, transfer, leg, terms, is_paired)?;
            }
        }
        self.check_limits(at, transfer)?;
        self.check_holds(at, transfer)?;
        self.history.check_refunds(at, transfer)?;
        for (wallet, change) in changes {
            self.take_in(wallet, change)?;
        }
        self.history.add_settled(at, transfer);
        Ok(())
    }

    /// A device that is revoked while its last payment settles was still trusted when it asked.
    fn check_device(&self, transfer: &Transfer) -> Result<(), Breach> {
        let Authority::Device { account, device } = transfer.authority else { return Ok(()) };
        let was_paired = self.accounts.get(&account).is_some_and(|a| a.devices().any(|(id, _)| id == device));
        if was_paired { Ok(()) } else { Err(Breach::NotAuthorised(transfer.id)) }
    }

    /// Whether a device is, or was, paired with the account that owns the wallet.
    fn is_till_of(&self, wallet: WalletId, till: DeviceId) -> bool {
        let account = self.facts.get(&wallet).and_then(Facts::account);
        let account = account.and_then(|account| self.accounts.get(&account));
        account.is_some_and(|account| account.devices().any(|(id, _)| id == till))
    }

    fn check_wallets(&self, transfer: &Transfer, leg: &Leg) -> Result<(), Breach> {
        for id in [leg.payer, leg.payee] {
            let fits =
                self.facts.get(&id).is_some_and(|facts| !facts.is_closed() && facts.currency == leg.currency);
            if !fits || leg.payer == leg.payee {
                return Err(Breach::LegImpossible(transfer.id, id));
            }
        }
        Ok(())
    }

    fn check_authority(&self, transfer: &Transfer, leg: &Leg) -> Result<(), Breach> {
        let owner = |id| self.facts.get(&id).map(|facts| facts.owner);
        let (Some(payer), Some(payee)) = (owner(leg.payer), owner(leg.payee)) else {
            return Err(Breach::NotAuthorised(transfer.id));
        };
        let by_operator = transfer.authority == Authority::Operator;
        let is_word_of = |owner: Owner| match (transfer.authority, owner) {
            (Authority::Device { account, .. }, Owner::Account(owner)) => account == owner,
            _ => false,
        };
        let among_accounts = payer != Owner::Issuer && payee != Owner::Issuer;
        let is_authorised = match leg.purpose {
            Purpose::Issue => by_operator && payer == Owner::Issuer && payee != Owner::Issuer,
            Purpose::Redemption => by_operator && payer != Owner::Issuer && payee == Owner::Issuer,
            // All legs that a person asks for are paid from one wallet: its limits and its account's are those that count.
            Purpose::Payment(_) | Purpose::Hold { .. } => {
                is_word_of(payer) && among_accounts && payer != payee && leg.payer == transfer.first.payer
            }
            Purpose::Capture { .. } => among_accounts && (by_operator || is_word_of(payee)),
            Purpose::Refund(_) => among_accounts && (by_operator || is_word_of(payer)),
            Purpose::Reversal(_) | Purpose::Adjustment => by_operator,
            // That somebody said so is checked with the request, and with the rules in force.
            Purpose::Fee | Purpose::Split | Purpose::Conversion => among_accounts,
        };
        if is_authorised { Ok(()) } else { Err(Breach::NotAuthorised(transfer.id)) }
    }

    /// A frozen wallet pays nothing, all legs taken together, but what is taken back. One that is frozen both ways is paid
    /// nothing but what comes back.
    fn check_frozen(
        &self,
        at: Timestamp,
        transfer: &Transfer,
        id: WalletId,
        change: Change,
    ) -> Result<(), Breach> {
        let facts = self.facts.get(&id).ok_or_else(|| unknown(id))?;
        let is_reversal = |leg: &Leg| matches!(leg.purpose, Purpose::Reversal(_));
        let comes_back = |leg: &Leg| matches!(leg.purpose, Purpose::Refund(_) | Purpose::Reversal(_));
        let pays = (change.posted < 0 || change.free < 0)
            && transfer.legs().any(|leg| leg.payer == id && !is_reversal(leg));
        let is_paid = transfer.legs().any(|leg| leg.payee == id && !comes_back(leg));
        let lets_through = |status: &WalletStatus| match status {
            WalletStatus::Open => true,
            WalletStatus::Frozen => !pays,
            WalletStatus::FrozenBothWays => !pays && !is_paid,
            WalletStatus::Closed => false,
        };
        let is_let_through = if id == transfer.first.payee {
            facts.status.latest().is_some_and(lets_through)
        } else {
            facts.status.lately(at).any(lets_through)
        };
        if is_let_through { Ok(()) } else { Err(Breach::Frozen(transfer.id, id)) }
    }

    /// Adds to a wallet what a transfer comes to. Holds were taken in before.
    fn take_in(&mut self, id: WalletId, change: Change) -> Result<(), Breach> {
        let facts = self.facts.get_mut(&id).ok_or_else(|| unknown(id))?;
        facts.posted = facts.posted.saturating_add(change.posted);
        let sum = self.sums.entry(facts.currency).or_default();
        *sum = sum.saturating_add(change.posted);
        if facts.is_in_bounds() { Ok(()) } else { Err(Breach::OutOfBounds(id, facts.posted)) }
    }
}

fn changes_by(transfer: &Transfer) -> HashMap<WalletId, Change> {
    let mut changes: HashMap<WalletId, Change> = HashMap::new();
    for leg in transfer.legs() {
        let amount = i128::from(leg.amount.get());
        let (moves, takes) = match leg.purpose {
            Purpose::Hold { .. } => (0, amount),
            Purpose::Capture { .. } => (amount, 0),
            _ => (amount, amount),
        };
        let payer = changes.entry(leg.payer).or_default();
        payer.posted = payer.posted.saturating_sub(moves);
        payer.free = payer.free.saturating_sub(takes);
        let payee = changes.entry(leg.payee).or_default();
        payee.posted = payee.posted.saturating_add(moves);
        payee.free = payee.free.saturating_add(moves);
    }
    changes
}

/// Whether anybody is paid by a leg for goods, services or anything else.
pub(super) const fn is_paid_for(leg: &Leg) -> bool {
    matches!(leg.purpose, Purpose::Payment(_) | Purpose::Capture { .. })
}

/// The accounts of two wallets, where both are accounts' wallets.
pub(super) fn share_an_account(facts: &HashMap<WalletId, Facts>, one: WalletId, other: WalletId) -> bool {
    let account = |id| facts.get(&id).and_then(Facts::account);
    account(one).is_some() && account(one) == account(other)
}
