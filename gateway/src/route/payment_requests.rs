//! Payment requests.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use quittance_engine::{Engine, EngineError, NewPaymentRequest, Party};
use quittance_ledger::{
    AccountId, Amount, CurrencyCode, Description, MAX_INVOICE_LIFETIME_MS, MAX_ONE_TIME_LIFETIME_MS,
    MAX_SPLITS, MAX_SUGGESTIONS, PaymentKind, PaymentRequestId, Reference, Refusal, RequestDetail, Split,
    Timestamp, Usage, WalletId,
};
use serde::Deserialize;

use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::Asked;
use crate::problem::Problem;
use crate::strict::{
    List, ListedAmount, Object, PathIds, amount, instant, optional_amount, optional_instant,
};
use crate::view::RequestView;

const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// For how long a one-time request may be paid where its payee does not say.
const ONE_TIME_LIFETIME_MS: u64 = 15 * 60 * 1_000;
/// The same of one that is paid in parts, and of an invoice after it is due.
const LONG_LIFETIME_MS: u64 = 30 * DAY_MS;
/// The last instant that a barcode can say, in the year 2106.
const LAST_IN_A_BARCODE: Timestamp = Timestamp::from_secs(0xffff_ffff);

/// Which members of the body are no plain values.
const NESTED: &[&str] = &["splits", "invoice", "suggestions"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRequest {
    id: Option<PaymentRequestId>,
    #[serde(default, deserialize_with = "optional_amount")]
    amount: Option<Amount>,
    currency: CurrencyCode,
    usage: Option<Usage>,
    #[serde(default, deserialize_with = "optional_instant")]
    expires_at: Option<Timestamp>,
    reference: Option<Reference>,
    description: Option<Description>,
    kind: Option<PaymentKind>,
    payer: Option<AccountId>,
    splits: Option<List<Object<NewSplit>, MAX_SPLITS>>,
    invoice: Option<Object<NewInvoice>>,
    suggestions: Option<List<ListedAmount, MAX_SUGGESTIONS>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSplit {
    wallet: WalletId,
    #[serde(deserialize_with = "amount")]
    amount: Amount,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewInvoice {
    number: Reference,
    #[serde(deserialize_with = "instant")]
    due_at: Timestamp,
}

pub(super) async fn open(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Created<RequestView>> {
    let (party, wallet) = (asked.caller.party(), ids.get("wallet")?);
    let new: NewRequest = asked.json_with(NESTED)?;
    let end_field = if new.expires_at.is_none() && new.invoice.is_some() { DUE_AT } else { EXPIRES_AT };
    let now = app.engine.now();
    let request = new.of_wallet(wallet, now)?;
    if request.expires_at.is_some_and(|end| end > latest_end(request.kind, request.usage, now)) {
        return Err(Problem::from(Refusal::RequestExpiryInvalid).at(end_field));
    }
    let asked_for = request.clone();
    match app.engine.open_request(party, request).await {
        Ok(state) => Ok(created(RequestView::new(&app.engine, party, &state)?)),
        Err(EngineError::Refused(refusal @ Refusal::RequestExpiryInvalid)) => {
            Err(Problem::from(refusal).at(end_field))
        }
        Err(error) => Err(opening_problem(&app.engine, party, &asked_for, error).await),
    }
}

const EXPIRES_AT: &str = "/expires_at";
const DUE_AT: &str = "/invoice/due_at";

/// When a request ends at the latest: by the ledger's rules, and where these leave it open, as late as a barcode can say.
fn latest_end(kind: PaymentKind, usage: Usage, now: Timestamp) -> Timestamp {
    let lifetime_ms = match (usage, kind) {
        (Usage::Reusable, _) => return LAST_IN_A_BARCODE,
        (Usage::OneTime | Usage::Parts, PaymentKind::Invoice) => MAX_INVOICE_LIFETIME_MS,
        (Usage::OneTime | Usage::Parts, _) => MAX_ONE_TIME_LIFETIME_MS,
    };
    now.plus_millis(lifetime_ms)
}

impl NewRequest {
    fn of_wallet(self, wallet: WalletId, now: Timestamp) -> Result<NewPaymentRequest, Problem> {
        let kind = self.kind.unwrap_or_default();
        let usage = self.usage.unwrap_or(Usage::OneTime);
        let invoice = self.invoice.map(|Object(invoice)| invoice);
        let due_at = invoice.as_ref().map(|invoice| invoice.due_at);
        let suggestions = self.suggestions.map(|List(listed)| listed.iter().map(|listed| listed.0).collect());
        Ok(NewPaymentRequest {
            id: self.id,
            wallet,
            amount: self.amount,
            currency: self.currency,
            usage,
            expires_at: self.expires_at.or_else(|| lifetime(usage, due_at, now)),
            reference: self.reference,
            description: self.description,
            kind,
            payer: self.payer,
            splits: self.splits.unwrap_or_default().0.into_iter().map(NewSplit::into_split).collect(),
            detail: detail(kind, invoice, suggestions)?,
        })
    }
}

impl NewSplit {
    const fn into_split(Object(Self { wallet, amount }): Object<Self>) -> Split {
        Split { wallet, amount }
    }
}

/// When a request ends whose payee does not say it.
fn lifetime(usage: Usage, due_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    match (usage, due_at) {
        (_, Some(due_at)) => Some(due_at.plus_millis(LONG_LIFETIME_MS)),
        (Usage::OneTime, None) => Some(now.plus_millis(ONE_TIME_LIFETIME_MS)),
        (Usage::Parts, None) => Some(now.plus_millis(LONG_LIFETIME_MS)),
        (Usage::Reusable, None) => None,
    }
}

/// What a request's kind of payment alone has.
fn detail(
    kind: PaymentKind,
    invoice: Option<NewInvoice>,
    suggestions: Option<Vec<Amount>>,
) -> Result<Option<RequestDetail>, Problem> {
    if invoice.is_some() && kind != PaymentKind::Invoice {
        let why = "only an invoice has it: leave it out, or send the kind invoice";
        return Err(Problem::field_invalid("/invoice".to_owned(), why));
    }
    if suggestions.is_some() && kind != PaymentKind::Donation {
        let why = "only a donation has them: leave them out, or send the kind donation";
        return Err(Problem::field_invalid("/suggestions".to_owned(), why));
    }
    Ok(match kind {
        PaymentKind::Invoice => {
            let missing = || Problem::field_missing("/invoice".to_owned());
            let NewInvoice { number, due_at } = invoice.ok_or_else(missing)?;
            Some(RequestDetail::Invoice { number, due_at })
        }
        PaymentKind::Donation => {
            Some(RequestDetail::Donation { suggestions: suggestions.unwrap_or_default() })
        }
        PaymentKind::Conversion => {
            let why = "a conversion is quoted: ask for it with POST /v1/quotes";
            return Err(Problem::field_invalid("/kind".to_owned(), why));
        }
        PaymentKind::Standard | PaymentKind::TopUp | PaymentKind::Withdrawal => None,
    })
}

/// A request names several wallets, and the engine says only what is amiss with one of them.
async fn opening_problem(
    engine: &Engine,
    party: Party,
    asked_for: &NewPaymentRequest,
    error: EngineError,
) -> Problem {
    let EngineError::Refused(refusal) = error else { return error.into() };
    let problem = Problem::from(refusal);
    let own = engine.wallet(party, asked_for.wallet).await;
    match (refusal, own) {
        (Refusal::AccountUnknown, _) => problem.at("/payer"),
        (Refusal::RequestInconsistent, _) => problem.at(contradiction(asked_for)),
        (Refusal::WalletUnknown | Refusal::PayeeCurrencyDiffers, Ok(own)) => {
            for (index, split) in asked_for.splits.iter().enumerate() {
                let known = engine.wallet(Party::Operator, split.wallet).await;
                if known.is_ok_and(|known| known.currency == own.currency) {
                    continue;
                }
                return problem.at(format!("/splits/{index}/wallet"));
            }
            problem
        }
        _ => problem,
    }
}

/// Which member does not go with the others, as far as can be said of one that the rules refuse.
fn contradiction(asked_for: &NewPaymentRequest) -> &'static str {
    let NewPaymentRequest { wallet, amount, usage, kind, splits, .. } = asked_for;
    let passed_on = splits.iter().fold(0_u64, |sum, split| sum.saturating_add(split.amount.get()));
    let are_covered = amount.is_some_and(|amount| passed_on <= amount.get());
    let is_to_itself = splits.iter().any(|split| split.wallet == *wallet);
    match (kind, usage) {
        _ if !splits.is_empty() && (*usage == Usage::Parts || !are_covered || is_to_itself) => "/splits",
        (PaymentKind::Donation, _) if amount.is_some() => "/amount",
        (PaymentKind::Invoice, _) | (_, Usage::Parts) if amount.is_none() => "/amount",
        (PaymentKind::Invoice, Usage::Reusable) => "/usage",
        _ => "/kind",
    }
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<RequestView>> {
    asked.nothing()?;
    let (wallet, request) = (ids.get("wallet")?, ids.get("request")?);
    let party = asked.caller.party();
    let state = app.engine.request(party, wallet, request).await?;
    Ok(Json(RequestView::new(&app.engine, party, &state)?))
}

pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<RequestView>> {
    asked.nothing()?;
    let (wallet, request) = (ids.get("wallet")?, ids.get("request")?);
    let party = asked.caller.party();
    let state = app.engine.cancel_request(party, wallet, request).await?;
    Ok(Json(RequestView::new(&app.engine, party, &state)?))
}

#[cfg(feature = "fuzzing")]
pub(super) fn read_request(headers: &http::HeaderMap, body: &[u8]) -> Result<(), Problem> {
    crate::strict::read_json::<NewRequest>(headers, body, NESTED).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_is_not_said_follows_from_what_is_asked_for() {
        let now = Timestamp::from_secs(1_000);
        let due = now.plus_millis(14 * DAY_MS);
        for (usage, due_at, end) in [
            (Usage::OneTime, None, Some(now.plus_millis(ONE_TIME_LIFETIME_MS))),
            (Usage::Parts, None, Some(now.plus_millis(30 * DAY_MS))),
            (Usage::Reusable, None, None),
            (Usage::OneTime, Some(due), Some(due.plus_millis(30 * DAY_MS))),
            (Usage::Parts, Some(due), Some(due.plus_millis(30 * DAY_MS))),
        ] {
            assert_eq!(lifetime(usage, due_at, now), end, "{usage:?}");
        }
    }

    #[test]
    fn a_request_ends_while_it_is_remembered() {
        let now = Timestamp::from_secs(1_000);
        for (kind, usage, end) in [
            (PaymentKind::Standard, Usage::OneTime, now.plus_millis(90 * DAY_MS)),
            (PaymentKind::Donation, Usage::Parts, now.plus_millis(90 * DAY_MS)),
            (PaymentKind::Invoice, Usage::Parts, now.plus_millis(400 * DAY_MS)),
            (PaymentKind::Standard, Usage::Reusable, Timestamp::from_secs(4_294_967_295)),
        ] {
            assert_eq!(latest_end(kind, usage, now), end, "{kind:?} {usage:?}");
        }
    }

    #[test]
    fn each_kind_has_what_is_its_own() {
        let bill = || NewInvoice { number: "1".parse().unwrap(), due_at: Timestamp::from_secs(1) };
        let suggested = || vec![Amount::new(500).unwrap()];
        assert!(matches!(detail(PaymentKind::Standard, None, None), Ok(None)));
        assert!(matches!(
            detail(PaymentKind::Invoice, Some(bill()), None),
            Ok(Some(RequestDetail::Invoice { .. }))
        ));
        assert!(matches!(
            detail(PaymentKind::Donation, None, None),
            Ok(Some(RequestDetail::Donation { suggestions })) if suggestions.is_empty()
        ));
        for (kind, invoice, suggestions, field) in [
            (PaymentKind::Invoice, None, None, "/invoice"),
            (PaymentKind::TopUp, Some(bill()), None, "/invoice"),
            (PaymentKind::Standard, None, Some(suggested()), "/suggestions"),
            (PaymentKind::Conversion, None, None, "/kind"),
        ] {
            assert_eq!(detail(kind, invoice, suggestions).unwrap_err().field(), Some(field), "{kind:?}");
        }
    }
}
