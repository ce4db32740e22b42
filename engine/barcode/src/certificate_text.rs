//! A till's certificate as one line of text, for the file that an offline till keeps it in. It holds no secret.

use data_encoding::BASE32_NOPAD;
use quittance_ledger::{Currency, DeviceKey, Name, Timestamp, WalletId};

use crate::bytes::{Reader, push_text};
use crate::device_key::check_device_key;
use crate::error::BarcodeError;
use crate::origin::Origin;
use crate::parse::{MAX_TEXT_BYTES, Till, read_till};
use crate::payload::{push_currency, read_currency, seconds};
use crate::seal::{Domain, KeyId, ServerKeys, TillCertificate, algorithm_number, certified, message};

/// What every certificate's text begins with. The number is the version of what follows.
const PREFIX: &str = "QUITTANCE-TILL-1:";

impl TillCertificate {
    /// The certificate as one line of text, for a file.
    ///
    /// # Errors
    /// None that a certificate can give that was made or read by this crate.
    pub fn to_text(&self) -> Result<String, BarcodeError> {
        let mut bytes = Vec::new();
        push_text(&mut bytes, self.origin.as_str());
        bytes.extend_from_slice(&self.key.to_bytes());
        bytes.extend_from_slice(&self.payee.to_bytes());
        bytes.push(u8::from(self.currency.code().is_private()));
        push_currency(&mut bytes, &self.currency);
        push_text(&mut bytes, self.payee_name.as_str());
        bytes.push(algorithm_number(self.device.algorithm()));
        bytes.extend_from_slice(self.device.as_bytes());
        bytes.extend_from_slice(&seconds(self.expires_at)?);
        bytes.extend_from_slice(&self.signature);
        Ok(format!("{PREFIX}{}", BASE32_NOPAD.encode(&bytes)))
    }

    /// Reads the text of a certificate for this server, and only the one that [`TillCertificate::to_text`] gives.
    /// Whether the server signed it, [`TillCertificate::verify`] tells.
    ///
    /// # Errors
    /// It is something else, another server's, or damaged.
    pub fn parse(text: &str, origin: &Origin) -> Result<Self, BarcodeError> {
        read(text, origin).map_err(|error| match error {
            BarcodeError::Malformed(_) => BarcodeError::NotACertificate,
            other => other,
        })
    }

    /// The wallet that the till asks for payments into.
    #[must_use]
    pub const fn payee(&self) -> WalletId {
        self.payee
    }

    /// The wallet's currency.
    #[must_use]
    pub const fn currency(&self) -> &Currency {
        &self.currency
    }

    /// The name that payers are shown.
    #[must_use]
    pub const fn payee_name(&self) -> &Name {
        &self.payee_name
    }

    /// The till's key.
    #[must_use]
    pub const fn device_key(&self) -> &DeviceKey {
        &self.device
    }

    /// When the till must fetch a new one.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Checks that a key of the server signed the certificate.
    ///
    /// # Errors
    /// The key is not the server's, or the signature does not fit.
    pub fn verify(&self, keys: &ServerKeys) -> Result<(), BarcodeError> {
        let Self { key, device, payee, currency, payee_name, expires_at, .. } = self;
        let certified = certified(*key, device, *payee, currency, payee_name, *expires_at)?;
        let message = message(Domain::Certificate, &self.origin, &certified);
        if keys.verify(*key, &message, &self.signature)? {
            Ok(())
        } else {
            Err(BarcodeError::BrokenCertificate)
        }
    }
}

fn read(text: &str, origin: &Origin) -> Result<TillCertificate, BarcodeError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(BarcodeError::NotACertificate);
    }
    let base32 = text.strip_prefix(PREFIX).ok_or(BarcodeError::NotACertificate)?;
    let bytes = BASE32_NOPAD.decode(base32.as_bytes()).map_err(|_| BarcodeError::NotACertificate)?;
    let mut reader = Reader::new(&bytes);
    if reader.text("origin")? != origin.as_str() {
        return Err(BarcodeError::OtherServer(origin.to_string()));
    }
    let key = KeyId::from_bytes(reader.array("key")?);
    let payee = WalletId::from_bytes(reader.array("payee")?).map_err(|_| BarcodeError::NotACertificate)?;
    let is_private = match reader.byte("currency")? {
        0 => false,
        1 => true,
        _ => return Err(BarcodeError::NotACertificate),
    };
    let currency = read_currency(&mut reader, is_private)?;
    let payee_name = reader.text("payee name")?.parse().map_err(|_| BarcodeError::NotACertificate)?;
    let Till { device, certified_until: expires_at, signature } = read_till(&mut reader)?;
    check_device_key(&device)?;
    if reader.left() != 0 {
        return Err(BarcodeError::NotACertificate);
    }
    let origin = origin.clone();
    Ok(TillCertificate { origin, key, device, payee, currency, payee_name, expires_at, signature })
}
