//! ISO 20022 camt.053.001.08, the bank-to-customer statement that accounting systems read: one message, one statement.
//!
//! | ours | theirs |
//! | --- | --- |
//! | the statement's id | `MsgId` and `Stmt/Id` |
//! | its place in the sequence | `ElctrncSeqNb` |
//! | from; the last instant before to | `FrToDt` |
//! | the wallet | `Acct/Id/Othr/Id` |
//! | the owner's name | `Acct/Ownr/Nm` |
//! | opening and closing balance | `Bal` of type `OPBD` and `CLBD`, of the days, in UTC, of the period's ends |
//! | totals, where they are known | `TxsSummry` |
//! | position and leg | `NtryRef`: `17-0` |
//! | when | `BookgDt/DtTm`; its day in UTC is `ValDt/Dt` |
//! | the transfer | `AcctSvcrRef` |
//! | kind | `BkTxCd`: a domain's code (see `codes.rs`), and the kind's own word |
//! | reference | `EndToEndId`, or `NOTPROVIDED` |
//! | payment request, related transfer | `Refs/Prtry` of type `PAYMENT-REQUEST`, `RELATED-TRANSFER` |
//! | the other side | `RltdPties`: name and account of debtor or creditor |
//! | note | `RmtInf/Ustrd` |
//!
//! Ids are written as 32 hexadecimal digits: a UUID's 36 characters are more than the 34 of an account's id and the 35 of
//! a reference. The account's id has no place, because the schema asks whether a person or an organisation owns it.
//!
//! Texts need no cleaning: what [`quittance_ledger::Text`] lets in, XML 1.0 can hold, and it is never longer than its
//! element (a test of this crate tries every character).

mod codes;
mod xml;

use std::io;

use quittance_ledger::{Currency, Timestamp};

use self::codes::BankTransactionCode;
use self::xml::Xml;
use crate::chain::Chain;
use crate::error::StatementError;
use crate::instant::{date, rfc3339};
use crate::line::{Direction, Line, LineKind};
use crate::statement::{Statement, Totals};

/// The schema's namespace.
pub const CAMT053_NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08";

/// The most decimals an amount may have (`ActiveOrHistoricCurrencyAndAmount`).
pub const MAX_CAMT053_EXPONENT: u8 = 5;

/// The largest number of 18 digits, which is as many as an amount may have.
const MAX_MINOR_UNITS: u128 = 999_999_999_999_999_999;

/// Who says what a proprietary code means.
const ISSUER: &str = "QUITTANCE";

/// Writes a statement as camt.053.
#[derive(Debug)]
pub struct Camt053Writer {
    chain: Chain,
    currency: Currency,
}

impl Camt053Writer {
    /// Begins a statement: the message's head, the account, the balances and, where they are known, the totals.
    ///
    /// # Errors
    /// An empty period, totals that do not lead to the closing balance, a time past the year 9999; and what the schema
    /// has no place for: a private currency, more than five decimals, more than 18 digits.
    pub fn begin(statement: &Statement, out: &mut Vec<u8>) -> Result<Self, StatementError> {
        let chain = Chain::begin(statement)?;
        let currency = statement.currency;
        if statement.is_filtered {
            return Err(StatementError::Filtered);
        }
        if currency.code().is_private() {
            return Err(StatementError::PrivateCurrency(currency.code()));
        }
        if currency.exponent() > MAX_CAMT053_EXPONENT {
            return Err(StatementError::ExponentTooLarge(currency.exponent()));
        }
        // All that can be refused is refused here, before the first byte.
        let head = Head {
            created_at: rfc3339(statement.created_at)?,
            from: rfc3339(statement.from)?,
            last: rfc3339(statement.last_instant())?,
            opening: Balance::new("OPBD", statement.opening, statement.from, currency)?,
            closing: Balance::new("CLBD", statement.closing, statement.last_instant(), currency)?,
            summary: statement.totals.map(|totals| Summary::new(&totals, currency)).transpose()?,
        };
        head.write(statement, &mut Xml::new(out))?;
        Ok(Self { chain, currency })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// A line out of order, out of the period, or whose balance does not follow.
    pub fn line(&mut self, line: &Line, out: &mut Vec<u8>) -> Result<(), StatementError> {
        self.chain.check(line)?;
        let entry = Entry {
            amount: decimal(u128::from(line.amount.get()), self.currency)?,
            currency: self.currency,
            at: rfc3339(line.at)?,
            day: date(line.at)?,
            transfer: hex(line.transfer.to_bytes()),
        };
        entry.write(line, &mut Xml::new(out))?;
        self.chain.append(line);
        Ok(())
    }

    /// Ends the statement: closes what is open.
    ///
    /// # Errors
    /// Lines that do not lead to the closing balance, or to the stated totals.
    pub fn end(self, out: &mut Vec<u8>) -> Result<(), StatementError> {
        self.chain.end()?;
        let mut xml = Xml::new(out);
        for name in ["Stmt", "BkToCstmrStmt", "Document"] {
            xml.close(name)?;
        }
        xml.line_end()?;
        Ok(())
    }
}

/// What comes before the entries, ready to be written.
struct Head {
    created_at: String,
    from: String,
    last: String,
    opening: Balance,
    closing: Balance,
    summary: Option<Summary>,
}

impl Head {
    fn write(&self, statement: &Statement, xml: &mut Xml<'_>) -> io::Result<()> {
        xml.declaration()?;
        xml.open_with("Document", ("xmlns", CAMT053_NAMESPACE))?;
        xml.open("BkToCstmrStmt")?;
        xml.line_end()?;
        xml.element("GrpHdr", |xml| {
            xml.text("MsgId", statement.id.as_str())?;
            xml.text("CreDtTm", &self.created_at)
        })?;
        xml.line_end()?;
        xml.open("Stmt")?;
        xml.text("Id", statement.id.as_str())?;
        if let Some(sequence) = statement.sequence {
            xml.text("ElctrncSeqNb", &sequence.to_string())?;
        }
        xml.text("CreDtTm", &self.created_at)?;
        xml.element("FrToDt", |xml| {
            xml.text("FrDtTm", &self.from)?;
            xml.text("ToDtTm", &self.last)
        })?;
        xml.line_end()?;
        xml.element("Acct", |xml| {
            account_id(&hex(statement.wallet.to_bytes()), xml)?;
            xml.text("Ccy", statement.currency.code().as_str())?;
            match &statement.owner_name {
                Some(name) => xml.element("Ownr", |xml| xml.text("Nm", name.as_str())),
                None => Ok(()),
            }
        })?;
        for balance in [&self.opening, &self.closing] {
            xml.line_end()?;
            balance.write(xml)?;
        }
        xml.line_end()?;
        match &self.summary {
            Some(summary) => {
                summary.write(xml)?;
                xml.line_end()
            }
            None => Ok(()),
        }
    }
}

/// A balance at one end of the period.
struct Balance {
    kind: &'static str,
    amount: String,
    currency: Currency,
    sign: Direction,
    day: String,
}

impl Balance {
    fn new(
        kind: &'static str,
        minor_units: i64,
        at: Timestamp,
        currency: Currency,
    ) -> Result<Self, StatementError> {
        let amount = decimal(u128::from(minor_units.unsigned_abs()), currency)?;
        Ok(Self { kind, amount, currency, sign: sign_of(i128::from(minor_units)), day: date(at)? })
    }

    fn write(&self, xml: &mut Xml<'_>) -> io::Result<()> {
        xml.element("Bal", |xml| {
            xml.element("Tp", |xml| xml.element("CdOrPrtry", |xml| xml.text("Cd", self.kind)))?;
            xml.amount(&self.amount, self.currency)?;
            xml.text("CdtDbtInd", indicator(self.sign))?;
            xml.element("Dt", |xml| xml.text("Dt", &self.day))
        })
    }
}

/// The totals, ready to be written: how many, and which sum.
struct Summary {
    all: (u64, String),
    credits: (u64, String),
    debits: (u64, String),
    net: String,
    sign: Direction,
}

impl Summary {
    fn new(totals: &Totals, currency: Currency) -> Result<Self, StatementError> {
        let Totals { credits, debits } = *totals;
        Ok(Self {
            all: (
                credits.lines.saturating_add(debits.lines),
                decimal(credits.amount.saturating_add(debits.amount), currency)?,
            ),
            credits: (credits.lines, decimal(credits.amount, currency)?),
            debits: (debits.lines, decimal(debits.amount, currency)?),
            net: decimal(totals.net().unsigned_abs(), currency)?,
            sign: sign_of(totals.net()),
        })
    }

    fn write(&self, xml: &mut Xml<'_>) -> io::Result<()> {
        let number_and_sum = |(lines, sum): &(u64, String), xml: &mut Xml<'_>| {
            xml.text("NbOfNtries", &lines.to_string())?;
            xml.text("Sum", sum)
        };
        xml.element("TxsSummry", |xml| {
            xml.element("TtlNtries", |xml| {
                number_and_sum(&self.all, xml)?;
                xml.element("TtlNetNtry", |xml| {
                    xml.text("Amt", &self.net)?;
                    xml.text("CdtDbtInd", indicator(self.sign))
                })
            })?;
            xml.element("TtlCdtNtries", |xml| number_and_sum(&self.credits, xml))?;
            xml.element("TtlDbtNtries", |xml| number_and_sum(&self.debits, xml))
        })
    }
}

/// What of a line has to be worked out before it is written.
struct Entry {
    amount: String,
    currency: Currency,
    at: String,
    day: String,
    transfer: String,
}

impl Entry {
    fn write(&self, line: &Line, xml: &mut Xml<'_>) -> io::Result<()> {
        xml.element("Ntry", |xml| {
            xml.text("NtryRef", &format!("{}-{}", line.position, line.leg))?;
            xml.amount(&self.amount, self.currency)?;
            xml.text("CdtDbtInd", indicator(line.direction))?;
            if line.kind == LineKind::Reversal {
                xml.text("RvslInd", "true")?;
            }
            xml.element("Sts", |xml| xml.text("Cd", "BOOK"))?;
            xml.element("BookgDt", |xml| xml.text("DtTm", &self.at))?;
            xml.element("ValDt", |xml| xml.text("Dt", &self.day))?;
            xml.text("AcctSvcrRef", &self.transfer)?;
            BankTransactionCode::of(line.kind, line.direction).write(line.kind, xml)?;
            xml.element("NtryDtls", |xml| xml.element("TxDtls", |xml| self.write_details(line, xml)))
        })?;
        xml.line_end()
    }

    fn write_details(&self, line: &Line, xml: &mut Xml<'_>) -> io::Result<()> {
        xml.element("Refs", |xml| {
            xml.text("AcctSvcrRef", &self.transfer)?;
            let end_to_end = line.reference.as_ref().map_or("NOTPROVIDED", |reference| reference.as_str());
            xml.text("EndToEndId", end_to_end)?;
            if let Some(request) = line.request {
                proprietary_reference("PAYMENT-REQUEST", &hex(request.to_bytes()), xml)?;
            }
            if let Some(related) = line.related {
                proprietary_reference("RELATED-TRANSFER", &hex(related.to_bytes()), xml)?;
            }
            Ok(())
        })?;
        xml.amount(&self.amount, self.currency)?;
        xml.text("CdtDbtInd", indicator(line.direction))?;
        if line.counterparty.is_some() || line.counterparty_name.is_some() {
            xml.element("RltdPties", |xml| write_other_side(line, xml))?;
        }
        match &line.note {
            Some(note) => xml.element("RmtInf", |xml| xml.text("Ustrd", note.as_str())),
            None => Ok(()),
        }
    }
}

/// The other side, in the role it has in the payment. What is given back keeps the roles of what it gives back, as is
/// usual among banks: whoever was paid stays the creditor.
fn write_other_side(line: &Line, xml: &mut Xml<'_>) -> io::Result<()> {
    let pays = (line.direction == Direction::Credit) != gives_back(line.kind);
    let (party, account) = if pays { ("Dbtr", "DbtrAcct") } else { ("Cdtr", "CdtrAcct") };
    if let Some(name) = &line.counterparty_name {
        xml.element(party, |xml| xml.element("Pty", |xml| xml.text("Nm", name.as_str())))?;
    }
    match line.counterparty {
        Some(wallet) => xml.element(account, |xml| account_id(&hex(wallet.to_bytes()), xml)),
        None => Ok(()),
    }
}

/// Whether a movement takes an earlier one back, in whole or in part.
const fn gives_back(kind: LineKind) -> bool {
    matches!(kind, LineKind::Refund | LineKind::Reversal)
}

fn account_id(wallet: &str, xml: &mut Xml<'_>) -> io::Result<()> {
    xml.element("Id", |xml| xml.element("Othr", |xml| xml.text("Id", wallet)))
}

fn proprietary_reference(kind: &str, reference: &str, xml: &mut Xml<'_>) -> io::Result<()> {
    xml.element("Prtry", |xml| {
        xml.text("Tp", kind)?;
        xml.text("Ref", reference)
    })
}

const fn indicator(direction: Direction) -> &'static str {
    match direction {
        Direction::Credit => "CRDT",
        Direction::Debit => "DBIT",
    }
}

/// The side a balance is on. Zero is a credit: the schema says so of balances.
const fn sign_of(minor_units: i128) -> Direction {
    if minor_units < 0 { Direction::Debit } else { Direction::Credit }
}

/// An amount in major units, if it has no more digits than the schema takes.
fn decimal(minor_units: u128, currency: Currency) -> Result<String, StatementError> {
    match i64::try_from(minor_units) {
        Ok(held) if minor_units <= MAX_MINOR_UNITS => Ok(currency.decimal(held)),
        _ => Err(StatementError::TooManyDigits(minor_units)),
    }
}

/// An id without its hyphens.
fn hex(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}
