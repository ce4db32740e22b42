//! What a payer answers, as bodies name it, and where in the body a refusal of it points.

use quittance_engine::{Ask, Engine, EngineError, PaymentLine, TransferRecord};
use quittance_ledger::{AccountId, Amount, CurrencyCode, PaymentRequestId, Refusal, WalletId};
use serde::Deserialize;

use super::fault::{Short, payment_at_fault, payment_of, repetition, short_of_funds};
use crate::problem::Problem;
use crate::strict::{Object, optional_amount};

/// A request that is named, and not shown as a barcode.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestName {
    wallet: WalletId,
    id: PaymentRequestId,
}

/// One of several payments that settle together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLine {
    barcode: Option<String>,
    request: Option<Object<RequestName>>,
    #[serde(default, deserialize_with = "optional_amount")]
    amount: Option<Amount>,
    currency: Option<CurrencyCode>,
}

/// Where the body says what is answered.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Barcode,
    Request,
    /// What is answered with each of several payments.
    Payments(Vec<PaymentLine>),
}

/// What is answered: a barcode or a request, and one of them. `at` is where the body has them.
pub(super) fn ask(
    barcode: Option<String>,
    request: Option<Object<RequestName>>,
    at: &str,
) -> Result<(Ask, Place), Problem> {
    match (barcode, request) {
        (Some(text), None) => Ok((Ask::Barcode(text), Place::Barcode)),
        (None, Some(Object(RequestName { wallet, id }))) => {
            Ok((Ask::Request { wallet, request: id }, Place::Request))
        }
        (None, None) => Err(Problem::field_missing(format!("{at}/barcode"))),
        (Some(_), Some(_)) => {
            let why = "there is a barcode beside it: send one of them";
            Err(Problem::field_invalid(format!("{at}/request"), why))
        }
    }
}

/// What is answered with several payments, each with something else.
pub(super) async fn several(
    engine: &Engine,
    given: Vec<Object<NewLine>>,
) -> Result<(Vec<PaymentLine>, Place), Problem> {
    let lines = lines(given)?;
    if let Some((index, earlier)) = repetition(engine, &lines).await {
        let why = format!("the request is in /payments/{earlier} already: pay it once");
        return Err(Problem::field_invalid(format!("/payments/{index}"), &why));
    }
    Ok((lines.clone(), Place::Payments(lines)))
}

fn lines(given: Vec<Object<NewLine>>) -> Result<Vec<PaymentLine>, Problem> {
    if given.is_empty() {
        return Err(Problem::field_invalid("/payments".to_owned(), "the list is empty: send 1 to 16"));
    }
    let mut lines = Vec::with_capacity(given.len());
    for (index, Object(line)) in given.into_iter().enumerate() {
        let NewLine { barcode, request, amount, currency } = line;
        let (ask, _) = ask(barcode, request, &format!("/payments/{index}"))?;
        lines.push(PaymentLine { ask, amount, currency });
    }
    Ok(lines)
}

impl Place {
    const fn field(&self) -> &'static str {
        match self {
            Self::Barcode => "/barcode",
            Self::Request => "/request",
            Self::Payments(_) => "/payments",
        }
    }

    /// Points at the barcode that can't be paid, or at where the amount or the currency should be.
    pub(super) async fn problem(&self, engine: &Engine, payer: AccountId, error: EngineError) -> Problem {
        match error {
            EngineError::Refused(refusal) => self.refused(engine, payer, refusal).await,
            EngineError::Barcode(_) | EngineError::TillNotTrusted => {
                Problem::from(error).at(self.bad_barcode(engine))
            }
            EngineError::AmountMissing | EngineError::CurrencyDiffers
                if matches!(self, Self::Payments(_)) =>
            {
                Problem::from(error).at(self.field())
            }
            error => error.into(),
        }
    }

    fn bad_barcode(&self, engine: &Engine) -> String {
        let Self::Payments(lines) = self else { return self.field().to_owned() };
        let is_bad = |line: &PaymentLine| match &line.ask {
            Ask::Barcode(text) => {
                let opened = engine.open_barcode(text);
                opened.map_or(true, |barcode| barcode.check_expiry(engine.now()).is_err())
            }
            Ask::Request { .. } => false,
        };
        let index = lines.iter().position(is_bad);
        index.map_or_else(|| self.field().to_owned(), |index| format!("/payments/{index}/barcode"))
    }

    /// The problem of a payment that the wallets refused.
    pub(super) async fn refused_by_wallets(
        &self,
        engine: &Engine,
        payer: AccountId,
        refusal: Refusal,
        record: &TransferRecord,
    ) -> Problem {
        let short = match refusal {
            Refusal::InsufficientFunds => short_of_funds(engine, &record.transfer).await,
            _ => None,
        };
        let Some(short) = short else { return self.refused(engine, payer, refusal).await };
        let problem = match short {
            Short::Payee(_) => Problem::payee_short(),
            Short::MarketMaker(_) => Problem::market_maker_short(),
        };
        let index = match self {
            Self::Payments(lines) => payment_of(engine, lines, short).await,
            Self::Barcode | Self::Request => None,
        };
        problem.at(self.field_of(index))
    }

    /// Where the body has what is answered, or the one of several payments.
    fn field_of(&self, index: Option<usize>) -> String {
        index.map_or_else(|| self.field().to_owned(), |index| format!("/payments/{index}"))
    }

    /// Points at the payment that was refused, as far as that can be told.
    async fn refused(&self, engine: &Engine, payer: AccountId, refusal: Refusal) -> Problem {
        let index = match self {
            Self::Payments(lines) => payment_at_fault(engine, payer, lines, refusal).await,
            Self::Barcode | Self::Request => None,
        };
        self.pointed(refusal, self.field_of(index))
    }

    /// The payee's wallet and the payment request come out of what is answered, which is at `field`.
    fn pointed(&self, refusal: Refusal, field: String) -> Problem {
        let problem = Problem::from(refusal);
        match refusal {
            Refusal::WalletUnknown => problem.at("/payer"),
            Refusal::RequestIdTaken
            | Refusal::RequestIdOutOfTime
            | Refusal::RequestExpiryInvalid
            | Refusal::PayeeCurrencyDiffers => problem.at(field),
            _ => {
                let own: &[&str] = match self {
                    Self::Payments(_) => &["/id", "/payer", "/pin"],
                    Self::Barcode | Self::Request => &["/id", "/payer", "/amount", "/pin", "/expires_at"],
                };
                problem.within(own, field)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Option<Object<RequestName>> {
        let wallet = WalletId::from_bytes([1; 16]).unwrap();
        let id = "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b".parse().unwrap();
        Some(Object(RequestName { wallet, id }))
    }

    #[test]
    fn one_thing_is_answered_with_each_payment() {
        let text = || Some("x".to_owned());
        assert!(matches!(ask(text(), None, ""), Ok((Ask::Barcode(_), Place::Barcode))));
        assert!(matches!(ask(None, name(), ""), Ok((Ask::Request { .. }, Place::Request))));
        assert_eq!(ask(None, None, "").unwrap_err().field(), Some("/barcode"));
        assert_eq!(ask(text(), name(), "/payments/3").unwrap_err().field(), Some("/payments/3/request"));
        assert_eq!(lines(Vec::new()).unwrap_err().field(), Some("/payments"));
    }

    #[test]
    fn a_refusal_points_at_what_the_body_has() {
        let several = Place::Payments(Vec::new());
        for (refusal, one, many) in [
            (Refusal::RequestPaid, "/request", "/payments"),
            (Refusal::RequestUnknown, "/request", "/payments"),
            (Refusal::RequestIdTaken, "/request", "/payments"),
            (Refusal::AgentNeeded, "/request", "/payments"),
            (Refusal::AmountDiffers, "/amount", "/payments"),
            (Refusal::PayeeCurrencyDiffers, "/request", "/payments"),
            (Refusal::DayLimitExceeded, "/amount", "/payments"),
            (Refusal::InsufficientFunds, "/payer", "/payer"),
            (Refusal::IdConflict, "/id", "/id"),
            (Refusal::PinLocked, "/pin", "/pin"),
            (Refusal::TooManyLegs, "/request", "/payments"),
        ] {
            for (place, field) in [(&Place::Request, one), (&several, many)] {
                let problem = place.pointed(refusal, place.field().to_owned());
                assert_eq!(problem.field(), Some(field), "{refusal:?}");
            }
        }
    }
}
