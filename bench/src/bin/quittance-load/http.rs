//! A running server, over HTTP: spoken to with the client that devices and operators have.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::Method;
use quittance_barcode::{DeviceSigner, Origin, SealedBarcode, ServerKeys};
use quittance_gateway::client::{
    self, Body, Client, ClientError, NewAccount, NewDevice, NewPaymentRequest, NewWallet, RefusalNote,
    TransferStatus, UnitsMovement, unix_millis,
};
use quittance_ledger::{AccountId, AccountKind, CurrencyCode, Timestamp, TransferId, Usage, WalletId};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::bare;
use crate::server::{Barcode, Failure, Journal, Order, Outcome, PIN, Payment, Server, TurnedAway};

/// The problem of a payer who has too little.
const TOO_LITTLE: &str = "insufficient-funds";

/// The problem of a request that found too much under way.
const OVERLOADED: &str = "overloaded";

/// How long to wait before what is no part of the load is asked for again.
const PAUSE_WHEN_BUSY: Duration = Duration::from_millis(20);

/// How many wallets of a batch are funded at a time.
const ISSUES_AT_ONCE: usize = 64;

/// A running server, as its operator and its devices speak to it.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    operator: Client,
    /// Where payments go: to the server too, or to what it is held against.
    paid_at: Client,
    /// What barcodes are verified with.
    keys: Arc<(Origin, ServerKeys)>,
    /// A transfer that was settled.
    settled: Arc<OnceLock<TransferId>>,
}

impl Http {
    /// A server of this public origin, with the operator's key.
    ///
    /// # Errors
    /// The server can't be reached, or publishes no keys.
    pub(crate) async fn new(url: &str, operator_key: &str) -> Result<Self, Failure> {
        let operator = Client::new(url).operator(operator_key);
        let keys = Arc::new(operator.fetch_keys().await?);
        Ok(Self { paid_at: operator.clone(), operator, keys, settled: Arc::default() })
    }

    /// The same, but that payments go to a bare handler, which gives the answer that this server gives of one of them.
    ///
    /// # Errors
    /// There was no payment, or the handler can't be started.
    pub(crate) async fn bare(&self) -> Result<Self, Failure> {
        let settled = self.settled.get().ok_or("--bare needs payments: add --op pay")?;
        let path = format!("/v1/transfers/{settled}");
        let answer = self.operator.request(Method::GET, &path, Body::empty()).await?.success()?;
        let address = bare::serve(answer.body)?;
        Ok(Self { paid_at: Client::new(&format!("http://{address}")), ..self.clone() })
    }
}

/// The body of a batch.
#[derive(Serialize)]
struct Batch {
    transfers: Vec<BatchOrder>,
}

#[derive(Serialize)]
struct BatchOrder {
    id: TransferId,
    payer: WalletId,
    payee: WalletId,
    amount: u64,
    currency: CurrencyCode,
}

/// The answer to a batch.
#[derive(Deserialize)]
struct BatchResults {
    results: Vec<BatchResult>,
}

#[derive(Deserialize)]
struct BatchResult {
    status: TransferStatus,
    refusal: Option<RefusalNote>,
}

impl Server for Http {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(unix_millis())
    }

    fn apart(&self) -> Self {
        Self { operator: self.operator.apart(), paid_at: self.paid_at.apart(), ..self.clone() }
    }

    async fn register_currency(&self, code: CurrencyCode) -> Result<WalletId, Failure> {
        Ok(self.operator.register_currency(code, None).await?.issuer_wallet)
    }

    async fn open_account(&self, id: AccountId, name: String) -> Result<String, Failure> {
        let new = NewAccount { id: Some(id), name: &name, kind: AccountKind::Business };
        Ok(self.operator.open_account(&new).await?.pairing.code)
    }

    async fn open_wallet(
        &self,
        account: AccountId,
        id: WalletId,
        currency: CurrencyCode,
    ) -> Result<(), Failure> {
        let new = NewWallet { id: Some(id), account: Some(account), currency, name: None };
        self.operator.open_wallet(&new).await?;
        Ok(())
    }

    async fn pair(&self, code: String, signer: Arc<DeviceSigner>) -> Result<(), Failure> {
        self.operator.pair(signer, NewDevice { code: &code, name: "phone", pin: PIN }).await?;
        Ok(())
    }

    async fn barcode(&self, wallet: WalletId, currency: CurrencyCode) -> Result<Barcode, Failure> {
        let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, currency) };
        let request = self.operator.request_payment(wallet, &new).await?;
        let text = request.barcode.text;
        let (origin, keys) = &*self.keys;
        let verified = SealedBarcode::parse(&text, origin)?.verify(keys)?;
        Ok(Barcode { text, verified })
    }

    async fn balance(&self, wallet: WalletId) -> Result<i64, Failure> {
        Ok(self.operator.wallet(wallet).await?.posted)
    }

    async fn journal(&self) -> Result<Journal, Failure> {
        loop {
            match self.operator.latest_head().await {
                Ok(head) => return Ok(Journal { blocks: head.head.blocks, syncs: None }),
                // The load asks for more than the server lets in, and this is part of what is turned away.
                Err(ClientError::Problem(problem)) if problem.slug() == OVERLOADED => {
                    sleep(PAUSE_WHEN_BUSY).await
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn move_batch(&self, orders: &[Order]) -> Result<Vec<Outcome>, Failure> {
        let order = |order: &Order| BatchOrder {
            id: order.id,
            payer: order.payer,
            payee: order.payee,
            amount: order.amount.get(),
            currency: order.currency,
        };
        let body = Body::json(&Batch { transfers: orders.iter().map(order).collect() })?;
        let answer = self.operator.request(Method::POST, "/v1/transfers/batch", body).await?;
        let BatchResults { results } = answer.json().map_err(failure)?;
        Ok(results.into_iter().map(BatchResult::outcome).collect())
    }

    async fn fund(&self, orders: &[Order]) -> Result<Vec<Outcome>, Failure> {
        stream::iter(orders.iter().copied())
            .map(|order| self.issue(order))
            .buffered(ISSUES_AT_ONCE)
            .try_collect()
            .await
    }

    async fn pay(&self, payment: Payment<'_>) -> Result<Outcome, Failure> {
        let Payment { id, payer, phone, barcode, amount } = payment;
        let device = self.paid_at.device(Arc::clone(&phone.signer), phone.device);
        let payment = client::Payment {
            id,
            payer,
            barcode: &barcode.text,
            amount: Some(amount.get()),
            currency: Some(barcode.verified.details().currency.code()),
            pin: PIN,
        };
        match device.pay_verified(&payment, &barcode.verified).await {
            Ok(transfer) => {
                if transfer.status == TransferStatus::Settled {
                    self.settled.get_or_init(|| id);
                }
                Ok(outcome(transfer.status, transfer.refusal))
            }
            // A refusal that is on record, as against a request that was turned away.
            Err(ClientError::Problem(problem)) if problem.transfer.is_some() => Ok(refused(problem.slug())),
            Err(error) => Err(failure(error)),
        }
    }
}

fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::Problem(problem) if problem.slug() == OVERLOADED => TurnedAway.into(),
        error => error.into(),
    }
}

impl Http {
    async fn issue(&self, order: Order) -> Result<Outcome, Failure> {
        let Order { id, payee, amount, currency, .. } = order;
        let movement = UnitsMovement { id, amount: amount.get(), currency, reference: None };
        let transfer = self.operator.issue(payee, &movement).await?;
        Ok(outcome(transfer.status, transfer.refusal))
    }
}

impl BatchResult {
    fn outcome(self) -> Outcome {
        outcome(self.status, self.refusal)
    }
}

fn outcome(status: TransferStatus, refusal: Option<RefusalNote>) -> Outcome {
    match (status, refusal) {
        (TransferStatus::Settled, _) => Outcome::Settled,
        (TransferStatus::Refused, refusal) => {
            let problem_type = refusal.map(|refusal| refusal.problem_type).unwrap_or_default();
            refused(problem_type.rsplit(':').next().unwrap_or_default())
        }
    }
}

fn refused(problem: &str) -> Outcome {
    if problem == TOO_LITTLE { Outcome::TooLittle } else { Outcome::Refused(problem.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_a_batch_are_read_as_they_are_written() {
        let json = r#"{"results":[
            {"id":"0197f8d0-0000-7000-8000-000000000001","status":"settled","position":7},
            {"id":"0197f8d0-0000-7000-8000-000000000002","status":"refused","position":8,
             "refusal":{"type":"urn:quittance:problem:insufficient-funds","title":"t","detail":"d"}},
            {"id":"0197f8d0-0000-7000-8000-000000000003","status":"refused","position":null,
             "refusal":{"type":"urn:quittance:problem:id-conflict","title":"t","detail":"d"}}]}"#;
        let BatchResults { results } = serde_json::from_str(json).unwrap();
        let outcomes: Vec<Outcome> = results.into_iter().map(BatchResult::outcome).collect();
        let conflict = Outcome::Refused("id-conflict".to_owned());
        assert_eq!(outcomes, [Outcome::Settled, Outcome::TooLittle, conflict]);
    }
}
