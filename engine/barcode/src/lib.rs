//! The optical form of a payment request: what a payee shows and a payer's phone reads.
//!
//! # Format 1
//!
//! The text is `ORIGIN/P/PAYLOAD`: the server's public origin in upper case, such as `HTTPS://PAY.EXAMPLE.COM`, and
//! the payload in base32 (RFC 4648, section 6) without padding. All of it is in the alphabet of QR's alphanumeric mode,
//! and it is a URL that opens the payer's page. Each request has exactly one text; any other spelling is refused.
//!
//! The payload, in order, with numbers big-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version: 1 |
//! | 1 | flags: 1 an amount, 2 one-time, 4 an expiry, 8 sealed by a till, 16 a private currency, 32 the server knows more (never of a till) |
//! | 4 | id of the server's key: the first bytes of its BLAKE3 hash |
//! | 16 | payment request |
//! | 16 | payee's wallet |
//! | 3, or 2 and more | ISO 4217 code; or a private code with its length before it and its exponent after it |
//! | 8 | amount in minor units, if flagged |
//! | 4 | expiry in seconds since 1970, if flagged |
//! | 1 and more | payee's name in UTF-8, its length before it |
//! | 1 and more | reference in UTF-8, its length before it; 0 where there is none |
//! | 101 or 102 | a till's certificate, if flagged: algorithm (1 Ed25519, 2 P-256), key, expiry (4), server's signature (64) |
//! | 64 | the seal: the signature of the server, or of the till |
//!
//! The seal is over the origin too, so a barcode that is moved to another server is worth nothing there. A till's
//! certificate is the server's word that the device may ask for payments into this wallet, in this currency, under this
//! name, until it expires: so a phone can check either kind without asking the server.
//!
//! The same payload can ride in a text of the EMV form, which [`SealedBarcode::to_emv`] makes. Standard readers then name
//! payee and amount; it is read and verified by the same calls. `emv/mod.rs` has its format.
//!
//! # Types
//!
//! A text climbs a ladder: [`SealedBarcode::parse`] reads it, [`SealedBarcode::verify`] checks the seal, and only a
//! [`VerifiedBarcode`] says what is to be paid. What has not been verified is shown, if at all, as [`Untrusted`]; so is
//! what [`decode_image`] reads off a photograph.

mod bytes;
mod capture;
mod certificate_text;
mod device_key;
mod emv;
mod error;
mod origin;
mod parse;
mod payload;
mod render;
mod seal;
mod untrusted;

pub use capture::{MAX_IMAGE_BYTES, MAX_IMAGE_SIDE_PIXELS, decode_image};
pub use device_key::{DeviceSigner, check_device_key, lower_p256_signature, verify_device_signature};
pub use emv::{EmvError, EmvField, EmvProfile};
pub use error::BarcodeError;
pub use origin::Origin;
pub use parse::{MAX_TEXT_BYTES, SealedBarcode, Sealer, VerifiedBarcode};
pub use payload::RequestDetails;
pub use render::{ErrorCorrection, Rendering};
pub use seal::{KeyId, ServerKey, ServerKeys, TillCertificate};
pub use untrusted::Untrusted;
