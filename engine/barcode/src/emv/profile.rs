//! What an EMV barcode has to say of a merchant that no payment request knows.

use super::error::{EmvError, EmvField};
use crate::error::BarcodeError;

pub(super) const CATEGORY_CODE: u8 = 52;
pub(super) const COUNTRY: u8 = 58;
pub(super) const CITY: u8 = 60;
/// Inside the language template.
pub(super) const LANGUAGE: u8 = 0;

const MAX_CITY_CHARS: usize = 15;

/// Where the merchants of a server are, and what they sell, as EMV barcodes must say (QRCPS, "Additional
/// Merchant Information"). No seal covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmvProfile {
    pub(super) country: String,
    pub(super) city: String,
    pub(super) category_code: String,
    pub(super) language: String,
}

impl Default for EmvProfile {
    /// For a server that does not know: the country `ZZ`, which ISO 3166-1 leaves to its users, the city `UNKNOWN`, the
    /// category `0000`, which Brazil's Pix prescribes for this, and English.
    fn default() -> Self {
        Self {
            country: "ZZ".to_owned(),
            city: "UNKNOWN".to_owned(),
            category_code: "0000".to_owned(),
            language: "EN".to_owned(),
        }
    }
}

impl EmvProfile {
    /// A profile of a country (ISO 3166-1, two capitals), a city (1 to 15 characters of printable ASCII) and a merchant
    /// category code (ISO 18245, four digits). Names in other scripts than the Latin are taken to be English.
    ///
    /// # Errors
    /// One of them is not so.
    pub fn new(country: &str, city: &str, category_code: &str) -> Result<Self, BarcodeError> {
        check(country, city, category_code).map_err(|error| {
            BarcodeError::BadEmvProfile(match error {
                EmvError::BadValue(EmvField { id: COUNTRY, .. }) => {
                    "give the country as two capitals of ISO 3166-1, such as DE"
                }
                EmvError::BadValue(EmvField { id: CITY, .. }) => {
                    "give the city as 1 to 15 characters of printable ASCII, with no space at an end"
                }
                _ => "give the merchant category code as four digits of ISO 18245, or 0000",
            })
        })?;
        Ok(Self {
            country: country.to_owned(),
            city: city.to_owned(),
            category_code: category_code.to_owned(),
            ..Self::default()
        })
    }

    /// The same profile with the language that names in other scripts than the Latin are in (ISO 639-1, two capitals).
    ///
    /// # Errors
    /// It is not so.
    pub fn with_language(self, language: &str) -> Result<Self, BarcodeError> {
        check_language(language).map_err(|_| {
            BarcodeError::BadEmvProfile("give the language as two capitals of ISO 639-1, such as JA")
        })?;
        Ok(Self { language: language.to_owned(), ..self })
    }
}

/// Checks the fields that a profile gives.
pub(super) fn check(country: &str, city: &str, category_code: &str) -> Result<(), EmvError> {
    let bad = |id| Err(EmvError::BadValue(EmvField { template: None, id }));
    let is_city = city.trim() == city
        && (1..=MAX_CITY_CHARS).contains(&city.len())
        && city.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if category_code.len() != 4 || !category_code.bytes().all(|byte| byte.is_ascii_digit()) {
        return bad(CATEGORY_CODE);
    }
    if !is_two_capitals(country) {
        return bad(COUNTRY);
    }
    if is_city { Ok(()) } else { bad(CITY) }
}

/// Checks the field of the language template that a profile gives.
pub(super) fn check_language(language: &str) -> Result<(), EmvError> {
    let field = EmvField { template: Some(super::shown::LOCAL), id: LANGUAGE };
    if is_two_capitals(language) { Ok(()) } else { Err(EmvError::BadValue(field)) }
}

fn is_two_capitals(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}
