//! CSV (RFC 4180): a header row, then a row for each line. UTF-8, without a byte order mark.
//!
//! An amount stands in two columns: as people read it, and as a whole count of minor units. The head of the statement
//! has no rows: each row says its wallet and currency, and the opening balance is the first row's balance less its
//! amount.
//!
//! **Texts that people wrote are guarded.** A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a
//! formula, and what a stranger wrote as a reference must not run on the payee's machine. Such a text gets an apostrophe
//! in front, and so does one that begins with an apostrophe already; so whoever reads the file takes one leading
//! apostrophe off the columns `counterparty_name`, `reference` and `note`, if there is one, and has the text that was
//! written.

use ::csv::{Terminator, WriterBuilder};

use std::borrow::Cow;

use quittance_ledger::{Currency, WalletId};

use crate::chain::Chain;
use crate::error::StatementError;
use crate::instant::rfc3339;
use crate::line::Line;
use crate::statement::Statement;

const COLUMNS: [&str; 18] = [
    "position",
    "leg",
    "at",
    "transfer",
    "kind",
    "direction",
    "amount",
    "amount_minor",
    "balance_after",
    "balance_after_minor",
    "currency",
    "wallet",
    "counterparty",
    "counterparty_name",
    "reference",
    "request",
    "related",
    "note",
];

/// More than a row can have: a row's buffer lives as long as the row.
const ROW_BYTES: usize = 1_024;

/// What makes a spreadsheet take a cell for a formula, in either width; and the apostrophe that keeps it from that.
const GUARDED: [char; 9] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\''];

/// Writes a statement as CSV.
#[derive(Debug)]
pub struct CsvWriter {
    chain: Chain,
    currency: Currency,
    wallet: WalletId,
}

impl CsvWriter {
    /// Begins a statement: the header row.
    ///
    /// # Errors
    /// An empty period, or totals that do not lead to the closing balance.
    pub fn begin(statement: &Statement, out: &mut Vec<u8>) -> Result<Self, StatementError> {
        let chain = Chain::begin(statement)?;
        row(COLUMNS, out)?;
        Ok(Self { chain, currency: statement.currency, wallet: statement.wallet })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// A line out of order, out of the period, or whose balance does not follow.
    pub fn line(&mut self, line: &Line, out: &mut Vec<u8>) -> Result<(), StatementError> {
        self.chain.check(line)?;
        let shown = |id: Option<String>| Cow::Owned(id.unwrap_or_default());
        let fields: [Cow<'_, str>; COLUMNS.len()] = [
            line.position.to_string().into(),
            line.leg.to_string().into(),
            rfc3339(line.at)?.into(),
            line.transfer.to_string().into(),
            line.kind.as_str().into(),
            line.direction.as_str().into(),
            self.currency.decimal(line.amount.get().cast_signed()).into(),
            line.amount.to_string().into(),
            self.currency.decimal(line.balance_after).into(),
            line.balance_after.to_string().into(),
            self.currency.code().to_string().into(),
            self.wallet.to_string().into(),
            shown(line.counterparty.map(|id| id.to_string())),
            guarded(line.counterparty_name.as_ref().map(|name| name.as_str())),
            guarded(line.reference.as_ref().map(|reference| reference.as_str())),
            shown(line.request.map(|id| id.to_string())),
            shown(line.related.map(|id| id.to_string())),
            guarded(line.note.as_ref().map(|note| note.as_str())),
        ];
        row(fields.iter().map(AsRef::as_ref), out)?;
        self.chain.append(line);
        Ok(())
    }

    /// Ends the statement. CSV has no last row: this only checks.
    ///
    /// # Errors
    /// Lines that do not lead to the closing balance, or to the stated totals.
    pub fn end(self, _out: &mut Vec<u8>) -> Result<(), StatementError> {
        self.chain.end()?;
        Ok(())
    }
}

/// A text that no spreadsheet runs.
fn guarded(text: Option<&str>) -> Cow<'_, str> {
    let text = text.unwrap_or_default();
    if text.starts_with(GUARDED) { format!("'{text}").into() } else { text.into() }
}

fn row<'a>(fields: impl IntoIterator<Item = &'a str>, out: &mut Vec<u8>) -> Result<(), StatementError> {
    let mut writer =
        WriterBuilder::new().terminator(Terminator::CRLF).buffer_capacity(ROW_BYTES).from_writer(out);
    writer.write_record(fields).map_err(std::io::Error::from)?;
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_guarded() {
        for (text, shown) in [
            ("=1+1", "'=1+1"),
            ("+49 30 1234", "'+49 30 1234"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("＝1", "'＝1"),
            ("'quoted", "''quoted"),
            ("a=1", "a=1"),
            ("INV-2026/11", "INV-2026/11"),
        ] {
            assert_eq!(guarded(Some(text)), shown);
        }
        assert_eq!(guarded(None), "");
    }
}
