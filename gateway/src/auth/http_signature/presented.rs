//! The signature that a request presents: read, held to the profile, and then verified.
//!
//! The steps are apart because the caller has work between them: find the device by the key id, and afterwards
//! see that the nonce is new. A signature that was only parsed proves nothing. The body comes last, since the signature
//! covers only its digest: whoever can't sign is not to have bodies kept in memory.

use std::fmt;

use http::{HeaderMap, Method};
use quittance_ledger::KeyAlgorithm;

use super::base::signature_base;
use super::component::{Component, METHOD, TARGET_URI, Target};
use super::digest::Digests;
use super::error::SignatureError;
use super::parameters::{CREATED, KEY_ID, NONCE};
use super::unchecked::UncheckedSignature;
use super::{CONTENT_DIGEST, algorithm_name};

/// A request's one signature, well formed and with all that the profile asks for, but not verified.
pub struct PresentedSignature {
    components: Vec<Component>,
    digests: Digests,
    key_id: String,
    created_secs: u64,
    expires_secs: Option<u64>,
    nonce: String,
    algorithm: Option<KeyAlgorithm>,
    signature_params: String,
    signature: [u8; 64],
}

/// Reads the signature of a request (RFC 9421, section 3.2) and holds it to the profile.
///
/// # Errors
/// If the headers hold no signature, several, or one that the profile does not allow.
pub fn parse(headers: &HeaderMap) -> Result<PresentedSignature, SignatureError> {
    let unchecked = UncheckedSignature::read(headers)?;
    let parameters = unchecked.parameters;
    let missing = |parameter| SignatureError::ParameterMissing { parameter };
    let created_secs = parameters.created_secs.ok_or(missing(CREATED))?;
    let nonce = parameters.nonce.ok_or(missing(NONCE))?;
    let key_id = parameters.key_id.ok_or(missing(KEY_ID))?;

    let components = unchecked.components;
    if !components.contains(&Component::Method) {
        return Err(SignatureError::ComponentMissing { component: METHOD });
    }
    if !components.contains(&Component::TargetUri) {
        return Err(SignatureError::ComponentMissing { component: TARGET_URI });
    }
    let digest_text = components.iter().find_map(|component| match component {
        Component::Field { name, value } if *name == CONTENT_DIGEST => Some(value),
        _ => None,
    });
    let digest_text = digest_text.ok_or(SignatureError::ComponentMissing { component: "content-digest" })?;
    let digests = Digests::read(digest_text)?;

    Ok(PresentedSignature {
        components,
        digests,
        key_id,
        created_secs,
        expires_secs: parameters.expires_secs,
        nonce,
        algorithm: parameters.algorithm,
        signature_params: unchecked.signature_params,
        signature: unchecked.signature,
    })
}

impl PresentedSignature {
    /// The key id: the device that the request says it is from.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// When the signature says it was made, in seconds since 1970.
    #[must_use]
    pub const fn created_secs(&self) -> u64 {
        self.created_secs
    }

    /// When the signature says it ends, in seconds since 1970.
    #[must_use]
    pub const fn expires_secs(&self) -> Option<u64> {
        self.expires_secs
    }

    /// The nonce. It is to be remembered, with the key id, for as long as [`Self::check_fresh`] lets its
    /// signature pass, and only once [`Self::verify`] has: else anyone could use up a device's nonces.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Checks that the signature was made lately (RFC 9421, section 3.2.1), and that it has not expired.
    ///
    /// # Errors
    /// If it is too old, too far ahead, or past its own end.
    pub fn check_fresh(
        &self,
        now_secs: u64,
        max_age_secs: u64,
        max_ahead_secs: u64,
    ) -> Result<(), SignatureError> {
        let ahead_secs = self.created_secs.saturating_sub(now_secs);
        if ahead_secs > max_ahead_secs {
            return Err(SignatureError::Ahead { ahead_secs, max_ahead_secs });
        }
        let age_secs = now_secs.saturating_sub(self.created_secs);
        if age_secs > max_age_secs {
            return Err(SignatureError::Stale { age_secs, max_age_secs });
        }
        let late_secs = self.expires_secs.map_or(0, |expires_secs| now_secs.saturating_sub(expires_secs));
        if late_secs > 0 {
            return Err(SignatureError::Expired { late_secs });
        }
        Ok(())
    }

    /// Verifies the signature over a request's head (RFC 9421, section 3.2). `target_uri` is as in [`super::RequestParts`].
    /// [`Self::check_body`] is still to come.
    ///
    /// `verify` is given the signature base and the signature: an Ed25519 signature (RFC 8032), or the `r` and `s`
    /// of an ECDSA signature over the base's SHA-256, one after the other. It says whether they fit the key.
    ///
    /// # Errors
    /// If the target is not fit to be signed, the algorithm is not the key's, or the signature is another's.
    pub fn verify(
        &self,
        method: &Method,
        target_uri: &str,
        key_algorithm: KeyAlgorithm,
        verify: impl FnOnce(&[u8], &[u8; 64]) -> bool,
    ) -> Result<(), SignatureError> {
        if self.algorithm.is_some_and(|algorithm| algorithm != key_algorithm) {
            return Err(SignatureError::AlgorithmDiffers { expected: algorithm_name(key_algorithm) });
        }
        let target = Target::read(method, target_uri)?;
        let base = signature_base(&self.components, &target, &self.signature_params);
        if verify(&base, &self.signature) { Ok(()) } else { Err(SignatureError::SignatureInvalid) }
    }

    /// Checks the body against the digests. They count once [`Self::verify`] has passed.
    ///
    /// # Errors
    /// If the body is not the one that was signed.
    pub fn check_body(&self, body: &[u8]) -> Result<(), SignatureError> {
        self.digests.check(body)
    }
}

/// Without the values of the covered header fields, one of which may be a secret.
impl fmt::Debug for PresentedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedSignature")
            .field("key_id", &self.key_id)
            .field("created_secs", &self.created_secs)
            .field("expires_secs", &self.expires_secs)
            .field("nonce", &self.nonce)
            .field("algorithm", &self.algorithm)
            .field("components", &self.components.iter().map(Component::name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
