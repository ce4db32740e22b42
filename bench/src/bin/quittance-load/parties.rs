//! Who takes part: wallets, the phones that pay out of them, and the barcodes that they are paid by; and setting all of
//! these up, many at a time.
//!
//! All ids and keys follow from the seed, so that a store which was set up before is used as it is.

use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use quittance_barcode::DeviceSigner;
use quittance_engine::MAX_BATCH;
use quittance_ledger::{AccountId, Amount, CurrencyCode, KeyAlgorithm, WalletId};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::ids::transfer_id;
use crate::server::{Barcode, Failure, Order, Outcome, Phone, Server};

/// What each wallet is issued, in minor units: enough for any load, and little enough for ten million wallets.
const FUNDS: u64 = 100_000_000_000;

/// The currency of every wallet.
const CURRENCY: &str = "EUR";

/// How many batches of fundings are under way at a time.
const FUNDINGS_AT_ONCE: usize = 4;

/// What is to be set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) wallets: usize,
    pub(crate) wallets_per_account: usize,
    /// How many wallets have barcodes; none where nothing is paid by barcode.
    pub(crate) payees: Option<usize>,
    pub(crate) seed: u64,
    /// How many callers set up at a time.
    pub(crate) callers: usize,
}

/// Who takes part.
#[derive(Debug)]
pub(crate) struct Parties {
    pub(crate) currency: CurrencyCode,
    pub(crate) wallets: Vec<WalletId>,
    /// One for each account; empty where nothing is paid by barcode.
    phones: Vec<Phone>,
    pub(crate) wallets_per_account: usize,
    /// One for each of the first wallets; empty where nothing is paid by barcode.
    pub(crate) barcodes: Vec<Barcode>,
}

impl Parties {
    /// The phone of a wallet's account.
    pub(crate) fn phone(&self, wallet: usize) -> Option<&Phone> {
        self.phones.get(wallet / self.wallets_per_account)
    }
}

/// What a seed makes several of.
#[derive(Clone, Copy)]
enum Made {
    Account = 1,
    Wallet = 2,
    Key = 3,
}

impl Plan {
    const fn accounts(&self) -> usize {
        self.wallets.div_ceil(self.wallets_per_account)
    }

    fn random<const N: usize>(&self, made: Made, number: usize) -> [u8; N] {
        let mut seed = [0; 32];
        let parts = [self.seed, made as u64, number as u64].map(u64::to_le_bytes);
        seed.iter_mut().zip(parts.as_flattened()).for_each(|(to, from)| *to = *from);
        SmallRng::from_seed(seed).random()
    }

    fn uuid(&self, made: Made, number: usize) -> [u8; 16] {
        uuid::Builder::from_random_bytes(self.random(made, number)).into_uuid().into_bytes()
    }

    fn account(&self, number: usize) -> Result<AccountId, Failure> {
        Ok(AccountId::from_bytes(self.uuid(Made::Account, number))?)
    }

    fn phone(&self, number: usize) -> Result<Phone, Failure> {
        let signer = DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &self.random(Made::Key, number))?;
        Ok(Phone { device: signer.public().device_id(), signer: Arc::new(signer) })
    }

    /// What all wallets hold together, in minor units.
    fn issued(&self) -> i64 {
        i64::try_from(FUNDS.saturating_mul(self.wallets as u64)).unwrap_or(i64::MAX)
    }
}

/// Sets up what is not there, and gives who takes part; and whether it was there already.
///
/// # Errors
/// The server holds other units than an earlier set-up by this plan would have left, or refuses something.
pub(crate) async fn set_up<S: Server>(server: &S, plan: &Plan) -> Result<(Parties, bool), Failure> {
    let currency: CurrencyCode = CURRENCY.parse()?;
    let issuer = server.register_currency(currency).await?;
    let wallets = (0..plan.wallets)
        .map(|number| Ok(WalletId::from_bytes(plan.uuid(Made::Wallet, number))?))
        .collect::<Result<Vec<_>, Failure>>()?;
    let phones = match plan.payees {
        Some(_) => {
            (0..plan.accounts()).map(|number| plan.phone(number)).collect::<Result<Vec<_>, Failure>>()?
        }
        None => Vec::new(),
    };
    let in_circulation = server.balance(issuer).await?.saturating_neg();
    let is_found = in_circulation == plan.issued();
    if !is_found {
        if in_circulation != 0 {
            return Err(format!(
                "there are {in_circulation} minor units of {currency} in circulation, but a set-up like this leaves {}: \
                 take an empty store, or the settings of the run that set this one up",
                plan.issued()
            )
            .into());
        }
        let begun = Instant::now();
        let tell = |what: &str| eprintln!("{what} after {:.1} s", begun.elapsed().as_secs_f64());
        open_accounts(server, plan, &phones).await?;
        tell("accounts are open");
        open_wallets(server, plan, &wallets, currency).await?;
        tell("wallets are open");
        fund(server, plan, issuer, &wallets, currency).await?;
        tell("wallets are funded");
    }
    let barcodes = barcodes(server, plan, &wallets, currency).await?;
    let wallets_per_account = plan.wallets_per_account;
    Ok((Parties { currency, wallets, phones, wallets_per_account, barcodes }, is_found))
}

async fn open_accounts<S: Server>(server: &S, plan: &Plan, phones: &[Phone]) -> Result<(), Failure> {
    let open = async |number: usize| {
        let code = server.open_account(plan.account(number)?, format!("Account {number}")).await?;
        if let Some(phone) = phones.get(number) {
            server.pair(code, Arc::clone(&phone.signer)).await?;
        }
        Ok(())
    };
    stream::iter(0..plan.accounts())
        .map(open)
        .buffer_unordered(plan.callers)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await
}

async fn open_wallets<S: Server>(
    server: &S,
    plan: &Plan,
    wallets: &[WalletId],
    currency: CurrencyCode,
) -> Result<(), Failure> {
    let open = async |(number, wallet): (usize, &WalletId)| {
        let account = plan.account(number / plan.wallets_per_account)?;
        server.open_wallet(account, *wallet, currency).await
    };
    stream::iter(wallets.iter().enumerate())
        .map(open)
        .buffer_unordered(plan.callers)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await
}

async fn fund<S: Server>(
    server: &S,
    plan: &Plan,
    issuer: WalletId,
    wallets: &[WalletId],
    currency: CurrencyCode,
) -> Result<(), Failure> {
    let amount = Amount::new(FUNDS)?;
    let fund = async |(number, wallets): (usize, &[WalletId])| {
        let mut rng = SmallRng::seed_from_u64(plan.seed.wrapping_add(number as u64));
        let mut order = |payee: &WalletId| {
            let id = transfer_id(server.now(), &mut rng)?;
            Ok(Order { id, payer: issuer, payee: *payee, amount, currency })
        };
        let orders = wallets.iter().map(&mut order).collect::<Result<Vec<_>, Failure>>()?;
        let outcomes = server.fund(&orders).await?;
        match outcomes.iter().find(|outcome| **outcome != Outcome::Settled) {
            Some(outcome) => Err(format!("a wallet was not funded: {outcome:?}").into()),
            None => Ok(()),
        }
    };
    stream::iter(wallets.chunks(MAX_BATCH).enumerate())
        .map(fund)
        .buffer_unordered(FUNDINGS_AT_ONCE)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await
}

async fn barcodes<S: Server>(
    server: &S,
    plan: &Plan,
    wallets: &[WalletId],
    currency: CurrencyCode,
) -> Result<Vec<Barcode>, Failure> {
    stream::iter(wallets.iter().take(plan.payees.unwrap_or(0)))
        .map(|wallet| server.barcode(*wallet, currency))
        .buffered(plan.callers)
        .try_collect()
        .await
}
