//! A wallet's statement, page by page or as a file, and its balance at an instant.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use quittance_engine::{Engine, EngineError, Order, Party, StatementLine};
use quittance_journal::Position;
use quittance_ledger::{Currency, MAX_AMOUNT, Reference, Timestamp, WalletId, WalletSnapshot};
use quittance_statement::{Direction, Form, Line, LineKind};
use serde::Deserialize;

use super::Answer;
use super::statement_export::export;
use super::transfers::page_limit;
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::strict::{PathIds, optional_instant};
use crate::view::{BalanceView, Instant, LineView, StatementView, known_currency, movements};

/// How many records are looked through for the lines of a page.
const MAX_LOOKED_THROUGH: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default, deserialize_with = "optional_instant")]
    from: Option<Timestamp>,
    #[serde(default, deserialize_with = "optional_instant")]
    to: Option<Timestamp>,
    kind: Option<LineKind>,
    direction: Option<Direction>,
    counterparty: Option<WalletId>,
    reference: Option<Reference>,
    min_amount: Option<u64>,
    max_amount: Option<u64>,
    cursor: Option<u64>,
    limit: Option<u16>,
    format: Option<Format>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Csv,
    Jsonl,
    Camt053,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    #[serde(default, deserialize_with = "optional_instant")]
    at: Option<Timestamp>,
}

/// A wallet's statement of a period, which the positions bound.
#[derive(Clone)]
pub(super) struct Period {
    pub(super) party: Party,
    pub(super) wallet: WalletSnapshot,
    pub(super) currency: Currency,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) first: Position,
    pub(super) end: Position,
    pub(super) opening: i64,
    pub(super) closing: i64,
}

/// What a line must be to be shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    kind: Option<LineKind>,
    direction: Option<Direction>,
    counterparty: Option<WalletId>,
    reference: Option<Reference>,
    min_amount: Option<u64>,
    max_amount: Option<u64>,
}

impl Filter {
    pub(super) fn takes(&self, line: &Line) -> bool {
        self.kind.is_none_or(|kind| kind == line.kind)
            && self.direction.is_none_or(|direction| direction == line.direction)
            && self.counterparty.is_none_or(|wallet| line.counterparty == Some(wallet))
            && self.reference.is_none_or(|reference| line.reference == Some(reference))
            && self.min_amount.is_none_or(|least| line.amount.get() >= least)
            && self.max_amount.is_none_or(|most| line.amount.get() <= most)
    }
}

impl Wanted {
    fn filter(&self) -> Result<Filter, Problem> {
        for (name, amount) in [("min_amount", self.min_amount), ("max_amount", self.max_amount)] {
            if amount.is_some_and(|amount| amount > MAX_AMOUNT) {
                let why = format!("more than there can be: send at most {MAX_AMOUNT}");
                return Err(Problem::field_invalid(name.to_owned(), &why));
            }
        }
        Ok(Filter {
            kind: self.kind,
            direction: self.direction,
            counterparty: self.counterparty,
            reference: self.reference,
            min_amount: self.min_amount,
            max_amount: self.max_amount,
        })
    }

    /// The form of a file, which has no pages.
    fn form(&self) -> Result<Option<Form>, Problem> {
        let form = match self.format {
            None | Some(Format::Json) => return Ok(None),
            Some(Format::Csv) => Form::Csv,
            Some(Format::Jsonl) => Form::JsonLines,
            Some(Format::Camt053) => Form::Camt053,
        };
        let pages = [("cursor", self.cursor.is_some()), ("limit", self.limit.is_some())];
        if let Some((name, _)) = pages.iter().find(|(_, is_there)| *is_there) {
            let why = "a file has no pages: leave it out, or take the format json";
            return Err(Problem::field_invalid((*name).to_owned(), why));
        }
        let filters = [
            ("kind", self.kind.is_some()),
            ("direction", self.direction.is_some()),
            ("counterparty", self.counterparty.is_some()),
            ("reference", self.reference.is_some()),
            ("min_amount", self.min_amount.is_some()),
            ("max_amount", self.max_amount.is_some()),
        ];
        match filters.iter().find(|(_, is_there)| *is_there && form == Form::Camt053) {
            None => Ok(Some(form)),
            Some((name, _)) => {
                let why = "camt.053 has every entry of its period: leave it out, or take another format";
                Err(Problem::field_invalid((*name).to_owned(), why))
            }
        }
    }
}

pub(super) async fn show(State(app): State<Arc<App>>, ids: PathIds, asked: Asked) -> Answer<Response> {
    let wanted: Wanted = asked.query()?;
    let (form, filter, limit) = (wanted.form()?, wanted.filter()?, page_limit(wanted.limit)?);
    let (party, wallet) = (asked.caller.party(), ids.get("wallet")?);
    let wallet = app.engine.wallet(party, wallet).await?;
    let (given, to) = bounds(wanted.from, wanted.to, app.engine.now())?;
    let period = app.read(move |engine| period(engine, party, wallet, given, to)).await??;
    if let Some(form) = form {
        return export(app, asked.party(), period, filter, form).await;
    }
    let first = wanted.cursor.map_or(period.first, |cursor| period.first.max(Position::new(cursor)));
    let head = period.clone();
    let page = app.read(move |engine| page(engine, &period, first, &filter, limit)).await?;
    let (lines, next) = page?;
    Ok(Json(StatementView {
        wallet: head.wallet.id,
        currency: head.wallet.currency,
        from: Instant(head.from),
        to: Instant(head.to),
        opening: head.opening,
        closing: head.closing,
        lines: lines.iter().map(|line| LineView::new(&head.currency, line)).collect::<Result<_, _>>()?,
        next: next.map(|position| position.to_string()),
    })
    .into_response())
}

/// The period that is meant, whose end is now unless it is said. What is still to come is in no statement.
fn bounds(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Timestamp), Problem> {
    let latest = now.plus_millis(1);
    let to = to.unwrap_or(latest);
    if to > latest {
        let why = "in the future, where lines may still come: give an instant that is past, or leave it out";
        return Err(Problem::field_invalid("to".to_owned(), why));
    }
    if to == Timestamp::EPOCH {
        return Err(Problem::field_invalid("to".to_owned(), "nothing was before it: give a later instant"));
    }
    if from.is_some_and(|from| from >= to) {
        return Err(Problem::field_invalid("from".to_owned(), "not before the end: give an earlier instant"));
    }
    Ok((from, to))
}

fn period(
    engine: &Engine,
    party: Party,
    wallet: WalletSnapshot,
    given: Option<Timestamp>,
    to: Timestamp,
) -> Result<Period, Problem> {
    let id = wallet.id;
    let from = match given {
        Some(from) => from,
        None => beginning(engine, party, id, to)?,
    };
    let first = engine.position_at(party, id, from)?;
    let end = engine.position_at(party, id, to)?;
    let opening = engine.balance_before(party, id, first)?;
    let closing = engine.balance_before(party, id, end)?;
    let currency = known_currency(engine, wallet.currency)?;
    Ok(Period { party, wallet, currency, from, to, first, end, opening, closing })
}

/// The instant of a wallet's first transfer. Where there is none before `to`, the period is the moment before it, since none is
/// empty.
fn beginning(engine: &Engine, party: Party, wallet: WalletId, to: Timestamp) -> Result<Timestamp, Problem> {
    let all = Position::new(0)..Position::new(u64::MAX);
    let first = engine.statement_lines(party, wallet, all, Order::OldestFirst, 1)?;
    let first = first.first().map(|line| line.at).filter(|at| *at < to);
    Ok(first.unwrap_or_else(|| to.minus_millis(1)))
}

/// Records of the period from `first` on, and where to go on if there are more.
pub(super) fn records(
    engine: &Engine,
    period: &Period,
    first: Position,
    limit: usize,
) -> Result<(Vec<StatementLine>, Option<Position>), EngineError> {
    let range = first..period.end;
    let found = engine.statement_lines(period.party, period.wallet.id, range, Order::OldestFirst, limit)?;
    let last = found.last().map(|line| line.record.position.next());
    let next = last.filter(|next| found.len() >= limit && *next < period.end);
    Ok((found, next))
}

fn page(
    engine: &Engine,
    period: &Period,
    first: Position,
    filter: &Filter,
    limit: usize,
) -> Result<(Vec<Line>, Option<Position>), Problem> {
    let (mut lines, mut cursor, mut looked_through) = (Vec::new(), Some(first), 0_usize);
    while let Some(from) = cursor.filter(|_| lines.len() < limit && looked_through < MAX_LOOKED_THROUGH) {
        let (found, next) = records(engine, period, from, limit)?;
        cursor = next;
        looked_through = looked_through.saturating_add(found.len());
        for record in found {
            // All legs of a transfer are on one page, which so may have some more lines than were asked for.
            if lines.len() >= limit {
                cursor = Some(record.record.position);
                break;
            }
            let of_record = movements(engine, period.wallet.id, &record);
            lines.extend(of_record.into_iter().filter(|line| filter.takes(line)));
        }
    }
    Ok((lines, cursor))
}

pub(super) async fn balance(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<BalanceView>> {
    let When { at } = asked.query()?;
    let (party, wallet) = (asked.caller.party(), ids.get("wallet")?);
    let wallet = app.engine.wallet(party, wallet).await?;
    let now = app.engine.now();
    let at = at.unwrap_or(now);
    if at > now {
        let why = "in the future: give an instant that is past, or leave it out";
        return Err(Problem::field_invalid("at".to_owned(), why));
    }
    let id = wallet.id;
    let read = app.read(move |engine| {
        let end = engine.position_at(party, id, at.plus_millis(1))?;
        engine.balance_before(party, id, end)
    });
    let posted = read.await??;
    let display = known_currency(&app.engine, wallet.currency)?.format(posted);
    Ok(Json(BalanceView { wallet: id, currency: wallet.currency, posted, display, at: Instant(at) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict::read_query;

    #[test]
    fn a_period_is_past_and_not_empty() {
        let at = Timestamp::from_secs;
        let now = at(100);
        assert_eq!(bounds(None, None, now).unwrap(), (None, now.plus_millis(1)));
        assert_eq!(bounds(Some(at(1)), Some(at(2)), now).unwrap(), (Some(at(1)), at(2)));
        assert_eq!(bounds(None, Some(Timestamp::EPOCH), now).unwrap_err().field(), Some("to"));
        assert_eq!(bounds(Some(at(2)), Some(at(2)), now).unwrap_err().field(), Some("from"));
        assert_eq!(bounds(None, Some(at(101)), now).unwrap_err().field(), Some("to"));
    }

    #[test]
    fn a_statement_is_asked_for_strictly() {
        let read = |query: &str| read_query::<Wanted>(&format!("/statement{query}").parse().unwrap());
        let wanted =
            read("?from=2026-11-24T00:00:00Z&kind=top-up&direction=credit&min_amount=5&format=json").unwrap();
        assert!(wanted.form().unwrap().is_none());
        assert_eq!(wanted.filter().unwrap().kind, Some(LineKind::TopUp));
        assert_eq!(read("?format=camt053").unwrap().form().unwrap(), Some(Form::Camt053));
        assert_eq!(read("?format=csv&kind=fee").unwrap().form().unwrap(), Some(Form::Csv));
        assert_eq!(read("?format=camt053&kind=fee").unwrap().form().unwrap_err().field(), Some("kind"));
        assert_eq!(read("?format=csv&limit=5").unwrap().form().unwrap_err().field(), Some("limit"));
        assert_eq!(
            read("?max_amount=18446744073709551615").unwrap().filter().err().unwrap().field(),
            Some("max_amount")
        );
        for (query, field) in [
            ("?kind=hold", "kind"),
            ("?direction=in", "direction"),
            ("?from=yesterday", "from"),
            ("?min_amount=-1", "min_amount"),
            ("?format=pdf", "format"),
            ("?reference=", "reference"),
        ] {
            assert_eq!(read(query).err().unwrap().field(), Some(field), "{query}");
        }
    }
}
