//! Transfers: units that enter, leave, or pay for something, and the history of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_engine::{EngineError, OperatorOrder, PaymentOrder, Pin, TransferRecord};
use quittance_journal::Position;
use quittance_ledger::{Amount, CurrencyCode, Reference, Refusal, TransferId, WalletId};
use serde::{Deserialize, Serialize};

use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::strict::{PathIds, amount, optional_amount, pin};
use crate::view::TransferView;

const MAX_PAGE_TRANSFERS: u16 = 200;
const PAGE_TRANSFERS: u16 = 50;

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
    barcode: String,
    #[serde(default, deserialize_with = "optional_amount")]
    amount: Option<Amount>,
    currency: Option<CurrencyCode>,
    #[serde(deserialize_with = "pin")]
    pin: Pin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
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
    match answer {
        Ok(record) => settled(app, &record, operator_problem),
        Err(EngineError::Refused(refusal)) => Err(operator_problem(refusal)),
        Err(error) => Err(error.into()),
    }
}

/// The operator names one wallet, in the path, and the other is the issuer's.
fn operator_problem(refusal: Refusal) -> Problem {
    let problem = Problem::from(refusal);
    match refusal {
        Refusal::PayerUnknown
        | Refusal::PayerClosed
        | Refusal::InsufficientFunds
        | Refusal::PayeeUnknown
        | Refusal::PayeeClosed
        | Refusal::SelfPayment => problem.at("wallet"),
        Refusal::PayerCurrencyDiffers => problem.at("/currency"),
        _ => problem,
    }
}

pub(super) async fn pay(State(app): State<Arc<App>>, asked: Asked) -> Answer<Created<TransferView>> {
    let payer = asked.caller.device()?;
    let new: NewPayment = asked.json()?;
    let order = PaymentOrder {
        id: new.id,
        payer: new.payer,
        barcode: new.barcode,
        amount: new.amount,
        currency: new.currency,
        pin: new.pin,
    };
    match app.engine.pay(payer, order).await {
        Ok(record) => settled(&app, &record, payment_problem),
        Err(EngineError::Refused(refusal)) => Err(payment_problem(refusal)),
        Err(error) => Err(error.into()),
    }
}

/// The payee's wallet and the payment request come out of the barcode.
fn payment_problem(refusal: Refusal) -> Problem {
    let problem = Problem::from(refusal);
    match refusal {
        Refusal::WalletUnknown => problem.at("/payer"),
        Refusal::RequestUnknown
        | Refusal::RequestIdTaken
        | Refusal::RequestIdOutOfTime
        | Refusal::RequestExpiryInvalid
        | Refusal::PayeeCurrencyDiffers
        | Refusal::TooManyRequests => problem.at("/barcode"),
        _ => problem,
    }
}

/// A transfer that was refused is a problem that tells of the transfer.
fn settled(
    app: &App,
    record: &TransferRecord,
    problem: fn(Refusal) -> Problem,
) -> Answer<Created<TransferView>> {
    let view = TransferView::new(&app.engine, record)?;
    let Some(refusal) = record.refusal else { return Ok(created(view)) };
    let view = serde_json::to_value(view).map_err(|error| Problem::internal(&error))?;
    Err(problem(refusal).with_member("transfer", view))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<TransferView>> {
    asked.nothing()?;
    let (party, id) = (asked.caller.party(), ids.get("transfer")?);
    let record = app.read(move |engine| engine.transfer(party, id)).await??;
    let record = record.ok_or_else(transfer_unknown)?;
    Ok(Json(TransferView::new(&app.engine, &record)?))
}

fn transfer_unknown() -> Problem {
    Problem::new(
        http::StatusCode::NOT_FOUND,
        "transfer-unknown",
        "The transfer is not known",
        "there is no such transfer, or none of the account's",
        "check the transfer's id; one that was never made may be sent with it",
    )
    .at("transfer")
}

pub(super) async fn list(State(app): State<Arc<App>>, ids: PathIds, asked: Asked) -> Answer<Json<Transfers>> {
    let page: Page = asked.query()?;
    let limit = page.limit.unwrap_or(PAGE_TRANSFERS);
    if !(1..=MAX_PAGE_TRANSFERS).contains(&limit) {
        return Err(Problem::field_invalid("limit".to_owned(), "out of range: send 1 to 200"));
    }
    let (party, wallet) = (asked.caller.party(), ids.get("wallet")?);
    let before = page.before.map(Position::new);
    let limit = usize::from(limit);
    // One more than is shown says whether there are more.
    let asked_for = limit.saturating_add(1);
    let mut records =
        app.read(move |engine| engine.wallet_transfers(party, wallet, before, asked_for)).await??;
    let has_more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| has_more).map(|record| record.position.to_string());
    let transfers =
        records.iter().map(|record| TransferView::new(&app.engine, record)).collect::<Result<_, _>>()?;
    Ok(Json(Transfers { transfers, next }))
}
