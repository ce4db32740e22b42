//! The file with a device's secret key: 32 bytes on one line, which only its owner can read.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use data_encoding::{BASE32_NOPAD_NOCASE, BASE64URL_NOPAD};
use quittance_barcode::DeviceSigner;
use quittance_ledger::KeyAlgorithm;
use zeroize::Zeroizing;

use super::CliError;

const MAX_KEY_FILE_BYTES: u64 = 256;
/// 32 bytes in base64url, where base32 has 52 letters.
const BASE64URL_LETTERS: usize = 43;

/// Makes a key in a new file. Returns the public key in base64url, as a device is paired with.
pub(super) fn create(path: &Path, algorithm: KeyAlgorithm) -> Result<String, CliError> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret)?;
    let signer = DeviceSigner::from_secret(algorithm, &secret)?;
    let failed = |error: std::io::Error| format!("the key file {} can't be made: {error}", path.display());
    // Never over another key: what that one was paired for would be lost.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let text = Zeroizing::new(BASE64URL_NOPAD.encode(&*secret));
    writeln!(file, "{}", *text).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(BASE64URL_NOPAD.encode(signer.public().as_bytes()))
}

/// Reads a key, in base64url or base32.
pub(super) fn read(path: &Path, algorithm: KeyAlgorithm) -> Result<DeviceSigner, CliError> {
    let failed = |error: std::io::Error| format!("the key file {} can't be read: {error}", path.display());
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        return Err(format!(
            "the key file {path} is open to others: take their permissions away with chmod go-rwx"
        )
        .into());
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text).map_err(failed)?;
    let letters = text.trim_end();
    let encoding = if letters.len() == BASE64URL_LETTERS { BASE64URL_NOPAD } else { BASE32_NOPAD_NOCASE };
    let malformed = || {
        format!("the key file {} does not hold a key: restore it, or make another elsewhere", path.display())
    };
    let bytes = Zeroizing::new(encoding.decode(letters.as_bytes()).map_err(|_| malformed())?);
    let secret = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| malformed())?);
    Ok(DeviceSigner::from_secret(algorithm, &secret)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made() {
        let home = tempfile::tempdir().unwrap();
        for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::P256] {
            let path = home.path().join(format!("{algorithm:?}.key"));
            let public = create(&path, algorithm).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let again = read(&path, algorithm).unwrap();
            assert_eq!(BASE64URL_NOPAD.encode(again.public().as_bytes()), public);
            let bytes =
                BASE64URL_NOPAD.decode(fs::read_to_string(&path).unwrap().trim_end().as_bytes()).unwrap();
            fs::write(&path, BASE32_NOPAD_NOCASE.encode(&bytes).to_lowercase()).unwrap();
            assert_eq!(read(&path, algorithm).unwrap().public(), again.public());
            assert!(create(&path, algorithm).is_err(), "a key is never written over");
        }
    }

    #[test]
    fn an_exposed_or_damaged_key_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("till.key");
        create(&path, KeyAlgorithm::Ed25519).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path, KeyAlgorithm::Ed25519).unwrap_err().to_string().contains("chmod"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "abc").unwrap();
        assert!(read(&path, KeyAlgorithm::Ed25519).unwrap_err().to_string().contains("restore it"));
    }
}
