//! Devices, by the signatures of their requests.

use http::StatusCode;
use http::request::Parts;
use quittance_barcode::verify_device_signature;
use quittance_engine::PairedDevice;
use quittance_ledger::{DeviceId, DeviceKey, Refusal};

use super::http_signature::PresentedSignature;
use super::nonces::{MAX_AGE_SECS, MAX_AHEAD_SECS, NonceError};
use crate::app::App;
use crate::problem::Problem;

/// The key id of a device that is not paired yet.
pub(crate) const NEW_DEVICE: &str = "new-device";

const KEY_ID_FIELD: &str = "signature-input";

/// The device that a signature says it is from.
pub(super) fn named_device(app: &App, signature: &PresentedSignature) -> Result<PairedDevice, Problem> {
    let unknown =
        || Problem::from(Refusal::DeviceUnknown).with_status(StatusCode::UNAUTHORIZED).at(KEY_ID_FIELD);
    let id: DeviceId = signature.key_id().parse().map_err(|_| unknown())?;
    app.engine.paired_device(id).map_err(|refusal| match refusal {
        Refusal::DeviceUnknown => unknown(),
        other => Problem::from(other).with_status(StatusCode::FORBIDDEN).at(KEY_ID_FIELD),
    })
}

/// Checks that the head of a request was signed with this key, and lately. Says what time it is taken to be.
pub(crate) fn check_signature(
    app: &App,
    request: &Parts,
    signature: &PresentedSignature,
    key: &DeviceKey,
) -> Result<u64, Problem> {
    let now_secs = app.engine.now().as_secs();
    signature.check_fresh(now_secs, MAX_AGE_SECS, MAX_AHEAD_SECS)?;
    let target_uri = app.target_uri(&request.uri);
    signature.verify(&request.method, &target_uri, key.algorithm(), |base, signature| {
        verify_device_signature(key, base, signature).is_ok()
    })?;
    Ok(now_secs)
}

/// Checks that the head of a request was signed with this key, lately, and is not a repeat of one seen before.
pub(super) fn check_device_request(
    app: &App,
    request: &Parts,
    signature: &PresentedSignature,
    key: &DeviceKey,
) -> Result<(), Problem> {
    let now_secs = check_signature(app, request, signature, key)?;
    // Last: else anyone could use up a device's nonces.
    app.nonces
        .take(key.device_id(), signature.nonce(), signature.created_secs(), now_secs)
        .map_err(nonce_problem)
}

fn nonce_problem(error: NonceError) -> Problem {
    match error {
        NonceError::Used => Problem::new(
            StatusCode::UNAUTHORIZED,
            "nonce-used",
            "The nonce was used before",
            "the device has sent a request with this nonce before",
            "sign again with a new random nonce, also to repeat a request",
        )
        .at(KEY_ID_FIELD),
        NonceError::Stale => Problem::new(
            StatusCode::UNAUTHORIZED,
            "signature-stale",
            "The signature is too old",
            "the signature was made before the server started",
            "set the clock right and sign again",
        )
        .at(KEY_ID_FIELD),
        NonceError::Unwritten => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "nonce-not-kept",
            "The nonce can't be kept",
            "the server can't write down that the nonce was used, and does nothing without that",
            "sign again with a new nonce after the seconds in retry-after; the operator finds more in the log",
        )
        .retry_after_secs(5),
        NonceError::Full => Problem::overloaded("too many signed requests came within the last minute"),
    }
}
