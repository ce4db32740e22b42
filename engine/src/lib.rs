//! The settlement engine: what performs on a real machine the effects that the pure crates ask for.
//!
//! So far it is the store.

mod store;

pub use store::{JournalReader, JournalWriter, Store, StoreError};
