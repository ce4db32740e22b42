//! What a client makes up: keys, nonces, and ids that are ordered by time.

use data_encoding::HEXLOWER;
use quittance_barcode::DeviceSigner;
use quittance_ledger::{KeyAlgorithm, PaymentRequestId, TransferId};
use zeroize::Zeroizing;

use super::error::ClientError;
use super::instant::unix_millis;

/// What a device calls its key in the request that pairs it.
pub const NEW_DEVICE_KEY_ID: &str = "new-device";

/// When a request says it was signed, and what tells it from every other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970.
    pub created_secs: u64,
    /// The nonce.
    pub nonce: String,
}

impl Stamp {
    /// A stamp of now.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub fn now() -> Result<Self, ClientError> {
        Ok(Self { created_secs: unix_millis() / 1_000, nonce: new_nonce()? })
    }
}

/// A nonce that nobody used before.
///
/// # Errors
/// The machine has no randomness.
pub fn new_nonce() -> Result<String, ClientError> {
    random::<16>().map(|bytes| HEXLOWER.encode(&bytes))
}

/// A key for a new device.
///
/// # Errors
/// The machine has no randomness.
pub fn new_signer(algorithm: KeyAlgorithm) -> Result<DeviceSigner, ClientError> {
    let secret = Zeroizing::new(random()?);
    Ok(DeviceSigner::from_secret(algorithm, &secret)?)
}

/// An id for a new transfer.
///
/// # Errors
/// The machine has no randomness.
pub fn new_transfer_id() -> Result<TransferId, ClientError> {
    TransferId::from_bytes(time_ordered_bytes(unix_millis())?)
        .map_err(|error| ClientError::Request(error.to_string()))
}

/// An id for a new payment request.
///
/// # Errors
/// The machine has no randomness.
pub fn new_request_id() -> Result<PaymentRequestId, ClientError> {
    PaymentRequestId::from_bytes(time_ordered_bytes(unix_millis())?)
        .map_err(|error| ClientError::Request(error.to_string()))
}

/// The bytes of a UUID of version 7 (RFC 9562, section 5.7) that was made at `millis` since 1970.
///
/// # Errors
/// The machine has no randomness.
pub fn time_ordered_bytes(millis: u64) -> Result<[u8; 16], ClientError> {
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random()?).into_uuid().into_bytes())
}

fn random<const N: usize>() -> Result<[u8; N], ClientError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
