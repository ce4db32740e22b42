//! What several wallets held as of one record, so that what moves between them is never seen half.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_engine::EngineError;
use quittance_journal::Position;
use quittance_ledger::{CurrencyCode, Refusal, WalletId};
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::view::known_currency;

const MAX_WALLETS: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    wallets: String,
    as_of: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Balances {
    position: u64,
    balances: Vec<Balance>,
}

#[derive(Serialize)]
struct Balance {
    wallet: WalletId,
    currency: CurrencyCode,
    posted: i64,
    display: String,
}

pub(super) async fn show(State(app): State<Arc<App>>, asked: Asked) -> Answer<Json<Balances>> {
    let Whose { wallets, as_of } = asked.query()?;
    let wallets = ids(&wallets)?;
    let tip = app.engine.tip();
    let position = as_of.map_or(tip, Position::new);
    if position > tip {
        let why = "ahead of the journal: give the position of a record that is there, or leave it out";
        return Err(Problem::field_invalid("as_of".to_owned(), why));
    }
    let party = asked.caller.party();
    let mut balances = Vec::with_capacity(wallets.len());
    for id in &wallets {
        let wallet = app.engine.wallet(party, *id).await.map_err(|error| match error {
            EngineError::Refused(refusal @ Refusal::WalletUnknown) => Problem::from(refusal).at("wallets"),
            error => error.into(),
        })?;
        balances.push(Balance { wallet: *id, currency: wallet.currency, posted: 0, display: String::new() });
    }
    let read = app.read(move |engine| {
        let posted = |wallet: &WalletId| engine.balance_before(party, *wallet, position.next());
        wallets.iter().map(posted).collect::<Result<Vec<_>, _>>()
    });
    for (balance, posted) in balances.iter_mut().zip(read.await??) {
        balance.posted = posted;
        balance.display = known_currency(&app.engine, balance.currency)?.format(posted);
    }
    Ok(Json(Balances { position: position.get(), balances }))
}

fn ids(text: &str) -> Result<Vec<WalletId>, Problem> {
    let invalid = |why: &str| Problem::field_invalid("wallets".to_owned(), why);
    let parsed = text.split(',').take(MAX_WALLETS + 1).map(str::parse).collect::<Result<Vec<_>, _>>();
    let ids = parsed.map_err(|_| invalid("not ids of wallets with commas between them"))?;
    if ids.len() > MAX_WALLETS { Err(invalid("too many: ask for 64 at most")) } else { Ok(ids) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wallets_are_listed_strictly() {
        let id = "0190a5d2-7f00-7000-8000-00000000000a";
        assert_eq!(ids(id).unwrap().len(), 1);
        assert_eq!(ids(&[id; MAX_WALLETS].join(",")).unwrap().len(), MAX_WALLETS);
        for wrong in ["", ",", "x", &format!("{id},"), &[id; MAX_WALLETS + 1].join(",")] {
            assert_eq!(ids(wrong).unwrap_err().field(), Some("wallets"), "{wrong}");
        }
    }
}
