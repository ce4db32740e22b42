//! A barcode as the payer's device takes it in: read off pixels or typed, and verified without the server.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use quittance_barcode::{
    BarcodeError, MAX_IMAGE_BYTES, SealedBarcode, Sealer, Untrusted, VerifiedBarcode, decode_image,
};
use quittance_ledger::{Amount, PaymentKind, Timestamp, Usage};

use super::home::Home;
use super::request::kind_word;
use super::tell::{Shown, fact, told};
use crate::cli::CliError;
use crate::client::{Client, DecodedMore, rfc3339};

/// A barcode whose seal was checked, and its text.
pub(super) struct Scanned {
    pub(super) text: String,
    pub(super) verified: VerifiedBarcode,
    /// What the server says beside it, once it was asked.
    more: Option<DecodedMore>,
}

impl Scanned {
    /// Takes in what was given: the picture where there is a file of that name, else the text itself.
    pub(super) fn new(given: &str, home: &Home) -> Result<Self, CliError> {
        let path = Path::new(given);
        let is_picture = path.is_file();
        let text = if is_picture { decode_image(&read(path)?)? } else { as_drawn(given.trim()) };
        if !is_picture && !text.starts_with("HTTP") {
            let given = Untrusted(given);
            return Err(format!(
                "there is no file {given}, nor is that a barcode's text: give a PNG or JPEG picture, or the text"
            )
            .into());
        }
        let (origin, keys) = home.server_keys()?;
        let opened = SealedBarcode::parse(&text, &origin).and_then(|barcode| barcode.verify(&keys));
        let verified = opened.map_err(|error| match error {
            BarcodeError::UnknownKey => {
                format!("{error}: do not pay it, unless the server was given a new key: then quittance device refresh-keys, and look again")
            }
            BarcodeError::NotABarcode => {
                let begin = origin.as_str();
                format!("that is no payment barcode: give the one that the payee shows, whose text begins with {begin}/P/")
            }
            other => other.to_string(),
        })?;
        Ok(Self { text, verified, more: None })
    }

    /// Asks the server what the barcode can't say, where it says that there is more, and shows it. A server that can't be
    /// reached does not keep a person from what the barcode says by itself.
    pub(super) async fn ask_and_show_more(&mut self, client: &Client) -> Result<(), CliError> {
        if !self.verified.details().has_more {
            return Ok(());
        }
        match client.decode_text(&self.text).await {
            Ok(decoded) => self.more = decoded.more,
            Err(error) => return fact("more", format_args!("not known: {}", told(&error))),
        }
        let Some(more) = &self.more else { return Ok(()) };
        fact("kind", kind_word(more.kind))?;
        if let Some(invoice) = &more.invoice {
            fact("invoice", Shown(&invoice.number))?;
            fact("due", Shown(&invoice.due_at))?;
        }
        if let Some(left) = self.left() {
            fact("left to pay", left)?;
        }
        if let Some(payer) = more.payer {
            fact("payer", format_args!("account {payer} alone"))?;
        }
        if !more.suggestions.is_empty() {
            let shown: Vec<String> =
                more.suggestions.iter().map(|units| self.formatted_units(*units)).collect();
            fact("suggested", shown.join(", "))?;
        }
        Ok(())
    }

    /// Whether units can be set aside for it, as far as it or the server said.
    pub(super) fn check_can_be_held(&self) -> Result<(), CliError> {
        let is_in_parts = self.verified.details().usage == Usage::Parts;
        let is_more_than_a_payment = self.more.as_ref().is_some_and(|more| {
            let is_payment_alone =
                matches!(more.kind, PaymentKind::Standard | PaymentKind::Invoice | PaymentKind::Donation);
            !more.splits.is_empty() || !is_payment_alone
        });
        if is_in_parts || is_more_than_a_payment {
            return Err("units can't be set aside for what the barcode asks for: it can only be paid".into());
        }
        Ok(())
    }

    /// What is left to pay of a request in parts, as far as the server said.
    fn left(&self) -> Option<String> {
        let is_in_parts = self.verified.details().usage == Usage::Parts;
        let left = self.more.as_ref().and_then(|more| more.remaining);
        left.filter(|_| is_in_parts).map(|units| self.formatted_units(units))
    }

    fn formatted_units(&self, units: u64) -> String {
        self.verified.details().currency.format(i64::try_from(units).unwrap_or(i64::MAX))
    }

    /// Shows what it asks for. Its names are safe to show: they were checked as the ledger checks them.
    pub(super) fn show(&self, now: Timestamp) -> Result<(), CliError> {
        let details = self.verified.details();
        fact("pay to", details.payee_name)?;
        let amount = details.amount.map(|amount| formatted(&self.verified, amount));
        fact("amount", amount.unwrap_or_else(|| format!("open, in {}", details.currency.code())))?;
        if let Some(reference) = details.reference {
            fact("reference", reference)?;
        }
        if let Some(at) = details.expires_at {
            let note = if at <= now { ", which is past: ask the payee for a new one" } else { "" };
            fact("until", format_args!("{}{note}", rfc3339(at)))?;
        }
        let usage = match details.usage {
            Usage::OneTime => "once",
            Usage::Reusable => "any number of times",
            Usage::Parts => "in parts",
        };
        fact("payable", usage)?;
        match self.verified.sealer() {
            Sealer::Server => fact("sealed by", "the server"),
            Sealer::Till { device, certified_until } => {
                let (till, until) = (device.device_id(), rfc3339(*certified_until));
                fact("sealed by", format_args!("till {till}, certified until {until}"))
            }
        }
    }

    /// What is paid: what the barcode asks for, or what the payer says where it leaves that open.
    pub(super) fn amount(&self, said: Option<u64>) -> Result<Amount, CliError> {
        let details = self.verified.details();
        if let Some(asked) = details.amount.filter(|_| details.usage == Usage::Parts) {
            let asked = formatted(&self.verified, asked);
            let left = self.left().map_or_else(String::new, |left| format!(", of which {left} are left"));
            let said = said.ok_or_else(|| {
                format!(
                    "the barcode asks for {asked} in parts{left}: say with --amount how much of it to pay now"
                )
            })?;
            return Ok(Amount::new(said)?);
        }
        match (details.amount, said) {
            (Some(asked), None) => Ok(asked),
            (Some(asked), Some(said)) if asked.get() == said => Ok(asked),
            (Some(asked), Some(_)) => {
                let asked = formatted(&self.verified, asked);
                Err(format!("the barcode asks for {asked} and nothing else: leave --amount out").into())
            }
            (None, Some(said)) => Ok(Amount::new(said)?),
            (None, None) => Err("the barcode leaves the amount open: say it with --amount".into()),
        }
    }
}

/// An amount in the barcode's currency, for a person to read.
pub(super) fn formatted(verified: &VerifiedBarcode, amount: Amount) -> String {
    // No amount is beyond what the signed number holds.
    verified.details().currency.format(i64::try_from(amount.get()).unwrap_or(i64::MAX))
}

/// A barcode's text as barcodes have it. Programs that take it for a link write some of it in lower case.
fn as_drawn(text: &str) -> String {
    let is_link = text.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("http"));
    if is_link { text.to_ascii_uppercase() } else { text.to_owned() }
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |error: std::io::Error| format!("the picture {} can't be read: {error}", path.display());
    let mut picture = Vec::new();
    // One byte more than a picture may have, so that a larger one is seen to be.
    let most = u64::try_from(MAX_IMAGE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(failed)?.take(most).read_to_end(&mut picture).map_err(failed)?;
    Ok(picture)
}
