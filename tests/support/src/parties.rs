//! Accounts with a device and a wallet, and what they do with each other.

use std::time::Duration;

use quittance_gateway::client::{
    Client, ClientError, EventStream, NewAccount, NewDevice, NewPaymentRequest, NewWallet, Notice, Payment,
    PaymentRequest, Transfer, UnitsMovement, Wallet, new_signer, new_transfer_id, unix_millis,
};
use quittance_ledger::{
    AccountId, AccountKind, CurrencyCode, DeviceId, KeyAlgorithm, Timestamp, TransferId, WalletId,
};

/// How long anything may take to come about.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Somebody with an account, a device and a wallet in euros.
#[derive(Clone, Debug)]
pub struct Party {
    /// A client that asks as the device.
    pub client: Client,
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// The wallet.
    pub wallet: WalletId,
    /// What the account is called.
    pub name: &'static str,
    /// The account's PIN.
    pub pin: &'static str,
}

/// EUR.
#[must_use]
pub fn euro() -> CurrencyCode {
    "EUR".parse().unwrap()
}

/// Registers EUR.
pub async fn register(operator: &Client) {
    operator.register_currency(euro(), None).await.unwrap();
}

/// Opens a person's account, pairs its device and opens its wallet.
pub async fn join(operator: &Client, name: &'static str, algorithm: KeyAlgorithm) -> Party {
    join_as(operator, name, AccountKind::Person, algorithm).await
}

/// Opens an account, pairs its device and opens its wallet.
pub async fn join_as(
    operator: &Client,
    name: &'static str,
    kind: AccountKind,
    algorithm: KeyAlgorithm,
) -> Party {
    let new = NewAccount { id: None, name, kind };
    let opened = operator.open_account(&new).await.unwrap();
    let pin = "2580";
    let device = NewDevice { code: &opened.pairing.code, name: "a device", pin };
    // Each party has connections of its own, as if it were on a machine of its own.
    let client = Client::new(operator.origin());
    let (client, paired) = client.pair(new_signer(algorithm).unwrap(), device).await.unwrap();
    assert_eq!(paired.account, opened.account.id);
    let new = NewWallet { id: None, account: None, currency: euro(), name: None };
    let wallet = client.open_wallet(&new).await.unwrap().id;
    Party { client, account: paired.account, device: paired.device, wallet, name, pin }
}

/// Puts units into a wallet.
pub async fn fund(operator: &Client, wallet: WalletId, amount: u64) -> Transfer {
    let id = new_transfer_id().unwrap();
    let movement = UnitsMovement { id, amount, currency: euro(), reference: None };
    operator.issue(wallet, &movement).await.unwrap()
}

/// Asks for a payment.
pub async fn ask(payee: &Party, new: &NewPaymentRequest<'_>) -> PaymentRequest {
    payee.client.request_payment(payee.wallet, new).await.unwrap()
}

/// A new payment of a barcode, with the right PIN.
#[must_use]
pub fn payment<'a>(payer: &'a Party, barcode: &'a str) -> Payment<'a> {
    let id = new_transfer_id().unwrap();
    Payment { id, payer: payer.wallet, barcode, amount: None, currency: None, pin: payer.pin }
}

/// Pays a barcode.
///
/// # Errors
/// The server refuses, or there is no answer.
pub async fn pay(payer: &Party, barcode: &str) -> Result<Transfer, ClientError> {
    payer.client.pay(&payment(payer, barcode)).await
}

/// What a party's wallet holds.
pub async fn posted(party: &Party) -> i64 {
    party.client.wallet(party.wallet).await.unwrap().posted
}

/// Every wallet of these accounts, as the operator sees them.
pub async fn accounts_wallets(operator: &Client, accounts: &[AccountId]) -> Vec<Wallet> {
    let mut wallets = Vec::new();
    for account in accounts {
        wallets.extend(operator.wallets(Some(*account)).await.unwrap());
    }
    wallets
}

/// The notice of a transfer; those before it are passed over.
pub async fn next_notice(stream: &mut EventStream, transfer: TransferId) -> Notice {
    let waited = tokio::time::timeout(MAX_WAIT, async {
        loop {
            let notice = stream.next().await.unwrap().unwrap();
            if notice.notification.transfer.id == transfer {
                return notice;
            }
        }
    });
    waited.await.unwrap_or_else(|_| panic!("no notice of {transfer} came within {MAX_WAIT:?}"))
}

/// Waits until something is so.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(MAX_WAIT, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("it did not come about within {MAX_WAIT:?} that {what}"));
}

/// The instant so many seconds from now.
#[must_use]
pub fn soon(seconds: u64) -> Timestamp {
    Timestamp::from_millis(unix_millis()).plus_millis(seconds * 1_000)
}
