//! What may be wrong with a signed request, told so that whoever wrote the client can mend it.

use http::HeaderName;

/// Why a request's signature was not made or not accepted.
///
/// Each names the header, component or parameter at fault. None holds a header's value, a key or a signature,
/// so all may be logged and sent to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    // The header fields.
    /// A header that a signed request has, or that the signature covers, was not sent.
    #[error("the header {header} is missing: send it with the request it was signed for")]
    HeaderMissing {
        /// Which.
        header: HeaderName,
    },
    /// A header that names one signature was sent in several lines.
    #[error("the header {header} was sent more than once: send one line, with one signature")]
    HeaderRepeated {
        /// Which.
        header: HeaderName,
    },
    /// A header beyond what is read.
    #[error("the header {header} is longer than {max_bytes} bytes: shorten it, or leave it unsigned")]
    HeaderTooLong {
        /// Which.
        header: HeaderName,
        /// The most bytes that are read.
        max_bytes: usize,
    },
    /// A header with bytes that a signature base can't hold.
    #[error("the header {header} has bytes other than visible ascii: encode them")]
    HeaderNotAscii {
        /// Which.
        header: HeaderName,
    },
    /// A header that breaks the syntax of structured fields (RFC 9651) or the form its own RFC gives it.
    #[error("the header {header} can't be read: {reason}")]
    HeaderMalformed {
        /// Which.
        header: HeaderName,
        /// What is amiss, and where.
        reason: String,
    },
    /// More than one signature, or one label twice.
    #[error("the header {header} holds several signatures: send exactly one")]
    SeveralSignatures {
        /// Which.
        header: HeaderName,
    },
    /// A signature under one label and a description under another.
    #[error("the headers signature-input and signature use different labels: use one label in both")]
    LabelsDiffer,

    // What is covered.
    /// A component that every signature covers, and this one doesn't.
    #[error("the signature does not cover {component}: add it to the covered components in signature-input")]
    ComponentMissing {
        /// Which.
        component: &'static str,
    },
    /// A component listed twice (RFC 9421, section 2.5 forbids it).
    #[error("the signature covers {component} twice: list each component once")]
    ComponentRepeated {
        /// Which.
        component: String,
    },
    /// A component that is not part of the profile.
    #[error(
        "the signature covers {component:?}, which is not supported: cover @method, @target-uri, content-digest \
         and, if need be, other header fields in lower case, @scheme, @authority, @path or @query"
    )]
    ComponentUnsupported {
        /// Which.
        component: String,
    },
    /// A component with a flag such as `;bs`, `;sf`, `;key`, `;req` or `;tr`.
    #[error("the component {component} has the flag ;{flag}, which is not supported: cover it without flags")]
    ComponentFlag {
        /// Which component.
        component: String,
        /// Which flag.
        flag: String,
    },
    /// More components than are read.
    #[error("the signature covers more than {max} components: cover fewer")]
    TooManyComponents {
        /// The most there may be.
        max: usize,
    },

    // The parameters.
    /// A parameter that every signature has, and this one hasn't.
    #[error("the signature has no parameter {parameter}: add it to signature-input")]
    ParameterMissing {
        /// Which.
        parameter: &'static str,
    },
    /// A parameter given twice.
    #[error("the signature has the parameter {parameter} twice: give it once")]
    ParameterRepeated {
        /// Which.
        parameter: String,
    },
    /// A parameter of the wrong type, length or alphabet.
    #[error("the signature's parameter {parameter} is not {expected}: write it so")]
    ParameterInvalid {
        /// Which.
        parameter: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A parameter that is not part of the profile, such as `tag`.
    #[error(
        "the signature has the parameter {parameter}, which is not supported: use created, expires, nonce, keyid \
         and alg only"
    )]
    ParameterUnsupported {
        /// Which.
        parameter: String,
    },
    /// A signature said to be made with another algorithm than the device's key is for.
    #[error("the signature's parameter alg does not fit the device's key: leave it out, or say {expected:?}")]
    AlgorithmDiffers {
        /// The name of the key's algorithm.
        expected: &'static str,
    },

    // The target and the body.
    /// A target URI that the server or the client put together wrongly.
    #[error("the target uri {problem}: use scheme://authority/path?query as it is sent, without a fragment")]
    TargetUri {
        /// What is amiss.
        problem: &'static str,
    },
    /// A `Content-Digest` with no digest that we can check.
    #[error("the header content-digest has neither sha-256 nor sha-512: add one of them")]
    DigestUnknown,
    /// The body is not the one the digest was made of.
    #[error("the body does not match the {algorithm} in content-digest: send the body that was signed")]
    DigestDiffers {
        /// Which of the digests.
        algorithm: &'static str,
    },

    // The signature and its time.
    /// The signature is not one by the device's key over this request.
    #[error(
        "the signature does not verify: sign this method, target uri, content-digest and signature-input with the \
         key of the device named in keyid"
    )]
    SignatureInvalid,
    /// Signed longer ago than a request may be under way.
    #[error(
        "the signature was made {age_secs} s ago, more than {max_age_secs} s: sign again, with the clock set right"
    )]
    Stale {
        /// How long ago.
        age_secs: u64,
        /// How long ago it may be.
        max_age_secs: u64,
    },
    /// Signed further in the future than clocks may differ.
    #[error(
        "the signature was made {ahead_secs} s in the future, more than {max_ahead_secs} s: set the clock right"
    )]
    Ahead {
        /// How far.
        ahead_secs: u64,
        /// How far it may be.
        max_ahead_secs: u64,
    },
    /// Past the moment that the signer set as its end.
    #[error("the signature expired {late_secs} s ago: sign again")]
    Expired {
        /// How long ago.
        late_secs: u64,
    },
}
