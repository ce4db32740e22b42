//! Seals: the server's, and a till's under a certificate of the server.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use quittance_ledger::{Currency, DeviceKey, KeyAlgorithm, Name, Timestamp, WalletId};

use crate::device_key::{DeviceSigner, check_device_key, strict_ed25519_key};
use crate::error::BarcodeError;
use crate::origin::Origin;
use crate::payload::{RequestDetails, push_currency, seconds};

/// What names a server's key in a barcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// The id of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0
    }

    fn of(key: &VerifyingKey) -> Self {
        let [a, b, c, d, ..] = *blake3::hash(key.as_bytes()).as_bytes();
        Self([a, b, c, d])
    }
}

/// What a signature of this crate is for, so that none can stand for another.
#[derive(Clone, Copy)]
pub(crate) enum Domain {
    Barcode,
    Certificate,
}

/// The bytes that are signed: the purpose, the origin, and then the rest.
pub(crate) fn message(domain: Domain, origin: &Origin, rest: &[u8]) -> Vec<u8> {
    let purpose: &[u8] = match domain {
        Domain::Barcode => b"quittance barcode 1\0",
        Domain::Certificate => b"quittance till certificate 1\0",
    };
    // An origin holds no zero byte, so it ends where it seems to.
    [purpose, origin.as_str().as_bytes(), &[0], rest].concat()
}

/// The bytes that are signed for a head of the journal: what the journal says of it begins with the origin. No other
/// purpose begins so.
fn head_message(head: &[u8]) -> Vec<u8> {
    [b"quittance journal head 1\0", head].concat()
}

/// The server's secret key for seals.
pub struct ServerKey(SigningKey);

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerKey({:?})", self.id())
    }
}

impl ServerKey {
    /// The key of these 32 secret bytes.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The public key, to be published.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// What names the key in barcodes.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.0.verifying_key())
    }

    /// Makes the text of a barcode that the server seals.
    ///
    /// # Errors
    /// A one-time request without an expiry, or an expiry that does not fit.
    pub fn seal(&self, details: &RequestDetails, origin: &Origin) -> Result<String, BarcodeError> {
        let mut payload = details.encode(self.id(), false)?;
        let seal = self.0.sign(&message(Domain::Barcode, origin, &payload)).to_bytes();
        payload.extend_from_slice(&seal);
        Ok(text(origin, &payload))
    }

    /// Signs a head of the journal, given as the journal spells it, with the server's origin. Neither a seal nor a
    /// certificate can be taken for this signature, or this for them.
    #[must_use]
    pub fn sign_head(&self, head: &[u8]) -> (KeyId, [u8; 64]) {
        (self.id(), self.0.sign(&head_message(head)).to_bytes())
    }

    /// Certifies that a device may ask for payments into a wallet, offline, until `expires_at`.
    ///
    /// # Errors
    /// The device's key is not usable, or the expiry does not fit.
    pub fn certify(
        &self,
        origin: &Origin,
        device: DeviceKey,
        payee: WalletId,
        currency: Currency,
        payee_name: Name,
        expires_at: Timestamp,
    ) -> Result<TillCertificate, BarcodeError> {
        check_device_key(&device)?;
        let expires_at = Timestamp::from_secs(expires_at.as_secs());
        let signed = certified(self.id(), &device, payee, &currency, &payee_name, expires_at)?;
        let signature = self.0.sign(&message(Domain::Certificate, origin, &signed)).to_bytes();
        let origin = origin.clone();
        Ok(TillCertificate {
            origin,
            key: self.id(),
            device,
            payee,
            currency,
            payee_name,
            expires_at,
            signature,
        })
    }
}

/// The server's published keys: the one in use and the ones before it, so that what they sealed still verifies.
#[derive(Clone, Debug, Default)]
pub struct ServerKeys(Vec<VerifyingKey>);

impl ServerKeys {
    /// The keys of these bytes.
    ///
    /// # Errors
    /// One of them is not a usable key.
    pub fn new(keys: &[[u8; 32]]) -> Result<Self, BarcodeError> {
        keys.iter().map(strict_ed25519_key).collect::<Result<_, _>>().map(Self)
    }

    /// What names each of them in barcodes.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.0.iter().map(KeyId::of)
    }

    /// Checks that the key of this id signed this head of the journal.
    ///
    /// # Errors
    /// The server has no such key, or the key did not.
    pub fn verify_head(&self, id: KeyId, head: &[u8], signature: &[u8; 64]) -> Result<(), BarcodeError> {
        match self.verify(id, &head_message(head), signature) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(BarcodeError::BadHeadSignature),
        }
    }

    /// Checks a signature of the key that is named so. Ids are short, so two keys may share one.
    pub(crate) fn verify(
        &self,
        id: KeyId,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<bool, BarcodeError> {
        let mut named = self.0.iter().filter(|key| KeyId::of(key) == id).peekable();
        if named.peek().is_none() {
            return Err(BarcodeError::UnknownKey);
        }
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        Ok(named.any(|key| key.verify_strict(message, &signature).is_ok()))
    }
}

/// What a till keeps to make barcodes without the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TillCertificate {
    pub(crate) origin: Origin,
    pub(crate) key: KeyId,
    pub(crate) device: DeviceKey,
    pub(crate) payee: WalletId,
    pub(crate) currency: Currency,
    pub(crate) payee_name: Name,
    pub(crate) expires_at: Timestamp,
    pub(crate) signature: [u8; 64],
}

impl TillCertificate {
    /// Makes the text of a barcode with the till's own key and no call to the server. The request's payee, currency and
    /// name must be the certificate's.
    ///
    /// # Errors
    /// The request or the signer is not what the certificate is for, or the request can't be a barcode.
    pub fn seal(&self, signer: &DeviceSigner, details: &RequestDetails) -> Result<String, BarcodeError> {
        if signer.public() != self.device {
            return Err(BarcodeError::BadRequest("the certificate is another device's"));
        }
        let is_certified = details.payee == self.payee
            && details.currency == self.currency
            && details.payee_name == self.payee_name;
        if !is_certified {
            return Err(BarcodeError::BadRequest("the certificate is for another wallet, currency or name"));
        }
        let mut payload = details.encode(self.key, true)?;
        payload.push(algorithm_number(self.device.algorithm()));
        payload.extend_from_slice(self.device.as_bytes());
        payload.extend_from_slice(&seconds(self.expires_at)?);
        payload.extend_from_slice(&self.signature);
        let seal = signer.sign(&message(Domain::Barcode, &self.origin, &payload));
        payload.extend_from_slice(&seal);
        Ok(text(&self.origin, &payload))
    }
}

pub(crate) const fn algorithm_number(algorithm: KeyAlgorithm) -> u8 {
    match algorithm {
        KeyAlgorithm::Ed25519 => 1,
        KeyAlgorithm::P256 => 2,
    }
}

/// What a certificate's signature covers, beside the origin.
pub(crate) fn certified(
    key: KeyId,
    device: &DeviceKey,
    payee: WalletId,
    currency: &Currency,
    payee_name: &Name,
    expires_at: Timestamp,
) -> Result<Vec<u8>, BarcodeError> {
    let mut bytes = key.to_bytes().to_vec();
    bytes.push(algorithm_number(device.algorithm()));
    bytes.extend_from_slice(device.as_bytes());
    bytes.extend_from_slice(&payee.to_bytes());
    bytes.extend_from_slice(&seconds(expires_at)?);
    bytes.push(u8::from(currency.code().is_private()));
    push_currency(&mut bytes, currency);
    bytes.extend_from_slice(payee_name.as_str().as_bytes());
    Ok(bytes)
}

fn text(origin: &Origin, payload: &[u8]) -> String {
    let mut text = origin.prefix();
    BASE32_NOPAD.encode_append(payload, &mut text);
    text
}
