//! Conversions: rates that market makers give, and quotes at them.
//!
//! A quote is a payment request that its market maker's wallet remembers: open to one account, for one payment, for a short
//! time. Paying it settles both halves, so a quote is used at most once and never after its end.

use quittance_ledger::{
    CurrencyCode, PaymentKind, PaymentRequestId, Quote, Rate, Refusal, RequestDetail, Terms, Usage,
};
use quittance_settlement::WalletCommand;

use super::{any_id, time_ordered_id};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::{Party, PaymentRequestState, QuoteAmount, QuoteOrder};

impl Engine {
    /// Sets at which rate a market maker converts. A repeat changes nothing.
    ///
    /// # Errors
    /// The rate can't be quoted at, or its wallets are not two of one account, of the two currencies.
    pub async fn set_rate(&self, rate: Rate) -> Result<(), EngineError> {
        if !rate.is_valid() {
            return Err(Refusal::RateInvalid.into());
        }
        let permit = self.admission.permit()?;
        self.directory.set_rate(rate.from, rate.to, Some(rate), permit)?.durable().await
    }

    /// Ends conversions from one currency to another. Quotes that were given can still be paid.
    ///
    /// # Errors
    /// The engine takes nothing in.
    pub async fn remove_rate(&self, from: CurrencyCode, to: CurrencyCode) -> Result<(), EngineError> {
        let permit = self.admission.permit()?;
        self.directory.set_rate(from, to, None, permit)?.durable().await
    }

    /// Every rate.
    ///
    /// # Errors
    /// The engine takes nothing in.
    pub async fn rates(&self) -> Result<Vec<Rate>, EngineError> {
        self.durably(self.directory.rates()).await
    }

    /// Quotes a conversion between two wallets of the party, at the rate in force. It is paid as a request that names it.
    ///
    /// # Errors
    /// A wallet is not the account's, there is no rate, or the amount converts to nothing.
    pub async fn quote(
        &self,
        account: quittance_ledger::AccountId,
        order: QuoteOrder,
    ) -> Result<PaymentRequestState, EngineError> {
        let party = Party::Account(account);
        let from = self.wallet(party, order.from).await?.currency;
        let to = self.wallet(party, order.to).await?.currency;
        let rate = self.durably(self.directory.rate(from, to)).await?.ok_or(Refusal::RateUnknown)?;
        let (taken, given) = match order.amount {
            QuoteAmount::Give(taken) => (Some(taken), rate.given_for(taken)),
            QuoteAmount::Get(given) => (rate.taken_for(given), Some(given)),
        };
        let (Some(taken), Some(given)) = (taken, given) else { return Err(Refusal::QuoteTooSmall.into()) };
        let now = self.clock.now();
        let id = any_id(PaymentRequestId::from_bytes(time_ordered_id(now)?));
        let terms = Terms {
            request: id,
            amount: Some(taken),
            usage: Usage::OneTime,
            expires_at: Some(now.plus_millis(rate.quote_lifetime_ms)),
            till: None,
            kind: PaymentKind::Conversion,
        };
        let mut request = quittance_ledger::PaymentRequest::plain(terms, rate.taker, from);
        request.payer = Some(account);
        let quote = Quote { source: rate.giver, target: order.to, amount: given, currency: to };
        request.detail = Some(Box::new(RequestDetail::Conversion(quote)));
        self.command(Party::Operator, rate.taker, WalletCommand::OpenRequest(Box::new(request))).await?;
        self.request(Party::Operator, rate.taker, id).await
    }
}
