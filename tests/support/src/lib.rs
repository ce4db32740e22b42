//! What the tests of the whole binary share: starting it, killing it, and parties that pay each other.
//!
//! Nothing here waits for a time to pass: it waits for something to be so, and fails where that takes too long.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed, as it should"
)]

mod bank;
mod binary;
mod disk;
mod expect;
mod folder;
mod journal;
mod parties;
mod strace;
mod work;
mod zbar;

pub use bank::{Bank, Clerk, Reader, Sent, check_nothing_else};
pub use binary::{Failed, Home, Server};
pub use disk::SmallDisk;
pub use expect::{ANY_FIELD, Expected, assert_problem};
pub use folder::copy_folder;
pub use journal::Journal;
pub use parties::{
    Party, accounts_wallets, ask, euro, eventually, fund, join, join_as, next_notice, pay, payment, posted,
    register, soon,
};
pub use strace::{Faults, traced};
pub use work::Work;
pub use zbar::read_with_zbar;
