//! Certificates with which tills make barcodes offline.

use std::sync::Arc;

use axum::extract::State;
use quittance_engine::EngineError;
use quittance_ledger::{DeviceId, Refusal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::{Asked, Caller};
use crate::problem::Problem;
use crate::strict::{PathIds, optional_instant};
use crate::view::Instant;

const HOUR_MS: u64 = 3_600 * 1_000;
/// How long a certificate lasts where nobody says.
const LIFETIME_MS: u64 = 24 * HOUR_MS;
/// How long a certificate may last: that of a stolen till can't be taken back from phones that are offline too.
const MAX_LIFETIME_MS: u64 = 31 * 24 * HOUR_MS;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCertificate {
    device: Option<DeviceId>,
    #[serde(default, deserialize_with = "optional_instant")]
    expires_at: Option<Timestamp>,
}

#[derive(Serialize)]
pub(super) struct Certificate {
    certificate: String,
    device: DeviceId,
    expires_at: Instant,
}

pub(super) async fn issue(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Created<Certificate>> {
    let wallet = ids.get("wallet")?;
    let new: NewCertificate = asked.json()?;
    let device = match (&asked.caller, new.device) {
        (_, Some(device)) => device,
        (Caller::Device(own), None) => own.device,
        (Caller::Operator, None) => return Err(Problem::field_missing("/device".to_owned())),
    };
    let expires_at = lifetime(new.expires_at, app.engine.now())?;
    let certificate = app
        .engine
        .certify_till(asked.caller.party(), wallet, device, expires_at)
        .await
        .map_err(certificate_problem)?;
    let text = certificate.to_text()?;
    Ok(created(Certificate { certificate: text, device, expires_at: Instant(expires_at) }))
}

/// The certificate's end. Certificates count whole seconds.
fn lifetime(given: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Problem> {
    let expires_at = Timestamp::from_secs(given.unwrap_or(now.plus_millis(LIFETIME_MS)).as_secs());
    let is_good = expires_at > now && expires_at <= now.plus_millis(MAX_LIFETIME_MS);
    if is_good {
        return Ok(expires_at);
    }
    let why = "past or too far away: give an instant at most 31 days ahead";
    Err(Problem::field_invalid("/expires_at".to_owned(), why))
}

/// The device is named in the body here.
fn certificate_problem(error: EngineError) -> Problem {
    let is_of_the_device =
        matches!(error, EngineError::Refused(Refusal::DeviceUnknown | Refusal::DeviceRevoked));
    let problem = Problem::from(error);
    if is_of_the_device { problem.at("/device") } else { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_lasts_a_day_and_at_most_31() {
        let now = Timestamp::from_millis(1_000_500);
        assert_eq!(lifetime(None, now).unwrap(), Timestamp::from_secs(1_000 + 24 * 3_600));
        assert!(lifetime(Some(now), now).is_err());
        assert!(lifetime(Some(now.plus_millis(MAX_LIFETIME_MS)), now).is_ok());
        assert!(lifetime(Some(now.plus_millis(MAX_LIFETIME_MS + 1_000)), now).is_err());
    }
}
