//! What a refusal of a payment is about, as far as the wallets and requests tell: which of several payments, and whose wallet.

use quittance_engine::{Ask, Engine, Party, PaymentLine};
use quittance_ledger::{
    AccountId, PaymentRequestId, Purpose, Refusal, RequestStatus, Transfer, Usage, WalletId, WalletStatus,
};

use crate::view::remaining;

/// The first of the payments that a refusal is about; none where that can't be told, or not any more.
pub(super) async fn payment_at_fault(
    engine: &Engine,
    payer: AccountId,
    lines: &[PaymentLine],
    refusal: Refusal,
) -> Option<usize> {
    for (index, line) in lines.iter().enumerate() {
        if is_at_fault(engine, payer, line, refusal).await {
            return Some(index);
        }
    }
    None
}

/// Who can't pay what a payment needs of it, although its payer could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Short {
    /// A payee, what it passes on or is charged.
    Payee(WalletId),
    /// A market maker, what it gives.
    MarketMaker(WalletId),
}

/// Whose wallet has insufficient funds for a transfer; none where that is its payer's, or nobody's any more.
pub(super) async fn short_of_funds(engine: &Engine, transfer: &Transfer) -> Option<Short> {
    if is_short(engine, transfer, transfer.first.payer).await {
        return None;
    }
    for leg in &transfer.linked {
        if is_short(engine, transfer, leg.payer).await {
            let is_converting = leg.purpose == Purpose::Conversion;
            return Some(if is_converting { Short::MarketMaker(leg.payer) } else { Short::Payee(leg.payer) });
        }
    }
    None
}

/// Whether a wallet can spend less than the transfer takes out of it, net.
async fn is_short(engine: &Engine, transfer: &Transfer, wallet: WalletId) -> bool {
    let Ok(known) = engine.wallet(Party::Operator, wallet).await else { return false };
    let overdraft = known.settings().overdraft.map_or(0, |overdraft| i128::from(overdraft.get()));
    let spendable = i128::from(known.balances().available).saturating_add(overdraft);
    let left = transfer.legs().fold(spendable, |left, leg| {
        let amount = i128::from(leg.amount.get());
        let left = if leg.payer == wallet { left.saturating_sub(amount) } else { left };
        if leg.payee == wallet { left.saturating_add(amount) } else { left }
    });
    left < 0
}

/// The first of the payments that makes this wallet pay.
pub(super) async fn payment_of(engine: &Engine, lines: &[PaymentLine], short: Short) -> Option<usize> {
    for (index, line) in lines.iter().enumerate() {
        let Some((payee, request)) = named(engine, &line.ask) else { continue };
        let is_of = match short {
            Short::Payee(wallet) => payee == wallet,
            Short::MarketMaker(wallet) => {
                let known = engine.request(Party::Operator, payee, request).await;
                known.is_ok_and(|known| known.request.quote().is_some_and(|quote| quote.source == wallet))
            }
        };
        if is_of {
            return Some(index);
        }
    }
    None
}

/// The wallet that is paid, and the request.
fn named(engine: &Engine, ask: &Ask) -> Option<(WalletId, PaymentRequestId)> {
    match ask {
        Ask::Request { wallet, request } => Some((*wallet, *request)),
        Ask::Barcode(text) => {
            let barcode = engine.open_barcode(text).ok()?;
            Some((barcode.details().payee, barcode.details().request))
        }
    }
}

/// The first of the payments that asks for what an earlier one pays already, and that one. A reusable request may be paid
/// twice.
pub(super) async fn repetition(engine: &Engine, lines: &[PaymentLine]) -> Option<(usize, usize)> {
    let named: Vec<_> = lines.iter().map(|line| named(engine, &line.ask)).collect();
    for (index, (line, name)) in lines.iter().zip(&named).enumerate() {
        let earlier = named.iter().take(index).position(|earlier| earlier.is_some() && earlier == name);
        if let Some(earlier) = earlier
            && usage(engine, &line.ask).await.is_some_and(|usage| usage != Usage::Reusable)
        {
            return Some((index, earlier));
        }
    }
    None
}

async fn usage(engine: &Engine, ask: &Ask) -> Option<Usage> {
    match ask {
        Ask::Barcode(text) => Some(engine.open_barcode(text).ok()?.details().usage),
        Ask::Request { wallet, request } => {
            Some(engine.request(Party::Operator, *wallet, *request).await.ok()?.request.terms.usage)
        }
    }
}

async fn is_at_fault(engine: &Engine, payer: AccountId, line: &PaymentLine, refusal: Refusal) -> bool {
    let Some((payee, request)) = named(engine, &line.ask) else { return false };
    let wallet_is = async |status| {
        let wallet = engine.wallet(Party::Operator, payee).await;
        wallet.is_ok_and(|wallet| wallet.status == status)
    };
    match refusal {
        Refusal::PayeeClosed => return wallet_is(WalletStatus::Closed).await,
        Refusal::PayeeFrozen => return wallet_is(WalletStatus::FrozenBothWays).await,
        Refusal::RequestPaid | Refusal::RequestHeld | Refusal::RequestCancelled => {
            return match status(engine, &line.ask).await {
                Some(RequestStatus::Paid(_)) => refusal == Refusal::RequestPaid,
                Some(RequestStatus::Held(_)) => refusal == Refusal::RequestHeld,
                Some(RequestStatus::Cancelled) => refusal == Refusal::RequestCancelled,
                Some(RequestStatus::Open) | None => false,
            };
        }
        _ => {}
    }
    let Ok(known) = engine.request(Party::Operator, payee, request).await else {
        return refusal == Refusal::RequestUnknown && matches!(line.ask, Ask::Request { .. });
    };
    let asked = known.request.terms.amount;
    match refusal {
        Refusal::RequestExpired => known.request.terms.is_expired(engine.now()),
        Refusal::RequestForAnother => known.request.payer.is_some_and(|only| only != payer),
        Refusal::AmountDiffers => line.amount.is_some_and(|said| asked.is_some_and(|asked| asked != said)),
        Refusal::AmountExceedsRest => {
            line.amount.zip(remaining(&known)).is_some_and(|(said, left)| said.get() > left)
        }
        _ => false,
    }
}

/// What became of what is answered. Of a till's request that is all there is to know.
async fn status(engine: &Engine, ask: &Ask) -> Option<RequestStatus> {
    match ask {
        Ask::Request { wallet, request } => {
            engine.request(Party::Operator, *wallet, *request).await.ok().map(|known| known.status)
        }
        Ask::Barcode(text) => engine.barcode_status(&engine.open_barcode(text).ok()?).await.ok()?,
    }
}
