//! Accounts, and the codes by which devices pair with them.

use quittance_barcode::Rendering;
use quittance_engine::{Engine, IssuedPairingCode};
use quittance_ledger::{Account, AccountId, AccountKind, DeviceId, KeyAlgorithm, Name};
use serde::Serialize;

use super::Instant;
use crate::problem::Problem;

#[derive(Serialize)]
pub(crate) struct AccountView {
    id: AccountId,
    name: Name,
    kind: AccountKind,
    opened_at: Instant,
    devices: Vec<DeviceView>,
    pin: PinState,
    pin_attempts_left: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum PinState {
    Unset,
    Set,
    Locked,
}

#[derive(Serialize)]
pub(crate) struct DeviceView {
    id: DeviceId,
    name: Name,
    algorithm: KeyAlgorithm,
    paired_at: Instant,
    revoked_at: Option<Instant>,
}

impl AccountView {
    pub(crate) fn new(account: &Account) -> Self {
        let devices = account.devices().map(|(id, device)| DeviceView {
            id,
            name: device.name,
            algorithm: device.key.algorithm(),
            paired_at: Instant(device.paired_at),
            revoked_at: device.revoked_at.map(Instant),
        });
        Self {
            id: account.id,
            name: account.name,
            kind: account.kind,
            opened_at: Instant(account.opened_at),
            devices: devices.collect(),
            pin: match account.pin() {
                _ if account.is_pin_locked() => PinState::Locked,
                Some(_) => PinState::Set,
                None => PinState::Unset,
            },
            pin_attempts_left: account.pin_attempts_left(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct PairingView {
    code: String,
    expires_at: Instant,
    barcode: PairingBarcode,
}

#[derive(Serialize)]
struct PairingBarcode {
    text: String,
    svg: String,
}

impl PairingView {
    pub(crate) fn new(engine: &Engine, issued: IssuedPairingCode) -> Result<Self, Problem> {
        let text = format!("{}/PAIR/{}", engine.origin(), issued.code);
        let svg = Rendering::default().svg(&text)?;
        Ok(Self {
            code: issued.code,
            expires_at: Instant(issued.expires_at),
            barcode: PairingBarcode { text, svg },
        })
    }
}
