//! The rules of money.
//!
//! Every rule that moves units, or that says who may move them, lives here as a pure function: `decide` may
//! refuse and changes nothing, `apply` changes state and cannot fail. There is no I/O, clock, thread,
//! randomness, log or async in this crate, and there must never be: time and ids come in as arguments, so
//! that a journal replayed tomorrow gives the state it gave today.

#![warn(clippy::arithmetic_side_effects)]

mod account;
mod allowance;
#[cfg(test)]
mod bank;
mod books;
mod calendar;
mod conversion;
mod event;
mod fee;
mod hold;
mod id;
mod limits;
mod model;
mod money;
mod part;
mod payment_request;
mod refund;
mod refusal;
mod request_book;
mod retention;
mod spelt;
mod text;
mod time;
mod transfer;
mod wallet;
mod wallet_snapshot;

pub use account::{
    Account, AccountKind, Device, DeviceKey, KeyAlgorithm, MAX_DEVICES_PER_ACCOUNT, MAX_PIN_FAILURES,
    PairingCode, PinVerdict, Verifier,
};
pub use allowance::{Allowance, AllowanceSnapshot, LetGo};
pub use books::{BookEntry, Books, Entered, EntryState};
pub use calendar::{Day, Zone, ZoneUnknown};
pub use conversion::{MAX_QUOTE_LIFETIME_MS, Rate};
pub use event::Event;
pub use fee::{FeeRule, FeeScope, MAX_BASIS_POINTS};
pub use hold::{HoldBook, HoldState, HoldStatus, MAX_HOLD_LIFETIME_MS, MAX_HOLDS_PER_WALLET};
pub use id::{AccountId, DeviceId, IdError, PaymentRequestId, TransferId, WalletId};
pub use limits::{LimitKind, Limits, Spending};
pub use model::{Breach, Ledger};
pub use money::{Amount, AmountError, Currency, CurrencyCode, CurrencyError, MAX_AMOUNT, MAX_EXPONENT};
pub use part::{Decided, decide_part};
pub use payment_request::{
    MAX_INVOICE_LIFETIME_MS, MAX_ONE_TIME_LIFETIME_MS, MAX_SPLITS, MAX_SUGGESTIONS,
    MAX_TILL_ONE_TIME_LIFETIME_MS, PaymentKind, PaymentRequest, Quote, RequestDetail, Split, Terms, Usage,
};
pub use refund::{LegId, MAX_REFUND_AGE_MS, MAX_REFUNDED_PER_WALLET, Original, RefundBook, RefundState};
pub use refusal::Refusal;
pub use request_book::{
    MAX_REQUEST_ID_AGE_MS, MAX_REQUESTS_PER_WALLET, MAX_STANDING_QUOTES_PER_ACCOUNT, RequestBook,
    RequestState, RequestStatus,
};
pub use retention::{Claim, IdHash, IdWindow, MAX_ID_AHEAD_MS, Place, id_slice};
pub use text::{Description, Name, Reference, Text, TextError};
pub use time::Timestamp;
pub use transfer::{
    Authority, Fingerprint, Leg, MAX_ASKED_LEGS, MAX_LEGS, Purpose, Signature, Stop, Transfer,
};
pub use wallet::{MAX_BALANCE, Wallet};
pub use wallet_snapshot::{Balances, Owner, WalletSettings, WalletSnapshot, WalletStatus};

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test fails it")]
mod ledger_tests;
