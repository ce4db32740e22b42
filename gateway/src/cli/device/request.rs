//! Asking for a payment.

use std::path::PathBuf;

use clap::ValueEnum;
use quittance_ledger::{AccountId, CurrencyCode, PaymentKind, Timestamp, Usage, WalletId};

use super::Outcome;
use super::tell::{Shown, line, told};
use crate::cli::drawing::Drawing;
use crate::cli::minor::minor_units;
use crate::client::{Client, Invoice, NewPaymentRequest, SplitPart, rfc3339, unix_millis};

/// How long a request may be paid where neither this device nor, for what it is, the server says otherwise.
const LIFETIME_SECS: u32 = 900;

/// What to ask for.
#[derive(clap::Args)]
pub(super) struct RequestArgs {
    /// The wallet that is to be paid
    wallet: WalletId,
    /// How much, in minor units: 1250 for 12.50 EUR. Left out, the payer says it
    #[arg(long, value_name = "MINOR", value_parser = minor_units)]
    amount: Option<u64>,
    /// The currency; the wallet's, if left out
    #[arg(long)]
    currency: Option<CurrencyCode>,
    /// What ties the payment to the payee's books, such as an order number
    #[arg(long)]
    reference: Option<String>,
    /// What the payment is for; only the payee sees it
    #[arg(long)]
    description: Option<String>,
    /// What kind of payment it is; what --invoice or --suggest make of it, if not said
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// The one account that may pay it, and is told of it
    #[arg(long, value_name = "ACCOUNT")]
    payer: Option<AccountId>,
    /// What of the payment is passed on, in minor units; may be said several times
    #[arg(long = "split", value_name = "WALLET=MINOR", value_parser = split)]
    splits: Vec<SplitPart>,
    /// An amount that whoever gives may choose, in minor units; may be said several times
    #[arg(long = "suggest", value_name = "MINOR", value_parser = minor_units)]
    suggestions: Vec<u64>,
    /// The number of the bill
    #[arg(long, value_name = "NUMBER", requires = "due", required_if_eq("kind", "invoice"))]
    invoice: Option<String>,
    /// When the bill should be paid by, such as 2026-11-24T00:00:00Z
    #[arg(long, value_name = "INSTANT", requires = "invoice", required_if_eq("kind", "invoice"))]
    due: Option<String>,
    /// Let it be paid any number of times until it expires
    #[arg(long, conflicts_with = "parts")]
    reusable: bool,
    /// Let it be paid in parts until all of it is paid
    #[arg(long)]
    parts: bool,
    /// For how long it may be paid; if not said, 900, and a bill or what is paid in parts as long as the server lets it
    #[arg(long, value_name = "SECONDS")]
    expires_in: Option<u32>,
    /// Draw the barcode into this file, which ends in .png or .svg, and not on the terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What kind of payment is asked for.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Anything
    Standard,
    /// A bill, with --amount, --invoice and --due
    Invoice,
    /// A gift, whose giver says how much
    Donation,
    /// An agent, who was given cash, pays a customer
    TopUp,
    /// A customer pays an agent, who gives cash
    Withdrawal,
}

impl From<Kind> for PaymentKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Standard => Self::Standard,
            Kind::Invoice => Self::Invoice,
            Kind::Donation => Self::Donation,
            Kind::TopUp => Self::TopUp,
            Kind::Withdrawal => Self::Withdrawal,
        }
    }
}

/// A kind in words.
pub(super) const fn kind_word(kind: PaymentKind) -> &'static str {
    match kind {
        PaymentKind::Standard => "payment",
        PaymentKind::Invoice => "invoice",
        PaymentKind::Donation => "donation",
        PaymentKind::TopUp => "top-up: you were given cash, and pay for it",
        PaymentKind::Withdrawal => "withdrawal: you pay, and are given cash",
        PaymentKind::Conversion => "conversion",
    }
}

fn split(text: &str) -> Result<SplitPart, String> {
    let (wallet, amount) =
        text.split_once('=').ok_or("write the wallet's id, an equals sign and the amount")?;
    let wallet = wallet.parse().map_err(|error| format!("the wallet's id is {error}"))?;
    Ok(SplitPart { wallet, amount: minor_units(amount)? })
}

impl RequestArgs {
    fn kind(&self) -> Option<PaymentKind> {
        match self.kind {
            Some(kind) => Some(kind.into()),
            None if self.invoice.is_some() => Some(PaymentKind::Invoice),
            None if !self.suggestions.is_empty() => Some(PaymentKind::Donation),
            None => None,
        }
    }

    const fn usage(&self) -> Usage {
        match (self.reusable, self.parts) {
            (true, _) => Usage::Reusable,
            (false, true) => Usage::Parts,
            (false, false) => Usage::OneTime,
        }
    }

    /// When it is to end; none where that is left to the server.
    fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        let is_servers = self.parts || self.invoice.is_some();
        let seconds = self.expires_in.or_else(|| (!is_servers).then_some(LIFETIME_SECS))?;
        Some(now.plus_millis(u64::from(seconds).saturating_mul(1_000)))
    }
}

pub(super) async fn run(args: &RequestArgs, client: &Client) -> Outcome<()> {
    let drawing = Drawing::onto(args.out.as_deref())?;
    let currency = match args.currency {
        Some(currency) => currency,
        None => client.wallet(args.wallet).await.map_err(|error| told(&error))?.currency,
    };
    let invoice = args.invoice.clone().zip(args.due.clone());
    let new = NewPaymentRequest {
        usage: Some(args.usage()),
        expires_at: args.expires_at(Timestamp::from_millis(unix_millis())).map(rfc3339),
        reference: args.reference.as_deref(),
        description: args.description.as_deref(),
        kind: args.kind(),
        payer: args.payer,
        splits: &args.splits,
        invoice: invoice.map(|(number, due_at)| Invoice { number, due_at }),
        suggestions: &args.suggestions,
        ..NewPaymentRequest::of(args.amount, currency)
    };
    let asked = client.request_payment(args.wallet, &new).await.map_err(|error| told(&error))?;
    drawing.show(&asked.barcode.text)?;
    line(Shown(&asked.barcode.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_a_wallet_and_an_amount() {
        let wallet = WalletId::from_bytes([1; 16]).unwrap();
        assert_eq!(split(&format!("{wallet}=150")), Ok(SplitPart { wallet, amount: 150 }));
        for (wrong, words) in [
            ("150".to_owned(), "an equals sign"),
            ("17=150".to_owned(), "UUID"),
            (format!("{wallet}=1.50"), "minor units"),
        ] {
            assert!(split(&wrong).unwrap_err().contains(words), "{wrong}");
        }
    }
}
