//! Devices.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use data_encoding::BASE64URL_NOPAD;
use http::StatusCode;
use quittance_barcode::check_device_key;
use quittance_engine::{PairingOrder, Pin};
use quittance_ledger::{AccountId, DeviceId, DeviceKey, KeyAlgorithm, Name};
use serde::{Deserialize, Serialize};

use super::{Answer, Created, created};
use crate::app::App;
use crate::auth::{Asked, NEW_DEVICE, Presented, check_signature, no_query};
use crate::body::{MAX_JSON_BYTES, read_body};
use crate::problem::Problem;
use crate::strict::{PathIds, pin, read_json};
use crate::turns::Party;
use crate::view::AccountView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDevice {
    code: String,
    name: Name,
    algorithm: KeyAlgorithm,
    public_key: String,
    #[serde(deserialize_with = "pin")]
    pin: Pin,
}

#[derive(Serialize)]
pub(super) struct Paired {
    account: AccountId,
    device: DeviceId,
}

/// Pairs a device, which is let in by the key it brings.
pub(super) async fn pair(State(app): State<Arc<App>>, request: Request) -> Answer<Created<Paired>> {
    let (parts, body) = request.into_parts();
    let signature = match Presented::read(&parts.headers)? {
        Presented::Signature(signature) if signature.key_id() == NEW_DEVICE => signature,
        Presented::Signature(_) | Presented::Token(_) => return Err(not_new()),
    };
    no_query(&parts.uri)?;
    let body = read_body(body, MAX_JSON_BYTES, app.settings.body_timeout).await?;
    let new: NewDevice = read_json(&parts.headers, &body, &[])?;
    let key = device_key(new.algorithm, &new.public_key)?;
    let _turn = app.turns.take(Party::Strangers).await?;
    // Anyone can make a key, so a nonce is not kept: a repeat is answered as the first was, and pairs nothing.
    check_signature(&app, &parts, &signature, &key)?;
    signature.check_body(&body)?;
    let order = PairingOrder { code: new.code, key, name: new.name, pin: new.pin };
    let paired = app.engine.pair_device(order).await?;
    Ok(created(Paired { account: paired.account, device: paired.device }))
}

fn device_key(algorithm: KeyAlgorithm, text: &str) -> Result<DeviceKey, Problem> {
    let invalid = |why| Problem::field_invalid("/public_key".to_owned(), why);
    let bytes = BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| invalid("not base64url: write it in RFC 4648's URL-safe alphabet, without padding"))?;
    let key = match algorithm {
        KeyAlgorithm::Ed25519 => bytes.try_into().ok().map(DeviceKey::ed25519),
        KeyAlgorithm::P256 => bytes.try_into().ok().map(DeviceKey::p256),
    };
    let key = key.ok_or_else(|| {
        invalid("of the wrong length: send 32 bytes of Ed25519, or 33 of a compressed P-256 point")
    })?;
    check_device_key(&key)?;
    Ok(key)
}

fn not_new() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "new-device-needed",
        "Only a new device may",
        "the request is not signed with a new device's key",
        "sign with the key that is to be paired, under the keyid new-device",
    )
    .at("signature-input")
}

pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<Json<AccountView>> {
    asked.nothing()?;
    let (account, device) = (ids.get("account")?, ids.get("device")?);
    asked.caller.may_see(account)?;
    let account = app.engine.revoke_device(account, device).await?;
    app.revocations.send_replace(());
    Ok(Json(AccountView::new(&account)))
}

#[cfg(test)]
mod tests {
    use quittance_barcode::DeviceSigner;

    use super::*;

    #[test]
    fn a_key_is_read_in_its_one_spelling() {
        for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::P256] {
            let key = DeviceSigner::from_secret(algorithm, &[7; 32]).unwrap().public();
            let text = BASE64URL_NOPAD.encode(key.as_bytes());
            assert_eq!(device_key(algorithm, &text).unwrap(), key);
            for bad in [format!("{text}="), text[1..].to_owned(), String::new(), "+".repeat(43)] {
                let problem = device_key(algorithm, &bad).unwrap_err();
                assert_eq!(problem.field(), Some("/public_key"), "{bad}");
            }
        }
        assert_eq!(
            device_key(KeyAlgorithm::Ed25519, &"A".repeat(43)).unwrap_err().slug(),
            "public-key-invalid"
        );
    }
}
