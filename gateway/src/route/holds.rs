//! Holds: units that a payer sets aside, and what their payee does with them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_engine::{CaptureOrder, Party, PaymentLine, PaymentOrder, Pin};
use quittance_ledger::{Amount, CurrencyCode, Refusal, Signature, Timestamp, TransferId, WalletId};
use serde::Deserialize;

use super::asks::{RequestName, ask};
use super::movers::mover;
use super::transfers::{refused, settled};
use super::{Answer, Created, created, pointed};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::strict::{Object, PathIds, amount, instant, optional_amount, optional_signature, pin, signature};
use crate::view::{HoldView, TransferView};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewHold {
    id: TransferId,
    payer: WalletId,
    barcode: Option<String>,
    request: Option<Object<RequestName>>,
    #[serde(default, deserialize_with = "optional_amount")]
    amount: Option<Amount>,
    currency: Option<CurrencyCode>,
    #[serde(deserialize_with = "instant")]
    expires_at: Timestamp,
    #[serde(deserialize_with = "pin")]
    pin: Pin,
    #[serde(deserialize_with = "signature")]
    signature: Signature,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCapture {
    id: TransferId,
    #[serde(deserialize_with = "amount")]
    amount: Amount,
    currency: CurrencyCode,
    r#final: Option<bool>,
    #[serde(default, deserialize_with = "optional_signature")]
    signature: Option<Signature>,
}

pub(super) async fn place(State(app): State<Arc<App>>, asked: Asked) -> Answer<Created<HoldView>> {
    let payer = asked.caller.device()?;
    let new: NewHold = asked.json_with(&["request"])?;
    let (ask, place) = ask(new.barcode, new.request, "")?;
    let lines = vec![PaymentLine { ask, amount: new.amount, currency: new.currency }];
    let order = PaymentOrder {
        id: new.id,
        payer: new.payer,
        lines,
        hold_until: Some(new.expires_at),
        pin: new.pin,
        signature: new.signature,
    };
    let (engine, party) = (&app.engine, Party::Account(payer.account));
    let record = match engine.pay(payer, order).await {
        Ok(record) => record,
        Err(error) => return Err(place.problem(engine, payer.account, error).await),
    };
    if let Some(refusal) = record.refusal {
        let problem = place.refused_by_wallets(engine, payer.account, refusal, &record).await;
        return Err(refused(&app, party, &record, problem));
    }
    let hold = app.engine.hold(party, new.id).await?;
    Ok(created(HoldView::new(&app.engine, party, &hold)?))
}

pub(super) async fn show(State(app): State<Arc<App>>, ids: PathIds, asked: Asked) -> Answer<Json<HoldView>> {
    asked.nothing()?;
    let party = asked.caller.party();
    let hold = app.engine.hold(party, ids.get("hold")?).await?;
    Ok(Json(HoldView::new(&app.engine, party, &hold)?))
}

pub(super) async fn capture(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Created<TransferView>> {
    let hold: TransferId = ids.get("hold")?;
    let new: NewCapture = asked.json()?;
    let mover = mover(&asked.caller, None, new.signature)?;
    let party = asked.caller.party();
    let known = app.engine.hold(party, hold).await?;
    if known.placed.transfer.first.currency != new.currency {
        return Err(Problem::from(Refusal::PayeeCurrencyDiffers));
    }
    let is_final = new.r#final.unwrap_or(false);
    let order = CaptureOrder { id: new.id, hold, amount: new.amount, is_final };
    let answer = app.engine.capture(mover, order).await;
    settled(&app, party, answer, |error| pointed(error, &["/id", "/amount"], "hold"))
}

pub(super) async fn release(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<HoldView>> {
    asked.nothing()?;
    let party = asked.caller.party();
    let released = app.engine.release_hold(party, ids.get("hold")?).await;
    let hold = released.map_err(|error| pointed(error, &[], "hold"))?;
    Ok(Json(HoldView::new(&app.engine, party, &hold)?))
}
