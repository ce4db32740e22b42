//! What is asked of the engine, and what it answers with.

use quittance_journal::Position;
use quittance_ledger::{
    AccountId, Amount, CurrencyCode, Description, DeviceId, DeviceKey, Name, PaymentRequest,
    PaymentRequestId, Reference, Refusal, RequestStatus, Timestamp, Transfer, TransferId, Usage, WalletId,
};

use crate::pin::Pin;

/// Who asks, proven by whoever lets them in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The operator of the server, who may act for every account but pay for none.
    Operator,
    /// An account, through one of its devices.
    Account(AccountId),
}

/// A device that is paired and not revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairedDevice {
    /// The account it is paired with.
    pub account: AccountId,
    /// Its id.
    pub device: DeviceId,
    /// The key it signs with.
    pub key: DeviceKey,
}

/// A pairing code in plain text. It is shown once and not kept.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedPairingCode {
    /// The code, in letters and digits that are not taken for one another.
    pub code: String,
    /// From this instant on it is refused.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for IssuedPairingCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedPairingCode").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A device asks to be paired. Whoever passes this on has seen a signature by the key.
#[derive(Debug)]
pub struct PairingOrder {
    /// The pairing code, as it was typed or scanned.
    pub code: String,
    /// The device's key.
    pub key: DeviceKey,
    /// What the device shall be called.
    pub name: Name,
    /// The account's PIN: set by the first device, proven by each later one.
    pub pin: Pin,
}

/// A payee asks for a payment.
#[derive(Clone, Debug)]
pub struct NewPaymentRequest {
    /// The request's id; the engine makes one where there is none.
    pub id: Option<PaymentRequestId>,
    /// The wallet to be paid into.
    pub wallet: WalletId,
    /// The amount; none where the payer says it.
    pub amount: Option<Amount>,
    /// The wallet's currency.
    pub currency: CurrencyCode,
    /// How often it may be paid.
    pub usage: Usage,
    /// When it ends, cut to whole seconds as barcodes are.
    pub expires_at: Option<Timestamp>,
    /// What ties the payment to the payee's books.
    pub reference: Option<Reference>,
    /// What the payment is for.
    pub description: Option<Description>,
}

/// A payment request and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRequestState {
    /// The request.
    pub request: PaymentRequest,
    /// What has become of it.
    pub status: RequestStatus,
}

/// The operator moves units into a wallet, or out of it.
#[derive(Clone, Debug)]
pub struct OperatorOrder {
    /// The transfer's name.
    pub id: TransferId,
    /// The wallet.
    pub wallet: WalletId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: CurrencyCode,
    /// What ties it to the operator's books.
    pub reference: Option<Reference>,
}

/// A payer confirms what a barcode asks for.
#[derive(Debug)]
pub struct PaymentOrder {
    /// The transfer's name, which the payer's device chose.
    pub id: TransferId,
    /// The wallet that pays.
    pub payer: WalletId,
    /// The barcode's text.
    pub barcode: String,
    /// The amount: needed where the barcode leaves it open, and else the same as the barcode's.
    pub amount: Option<Amount>,
    /// The currency the payer was shown; the barcode's, if given.
    pub currency: Option<CurrencyCode>,
    /// The PIN of the payer's account.
    pub pin: Pin,
}

/// A transfer as the journal holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRecord {
    /// Where in the journal.
    pub position: Position,
    /// When it was decided.
    pub at: Timestamp,
    /// What was asked.
    pub transfer: Transfer,
    /// Why it moved nothing; none where it is settled.
    pub refusal: Option<Refusal>,
}
