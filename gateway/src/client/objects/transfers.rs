//! Transfers as the server tells of them.

use quittance_ledger::{
    AccountId, CurrencyCode, DeviceId, PaymentKind, PaymentRequestId, TransferId, WalletId,
};
use serde::Deserialize;

/// A transfer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Transfer {
    /// Its id.
    pub id: TransferId,
    /// Whether it moved anything.
    pub status: TransferStatus,
    /// Why it did not.
    pub refusal: Option<RefusalNote>,
    /// Where it is in the journal.
    pub position: u64,
    /// When it was decided.
    pub at: String,
    /// What for.
    pub purpose: TransferPurpose,
    /// The wallet that pays.
    pub payer: WalletId,
    /// The wallet that is paid.
    pub payee: WalletId,
    /// Who pays; nobody where units enter.
    pub payer_name: Option<String>,
    /// Who is paid.
    pub payee_name: Option<String>,
    /// How many minor units.
    pub amount: u64,
    /// Of what.
    pub currency: CurrencyCode,
    /// The amount for a person to read.
    pub display: String,
    /// The payment request it pays.
    pub request: Option<PaymentRequestId>,
    /// What ties it to the payee's books.
    pub reference: Option<String>,
    /// What kind of payment it is, where it is one.
    pub kind: Option<PaymentKind>,
    /// All that moves in it that whoever asks may see; the first leg is what was said above.
    pub legs: Vec<TransferLeg>,
    /// What it gives back, or captures.
    pub related: Option<LegName>,
    /// Why, where the operator had to say.
    pub reason: Option<String>,
    /// On whose word.
    pub by: Authority,
}

/// Units that go from one wallet to another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TransferLeg {
    /// Its number, from 0.
    pub leg: u8,
    /// The wallet that pays.
    pub payer: WalletId,
    /// The wallet that is paid.
    pub payee: WalletId,
    /// Who pays; nobody where units enter.
    pub payer_name: Option<String>,
    /// Who is paid.
    pub payee_name: Option<String>,
    /// How many minor units.
    pub amount: u64,
    /// Of what.
    pub currency: CurrencyCode,
    /// The amount for a person to read.
    pub display: String,
    /// What for.
    pub purpose: TransferPurpose,
    /// What kind of payment it is, where it is one.
    pub kind: Option<PaymentKind>,
    /// The payment request it answers.
    pub request: Option<PaymentRequestId>,
    /// What ties it to the payee's books.
    pub reference: Option<String>,
    /// What it gives back, or captures.
    pub related: Option<LegName>,
}

/// A leg of a transfer, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct LegName {
    /// The transfer.
    pub transfer: TransferId,
    /// The number.
    pub leg: u8,
}

/// On whose word units move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "AuthorityObject")]
pub enum Authority {
    /// The operator's.
    Operator,
    /// A device's.
    Device {
        /// The account it is paired with.
        account: AccountId,
        /// The device.
        device: DeviceId,
    },
    /// A device's that the server does not name to whoever asks.
    SomeDevice,
}

/// The same as it is sent.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum AuthorityObject {
    Operator,
    Device { account: Option<AccountId>, device: Option<DeviceId> },
}

impl From<AuthorityObject> for Authority {
    fn from(object: AuthorityObject) -> Self {
        match object {
            AuthorityObject::Operator => Self::Operator,
            AuthorityObject::Device { account: Some(account), device: Some(device) } => {
                Self::Device { account, device }
            }
            AuthorityObject::Device { .. } => Self::SomeDevice,
        }
    }
}

/// Whether a transfer moved anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferStatus {
    /// It did.
    Settled,
    /// A rule said no.
    Refused,
}

/// What a transfer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferPurpose {
    /// Units enter.
    Issue,
    /// Units leave.
    Redemption,
    /// A payment request is paid.
    Payment,
    /// Units are set aside for a payment request.
    Hold,
    /// Units that were set aside are taken.
    Capture,
    /// The payee gives back.
    Refund,
    /// The operator takes back.
    Reversal,
    /// The operator moves units.
    Adjustment,
    /// The operator's part of a payment.
    Fee,
    /// What the payee passes on of a payment.
    Split,
    /// The other half of a conversion.
    Conversion,
}

/// Why a transfer moved nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RefusalNote {
    /// The problem's type.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The type in words.
    pub title: String,
    /// What was amiss.
    pub detail: String,
}
