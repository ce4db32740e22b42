//! Accounts and their devices.

use quittance_barcode::check_device_key;
use quittance_ledger::{Account, AccountId, AccountKind, DeviceId, Name, Refusal};

use super::{any_id, random_id};
use crate::directory::PinCheck;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::keys::{fill_by_chance, pairing_alphabet};
use crate::order::{IssuedPairingCode, PairedDevice, PairingOrder};
use crate::pin::Pin;

/// How much chance is in a pairing code: 16 characters of 5 bits.
const PAIRING_CODE_BYTES: usize = 10;

impl Engine {
    /// Opens an account and issues a code by which its first device pairs. A repeat with the same id, name and kind
    /// answers with the same account, and with a new code in the place of the earlier one.
    ///
    /// # Errors
    /// The id is another account's, or the engine takes nothing in.
    pub async fn open_account(
        &self,
        id: Option<AccountId>,
        name: Name,
        kind: AccountKind,
    ) -> Result<(Account, IssuedPairingCode), EngineError> {
        let id = match id {
            Some(id) => id,
            None => any_id(AccountId::from_bytes(random_id()?)),
        };
        let permit = self.admission.permit()?;
        self.directory.open_account(id, name, kind, permit)?.durable().await?;
        let code = self.issue_pairing_code(id).await?;
        Ok((self.account(id).await?, code))
    }

    /// Issues a code by which one device pairs, in the place of any before it.
    ///
    /// # Errors
    /// There is no such account, or the engine takes nothing in.
    pub async fn issue_pairing_code(&self, account: AccountId) -> Result<IssuedPairingCode, EngineError> {
        let mut secret = [0; PAIRING_CODE_BYTES];
        fill_by_chance(&mut secret).map_err(EngineError::Random)?;
        let code = pairing_alphabet().encode(&secret);
        let verifier = self.keys.code_verifier(&code);
        let permit = self.admission.permit()?;
        let lifetime_ms = self.config.pairing_code_lifetime_ms;
        let (expires_at, waiting) = self.directory.issue_code(account, verifier, lifetime_ms, permit)?;
        waiting.durable().await?;
        Ok(IssuedPairingCode { code, expires_at })
    }

    /// An account.
    ///
    /// # Errors
    /// There is no such account.
    pub async fn account(&self, account: AccountId) -> Result<Account, EngineError> {
        Ok(self.durably(self.directory.account(account)).await??)
    }

    /// Forgets an account's wrong PINs, which unlocks it.
    ///
    /// # Errors
    /// There is no such account, or the engine takes nothing in.
    pub async fn unlock_pin(&self, account: AccountId) -> Result<Account, EngineError> {
        let permit = self.admission.permit()?;
        self.directory.unlock(account, permit)?.durable().await?;
        self.account(account).await
    }

    /// Pairs a device. A repeat by a device that is paired already answers as the first time.
    ///
    /// # Errors
    /// The key is not usable or was paired before, the code is not in force, the PIN is wrong or locked, or the account
    /// has as many devices as it may have.
    pub async fn pair_device(&self, order: PairingOrder) -> Result<PairedDevice, EngineError> {
        check_device_key(&order.key)?;
        let device = order.key.device_id();
        let code = self.keys.code_verifier(&canonical_code(&order.code));
        match self.directory.paired_device(device) {
            // The code of a pairing that is done is used up. One that is in force is for something else.
            Ok(_) if self.directory.account_of_code(&code).is_ok() => {
                return Err(Refusal::DeviceAlreadyPaired.into());
            }
            Ok(paired) => {
                let (done, waiting) = self.pending()?;
                self.directory.wait(done)?;
                waiting.durable().await?;
                return Ok(paired);
            }
            Err(Refusal::DeviceRevoked) => return Err(Refusal::DeviceAlreadyPaired.into()),
            Err(_) => {}
        }
        let account = self.directory.account_of_code(&code)?;
        if self.directory.has_pin(account)? {
            self.check_pin(account, &order.pin).await?;
        }
        let pin = self.keys.pin_verifier(account, &order.pin);
        let key = order.key.clone();
        let permit = self.admission.permit()?;
        let (account, waiting) = self.directory.pair_device(&code, order.name, key, pin, permit)?;
        waiting.durable().await?;
        Ok(PairedDevice { account, device, key: order.key })
    }

    /// Trusts a device no longer, from now on. A repeat changes nothing.
    ///
    /// # Errors
    /// There is no such account, or no such device on it.
    pub async fn revoke_device(&self, account: AccountId, device: DeviceId) -> Result<Account, EngineError> {
        let permit = self.admission.permit()?;
        self.directory.revoke_device(account, device, permit)?.durable().await?;
        self.account(account).await
    }

    /// A device that is paired and not revoked.
    ///
    /// # Errors
    /// It was never paired, or was revoked.
    pub fn paired_device(&self, device: DeviceId) -> Result<PairedDevice, Refusal> {
        self.directory.paired_device(device)
    }

    /// Judges a PIN. A wrong one is counted, durably, before this returns.
    pub(super) async fn check_pin(&self, account: AccountId, pin: &Pin) -> Result<(), EngineError> {
        let attempt = self.keys.pin_verifier(account, pin);
        match self.directory.judge_pin(account, &attempt, self.admission.permit()?)? {
            PinCheck::Right => Ok(()),
            PinCheck::Wrong { attempts_left, counted } => {
                counted.durable().await?;
                Err(EngineError::PinWrong { attempts_left })
            }
        }
    }
}

/// A pairing code as it was issued, from one that a person typed: small letters, spaces and hyphens do no harm, and
/// letters that look like a digit are that digit.
fn canonical_code(typed: &str) -> String {
    let canonical = |c: char| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    typed.chars().filter(|c| !matches!(c, ' ' | '-')).map(canonical).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        assert_eq!(canonical_code("oil0-ab c1"), "0110ABC1");
        let code = pairing_alphabet().encode(&[0xA5; PAIRING_CODE_BYTES]);
        assert_eq!(code.len(), 16);
        assert_eq!(canonical_code(&code.to_lowercase()), code);
    }
}
