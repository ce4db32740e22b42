//! The receipt of a transfer as a party keeps it, and its proof without the server.
//!
//! A receipt has two parts. The journal's proves that the server recorded the transfer, at which place, and signed it. The
//! signer's key proves that the device which asked for the transfer signed what was asked: the device's id in the record is
//! made from its key, so no other key fits.

use data_encoding::BASE64URL_NOPAD;
use quittance_barcode::{BarcodeError, KeyId, ServerKeys, verify_device_signature};
use quittance_journal::{Head, Position, Receipt, ReceiptError};
use quittance_ledger::{Authority, DeviceKey, Event, KeyAlgorithm, Refusal, Timestamp, Transfer};
use serde::{Deserialize, Serialize};

/// A receipt: a document on its own. Nothing in it is to be believed before [`TransferReceipt::verify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferReceipt {
    /// What the journal proves.
    pub receipt: Receipt,
    /// The key of the device that asked; none where the operator did.
    pub signer: Option<SignerKey>,
}

/// A device's public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerKey {
    /// Of which kind.
    pub algorithm: KeyAlgorithm,
    /// Its bytes in base64url: 32 of Ed25519, 33 of P-256.
    pub public_key: String,
}

/// What a receipt has proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenTransfer {
    /// The transfer.
    pub transfer: Box<Transfer>,
    /// Why it moved nothing; none where it is settled.
    pub refusal: Option<Refusal>,
    /// When it was decided.
    pub at: Timestamp,
    /// Where in the journal it is.
    pub position: Position,
    /// The head under which it is.
    pub head: Head,
}

/// Why a receipt proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptFault {
    /// The journal's part does not hold.
    #[error(transparent)]
    Journal(#[from] ReceiptError),
    /// It is another server's.
    #[error("the receipt is of the server at {found}, and the keys are of the one at {expected}")]
    OtherServer {
        /// Whose it is.
        found: String,
        /// Whose keys were given.
        expected: String,
    },
    /// The record is of something else.
    #[error("the receipt proves a record that is no transfer")]
    NotATransfer,
    /// A device asked, and its key or its word is missing or another's.
    #[error("the device's signature does not prove the transfer: the receipt is forged or damaged")]
    Signer(#[source] Option<BarcodeError>),
}

impl SignerKey {
    pub(crate) fn new(key: &DeviceKey) -> Self {
        Self { algorithm: key.algorithm(), public_key: BASE64URL_NOPAD.encode(key.as_bytes()) }
    }

    fn key(&self) -> Option<DeviceKey> {
        let bytes = BASE64URL_NOPAD.decode(self.public_key.as_bytes()).ok()?;
        match self.algorithm {
            KeyAlgorithm::Ed25519 => bytes.try_into().ok().map(DeviceKey::ed25519),
            KeyAlgorithm::P256 => bytes.try_into().ok().map(DeviceKey::p256),
        }
    }
}

impl TransferReceipt {
    /// Checks every step, with the public keys of the server at `origin` and nothing else.
    ///
    /// # Errors
    /// The first step that does not hold.
    pub fn verify(&self, origin: &str, keys: &ServerKeys) -> Result<ProvenTransfer, ReceiptFault> {
        let proven = self
            .receipt
            .verify(|key, message, signature| keys.verify_head(KeyId::from_bytes(key), message, signature))?;
        if proven.origin != origin {
            return Err(ReceiptFault::OtherServer { found: proven.origin, expected: origin.to_owned() });
        }
        let (transfer, refusal) = match proven.record.event {
            Event::TransferSettled(transfer) => (transfer, None),
            Event::TransferRefused(transfer, refusal) => (transfer, Some(refusal)),
            _ => return Err(ReceiptFault::NotATransfer),
        };
        self.check_signer(&transfer, origin)?;
        let (at, position, head) = (proven.record.at, proven.position, proven.head);
        Ok(ProvenTransfer { transfer, refusal, at, position, head })
    }

    fn check_signer(&self, transfer: &Transfer, origin: &str) -> Result<(), ReceiptFault> {
        let Authority::Device { device, .. } = transfer.authority else { return Ok(()) };
        let key = self.signer.as_ref().and_then(SignerKey::key);
        let key = key.filter(|key| key.device_id() == device).ok_or(ReceiptFault::Signer(None))?;
        let signature = transfer.signature.as_ref().ok_or(ReceiptFault::Signer(None))?;
        verify_device_signature(&key, transfer.statement(origin).as_bytes(), &signature.0)
            .map_err(|error| ReceiptFault::Signer(Some(error)))
    }
}
