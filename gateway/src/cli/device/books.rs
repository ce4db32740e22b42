//! Statements and receipts, saved to files.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use quittance_ledger::{TransferId, WalletId};

use super::Outcome;
use super::home::Home;
use super::tell::{fact, told};
use crate::cli::CliError;
use crate::client::{StatementFormat, StatementQuery};

/// Which statement to save, and where.
#[derive(clap::Args)]
pub(super) struct StatementArgs {
    /// The wallet's id
    wallet: WalletId,
    /// As what it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// From this instant on, such as 2026-11-24T00:00:00Z; from the first transfer, if not said
    #[arg(long, value_name = "INSTANT")]
    from: Option<String>,
    /// Before this instant; until now, if not said
    #[arg(long, value_name = "INSTANT")]
    to: Option<String>,
    /// The file, which must not be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// As what a statement is written.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For spreadsheets
    #[default]
    Csv,
    /// An object a line, for programs
    Jsonl,
    /// ISO 20022 camt.053, for accounting systems
    Camt053,
}

impl From<Format> for StatementFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Jsonl => Self::JsonLines,
            Format::Camt053 => Self::Camt053,
        }
    }
}

pub(super) async fn save_statement(args: &StatementArgs, home: &Home) -> Outcome<()> {
    let asked =
        StatementQuery { from: args.from.as_deref(), to: args.to.as_deref(), ..StatementQuery::default() };
    let statement = home.client()?.export_statement(args.wallet, &asked, args.format.into()).await;
    save(&args.out, &statement.map_err(|error| told(&error))?)
}

pub(super) async fn save_receipt(transfer: TransferId, out: &Path, home: &Home) -> Outcome<()> {
    let receipt = home.client()?.receipt_file(transfer).await.map_err(|error| told(&error))?;
    save(out, &receipt)
}

/// Writes a file, never over another.
fn save(path: &Path, bytes: &[u8]) -> Outcome<()> {
    File::create_new(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| unwritten(path, &error))?;
    fact("saved", path.display())
}

/// Why a file was not written.
pub(super) fn unwritten(path: &Path, error: &std::io::Error) -> CliError {
    let path = path.display();
    if error.kind() == ErrorKind::AlreadyExists {
        return format!("{path} is there already: choose another --out, or remove it").into();
    }
    format!("{path} can't be written: {error}; choose another --out").into()
}
