//! What can be wrong with a barcode.

use crate::emv::EmvError;

/// Why a barcode is refused, or can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BarcodeError {
    /// Longer than any barcode, or not in the alphabet.
    #[error("not a payment barcode: scan it again")]
    NotABarcode,
    /// A barcode, or a till's certificate, of another server.
    #[error("it is for another server than {0}: use that server's app or page")]
    OtherServer(String),
    /// A version from the future.
    #[error("the barcode has version {0}, this version reads 1: update the software")]
    UnknownVersion(u8),
    /// It ends too early, or something in it can't be.
    #[error("the barcode is damaged at its {0}: scan it again")]
    Malformed(&'static str),
    /// A text of the EMV form that does not read.
    #[error(transparent)]
    Emv(#[from] EmvError),
    /// What a standard reader shows of an EMV barcode differs from what was sealed.
    #[error("the EMV barcode shows another {0} than was sealed: it was altered, do not pay")]
    AlteredEmv(&'static str),
    /// What an EMV barcode shall say of the merchant can't stand in one.
    #[error("the EMV profile can't be: {0}")]
    BadEmvProfile(&'static str),
    /// No published key of the server has this id.
    #[error("the barcode is sealed with a key that is not the server's")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the barcode's seal is broken: it is forged or damaged, do not pay")]
    BrokenSeal,
    /// A device's signature, of something else than a barcode, does not fit.
    #[error(
        "the signature does not fit the key and what was signed: sign exactly what is sent, a P-256 one with low s"
    )]
    BadSignature,
    /// A head of the journal is not signed by a key of the server.
    #[error(
        "no published key of the server signed it so: it is forged, damaged, or signed with a newer key, fetch those"
    )]
    BadHeadSignature,
    /// The certificate of the till does not fit.
    #[error("the till's certificate is broken: the barcode is forged or damaged, do not pay")]
    BrokenCertificate,
    /// The request is over.
    #[error("the barcode has expired: ask the payee for a new one")]
    Expired,
    /// The till must fetch a new certificate.
    #[error("the till's certificate has expired: the till must connect to the server and fetch a new one")]
    CertificateExpired,
    /// Not a key.
    #[error("not a usable public key: give 32 bytes of Ed25519, or a compressed P-256 point of 33 bytes")]
    BadKey,
    /// A published key under an id that is not its own.
    #[error("a key has an id that is not its own: get the server's keys anew, in a way that can be trusted")]
    KeyIdDiffers,
    /// Not an origin.
    #[error("not an origin a barcode can carry: give http:// or https:// and a host, with a port if need be")]
    BadOrigin,
    /// A request that no barcode can hold.
    #[error("the payment request can't be a barcode: {0}")]
    BadRequest(&'static str),
    /// Nothing to render, or too much.
    #[error("the text does not fit a QR code of this error correction: choose a lower one")]
    TooLong,
    /// The picture has too many bytes or pixels.
    #[error("the picture is too large: send at most 8 MiB and 4096 pixels on a side")]
    ImageTooLarge,
    /// Neither PNG nor JPEG.
    #[error("the picture is neither PNG nor JPEG: send one of these")]
    ImageFormat,
    /// The file of the picture does not decode.
    #[error("the picture is damaged: take it again")]
    ImageDamaged,
    /// No code in the picture can be read.
    #[error("no barcode was found in the picture: take it closer, straighter and in better light")]
    NothingFound,
    /// More than one code in the picture may be meant.
    #[error("there are several barcodes in the picture: take one of them alone")]
    SeveralBarcodes,
    /// The text is no till certificate.
    #[error("not a till certificate: fetch it from the server again")]
    NotACertificate,
}
