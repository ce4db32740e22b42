//! Who asks: how a request proves which device it is from.

pub mod http_signature;
