//! The forms a statement can be asked for, and one writer for whoever finds out which only when asked.

use std::fmt;

use crate::camt053::Camt053Writer;
use crate::csv::CsvWriter;
use crate::error::StatementError;
use crate::json_lines::JsonLinesWriter;
use crate::line::Line;
use crate::statement::Statement;

/// A form of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Comma-separated values, for spreadsheets.
    Csv,
    /// An object a line, for programs.
    JsonLines,
    /// ISO 20022 camt.053.001.08, for accounting systems.
    Camt053,
}

impl Form {
    /// Every form there is.
    pub const ALL: [Self; 3] = [Self::Csv, Self::JsonLines, Self::Camt053];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Camt053 => "camt.053",
        }
    }

    /// What an HTTP response says it is.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            // RFC 4180, section 3: `header` tells a reader that the first row is names.
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl",
            Self::Camt053 => "application/xml",
        }
    }

    /// How a file of it is called at its end.
    #[must_use]
    pub const fn file_extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Camt053 => "xml",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Writes a statement in a form that is chosen when it begins.
#[derive(Debug)]
pub enum StatementWriter {
    /// As CSV.
    Csv(CsvWriter),
    /// As JSON lines.
    JsonLines(JsonLinesWriter),
    /// As camt.053.
    Camt053(Camt053Writer),
}

impl StatementWriter {
    /// Begins a statement: what comes before its lines.
    ///
    /// # Errors
    /// A statement that can't be true, or that has no place in the form. This is the time to refuse with a status of
    /// one's own: nothing was sent yet.
    pub fn begin(form: Form, statement: &Statement, out: &mut Vec<u8>) -> Result<Self, StatementError> {
        Ok(match form {
            Form::Csv => Self::Csv(CsvWriter::begin(statement, out)?),
            Form::JsonLines => Self::JsonLines(JsonLinesWriter::begin(statement, out)?),
            Form::Camt053 => Self::Camt053(Camt053Writer::begin(statement, out)?),
        })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// A line out of order, out of the period, or whose balance does not follow. The response must then be cut off, so
    /// that nobody takes it for whole.
    pub fn line(&mut self, line: &Line, out: &mut Vec<u8>) -> Result<(), StatementError> {
        match self {
            Self::Csv(writer) => writer.line(line, out),
            Self::JsonLines(writer) => writer.line(line, out),
            Self::Camt053(writer) => writer.line(line, out),
        }
    }

    /// Ends the statement: what comes after its lines.
    ///
    /// # Errors
    /// Lines that do not lead to the closing balance, or to the stated totals. The response must then be cut off.
    pub fn end(self, out: &mut Vec<u8>) -> Result<(), StatementError> {
        match self {
            Self::Csv(writer) => writer.end(out),
            Self::JsonLines(writer) => writer.end(out),
            Self::Camt053(writer) => writer.end(out),
        }
    }
}
