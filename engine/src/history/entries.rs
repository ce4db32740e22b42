//! What the index says of a record: under whose name it is listed, and by what it is found. The audit asks the same of the
//! whole journal.

use arrayvec::ArrayVec;
use quittance_journal::{Position, Record};
use quittance_ledger::{AccountId, Event, MAX_LEGS, Transfer, WalletId};

use crate::store::{Opening, OpeningName, ReferenceHash};

/// The transfer that an event is about, settled or refused.
pub(crate) const fn transfer_of(event: &Event) -> Option<&Transfer> {
    match event {
        Event::TransferSettled(transfer) | Event::TransferRefused(transfer, _) => Some(transfer),
        _ => None,
    }
}

/// By how much an event changes the posted balance of a wallet.
pub(super) fn change_of(event: &Event, wallet: WalletId) -> i64 {
    let Event::TransferSettled(transfer) = event else { return 0 };
    transfer.legs().filter(|leg| leg.purpose.is_moving()).fold(0_i64, |sum, leg| {
        let out = if leg.payer == wallet { leg.amount.get() } else { 0 };
        let into = if leg.payee == wallet { leg.amount.get() } else { 0 };
        sum.saturating_sub_unsigned(out).saturating_add_unsigned(into)
    })
}

/// What a record opens that a later one ends without saying to whom that is told.
pub(crate) fn opened_by(
    position: Position,
    record: &Record,
    owner: impl Fn(WalletId) -> Option<AccountId>,
) -> Option<(OpeningName, Opening)> {
    match &record.event {
        Event::TransferSettled(transfer) if !transfer.first.purpose.is_moving() => {
            let opening = Opening { position, account: owner(transfer.first.payee)? };
            Some((OpeningName::of_hold(transfer.id), opening))
        }
        Event::PaymentRequestOpened(request) if request.quote().is_none() => {
            let opening = Opening { position, account: request.payer? };
            Some((OpeningName::of_request(request.payee, request.terms.request), opening))
        }
        _ => None,
    }
}

/// The name of what an event ends, if it ends something.
pub(crate) fn ended_by(event: &Event) -> Option<OpeningName> {
    match event {
        Event::HoldReleased { hold, .. } | Event::HoldExpired { hold, .. } => {
            Some(OpeningName::of_hold(*hold))
        }
        Event::PaymentRequestCancelled { payee, request } => Some(OpeningName::of_request(*payee, *request)),
        _ => None,
    }
}

/// The accounts that an event is told to: those of the wallets of its legs, and one more.
pub(crate) type Told = ArrayVec<AccountId, { 2 * MAX_LEGS + 1 }>;

/// Which accounts an event is told to, each once. `ended` is what it ends, where that is known.
pub(crate) fn told_to(
    event: &Event,
    ended: Option<&Opening>,
    owner: impl Fn(WalletId) -> Option<AccountId>,
) -> Told {
    let mut told = Told::new();
    let mut tell = |account: Option<AccountId>| {
        if let Some(account) = account.filter(|account| !told.contains(account)) {
            told.push(account);
        }
    };
    match event {
        Event::TransferSettled(transfer) | Event::TransferRefused(transfer, _) => {
            transfer.wallets().for_each(|wallet| tell(owner(wallet)));
        }
        // Whoever asked for a quote has it.
        Event::PaymentRequestOpened(request) if request.payer.is_some() && request.quote().is_none() => {
            tell(owner(request.payee));
            tell(request.payer);
        }
        // One that was for anybody concerns its payee alone, whose device withdrew it.
        Event::PaymentRequestCancelled { payee: wallet, .. } if ended.is_some() => tell(owner(*wallet)),
        Event::HoldReleased { wallet, .. }
        | Event::HoldExpired { wallet, .. }
        | Event::WalletFrozen { wallet, .. }
        | Event::WalletUnfrozen { wallet }
        | Event::WalletConfigured { wallet, .. } => tell(owner(*wallet)),
        _ => {}
    }
    tell(ended.map(|opening| opening.account));
    told
}

/// What a transfer's references are found by: each of them in the books of both of its leg's wallets.
pub(crate) fn references_of(transfer: &Transfer) -> Vec<ReferenceHash> {
    let mut found = Vec::new();
    for leg in transfer.legs() {
        let Some(reference) = leg.reference else { continue };
        for hash in [leg.payer, leg.payee].map(|wallet| ReferenceHash::new(wallet, &reference)) {
            if !found.contains(&hash) {
                found.push(hash);
            }
        }
    }
    found
}
