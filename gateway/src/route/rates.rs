//! Rates at which market makers convert, and quotes at them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use quittance_engine::{Engine, EngineError, Party, QuoteAmount, QuoteOrder};
use quittance_ledger::{Amount, Currency, CurrencyCode, MAX_QUOTE_LIFETIME_MS, Rate, Refusal, WalletId};
use serde::{Deserialize, Serialize};

use super::{Answer, Created, created, pointed, unknown_currency};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::rate::parse;
use crate::strict::{PathIds, optional_amount};
use crate::view::{QuoteView, RateView};

/// How long a quote stands where the operator does not say.
const QUOTE_LIFETIME_SECS: u16 = 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRate {
    rate: String,
    taker: WalletId,
    giver: WalletId,
    quote_lifetime_s: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewQuote {
    from: WalletId,
    to: WalletId,
    #[serde(default, deserialize_with = "optional_amount")]
    give: Option<Amount>,
    #[serde(default, deserialize_with = "optional_amount")]
    get: Option<Amount>,
}

#[derive(Serialize)]
pub(super) struct Rates {
    rates: Vec<RateView>,
}

pub(super) async fn set(State(app): State<Arc<App>>, ids: PathIds, asked: Asked) -> Answer<Json<RateView>> {
    asked.caller.operator()?;
    let (from, to) = (ids.get("from")?, ids.get("to")?);
    let new: NewRate = asked.json()?;
    if from == to {
        return Err(Problem::from(Refusal::RateInvalid).at("to"));
    }
    let (from, to) = (currency(&app.engine, from, "from")?, currency(&app.engine, to, "to")?);
    let (numerator, denominator) = parse(&new.rate, from.exponent(), to.exponent())
        .map_err(|error| Problem::field_invalid("/rate".to_owned(), &error.to_string()))?;
    let rate = Rate {
        from: from.code(),
        to: to.code(),
        numerator,
        denominator,
        taker: new.taker,
        giver: new.giver,
        quote_lifetime_ms: lifetime_ms(new.quote_lifetime_s)?,
    };
    match app.engine.set_rate(rate).await {
        Ok(()) => Ok(Json(RateView::new(&app.engine, &rate))),
        Err(EngineError::Refused(refusal @ Refusal::RateInvalid)) => {
            // Where the taker is as it has to be, it is the giver that does not go with it.
            let taker = app.engine.wallet(Party::Operator, rate.taker).await;
            let is_good = taker.is_ok_and(|taker| taker.currency == rate.from);
            Err(Problem::from(refusal).at(if is_good { "/giver" } else { "/taker" }))
        }
        Err(error) => Err(error.into()),
    }
}

fn currency(engine: &Engine, code: CurrencyCode, part: &'static str) -> Result<Currency, Problem> {
    engine.currency(code).ok_or_else(|| unknown_currency(Refusal::CurrencyUnknown.into(), part))
}

fn lifetime_ms(given_secs: Option<u16>) -> Result<u64, Problem> {
    let lifetime_ms = u64::from(given_secs.unwrap_or(QUOTE_LIFETIME_SECS)).saturating_mul(1_000);
    if (1..=MAX_QUOTE_LIFETIME_MS).contains(&lifetime_ms) {
        return Ok(lifetime_ms);
    }
    Err(Problem::field_invalid("/quote_lifetime_s".to_owned(), "out of range: send 1 to 3600"))
}

pub(super) async fn remove(State(app): State<Arc<App>>, ids: PathIds, asked: Asked) -> Answer<StatusCode> {
    asked.caller.operator()?;
    asked.nothing()?;
    app.engine.remove_rate(ids.get("from")?, ids.get("to")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn list(State(app): State<Arc<App>>, asked: Asked) -> Answer<Json<Rates>> {
    asked.nothing()?;
    let rates = app.engine.rates().await?;
    Ok(Json(Rates { rates: rates.iter().map(|rate| RateView::new(&app.engine, rate)).collect() }))
}

pub(super) async fn quote(State(app): State<Arc<App>>, asked: Asked) -> Answer<Created<QuoteView>> {
    let account = asked.caller.device()?.account;
    let NewQuote { from, to, give, get } = asked.json()?;
    let (amount, field) = match (give, get) {
        (Some(give), None) => (QuoteAmount::Give(give), "/give"),
        (None, Some(get)) => (QuoteAmount::Get(get), "/get"),
        (None, None) => return Err(Problem::field_missing("/give".to_owned())),
        (Some(_), Some(_)) => {
            let why = "the one follows from the other: send one of give and get";
            return Err(Problem::field_invalid("/get".to_owned(), why));
        }
    };
    let quoted = app.engine.quote(account, QuoteOrder { from, to, amount }).await;
    let quoted = quoted.map_err(|error| match error {
        EngineError::Refused(refusal @ Refusal::QuoteTooSmall) => Problem::from(refusal).at(field),
        EngineError::Refused(refusal @ Refusal::WalletUnknown) => {
            let is_own = app.engine.owner(from) == Some(account);
            Problem::from(refusal).at(if is_own { "/to" } else { "/from" })
        }
        error => pointed(error, &["/to"], "/from"),
    })?;
    Ok(created(QuoteView::new(&app.engine, from, &quoted)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_stands_for_a_second_to_an_hour() {
        assert_eq!(lifetime_ms(None).unwrap(), 30_000);
        assert_eq!(lifetime_ms(Some(3_600)).unwrap(), 3_600_000);
        for bad in [0, 3_601, u16::MAX] {
            assert_eq!(lifetime_ms(Some(bad)).unwrap_err().field(), Some("/quote_lifetime_s"), "{bad}");
        }
    }
}
