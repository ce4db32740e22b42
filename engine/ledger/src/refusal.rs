//! Refusals: what a rule says no to. Not errors (a machine failed) and not panics (a bug).

use serde::{Deserialize, Serialize};

/// Why a command moved nothing. In order of precedence: where several apply, the first is given.
///
/// The numbers are part of the journal's format: they are never changed or used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[repr(u8)]
pub enum Refusal {
    // Who asks.
    /// No such account.
    #[error("the account is not known")]
    AccountUnknown = 1,
    /// The id names an account that was opened with other details.
    #[error("the account id is taken by another account")]
    AccountIdTaken = 2,
    /// No pairing code in force has this text.
    #[error("the pairing code is not known, was used, or has expired")]
    PairingCodeUnknown = 3,
    /// The key is paired already, or was and is revoked.
    #[error("the device's key is or was paired already")]
    DeviceAlreadyPaired = 4,
    /// The account has as many devices as it may have.
    #[error("the account has as many devices as it may have")]
    TooManyDevices = 5,
    /// No such device on the account.
    #[error("the device is not known")]
    DeviceUnknown = 6,
    /// The device was revoked.
    #[error("the device was revoked")]
    DeviceRevoked = 7,
    /// Too many wrong PINs.
    #[error("the PIN is locked after too many wrong attempts")]
    PinLocked = 8,
    /// The PIN is wrong.
    #[error("the PIN is wrong")]
    PinWrong = 9,

    // What it is named.
    /// The id was made before the window in which ids are remembered.
    #[error("the transfer id is older than the window in which ids are remembered")]
    IdTooOld = 20,
    /// The id claims to be made in the future.
    #[error("the transfer id was made in the future")]
    IdAhead = 21,
    /// The id names another transfer.
    #[error("the transfer id was used for another transfer")]
    IdConflict = 22,

    // Currencies and wallets.
    /// The currency was not registered.
    #[error("the currency is not registered")]
    CurrencyUnknown = 30,
    /// The currency is registered with another exponent.
    #[error("the currency is registered with another exponent")]
    CurrencyDiffers = 31,
    /// The account has as many wallets as it may have.
    #[error("the account has as many wallets as it may have")]
    TooManyWallets = 32,
    /// The wallet id names a wallet that was opened with other details.
    #[error("the wallet id is taken by another wallet")]
    WalletIdTaken = 33,
    /// A wallet that is to be closed still holds units, or units are on their way.
    #[error("the wallet still holds units")]
    WalletNotEmpty = 34,
    /// No such wallet, or it is another account's.
    #[error("the wallet is not known")]
    WalletUnknown = 35,
    /// The wallet is closed.
    #[error("the wallet is closed")]
    WalletClosed = 36,

    // The payer's leg.
    /// Payer and payee are the same party.
    #[error("payer and payee are the same")]
    SelfPayment = 50,
    /// No such payer wallet, or it is not the payer's.
    #[error("the payer's wallet is not known")]
    PayerUnknown = 51,
    /// The payer's wallet is closed.
    #[error("the payer's wallet is closed")]
    PayerClosed = 52,
    /// The payer's wallet holds another currency.
    #[error("the payer's wallet holds another currency")]
    PayerCurrencyDiffers = 53,
    /// The payer's wallet has less than the amount.
    #[error("the payer's wallet has insufficient funds")]
    InsufficientFunds = 54,

    // The payee's leg.
    /// No such payee wallet.
    #[error("the payee's wallet is not known")]
    PayeeUnknown = 60,
    /// The payee's wallet is closed.
    #[error("the payee's wallet is closed")]
    PayeeClosed = 61,
    /// The payee's wallet holds another currency.
    #[error("the payee's wallet holds another currency")]
    PayeeCurrencyDiffers = 62,
    /// The payment request is not known to the payee's wallet.
    #[error("the payment request is not known")]
    RequestUnknown = 63,
    /// The payment request's id was used for another one.
    #[error("the payment request id is taken by another request")]
    RequestIdTaken = 64,
    /// The wallet has as many payment requests as it may have.
    #[error("the wallet has as many payment requests as it may have")]
    TooManyRequests = 65,
    /// The payee withdrew the payment request.
    #[error("the payment request was cancelled")]
    RequestCancelled = 66,
    /// The one-time payment request was paid.
    #[error("the payment request was paid already")]
    RequestPaid = 67,
    /// The payment request has expired.
    #[error("the payment request has expired")]
    RequestExpired = 68,
    /// The payment request has an expiry that is past, missing where it must be, or too far away.
    #[error("the payment request's expiry is past, missing or too far away")]
    RequestExpiryInvalid = 69,
    /// The amount is not the one that was asked for.
    #[error("the amount is not the one the payment request asks for")]
    AmountDiffers = 70,
    /// The payee's balance would exceed what a wallet may hold.
    #[error("the payee's wallet can't hold that much")]
    BalanceOverflow = 71,
    /// The payment request's id was made too long ago to be opened now, or in the future.
    #[error("the payment request id was made more than a day ago, or in the future")]
    RequestIdOutOfTime = 72,
}

impl Refusal {
    /// Every refusal, in order of precedence.
    pub const ALL: &[Self] = &[
        Self::AccountUnknown,
        Self::AccountIdTaken,
        Self::PairingCodeUnknown,
        Self::DeviceAlreadyPaired,
        Self::TooManyDevices,
        Self::DeviceUnknown,
        Self::DeviceRevoked,
        Self::PinLocked,
        Self::PinWrong,
        Self::IdTooOld,
        Self::IdAhead,
        Self::IdConflict,
        Self::CurrencyUnknown,
        Self::CurrencyDiffers,
        Self::TooManyWallets,
        Self::WalletIdTaken,
        Self::WalletNotEmpty,
        Self::WalletUnknown,
        Self::WalletClosed,
        Self::SelfPayment,
        Self::PayerUnknown,
        Self::PayerClosed,
        Self::PayerCurrencyDiffers,
        Self::InsufficientFunds,
        Self::PayeeUnknown,
        Self::PayeeClosed,
        Self::PayeeCurrencyDiffers,
        Self::RequestUnknown,
        Self::RequestIdTaken,
        Self::TooManyRequests,
        Self::RequestCancelled,
        Self::RequestPaid,
        Self::RequestExpired,
        Self::RequestExpiryInvalid,
        Self::AmountDiffers,
        Self::BalanceOverflow,
        Self::RequestIdOutOfTime,
    ];

    /// The number that stands for the refusal in the journal.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The refusal that a number in the journal stands for.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|refusal| refusal.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_with_precedence_and_name_one_refusal_each() {
        assert!(Refusal::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        assert!(Refusal::ALL.iter().all(|refusal| Refusal::from_code(refusal.code()) == Some(*refusal)));
        assert_eq!(Refusal::from_code(0), None);
    }
}
