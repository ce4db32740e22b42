//! The fields of a barcode that its seal covers, and their bytes.

use quittance_ledger::{
    Amount, Currency, CurrencyCode, Name, PaymentRequestId, Reference, Timestamp, Usage, WalletId,
};

use crate::bytes::{Reader, push_text};
use crate::error::BarcodeError;
use crate::seal::KeyId;

pub(crate) const VERSION: u8 = 1;

const HAS_AMOUNT: u8 = 1;
const ONE_TIME: u8 = 2;
const HAS_EXPIRY: u8 = 4;
const BY_TILL: u8 = 8;
const PRIVATE_CURRENCY: u8 = 16;
const HAS_MORE: u8 = 32;
/// Paid in parts. Of these the server always knows more.
const IN_PARTS: u8 = 64;
const KNOWN_FLAGS: u8 = HAS_AMOUNT | ONE_TIME | HAS_EXPIRY | BY_TILL | PRIVATE_CURRENCY | HAS_MORE | IN_PARTS;

/// What a payee asks for, as a barcode carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDetails {
    /// The request's id.
    pub request: PaymentRequestId,
    /// The wallet to be paid into.
    pub payee: WalletId,
    /// The wallet's currency.
    pub currency: Currency,
    /// The amount; none where the payer says it.
    pub amount: Option<Amount>,
    /// How often it may be paid.
    pub usage: Usage,
    /// When it ends. Barcodes count whole seconds: what is below is cut off.
    pub expires_at: Option<Timestamp>,
    /// Whom the payer pays.
    pub payee_name: Name,
    /// What ties the payment to the payee's books.
    pub reference: Option<Reference>,
    /// Whether the server knows more of the request than its barcode says, such as that it is paid in parts: whoever is
    /// about to pay asks the server first. Never of a till, which has nothing at the server yet.
    pub has_more: bool,
}

impl RequestDetails {
    /// The payload up to where a till's certificate or the seal begins.
    pub(crate) fn encode(&self, key: KeyId, by_till: bool) -> Result<Vec<u8>, BarcodeError> {
        if self.usage != Usage::Reusable && self.expires_at.is_none() {
            return Err(BarcodeError::BadRequest("a request that is not reusable needs an expiry"));
        }
        if self.usage == Usage::Parts && !self.has_more {
            return Err(BarcodeError::BadRequest("of a request in parts the server knows more"));
        }
        if by_till && self.has_more {
            return Err(BarcodeError::BadRequest("the server knows nothing more of a till's request"));
        }
        let code = self.currency.code();
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(self.amount.is_some(), HAS_AMOUNT)
            | flag(self.usage == Usage::OneTime, ONE_TIME)
            | flag(self.expires_at.is_some(), HAS_EXPIRY)
            | flag(by_till, BY_TILL)
            | flag(code.is_private(), PRIVATE_CURRENCY)
            | flag(self.has_more, HAS_MORE)
            | flag(self.usage == Usage::Parts, IN_PARTS);
        let mut bytes = vec![VERSION, flags];
        bytes.extend_from_slice(&key.to_bytes());
        bytes.extend_from_slice(&self.request.to_bytes());
        bytes.extend_from_slice(&self.payee.to_bytes());
        push_currency(&mut bytes, &self.currency);
        if let Some(amount) = self.amount {
            bytes.extend_from_slice(&amount.get().to_be_bytes());
        }
        if let Some(at) = self.expires_at {
            bytes.extend_from_slice(&seconds(at)?);
        }
        push_text(&mut bytes, self.payee_name.as_str());
        push_text(&mut bytes, self.reference.as_ref().map_or("", Reference::as_str));
        Ok(bytes)
    }

    /// Reads what [`RequestDetails::encode`] wrote; also the key's id, and whether a till sealed it.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<(Self, KeyId, bool), BarcodeError> {
        let version = reader.byte("version")?;
        if version != VERSION {
            return Err(BarcodeError::UnknownVersion(version));
        }
        let flags = reader.byte("flags")?;
        if flags & !KNOWN_FLAGS != 0 {
            return Err(BarcodeError::Malformed("flags"));
        }
        let has = |flag| flags & flag != 0;
        let has_more = has(HAS_MORE);
        if has_more && has(BY_TILL) {
            return Err(BarcodeError::Malformed("flags"));
        }
        let key = KeyId::from_bytes(reader.array("key")?);
        let bad = |field| move |_| BarcodeError::Malformed(field);
        let request = PaymentRequestId::from_bytes(reader.array("request")?).map_err(bad("request"))?;
        let payee = WalletId::from_bytes(reader.array("payee")?).map_err(bad("payee"))?;
        let currency = read_currency(reader, has(PRIVATE_CURRENCY))?;
        let amount = if has(HAS_AMOUNT) {
            let amount = u64::from_be_bytes(reader.array("amount")?);
            Some(Amount::new(amount).map_err(|_| BarcodeError::Malformed("amount"))?)
        } else {
            None
        };
        let expires_at = if has(HAS_EXPIRY) { Some(read_seconds(reader, "expiry")?) } else { None };
        let usage = match (has(ONE_TIME), has(IN_PARTS)) {
            (true, false) => Usage::OneTime,
            (false, false) => Usage::Reusable,
            (false, true) if has_more => Usage::Parts,
            (_, true) => return Err(BarcodeError::Malformed("flags")),
        };
        if usage != Usage::Reusable && expires_at.is_none() {
            return Err(BarcodeError::Malformed("expiry"));
        }
        let payee_name =
            reader.text("payee name")?.parse().map_err(|_| BarcodeError::Malformed("payee name"))?;
        let reference = match reader.text("reference")? {
            "" => None,
            text => Some(text.parse().map_err(|_| BarcodeError::Malformed("reference"))?),
        };
        let details =
            Self { request, payee, currency, amount, usage, expires_at, payee_name, reference, has_more };
        Ok((details, key, has(BY_TILL)))
    }
}

pub(crate) fn push_currency(bytes: &mut Vec<u8>, currency: &Currency) {
    let code = currency.code();
    if code.is_private() {
        push_text(bytes, code.as_str());
        bytes.push(currency.exponent());
    } else {
        bytes.extend_from_slice(code.as_str().as_bytes());
    }
}

pub(crate) fn read_currency(reader: &mut Reader<'_>, is_private: bool) -> Result<Currency, BarcodeError> {
    const FIELD: &str = "currency";
    let bad = || BarcodeError::Malformed(FIELD);
    let (code, exponent): (CurrencyCode, _) = if is_private {
        let code = reader.text(FIELD)?.parse().map_err(|_| bad())?;
        (code, Some(reader.byte(FIELD)?))
    } else {
        let code = reader.array::<3>(FIELD)?;
        (std::str::from_utf8(&code).ok().and_then(|code| code.parse().ok()).ok_or_else(bad)?, None)
    };
    if code.is_private() != is_private {
        return Err(bad());
    }
    Currency::new(code, exponent).map_err(|_| bad())
}

pub(crate) fn seconds(at: Timestamp) -> Result<[u8; 4], BarcodeError> {
    let seconds = u32::try_from(at.as_secs())
        .map_err(|_| BarcodeError::BadRequest("its expiry is past the year 2105"))?;
    Ok(seconds.to_be_bytes())
}

pub(crate) fn read_seconds(reader: &mut Reader<'_>, field: &'static str) -> Result<Timestamp, BarcodeError> {
    Ok(Timestamp::from_secs(u64::from(u32::from_be_bytes(reader.array(field)?))))
}
