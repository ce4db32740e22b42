//! The real binary after the worst: backups of a server that runs, stores that are made of them, what is salvaged of a damaged
//! store, and stores that earlier versions wrote.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed, as it should"
)]

mod bank;
mod cut_off;
mod damaged_backup;
mod formats;
mod live;
mod points;
mod repair;

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");
