//! What is sent: the members of bodies, and of the queries that have several.

use quittance_ledger::{
    AccountId, AccountKind, CurrencyCode, DeviceId, PaymentKind, PaymentRequestId, TransferId, Usage,
    WalletId,
};
use serde::Serialize;

use super::objects::{Invoice, SplitPart};

/// An account to be opened.
#[derive(Clone, Debug, Serialize)]
pub struct NewAccount<'a> {
    /// Its id; the server makes one where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<AccountId>,
    /// What it is called.
    pub name: &'a str,
    /// Person or business.
    pub kind: AccountKind,
}

/// A device to be paired.
#[derive(Clone, Copy, Debug)]
pub struct NewDevice<'a> {
    /// The pairing code.
    pub code: &'a str,
    /// What the device is called.
    pub name: &'a str,
    /// The account's PIN.
    pub pin: &'a str,
}

/// A wallet to be opened.
#[derive(Clone, Debug, Serialize)]
pub struct NewWallet<'a> {
    /// Its id; the server makes one where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<WalletId>,
    /// Whose it is. A device leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The currency.
    pub currency: CurrencyCode,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
}

/// Units that enter the system, or leave it.
#[derive(Clone, Debug, Serialize)]
pub struct UnitsMovement<'a> {
    /// The transfer's id.
    pub id: TransferId,
    /// How many minor units.
    pub amount: u64,
    /// Of what.
    pub currency: CurrencyCode,
    /// What ties it to the operator's books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
}

/// A payment to be asked for.
#[derive(Clone, Debug, Serialize)]
pub struct NewPaymentRequest<'a> {
    /// Its id; the server makes one where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<PaymentRequestId>,
    /// How many minor units; none where the payer says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// The wallet's currency.
    pub currency: CurrencyCode,
    /// How often it may be paid; once, if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// When it ends, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// What ties a payment to the payee's books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// What the payment is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// What kind of payment it is; a standard one, if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<PaymentKind>,
    /// The one account that may pay it, and is told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer: Option<AccountId>,
    /// What of the payment is passed on.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub splits: &'a [SplitPart],
    /// What only a bill has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<Invoice>,
    /// Amounts that whoever gives may choose from.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub suggestions: &'a [u64],
}

impl NewPaymentRequest<'_> {
    /// A one-time request with nothing but what must be there.
    #[must_use]
    pub const fn of(amount: Option<u64>, currency: CurrencyCode) -> Self {
        Self {
            id: None,
            amount,
            currency,
            usage: None,
            expires_at: None,
            reference: None,
            description: None,
            kind: None,
            payer: None,
            splits: &[],
            invoice: None,
            suggestions: &[],
        }
    }
}

/// A payment to be made.
#[derive(Clone, Serialize)]
pub struct Payment<'a> {
    /// The transfer's id.
    pub id: TransferId,
    /// The wallet that pays.
    pub payer: WalletId,
    /// The barcode's text.
    pub barcode: &'a str,
    /// How many minor units: needed where the barcode leaves it open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// The currency the payer was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<CurrencyCode>,
    /// The PIN of the payer's account.
    pub pin: &'a str,
}

impl std::fmt::Debug for Payment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payment").field("id", &self.id).field("payer", &self.payer).finish_non_exhaustive()
    }
}

/// A till that is to make barcodes offline.
#[derive(Serialize)]
pub(super) struct NewTillCertificate<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<&'a str>,
}

/// How a barcode is drawn. What is not said is the server's to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BarcodeLook {
    /// As what.
    pub format: Option<BarcodeFormat>,
    /// `L`, `M`, `Q` or `H`.
    pub error_correction: Option<char>,
    /// The side of a module in pixels.
    pub module_pixels: Option<u8>,
}

/// As what a barcode is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarcodeFormat {
    /// A picture of pixels.
    Png,
    /// A picture of lines.
    Svg,
    /// Not at all: what it says.
    Text,
    /// Half blocks, for a terminal.
    Terminal,
}

impl BarcodeLook {
    /// The query that asks for this look.
    pub(super) fn query(self) -> String {
        let format = self.format.map(|format| match format {
            BarcodeFormat::Png => "format=png".to_owned(),
            BarcodeFormat::Svg => "format=svg".to_owned(),
            BarcodeFormat::Text => "format=text".to_owned(),
            BarcodeFormat::Terminal => "format=terminal".to_owned(),
        });
        let correction = self.error_correction.map(|level| format!("error_correction={level}"));
        let pixels = self.module_pixels.map(|pixels| format!("module_pixels={pixels}"));
        query([format, correction, pixels])
    }
}

/// A value of a query, whatever it holds.
pub(super) fn encoded(value: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(byte);
    let write = |byte: u8| {
        if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    value.bytes().map(write).collect()
}

/// The query of these parameters, with its question mark; nothing where there are none.
pub(super) fn query<const N: usize>(parameters: [Option<String>; N]) -> String {
    let given: Vec<String> = parameters.into_iter().flatten().collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}
