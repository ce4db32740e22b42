//! From a text to what is to be paid: read, then verified.

use data_encoding::BASE32_NOPAD;
use quittance_ledger::{DeviceId, DeviceKey, PaymentKind, Terms, Timestamp};

use crate::bytes::Reader;
use crate::device_key::verify_device_signature;
use crate::emv::{self, EmvProfile, Shown};
use crate::error::BarcodeError;
use crate::origin::Origin;
use crate::payload::{RequestDetails, VERSION, read_seconds};
use crate::seal::{Domain, KeyId, ServerKeys, certified, message};

/// The longest text that is looked at.
pub const MAX_TEXT_BYTES: usize = 1_024;

/// A barcode that reads, and that nobody vouches for yet: it says nothing of what is to be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBarcode {
    origin: Origin,
    /// Everything the seal covers.
    signed: Vec<u8>,
    details: RequestDetails,
    key: KeyId,
    till: Option<Till>,
    seal: [u8; 64],
    /// What a text of the EMV form shows beside the payload.
    emv: Option<Shown>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Till {
    pub(crate) device: DeviceKey,
    pub(crate) certified_until: Timestamp,
    pub(crate) signature: [u8; 64],
}

/// Who sealed a barcode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealer {
    /// The server.
    Server,
    /// A till, under a certificate of the server.
    Till {
        /// The till's key.
        device: DeviceKey,
        /// When the certificate ends.
        certified_until: Timestamp,
    },
}

/// A barcode whose seal was checked. Nothing else makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedBarcode {
    details: RequestDetails,
    sealer: Sealer,
}

impl SealedBarcode {
    /// Reads the text of a barcode of this server, of the ordinary form or of the EMV form.
    ///
    /// # Errors
    /// It is no barcode, another server's, of another version, or damaged.
    pub fn parse(text: &str, origin: &Origin) -> Result<Self, BarcodeError> {
        if text.len() <= MAX_TEXT_BYTES && emv::is_emv(text) {
            let (payload, shown) = emv::decode(text)?;
            return Ok(Self { emv: Some(shown), ..Self::parse_payload(&payload, origin)? });
        }
        if text.len() > MAX_TEXT_BYTES || !text.starts_with("HTTP") {
            return Err(BarcodeError::NotABarcode);
        }
        let payload = text
            .strip_prefix(&origin.prefix())
            .ok_or_else(|| BarcodeError::OtherServer(origin.to_string()))?;
        check_version(payload)?;
        let payload = BASE32_NOPAD.decode(payload.as_bytes()).map_err(|_| BarcodeError::Malformed("text"))?;
        Self::parse_payload(&payload, origin)
    }

    fn parse_payload(payload: &[u8], origin: &Origin) -> Result<Self, BarcodeError> {
        let mut reader = Reader::new(payload);
        let (details, key, by_till) = RequestDetails::decode(&mut reader)?;
        let till = if by_till { Some(read_till(&mut reader)?) } else { None };
        let signed_len = payload.len().saturating_sub(reader.left());
        let seal = reader.array("seal")?;
        if reader.left() != 0 {
            return Err(BarcodeError::Malformed("end"));
        }
        let signed = payload.get(..signed_len).unwrap_or_default().to_vec();
        Ok(Self { origin: origin.clone(), signed, details, key, till, seal, emv: None })
    }

    /// The barcode in the EMV form, which standard readers can show. It says of the merchant what no request knows from
    /// the profile.
    ///
    /// # Errors
    /// The form has no room for it, or the currency is private.
    pub fn to_emv(&self, profile: &EmvProfile) -> Result<String, BarcodeError> {
        emv::encode(&[self.signed.as_slice(), &self.seal].concat(), &self.details, profile)
    }

    /// Checks the seal against the server's published keys, without asking the server; and of the EMV form, that it shows
    /// what is sealed.
    ///
    /// # Errors
    /// The key is not the server's, the seal or the till's certificate does not fit, or the EMV form was altered.
    pub fn verify(self, keys: &ServerKeys) -> Result<VerifiedBarcode, BarcodeError> {
        let sealer = self.check_seal(keys)?;
        if let Some(shown) = &self.emv {
            shown.check(&self.details)?;
        }
        Ok(VerifiedBarcode { details: self.details, sealer })
    }

    fn check_seal(&self, keys: &ServerKeys) -> Result<Sealer, BarcodeError> {
        let signed = message(Domain::Barcode, &self.origin, &self.signed);
        let Some(till) = &self.till else {
            return if keys.verify(self.key, &signed, &self.seal)? {
                Ok(Sealer::Server)
            } else {
                Err(BarcodeError::BrokenSeal)
            };
        };
        let RequestDetails { payee, currency, payee_name, .. } = &self.details;
        let certified =
            certified(self.key, &till.device, *payee, currency, payee_name, till.certified_until)?;
        if !keys.verify(self.key, &message(Domain::Certificate, &self.origin, &certified), &till.signature)? {
            return Err(BarcodeError::BrokenCertificate);
        }
        verify_device_signature(&till.device, &signed, &self.seal).map_err(|error| match error {
            BarcodeError::BadSignature => BarcodeError::BrokenSeal,
            other => other,
        })?;
        Ok(Sealer::Till { device: till.device.clone(), certified_until: till.certified_until })
    }
}

/// Reads the version alone: what comes after it in a later version may not even be base32.
fn check_version(payload: &str) -> Result<(), BarcodeError> {
    let start = payload.get(..8).and_then(|start| BASE32_NOPAD.decode(start.as_bytes()).ok());
    match start.as_deref() {
        Some([version, ..]) if *version != VERSION => Err(BarcodeError::UnknownVersion(*version)),
        _ => Ok(()),
    }
}

pub(crate) fn read_till(reader: &mut Reader<'_>) -> Result<Till, BarcodeError> {
    const FIELD: &str = "till certificate";
    let device = match reader.byte(FIELD)? {
        1 => DeviceKey::ed25519(reader.array(FIELD)?),
        2 => DeviceKey::p256(reader.array(FIELD)?),
        _ => return Err(BarcodeError::Malformed(FIELD)),
    };
    Ok(Till { device, certified_until: read_seconds(reader, FIELD)?, signature: reader.array(FIELD)? })
}

impl VerifiedBarcode {
    /// What is to be paid, and to whom.
    #[must_use]
    pub const fn details(&self) -> &RequestDetails {
        &self.details
    }

    /// Who sealed it.
    #[must_use]
    pub const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The terms that a payment must meet. Where the barcode does not say everything, its server's own are to be taken.
    #[must_use]
    pub fn terms(&self) -> Terms {
        let till: Option<DeviceId> = match &self.sealer {
            Sealer::Server => None,
            Sealer::Till { device, .. } => Some(device.device_id()),
        };
        let RequestDetails { request, amount, usage, expires_at, .. } = self.details;
        Terms { request, amount, usage, expires_at, till, kind: PaymentKind::Standard }
    }

    /// Checks that the barcode may still be paid at `now`.
    ///
    /// # Errors
    /// The request, or the certificate of the till, has expired.
    pub fn check_expiry(&self, now: Timestamp) -> Result<(), BarcodeError> {
        if self.details.expires_at.is_some_and(|at| at <= now) {
            return Err(BarcodeError::Expired);
        }
        match &self.sealer {
            Sealer::Till { certified_until, .. } if *certified_until <= now => {
                Err(BarcodeError::CertificateExpired)
            }
            _ => Ok(()),
        }
    }
}
