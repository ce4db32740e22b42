//! The decision of one wallet on its part of a transfer.
//!
//! A transfer visits each of its wallets once, see [`Transfer::stop`]. Each looks at its own legs and its own state and at
//! nothing else, and says yes or no. What it is paid and what it pays in the same transfer are netted: a payee can pay a
//! fee out of what it is paid.

use crate::allowance::LetGo;
use crate::calendar::Day;
use crate::id::WalletId;
use crate::limits::LimitKind;
use crate::payment_request::{PaymentKind, PaymentRequest, Quote, Usage};
use crate::refund::Original;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transfer::{Authority, Leg, MAX_LEGS, Purpose, Transfer};
use crate::wallet::Wallet;
use crate::wallet_snapshot::{Owner, WalletStatus};

/// What a transfer comes to at one wallet, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// What must be free to spend.
    pub(crate) needed: i64,
    /// What comes in, net.
    pub(crate) incoming: i64,
    /// How the posted balance changes.
    pub(crate) change: i64,
}

impl Part {
    pub(crate) fn of(transfer: &Transfer, wallet: WalletId) -> Self {
        // At most 32 amounts of at most 53 bits.
        let (mut needed, mut received, mut change) = (0_i64, 0_i64, 0_i64);
        for leg in transfer.legs() {
            let amount = leg.amount.signed();
            if leg.payer == wallet {
                // What is captured was set aside before.
                let is_free = !matches!(leg.purpose, Purpose::Capture { .. });
                needed = needed.saturating_add(if is_free { amount } else { 0 });
                change = change.saturating_sub(if leg.purpose.is_moving() { amount } else { 0 });
            }
            if leg.payee == wallet && leg.purpose.is_moving() {
                received = received.saturating_add(amount);
                change = change.saturating_add(amount);
            }
        }
        let net = received.saturating_sub(needed);
        Self { needed: net.saturating_neg().max(0), incoming: net.max(0), change }
    }

    /// What there must be room for.
    pub(crate) const fn growth(&self) -> i64 {
        if self.change > 0 { self.change } else { 0 }
    }
}

/// What a wallet says of a transfer that it allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// The day on which it counts toward the wallet's limits, where it does.
    pub counted_on: Option<Day>,
    /// What its last capture lets go, where that counted toward the limits of the wallet's account.
    pub let_go: Option<LetGo>,
}

impl Decided {
    /// Writes it into the transfer, for the record and for the stops that follow.
    pub fn note_in(self, transfer: &mut Transfer) {
        transfer.counted_on = self.counted_on.or(transfer.counted_on);
        transfer.let_go = self.let_go.or(transfer.let_go);
    }
}

/// Decides a wallet's part of a transfer. `wallet` is the one that `id` names, where there is one.
///
/// # Errors
/// The first rule in order of precedence that the part breaks. Another account's wallet is as unknown as none.
pub fn decide_part(
    wallet: Option<&Wallet>,
    id: WalletId,
    transfer: &Transfer,
    now: Timestamp,
) -> Result<Decided, Refusal> {
    check_shape(transfer)?;
    if transfer.legs().any(|leg| leg.payer == leg.payee && leg.payer == id) {
        return Err(Refusal::SelfPayment);
    }
    let unknown = if transfer.first.payer == id { Refusal::PayerUnknown } else { Refusal::PayeeUnknown };
    let wallet = wallet.ok_or(unknown)?;
    let part = Part::of(transfer, id);
    let debits = || transfer.legs().filter(move |leg| leg.payer == id);
    let credits = || transfer.legs().filter(move |leg| leg.payee == id);
    for leg in debits() {
        check_payer(wallet, transfer, leg)?;
    }
    for leg in credits() {
        check_payee(wallet, transfer, leg)?;
    }
    check_onward(transfer, id)?;
    check_status(wallet, transfer, part)?;
    if debits().any(|leg| leg.currency != wallet.currency()) {
        return Err(Refusal::PayerCurrencyDiffers);
    }
    if credits().any(|leg| leg.currency != wallet.currency()) {
        return Err(Refusal::PayeeCurrencyDiffers);
    }
    let mut let_go = None;
    for leg in debits() {
        match leg.purpose {
            Purpose::Capture { hold, is_final } => {
                wallet.holds().decide_capture(hold, leg.payee, leg.amount, is_final, now)?;
                let_go = if is_final { wallet.let_go(hold, leg.amount.get()) } else { None };
            }
            Purpose::Refund(original) | Purpose::Reversal(original) => {
                wallet.refunds().decide(&original, given_back(transfer, original)?, now)?;
            }
            Purpose::Hold { terms, until } => wallet.holds().decide_place(&terms, until, now)?,
            _ => {}
        }
    }
    let counted_on = decide_limits(wallet, transfer, id, now)?;
    if part.needed > 0 && wallet.spendable() < part.needed {
        return Err(Refusal::InsufficientFunds);
    }
    for leg in credits() {
        if let Some(terms) = leg.purpose.terms() {
            wallet.requests().decide_payment(terms, leg.amount, now)?;
            if let Some(request) = wallet.requests().opened(terms.request) {
                check_request(request, transfer, leg)?;
            }
            let answers =
                |leg: &&Leg| leg.purpose.terms().is_some_and(|other| other.request == terms.request);
            // Each was looked at alone.
            if terms.usage != Usage::Reusable && credits().filter(answers).count() > 1 {
                return Err(Refusal::RequestPaid);
            }
        }
    }
    check_legs_of_requests(wallet, transfer)?;
    if wallet.room() < part.growth() {
        return Err(Refusal::BalanceOverflow);
    }
    Ok(Decided { counted_on, let_go })
}

/// Whether there is such a transfer at all. A hold stands alone, because captures name it by its transfer; a capture has
/// nothing beside it but its fee, because it may let go what the hold of one account leaves.
fn check_shape(transfer: &Transfer) -> Result<(), Refusal> {
    if transfer.linked.is_empty() {
        return Ok(());
    }
    let (mut legs, mut holds, mut captures, mut fees) = (0_usize, 0_usize, 0_usize, 0_usize);
    for leg in transfer.legs() {
        let count = match leg.purpose {
            Purpose::Hold { .. } => &mut holds,
            Purpose::Capture { .. } => &mut captures,
            Purpose::Fee => &mut fees,
            _ => &mut legs,
        };
        *count = count.saturating_add(1);
    }
    let all = legs.saturating_add(holds).saturating_add(captures).saturating_add(fees);
    let stands_alone = (holds == 0 || all == 1) && (captures == 0 || captures.saturating_add(fees) == all);
    if all <= MAX_LEGS && stands_alone && captures <= 1 { Ok(()) } else { Err(Refusal::TooManyLegs) }
}

/// What all legs of a transfer give back of one leg.
fn given_back(transfer: &Transfer, original: Original) -> Result<u64, Refusal> {
    let mut sum = 0_u64;
    for leg in transfer.legs() {
        if let Purpose::Refund(other) | Purpose::Reversal(other) = leg.purpose
            && other.id == original.id
        {
            if other != original {
                return Err(Refusal::NotRefundable);
            }
            sum = sum.saturating_add(leg.amount.get());
        }
    }
    Ok(sum)
}

/// Whether a wallet is paid for what it passes on, and a market maker for what it gives. How much exactly is for the payee of
/// the request to say; here it is looked after that nobody else's wallet is drawn in.
fn check_onward(transfer: &Transfer, id: WalletId) -> Result<(), Refusal> {
    let (mut paid, mut captured, mut passed_on, mut charged) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut gives, mut given, mut quotes) = (false, 0_usize, 0_usize);
    for leg in transfer.legs() {
        let sum = match leg.purpose {
            Purpose::Payment(_) if leg.payee == id => Some(&mut paid),
            Purpose::Capture { .. } if leg.payee == id => Some(&mut captured),
            Purpose::Split if leg.payer == id => Some(&mut passed_on),
            Purpose::Fee if leg.payer == id => Some(&mut charged),
            _ => None,
        };
        if let Some(sum) = sum {
            *sum = sum.saturating_add(leg.amount.get());
        }
        if leg.purpose == Purpose::Conversion {
            gives |= leg.payer == id;
            given = given.saturating_add(1);
        }
        if leg.purpose.terms().is_some_and(|terms| terms.kind == PaymentKind::Conversion) {
            quotes = quotes.saturating_add(1);
        }
    }
    let is_paid_for =
        passed_on <= paid && charged <= paid.saturating_add(captured) && (!gives || quotes == given);
    if is_paid_for { Ok(()) } else { Err(Refusal::LegsDiffer) }
}

/// Whether the wallet may pay this leg on this word.
fn check_payer(wallet: &Wallet, transfer: &Transfer, leg: &Leg) -> Result<(), Refusal> {
    let may_pay = match (leg.purpose, transfer.authority, wallet.owner()) {
        (Purpose::Issue, Authority::Operator, Owner::Issuer)
        | (Purpose::Redemption, Authority::Operator, Owner::Account(_))
        | (Purpose::Reversal(_) | Purpose::Adjustment, Authority::Operator, _)
        // Whether it is the payee who asks is for the payee's wallet to say.
        | (Purpose::Capture { .. }, _, Owner::Account(_))
        | (Purpose::Refund(_), Authority::Operator, Owner::Account(_))
        // They follow from the payee's request and from the operator's rules, which the payee's wallet sees to.
        | (Purpose::Fee | Purpose::Split | Purpose::Conversion, _, Owner::Account(_)) => true,
        (
            Purpose::Payment(_) | Purpose::Hold { .. } | Purpose::Refund(_),
            Authority::Device { account, .. },
            Owner::Account(owner),
            // What is limited is paid from one wallet, whose limits and whose account's are looked at.
        ) => account == owner && (!leg.purpose.is_limited() || leg.payer == transfer.first.payer),
        _ => false,
    };
    if may_pay { Ok(()) } else { Err(Refusal::PayerUnknown) }
}

/// Whether the wallet may be paid by this leg.
fn check_payee(wallet: &Wallet, transfer: &Transfer, leg: &Leg) -> Result<(), Refusal> {
    match (leg.purpose, transfer.authority, wallet.owner()) {
        (
            Purpose::Payment(_) | Purpose::Hold { .. },
            Authority::Device { account, .. },
            Owner::Account(owner),
        ) => {
            if account == owner {
                return Err(Refusal::SelfPayment);
            }
        }
        (Purpose::Capture { .. }, Authority::Device { account, .. }, Owner::Account(owner))
            if account == owner => {}
        (Purpose::Capture { .. }, Authority::Operator, Owner::Account(_))
        | (
            Purpose::Issue | Purpose::Refund(_) | Purpose::Fee | Purpose::Split | Purpose::Conversion,
            _,
            Owner::Account(_),
        )
        | (Purpose::Reversal(_) | Purpose::Adjustment, Authority::Operator, _)
        | (Purpose::Redemption, Authority::Operator, Owner::Issuer) => {}
        _ => return Err(Refusal::PayeeUnknown),
    }
    Ok(())
}

/// Whether the wallet takes part at all. A frozen one pays nothing but what the operator takes back; refunds and what is taken
/// back always reach it.
fn check_status(wallet: &Wallet, transfer: &Transfer, part: Part) -> Result<(), Refusal> {
    let id = wallet.id();
    let is_taken_back = |leg: &Leg| matches!(leg.purpose, Purpose::Reversal(_));
    let comes_back = |leg: &Leg| matches!(leg.purpose, Purpose::Refund(_) | Purpose::Reversal(_));
    if !wallet.is_open() {
        return Err(if transfer.first.payer == id { Refusal::PayerClosed } else { Refusal::PayeeClosed });
    }
    match wallet.status() {
        WalletStatus::Open | WalletStatus::Closed => {}
        WalletStatus::Frozen | WalletStatus::FrozenBothWays => {
            let pays_net = part.needed > 0 || part.change < 0;
            if pays_net && !transfer.legs().filter(|leg| leg.payer == id).all(is_taken_back) {
                return Err(Refusal::PayerFrozen);
            }
        }
    }
    let refuses_credits = wallet.status() == WalletStatus::FrozenBothWays;
    if refuses_credits && transfer.legs().any(|leg| leg.payee == id && !comes_back(leg)) {
        return Err(Refusal::PayeeFrozen);
    }
    Ok(())
}

fn decide_limits(
    wallet: &Wallet,
    transfer: &Transfer,
    id: WalletId,
    now: Timestamp,
) -> Result<Option<Day>, Refusal> {
    let amount = transfer.limited_amount();
    if id != transfer.first.payer || amount == 0 {
        return Ok(None);
    }
    let (limits, day) = (wallet.limits(), wallet.day(now));
    match limits.exceeded_by(wallet.decided_spending(), day, amount) {
        None => Ok(Some(day)),
        Some(LimitKind::Payment) => Err(Refusal::PaymentLimitExceeded),
        Some(LimitKind::Day) => Err(Refusal::DayLimitExceeded),
        Some(LimitKind::Month) => Err(Refusal::MonthLimitExceeded),
    }
}

/// Whether a leg may answer a request that the payee's wallet knows, by who pays and how.
fn check_request(request: &PaymentRequest, transfer: &Transfer, paid: &Leg) -> Result<(), Refusal> {
    if let (Some(asked), Authority::Device { account, .. }) = (request.payer, transfer.authority)
        && asked != account
    {
        return Err(Refusal::RequestForAnother);
    }
    let is_hold = matches!(paid.purpose, Purpose::Hold { .. });
    if is_hold && !request.can_be_held() { Err(Refusal::RequestNotHoldable) } else { Ok(()) }
}

/// Whether what the payee passes on, and what is given for quotes of its, is what the requests that it is paid for say, one
/// after the other. A till's request says nothing of that.
fn check_legs_of_requests(payee: &Wallet, transfer: &Transfer) -> Result<(), Refusal> {
    let id = payee.id();
    let paid = transfer.legs().filter(|leg| leg.payee == id);
    let answered = paid.filter_map(|leg| payee.requests().opened(leg.purpose.terms()?.request));
    let answered: Vec<&PaymentRequest> = answered.collect();
    let splits =
        answered.iter().flat_map(|request| &request.splits).map(|split| (split.wallet, split.amount));
    let passed_on = transfer.linked.iter().filter(|leg| leg.payer == id && leg.purpose == Purpose::Split);
    let are_split = passed_on.clone().map(|leg| (leg.payee, leg.amount)).eq(splits)
        && passed_on.clone().all(|leg| leg.currency == payee.currency());
    let quotes: Vec<Quote> = answered.iter().filter_map(|request| request.quote()).collect();
    let is_given_here = |leg: &&Leg| quotes.iter().any(|quote| quote.source == leg.payer);
    let exchanged = transfer.linked.iter().filter(|leg| leg.purpose == Purpose::Conversion);
    let are_exchanged = exchanged
        .filter(is_given_here)
        .map(|leg| Quote { source: leg.payer, target: leg.payee, amount: leg.amount, currency: leg.currency })
        .eq(quotes.iter().copied());
    if are_split && are_exchanged { Ok(()) } else { Err(Refusal::LegsDiffer) }
}

#[cfg(test)]
#[path = "part_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "part_book_tests.rs"]
mod book_tests;

#[cfg(test)]
#[path = "part_request_tests.rs"]
mod request_tests;
