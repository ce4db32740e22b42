//! A statement as a file, written while it is read: its length costs no memory.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use futures_util::stream;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use hyper::body::Bytes;
use quittance_engine::Engine;
use quittance_journal::Position;
use quittance_ledger::Owner;
use quittance_statement::{Form, Statement, StatementError, StatementId, StatementWriter};

use super::Answer;
use super::statements::{Filter, Period, records};
use crate::app::App;
use crate::problem::Problem;
use crate::turns::{Party, Turn};
use crate::view::movements;

/// How many records are read at a time.
const PAGE_RECORDS: usize = 500;

/// A statement that is being written.
struct Export {
    app: Arc<App>,
    period: Arc<Period>,
    filter: Filter,
    /// None once the end is written.
    writer: Option<StatementWriter>,
    cursor: Option<Position>,
    out: Vec<u8>,
    _turn: Turn,
}

/// Why a statement broke off. The connection ends then without the end of the body, so that nobody takes it for whole.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(transparent)]
    Engine(#[from] quittance_engine::EngineError),
    #[error("the thread that reads the journal ended")]
    Thread,
}

pub(super) async fn export(
    app: Arc<App>,
    party: Party,
    period: Period,
    filter: Filter,
    form: Form,
) -> Answer<Response> {
    let busy = |_| Problem::overloaded("too many statements are being written");
    let turn = app.exports.take(party).await.map_err(busy)?;
    let mut out = Vec::new();
    let is_filtered = filter != Filter::default();
    let head = head(&app.engine, &period, is_filtered)?;
    let writer = StatementWriter::begin(form, &head, &mut out).map_err(problem)?;
    let name = format!("attachment; filename=\"statement-{}.{}\"", period.wallet.id, form.file_extension());
    let name = HeaderValue::try_from(name).map_err(|error| Problem::internal(&error))?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(form.media_type())), (CONTENT_DISPOSITION, name)];
    let cursor = Some(period.first).filter(|first| *first < period.end);
    let export =
        Export { app, period: Arc::new(period), filter, writer: Some(writer), cursor, out, _turn: turn };
    let chunks = stream::try_unfold(export, |mut export| async {
        match export.next().await {
            Ok(chunk) => Ok(chunk.map(|chunk| (chunk, export))),
            Err(error) => {
                tracing::error!(%error, "a statement broke off");
                Err(error)
            }
        }
    });
    Ok((headers, Body::from_stream(chunks)).into_response())
}

fn head(engine: &Engine, period: &Period, is_filtered: bool) -> Result<Statement, Problem> {
    let wallet = &period.wallet;
    let account = match wallet.owner {
        Owner::Account(account) => Some(account),
        Owner::Issuer => None,
    };
    Ok(Statement {
        id: statement_id(period).map_err(problem)?,
        sequence: None,
        created_at: engine.now(),
        wallet: wallet.id,
        account,
        owner_name: engine.owner_name(wallet.id),
        currency: period.currency,
        from: period.from,
        to: period.to,
        opening: period.opening,
        closing: period.closing,
        is_filtered,
        totals: None,
    })
}

/// The same statement has the same id each time, and no other has it.
fn statement_id(period: &Period) -> Result<StatementId, StatementError> {
    let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 statement id");
    hasher.update(&period.wallet.id.to_bytes());
    for number in [period.from.as_millis(), period.to.as_millis(), period.first.get(), period.end.get()] {
        hasher.update(&number.to_le_bytes());
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    HEXLOWER.encode(&digest).parse()
}

fn problem(error: StatementError) -> Problem {
    match &error {
        StatementError::Filtered
        | StatementError::PrivateCurrency(_)
        | StatementError::ExponentTooLarge(_)
        | StatementError::TooManyDigits(_) => Problem::field_invalid("format".to_owned(), &error.to_string()),
        StatementError::PastCalendar(_) => Problem::field_invalid("to".to_owned(), &error.to_string()),
        StatementError::NotAnId
        | StatementError::EmptyPeriod
        | StatementError::TotalsDoNotClose { .. }
        | StatementError::OutOfOrder { .. }
        | StatementError::OutsidePeriod { .. }
        | StatementError::BalanceBroken { .. }
        | StatementError::ClosingDiffers { .. }
        | StatementError::TotalsDiffer { .. }
        | StatementError::Encoding(_) => Problem::internal(&error),
    }
}

impl Export {
    /// The next piece of the file; none at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        if let Some(from) = self.cursor {
            let period = Arc::clone(&self.period);
            let read = self.app.read_in_turn(move |engine| {
                let (found, next) = records(engine, &period, from, PAGE_RECORDS)?;
                let lines = found.iter().flat_map(|record| movements(engine, period.wallet.id, record));
                Ok::<_, quittance_engine::EngineError>((lines.collect::<Vec<_>>(), next))
            });
            let (lines, next) = read.await.map_err(|_| BrokenOff::Thread)??;
            self.cursor = next;
            if let Some(writer) = &mut self.writer {
                for line in lines.iter().filter(|line| self.filter.takes(line)) {
                    writer.line(line, &mut self.out)?;
                }
            }
        } else if let Some(writer) = self.writer.take() {
            writer.end(&mut self.out)?;
        } else {
            return Ok(None);
        }
        Ok(Some(std::mem::take(&mut self.out).into()))
    }
}
