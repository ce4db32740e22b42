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
    /// What a wallet holds, or has under way, is outside of the overdraft or ceiling it is to have.
    #[error("the wallet's balance is outside of these bounds")]
    BalanceOutOfBounds = 37,
    /// A fee's collector is not an open wallet of the currency, its minimum exceeds its maximum, or its share the whole.
    #[error("the fee rule names a wallet that can't collect it, or contradicts itself")]
    FeeRuleInvalid = 38,
    /// A conversion rate that can't be quoted at.
    #[error("the rate is zero, or its wallets are not one account's two wallets of the two currencies")]
    RateInvalid = 39,
    /// Nobody converts between the currencies.
    #[error("no rate is set between the two currencies")]
    RateUnknown = 40,
    /// A conversion that comes to no unit, or to more than a wallet may hold.
    #[error("the amount converts to nothing, or to more than there can be")]
    QuoteTooSmall = 41,
    /// A wallet that is to be closed collects fees, or converts.
    #[error("a fee rule or a rate names the wallet")]
    WalletInUse = 42,

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
    #[error("the wallet that pays has insufficient funds")]
    InsufficientFunds = 54,
    /// The payer's wallet is frozen: it pays nothing.
    #[error("the payer's wallet is frozen")]
    PayerFrozen = 55,
    /// More than the wallet may pay in one payment.
    #[error("the payment is more than the wallet may pay at once")]
    PaymentLimitExceeded = 56,
    /// More than is left of the wallet's limit for the day.
    #[error("the payment is more than the wallet may pay today")]
    DayLimitExceeded = 57,
    /// More than is left of the wallet's limit for the month.
    #[error("the payment is more than the wallet may pay this month")]
    MonthLimitExceeded = 58,

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
    /// The payee's wallet is frozen both ways.
    #[error("the payee's wallet is frozen for payments into it")]
    PayeeFrozen = 73,
    /// A request whose parts, splits or kind do not fit together.
    #[error("the payment request contradicts itself")]
    RequestInconsistent = 74,
    /// Another payment of the one-time request may yet be refused: ask again.
    #[error("another payment of the request is under way")]
    RequestBusy = 75,
    /// More than is left to pay of an invoice that is paid in parts.
    #[error("the amount is more than is left to pay of the request")]
    AmountExceedsRest = 76,
    /// The request names the one account that may pay it, and this is not it.
    #[error("the payment request is for another account to pay")]
    RequestForAnother = 77,
    /// A request with splits, parts or a quote can't be answered with a hold.
    #[error("the payment request can only be paid, not held for")]
    RequestNotHoldable = 78,
    /// What is passed on or given for the payment is not what the request says.
    #[error("the linked legs are not those that the payment request says")]
    LegsDiffer = 79,
    /// The agent's side of a top-up or withdrawal is not a business.
    #[error("only a business may be the agent of a top-up or withdrawal")]
    AgentNeeded = 80,
    /// More legs than a transfer may have.
    #[error("the transfer has more legs than a transfer may have")]
    TooManyLegs = 81,
    /// The account has as many quotes of the market maker standing as it may.
    #[error("the account has as many quotes standing as it may have")]
    TooManyQuotes = 82,
    /// Units are set aside for the one-time payment request, which is answered so.
    #[error("units are set aside for the payment request already")]
    RequestHeld = 83,
    /// More than the account may pay in one payment.
    #[error("the payment is more than the account may pay at once")]
    AccountPaymentLimitExceeded = 90,
    /// More than is left of the account's limit for the day.
    #[error("the payment is more than the account may pay today")]
    AccountDayLimitExceeded = 91,
    /// More than is left of the account's limit for the month.
    #[error("the payment is more than the account may pay this month")]
    AccountMonthLimitExceeded = 92,
    /// No such hold, or it is for another payee.
    #[error("the hold is not known")]
    HoldUnknown = 100,
    /// The payer's wallet remembers as many holds as it may.
    #[error("the wallet has as many holds as it may have")]
    TooManyHolds = 101,
    /// A hold must end within 31 days, and that of a one-time request not before the request.
    #[error("the hold's expiry is past, too far away, or before that of its one-time request")]
    HoldExpiryInvalid = 102,
    /// The hold's time was over.
    #[error("the hold has expired")]
    HoldExpired = 103,
    /// What was left of the hold was let go.
    #[error("the hold was released")]
    HoldReleased = 104,
    /// Nothing is left of the hold to capture.
    #[error("the hold was captured already")]
    HoldCaptured = 105,
    /// More than is left of the hold.
    #[error("the capture is more than is left of the hold")]
    CaptureExceedsHold = 106,
    /// Another capture stands in the way for a moment: ask again.
    #[error("another capture of the hold is under way")]
    HoldBusy = 107,
    /// The transfer was refused, or is itself a refund, a reversal, a hold or a conversion.
    #[error("the transfer is not one that can be refunded or reversed")]
    NotRefundable = 110,
    /// More than 540 days have passed.
    #[error("the transfer was settled too long ago to be given back")]
    RefundTooLate = 111,
    /// The payee's wallet remembers as many refunded transfers as it may.
    #[error("the wallet remembers as many refunds as it may")]
    TooManyRefunds = 112,
    /// With what was given back before, it is more than the transfer moved.
    #[error("the refund is more than is left of the transfer")]
    RefundExceedsTransfer = 113,
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
        Self::BalanceOutOfBounds,
        Self::FeeRuleInvalid,
        Self::RateInvalid,
        Self::RateUnknown,
        Self::QuoteTooSmall,
        Self::WalletInUse,
        Self::SelfPayment,
        Self::PayerUnknown,
        Self::PayerClosed,
        Self::PayerCurrencyDiffers,
        Self::InsufficientFunds,
        Self::PayerFrozen,
        Self::PaymentLimitExceeded,
        Self::DayLimitExceeded,
        Self::MonthLimitExceeded,
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
        Self::PayeeFrozen,
        Self::RequestInconsistent,
        Self::RequestBusy,
        Self::AmountExceedsRest,
        Self::RequestForAnother,
        Self::RequestNotHoldable,
        Self::LegsDiffer,
        Self::AgentNeeded,
        Self::TooManyLegs,
        Self::TooManyQuotes,
        Self::RequestHeld,
        Self::AccountPaymentLimitExceeded,
        Self::AccountDayLimitExceeded,
        Self::AccountMonthLimitExceeded,
        Self::HoldUnknown,
        Self::TooManyHolds,
        Self::HoldExpiryInvalid,
        Self::HoldExpired,
        Self::HoldReleased,
        Self::HoldCaptured,
        Self::CaptureExceedsHold,
        Self::HoldBusy,
        Self::NotRefundable,
        Self::RefundTooLate,
        Self::TooManyRefunds,
        Self::RefundExceedsTransfer,
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
