//! The routes of the API, each a method.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use http::Method;
use hyper::body::Bytes;
use quittance_barcode::{DeviceSigner, Origin, ServerKeys, VerifiedBarcode};
use quittance_journal::{ConsistencyProof, SignedHead};
use quittance_ledger::{AccountId, CurrencyCode, DeviceId, PaymentRequestId, TransferId, WalletId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Client;
use super::error::ClientError;
use super::identity::NEW_DEVICE_KEY_ID;
use super::objects::{
    Account, AccountOpened, Currency, CurrencyList, Cursor, Decoded, DevicePaired, Health, Pairing,
    PaymentRequest, PublishedKeys, Snapshot, TillCertificateIssued, Transfer, TransferPage, Wallet,
    WalletList,
};
use super::request::{
    BarcodeLook, NewAccount, NewDevice, NewPaymentRequest, NewTillCertificate, NewWallet, Payment,
    UnitsMovement, query,
};
use super::transport::Body;

pub(super) type Answer<T> = Result<T, ClientError>;

/// Every method asks the server for one thing. What it refuses is [`ClientError::Problem`].
#[expect(clippy::missing_errors_doc, reason = "each fails as the type's own words say, and in no other way")]
impl Client {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        self.request(Method::GET, path, Body::empty()).await?.json()
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        self.request(Method::DELETE, path, Body::empty()).await?.json()
    }

    /// Makes a snapshot of the journal on the server's machine.
    pub async fn make_snapshot(&self) -> Answer<Snapshot> {
        self.request(Method::POST, "/v1/snapshots", Body::empty()).await?.json()
    }

    /// The journal's end, signed.
    pub async fn latest_head(&self) -> Answer<SignedHead> {
        self.get("/v1/heads/latest").await
    }

    /// What shows that a head of `from` blocks is the beginning of one of `to`.
    pub async fn consistency(&self, from: u64, to: u64) -> Answer<ConsistencyProof> {
        self.get(&format!("/v1/heads/consistency?from={from}&to={to}")).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answer<T> {
        self.request(Method::POST, path, Body::json(body)?).await?.json()
    }

    pub(super) async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answer<T> {
        self.request(Method::PUT, path, Body::json(body)?).await?.json()
    }

    /// Removes what leaves nothing to tell of.
    pub(super) async fn remove(&self, path: &str) -> Answer<()> {
        self.request(Method::DELETE, path, Body::empty()).await?.success().map(drop)
    }

    async fn post_nothing<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        self.request(Method::POST, path, Body::empty()).await?.json()
    }

    /// Opens an account.
    pub async fn open_account(&self, new: &NewAccount<'_>) -> Answer<AccountOpened> {
        self.post("/v1/accounts", new).await
    }

    /// An account.
    pub async fn account(&self, account: AccountId) -> Answer<Account> {
        self.get(&format!("/v1/accounts/{account}")).await
    }

    /// A code for one more device of an account.
    pub async fn issue_pairing_code(&self, account: AccountId) -> Answer<Pairing> {
        self.post_nothing(&format!("/v1/accounts/{account}/pairing-codes")).await
    }

    /// Forgets the wrong PINs of an account.
    pub async fn unlock(&self, account: AccountId) -> Answer<Account> {
        self.post_nothing(&format!("/v1/accounts/{account}/unlock")).await
    }

    /// Trusts a device no longer.
    pub async fn revoke_device(&self, account: AccountId, device: DeviceId) -> Answer<Account> {
        self.delete(&format!("/v1/accounts/{account}/devices/{device}")).await
    }

    /// Pairs a device: what comes back asks as that device from then on.
    pub async fn pair(
        &self,
        signer: impl Into<Arc<DeviceSigner>>,
        new: NewDevice<'_>,
    ) -> Answer<(Self, DevicePaired)> {
        let signer = signer.into();
        let public = signer.public();
        let body = json!({
            "code": new.code,
            "name": new.name,
            "algorithm": public.algorithm(),
            "public_key": BASE64URL_NOPAD.encode(public.as_bytes()),
            "pin": new.pin,
        });
        let unpaired = self.signing_as(Arc::clone(&signer), NEW_DEVICE_KEY_ID);
        let paired: DevicePaired = unpaired.post("/v1/devices", &body).await?;
        Ok((self.device(signer, paired.device), paired))
    }

    /// Registers a currency.
    pub async fn register_currency(&self, code: CurrencyCode, exponent: Option<u8>) -> Answer<Currency> {
        let body = exponent.map_or_else(
            || json!({ "code": code }),
            |exponent| json!({ "code": code, "exponent": exponent }),
        );
        self.post("/v1/currencies", &body).await
    }

    /// The currencies that are registered.
    pub async fn currencies(&self) -> Answer<Vec<Currency>> {
        self.get::<CurrencyList>("/v1/currencies").await.map(|list| list.currencies)
    }

    /// Opens a wallet.
    pub async fn open_wallet(&self, new: &NewWallet<'_>) -> Answer<Wallet> {
        self.post("/v1/wallets", new).await
    }

    /// The wallets of an account, which a device leaves out.
    pub async fn wallets(&self, account: Option<AccountId>) -> Answer<Vec<Wallet>> {
        let query = query([account.map(|account| format!("account={account}"))]);
        self.get::<WalletList>(&format!("/v1/wallets{query}")).await.map(|list| list.wallets)
    }

    /// A wallet.
    pub async fn wallet(&self, wallet: WalletId) -> Answer<Wallet> {
        self.get(&format!("/v1/wallets/{wallet}")).await
    }

    /// Closes an empty wallet.
    pub async fn close_wallet(&self, wallet: WalletId) -> Answer<Wallet> {
        self.delete(&format!("/v1/wallets/{wallet}")).await
    }

    /// Puts units into a wallet.
    pub async fn issue(&self, wallet: WalletId, movement: &UnitsMovement<'_>) -> Answer<Transfer> {
        self.post(&format!("/v1/wallets/{wallet}/issues"), movement).await
    }

    /// Takes units out of a wallet.
    pub async fn redeem(&self, wallet: WalletId, movement: &UnitsMovement<'_>) -> Answer<Transfer> {
        self.post(&format!("/v1/wallets/{wallet}/redemptions"), movement).await
    }

    /// A page of a wallet's history, newest first.
    pub async fn transfers(
        &self,
        wallet: WalletId,
        limit: Option<u16>,
        before: Option<&Cursor>,
    ) -> Answer<TransferPage> {
        let limit = limit.map(|limit| format!("limit={limit}"));
        let before = before.map(|cursor| format!("before={}", cursor.as_str()));
        self.get(&format!("/v1/wallets/{wallet}/transfers{}", query([limit, before]))).await
    }

    /// The whole history of a wallet, newest first, in pages of `limit`.
    pub async fn all_transfers(&self, wallet: WalletId, limit: u16) -> Answer<Vec<Transfer>> {
        let mut all = Vec::new();
        let mut before = None;
        loop {
            let page = self.transfers(wallet, Some(limit), before.as_ref()).await?;
            all.extend(page.transfers);
            let Some(next) = page.next else { return Ok(all) };
            before = Some(next);
        }
    }

    /// Asks for a payment into a wallet.
    pub async fn request_payment(
        &self,
        wallet: WalletId,
        new: &NewPaymentRequest<'_>,
    ) -> Answer<PaymentRequest> {
        self.post(&format!("/v1/wallets/{wallet}/payment-requests"), new).await
    }

    /// A payment request.
    pub async fn payment_request(
        &self,
        wallet: WalletId,
        request: PaymentRequestId,
    ) -> Answer<PaymentRequest> {
        self.get(&format!("/v1/wallets/{wallet}/payment-requests/{request}")).await
    }

    /// Withdraws a payment request.
    pub async fn cancel_request(
        &self,
        wallet: WalletId,
        request: PaymentRequestId,
    ) -> Answer<PaymentRequest> {
        self.delete(&format!("/v1/wallets/{wallet}/payment-requests/{request}")).await
    }

    /// The barcode of a payment request, drawn.
    pub async fn barcode(
        &self,
        wallet: WalletId,
        request: PaymentRequestId,
        look: BarcodeLook,
    ) -> Answer<Bytes> {
        let path = format!("/v1/wallets/{wallet}/payment-requests/{request}/barcode{}", look.query());
        Ok(self.request(Method::GET, &path, Body::empty()).await?.success()?.body)
    }

    /// A certificate with which a till makes barcodes offline. A device asks for its own, the operator for any.
    pub async fn certify_till(
        &self,
        wallet: WalletId,
        device: Option<DeviceId>,
        expires_at: Option<&str>,
    ) -> Answer<TillCertificateIssued> {
        let body = NewTillCertificate { device, expires_at };
        self.post(&format!("/v1/wallets/{wallet}/till-certificates"), &body).await
    }

    /// What the server says of a barcode's text.
    pub async fn decode_text(&self, text: &str) -> Answer<Decoded> {
        self.post("/v1/barcodes/decode", &json!({ "text": text })).await
    }

    /// What the server reads off a picture: `image/png` or `image/jpeg`.
    pub async fn decode_picture(
        &self,
        content_type: &'static str,
        picture: impl Into<Bytes>,
    ) -> Answer<Decoded> {
        let body = Body::raw(content_type, picture);
        self.request(Method::POST, "/v1/barcodes/decode", body).await?.json()
    }

    /// Pays what a barcode asks for. It is verified first, with the server's keys, which are fetched where they are not
    /// known: a device signs for nothing that it can't read.
    pub async fn pay(&self, payment: &Payment<'_>) -> Answer<Transfer> {
        self.request(Method::POST, "/v1/transfers", self.payment_body(payment).await?).await?.json()
    }

    /// The body of a payment of a barcode, with this device's word on it.
    pub async fn payment_body(&self, payment: &Payment<'_>) -> Answer<Body> {
        Body::json(&self.signed(payment).await?)
    }

    /// Pays what a barcode asks for that was verified already.
    pub async fn pay_verified(&self, payment: &Payment<'_>, barcode: &VerifiedBarcode) -> Answer<Transfer> {
        self.post("/v1/transfers", &self.signed_for(payment, Some(barcode))).await
    }

    /// A transfer.
    pub async fn transfer(&self, transfer: TransferId) -> Answer<Transfer> {
        self.get(&format!("/v1/transfers/{transfer}")).await
    }

    /// The server's keys for barcodes, as it publishes them.
    pub async fn keys(&self) -> Answer<PublishedKeys> {
        self.get("/v1/keys").await
    }

    /// What it takes to verify barcodes from then on without asking the server.
    pub async fn fetch_keys(&self) -> Answer<(Origin, ServerKeys)> {
        Ok(self.keys().await?.to_verify_with()?)
    }

    /// How the server is.
    pub async fn health(&self) -> Answer<Health> {
        self.get("/v1/health").await
    }
}
