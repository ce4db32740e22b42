//! What is wrong with a journal.

use crate::id::{AccountId, PaymentRequestId, TransferId, WalletId};
use crate::money::CurrencyCode;

/// A rule that a sequence of events breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// The postings of a currency do not sum to zero.
    #[error("the posted balances of {0} sum to {1}, not to zero")]
    NotZeroSum(CurrencyCode, i128),
    /// A balance, less what is set aside, is below its floor, or it is above its ceiling.
    #[error("wallet {0} is posted at {1}, out of its bounds")]
    OutOfBounds(WalletId, i128),
    /// What a wallet itself makes of the journal is not what the model makes of it.
    #[error("wallet {0} does not agree with the sum of its postings and holds")]
    StateDiffers(WalletId),
    /// What the limits of an account make of the journal is not what the model makes of it.
    #[error("the limits of account {0} in {1} do not agree with what was paid")]
    AllowanceDiffers(AccountId, CurrencyCode),
    /// A transfer id has two effects.
    #[error("transfer {0} appears twice")]
    TransferTwice(TransferId),
    /// A transfer has more legs than it may have, or a hold that does not stand alone.
    #[error("transfer {0} has more legs than it may have")]
    TooManyLegs(TransferId),
    /// A transfer names a wallet that is not there, is closed, or holds another currency.
    #[error("transfer {0} has a leg at wallet {1}, which can't take it")]
    LegImpossible(TransferId, WalletId),
    /// A transfer is not on the word of who may give it.
    #[error("transfer {0} moves units without the authority to")]
    NotAuthorised(TransferId),
    /// A frozen wallet pays, or is paid.
    #[error("transfer {0} has a leg at wallet {1}, which is frozen")]
    Frozen(TransferId, WalletId),
    /// A one-time request was paid twice.
    #[error("one-time payment request {0} was paid twice")]
    RequestPaidTwice(PaymentRequestId),
    /// A request was paid after it expired, after it was cancelled, by somebody else, or with another amount.
    #[error("payment request {0} was paid against its terms")]
    RequestTermsBroken(PaymentRequestId),
    /// A request was opened that contradicts itself, or that can't be opened at that instant.
    #[error("payment request {0} can't be opened: {1}")]
    RequestImpossible(PaymentRequestId, &'static str),
    /// The legs that follow from a payment are not those that its request and the rules in force say.
    #[error("transfer {0} has {1} that nothing says")]
    LegsDiffer(TransferId, &'static str),
    /// A hold was placed, captured or ended against a rule.
    #[error("hold {0}: {1}")]
    HoldBroken(TransferId, &'static str),
    /// A refund or a reversal does not fit what it gives back.
    #[error("transfer {0} gives back what it can't: {1}")]
    RefundBroken(TransferId, &'static str),
    /// More was paid out of a wallet than it may, or it was counted on another day than it was.
    #[error("transfer {0} breaks the limits of wallet {1}")]
    LimitBroken(TransferId, WalletId),
    /// More was paid by an account than it may, or it was not counted.
    #[error("transfer {0} breaks the limits of account {1}")]
    AccountLimitBroken(TransferId, AccountId),
    /// An event names an account or wallet that is not there, or opens one that is, or does what was done.
    #[error("the event does not fit what came before: {0}")]
    OutOfPlace(String),
}
