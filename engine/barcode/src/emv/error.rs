//! What can be wrong with an EMV text.

use std::fmt;

/// A field of an EMV text by its id, such as `54`; inside a template `62.05`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmvField {
    /// The template that it is in; none at the root.
    pub template: Option<u8>,
    /// Its own id.
    pub id: u8,
}

impl fmt::Display for EmvField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(template) = self.template {
            write!(f, "{template:02}.")?;
        }
        write!(f, "{:02}", self.id)
    }
}

/// Why an EMV text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmvError {
    /// More than QRCPS gives room for.
    #[error("the EMV barcode is longer than 512 bytes: scan it again")]
    TooLong,
    /// The text does not end with field 63 and a checksum in upper-case hexadecimal.
    #[error("the EMV barcode does not end with its checksum: scan it again")]
    NoChecksum,
    /// The checksum is of another text.
    #[error("the EMV barcode's checksum does not fit: scan it again")]
    Checksum,
    /// Where a field begins are no two digits.
    #[error("the EMV barcode has no field id where a field begins: scan it again")]
    BadId,
    /// The length is no number from 01 to 99.
    #[error("the EMV barcode's field {0} has no length from 01 to 99: scan it again")]
    BadLength(EmvField),
    /// The text or the template ends within the field.
    #[error("the EMV barcode's field {0} is longer than what is left: scan it again")]
    Cut(EmvField),
    /// The field is there twice.
    #[error("the EMV barcode has its field {0} twice: scan it again")]
    Duplicate(EmvField),
    /// The field is not there.
    #[error("the EMV barcode lacks its field {0}: scan it again")]
    Missing(EmvField),
    /// A field that no barcode of ours has, or not in this place.
    #[error("the EMV barcode has a field {0} that does not belong there: ask the payee for a new one")]
    Unexpected(EmvField),
    /// The field's value can't be.
    #[error("the EMV barcode's field {0} has a value that can't be: scan it again")]
    BadValue(EmvField),
    /// Its account is of another scheme, or one of its accounts is.
    #[error("the EMV barcode is of another payment scheme: use the app of that scheme")]
    OtherScheme,
    /// The parts of the sealed payload are not all there, once, in order.
    #[error("the EMV barcode's sealed parts are not all there and in order: scan it again")]
    Parts,
}
