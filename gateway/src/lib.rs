//! The HTTP gateway: what stands between clients and the engine.
//!
//! So far it is how devices sign their requests.

pub mod auth;
