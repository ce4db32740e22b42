//! JSON lines: an object a line, each with a member `record` that says what it is.
//!
//! First the head (`statement`), then each line (`line`), last the end (`end`) with what the lines add up to: a file
//! without it was cut off. Amounts are whole counts of minor units, as everywhere in the API; the head says the
//! currency and its exponent, and whether only lines that were looked for follow. What is not there is `null`.

use quittance_ledger::{
    AccountId, Amount, CurrencyCode, Description, Name, PaymentRequestId, Reference, TransferId, WalletId,
};
use serde::Serialize;

use crate::chain::Chain;
use crate::error::StatementError;
use crate::instant::rfc3339;
use crate::line::{Direction, Line, LineKind};
use crate::statement::{Statement, StatementId, Totals};

/// The version of the form: it goes up when a member changes its meaning or goes away.
const VERSION: u8 = 1;

/// Writes a statement as JSON lines.
#[derive(Debug)]
pub struct JsonLinesWriter {
    chain: Chain,
}

impl JsonLinesWriter {
    /// Begins a statement: its head.
    ///
    /// # Errors
    /// An empty period, totals that do not lead to the closing balance, or a time past the year 9999.
    pub fn begin(statement: &Statement, out: &mut Vec<u8>) -> Result<Self, StatementError> {
        let chain = Chain::begin(statement)?;
        object(&Head::of(statement)?, out)?;
        Ok(Self { chain })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// A line out of order, out of the period, or whose balance does not follow.
    pub fn line(&mut self, line: &Line, out: &mut Vec<u8>) -> Result<(), StatementError> {
        self.chain.check(line)?;
        object(&Entry { record: "line", line: LineObject::of(line)? }, out)?;
        self.chain.append(line);
        Ok(())
    }

    /// Ends the statement: the closing balance, and what the lines add up to.
    ///
    /// # Errors
    /// Lines that do not lead to the closing balance, or to the stated totals.
    pub fn end(self, out: &mut Vec<u8>) -> Result<(), StatementError> {
        let totals = self.chain.end()?;
        object(&End { record: "end", closing: self.chain.closing(), totals }, out)
    }
}

/// An object and the end of its line, or nothing.
fn object(object: &impl Serialize, out: &mut Vec<u8>) -> Result<(), StatementError> {
    serde_json::to_writer(&mut *out, object).map_err(std::io::Error::from)?;
    out.push(b'\n');
    Ok(())
}

#[derive(Serialize)]
struct Head<'a> {
    record: &'static str,
    version: u8,
    id: &'a StatementId,
    sequence: Option<u32>,
    created_at: String,
    wallet: WalletId,
    account: Option<AccountId>,
    owner_name: Option<Name>,
    currency: CurrencyCode,
    exponent: u8,
    from: String,
    to: String,
    opening: i64,
    closing: i64,
    filtered: bool,
    totals: Option<Totals>,
}

impl<'a> Head<'a> {
    fn of(statement: &'a Statement) -> Result<Self, StatementError> {
        Ok(Self {
            record: "statement",
            version: VERSION,
            id: &statement.id,
            sequence: statement.sequence,
            created_at: rfc3339(statement.created_at)?,
            wallet: statement.wallet,
            account: statement.account,
            owner_name: statement.owner_name,
            currency: statement.currency.code(),
            exponent: statement.currency.exponent(),
            from: rfc3339(statement.from)?,
            to: rfc3339(statement.to)?,
            opening: statement.opening,
            closing: statement.closing,
            filtered: statement.is_filtered,
            totals: statement.totals,
        })
    }
}

#[derive(Serialize)]
struct Entry {
    record: &'static str,
    #[serde(flatten)]
    line: LineObject,
}

/// A line as JSON says it, here and wherever else lines are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineObject {
    position: u64,
    leg: u8,
    at: String,
    transfer: TransferId,
    kind: LineKind,
    direction: Direction,
    amount: Amount,
    balance_after: i64,
    counterparty: Option<WalletId>,
    counterparty_name: Option<Name>,
    reference: Option<Reference>,
    request: Option<PaymentRequestId>,
    related: Option<TransferId>,
    note: Option<Description>,
}

impl LineObject {
    /// The object of a line.
    ///
    /// # Errors
    /// A time past the year 9999.
    pub fn of(line: &Line) -> Result<Self, StatementError> {
        Ok(Self {
            position: line.position,
            leg: line.leg,
            at: rfc3339(line.at)?,
            transfer: line.transfer,
            kind: line.kind,
            direction: line.direction,
            amount: line.amount,
            balance_after: line.balance_after,
            counterparty: line.counterparty,
            counterparty_name: line.counterparty_name,
            reference: line.reference,
            request: line.request,
            related: line.related,
            note: line.note,
        })
    }
}

#[derive(Serialize)]
struct End {
    record: &'static str,
    closing: i64,
    totals: Totals,
}
