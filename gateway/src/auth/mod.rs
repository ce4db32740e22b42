//! Who asks: how a request proves which device it is from, or that it is the operator's.

mod asked;
mod caller;
mod device;
pub mod http_signature;
mod nonce_file;
pub(crate) mod nonces;
mod operator;

pub(crate) use asked::{Asked, Presented, bare, no_body, no_query};
pub(crate) use caller::Caller;
pub(crate) use device::{NEW_DEVICE, check_signature};
