//! Accounts, the devices paired with them, and the PIN that confirms what a device asks for.
//!
//! The secrets themselves never come here: a PIN or a pairing code is judged by whoever holds the key to its
//! verifier, and only the verdict is an argument.

use std::collections::BTreeMap;
use std::fmt;

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::id::{AccountId, DeviceId};
use crate::refusal::Refusal;
use crate::text::Name;
use crate::time::Timestamp;

/// How many wrong PINs in a row lock an account's PIN until the operator unlocks it.
pub const MAX_PIN_FAILURES: u8 = 5;

/// The most devices an account may have paired at one time, revoked ones not counted.
pub const MAX_DEVICES_PER_ACCOUNT: usize = 32;

/// The most devices an account may ever pair.
const MAX_DEVICES_EVER_PER_ACCOUNT: usize = 1_000;

/// What kind of party an account stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// A natural person.
    Person,
    /// A business, such as a shop with tills.
    Business,
}

/// The signature algorithm of a device's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over NIST P-256 with SHA-256, as phones' secure hardware offers.
    P256,
}

/// A device's public key: 32 bytes of Ed25519, or 33 of P-256 as a compressed point (SEC 1, section 2.3.3).
///
/// That the bytes are a usable point is checked where signatures are: here they only name the device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceKey {
    algorithm: KeyAlgorithm,
    bytes: ArrayVec<u8, 33>,
}

impl DeviceKey {
    /// An Ed25519 public key.
    #[must_use]
    pub fn ed25519(bytes: [u8; 32]) -> Self {
        Self { algorithm: KeyAlgorithm::Ed25519, bytes: bytes.into_iter().collect() }
    }

    /// A P-256 public key as a compressed point.
    #[must_use]
    pub fn p256(compressed_point: [u8; 33]) -> Self {
        Self { algorithm: KeyAlgorithm::P256, bytes: compressed_point.into() }
    }

    /// The algorithm the key is for.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The id of the device that holds this key: a digest of the key, so that nobody can claim another's id and
    /// a barcode that carries the key need not carry the id.
    #[must_use]
    pub fn device_id(&self) -> DeviceId {
        let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 device id");
        hasher.update(&[match self.algorithm {
            KeyAlgorithm::Ed25519 => 1,
            KeyAlgorithm::P256 => 2,
        }]);
        hasher.update(&self.bytes);
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        // Version 8 of RFC 9562, section 5.8, is for ids made in a way of one's own, such as this.
        DeviceId::from_uuid(uuid::Builder::from_custom_bytes(digest).into_uuid())
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({:?} of device {})", self.algorithm, self.device_id())
    }
}

/// What is kept of a secret (a PIN, a pairing code) to recognise it: a keyed hash, worthless without its key.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verifier([u8; 32]);

impl Verifier {
    /// A verifier from the keyed hash's bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The keyed hash's bytes, for a comparison in constant time.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// A code that lets one device pair with an account, once, for a short time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairingCode {
    /// What recognises the code.
    pub verifier: Verifier,
    /// From this instant on the code is refused.
    pub expires_at: Timestamp,
}

/// A phone or till that is paired with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// What its owner calls it.
    pub name: Name,
    /// The key it signs with.
    pub key: DeviceKey,
    /// When it was paired.
    pub paired_at: Timestamp,
    /// When it was revoked, if it was. A revoked device stays listed and is never trusted again.
    pub revoked_at: Option<Timestamp>,
}

/// What comes of an attempt at an account's PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinVerdict {
    /// Right, and nothing needs to be remembered.
    Right,
    /// Right, and earlier wrong attempts are forgiven: the event must be recorded.
    RightAfterFailures(Event),
    /// Wrong: the event must be recorded before the answer leaves.
    Wrong(Event),
    /// Not even looked at: too many wrong attempts came before.
    Locked,
}

/// An account as its events have made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account's id.
    pub id: AccountId,
    /// What it is called: what a payer reads before paying it.
    pub name: Name,
    /// Person or business.
    pub kind: AccountKind,
    /// When it was opened.
    pub opened_at: Timestamp,
    devices: BTreeMap<DeviceId, Device>,
    pairing: Option<PairingCode>,
    pin: Option<Verifier>,
    pin_failures: u8,
}

impl Account {
    /// The state of an account that [`Event::AccountOpened`] opens.
    #[must_use]
    pub const fn open(id: AccountId, name: Name, kind: AccountKind, opened_at: Timestamp) -> Self {
        Self {
            id,
            name,
            kind,
            opened_at,
            devices: BTreeMap::new(),
            pairing: None,
            pin: None,
            pin_failures: 0,
        }
    }

    /// The account that an opening event opens, recorded at `at`; none of any other event.
    #[must_use]
    pub const fn opened_by(at: Timestamp, event: &Event) -> Option<Self> {
        match event {
            Event::AccountOpened { account, name, kind } => Some(Self::open(*account, *name, *kind, at)),
            _ => None,
        }
    }

    /// Every device that was ever paired.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, &Device)> {
        self.devices.iter().map(|(id, device)| (*id, device))
    }

    /// A device that is paired and not revoked.
    ///
    /// # Errors
    /// The device was never paired with this account, or was revoked.
    pub fn trusted_device(&self, id: DeviceId) -> Result<&Device, Refusal> {
        let device = self.devices.get(&id).ok_or(Refusal::DeviceUnknown)?;
        if device.revoked_at.is_some() { Err(Refusal::DeviceRevoked) } else { Ok(device) }
    }

    /// What recognises the account's PIN, once a first device has set one.
    #[must_use]
    pub const fn pin(&self) -> Option<Verifier> {
        self.pin
    }

    /// Whether too many wrong PINs have locked it.
    #[must_use]
    pub const fn is_pin_locked(&self) -> bool {
        self.pin_failures >= MAX_PIN_FAILURES
    }

    /// How many more wrong PINs the account bears before its PIN locks.
    #[must_use]
    pub const fn pin_attempts_left(&self) -> u8 {
        MAX_PIN_FAILURES.saturating_sub(self.pin_failures)
    }

    /// What recognises the pairing code in force at `now`.
    ///
    /// # Errors
    /// No code was issued, it was used, or it expired.
    pub fn pairing_code(&self, now: Timestamp) -> Result<Verifier, Refusal> {
        let code = self.pairing.ok_or(Refusal::PairingCodeUnknown)?;
        if code.expires_at <= now { Err(Refusal::PairingCodeUnknown) } else { Ok(code.verifier) }
    }

    /// Judges an attempt at the PIN; `matches` says whether the attempt agrees with [`Account::pin`].
    #[must_use]
    pub const fn judge_pin(&self, matches: bool) -> PinVerdict {
        if self.is_pin_locked() {
            PinVerdict::Locked
        } else if !matches {
            PinVerdict::Wrong(Event::PinFailed { account: self.id })
        } else if self.pin_failures > 0 {
            PinVerdict::RightAfterFailures(Event::PinFailuresCleared { account: self.id })
        } else {
            PinVerdict::Right
        }
    }

    /// Decides the pairing of a device whose code and PIN were right. The first pairing sets the PIN.
    ///
    /// # Errors
    /// The key is paired already, or the account has [`MAX_DEVICES_PER_ACCOUNT`] devices.
    pub fn decide_pairing(
        &self,
        name: Name,
        key: DeviceKey,
        first_pin: Option<Verifier>,
    ) -> Result<Event, Refusal> {
        if self.devices.contains_key(&key.device_id()) {
            return Err(Refusal::DeviceAlreadyPaired);
        }
        let trusted = self.devices.values().filter(|device| device.revoked_at.is_none()).count();
        if trusted >= MAX_DEVICES_PER_ACCOUNT || self.devices.len() >= MAX_DEVICES_EVER_PER_ACCOUNT {
            return Err(Refusal::TooManyDevices);
        }
        assert_eq!(self.pin.is_none(), first_pin.is_some(), "the first pairing, and only it, sets the PIN");
        Ok(Event::DevicePaired { account: self.id, name, key, first_pin })
    }

    /// Decides that a device is trusted no longer.
    ///
    /// # Errors
    /// The device is not paired with this account, or is revoked already.
    pub fn decide_revocation(&self, device: DeviceId) -> Result<Event, Refusal> {
        self.trusted_device(device)?;
        Ok(Event::DeviceRevoked { account: self.id, device })
    }

    /// Changes the state by an event of this account, recorded at `at`. Events of others change nothing.
    pub fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::PairingCodeIssued { account, code } if *account == self.id => self.pairing = Some(*code),
            Event::DevicePaired { account, name, key, first_pin } if *account == self.id => {
                let device = Device { name: *name, key: key.clone(), paired_at: at, revoked_at: None };
                self.devices.insert(key.device_id(), device);
                self.pairing = None;
                if let Some(pin) = first_pin {
                    self.pin = Some(*pin);
                }
            }
            Event::DeviceRevoked { account, device } if *account == self.id => {
                if let Some(device) = self.devices.get_mut(device) {
                    device.revoked_at = Some(at);
                }
            }
            Event::PinFailed { account } if *account == self.id => {
                self.pin_failures = self.pin_failures.saturating_add(1);
                assert!(self.pin_failures <= MAX_PIN_FAILURES, "a locked PIN is not looked at");
            }
            Event::PinFailuresCleared { account } if *account == self.id => self.pin_failures = 0,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_000);

    fn account() -> Account {
        Account::open(
            AccountId::from_bytes([7; 16]).unwrap(),
            "Ada".parse().unwrap(),
            AccountKind::Person,
            AT,
        )
    }

    fn paired(key: &DeviceKey) -> Account {
        let mut account = account();
        let event =
            account.decide_pairing("phone".parse().unwrap(), key.clone(), Some(Verifier([1; 32]))).unwrap();
        account.apply(AT, &event);
        account
    }

    #[test]
    fn five_wrong_pins_lock_until_cleared() {
        let mut account = paired(&DeviceKey::ed25519([1; 32]));
        for left in (0..MAX_PIN_FAILURES).rev() {
            let PinVerdict::Wrong(event) = account.judge_pin(false) else { panic!("not wrong") };
            account.apply(AT, &event);
            assert_eq!(account.pin_attempts_left(), left);
        }
        assert_eq!(account.judge_pin(true), PinVerdict::Locked);
        account.apply(AT, &Event::PinFailuresCleared { account: account.id });
        assert_eq!(account.judge_pin(true), PinVerdict::Right);
    }

    #[test]
    fn a_right_pin_forgives_the_wrong_ones_before() {
        let mut account = paired(&DeviceKey::ed25519([1; 32]));
        let PinVerdict::Wrong(event) = account.judge_pin(false) else { panic!("not wrong") };
        account.apply(AT, &event);
        let PinVerdict::RightAfterFailures(event) = account.judge_pin(true) else {
            panic!("nothing to forgive")
        };
        account.apply(AT, &event);
        assert_eq!(account.pin_attempts_left(), MAX_PIN_FAILURES);
    }

    #[test]
    fn a_pairing_code_is_good_once_and_for_a_while() {
        let mut account = account();
        assert_eq!(account.pairing_code(AT), Err(Refusal::PairingCodeUnknown));
        let code = PairingCode { verifier: Verifier([9; 32]), expires_at: AT.plus_millis(10) };
        account.apply(AT, &Event::PairingCodeIssued { account: account.id, code });
        assert_eq!(account.pairing_code(AT.plus_millis(9)), Ok(code.verifier));
        assert_eq!(account.pairing_code(AT.plus_millis(10)), Err(Refusal::PairingCodeUnknown));
        let pairing = account
            .decide_pairing("a".parse().unwrap(), DeviceKey::ed25519([2; 32]), Some(Verifier([1; 32])))
            .unwrap();
        account.apply(AT, &pairing);
        assert_eq!(account.pairing_code(AT), Err(Refusal::PairingCodeUnknown));
    }

    #[test]
    fn a_revoked_device_never_comes_back() {
        let key = DeviceKey::p256([3; 33]);
        let mut account = paired(&key);
        assert!(account.trusted_device(key.device_id()).is_ok());
        let event = account.decide_revocation(key.device_id()).unwrap();
        account.apply(AT, &event);
        assert_eq!(account.trusted_device(key.device_id()), Err(Refusal::DeviceRevoked));
        assert_eq!(account.decide_revocation(key.device_id()), Err(Refusal::DeviceRevoked));
        assert_eq!(
            account.decide_pairing("again".parse().unwrap(), key, None),
            Err(Refusal::DeviceAlreadyPaired)
        );
    }

    #[test]
    fn a_device_is_named_by_its_key() {
        let a = DeviceKey::ed25519([1; 32]).device_id();
        assert_eq!(a, DeviceKey::ed25519([1; 32]).device_id());
        assert_ne!(a, DeviceKey::ed25519([2; 32]).device_id());
        assert_eq!(a.to_string().as_bytes()[14], b'8');
    }
}
