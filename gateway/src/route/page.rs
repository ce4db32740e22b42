//! Pages for people: what an ordinary camera app opens when it reads one of our barcodes.
//!
//! They load nothing, run nothing and say nothing back of what was in the address.

use std::sync::{Arc, LazyLock};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use quittance_barcode::{Sealer, VerifiedBarcode};
use quittance_engine::{EngineError, Party, PaymentRequestState};
use quittance_ledger::{PaymentKind, Refusal, RequestStatus, Usage, WalletStatus};
use sha2::{Digest as _, Sha256};

use super::Answer;
use crate::app::App;
use crate::auth::bare;
use crate::problem::Problem;
use crate::strict::PathIds;
use crate::turns::Party as Asking;
use crate::view::{Instant, InvoiceView, remaining};
use crate::wording::says_more;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1.125rem/1.5 system-ui,sans-serif;max-width:34rem;margin:0 auto;padding:1.5rem}\
h1{font-size:1.5rem;line-height:1.25}\
.amount{font-size:2.25rem;font-weight:700;margin:.5rem 0}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:1.5rem 0}\
dt{opacity:.75}dd{margin:0;overflow-wrap:anywhere}\
.good,.bad{border-left:.375rem solid;padding:.5rem 1rem;margin:1.5rem 0}\
.good{border-color:#2a8a3e}.bad{border-color:#d03030}\
@media(max-width:30rem){dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}}";

/// Only this one style sheet may apply, and nothing else may load or run.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = BASE64.encode(&Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// What a barcode asks for.
pub(super) async fn payment(State(app): State<Arc<App>>, ids: PathIds, request: Request) -> Answer<Response> {
    if let Err(problem) = bare(&request) {
        return Ok(refusal(&problem, None));
    }
    let _turn = app.turns.take(Asking::Strangers).await?;
    let payload: String = ids.get("payload")?;
    let text = format!("{}/P/{payload}", app.engine.origin());
    Ok(match payable(&app, &text).await {
        Ok(asked) => respond(StatusCode::OK, payment_page(&app, &asked)),
        Err((problem, asked)) => refusal(&problem, asked.as_ref()),
    })
}

/// A barcode whose seal is good, and what the server knows beside it.
struct AskedFor {
    barcode: VerifiedBarcode,
    more: Option<PaymentRequestState>,
}

/// What is asked for, if it may be paid; else why not, and what it is all the same where its seal is good.
async fn payable(app: &App, text: &str) -> Result<AskedFor, (Problem, Option<AskedFor>)> {
    let barcode = app.engine.open_barcode(text).map_err(|error| (error.into(), None))?;
    let more = app.engine.more_of(&barcode).await.map_err(|error| (error.into(), None))?;
    let asked = AskedFor { barcode, more };
    if let Err(error) = asked.barcode.check_expiry(app.engine.now()) {
        return Err((error.into(), Some(asked)));
    }
    match refused(app, &asked.barcode).await {
        Ok(None) => Ok(asked),
        Ok(Some(refusal)) => Err((refusal.into(), Some(asked))),
        Err(error) => Err((error.into(), None)),
    }
}

/// What a payment of the barcode would be refused for, as far as can be said before.
async fn refused(app: &App, barcode: &VerifiedBarcode) -> Result<Option<Refusal>, EngineError> {
    let payee = app.engine.wallet(Party::Operator, barcode.details().payee).await?;
    match payee.status {
        WalletStatus::Closed => return Ok(Some(Refusal::PayeeClosed)),
        WalletStatus::FrozenBothWays => return Ok(Some(Refusal::PayeeFrozen)),
        WalletStatus::Open | WalletStatus::Frozen => {}
    }
    Ok(match app.engine.barcode_status(barcode).await? {
        Some(RequestStatus::Open) => None,
        Some(RequestStatus::Paid(_) | RequestStatus::Held(_)) => Some(Refusal::RequestPaid),
        Some(RequestStatus::Cancelled) => Some(Refusal::RequestCancelled),
        // A till's request is heard of when it is paid.
        None if matches!(barcode.sealer(), Sealer::Till { .. }) => None,
        None => Some(Refusal::RequestUnknown),
    })
}

/// What opens when a pairing code is read by another app than ours.
pub(super) async fn pairing(request: Request) -> Response {
    if let Err(problem) = bare(&request) {
        return problem.into_response();
    }
    let body = html! {
        h1 { "Pair this phone" }
        p { "This code connects a phone with an account. It can't be used in a browser." }
        p { "Open the payment app, choose to add an account, and scan the code there." }
        p { "Show the code to nobody else: whoever uses it first is connected." }
    };
    respond(StatusCode::OK, page("Pair this phone", &body))
}

fn payment_page(app: &App, asked: &AskedFor) -> Markup {
    let AskedFor { barcode, .. } = asked;
    let body = html! {
        h1 { (title(asked)) " to " (barcode.details().payee_name) }
        (amount(barcode))
        (details(asked))
        div.good {
            strong { "The seal is good." } " "
            (sealer(barcode))
        }
        p { "To pay, open the payment app and scan the barcode there. This page can't pay." }
        p { "Server: " (app.origin()) }
    };
    page("Payment", &body)
}

fn refusal(problem: &Problem, asked: Option<&AskedFor>) -> Response {
    respond(problem.status(), refusal_page(problem, asked))
}

fn refusal_page(problem: &Problem, asked: Option<&AskedFor>) -> Markup {
    let body = html! {
        h1 { "Do not pay this" }
        div.bad {
            strong { (problem.title()) "." }
            @if says_more(problem.title(), problem.detail()) {
                p { "What is wrong: " (problem.detail()) "." }
            }
            p { "What to do: " (problem.mend()) "." }
        }
        @if let Some(asked) = asked {
            p { "It asked for a payment to " strong { (asked.barcode.details().payee_name) } ":" }
            (amount(&asked.barcode))
            (details(asked))
            p { "Its seal is good. " (sealer(&asked.barcode)) }
        }
    };
    page("Do not pay", &body)
}

fn amount(barcode: &VerifiedBarcode) -> Markup {
    let details = barcode.details();
    html! {
        p.amount {
            @match details.amount {
                Some(amount) => (details.currency.format(i64::try_from(amount.get()).unwrap_or(i64::MAX))),
                None => { "You say how much, in " (details.currency.code()) }
            }
        }
    }
}

/// What kind of payment it is.
fn title(asked: &AskedFor) -> &'static str {
    match asked.more.as_ref().map(|more| more.request.terms.kind) {
        None | Some(PaymentKind::Standard) => "Payment",
        Some(PaymentKind::Invoice) => "Payment of an invoice",
        Some(PaymentKind::Donation) => "Donation",
        Some(PaymentKind::TopUp) => "Top-up: cash for a payment",
        Some(PaymentKind::Withdrawal) => "Withdrawal: cash for your payment",
        Some(PaymentKind::Conversion) => "Conversion",
    }
}

fn details(asked: &AskedFor) -> Markup {
    let details = asked.barcode.details();
    let more = asked.more.as_ref();
    let invoice = more.and_then(|more| InvoiceView::of(&more.request));
    let is_in_parts = |more: &&PaymentRequestState| more.request.terms.usage == Usage::Parts;
    let rest = more.filter(is_in_parts).and_then(remaining);
    html! {
        dl {
            dt { "Payee" } dd { (details.payee_name) }
            @if let Some(reference) = details.reference { dt { "Reference" } dd { (reference) } }
            @if let Some(invoice) = invoice {
                dt { "Invoice" } dd { (invoice.number) }
                dt { "Due" } dd { time datetime=(invoice.due_at) { (readable(invoice.due_at.0)) } }
            }
            @if let Some(rest) = rest {
                dt { "Left to pay" }
                dd { (details.currency.format(i64::try_from(rest).unwrap_or(i64::MAX))) ", in parts of any size" }
            }
            @if more.is_some_and(|more| more.request.payer.is_some()) {
                dt { "Payer" } dd { "one account, which the payee named" }
            }
            dt { "Valid until" }
            dd {
                @match details.expires_at {
                    Some(at) => time datetime=(Instant(at)) { (readable(at)) },
                    None => "further notice",
                }
            }
        }
    }
}

fn sealer(barcode: &VerifiedBarcode) -> Markup {
    html! {
        @match barcode.sealer() {
            Sealer::Server => "This server sealed it, and nobody has changed it since.",
            Sealer::Till { device, certified_until } => {
                "The payee's till " code { (device.device_id()) } " sealed it, and nobody has changed it since. \
                 This server certified the till until " (readable(*certified_until)) "."
            }
        }
    }
}

fn readable(at: quittance_ledger::Timestamp) -> String {
    let instant = Instant(at).to_string();
    let (date, time) = instant.split_once('T').unwrap_or((&instant, ""));
    format!("{date}, {} UTC", time.get(..5).unwrap_or(time))
}

fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    }
}

fn respond(status: StatusCode, page: Markup) -> Response {
    let policy = HeaderValue::from_str(&POLICY).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (status, headers, page.into_string()).into_response()
}

#[cfg(test)]
mod tests {
    use quittance_barcode::{Origin, RequestDetails, SealedBarcode, ServerKey, ServerKeys};
    use quittance_ledger::{Amount, Currency, PaymentRequestId, Timestamp, Usage, WalletId};

    use super::*;

    fn barcode() -> VerifiedBarcode {
        let origin: Origin = "https://pay.example.com".parse().unwrap();
        let key = ServerKey::from_secret(&[7; 32]);
        let details = RequestDetails {
            request: "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b".parse::<PaymentRequestId>().unwrap(),
            payee: WalletId::from_bytes([3; 16]).unwrap(),
            currency: Currency::new("EUR".parse().unwrap(), None).unwrap(),
            amount: Some(Amount::new(1_250).unwrap()),
            usage: Usage::OneTime,
            expires_at: Some(Timestamp::from_millis(1_795_519_800_000)),
            payee_name: "<b>Café</b> & Co".parse().unwrap(),
            reference: Some("<script>".parse().unwrap()),
            has_more: false,
        };
        let text = key.seal(&details, &origin).unwrap();
        let keys = ServerKeys::new(&[key.public()]).unwrap();
        SealedBarcode::parse(&text, &origin).unwrap().verify(&keys).unwrap()
    }

    fn asked_for() -> AskedFor {
        AskedFor { barcode: barcode(), more: None }
    }

    #[test]
    fn what_a_payee_wrote_is_shown_as_text() {
        let page = refusal_page(&Problem::from(Refusal::RequestPaid), Some(&asked_for())).into_string();
        assert!(page.contains("&lt;b&gt;Café&lt;/b&gt; &amp; Co"), "{page}");
        assert!(!page.contains("<script"), "{page}");
        for shown in ["12.50 EUR", "2026-11-24, 11:30 UTC", "Do not pay", "was paid already"] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
    }

    #[test]
    fn a_page_loads_nothing() {
        let response = respond(StatusCode::OK, page("a", &html! {}));
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!STYLE.contains("url(") && !STYLE.contains('<'));
    }
}
