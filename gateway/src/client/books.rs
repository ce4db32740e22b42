//! Statements, balances of the past, and look-ups by reference.

use http::Method;
use hyper::body::Bytes;
use quittance_ledger::{CurrencyCode, PaymentRequestId, TransferId, WalletId};
use serde::Deserialize;

use super::Client;
use super::objects::{Cursor, TransferPage};
use super::request::{encoded, query};
use super::routes::Answer;
use super::transport::Body;

/// What a statement is to tell of. What is left out is not asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatementQuery<'a> {
    /// From this instant on, in RFC 3339.
    pub from: Option<&'a str>,
    /// Before this instant.
    pub to: Option<&'a str>,
    /// Only lines of this kind.
    pub kind: Option<&'a str>,
    /// Only lines in this direction.
    pub direction: Option<&'a str>,
    /// Only lines with this wallet on the other side.
    pub counterparty: Option<WalletId>,
    /// Only lines with this reference.
    pub reference: Option<&'a str>,
    /// Only lines of at least so many minor units.
    pub min_amount: Option<u64>,
    /// Only lines of at most so many.
    pub max_amount: Option<u64>,
    /// Where the page begins.
    pub cursor: Option<&'a Cursor>,
    /// How many lines a page has.
    pub limit: Option<u16>,
}

/// As what a statement is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementFormat {
    /// For spreadsheets.
    Csv,
    /// For programs, an object a line.
    JsonLines,
    /// For accounting systems.
    Camt053,
}

/// A page of a wallet's statement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Statement {
    /// The wallet.
    pub wallet: WalletId,
    /// Its currency.
    pub currency: CurrencyCode,
    /// The first instant of the period.
    pub from: String,
    /// The first instant after it.
    pub to: String,
    /// The balance at first.
    pub opening: i64,
    /// The balance at last.
    pub closing: i64,
    /// What moved it.
    pub lines: Vec<StatementLine>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// What moved a balance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StatementLine {
    /// Where it is in the journal.
    pub position: u64,
    /// The transfer's leg.
    pub leg: u8,
    /// When.
    pub at: String,
    /// The transfer.
    pub transfer: TransferId,
    /// What it was.
    pub kind: String,
    /// `credit` or `debit`.
    pub direction: String,
    /// How many minor units.
    pub amount: u64,
    /// What the wallet held then.
    pub balance_after: i64,
    /// The wallet on the other side.
    pub counterparty: Option<WalletId>,
    /// Whose that is.
    pub counterparty_name: Option<String>,
    /// What ties it to the payee's books.
    pub reference: Option<String>,
    /// The payment request.
    pub request: Option<PaymentRequestId>,
    /// The transfer that it gives back, or the hold that it captures.
    pub related: Option<TransferId>,
    /// What it was for.
    pub note: Option<String>,
    /// The amount for a person to read.
    pub display: String,
}

impl StatementLine {
    /// By how much it changes the balance.
    #[must_use]
    pub fn change(&self) -> i64 {
        let amount = i64::try_from(self.amount).unwrap_or(i64::MAX);
        if self.direction == "credit" { amount } else { amount.saturating_neg() }
    }
}

/// What a wallet held at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PastBalance {
    /// The wallet.
    pub wallet: WalletId,
    /// Its currency.
    pub currency: CurrencyCode,
    /// Minor units.
    pub posted: i64,
    /// The same for a person to read.
    pub display: String,
    /// The instant.
    pub at: String,
}

/// What wallets held as of one record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Balances {
    /// The record's position.
    pub position: u64,
    /// The balances, in the order in which they were asked for.
    pub balances: Vec<WalletBalance>,
}

/// What a wallet held.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WalletBalance {
    /// The wallet.
    pub wallet: WalletId,
    /// Its currency.
    pub currency: CurrencyCode,
    /// Minor units.
    pub posted: i64,
    /// The same for a person to read.
    pub display: String,
}

impl StatementFormat {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Camt053 => "camt053",
        }
    }
}

impl StatementQuery<'_> {
    fn path(&self, wallet: WalletId, format: Option<StatementFormat>) -> String {
        let text = |name: &str, value: Option<&str>| value.map(|value| format!("{name}={}", encoded(value)));
        let number = |name: &str, value: Option<u64>| value.map(|value| format!("{name}={value}"));
        let query = query([
            text("from", self.from),
            text("to", self.to),
            text("kind", self.kind),
            text("direction", self.direction),
            self.counterparty.map(|wallet| format!("counterparty={wallet}")),
            text("reference", self.reference),
            number("min_amount", self.min_amount),
            number("max_amount", self.max_amount),
            text("cursor", self.cursor.map(Cursor::as_str)),
            number("limit", self.limit.map(u64::from)),
            text("format", format.map(StatementFormat::as_str)),
        ]);
        format!("/v1/wallets/{wallet}/statement{query}")
    }
}

#[expect(clippy::missing_errors_doc, reason = "each fails as the type's own words say, and in no other way")]
impl Client {
    /// A page of a wallet's statement.
    pub async fn statement(&self, wallet: WalletId, asked: &StatementQuery<'_>) -> Answer<Statement> {
        self.get(&asked.path(wallet, None)).await
    }

    /// A wallet's whole statement as a file.
    pub async fn export_statement(
        &self,
        wallet: WalletId,
        asked: &StatementQuery<'_>,
        format: StatementFormat,
    ) -> Answer<Bytes> {
        let path = asked.path(wallet, Some(format));
        Ok(self.request(Method::GET, &path, Body::empty()).await?.success()?.body)
    }

    /// What a wallet held at an instant, in RFC 3339.
    pub async fn balance_at(&self, wallet: WalletId, at: &str) -> Answer<PastBalance> {
        self.get(&format!("/v1/wallets/{wallet}/balance{}", query([Some(format!("at={}", encoded(at)))])))
            .await
    }

    /// What wallets held as of one record, the last one if none is named.
    pub async fn balances(&self, wallets: &[WalletId], as_of: Option<u64>) -> Answer<Balances> {
        let wallets: Vec<_> = wallets.iter().map(ToString::to_string).collect();
        let wallets = Some(format!("wallets={}", wallets.join(",")));
        let as_of = as_of.map(|position| format!("as_of={position}"));
        self.get(&format!("/v1/balances{}", query([wallets, as_of]))).await
    }

    /// The transfers with a reference, newest first; a device says of which of its wallets.
    pub async fn transfers_by_reference(
        &self,
        wallet: Option<WalletId>,
        reference: &str,
        before: Option<&Cursor>,
    ) -> Answer<TransferPage> {
        let wallet = wallet.map(|wallet| format!("wallet={wallet}"));
        let before = before.map(|cursor| format!("before={}", cursor.as_str()));
        let reference = Some(format!("reference={}", encoded(reference)));
        self.get(&format!("/v1/transfers{}", query([wallet, reference, before]))).await
    }

    /// The receipt of a transfer, as the server writes it.
    pub async fn receipt_file(&self, transfer: TransferId) -> Answer<Bytes> {
        let path = format!("/v1/transfers/{transfer}/receipt");
        Ok(self.request(Method::GET, &path, Body::empty()).await?.success()?.body)
    }
}
