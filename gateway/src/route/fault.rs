//! Which of several payments a refusal is about, as far as their wallets and requests tell.

use quittance_engine::{Ask, Engine, Party, PaymentLine};
use quittance_ledger::{AccountId, PaymentRequestId, Refusal, RequestStatus, WalletId, WalletStatus};

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

/// The wallet that is paid, and the request.
pub(super) fn named(engine: &Engine, ask: &Ask) -> Option<(WalletId, PaymentRequestId)> {
    match ask {
        Ask::Request { wallet, request } => Some((*wallet, *request)),
        Ask::Barcode(text) => {
            let barcode = engine.open_barcode(text).ok()?;
            Some((barcode.details().payee, barcode.details().request))
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
