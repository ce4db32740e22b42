//! The server's secret keys: files that only their owner can read, in a folder outside the store.
//!
//! | file | what |
//! | --- | --- |
//! | `seal-1.key`, `seal-2.key`, … | seals barcodes; the highest number is in use, the public halves of all are published |
//! | `verifier.key` | keys the verifiers of PINs and pairing codes |
//! | `operator.key` | what the operator shows as a bearer token |
//!
//! Each file is 32 random bytes in lower-case base32, on one line; the operator's has a prefix, so that one that leaks
//! can be found by a scanner.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::{BASE32_NOPAD_NOCASE, Encoding, Specification};
use quittance_barcode::{ServerKey, ServerKeys};
use quittance_ledger::{AccountId, Verifier};
use zeroize::Zeroizing;

use crate::folder;
use crate::pin::Pin;

const OPERATOR_PREFIX: &str = "quittance-operator-";
const MAX_KEY_FILE_BYTES: u64 = 256;

type Secret = Zeroizing<[u8; 32]>;

/// Why keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system said no.
    #[error("the key file {path} can't be used: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        error: std::io::Error,
    },
    /// Others than its owner may read or write it.
    #[error("the keys at {0} are open to others: take their permissions away with chmod go-rwx")]
    Exposed(PathBuf),
    /// A key that is needed is not there: the store was used with it, or a newer one is there.
    #[error("the key file {0} is missing, and the store or a newer key needs it: restore it from a backup")]
    Missing(PathBuf),
    /// It holds something else.
    #[error("the key file {0} does not hold a key: restore it from a backup")]
    Malformed(PathBuf),
    /// The machine has no randomness.
    #[error("the machine gave no random bytes: {0}")]
    Random(getrandom::Error),
}

/// A key that is kept beside what it is for, and is no secret of the server's.
pub(crate) fn random_key<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut key = [0; N];
    fill_by_chance(&mut key).map_err(KeyError::Random)?;
    Ok(key)
}

/// Fills bytes with the machine's randomness.
pub(crate) fn fill_by_chance(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    #[cfg(feature = "simulation")]
    if crate::simulation::fill(bytes) {
        return Ok(());
    }
    getrandom::fill(bytes)
}

/// The keys of a server.
pub struct Keys {
    folder: PathBuf,
    seal: ServerKey,
    published: Vec<[u8; 32]>,
    verifier: Secret,
    operator_digest: blake3::Hash,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Keys {
    /// Reads the keys in `folder`, and makes those that are missing.
    ///
    /// # Errors
    /// A file can't be read or written, is open to others than its owner, or holds no key.
    pub fn load_or_create(folder: &Path) -> Result<Self, KeyError> {
        Self::read(folder, load_or_create)
    }

    /// Reads the keys in `folder`, which must all be there: those of a store that is in use.
    ///
    /// # Errors
    /// As [`Keys::load_or_create`], and a key is missing.
    pub fn load(folder: &Path) -> Result<Self, KeyError> {
        Self::read(folder, |path, prefix| {
            load(path, prefix)?.ok_or_else(|| KeyError::Missing(path.to_owned()))
        })
    }

    fn read(folder: &Path, key: impl Fn(&Path, &str) -> Result<Secret, KeyError>) -> Result<Self, KeyError> {
        folder::create(folder, 0o700).map_err(|error| io(folder, error))?;
        let mode = fs::metadata(folder).map_err(|error| io(folder, error))?.permissions().mode();
        if mode & 0o022 != 0 {
            return Err(KeyError::Exposed(folder.to_owned()));
        }
        let mut published = Vec::new();
        let mut seal = ServerKey::from_secret(&*key(&seal_path(folder, 1), "")?);
        published.push(seal.public());
        for number in 2..=newest_seal_key(folder)? {
            let path = seal_path(folder, number);
            let newer = load(&path, "")?.ok_or(KeyError::Missing(path))?;
            seal = ServerKey::from_secret(&newer);
            published.push(seal.public());
        }
        let verifier = key(&folder.join("verifier.key"), "")?;
        let operator = key(&operator_path(folder), OPERATOR_PREFIX)?;
        let operator_digest = blake3::hash(spell(OPERATOR_PREFIX, &operator).as_bytes());
        Ok(Self { folder: folder.to_owned(), seal, published, verifier, operator_digest })
    }

    /// Keys that are made of a number and are in no file.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub(crate) fn simulated(number: u64) -> Self {
        let secret = |what: u8| {
            let mut secret = [what; 32];
            secret.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
            Zeroizing::new(secret)
        };
        let seal = ServerKey::from_secret(&secret(1));
        let published = vec![seal.public()];
        let operator_digest = blake3::hash(spell(OPERATOR_PREFIX, &secret(3)).as_bytes());
        Self { folder: PathBuf::new(), seal, published, verifier: secret(2), operator_digest }
    }

    /// The file that holds the operator's key.
    #[must_use]
    pub fn operator_key_file(&self) -> PathBuf {
        operator_path(&self.folder)
    }

    /// Whether this is the operator's key. Takes the same time whatever is given.
    #[must_use]
    pub fn is_operator(&self, presented: &str) -> bool {
        // A comparison of BLAKE3 hashes is in constant time.
        blake3::hash(presented.as_bytes()) == self.operator_digest
    }

    /// The public halves of the keys that seal barcodes, oldest first. The last is in use.
    #[must_use]
    pub fn published(&self) -> &[[u8; 32]] {
        &self.published
    }

    /// What tells these keys from others: a digest of the verifiers' key, and the public halves of the seal keys. A store
    /// that knows them needs all of them from then on.
    pub(crate) fn fingerprints(&self) -> Vec<[u8; 32]> {
        let verifier = blake3::derive_key("quittance 2026-11 fingerprint of a verifier key", &*self.verifier);
        std::iter::once(verifier).chain(self.published.iter().copied()).collect()
    }

    pub(crate) fn published_keys(&self) -> Result<ServerKeys, quittance_barcode::BarcodeError> {
        ServerKeys::new(&self.published)
    }

    pub(crate) const fn seal(&self) -> &ServerKey {
        &self.seal
    }

    /// What recognises an account's PIN. The account is in it, so that the same PIN of two accounts does not show.
    pub(crate) fn pin_verifier(&self, account: AccountId, pin: &Pin) -> Verifier {
        self.verifier_of(b"pin", &account.to_bytes(), pin.as_bytes())
    }

    /// What recognises a pairing code.
    pub(crate) fn code_verifier(&self, code: &str) -> Verifier {
        self.verifier_of(b"pairing code", &[], code.as_bytes())
    }

    fn verifier_of(&self, purpose: &[u8], subject: &[u8], secret: &[u8]) -> Verifier {
        let mut hasher = blake3::Hasher::new_keyed(&self.verifier);
        hasher.update(purpose).update(&[0]).update(subject).update(secret);
        Verifier::from_bytes(*hasher.finalize().as_bytes())
    }
}

/// Whether two verifiers are the same, in a time that does not depend on where they differ.
pub(crate) fn verifiers_match(a: &Verifier, b: &Verifier) -> bool {
    blake3::Hash::from_bytes(*a.as_bytes()) == blake3::Hash::from_bytes(*b.as_bytes())
}

fn seal_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("seal-{number}.key"))
}

/// The highest number of a seal key, 1 where there is none.
fn newest_seal_key(folder: &Path) -> Result<u32, KeyError> {
    let mut newest = 1;
    for entry in fs::read_dir(folder).map_err(|error| io(folder, error))? {
        let name = entry.map_err(|error| io(folder, error))?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix("seal-")?.strip_suffix(".key")?.parse().ok());
        newest = newest.max(number.unwrap_or(1));
    }
    Ok(newest)
}

fn operator_path(folder: &Path) -> PathBuf {
    folder.join("operator.key")
}

fn io(path: &Path, error: std::io::Error) -> KeyError {
    KeyError::Io { path: path.to_owned(), error }
}

fn spell(prefix: &str, secret: &Secret) -> Zeroizing<String> {
    Zeroizing::new(format!("{prefix}{}", BASE32_NOPAD_NOCASE.encode(&**secret).to_ascii_lowercase()))
}

fn load_or_create(path: &Path, prefix: &str) -> Result<Secret, KeyError> {
    if let Some(secret) = load(path, prefix)? {
        return Ok(secret);
    }
    let mut secret = Zeroizing::new([0; 32]);
    fill_by_chance(&mut *secret).map_err(KeyError::Random)?;
    // Under another name first, so that a key file is there whole or not at all.
    let unfinished = path.with_extension("new");
    // What an earlier try left behind, or somebody laid there, is not written into: it may be open to others.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&unfinished, error)),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(|error| io(&unfinished, error))?;
    writeln!(file, "{}", *spell(prefix, &secret)).map_err(|error| io(&unfinished, error))?;
    file.sync_all().map_err(|error| io(&unfinished, error))?;
    fs::rename(&unfinished, path).map_err(|error| io(path, error))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    folder::sync(folder).map_err(|error| io(folder, error))?;
    Ok(secret)
}

fn load(path: &Path, prefix: &str) -> Result<Option<Secret>, KeyError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(path, error)),
    };
    let mode = file.metadata().map_err(|error| io(path, error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text).map_err(|error| io(path, error))?;
    let malformed = || KeyError::Malformed(path.to_owned());
    let spelled = text.trim_end().strip_prefix(prefix).ok_or_else(malformed)?;
    let bytes = Zeroizing::new(BASE32_NOPAD_NOCASE.decode(spelled.as_bytes()).map_err(|_| malformed())?);
    let secret: [u8; 32] = bytes.as_slice().try_into().map_err(|_| malformed())?;
    Ok(Some(Zeroizing::new(secret)))
}

/// The letters of a pairing code: none that is taken for another (Crockford's base 32).
pub(crate) fn pairing_alphabet() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    specification
        .encoding()
        .unwrap_or_else(|error| unreachable!("thirty-two letters are an alphabet: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let made = Keys::load_or_create(&path).unwrap();
        let token = fs::read_to_string(made.operator_key_file()).unwrap();
        assert!(token.starts_with(OPERATOR_PREFIX));
        assert!(made.is_operator(token.trim_end()));
        assert!(!made.is_operator(token.trim_end().strip_suffix(char::is_alphanumeric).unwrap()));
        let again = Keys::load_or_create(&path).unwrap();
        assert_eq!(made.published(), again.published());
        assert!(again.is_operator(token.trim_end()));
        for entry in fs::read_dir(&path).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn an_exposed_or_damaged_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Keys::load_or_create(folder.path()).unwrap();
        let path = folder.path().join("verifier.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Keys::load_or_create(folder.path()), Err(KeyError::Exposed(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "abc").unwrap();
        assert!(matches!(Keys::load_or_create(folder.path()), Err(KeyError::Malformed(_))));
    }

    #[test]
    fn what_lies_in_the_folder_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let left_over = folder.path().join("operator.new");
        fs::write(&left_over, "an earlier try").unwrap();
        fs::set_permissions(&left_over, fs::Permissions::from_mode(0o644)).unwrap();
        let keys = Keys::load_or_create(folder.path()).unwrap();
        let mode = fs::metadata(keys.operator_key_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::copy(folder.path().join("verifier.key"), folder.path().join("seal-3.key")).unwrap();
        assert!(
            matches!(Keys::load_or_create(folder.path()), Err(KeyError::Missing(path)) if path.ends_with("seal-2.key"))
        );
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Keys::load_or_create(folder.path()), Err(KeyError::Exposed(_))));
    }

    #[test]
    fn a_new_seal_key_is_used_and_the_old_one_stays_published() {
        let folder = tempfile::tempdir().unwrap();
        let first = Keys::load_or_create(folder.path()).unwrap();
        fs::copy(folder.path().join("verifier.key"), folder.path().join("seal-2.key")).unwrap();
        let second = Keys::load_or_create(folder.path()).unwrap();
        assert_eq!(second.published()[0], first.published()[0]);
        assert_eq!(second.published()[1], second.seal().public());
    }

    #[test]
    fn the_same_pin_of_two_accounts_has_two_verifiers() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(folder.path()).unwrap();
        let pin: Pin = "1234".parse().unwrap();
        let account = |n| AccountId::from_bytes([n; 16]).unwrap();
        assert!(verifiers_match(&keys.pin_verifier(account(1), &pin), &keys.pin_verifier(account(1), &pin)));
        assert!(!verifiers_match(&keys.pin_verifier(account(1), &pin), &keys.pin_verifier(account(2), &pin)));
    }
}
