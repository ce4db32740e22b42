//! What gives units back, and what the operator puts right.

use quittance_ledger::{
    Amount, CurrencyCode, Leg, LegId, Original, Purpose, Timestamp, TransferId, WalletId,
};
use serde::Serialize;

use super::Client;
use super::objects::{Transfer, TransferLeg};
use super::routes::Answer;

/// Units to be given back of what was paid.
#[derive(Clone, Serialize)]
pub struct Refund<'a> {
    /// The transfer's id.
    pub id: TransferId,
    /// How many minor units; all that was paid, if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// Which leg of the transfer; the first that paid the account, if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<u8>,
    /// What ties it to the books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The PIN of the account that gives back. The operator leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<&'a str>,
}

impl std::fmt::Debug for Refund<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refund").field("id", &self.id).field("amount", &self.amount).finish_non_exhaustive()
    }
}

/// A transfer to be taken back by the operator.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reversal<'a> {
    /// The transfer's id.
    pub id: TransferId,
    /// Why.
    pub reason: &'a str,
}

/// Units to be moved by the operator, all of them or none.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Adjustment<'a> {
    /// The transfer's id.
    pub id: TransferId,
    /// What moves.
    pub legs: &'a [AdjustmentLeg<'a>],
    /// Why.
    pub reason: &'a str,
}

/// Units to be moved by the operator.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AdjustmentLeg<'a> {
    /// The wallet that pays.
    pub payer: WalletId,
    /// The wallet that is paid.
    pub payee: WalletId,
    /// How many minor units.
    pub amount: u64,
    /// Of what.
    pub currency: CurrencyCode,
    /// What ties it to the payee's books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
}

#[expect(clippy::missing_errors_doc, reason = "each fails as the type's own words say, and in no other way")]
impl Client {
    /// Gives back some or all of what was paid.
    pub async fn refund(&self, paid: &Transfer, refund: &Refund<'_>) -> Answer<Transfer> {
        let leg = match refund.leg {
            Some(number) => paid.legs.iter().find(|leg| leg.leg == number),
            None => paid.legs.first(),
        };
        let leg = leg.and_then(|leg| given_back(paid.id, leg, refund.amount));
        let path = format!("/v1/transfers/{}/refunds", paid.id);
        self.post(&path, &self.with_word(refund, refund.id, leg.as_slice())).await
    }

    /// Takes a transfer back, as if it had not been.
    pub async fn reverse(&self, transfer: TransferId, reversal: &Reversal<'_>) -> Answer<Transfer> {
        self.post(&format!("/v1/transfers/{transfer}/reversals"), reversal).await
    }

    /// Moves units between wallets.
    pub async fn adjust(&self, adjustment: &Adjustment<'_>) -> Answer<Transfer> {
        self.post("/v1/adjustments", adjustment).await
    }
}

/// What a refund moves; none where the amount is none.
fn given_back(transfer: TransferId, paid: &TransferLeg, amount: Option<u64>) -> Option<Leg> {
    let original = Original {
        id: LegId { transfer, leg: paid.leg },
        amount: Amount::new(paid.amount).ok()?,
        // When it was paid is not part of what is signed.
        at: Timestamp::from_millis(0),
    };
    Some(Leg {
        payer: paid.payee,
        payee: paid.payer,
        amount: Amount::new(amount.unwrap_or(paid.amount)).ok()?,
        currency: paid.currency,
        purpose: Purpose::Refund(original),
        reference: None,
    })
}
