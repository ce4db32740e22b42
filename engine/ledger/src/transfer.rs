//! Transfers: the two decisions, one at each wallet, that move units from a payer to a payee.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, DeviceId, TransferId, WalletId};
use crate::money::{Amount, CurrencyCode};
use crate::payment_request::Terms;
use crate::refusal::Refusal;
use crate::text::Reference;
use crate::time::Timestamp;
use crate::wallet::{Owner, Wallet};

/// Who said that the units shall move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authority {
    /// The operator of the server.
    Operator,
    /// A device of the payer's account, with the account's PIN.
    Device {
        /// The account the device is paired with.
        account: AccountId,
        /// The device.
        device: DeviceId,
    },
}

/// What a transfer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Units enter the system: the payer is an issuer wallet.
    Issue,
    /// Units leave the system: the payee is an issuer wallet.
    Redemption,
    /// A payment request is paid on these terms.
    Payment(Terms),
}

/// Units to be moved from one wallet to one other. Once settled it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The name that whoever asked gave it.
    pub id: TransferId,
    /// The wallet that pays.
    pub payer: WalletId,
    /// The wallet that is paid.
    pub payee: WalletId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: CurrencyCode,
    /// What for.
    pub purpose: Purpose,
    /// On whose word.
    pub authority: Authority,
    /// What ties it to the payee's books.
    pub reference: Option<Reference>,
}

/// A digest of what a transfer says, to tell a repeat from another transfer under the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

impl Transfer {
    /// The digest of all that makes this transfer what it is. Which device of the account sent it does not: a
    /// person may ask again from another phone.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.id.to_bytes());
        hasher.update(&self.payer.to_bytes());
        hasher.update(&self.payee.to_bytes());
        hasher.update(&self.amount.get().to_le_bytes());
        match &self.purpose {
            Purpose::Issue => hasher.update(&[1]),
            Purpose::Redemption => hasher.update(&[2]),
            Purpose::Payment(terms) => hasher.update(&[3]).update(&terms.request.to_bytes()),
        };
        match &self.authority {
            Authority::Operator => hasher.update(&[1]),
            Authority::Device { account, .. } => hasher.update(&[2]).update(&account.to_bytes()),
        };
        // Last, because these have no fixed length.
        hasher.update(self.currency.as_str().as_bytes()).update(&[0]);
        hasher.update(self.reference.as_ref().map_or("", Reference::as_str).as_bytes());
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        Fingerprint(digest)
    }
}

/// Decides the payer's leg. `payer` is the wallet that `transfer.payer` names, where there is one.
///
/// # Errors
/// The first rule in order of precedence that the debit breaks. Another account's wallet is as unknown as none.
pub fn decide_debit(payer: Option<&Wallet>, transfer: &Transfer) -> Result<(), Refusal> {
    if transfer.payer == transfer.payee {
        return Err(Refusal::SelfPayment);
    }
    let payer = payer.ok_or(Refusal::PayerUnknown)?;
    let is_authorised = match (transfer.purpose, transfer.authority, payer.owner()) {
        (Purpose::Issue, Authority::Operator, Owner::Issuer) => true,
        (Purpose::Redemption, Authority::Operator, Owner::Account(_)) => true,
        (Purpose::Payment(_), Authority::Device { account, .. }, Owner::Account(owner)) => account == owner,
        _ => false,
    };
    if !is_authorised {
        return Err(Refusal::PayerUnknown);
    }
    if !payer.is_open() {
        return Err(Refusal::PayerClosed);
    }
    if payer.currency() != transfer.currency {
        return Err(Refusal::PayerCurrencyDiffers);
    }
    if payer.spendable() < transfer.amount.signed() {
        return Err(Refusal::InsufficientFunds);
    }
    Ok(())
}

/// Decides the payee's leg. `payee` is the wallet that `transfer.payee` names, where there is one.
///
/// # Errors
/// The first rule in order of precedence that the credit breaks.
pub fn decide_credit(payee: Option<&Wallet>, transfer: &Transfer, now: Timestamp) -> Result<(), Refusal> {
    let payee = payee.ok_or(Refusal::PayeeUnknown)?;
    match (transfer.purpose, transfer.authority, payee.owner()) {
        (Purpose::Payment(_), Authority::Device { account, .. }, Owner::Account(owner))
            if account == owner =>
        {
            return Err(Refusal::SelfPayment);
        }
        (Purpose::Payment(_) | Purpose::Issue, _, Owner::Account(_))
        | (Purpose::Redemption, _, Owner::Issuer) => {}
        _ => return Err(Refusal::PayeeUnknown),
    }
    if !payee.is_open() {
        return Err(Refusal::PayeeClosed);
    }
    if payee.currency() != transfer.currency {
        return Err(Refusal::PayeeCurrencyDiffers);
    }
    if let Purpose::Payment(terms) = &transfer.purpose {
        payee.decide_payment(terms, transfer.amount, now)?;
    }
    if payee.room() < transfer.amount.signed() {
        return Err(Refusal::BalanceOverflow);
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test fails it")]
#[path = "transfer_tests.rs"]
pub(crate) mod tests;
