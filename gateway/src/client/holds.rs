//! Holds: units that are set aside for a payee, and then taken or let go.

use quittance_ledger::{
    Amount, CurrencyCode, Leg, PaymentRequestId, Purpose, Timestamp, TransferId, WalletId,
};
use serde::{Deserialize, Serialize, Serializer};

use super::Client;
use super::instant::rfc3339;
use super::objects::Transfer;
use super::payments::PaymentLine;
use super::routes::Answer;

/// Units that were set aside, and what has become of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Hold {
    /// Its id, which is that of the transfer that set them aside.
    pub id: TransferId,
    /// What has become of it.
    pub status: HoldStatus,
    /// How many minor units were set aside.
    pub amount: u64,
    /// How many of them were taken; none where that is forgotten.
    pub captured: Option<u64>,
    /// How many still are set aside.
    pub remaining: u64,
    /// Of what.
    pub currency: CurrencyCode,
    /// The amount for a person to read.
    pub display: String,
    /// The wallet that pays.
    pub payer: WalletId,
    /// The wallet that may take them.
    pub payee: WalletId,
    /// Who may take them.
    pub payee_name: Option<String>,
    /// The payment request that it answers.
    pub request: PaymentRequestId,
    /// From when on nothing can be taken.
    pub expires_at: String,
    /// The transfer that set them aside.
    pub transfer: Transfer,
}

/// What has become of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldStatus {
    /// Units are set aside.
    Open,
    /// They were taken, and what was not was let go.
    Captured,
    /// They were let go.
    Released,
    /// The time was over.
    Expired,
    /// It was over long ago.
    Forgotten,
}

/// Units to be set aside for what a payee asks for.
#[derive(Clone, Serialize)]
pub struct NewHold<'a> {
    /// The transfer's id, which becomes the hold's.
    pub id: TransferId,
    /// The wallet that pays.
    pub payer: WalletId,
    /// What it answers.
    #[serde(flatten)]
    pub line: PaymentLine<'a>,
    /// From when on nothing can be taken.
    #[serde(serialize_with = "instant")]
    pub expires_at: Timestamp,
    /// The PIN of the payer's account.
    pub pin: &'a str,
}

impl std::fmt::Debug for NewHold<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewHold").field("id", &self.id).field("line", &self.line).finish_non_exhaustive()
    }
}

/// Units to be taken of what was set aside.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Capture {
    /// The transfer's id.
    pub id: TransferId,
    /// How many minor units.
    pub amount: u64,
    /// Of what.
    pub currency: CurrencyCode,
    /// Whether what is left then is let go.
    #[serde(rename = "final")]
    pub is_final: bool,
}

#[expect(clippy::missing_errors_doc, reason = "each fails as the type's own words say, and in no other way")]
impl Client {
    /// Sets units aside.
    pub async fn hold(&self, new: &NewHold<'_>) -> Answer<Hold> {
        let mut leg = self.leg(new.payer, &new.line).await?;
        if let Some(leg) = &mut leg
            && let Purpose::Payment(terms) = leg.purpose
        {
            leg.purpose = Purpose::Hold { terms, until: new.expires_at };
        }
        self.post("/v1/holds", &self.with_word(new, new.id, leg.as_slice())).await
    }

    /// A hold.
    pub async fn show_hold(&self, hold: TransferId) -> Answer<Hold> {
        self.get(&format!("/v1/holds/{hold}")).await
    }

    /// Takes units of a hold.
    pub async fn capture(&self, hold: &Hold, capture: &Capture) -> Answer<Transfer> {
        let leg = Amount::new(capture.amount).ok().map(|amount| Leg {
            payer: hold.payer,
            payee: hold.payee,
            amount,
            currency: capture.currency,
            purpose: Purpose::Capture { hold: hold.id, is_final: capture.is_final },
            reference: None,
        });
        let path = format!("/v1/holds/{}/captures", hold.id);
        self.post(&path, &self.with_word(capture, capture.id, leg.as_slice())).await
    }

    /// Lets go what is left of a hold.
    pub async fn release(&self, hold: TransferId) -> Answer<Hold> {
        self.delete(&format!("/v1/holds/{hold}")).await
    }
}

fn instant<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}
