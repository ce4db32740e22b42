//! The EMV form of a barcode, for readers that know nothing of Quittance.
//!
//! "QRCPS" below is the EMV QR Code Specification for Payment Systems, Merchant-Presented Mode, version 1.1,
//! whose sections are named. A text of this form is a row of fields, each an id of two digits, a length of two digits and a
//! value ("Data Organization"). Any reader of QRCPS can name the merchant, the amount, the currency and the reference.
//! The payload of format 1, with its seal, rides along whole, so nothing that is shown has to be believed.
//!
//! | id | what | from where |
//! | --- | --- | --- |
//! | 00 | `01` | |
//! | 01 | `12` for a one-time request, `11` for a reusable one | sealed |
//! | 26 and on | the sealed payload, in parts | sealed |
//! | 52 | merchant category code (ISO 18245) | [`EmvProfile`] |
//! | 53 | currency, the number of ISO 4217 | sealed |
//! | 54 | amount with all decimals of its currency; absent where the payer says it | sealed |
//! | 58, 60 | country and city | [`EmvProfile`] |
//! | 59 | payee's name, at most 25 characters | sealed |
//! | 62 | under 05, the reference, at most 25 characters; absent where there is none | sealed |
//! | 64 | language and the name as it is written; only of names in other scripts than the Latin | both |
//! | 63 | the checksum | |
//!
//! The fields stand in this order, which QRCPS leaves free ("Position of Data Objects"), and there are no others: a
//! barcode and a profile have one EMV text. So nobody can add a tip (55 to 57), another name (64) or another account (02
//! to 51) which a standard reader would show or pay. It is at most 512 bytes long ("Payload Length"), which leaves a
//! till's barcode, with its certificate, room for little more than a short name.
//!
//! # The parts
//!
//! A value has at most 99 characters, and a template is a value. So the payload, in base64url without padding (RFC 4648,
//! section 5), is cut into pieces of 81 characters, the last one shorter; base32 would need a fifth more of the 512. The
//! pieces are in the templates 26, 27 and so on ("Merchant Account Information Template"), each of which holds:
//!
//! | id | what |
//! | --- | --- |
//! | 00 | `FADDAFC189`, the same in all |
//! | `nm` | part `n` of `m`: `13` is the first of three |
//!
//! The first is the globally unique identifier that this section asks for. It is an application identifier of ISO/IEC
//! 7816-4, of its category F, which nobody registers: the nine digits after the F begin the SHA-256 hash of `quittance`. A
//! reversed domain would have to be owned, and a UUID would cost 22 characters more in each template. A reader takes
//! the parts only if all of them are there, once, in order, and cut as above.
//!
//! The server's origin is not in the text, to save room, though the seal covers it. So another server's EMV barcode is
//! not told apart by its address but refused at its key.
//!
//! # What is shown
//!
//! The fields 59 and 62 are in printable ASCII (`ans`, "Data Objects"), so Latin letters lose their accents there and any
//! other character becomes `?`. What is longer than 25 characters is cut. A name with a `?` of ours is in field 64 too, as
//! it is written, cut at 25 characters; [`Rendering`](crate::Rendering) then marks the code as UTF-8. These spellings are
//! part of the format: a sticker on a counter is held against them for years. A reference of `***` is not shown, because
//! QRCPS lets that ask the payer for one.
//!
//! [`SealedBarcode::verify`](crate::SealedBarcode::verify) checks the seal first, and then that the fields show what is
//! sealed: someone who can't forge the seal could still have changed the amount that a standard reader shows. Country,
//! city and category are sealed nowhere and vouched for by nobody; nothing that reads a barcode here tells them.

mod error;
mod latin;
mod parts;
mod profile;
mod shown;
mod tlv;

pub use error::{EmvError, EmvField};
pub use profile::EmvProfile;
pub(crate) use shown::Shown;

use data_encoding::BASE64URL_NOPAD;

use crate::error::BarcodeError;
use crate::payload::RequestDetails;
use tlv::{Fields, push, push_checksum};

/// The longest EMV text: 512 alphanumeric characters, and fewer where some take more than a byte (QRCPS, "Payload Length").
const MAX_BYTES: usize = 512;

/// The field 00, which comes first and has this value alone (QRCPS, "Payload Format Indicator").
const START: &str = "000201";

/// Whether a text is meant to be of this form, ours or another scheme's.
pub(crate) fn is_emv(text: &str) -> bool {
    text.starts_with(START)
}

/// Whether a text is of this form and has an account of ours. It may still be damaged, or not ours to pay.
pub(crate) fn is_ours(text: &str) -> bool {
    is_emv(text) && text.contains(parts::IDENTIFIER)
}

/// The EMV text of a payload with its seal.
pub(crate) fn encode(
    payload: &[u8],
    details: &RequestDetails,
    profile: &EmvProfile,
) -> Result<String, BarcodeError> {
    let shown = Shown::of(details);
    let currency = shown.currency.ok_or(BarcodeError::BadRequest(
        "an EMV barcode has a currency of ISO 4217: show the ordinary barcode",
    ))?;
    if shown.amount.as_ref().is_some_and(|amount| amount.len() > shown::MAX_AMOUNT_CHARS) {
        return Err(BarcodeError::BadRequest(
            "an EMV barcode has room for an amount of 13 characters: show the ordinary barcode",
        ));
    }
    let mut text = START.to_owned();
    push(&mut text, shown::INITIATION, shown.initiation);
    parts::push_all(&mut text, &BASE64URL_NOPAD.encode(payload));
    push(&mut text, profile::CATEGORY_CODE, &profile.category_code);
    push(&mut text, shown::CURRENCY, &currency);
    if let Some(amount) = &shown.amount {
        push(&mut text, shown::AMOUNT, amount);
    }
    push(&mut text, profile::COUNTRY, &profile.country);
    push(&mut text, shown::NAME, &shown.name);
    push(&mut text, profile::CITY, &profile.city);
    if let Some(reference) = &shown.reference {
        let mut additional = String::new();
        push(&mut additional, shown::REFERENCE_LABEL, reference);
        push(&mut text, shown::ADDITIONAL_DATA, &additional);
    }
    if let Some(name) = &shown.name_as_written {
        let mut local = String::new();
        push(&mut local, profile::LANGUAGE, &profile.language);
        push(&mut local, shown::LOCAL_NAME, name);
        push(&mut text, shown::LOCAL, &local);
    }
    push_checksum(&mut text);
    if text.len() > MAX_BYTES {
        return Err(BarcodeError::BadRequest(
            "its EMV barcode would be longer than 512 bytes: shorten the reference, or show the ordinary barcode",
        ));
    }
    Ok(text)
}

/// Reads what [`encode`] wrote: the payload with its seal, and what the fields around it show.
pub(crate) fn decode(text: &str) -> Result<(Vec<u8>, Shown), EmvError> {
    if text.len() > MAX_BYTES {
        return Err(EmvError::TooLong);
    }
    tlv::check_checksum(text)?;
    let mut fields = Fields::read(text, None)?;
    fields.need(0)?;
    let initiation = shown::read_initiation(fields.need(shown::INITIATION)?)?;
    let payload = parts::take_all(&mut fields)?;
    let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).map_err(|_| EmvError::Parts)?;
    let category_code = fields.need(profile::CATEGORY_CODE)?;
    let currency = Some(fields.need(shown::CURRENCY)?.to_owned());
    let amount = fields.take(shown::AMOUNT).map(str::to_owned);
    let country = fields.need(profile::COUNTRY)?;
    let name = fields.need(shown::NAME)?.to_owned();
    let city = fields.need(profile::CITY)?;
    profile::check(country, city, category_code)?;
    let reference = match fields.take(shown::ADDITIONAL_DATA) {
        Some(additional) => {
            let mut additional = Fields::read(additional, Some(shown::ADDITIONAL_DATA))?;
            let reference = additional.need(shown::REFERENCE_LABEL)?;
            additional.end()?;
            Some(reference.to_owned())
        }
        None => None,
    };
    let name_as_written = match fields.take(shown::LOCAL) {
        Some(local) => {
            let mut local = Fields::read(local, Some(shown::LOCAL))?;
            profile::check_language(local.need(profile::LANGUAGE)?)?;
            let name = local.need(shown::LOCAL_NAME)?;
            local.end()?;
            Some(name.to_owned())
        }
        None => None,
    };
    // That the text ends like a checksum does not say that its last field is one.
    if fields.need(tlv::CHECKSUM)?.len() != tlv::CHECKSUM_CHARS {
        return Err(EmvError::NoChecksum);
    }
    fields.end()?;
    Ok((payload, Shown { initiation, currency, amount, name, reference, name_as_written }))
}
