//! Text that somebody has scanned.

use quittance_barcode::{EmvProfile, Origin, SealedBarcode, ServerKey, ServerKeys, TillCertificate};

/// Of the seeds, too.
pub(crate) const ORIGIN: &str = "https://pay.example.com";
pub(crate) const SECRET: [u8; 32] = [7; 32];

/// What is read can be written in both forms and is the same then; what verifies was sealed by the key.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = text.parse::<Origin>();
    let origin: Origin = ORIGIN.parse().unwrap();
    let key = ServerKey::from_secret(&SECRET);
    let keys = ServerKeys::new(&[key.public()]).unwrap();
    if let Ok(certificate) = TillCertificate::parse(text, &origin) {
        let written = certificate.to_text().unwrap();
        assert_eq!(TillCertificate::parse(&written, &origin).unwrap(), certificate);
        let _ = certificate.verify(&keys);
    }
    let Ok(barcode) = SealedBarcode::parse(text, &origin) else { return };
    if let Ok(emv) = barcode.to_emv(&EmvProfile::default()) {
        let _ = SealedBarcode::parse(&emv, &origin).unwrap();
    }
    if let Ok(verified) = barcode.verify(&keys) {
        let details = verified.details();
        assert!(!details.payee_name.as_str().chars().any(char::is_control));
        if matches!(verified.sealer(), quittance_barcode::Sealer::Server) {
            // Ed25519 has one signature for a message: whoever verifies else has forged it.
            let sealed = key.seal(details, &origin).unwrap();
            let again = SealedBarcode::parse(&sealed, &origin).unwrap().verify(&keys).unwrap();
            assert_eq!(again.details(), details);
        }
    }
}
