//! The folder of a device: its key, what it is paired to, and the server's keys as they were then.
//!
//! | file | what |
//! | --- | --- |
//! | `device.key` | the secret key |
//! | `server-keys.json` | what the server published when the device was paired, or its keys were last refreshed |
//! | `device.json` | server, account and device; written last, so a home with it is paired |

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use quittance_barcode::{DeviceSigner, Origin, ServerKeys};
use quittance_ledger::{AccountId, DeviceId, KeyAlgorithm};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cli::{CliError, key_file};
use crate::client::{Client, PublishedKeys};

type Outcome<T> = Result<T, CliError>;

const PAIRED_FILE: &str = "device.json";
const SERVER_KEYS_FILE: &str = "server-keys.json";
const MAX_FILE_BYTES: u64 = 1_024 * 1_024;

/// To whom a device belongs, and under what name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Paired {
    /// The server's origin, as requests are signed for.
    pub(super) server: String,
    pub(super) account: AccountId,
    pub(super) device: DeviceId,
    pub(super) algorithm: KeyAlgorithm,
}

/// A folder that may become a device's.
#[derive(Debug)]
pub(super) struct NewHome(PathBuf);

/// The folder of a device that is paired.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    paired: Paired,
}

impl NewHome {
    /// Makes the folder where it is missing.
    pub(super) fn prepare(folder: &Path) -> Outcome<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(folder)
            .map_err(|error| format!("the folder {} can't be made: {error}", folder.display()))?;
        check_private(folder)?;
        if let Some(paired) = read_json::<Paired>(&folder.join(PAIRED_FILE))? {
            let Paired { server, device, .. } = paired;
            return Err(format!(
                "the folder {} is paired already, as device {device} of {server:?}: choose another with --home",
                folder.display()
            )
            .into());
        }
        Ok(Self(folder.to_owned()))
    }

    /// The key to be paired: the one of an earlier try, if there was any. The server may know it already, though its
    /// answer was lost, and then knows it again.
    pub(super) fn signer(&self, algorithm: KeyAlgorithm) -> Outcome<DeviceSigner> {
        let path = key_path(&self.0);
        if !path.exists() {
            key_file::create(&path, algorithm)?;
        }
        key_file::read(&path, algorithm)
    }

    /// Keeps what the pairing came to.
    pub(super) fn keep(self, paired: Paired, keys: &PublishedKeys) -> Outcome<Home> {
        write_json(&self.0.join(SERVER_KEYS_FILE), keys)?;
        write_json(&self.0.join(PAIRED_FILE), &paired)?;
        Ok(Home { folder: self.0, paired })
    }
}

impl Home {
    /// The home that is in a folder.
    pub(super) fn open(folder: &Path) -> Outcome<Self> {
        let paired = read_json(&folder.join(PAIRED_FILE))?.ok_or_else(|| {
            let folder = folder.display();
            format!(
                "no device is paired in the folder {folder}: pair one first, or name its folder with --home"
            )
        })?;
        check_private(folder)?;
        Ok(Self { folder: folder.to_owned(), paired })
    }

    pub(super) const fn paired(&self) -> &Paired {
        &self.paired
    }

    pub(super) fn key_path(&self) -> PathBuf {
        key_path(&self.folder)
    }

    /// A client that asks as the device.
    pub(super) fn client(&self) -> Outcome<Client> {
        let Paired { server, device, algorithm, .. } = &self.paired;
        let path = self.key_path();
        let signer = key_file::read(&path, *algorithm)?;
        if signer.public().device_id() != *device {
            let path = path.display();
            return Err(format!("the key file {path} holds another key than was paired: restore it").into());
        }
        Ok(Client::new(server).device(signer, *device))
    }

    /// Keeps the keys that the server publishes now. The server must be the one that the device is paired with.
    pub(super) fn keep_keys(&self, keys: &PublishedKeys) -> Outcome<()> {
        let (origin, _) = keys.to_verify_with()?;
        if !origin.as_str().eq_ignore_ascii_case(&self.paired.server) {
            let (origin, server) = (origin.as_str().to_ascii_lowercase(), &self.paired.server);
            return Err(format!(
                "the keys are those of {origin}, and the device is paired with {server}: pair it there in another folder"
            )
            .into());
        }
        write_json(&self.folder.join(SERVER_KEYS_FILE), keys)
    }

    /// What verifies barcodes without the server.
    pub(super) fn server_keys(&self) -> Outcome<(Origin, ServerKeys)> {
        let path = self.folder.join(SERVER_KEYS_FILE);
        let damaged =
            |why: &str| format!("{} {why}: restore it, or pair a device in a new folder", path.display());
        let keys: PublishedKeys = read_json(&path)?.ok_or_else(|| damaged("is missing"))?;
        Ok(keys.to_verify_with().map_err(|_| damaged("holds no keys that can be used"))?)
    }
}

fn key_path(folder: &Path) -> PathBuf {
    folder.join("device.key")
}

/// Whoever can write to the folder can have the device trust a key of theirs.
fn check_private(folder: &Path) -> Outcome<()> {
    let metadata = fs::metadata(folder)
        .map_err(|error| format!("the folder {} can't be read: {error}", folder.display()))?;
    if metadata.permissions().mode() & 0o022 == 0 {
        return Ok(());
    }
    let folder = folder.display();
    Err(format!("the folder {folder} can be written by others: take that away with chmod go-rwx").into())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Outcome<Option<T>> {
    let failed = |error: &dyn std::fmt::Display| format!("{} can't be read: {error}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error).into()),
    };
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(|error| failed(&error))?;
    let value = serde_json::from_str(&text)
        .map_err(|error| format!("{}; restore it, or pair a device in a new folder", failed(&error)))?;
    Ok(Some(value))
}

/// Writes a file that is there whole or not at all.
fn write_json(path: &Path, value: &impl Serialize) -> Outcome<()> {
    let failed = |error: std::io::Error| format!("{} can't be written: {error}", path.display());
    let text = serde_json::to_string_pretty(value)?;
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(failed)?;
    writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
    use quittance_barcode::ServerKey;

    use super::*;
    use crate::client::PublishedKey;

    fn published() -> PublishedKeys {
        let key = ServerKey::from_secret(&[7; 32]);
        let id = HEXLOWER.encode(&key.id().to_bytes());
        let public_key = BASE64URL_NOPAD.encode(&key.public());
        let key = PublishedKey { id, algorithm: "ed25519".to_owned(), public_key };
        PublishedKeys { origin: "http://a.b".to_owned(), keys: vec![key] }
    }

    fn pair(folder: &Path) -> Home {
        let new = NewHome::prepare(folder).unwrap();
        let algorithm = KeyAlgorithm::P256;
        let device = new.signer(algorithm).unwrap().public().device_id();
        let account = "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b".parse().unwrap();
        let paired = Paired { server: "http://a.b".to_owned(), account, device, algorithm };
        new.keep(paired, &published()).unwrap()
    }

    #[test]
    fn a_home_is_found_again_as_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in/device");
        let made = pair(&path);
        let found = Home::open(&path).unwrap();
        assert_eq!(found.paired(), made.paired());
        assert_eq!(found.client().unwrap().origin(), "http://a.b");
        assert_eq!(found.server_keys().unwrap().0.as_str(), "HTTP://A.B");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }

    #[test]
    fn a_home_is_paired_once_and_a_failed_try_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device");
        let public = |home: &NewHome| home.signer(KeyAlgorithm::P256).unwrap().public().as_bytes().to_owned();
        let first = public(&NewHome::prepare(&path).unwrap());
        assert!(Home::open(&path).unwrap_err().to_string().contains("pair one first"));
        assert_eq!(public(&NewHome::prepare(&path).unwrap()), first);
        pair(&path);
        assert!(NewHome::prepare(&path).unwrap_err().to_string().contains("--home"));
    }

    #[test]
    fn a_home_that_was_tampered_with_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device");
        pair(&path);
        fs::remove_file(key_path(&path)).unwrap();
        key_file::create(&key_path(&path), KeyAlgorithm::P256).unwrap();
        let home = Home::open(&path).unwrap();
        assert!(home.client().unwrap_err().to_string().contains("another key"));
        fs::write(path.join(SERVER_KEYS_FILE), "{").unwrap();
        assert!(home.server_keys().is_err());
        fs::remove_file(path.join(SERVER_KEYS_FILE)).unwrap();
        assert!(home.server_keys().unwrap_err().to_string().contains("is missing"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(Home::open(&path).unwrap_err().to_string().contains("chmod"));
    }
}
