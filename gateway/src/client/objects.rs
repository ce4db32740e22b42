//! What the server answers with.
//!
//! Unknown members are passed over, so that a client outlives a server that says more.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use quittance_barcode::{BarcodeError, Origin, ServerKeys};
use quittance_ledger::{
    AccountId, AccountKind, CurrencyCode, DeviceId, KeyAlgorithm, PaymentKind, PaymentRequestId, TransferId,
    Usage, WalletId,
};
use serde::{Deserialize, Deserializer, Serialize};

mod transfers;

pub use transfers::{
    Authority, LegName, RefusalNote, Transfer, TransferLeg, TransferPurpose, TransferStatus,
};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What it is called.
    pub name: String,
    /// Person or business.
    pub kind: AccountKind,
    /// When it was opened.
    pub opened_at: String,
    /// Its devices, revoked ones too.
    pub devices: Vec<Device>,
    /// Whether it has a PIN that can be used.
    pub pin: PinState,
    /// How many more wrong PINs it bears.
    pub pin_attempts_left: u8,
}

/// What of an account's PIN may be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PinState {
    /// No device was paired yet.
    Unset,
    /// It can be used.
    Set,
    /// There were too many wrong ones.
    Locked,
}

/// A device of an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// What it is called.
    pub name: String,
    /// The algorithm of its key.
    pub algorithm: KeyAlgorithm,
    /// When it was paired.
    pub paired_at: String,
    /// When it was revoked, if it was.
    pub revoked_at: Option<String>,
}

/// A code that pairs one device.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Pairing {
    /// The code.
    pub code: String,
    /// When it ends.
    pub expires_at: String,
    /// The code as something to scan.
    pub barcode: PairingBarcode,
}

impl std::fmt::Debug for Pairing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pairing").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A pairing code as something to scan.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct PairingBarcode {
    /// What the barcode says.
    pub text: String,
    /// How it looks.
    pub svg: String,
}

/// An account that was opened.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AccountOpened {
    /// The account.
    pub account: Account,
    /// What pairs its first device.
    pub pairing: Pairing,
}

/// A device that was paired.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DevicePaired {
    /// The account it belongs to now.
    #[serde(deserialize_with = "id_or_object")]
    pub account: AccountId,
    /// What it is called from now on.
    #[serde(deserialize_with = "id_or_object")]
    pub device: DeviceId,
}

/// A currency.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Currency {
    /// Its code.
    pub code: CurrencyCode,
    /// How many decimals its major unit has.
    pub exponent: u8,
    /// The wallet that its units come from.
    pub issuer_wallet: WalletId,
}

#[derive(Deserialize)]
pub(super) struct CurrencyList {
    pub(super) currencies: Vec<Currency>,
}

/// A wallet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Wallet {
    /// Its id.
    pub id: WalletId,
    /// Whose it is; nobody's where it is an issuer's.
    pub account: Option<AccountId>,
    /// Its currency.
    pub currency: CurrencyCode,
    /// What it is called.
    pub name: Option<String>,
    /// Whether it may be used.
    pub status: WalletStatus,
    /// What it holds in minor units, as of the last durable block.
    pub posted: i64,
    /// What of it is set aside.
    pub held: i64,
    /// What of it may be spent, beside an overdraft.
    pub available: i64,
    /// All three for a person to read.
    pub display: Display,
    /// How far below zero it may go.
    pub overdraft: Option<u64>,
    /// The most it may hold.
    pub ceiling: Option<u64>,
    /// How much may be paid out of it.
    pub limits: LimitsLeft,
    /// The time zone whose days and months the limits are of.
    pub time_zone: String,
}

/// Whether a wallet may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WalletStatus {
    /// It may.
    Open,
    /// It is paid, and pays nothing.
    Frozen,
    /// It pays nothing, and is paid nothing but what comes back.
    FrozenBothWays,
    /// It may not, ever again.
    Closed,
}

/// How much may be paid, in minor units. What has no limit is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct LimitsLeft {
    /// At once.
    pub per_payment: Option<u64>,
    /// In a day.
    pub per_day: Option<u64>,
    /// In a month.
    pub per_month: Option<u64>,
    /// What is left of it today.
    pub left_day: Option<u64>,
    /// What is left of it this month.
    pub left_month: Option<u64>,
}

/// A wallet's balances for a person to read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Display {
    /// What it holds.
    pub posted: String,
    /// What of it is set aside.
    pub held: String,
    /// What of it may be spent.
    pub available: String,
}

#[derive(Deserialize)]
pub(super) struct WalletList {
    pub(super) wallets: Vec<Wallet>,
}

/// A payment request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PaymentRequest {
    /// Its id.
    pub id: PaymentRequestId,
    /// The wallet that is paid.
    pub wallet: WalletId,
    /// Whom the payer pays.
    pub payee_name: String,
    /// How many minor units, if it says.
    pub amount: Option<u64>,
    /// Of what.
    pub currency: CurrencyCode,
    /// The amount for a person to read.
    pub display: Option<String>,
    /// How often it may be paid.
    pub usage: Usage,
    /// When it ends, if it does.
    pub expires_at: Option<String>,
    /// What ties a payment to the payee's books.
    pub reference: Option<String>,
    /// What the payment is for.
    pub description: Option<String>,
    /// What kind of payment it is.
    pub kind: PaymentKind,
    /// What has become of it.
    pub status: RequestStatus,
    /// The transfer that paid it.
    pub paid_by: Option<TransferId>,
    /// The transfer that set units aside for it.
    pub held_by: Option<TransferId>,
    /// How much of it was paid.
    pub paid: u64,
    /// What is left to pay of it, if it says how much.
    pub remaining: Option<u64>,
    /// The one account that may pay it.
    pub payer: Option<AccountId>,
    /// What of the payment is passed on.
    pub splits: Vec<SplitPart>,
    /// What only a bill has.
    pub invoice: Option<Invoice>,
    /// Amounts that whoever gives may choose from.
    pub suggestions: Vec<u64>,
    /// Its barcode.
    pub barcode: Barcode,
}

/// A part of a payment that its payee passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitPart {
    /// To which wallet.
    pub wallet: WalletId,
    /// How many minor units.
    pub amount: u64,
}

/// What only a bill has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its number in the payee's books.
    pub number: String,
    /// When it should be paid by.
    pub due_at: String,
}

/// What has become of a payment request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestStatus {
    /// It may be paid.
    Open,
    /// Some of it was paid, and the rest may be.
    PartlyPaid,
    /// It was to be paid before, and still may be.
    Overdue,
    /// It was paid.
    Paid,
    /// Units were set aside for it.
    Held,
    /// Its payee withdrew it.
    Cancelled,
    /// Its time is over.
    Expired,
}

/// A barcode that was not drawn yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Barcode {
    /// What it says.
    pub text: String,
    /// How large it is.
    pub qr_version: u8,
}

/// What the server says of a barcode.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Decoded {
    /// The payment request.
    pub request: PaymentRequestId,
    /// The wallet that is paid.
    pub payee: WalletId,
    /// Whom the payer pays.
    pub payee_name: String,
    /// How many minor units, if it says.
    pub amount: Option<u64>,
    /// Of what.
    pub currency: CurrencyCode,
    /// The amount for a person to read.
    pub display: Option<String>,
    /// How often it may be paid.
    pub usage: Usage,
    /// When it ends, if it does.
    pub expires_at: Option<String>,
    /// Whether it has ended.
    pub expired: bool,
    /// What ties a payment to the payee's books.
    pub reference: Option<String>,
    /// Who sealed it.
    pub sealed_by: BarcodeSealer,
    /// What it says.
    pub text: String,
    /// Whether the server knows more of the request than the barcode says.
    pub has_more: bool,
    /// What it knows.
    pub more: Option<DecodedMore>,
}

/// What the server knows of a request beside what its barcode says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DecodedMore {
    /// What kind of payment it is.
    pub kind: PaymentKind,
    /// How often it may be paid.
    pub usage: Usage,
    /// The one account that may pay it.
    pub payer: Option<AccountId>,
    /// How much of it was paid.
    pub paid: u64,
    /// What is left to pay of it, if it says how much.
    pub remaining: Option<u64>,
    /// What of the payment is passed on.
    pub splits: Vec<SplitPart>,
    /// What only a bill has.
    pub invoice: Option<Invoice>,
    /// Amounts that whoever gives may choose from.
    pub suggestions: Vec<u64>,
}

/// Who sealed a barcode.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum BarcodeSealer {
    /// The server.
    Server,
    /// A till, offline.
    Till {
        /// Which.
        device: DeviceId,
        /// Until when it may.
        certified_until: String,
    },
}

/// A certificate with which a till makes barcodes offline.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TillCertificateIssued {
    /// The certificate, in one line.
    pub certificate: String,
    /// The till.
    #[serde(deserialize_with = "id_or_object")]
    pub device: DeviceId,
    /// When it ends.
    pub expires_at: String,
}

/// A page of a wallet's history.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TransferPage {
    /// The transfers, newest first.
    pub transfers: Vec<Transfer>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// Where a page begins. Only the server knows what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor as a query has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(u64),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Text(text) => text,
            Either::Number(number) => number.to_string(),
        }))
    }
}

/// What an event of the stream tells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Notification {
    /// Which way the units went, or would have gone.
    pub direction: Direction,
    /// The transfer.
    pub transfer: Transfer,
}

/// Which way units go, as one party sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards it.
    Incoming,
    /// Away from it.
    Outgoing,
}

/// A copy of the journal that the server made on its machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    /// Where it is.
    pub folder: String,
    /// Up to which record it goes.
    pub position: u64,
}

/// The server's keys for barcodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedKeys {
    /// The server's origin.
    pub origin: String,
    /// The keys; the last is in use.
    pub keys: Vec<PublishedKey>,
}

impl PublishedKeys {
    /// What it takes to verify barcodes without asking the server.
    ///
    /// # Errors
    /// The origin or a key is not usable, or a key has not its own id.
    pub fn to_verify_with(&self) -> Result<(Origin, ServerKeys), BarcodeError> {
        let keys = self.keys.iter().map(|key| {
            let bytes =
                BASE64URL_NOPAD.decode(key.public_key.as_bytes()).map_err(|_| BarcodeError::BadKey)?;
            bytes.try_into().map_err(|_| BarcodeError::BadKey)
        });
        let keys = keys.collect::<Result<Vec<[u8; 32]>, BarcodeError>>()?;
        let keys = ServerKeys::new(&keys)?;
        let ids = keys.ids().map(|id| HEXLOWER.encode(&id.to_bytes()));
        if !ids.eq(self.keys.iter().map(|key| key.id.as_str())) {
            return Err(BarcodeError::KeyIdDiffers);
        }
        Ok((self.origin.parse()?, keys))
    }
}

/// A key of the server for barcodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedKey {
    /// What names it in barcodes.
    pub id: String,
    /// Always `ed25519`.
    pub algorithm: String,
    /// Its bytes in base64url.
    pub public_key: String,
}

/// How the server is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// `ok`, or `space-low` where whatever would write is refused because the disk is nearly full.
    pub status: String,
    /// The server's version.
    pub version: String,
    /// The position of its last record.
    pub position: u64,
}

/// An id, given by itself or with what it names.
fn id_or_object<'de, D: Deserializer<'de>, Id: Deserialize<'de>>(deserializer: D) -> Result<Id, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<Id> {
        Alone(Id),
        Within { id: Id },
    }
    Either::deserialize(deserializer).map(|either| match either {
        Either::Alone(id) | Either::Within { id } => id,
    })
}
