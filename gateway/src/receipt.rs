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
    /// The operator asked, and a device's key is beside it, as if the device had.
    #[error(
        "the operator asked for the transfer, and the receipt has a device's key: it is forged or damaged"
    )]
    SignerOfNothing,
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
        check_signer(self.signer.as_ref(), &transfer, origin)?;
        let (at, position, head) = (proven.record.at, proven.position, proven.head);
        Ok(ProvenTransfer { transfer, refusal, at, position, head })
    }
}

fn check_signer(signer: Option<&SignerKey>, transfer: &Transfer, origin: &str) -> Result<(), ReceiptFault> {
    let device = match (transfer.authority, signer) {
        (Authority::Device { device, .. }, _) => device,
        (Authority::Operator, None) => return Ok(()),
        (Authority::Operator, Some(_)) => return Err(ReceiptFault::SignerOfNothing),
    };
    let key = signer.and_then(SignerKey::key);
    let key = key.filter(|key| key.device_id() == device).ok_or(ReceiptFault::Signer(None))?;
    let signature = transfer.signature.as_ref().ok_or(ReceiptFault::Signer(None))?;
    verify_device_signature(&key, transfer.statement(origin).as_bytes(), &signature.0)
        .map_err(|error| ReceiptFault::Signer(Some(error)))
}

#[cfg(test)]
mod tests {
    use quittance_barcode::DeviceSigner;
    use quittance_ledger::{AccountId, Amount, Leg, Purpose, Signature, WalletId};

    use super::*;

    const ORIGIN: &str = "http://pay.example.com";

    #[test]
    fn a_receipt_has_the_key_of_the_device_that_asked_and_no_other() {
        let signer = |seed| DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &[seed; 32]).unwrap();
        let (asked, other) = (signer(1), signer(2));
        let (own, foreign) = (SignerKey::new(&asked.public()), SignerKey::new(&other.public()));
        let wallet = |n| WalletId::from_bytes([n; 16]).unwrap();
        let leg = Leg {
            payer: wallet(1),
            payee: wallet(2),
            amount: Amount::new(5).unwrap(),
            currency: "EUR".parse().unwrap(),
            purpose: Purpose::Adjustment,
            reference: None,
        };
        let id = "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b".parse().unwrap();
        let account = AccountId::from_bytes([3; 16]).unwrap();
        let authority = Authority::Device { account, device: asked.public().device_id() };
        let mut signed = Transfer::new(id, authority, leg);
        let unsigned = signed.clone();
        let signature = asked.sign(signed.statement(ORIGIN).as_bytes());
        signed.signature = Some(Box::new(Signature(signature)));
        let by_operator = Transfer::new(id, Authority::Operator, leg);

        let check = |key: Option<&SignerKey>, transfer| check_signer(key, transfer, ORIGIN);
        assert!(check(Some(&own), &signed).is_ok());
        assert!(check(None, &by_operator).is_ok());
        assert!(matches!(check(Some(&own), &by_operator), Err(ReceiptFault::SignerOfNothing)));
        for (key, transfer) in [(None, &signed), (Some(&foreign), &signed), (Some(&own), &unsigned)] {
            assert!(matches!(check(key, transfer), Err(ReceiptFault::Signer(None))));
        }
        assert!(check_signer(Some(&own), &signed, "http://other.example.com").is_err());
    }
}
