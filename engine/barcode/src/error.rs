//! What can be wrong with a barcode.

/// Why a barcode is refused, or can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BarcodeError {
    /// Longer than any barcode, or not in the alphabet.
    #[error("not a payment barcode: scan it again")]
    NotABarcode,
    /// It opens another server's page.
    #[error("the barcode is for another server than {0}")]
    OtherServer(String),
    /// A version from the future.
    #[error("the barcode has version {0}, this version reads 1: update the software")]
    UnknownVersion(u8),
    /// It ends too early, or something in it can't be.
    #[error("the barcode is damaged at its {0}: scan it again")]
    Malformed(&'static str),
    /// No published key of the server has this id.
    #[error("the barcode is sealed with a key that is not the server's")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the barcode's seal is broken: it is forged or damaged, do not pay")]
    BrokenSeal,
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
    /// Not an origin.
    #[error("not an origin a barcode can carry: give http:// or https:// and a host, with a port if need be")]
    BadOrigin,
    /// A request that no barcode can hold.
    #[error("the payment request can't be a barcode: {0}")]
    BadRequest(&'static str),
    /// Nothing to render, or too much.
    #[error("the text does not fit a QR code of this error correction: choose a lower one")]
    TooLong,
}
