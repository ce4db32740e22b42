//! Devices' keys: what a phone or till signs with, and how a signature of theirs is checked.

use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::Verifier as _;
use quittance_ledger::{DeviceKey, KeyAlgorithm};

use crate::error::BarcodeError;

/// A device's secret key.
pub enum DeviceSigner {
    /// Ed25519 (RFC 8032).
    Ed25519(Box<ed25519_dalek::SigningKey>),
    /// ECDSA over P-256 with SHA-256.
    P256(Box<p256::ecdsa::SigningKey>),
}

impl std::fmt::Debug for DeviceSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceSigner({:?})", self.public())
    }
}

impl DeviceSigner {
    /// A signer from 32 secret bytes.
    ///
    /// # Errors
    /// The bytes are no P-256 secret key. Any bytes are one of Ed25519.
    pub fn from_secret(algorithm: KeyAlgorithm, secret: &[u8; 32]) -> Result<Self, BarcodeError> {
        Ok(match algorithm {
            KeyAlgorithm::Ed25519 => Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(secret))),
            KeyAlgorithm::P256 => Self::P256(Box::new(
                p256::ecdsa::SigningKey::from_slice(secret).map_err(|_| BarcodeError::BadKey)?,
            )),
        })
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> DeviceKey {
        match self {
            Self::Ed25519(key) => DeviceKey::ed25519(key.verifying_key().to_bytes()),
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(true);
                let mut bytes = [0; 33];
                bytes.iter_mut().zip(point.as_bytes()).for_each(|(to, from)| *to = *from);
                DeviceKey::p256(bytes)
            }
        }
    }

    /// Signs a message. A P-256 signature is `r` and `s`, 32 bytes each, with the lower of the two possible `s`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        match self {
            Self::Ed25519(key) => key.sign(message).to_bytes(),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.normalize_s().to_bytes().into()
            }
        }
    }
}

/// Checks that a key's bytes are a point one can verify with.
///
/// # Errors
/// They are not, or are one of Ed25519's weak points, under which anything verifies.
pub fn check_device_key(key: &DeviceKey) -> Result<(), BarcodeError> {
    match key.algorithm() {
        KeyAlgorithm::Ed25519 => ed25519_key(key).map(|_| ()),
        KeyAlgorithm::P256 => p256_key(key).map(|_| ()),
    }
}

/// Checks a device's signature strictly: each message has one signature that passes, made by the key's holder.
///
/// # Errors
/// The key is not usable, or the signature does not fit.
pub fn verify_device_signature(
    key: &DeviceKey,
    message: &[u8],
    signature: &[u8; 64],
) -> Result<(), BarcodeError> {
    let broken = |_| BarcodeError::BadSignature;
    match key.algorithm() {
        KeyAlgorithm::Ed25519 => {
            let signature = ed25519_dalek::Signature::from_bytes(signature);
            ed25519_key(key)?.verify_strict(message, &signature).map_err(broken)
        }
        KeyAlgorithm::P256 => {
            let signature = p256::ecdsa::Signature::from_slice(signature).map_err(broken)?;
            if signature.normalize_s() != signature {
                return Err(BarcodeError::BadSignature);
            }
            p256_key(key)?.verify(message, &signature).map_err(broken)
        }
    }
}

/// Brings a P-256 signature into the one form that [`verify_device_signature`] takes, with the lower `s`. Keys in a
/// phone's hardware give either.
#[must_use]
pub fn lower_p256_signature(signature: &[u8; 64]) -> Option<[u8; 64]> {
    let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
    Some(signature.normalize_s().to_bytes().into())
}

fn ed25519_key(key: &DeviceKey) -> Result<ed25519_dalek::VerifyingKey, BarcodeError> {
    strict_ed25519_key(key.as_bytes().try_into().map_err(|_| BarcodeError::BadKey)?)
}

/// An Ed25519 key that is strong and in its one spelling. A point has others, which are read but never written; a key
/// that names something must have one.
pub(crate) fn strict_ed25519_key(bytes: &[u8; 32]) -> Result<ed25519_dalek::VerifyingKey, BarcodeError> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| BarcodeError::BadKey)?;
    let is_canonical = key.to_edwards().compress().as_bytes() == bytes;
    if key.is_weak() || !is_canonical { Err(BarcodeError::BadKey) } else { Ok(key) }
}

fn p256_key(key: &DeviceKey) -> Result<p256::ecdsa::VerifyingKey, BarcodeError> {
    // The library also reads a compact form, tagged 5, in the same 33 bytes: another second spelling.
    if !matches!(key.as_bytes(), [2 | 3, ..]) {
        return Err(BarcodeError::BadKey);
    }
    p256::ecdsa::VerifyingKey::from_sec1_bytes(key.as_bytes()).map_err(|_| BarcodeError::BadKey)
}
