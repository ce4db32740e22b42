//! An engine in this process.

use std::path::Path;
use std::sync::Arc;

use quittance_barcode::DeviceSigner;
use quittance_engine::{
    Ask, Engine, EngineConfig, EngineError, Keys, MoveOrder, Moved, NewPaymentRequest, PairingOrder, Party,
    PaymentLine, PaymentOrder, TransferRecord,
};
use quittance_ledger::{
    AccountId, AccountKind, Authority, Currency, CurrencyCode, Leg, Purpose, Refusal, Signature, Timestamp,
    Transfer, Usage, WalletId,
};

use crate::server::{Barcode, Failure, Journal, Order, Outcome, PIN, Payment, Phone, Server};

/// The origin that the engine's barcodes carry.
const ORIGIN: &str = "http://127.0.0.1:7400";

/// An engine in this process.
#[derive(Clone, Debug)]
pub(crate) struct InProcess(Arc<Engine>);

impl InProcess {
    /// Starts an engine on a store, with its keys beside it, that lets in at least `in_flight` transfers at a time.
    ///
    /// # Errors
    /// The keys can't be read or made, or the engine does not start.
    pub(crate) fn start(store: &Path, keys: &Path, shards: usize, in_flight: usize) -> Result<Self, Failure> {
        let usual = EngineConfig::new(store.to_owned(), ORIGIN.parse()?);
        let config = EngineConfig { shards, max_in_flight: usual.max_in_flight.max(in_flight), ..usual };
        Ok(Self(Arc::new(Engine::start(config, Keys::load_or_create(keys)?)?)))
    }

    /// Finishes what was let in and ends the engine. Blocks until that is done.
    pub(crate) fn shut_down(self) {
        self.0.shutdown();
    }
}

impl Server for InProcess {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn apart(&self) -> Self {
        self.clone()
    }

    async fn register_currency(&self, code: CurrencyCode) -> Result<WalletId, Failure> {
        Ok(self.0.register_currency(Currency::new(code, None)?).await?)
    }

    async fn open_account(&self, id: AccountId, name: String) -> Result<String, Failure> {
        let (_, code) = self.0.open_account(Some(id), name.parse()?, AccountKind::Business).await?;
        Ok(code.code)
    }

    async fn open_wallet(
        &self,
        account: AccountId,
        id: WalletId,
        currency: CurrencyCode,
    ) -> Result<(), Failure> {
        self.0.open_wallet(account, Some(id), currency, None).await?;
        Ok(())
    }

    async fn pair(&self, code: String, signer: Arc<DeviceSigner>) -> Result<(), Failure> {
        let pairing = PairingOrder { code, key: signer.public(), name: "phone".parse()?, pin: PIN.parse()? };
        self.0.pair_device(pairing).await?;
        Ok(())
    }

    async fn barcode(&self, wallet: WalletId, currency: CurrencyCode) -> Result<Barcode, Failure> {
        let new = NewPaymentRequest::plain(wallet, None, currency, Usage::Reusable, None);
        let request = self.0.open_request(Party::Operator, new).await?;
        let text = self.0.barcode_of(&request.request)?;
        let verified = self.0.open_barcode(&text)?;
        Ok(Barcode { text, verified })
    }

    async fn balance(&self, wallet: WalletId) -> Result<i64, Failure> {
        Ok(self.0.wallet(Party::Operator, wallet).await?.posted)
    }

    async fn journal(&self) -> Result<Journal, Failure> {
        Ok(Journal { blocks: self.0.signed_head().head.blocks, syncs: Some(self.0.journal_syncs()) })
    }

    async fn move_batch(&self, orders: &[Order]) -> Result<Vec<Outcome>, Failure> {
        let orders: Vec<_> = orders.iter().map(move_order).collect();
        self.0.move_batch(&orders).await?.into_iter().map(outcome_of_move).collect()
    }

    async fn fund(&self, orders: &[Order]) -> Result<Vec<Outcome>, Failure> {
        self.move_batch(orders).await
    }

    async fn pay(&self, payment: Payment<'_>) -> Result<Outcome, Failure> {
        let Payment { id, payer, phone, barcode, amount } = payment;
        let details = barcode.verified.details();
        let currency = details.currency.code();
        let leg = Leg {
            payer,
            payee: details.payee,
            amount,
            currency,
            purpose: Purpose::Payment(barcode.verified.terms()),
            reference: None,
        };
        let order = PaymentOrder {
            id,
            payer,
            lines: vec![PaymentLine {
                ask: Ask::Barcode(barcode.text.clone()),
                amount: Some(amount),
                currency: Some(currency),
            }],
            hold_until: None,
            pin: PIN.parse()?,
            signature: self.word(phone, &Transfer::new(id, Authority::Operator, leg)),
        };
        let device = self.0.paired_device(phone.device)?;
        outcome(self.0.pay(&device, order).await)
    }
}

impl InProcess {
    /// A device's signature of what it pays.
    fn word(&self, phone: &Phone, transfer: &Transfer) -> Signature {
        Signature(phone.signer.sign(transfer.statement(&self.0.origin().url()).as_bytes()))
    }
}

const fn move_order(order: &Order) -> MoveOrder {
    let Order { id, payer, payee, amount, currency } = *order;
    MoveOrder { id, payer, payee, amount, currency, reference: None }
}

fn outcome_of_move(answer: Result<Moved, EngineError>) -> Result<Outcome, Failure> {
    Ok(match answer {
        Ok(moved) => moved.refusal.map_or(Outcome::Settled, refused),
        Err(EngineError::Refused(refusal)) => refused(refusal),
        Err(error) => return Err(error.into()),
    })
}

fn outcome(answer: Result<TransferRecord, EngineError>) -> Result<Outcome, Failure> {
    Ok(match answer {
        Ok(record) => record.refusal.map_or(Outcome::Settled, refused),
        Err(EngineError::Refused(refusal)) => refused(refusal),
        Err(error) => return Err(error.into()),
    })
}

fn refused(refusal: Refusal) -> Outcome {
    match refusal {
        Refusal::InsufficientFunds => Outcome::TooLittle,
        other => Outcome::Refused(other.to_string()),
    }
}
