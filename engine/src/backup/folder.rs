//! The folder of a backup: who may be at it, which files of it are its own, and the manifest, which is changed in one step.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::manifest::{Manifest, Piece, Unreadable};
use super::{BackupError, io};
use crate::folder;

const MANIFEST_FILE: &str = "MANIFEST";
const LOCK_FILE: &str = "LOCK";
/// How the name ends of a file that is being written.
const UNFINISHED_SUFFIX: &str = ".unfinished";

/// A backup that nobody else is at, or that others only read too.
#[derive(Debug)]
pub(super) struct BackupFolder {
    path: PathBuf,
    /// None of a backup that is just begun.
    manifest: Option<Manifest>,
    _lock: Option<File>,
}

impl BackupFolder {
    /// Opens the backup in the folder `path` to add to it, and begins one where there is nothing. What a run that was cut off has
    /// left is removed.
    pub(super) fn open_or_begin(path: &Path) -> Result<Self, BackupError> {
        folder::create(path, 0o700).map_err(|error| io(path, error))?;
        if !path.join(MANIFEST_FILE).exists() {
            let names = names(path)?;
            if names.iter().any(|name| !is_ours(name)) {
                return Err(BackupError::NotABackup(path.to_owned()));
            }
        }
        let lock_path = path.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let lock = lock.map_err(|error| io(&lock_path, error))?;
        locked(path, lock.try_lock())?;
        let manifest = read(path)?;
        let backup = Self { path: path.to_owned(), manifest, _lock: Some(lock) };
        backup.remove_others()?;
        Ok(backup)
    }

    /// Opens the backup in the folder `path` to read it, and changes nothing.
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let lock_path = path.join(LOCK_FILE);
        // A copy may lack it, and then nobody is at it.
        let lock = match File::open(&lock_path) {
            Ok(lock) => {
                locked(path, lock.try_lock_shared())?;
                Some(lock)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(io(&lock_path, error)),
        };
        let manifest = read(path)?.ok_or_else(|| BackupError::Missing(path.to_owned()))?;
        Ok(Self { path: path.to_owned(), manifest: Some(manifest), _lock: lock })
    }

    /// Whether there was never a backup here.
    pub(super) const fn is_new(&self) -> bool {
        self.manifest.is_none()
    }

    pub(super) fn manifest(&self) -> Manifest {
        self.manifest.clone().unwrap_or_default()
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        self.manifest.as_ref().map_or(&[], |manifest| &manifest.pieces)
    }

    pub(super) fn path_of(&self, piece: &Piece) -> PathBuf {
        self.path.join(piece.name())
    }

    pub(super) fn manifest_damaged(&self) -> BackupError {
        BackupError::Manifest(self.path.join(MANIFEST_FILE))
    }

    /// Sees that every piece is there and as long as it was. What is in it, whoever reads it sees.
    pub(super) fn check_lengths(&self) -> Result<(), BackupError> {
        for piece in self.pieces() {
            let path = self.path_of(piece);
            match path.metadata() {
                Ok(metadata) if metadata.len() == piece.bytes => {}
                Ok(_) => return Err(BackupError::PieceDamaged { path, first: piece.first }),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(BackupError::PieceMissing { path, first: piece.first });
                }
                Err(error) => return Err(io(&path, error)),
            }
        }
        Ok(())
    }

    /// Begins a file that is to become a piece.
    pub(super) fn begin_piece(&self) -> Result<Unfinished, BackupError> {
        self.begin("piece")
    }

    /// Ends a piece: all of it is durable when this returns, and its name is.
    pub(super) fn finish_piece(&self, file: Unfinished, piece: &Piece) -> Result<(), BackupError> {
        self.finish(file, &piece.name())
    }

    /// Makes `manifest` the backup's, in one step, and removes the pieces that it does not name.
    pub(super) fn replace_manifest(&mut self, manifest: Manifest) -> Result<(), BackupError> {
        let mut file = self.begin(MANIFEST_FILE)?;
        file.write(manifest.to_text().as_bytes())?;
        self.finish(file, MANIFEST_FILE)?;
        self.manifest = Some(manifest);
        self.remove_others()
    }

    fn begin(&self, name: &str) -> Result<Unfinished, BackupError> {
        let path = self.path.join(format!("{name}{UNFINISHED_SUFFIX}"));
        let mut options = OpenOptions::new();
        match options.write(true).create(true).truncate(true).mode(0o600).open(&path) {
            Ok(file) => Ok(Unfinished { file, path }),
            Err(error) => Err(BackupError::Unwritten { path, error }),
        }
    }

    fn finish(&self, unfinished: Unfinished, name: &str) -> Result<(), BackupError> {
        let Unfinished { file, path } = unfinished;
        let named = || {
            file.sync_all()?;
            fs::rename(&path, self.path.join(name))?;
            folder::sync(&self.path)
        };
        named().map_err(|error| BackupError::Unwritten { path: path.clone(), error })
    }

    /// Removes the files of ours that the manifest does not name.
    fn remove_others(&self) -> Result<(), BackupError> {
        for name in names(&self.path)? {
            let is_piece = self.pieces().iter().any(|piece| piece.name() == name);
            let is_kept = is_piece || name == MANIFEST_FILE || name == LOCK_FILE || !is_ours(&name);
            if !is_kept {
                let path = self.path.join(name);
                fs::remove_file(&path).map_err(|error| io(&path, error))?;
            }
        }
        Ok(())
    }
}

/// A file that has no name of its own yet.
#[derive(Debug)]
pub(super) struct Unfinished {
    file: File,
    path: PathBuf,
}

impl Unfinished {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        let path = || self.path.clone();
        self.file.write_all(bytes).map_err(|error| BackupError::Unwritten { path: path(), error })
    }
}

fn locked(path: &Path, tried: Result<(), TryLockError>) -> Result<(), BackupError> {
    match tried {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(BackupError::Locked(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(path, error)),
    }
}

fn read(path: &Path) -> Result<Option<Manifest>, BackupError> {
    let file = path.join(MANIFEST_FILE);
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(&file, error)),
    };
    let text = String::from_utf8(bytes).map_err(|_| BackupError::Manifest(file.clone()))?;
    match Manifest::parse(&text) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(Unreadable::NewerFormat(found)) => Err(BackupError::NewerFormat { path: path.to_owned(), found }),
        Err(Unreadable::Damaged) => Err(BackupError::Manifest(file)),
    }
}

/// The names in a folder; one that is no text is shown as nearly as can be, and so is not ours.
fn names(path: &Path) -> Result<Vec<String>, BackupError> {
    let entries = fs::read_dir(path).map_err(|error| io(path, error))?;
    let named = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.map_err(|error| io(path, error))?;
        Ok(entry.file_name().to_string_lossy().into_owned())
    };
    entries.map(named).collect()
}

/// Whether a file of this name can be one that a backup has made.
fn is_ours(name: &str) -> bool {
    let is_unfinished =
        name.strip_suffix(UNFINISHED_SUFFIX).is_some_and(|name| ["piece", MANIFEST_FILE].contains(&name));
    is_unfinished || name == MANIFEST_FILE || name == LOCK_FILE || Piece::positions(name).is_some()
}
