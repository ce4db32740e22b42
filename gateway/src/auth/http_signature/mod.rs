//! The signatures of device requests: HTTP Message Signatures (RFC 9421) in one fixed profile.
//!
//! A device signs the method, the target URI and the digest of the body, together with the time, a nonce and its
//! own id. This module makes such signatures for clients and checks them for the server. It must not know a clock
//! (the caller says what time it is), a store (the caller finds the device and remembers the nonces) or a key
//! (the caller signs and verifies bytes).
//!
//! # The profile
//!
//! - Exactly one signature, under any label. Several would leave open which of them speaks for the request.
//! - It covers `@method`, `@target-uri` and `content-digest` at least. Further header fields, `@scheme`,
//!   `@authority`, `@path` and `@query` may be covered too; components with flags, and any other derived
//!   component, are refused by name.
//! - Parameters `created`, `nonce` and `keyid` are present; `alg` and `expires` may be, and then they count. Any
//!   other parameter is refused: one that we don't understand may promise what we don't keep, and a `tag` marks a
//!   signature made for some other application.
//! - `Content-Digest` (RFC 9530) is sent for an empty body too, so that nobody can put one in.
//! - Where structured fields let a later key overwrite an earlier one in silence, the repetition is refused.
//!
//! # The parts
//!
//! Structured fields (RFC 9651), where the traps of parsing are, come from the crate `sfv`; the signature base,
//! which for this profile is a line for each component, is made here. The crate `httpsig` was tried and left out:
//! it brings some eighty packages (P-384, PKCS #8, a second Ed25519, a random generator), reads the clock by
//! itself, drops unknown parameters, and rebuilds the parameters in an order of its own, so that an honest client
//! that writes them in another order fails to verify.

mod base;
mod component;
mod digest;
mod error;
mod parameters;
mod presented;
mod sign;
mod structured;
#[cfg(test)]
mod tests;
mod unchecked;

pub use error::SignatureError;
pub use presented::{PresentedSignature, parse};
pub use sign::{SignedHeaders, sign};

use http::{HeaderName, Method};
use quittance_ledger::KeyAlgorithm;

/// The longest `Signature-Input` that is read.
pub const MAX_SIGNATURE_INPUT_BYTES: usize = 1_024;
/// The longest `Signature` that is read: 64 bytes in base64, a label, and room to spare.
pub const MAX_SIGNATURE_BYTES: usize = 256;
/// The longest `Content-Digest` that is read: both digests we know, and room for one we don't.
pub const MAX_CONTENT_DIGEST_BYTES: usize = 512;
/// The longest value of any other header field that a signature may cover, its lines joined.
pub const MAX_COVERED_FIELD_BYTES: usize = 4_096;
/// The most components a signature may cover.
pub const MAX_COMPONENTS: usize = 16;
/// The longest target URI that is signed or verified.
pub const MAX_TARGET_URI_BYTES: usize = 8_192;
/// The longest `keyid`.
pub const MAX_KEY_ID_BYTES: usize = 64;
/// The shortest nonce: 96 bits, if its characters are random.
pub const MIN_NONCE_BYTES: usize = 16;
/// The longest nonce, which the caller has to remember.
pub const MAX_NONCE_BYTES: usize = 64;

/// The header field with the digest of the body (RFC 9530, section 2).
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
/// The header field that says what is signed, and how (RFC 9421, section 4.1).
pub const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
/// The header field with the signature itself (RFC 9421, section 4.2).
pub const SIGNATURE: HeaderName = HeaderName::from_static("signature");

/// What of a request, besides its header fields, a signature speaks for.
#[derive(Clone, Copy)]
pub struct RequestParts<'a> {
    /// The method, to the letter (RFC 9421, section 2.2.1).
    pub method: &'a Method,
    /// The absolute target URI (RFC 9421, section 2.2.2), byte for byte as the client wrote it. A server takes
    /// scheme and authority from its configuration, so that no `Host` header can say where it is, and appends
    /// the path and query it received.
    pub target_uri: &'a str,
    /// The body, whole.
    pub body: &'a [u8],
}

/// The registered name of a key's algorithm (RFC 9421, section 6.2).
const fn algorithm_name(algorithm: KeyAlgorithm) -> &'static str {
    match algorithm {
        KeyAlgorithm::Ed25519 => "ed25519",
        KeyAlgorithm::P256 => "ecdsa-p256-sha256",
    }
}
