//! Transfers: units that enter, leave, or pay for something, and the history of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_engine::{EngineError, OperatorOrder, Party, PaymentLine, PaymentOrder, Pin, TransferRecord};
use quittance_journal::Position;
use quittance_ledger::{
    Amount, CurrencyCode, MAX_ASKED_LEGS, Reference, Refusal, Signature, TransferId, WalletId,
};
use serde::{Deserialize, Serialize};

use super::asks::{NewLine, RequestName, ask, several};
use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::strict::{List, Object, PathIds, amount, optional_amount, pin, signature};
use crate::view::TransferView;

const MAX_PAGE_TRANSFERS: u16 = 200;
const PAGE_TRANSFERS: u16 = 50;

/// Which members of the body are no plain values.
const NESTED: &[&str] = &["request", "payments"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    id: TransferId,
    #[serde(deserialize_with = "amount")]
    amount: Amount,
    currency: CurrencyCode,
    reference: Option<Reference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPayment {
    id: TransferId,
    payer: WalletId,
    barcode: Option<String>,
    request: Option<Object<RequestName>>,
    payments: Option<List<Object<NewLine>, MAX_ASKED_LEGS>>,
    #[serde(default, deserialize_with = "optional_amount")]
    amount: Option<Amount>,
    currency: Option<CurrencyCode>,
    #[serde(deserialize_with = "pin")]
    pin: Pin,
    #[serde(deserialize_with = "signature")]
    signature: Signature,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u16>,
    before: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    wallet: WalletId,
    reference: Reference,
    limit: Option<u16>,
    before: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Transfers {
    transfers: Vec<TransferView>,
    next: Option<String>,
}

pub(super) async fn issue(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Created<TransferView>> {
    let order = operator_order(&ids, &asked)?;
    operator_answer(&app, app.engine.issue(order).await)
}

pub(super) async fn redeem(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Created<TransferView>> {
    let order = operator_order(&ids, &asked)?;
    operator_answer(&app, app.engine.redeem(order).await)
}

fn operator_order(ids: &PathIds, asked: &Asked) -> Result<OperatorOrder, Problem> {
    asked.caller.operator()?;
    let wallet = ids.get("wallet")?;
    let new: NewOrder = asked.json()?;
    Ok(OperatorOrder {
        id: new.id,
        wallet,
        amount: new.amount,
        currency: new.currency,
        reference: new.reference,
    })
}

fn operator_answer(app: &App, answer: Result<TransferRecord, EngineError>) -> Answer<Created<TransferView>> {
    settled(app, Party::Operator, answer, |error| match error {
        EngineError::Refused(refusal) => operator_problem(refusal),
        error => error.into(),
    })
}

/// The operator names one wallet, in the path, and the other is the issuer's.
fn operator_problem(refusal: Refusal) -> Problem {
    let problem = Problem::from(refusal);
    match refusal {
        Refusal::PayerCurrencyDiffers => problem.at("/currency"),
        _ => problem.within(&["/id", "/amount", "/currency"], "wallet"),
    }
}

pub(super) async fn pay(State(app): State<Arc<App>>, asked: Asked) -> Answer<Created<TransferView>> {
    let payer = asked.caller.device()?;
    let new: NewPayment = asked.json_with(NESTED)?;
    let (lines, place) = match new.payments {
        None => {
            let (ask, place) = ask(new.barcode, new.request, "")?;
            (vec![PaymentLine { ask, amount: new.amount, currency: new.currency }], place)
        }
        Some(List(given)) => {
            let beside = [
                ("/barcode", new.barcode.is_some()),
                ("/request", new.request.is_some()),
                ("/amount", new.amount.is_some()),
                ("/currency", new.currency.is_some()),
            ];
            if let Some((field, _)) = beside.iter().find(|(_, is_there)| *is_there) {
                let why = "each of the payments has its own: leave it out here";
                return Err(Problem::field_invalid((*field).to_owned(), why));
            }
            several(&app.engine, given).await?
        }
    };
    let (id, payer_wallet, pin, signature) = (new.id, new.payer, new.pin, new.signature);
    let order = PaymentOrder { id, payer: payer_wallet, lines, hold_until: None, pin, signature };
    let (engine, party) = (&app.engine, Party::Account(payer.account));
    let record = match engine.pay(payer, order).await {
        Ok(record) => record,
        Err(error) => return Err(place.problem(engine, payer.account, error).await),
    };
    match record.refusal {
        None => Ok(created(TransferView::new(engine, party, &record)?)),
        Some(refusal) => {
            let problem = place.refused_by_wallets(engine, payer.account, refusal, &record).await;
            Err(refused(&app, party, &record, problem))
        }
    }
}

/// Shows a transfer that settled, as whoever asked may see it. One that was refused is a problem that tells of the transfer; `problem` points at what the
/// route names.
pub(super) fn settled(
    app: &App,
    viewer: Party,
    answer: Result<TransferRecord, EngineError>,
    problem: impl Fn(EngineError) -> Problem,
) -> Answer<Created<TransferView>> {
    let record = answer.map_err(&problem)?;
    let view = TransferView::new(&app.engine, viewer, &record)?;
    match record.refusal {
        None => Ok(created(view)),
        Some(refusal) => Err(with_transfer(problem(refusal.into()), &view)),
    }
}

/// The problem of a transfer that was refused and is on record.
pub(super) fn refused(app: &App, viewer: Party, record: &TransferRecord, problem: Problem) -> Problem {
    match TransferView::new(&app.engine, viewer, record) {
        Ok(view) => with_transfer(problem, &view),
        Err(error) => error,
    }
}

fn with_transfer(problem: Problem, view: &TransferView) -> Problem {
    match serde_json::to_value(view) {
        Ok(view) => problem.with_member("transfer", view),
        Err(error) => Problem::internal(&error),
    }
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<TransferView>> {
    asked.nothing()?;
    let (party, id) = (asked.caller.party(), ids.get("transfer")?);
    let record = app.read(move |engine| engine.transfer(party, id)).await??;
    let record = record.ok_or_else(Problem::transfer_unknown)?;
    Ok(Json(TransferView::new(&app.engine, party, &record)?))
}

pub(super) async fn list(State(app): State<Arc<App>>, ids: PathIds, asked: Asked) -> Answer<Json<Transfers>> {
    let page: Page = asked.query()?;
    let limit = page_limit(page.limit)?;
    let (party, wallet) = (asked.caller.party(), ids.get("wallet")?);
    let before = page.before.map(Position::new);
    // One more than is shown says whether there are more.
    let asked_for = limit.saturating_add(1);
    let records = app.read(move |engine| engine.wallet_transfers(party, wallet, before, asked_for)).await??;
    shown_page(&app, party, records, limit)
}

/// The transfers of a wallet that have a reference of its books.
pub(super) async fn search(State(app): State<Arc<App>>, asked: Asked) -> Answer<Json<Transfers>> {
    let Search { wallet, reference, limit, before } = asked.query()?;
    let limit = page_limit(limit)?;
    let (party, before) = (asked.caller.party(), before.map(Position::new));
    let asked_for = limit.saturating_add(1);
    let records = app
        .read(move |engine| engine.transfers_by_reference(party, wallet, &reference, before, asked_for))
        .await??;
    shown_page(&app, party, records, limit)
}

/// How many a page has.
pub(super) fn page_limit(given: Option<u16>) -> Result<usize, Problem> {
    let limit = given.unwrap_or(PAGE_TRANSFERS);
    if (1..=MAX_PAGE_TRANSFERS).contains(&limit) {
        return Ok(usize::from(limit));
    }
    Err(Problem::field_invalid("limit".to_owned(), "out of range: send 1 to 200"))
}

fn shown_page(
    app: &App,
    viewer: Party,
    mut records: Vec<TransferRecord>,
    limit: usize,
) -> Answer<Json<Transfers>> {
    let has_more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| has_more).map(|record| record.position.to_string());
    let shown = records.iter().map(|record| TransferView::new(&app.engine, viewer, record));
    Ok(Json(Transfers { transfers: shown.collect::<Result<_, _>>()?, next }))
}

#[cfg(feature = "fuzzing")]
pub(super) fn read_payment(headers: &http::HeaderMap, body: &[u8]) -> Result<(), Problem> {
    crate::strict::read_json::<NewPayment>(headers, body, NESTED).map(drop)
}
