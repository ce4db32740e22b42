//! The digest of a body: `Content-Digest` (RFC 9530, section 2).

use sfv::{BareItemFromInput, DictSerializer, KeyRef, key_ref};
use sha2::{Digest as _, Sha256, Sha512};

use super::CONTENT_DIGEST;
use super::error::SignatureError;
use super::structured::dictionary;

const SHA_256: &KeyRef = key_ref("sha-256");
const SHA_512: &KeyRef = key_ref("sha-512");

/// The digests that a request gives of its body: those we know, one at least.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Digests {
    sha256: Option<Vec<u8>>,
    sha512: Option<Vec<u8>>,
}

impl Digests {
    /// Reads the value of `Content-Digest`. Digests other than the two that RFC 9530, section 5, calls active are
    /// passed over, but they don't stand in for one of these.
    pub(super) fn read(text: &str) -> Result<Self, SignatureError> {
        let malformed = |reason: &str| SignatureError::HeaderMalformed {
            header: CONTENT_DIGEST,
            reason: reason.to_owned(),
        };
        let mut digests = Self { sha256: None, sha512: None };
        for member in dictionary(&CONTENT_DIGEST, text)? {
            let digest = if member.key == SHA_256 {
                &mut digests.sha256
            } else if member.key == SHA_512 {
                &mut digests.sha512
            } else {
                continue;
            };
            if digest.is_some() {
                return Err(malformed("a digest is given twice, so send it once"));
            }
            let item = member.items.into_iter().next().filter(|_| !member.is_list).map(|item| item.value);
            let Some(BareItemFromInput::ByteSequence(bytes)) = item else {
                return Err(malformed("a digest is not base64 between colons"));
            };
            *digest = Some(bytes);
        }
        if digests.sha256.is_none() && digests.sha512.is_none() {
            return Err(SignatureError::DigestUnknown);
        }
        Ok(digests)
    }

    /// Checks a body against every digest we know. Neither side is secret, so how long the comparison takes is
    /// nobody's secret either.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), SignatureError> {
        if self.sha256.as_ref().is_some_and(|digest| Sha256::digest(body).as_slice() != digest) {
            return Err(SignatureError::DigestDiffers { algorithm: "sha-256" });
        }
        if self.sha512.as_ref().is_some_and(|digest| Sha512::digest(body).as_slice() != digest) {
            return Err(SignatureError::DigestDiffers { algorithm: "sha-512" });
        }
        Ok(())
    }
}

/// The value of `Content-Digest` for a body.
pub(super) fn content_digest(body: &[u8]) -> String {
    let mut text = String::new();
    let mut digests = DictSerializer::with_buffer(&mut text);
    let _ = digests.bare_item(SHA_256, Sha256::digest(body).as_slice()).finish();
    text
}
