//! The rules of money.
//!
//! Every rule that moves units, or that says who may move them, lives here as a pure function: `decide` may
//! refuse and changes nothing, `apply` changes state and cannot fail. There is no I/O, clock, thread,
//! randomness, log or async in this crate, and there must never be: time and ids come in as arguments, so
//! that a journal replayed tomorrow gives the state it gave today.

#![warn(clippy::arithmetic_side_effects)]

mod account;
mod event;
mod id;
mod invariant;
mod money;
mod payment_request;
mod refusal;
mod retention;
mod text;
mod time;
mod transfer;
mod wallet;

pub use account::{
    Account, AccountKind, Device, DeviceKey, KeyAlgorithm, MAX_DEVICES_PER_ACCOUNT, MAX_PIN_FAILURES,
    PairingCode, PinVerdict, Verifier,
};
pub use event::Event;
pub use id::{AccountId, DeviceId, IdError, PaymentRequestId, TransferId, WalletId};
pub use invariant::{Breach, Ledger};
pub use money::{Amount, AmountError, Currency, CurrencyCode, CurrencyError, MAX_AMOUNT, MAX_EXPONENT};
pub use payment_request::{
    MAX_ONE_TIME_LIFETIME_MS, MAX_REQUEST_ID_AGE_MS, MAX_REQUESTS_PER_WALLET, MAX_TILL_ONE_TIME_LIFETIME_MS,
    PaymentRequest, RequestBook, RequestState, RequestStatus, Terms, Usage,
};
pub use refusal::Refusal;
pub use retention::{Claim, IdWindow, MAX_ID_AHEAD_MS};
pub use text::{Description, Name, Reference, Text, TextError};
pub use time::Timestamp;
pub use transfer::{Authority, Fingerprint, Purpose, Transfer, decide_credit, decide_debit};
pub use wallet::{Balances, MAX_BALANCE, Owner, Wallet, WalletSnapshot, WalletStatus};
