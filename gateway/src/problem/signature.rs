//! What can be wrong with a request's signature, as problems.

use std::borrow::Cow;

use http::StatusCode;

use super::Problem;
use crate::auth::http_signature::SignatureError;

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Self {
        use SignatureError as E;
        const INPUT: &str = "signature-input";
        const FOLLOW: &str = "sign as RFC 9421 says, in the profile that the detail names";
        let input = |slug, title, mend| (slug, title, Cow::Borrowed(INPUT), mend);
        let (slug, title, field, mend) = match &error {
            E::HeaderMissing { header } => {
                ("signature-header-missing", "A header is missing", named(header), "send the header")
            }
            E::HeaderRepeated { header } => {
                ("signature-header-repeated", "A header is repeated", named(header), "send the header once")
            }
            E::HeaderTooLong { header, .. } => {
                ("signature-header-too-long", "A header is too long", named(header), "shorten the header")
            }
            E::HeaderNotAscii { header } => {
                ("signature-header-not-ascii", "A header is not ascii", named(header), "encode the header")
            }
            E::HeaderMalformed { header, .. } => {
                ("signature-header-malformed", "A header can't be read", named(header), FOLLOW)
            }
            E::SeveralSignatures { header } => {
                ("signature-several", "Several signatures were sent", named(header), "send one signature")
            }
            E::LabelsDiffer => {
                input("signature-labels-differ", "The labels differ", "use one label in both headers")
            }
            E::ComponentMissing { .. } => {
                input("signature-component-missing", "The signature covers too little", "cover the component")
            }
            E::ComponentRepeated { .. } => {
                input("signature-component-repeated", "A component is repeated", "cover the component once")
            }
            E::ComponentUnsupported { .. } => input(
                "signature-component-unsupported",
                "A component is not supported",
                "leave the component out",
            ),
            E::ComponentFlag { .. } => {
                input("signature-component-flag", "A flag is not supported", "leave the flag out")
            }
            E::TooManyComponents { .. } => input(
                "signature-too-many-components",
                "The signature covers too much",
                "cover fewer components",
            ),
            E::ParameterMissing { .. } => {
                input("signature-parameter-missing", "A parameter is missing", "give the parameter")
            }
            E::ParameterRepeated { .. } => {
                input("signature-parameter-repeated", "A parameter is repeated", "give the parameter once")
            }
            E::ParameterInvalid { .. } => input(
                "signature-parameter-invalid",
                "A parameter can't be read",
                "write it as the detail says",
            ),
            E::ParameterUnsupported { .. } => input(
                "signature-parameter-unsupported",
                "A parameter is not supported",
                "leave the parameter out",
            ),
            E::AlgorithmDiffers { .. } => input(
                "signature-algorithm-differs",
                "The algorithm is not the key's",
                "leave the parameter alg out",
            ),
            E::TargetUri { .. } => (
                "signature-target-uri",
                "The target URI can't be signed",
                Cow::Borrowed("@target-uri"),
                "shorten or encode the path and the query",
            ),
            E::DigestUnknown => (
                "signature-digest-unknown",
                "The digest is not known",
                Cow::Borrowed("content-digest"),
                "send a sha-256 digest",
            ),
            E::DigestDiffers { .. } => (
                "signature-digest-differs",
                "The body is not the one that was signed",
                Cow::Borrowed("content-digest"),
                "send the body to the byte as it was signed",
            ),
            E::SignatureInvalid => (
                "signature-invalid",
                "The signature does not verify",
                Cow::Borrowed("signature"),
                "sign with the device's key, and the target uri with the server's public origin in lower case",
            ),
            E::Stale { .. } => {
                input("signature-stale", "The signature is too old", "set the clock right and sign again")
            }
            E::Ahead { .. } => input(
                "signature-ahead",
                "The signature is from the future",
                "set the clock right and sign again",
            ),
            E::Expired { .. } => input("signature-expired", "The signature has expired", "sign again"),
        };
        Self::new(StatusCode::UNAUTHORIZED, slug, title, error.to_string(), mend).at(field)
    }
}

fn named(header: &http::HeaderName) -> Cow<'static, str> {
    Cow::Owned(header.as_str().to_owned())
}
