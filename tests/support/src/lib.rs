//! What the tests of the whole binary share: starting it, killing it, and parties that pay each other.
//!
//! Nothing here waits for a time to pass: it waits for something to be so, and fails where that takes too long.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed, as it should")]

mod binary;
mod expect;
mod folder;
mod parties;
mod zbar;

pub use binary::{Failed, Home, Server};
pub use expect::{ANY_FIELD, Expected, assert_problem};
pub use folder::copy_folder;
pub use parties::{
    Party, accounts_wallets, ask, euro, eventually, fund, join, join_as, next_notice, pay, payment, posted,
    register, soon,
};
pub use zbar::read_with_zbar;
