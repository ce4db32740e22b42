//! What a wallet's statement is, and its forms: CSV, JSON lines and ISO 20022 camt.053.
//!
//! A statement says what was in a wallet at the beginning of a period, what moved in it, and what was in it at the
//! end. Whoever gathers it from the journal gives the [`Statement`] first and then each [`Line`]; a writer turns each
//! into bytes and keeps none, so that a million lines cost as much memory as one:
//!
//! ```
//! # use quittance_statement::{Form, Line, Statement, StatementError, StatementWriter};
//! # fn statement(head: &Statement, lines: &[Line]) -> Result<Vec<u8>, StatementError> {
//! let mut out = Vec::new();
//! let mut writer = StatementWriter::begin(Form::Camt053, head, &mut out)?;
//! for line in lines {
//!     writer.line(line, &mut out)?; // send `out` and clear it, whenever there is enough of it
//! }
//! writer.end(&mut out)?;
//! # Ok(out)
//! # }
//! ```
//!
//! Every writer checks that the lines lead from the opening balance to the closing one, and refuses to go on where they
//! don't: a statement that does not add up is worse than none. What is refused adds nothing to `out`.
//!
//! There is no I/O, clock or randomness here: times, ids and balances come in as arguments.

mod camt053;
mod chain;
mod csv;
mod error;
mod form;
mod instant;
mod json_lines;
mod line;
mod statement;

pub use camt053::{CAMT053_NAMESPACE, Camt053Writer, MAX_CAMT053_EXPONENT};
pub use csv::CsvWriter;
pub use error::StatementError;
pub use form::{Form, StatementWriter};
pub use json_lines::{JsonLinesWriter, LineObject};
pub use line::{Direction, Line, LineKind};
pub use statement::{MAX_STATEMENT_ID_BYTES, Statement, StatementId, Sum, Totals};
