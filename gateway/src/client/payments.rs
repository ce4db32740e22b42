//! Payments that answer more than one barcode: several at once, and requests that the server knows without a barcode.
//!
//! A device signs what it reads: the amount of a request without a barcode is what its holder was shown.

use quittance_ledger::{
    Amount, CurrencyCode, Leg, PaymentKind, PaymentRequestId, Purpose, Terms, TransferId, Usage, WalletId,
};
use serde::{Deserialize, Serialize};

use super::Client;
use super::error::ClientError;
use super::objects::{Cursor, PaymentRequest, Transfer};
use super::request::query;
use super::routes::Answer;

/// A payment request that the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestName {
    /// The wallet that is paid.
    pub wallet: WalletId,
    /// The request's id.
    pub id: PaymentRequestId,
}

/// What a payer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask<'a> {
    /// A barcode, by its text.
    Barcode(&'a str),
    /// A request that the server knows, such as one that was sent to the payer's account.
    Request(RequestName),
}

/// One of the things that are paid.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PaymentLine<'a> {
    /// What it answers.
    #[serde(flatten)]
    pub ask: Ask<'a>,
    /// How many minor units: needed but for a barcode that says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// The currency the payer was shown: needed but for a barcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<CurrencyCode>,
}

impl<'a> PaymentLine<'a> {
    /// What a barcode asks for.
    #[must_use]
    pub const fn barcode(text: &'a str) -> Self {
        Self { ask: Ask::Barcode(text), amount: None, currency: None }
    }

    /// What is left to pay of a request.
    #[must_use]
    pub fn request(request: &PaymentRequest) -> Self {
        let ask = Ask::Request(RequestName { wallet: request.wallet, id: request.id });
        Self { ask, amount: request.remaining.or(request.amount), currency: Some(request.currency) }
    }
}

/// A payment of one thing, whatever it answers.
#[derive(Clone, Serialize)]
pub struct LinePayment<'a> {
    /// The transfer's id.
    pub id: TransferId,
    /// The wallet that pays.
    pub payer: WalletId,
    /// What is paid.
    #[serde(flatten)]
    pub line: PaymentLine<'a>,
    /// The PIN of the payer's account.
    pub pin: &'a str,
}

/// A payment of several things, all of them or none.
#[derive(Clone, Serialize)]
pub struct SeveralPayments<'a> {
    /// The transfer's id.
    pub id: TransferId,
    /// The wallet that pays.
    pub payer: WalletId,
    /// What is paid.
    pub payments: &'a [PaymentLine<'a>],
    /// The PIN of the payer's account.
    pub pin: &'a str,
}

/// A page of the requests that were sent to an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RequestPage {
    /// The requests, newest first.
    pub requests: Vec<PaymentRequest>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl std::fmt::Debug for LinePayment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinePayment").field("id", &self.id).field("line", &self.line).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SeveralPayments<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeveralPayments").field("id", &self.id).finish_non_exhaustive()
    }
}

#[expect(clippy::missing_errors_doc, reason = "each fails as the type's own words say, and in no other way")]
impl Client {
    /// Pays one thing, whatever it answers.
    pub async fn pay_line(&self, payment: &LinePayment<'_>) -> Answer<Transfer> {
        let leg = self.leg(payment.payer, &payment.line).await?;
        self.post("/v1/transfers", &self.with_word(payment, payment.id, leg.as_slice())).await
    }

    /// Pays several things, all of them or none.
    pub async fn pay_several(&self, payment: &SeveralPayments<'_>) -> Answer<Transfer> {
        let mut legs = Vec::with_capacity(payment.payments.len());
        for line in payment.payments {
            legs.extend(self.leg(payment.payer, line).await?);
        }
        self.post("/v1/transfers", &self.with_word(payment, payment.id, &legs)).await
    }

    /// A page of the requests that were sent to this device's account, newest first.
    pub async fn incoming_requests(
        &self,
        limit: Option<u16>,
        before: Option<&Cursor>,
    ) -> Answer<RequestPage> {
        let limit = limit.map(|limit| format!("limit={limit}"));
        let before = before.map(|cursor| format!("before={}", cursor.as_str()));
        self.get(&format!("/v1/incoming-requests{}", query([limit, before]))).await
    }

    /// A request that was sent to this device's account.
    pub async fn incoming_request(&self, request: RequestName) -> Answer<PaymentRequest> {
        let RequestName { wallet, id } = request;
        self.get(&format!("/v1/incoming-requests/{wallet}/{id}")).await
    }

    /// What a line pays; none where it does not say how much, or can't be read: nothing is signed for then.
    pub(super) async fn leg(
        &self,
        payer: WalletId,
        line: &PaymentLine<'_>,
    ) -> Result<Option<Leg>, ClientError> {
        let said = line.amount.and_then(|amount| Amount::new(amount).ok());
        let (payee, terms, asked, currency, reference) = match line.ask {
            Ask::Barcode(text) => {
                let Some(barcode) = self.verified(text).await? else { return Ok(None) };
                let details = barcode.details();
                let currency = Some(details.currency.code());
                (details.payee, barcode.terms(), details.amount, currency, details.reference)
            }
            Ask::Request(RequestName { wallet, id }) => (wallet, terms_of(id), None, line.currency, None),
        };
        let leg = |amount, currency| Leg {
            payer,
            payee,
            amount,
            currency,
            purpose: Purpose::Payment(terms),
            reference,
        };
        // An amount that is none is sent as it is, and the server says so.
        let amount = if line.amount.is_some() { said } else { asked };
        Ok(amount.zip(currency).map(|(amount, currency)| leg(amount, currency)))
    }
}

/// The terms of a request of which only the id is known, which is all that a device signs of them.
pub(super) const fn terms_of(request: PaymentRequestId) -> Terms {
    Terms {
        request,
        amount: None,
        usage: Usage::OneTime,
        expires_at: None,
        till: None,
        kind: PaymentKind::Standard,
    }
}
