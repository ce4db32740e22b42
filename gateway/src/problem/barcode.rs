//! What can be wrong with a barcode, as problems.

use http::StatusCode;
use quittance_barcode::{BarcodeError, EmvError};

use super::Problem;

impl From<BarcodeError> for Problem {
    fn from(error: BarcodeError) -> Self {
        use StatusCode as S;
        const SCAN_AGAIN: &str = "scan the barcode again, or ask the payee for a new one";
        const SHOW_ANOTHER: &str =
            "scan the payment barcode that the payee's till or phone shows: this is another code";
        const DO_NOT_PAY: &str = "do not pay, and tell the payee that the barcode is not good";
        let (status, slug, title, field, mend) = match &error {
            BarcodeError::NotABarcode => {
                (S::UNPROCESSABLE_ENTITY, "not-a-barcode", "Not a payment barcode", "/text", SHOW_ANOTHER)
            }
            BarcodeError::OtherServer(_) => (
                S::UNPROCESSABLE_ENTITY,
                "barcode-other-server",
                "The barcode is for another server",
                "/text",
                "pay it with the app of the server that it names",
            ),
            BarcodeError::UnknownVersion(_) => (
                S::UNPROCESSABLE_ENTITY,
                "barcode-unknown-version",
                "The barcode has an unknown version",
                "/text",
                "update the server, or ask the payee for a barcode of version 1",
            ),
            BarcodeError::Emv(EmvError::OtherScheme) => {
                (S::UNPROCESSABLE_ENTITY, "not-a-barcode", "Not a payment barcode", "/text", SHOW_ANOTHER)
            }
            BarcodeError::Malformed(_) | BarcodeError::Emv(_) => {
                (S::UNPROCESSABLE_ENTITY, "barcode-malformed", "The barcode is damaged", "/text", SCAN_AGAIN)
            }
            BarcodeError::AlteredEmv(_) => (
                S::UNPROCESSABLE_ENTITY,
                "barcode-altered",
                "The barcode shows what was not sealed",
                "/text",
                DO_NOT_PAY,
            ),
            BarcodeError::UnknownKey => (
                S::UNPROCESSABLE_ENTITY,
                "barcode-unknown-key",
                "The barcode is not sealed by this server",
                "/text",
                DO_NOT_PAY,
            ),
            BarcodeError::BrokenSeal => (
                S::UNPROCESSABLE_ENTITY,
                "barcode-broken-seal",
                "The barcode's seal is broken",
                "/text",
                DO_NOT_PAY,
            ),
            BarcodeError::BadSignature => (
                S::UNPROCESSABLE_ENTITY,
                "barcode-bad-signature",
                "A device's signature does not fit",
                "/text",
                DO_NOT_PAY,
            ),
            BarcodeError::BrokenCertificate => (
                S::UNPROCESSABLE_ENTITY,
                "barcode-broken-certificate",
                "The till's certificate is broken",
                "/text",
                DO_NOT_PAY,
            ),
            BarcodeError::Expired => (
                S::GONE,
                "barcode-expired",
                "The barcode has expired",
                "/text",
                "ask the payee for a new barcode",
            ),
            BarcodeError::CertificateExpired => (
                S::GONE,
                "till-certificate-expired",
                "The till's certificate has expired",
                "/text",
                "ask the payee to connect the till to the server, and for a new barcode then",
            ),
            BarcodeError::BadKey => (
                S::UNPROCESSABLE_ENTITY,
                "public-key-invalid",
                "The public key is not usable",
                "/public_key",
                "make a new key pair and send its public key: 32 bytes of Ed25519, or a compressed P-256 point",
            ),
            BarcodeError::ImageTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "image-too-large",
                "The picture is too large",
                "body",
                "send at most 8 MiB and 4096 pixels on a side",
            ),
            BarcodeError::ImageFormat => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "image-format",
                "The picture is neither PNG nor JPEG",
                "body",
                "send a PNG or a JPEG",
            ),
            BarcodeError::ImageDamaged => (
                S::UNPROCESSABLE_ENTITY,
                "image-damaged",
                "The picture is damaged",
                "body",
                "take the picture again",
            ),
            BarcodeError::NothingFound => (
                S::UNPROCESSABLE_ENTITY,
                "barcode-not-found",
                "No barcode was found",
                "body",
                "take the picture closer, straighter and in better light",
            ),
            BarcodeError::SeveralBarcodes => (
                S::UNPROCESSABLE_ENTITY,
                "several-barcodes",
                "There are several barcodes",
                "body",
                "take a picture of one of them alone",
            ),
            BarcodeError::BadOrigin
            | BarcodeError::NotACertificate
            | BarcodeError::BadEmvProfile(_)
            | BarcodeError::BadHeadSignature
            | BarcodeError::KeyIdDiffers => {
                return Self::internal(&error);
            }
            BarcodeError::BadRequest(_) => (
                S::UNPROCESSABLE_ENTITY,
                "request-not-a-barcode",
                "The payment request can't be a barcode",
                "/expires_at",
                "send a request that a barcode can carry: what stands in the way is in the detail",
            ),
            BarcodeError::TooLong => (
                S::UNPROCESSABLE_ENTITY,
                "barcode-too-long",
                "The barcode does not fit",
                "error_correction",
                "choose a lower error correction",
            ),
        };
        let text = error.to_string();
        // The text ends with what to do, which is told by itself.
        let detail = match (&error, text.split_once(": ")) {
            (BarcodeError::BadRequest(_), _) | (_, None) => text,
            (_, Some((detail, _))) => detail.to_owned(),
        };
        Self::new(status, slug, title, detail, mend).at(field)
    }
}
