//! What the benches share: an engine on a store of its own, with parties that can pay each other.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pollster::block_on;
use quittance_barcode::DeviceSigner;
use quittance_engine::{
    Ask, Engine, EngineConfig, Keys, NewPaymentRequest, OperatorOrder, PairedDevice, PairingOrder, Party,
    PaymentLine, PaymentOrder,
};
use quittance_ledger::{
    AccountKind, Amount, Authority, Currency, CurrencyCode, KeyAlgorithm, Leg, Purpose, Signature, Timestamp,
    Transfer, TransferId, Usage, WalletId,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

pub mod naive;

/// Whatever keeps a bench from being set up.
pub type SetupError = Box<dyn Error + Send + Sync>;

const PIN: &str = "1234";

/// What each wallet is issued: enough for any number of payments of one minor unit.
const FUNDS: u64 = 1_000_000_000_000;

static IDS: AtomicU64 = AtomicU64::new(0);

/// A new transfer id, made at `now`.
///
/// # Errors
/// Never: the bytes are those of a time-ordered id.
pub fn transfer_id(now: Timestamp) -> Result<TransferId, SetupError> {
    let [_, _, a, b, c, d, e, f] = now.as_millis().to_be_bytes();
    let [_, g, h, i, j, k, l, m] = IDS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Ok(TransferId::from_bytes([a, b, c, d, e, f, 0x70, 0, 0x80, g, h, i, j, k, l, m])?)
}

/// An account with one device and one wallet.
#[derive(Debug)]
pub struct Holder {
    /// The device.
    pub device: PairedDevice,
    /// What it signs with.
    pub signer: DeviceSigner,
    /// The wallet, in EUR.
    pub wallet: WalletId,
}

/// An engine, and accounts on it that hold units.
#[derive(Debug)]
pub struct World {
    /// The engine.
    pub engine: Engine,
    /// The accounts, at least one.
    pub holders: Vec<Holder>,
    /// The currency of every wallet.
    pub currency: CurrencyCode,
    _folder: TempDir,
}

impl World {
    /// Starts an engine with so many accounts.
    ///
    /// # Errors
    /// The engine does not start or refuses something.
    pub fn new(accounts: usize) -> Result<Self, SetupError> {
        let folder = tempfile::tempdir()?;
        let config = EngineConfig::new(folder.path().join("store"), "http://127.0.0.1:7400".parse()?);
        let engine = Engine::start(config, Keys::load_or_create(&folder.path().join("keys"))?)?;
        let currency: CurrencyCode = "EUR".parse()?;
        block_on(engine.register_currency(Currency::new(currency, None)?))?;
        let mut holders = Vec::with_capacity(accounts);
        for number in 0..accounts {
            holders.push(block_on(open_holder(&engine, number, currency))?);
        }
        Ok(Self { engine, holders, currency, _folder: folder })
    }

    /// An order to issue one minor unit into the wallet of the holder of this number, counted round.
    ///
    /// # Errors
    /// There is no holder.
    pub fn issue_order(&self, number: usize) -> Result<OperatorOrder, SetupError> {
        let holder = self.holder(number)?;
        Ok(OperatorOrder {
            id: transfer_id(self.engine.now())?,
            wallet: holder.wallet,
            amount: Amount::new(1)?,
            currency: self.currency,
            reference: None,
        })
    }

    /// The text of a reusable barcode that asks for one minor unit to be paid to a holder.
    ///
    /// # Errors
    /// The engine refuses the request.
    pub fn barcode(&self, number: usize) -> Result<String, SetupError> {
        let holder = self.holder(number)?;
        let amount = Some(Amount::new(1)?);
        let new = NewPaymentRequest::plain(holder.wallet, amount, self.currency, Usage::Reusable, None);
        let request = block_on(self.engine.open_request(Party::Account(holder.device.account), new))?;
        Ok(self.engine.barcode_of(&request.request)?)
    }

    /// An order of a holder to pay a barcode.
    ///
    /// # Errors
    /// There is no holder.
    pub fn payment_order(&self, payer: usize, barcode: &str) -> Result<PaymentOrder, SetupError> {
        let holder = self.holder(payer)?;
        let id = transfer_id(self.engine.now())?;
        let opened = self.engine.open_barcode(barcode)?;
        let leg = Leg {
            payer: holder.wallet,
            payee: opened.details().payee,
            amount: Amount::new(1)?,
            currency: self.currency,
            purpose: Purpose::Payment(opened.terms()),
            reference: None,
        };
        let statement = Transfer::new(id, Authority::Operator, leg).statement(&self.engine.origin().url());
        let line = PaymentLine { ask: Ask::Barcode(barcode.to_owned()), amount: None, currency: None };
        Ok(PaymentOrder {
            id,
            payer: holder.wallet,
            lines: vec![line],
            hold_until: None,
            pin: PIN.parse()?,
            signature: Signature(holder.signer.sign(statement.as_bytes())),
        })
    }

    /// A holder, counted round.
    ///
    /// # Errors
    /// There is none.
    pub fn holder(&self, number: usize) -> Result<&Holder, SetupError> {
        let index = number.checked_rem(self.holders.len()).unwrap_or(0);
        self.holders.get(index).ok_or_else(|| "a world has at least one account".into())
    }
}

async fn open_holder(engine: &Engine, number: usize, currency: CurrencyCode) -> Result<Holder, SetupError> {
    let name = format!("Account {number}").parse()?;
    let (account, code) = engine.open_account(None, name, AccountKind::Business).await?;
    let mut secret = [1; 32];
    secret.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    let signer = DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &secret)?;
    let pairing =
        PairingOrder { code: code.code, key: signer.public(), name: "device".parse()?, pin: PIN.parse()? };
    let device = engine.pair_device(pairing).await?;
    let wallet = engine.open_wallet(account.id, None, currency, None).await?.id;
    let funds = OperatorOrder {
        id: transfer_id(engine.now())?,
        wallet,
        amount: Amount::new(FUNDS)?,
        currency,
        reference: None,
    };
    engine.issue(funds).await?;
    Ok(Holder { device, signer, wallet })
}

/// How many callers there are at once.
pub const CALLERS: usize = 1_000;

/// So many callers at once, each with one transfer at a time, until all are done.
pub fn run_callers<F>(runtime: &Runtime, transfers: u64, start: impl Fn(usize, u64) -> F) -> Duration
where
    F: Future<Output = Result<(), SetupError>> + 'static,
{
    runtime.block_on(tokio::task::LocalSet::new().run_until(async {
        let begun = Instant::now();
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let share = transfers.div_ceil(CALLERS as u64);
            callers.spawn_local(start(caller, share));
        }
        while let Some(ended) = callers.join_next().await {
            if let Ok(Err(error)) | Err(error) = ended.map_err(SetupError::from) {
                eprintln!("a transfer failed: {error}");
            }
        }
        begun.elapsed()
    }))
}
