//! Barcodes whose seals were checked lately. A code is often read more than once: it is looked at before it is paid, and the
//! one on a counter is paid all day. A seal is good or not for ever, so nothing here goes stale; what depends on the time or on
//! trust is not kept.

use quick_cache::sync::Cache;
use quittance_barcode::{BarcodeError, VerifiedBarcode};

/// How many are kept: some four megabytes.
const KEPT: usize = 8_192;

/// The barcodes, by the BLAKE3 hash of their text.
#[derive(Debug)]
pub(crate) struct Unsealed(Cache<[u8; 32], VerifiedBarcode>);

impl Default for Unsealed {
    fn default() -> Self {
        Self(Cache::new(KEPT))
    }
}

impl Unsealed {
    /// The barcode of this text: the one that is kept, or the one that `verify` makes. One that is not good is not kept.
    pub(crate) fn get_or_verify(
        &self,
        text: &str,
        verify: impl FnOnce() -> Result<VerifiedBarcode, BarcodeError>,
    ) -> Result<VerifiedBarcode, BarcodeError> {
        let key = *blake3::hash(text.as_bytes()).as_bytes();
        if let Some(known) = self.0.get(&key) {
            return Ok(known);
        }
        let barcode = verify()?;
        self.0.insert(key, barcode.clone());
        Ok(barcode)
    }
}

#[cfg(test)]
mod tests {
    use quittance_barcode::{Origin, RequestDetails, SealedBarcode, ServerKey, ServerKeys};
    use quittance_ledger::{Currency, Usage, WalletId};

    use super::*;

    #[test]
    fn only_what_was_found_good_is_kept() {
        let origin: Origin = "https://pay.example".parse().unwrap();
        let key = ServerKey::from_secret(&[7; 32]);
        let keys = ServerKeys::new(&[key.public()]).unwrap();
        let details = RequestDetails {
            request: "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b".parse().unwrap(),
            payee: WalletId::from_bytes([3; 16]).unwrap(),
            currency: Currency::new("EUR".parse().unwrap(), None).unwrap(),
            amount: None,
            usage: Usage::Reusable,
            expires_at: None,
            payee_name: "Café".parse().unwrap(),
            reference: None,
            has_more: false,
        };
        let text = key.seal(&details, &origin).unwrap();
        let verify = |text: &str| SealedBarcode::parse(text, &origin)?.verify(&keys);
        let unsealed = Unsealed::default();
        let end = text.char_indices().next_back().map(|(at, last)| (at, if last == 'A' { 'B' } else { 'A' }));
        let forged = end.map(|(at, other)| format!("{}{other}", &text[..at])).unwrap();
        for _ in 0..2 {
            assert!(unsealed.get_or_verify(&forged, || verify(&forged)).is_err());
            assert_eq!(unsealed.get_or_verify(&text, || verify(&text)), verify(&text));
        }
        let not_asked = || Err(BarcodeError::NotABarcode);
        assert_eq!(unsealed.get_or_verify(&text, not_asked), verify(&text));
        assert!(unsealed.get_or_verify(&forged, not_asked).is_err());
    }
}
