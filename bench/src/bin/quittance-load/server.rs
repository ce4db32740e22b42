//! What a server is to the load: the few things that are asked of one, however it is reached.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use quittance_barcode::{DeviceSigner, VerifiedBarcode};
use quittance_ledger::{AccountId, Amount, CurrencyCode, DeviceId, Timestamp, TransferId, WalletId};

/// Whatever ends a run of the load generator, or leaves a request without an answer.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The PIN of every account.
pub(crate) const PIN: &str = "2580";

/// More was asked than the server lets in: it did nothing, and nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("turned away: more was asked than the server lets in")]
pub(crate) struct TurnedAway;

/// Units are to move from one wallet to another on the operator's word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) id: TransferId,
    pub(crate) payer: WalletId,
    pub(crate) payee: WalletId,
    pub(crate) amount: Amount,
    pub(crate) currency: CurrencyCode,
}

/// A device that pays.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) device: DeviceId,
    pub(crate) signer: Arc<DeviceSigner>,
}

/// A barcode that leaves the amount open and can be paid any number of times, as its payer has verified it.
#[derive(Clone, Debug)]
pub(crate) struct Barcode {
    pub(crate) text: String,
    pub(crate) verified: VerifiedBarcode,
}

/// A barcode is to be paid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payment<'a> {
    pub(crate) id: TransferId,
    pub(crate) payer: WalletId,
    pub(crate) phone: &'a Phone,
    pub(crate) barcode: &'a Barcode,
    pub(crate) amount: Amount,
}

/// What came of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Units moved.
    Settled,
    /// The payer has too little.
    TooLittle,
    /// Another rule says no, in words.
    Refused(String),
}

/// How far a journal has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Journal {
    pub(crate) blocks: u64,
    /// How often it was made durable; none where nobody tells.
    pub(crate) syncs: Option<u64>,
}

/// A server, or an engine without one. Clones share a connection.
pub(crate) trait Server: Clone + Send + Sync + 'static {
    /// The time that new ids hold.
    fn now(&self) -> Timestamp;

    /// The same server over a connection of its own.
    fn apart(&self) -> Self;

    /// Registers a currency, and gives the wallet that its units come from.
    fn register_currency(&self, code: CurrencyCode)
    -> impl Future<Output = Result<WalletId, Failure>> + Send;

    /// Opens an account, and gives the code that pairs its first device.
    fn open_account(
        &self,
        id: AccountId,
        name: String,
    ) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Opens a wallet.
    fn open_wallet(
        &self,
        account: AccountId,
        id: WalletId,
        currency: CurrencyCode,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Pairs a device.
    fn pair(
        &self,
        code: String,
        signer: Arc<DeviceSigner>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Asks for a payment, and gives the barcode.
    fn barcode(
        &self,
        wallet: WalletId,
        currency: CurrencyCode,
    ) -> impl Future<Output = Result<Barcode, Failure>> + Send;

    /// What a wallet holds, in minor units.
    fn balance(&self, wallet: WalletId) -> impl Future<Output = Result<i64, Failure>> + Send;

    /// How far the journal has come.
    fn journal(&self) -> impl Future<Output = Result<Journal, Failure>> + Send;

    /// Moves units as each order says, each for itself, in one request; answers in the order of the orders.
    fn move_batch(&self, orders: &[Order]) -> impl Future<Output = Result<Vec<Outcome>, Failure>> + Send;

    /// Moves units as each order says out of the wallet that they come from, however many requests that takes.
    fn fund(&self, orders: &[Order]) -> impl Future<Output = Result<Vec<Outcome>, Failure>> + Send;

    /// Pays a barcode.
    fn pay(&self, payment: Payment<'_>) -> impl Future<Output = Result<Outcome, Failure>> + Send;
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phone").field("device", &self.device).finish_non_exhaustive()
    }
}
