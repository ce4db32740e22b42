//! What is asked of the engine, and what it answers with.

use quittance_journal::{Position, Receipt};
use quittance_ledger::{
    AccountId, Amount, CurrencyCode, Description, DeviceId, DeviceKey, HoldState, Leg, Name, PaymentKind,
    PaymentRequest, PaymentRequestId, Reference, Refusal, RequestDetail, RequestStatus, Signature, Split,
    Timestamp, Transfer, TransferId, Usage, WalletId,
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
    /// What kind of payment it is.
    pub kind: PaymentKind,
    /// The one account that may pay it. It is told of the request.
    pub payer: Option<AccountId>,
    /// What of each payment is passed on.
    pub splits: Vec<Split>,
    /// What only its kind of payment has.
    pub detail: Option<RequestDetail>,
}

impl NewPaymentRequest {
    /// A standard request that says no more than this.
    #[must_use]
    pub const fn plain(
        wallet: WalletId,
        amount: Option<Amount>,
        currency: CurrencyCode,
        usage: Usage,
        expires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            id: None,
            wallet,
            amount,
            currency,
            usage,
            expires_at,
            reference: None,
            description: None,
            kind: PaymentKind::Standard,
            payer: None,
            splits: Vec::new(),
            detail: None,
        }
    }
}

/// A payment request and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRequestState {
    /// The request.
    pub request: PaymentRequest,
    /// What has become of it.
    pub status: RequestStatus,
    /// How much of it was paid, in minor units, where it is not reusable.
    pub paid: u64,
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

/// Who moves units that are not the operator's, with what proves it.
#[derive(Clone, Copy, Debug)]
pub enum Mover<'a> {
    /// The operator, on the payee's behalf.
    Operator,
    /// A device. The signature is of [`Transfer::statement`].
    Device {
        /// The device.
        device: &'a PairedDevice,
        /// The PIN of its account, where the device's own units move.
        pin: Option<&'a Pin>,
        /// Its word on the transfer.
        signature: Signature,
    },
}

/// What a payer answers.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A barcode, by its text.
    Barcode(String),
    /// A request that the server knows, without a barcode: one that was sent to the payer's account, or a quote.
    Request {
        /// The wallet to be paid.
        wallet: WalletId,
        /// The request.
        request: PaymentRequestId,
    },
}

/// One thing that is paid.
#[derive(Clone, Debug)]
pub struct PaymentLine {
    /// What it answers.
    pub ask: Ask,
    /// The amount: needed where the request leaves it open or is paid in parts, and else the same as the request's.
    pub amount: Option<Amount>,
    /// The currency the payer was shown; the request's, if given.
    pub currency: Option<CurrencyCode>,
}

/// A payer confirms what one or more payees ask for. All of it is settled or none.
#[derive(Debug)]
pub struct PaymentOrder {
    /// The transfer's name, which the payer's device chose.
    pub id: TransferId,
    /// The wallet that pays.
    pub payer: WalletId,
    /// What is paid: at least one line, and with a hold just one.
    pub lines: Vec<PaymentLine>,
    /// Until when the units are only set aside; none where they are paid.
    pub hold_until: Option<Timestamp>,
    /// The PIN of the payer's account.
    pub pin: Pin,
    /// The device's word on it: of [`Transfer::statement`].
    pub signature: Signature,
}

/// A payee takes what was set aside for it.
#[derive(Clone, Copy, Debug)]
pub struct CaptureOrder {
    /// The transfer's name.
    pub id: TransferId,
    /// The transfer that set the units aside.
    pub hold: TransferId,
    /// How much of it.
    pub amount: Amount,
    /// Whether what is left then is let go.
    pub is_final: bool,
}

/// A hold and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRecord {
    /// The transfer that set the units aside.
    pub placed: TransferRecord,
    /// What has become of it; none where it is long over and forgotten.
    pub state: Option<HoldState>,
}

/// A payee gives back what it was paid.
#[derive(Clone, Copy, Debug)]
pub struct RefundOrder {
    /// The refund's name.
    pub id: TransferId,
    /// The transfer that is refunded.
    pub transfer: TransferId,
    /// Which of its legs; none is the first that paid whoever refunds.
    pub leg: Option<u8>,
    /// How much; none is all of the leg.
    pub amount: Option<Amount>,
    /// What ties it to the books.
    pub reference: Option<Reference>,
}

/// The operator takes a transfer back, all legs of it.
#[derive(Clone, Debug)]
pub struct ReversalOrder {
    /// The reversal's name.
    pub id: TransferId,
    /// The transfer that is taken back.
    pub transfer: TransferId,
    /// Why.
    pub reason: Description,
}

/// One of the operator's movements that settle together.
#[derive(Clone, Copy, Debug)]
pub struct AdjustmentLeg {
    /// The wallet that pays.
    pub payer: WalletId,
    /// The wallet that is paid.
    pub payee: WalletId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: CurrencyCode,
    /// What ties it to the payee's books.
    pub reference: Option<Reference>,
}

/// The operator moves units between wallets, all of it or none.
#[derive(Clone, Debug)]
pub struct AdjustmentOrder {
    /// The transfer's name.
    pub id: TransferId,
    /// The movements, at least one.
    pub legs: Vec<AdjustmentLeg>,
    /// Why.
    pub reason: Description,
}

/// The most orders of one batch.
pub const MAX_BATCH: usize = 8_190;

/// The operator moves units from one wallet to another: out of or into the issuer wallet of their currency, or between two
/// others.
#[derive(Clone, Copy, Debug)]
pub struct MoveOrder {
    /// The transfer's name.
    pub id: TransferId,
    /// The wallet that pays.
    pub payer: WalletId,
    /// The wallet that is paid.
    pub payee: WalletId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: CurrencyCode,
    /// What ties it to the payee's books.
    pub reference: Option<Reference>,
}

/// What came of one order of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where in the journal.
    pub position: Position,
    /// When it was decided.
    pub at: Timestamp,
    /// Why it moved nothing; none where it is settled.
    pub refusal: Option<Refusal>,
}

/// How much of a conversion is given: the other side follows from the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteAmount {
    /// What the payer gives.
    Give(Amount),
    /// What the payer gets.
    Get(Amount),
}

/// A payer asks at what rate it can convert.
#[derive(Clone, Copy, Debug)]
pub struct QuoteOrder {
    /// The payer's wallet that gives.
    pub from: WalletId,
    /// The payer's wallet that gets.
    pub to: WalletId,
    /// How much.
    pub amount: QuoteAmount,
}

/// A transfer as the journal holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRecord {
    /// Where in the journal.
    pub position: Position,
    /// When it was decided.
    pub at: Timestamp,
    /// What was asked, with what followed from it.
    pub transfer: Box<Transfer>,
    /// Why it moved nothing; none where it is settled.
    pub refusal: Option<Refusal>,
}

impl TransferRecord {
    /// Its legs, with their numbers, as a receipt or a refund names them.
    pub fn numbered_legs(&self) -> impl Iterator<Item = (u8, &Leg)> {
        (0..=u8::MAX).zip(self.transfer.legs())
    }

    /// Whether it is what became of a transfer that is asked for: false where that has another id.
    pub(crate) fn answers(&self, asked: &Transfer) -> Result<bool, Refusal> {
        if self.transfer.id != asked.id {
            return Ok(false);
        }
        let is_same = self.transfer.fingerprint() == asked.fingerprint();
        if is_same { Ok(true) } else { Err(Refusal::IdConflict) }
    }
}

/// What proves a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferProof {
    /// That it is in the journal.
    pub receipt: Receipt,
    /// The key of the device that asked for it; none where the operator did.
    pub signer: Option<DeviceKey>,
}
