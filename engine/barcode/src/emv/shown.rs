//! What a standard reader shows of a request, and whether that is what was sealed.

use quittance_ledger::Usage;

use super::error::{EmvError, EmvField};
use super::latin::{self, Latin};
use crate::error::BarcodeError;
use crate::payload::RequestDetails;

pub(super) const INITIATION: u8 = 1;
pub(super) const CURRENCY: u8 = 53;
pub(super) const AMOUNT: u8 = 54;
pub(super) const NAME: u8 = 59;
pub(super) const ADDITIONAL_DATA: u8 = 62;
/// Inside the additional data.
pub(super) const REFERENCE_LABEL: u8 = 5;
pub(super) const LOCAL: u8 = 64;
/// Inside the language template.
pub(super) const LOCAL_NAME: u8 = 1;

pub(super) const MAX_AMOUNT_CHARS: usize = 13;
const MAX_TEXT_CHARS: usize = 25;

/// The same code is shown for many transactions, or for one (QRCPS, "Point of Initiation Method").
const STATIC: &str = "11";
const DYNAMIC: &str = "12";

/// What asks the payer to type the value (QRCPS, "Additional Data Field Template").
const ASK_PAYER: &str = "***";

/// The fields that repeat what is sealed, as they stand in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(super) initiation: &'static str,
    /// None of a private currency.
    pub(super) currency: Option<String>,
    pub(super) amount: Option<String>,
    pub(super) name: String,
    pub(super) reference: Option<String>,
    /// Where the name alone would not tell who it is.
    pub(super) name_as_written: Option<String>,
}

impl Shown {
    /// What is to be shown of a request.
    pub(super) fn of(details: &RequestDetails) -> Self {
        let Latin { text: name, is_whole } = latin::shown(details.payee_name.as_str(), MAX_TEXT_CHARS);
        let as_written = || {
            let cut: String = details.payee_name.as_str().chars().take(MAX_TEXT_CHARS).collect();
            cut.trim_end().to_owned()
        };
        let reference = details.reference.map(|text| latin::shown(text.as_str(), MAX_TEXT_CHARS).text);
        Self {
            initiation: if details.usage == Usage::OneTime { DYNAMIC } else { STATIC },
            currency: details.currency.code().numeric().map(|number| format!("{number:03}")),
            // An amount is below i64::MAX by far.
            amount: details.amount.map(|amount| details.currency.decimal(amount.get().cast_signed())),
            name,
            reference: reference.filter(|text| text != ASK_PAYER),
            name_as_written: if is_whole { None } else { Some(as_written()) },
        }
    }

    /// Checks that what a text shows is what its seal covers.
    pub(crate) fn check(&self, sealed: &RequestDetails) -> Result<(), BarcodeError> {
        let sealed = Self::of(sealed);
        let is_same = [
            ("usage", self.initiation == sealed.initiation),
            ("currency", self.currency == sealed.currency),
            ("amount", self.amount == sealed.amount),
            ("name", self.name == sealed.name && self.name_as_written == sealed.name_as_written),
            ("reference", self.reference == sealed.reference),
        ];
        match is_same.into_iter().find(|(_, is_same)| !is_same) {
            Some((field, _)) => Err(BarcodeError::AlteredEmv(field)),
            None => Ok(()),
        }
    }
}

/// Reads the point of initiation.
pub(super) fn read_initiation(value: &str) -> Result<&'static str, EmvError> {
    let known = [STATIC, DYNAMIC].into_iter().find(|known| *known == value);
    known.ok_or(EmvError::BadValue(EmvField { template: None, id: INITIATION }))
}
