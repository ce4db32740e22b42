//! The HTTP gateway and the command line: what stands between clients and the engine.
//!
//! It lets callers in, reads what they ask, has the engine do it, and tells them what came of it. It decides nothing
//! about money. `API.md` says what it answers.

mod app;
pub mod auth;
mod body;
pub mod cli;
pub mod client;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod head;
mod problem;
mod rate;
pub mod receipt;
mod route;
mod server;
mod streams;
mod strict;
mod turns;
mod view;
mod wording;
