//! The files of a store, as the system has them.
//!
//! Whatever reaches them from a store goes through here: with the feature `simulation` a thread may have a disk of its own in
//! memory instead, which loses and tears what was not made durable ([`crate::simulation`]). Without it nothing but the system's
//! own calls is left.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

#[cfg(feature = "simulation")]
use crate::simulation::disk as simulated;

/// What an open file of a store is.
#[derive(Debug)]
pub(crate) enum File {
    Real(fs::File),
    #[cfg(feature = "simulation")]
    Simulated(simulated::File),
}

/// A file or folder in a folder.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: std::ffi::OsString,
    pub(crate) bytes: u64,
}

impl File {
    /// Opens a file to read it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        #[cfg(feature = "simulation")]
        if let Some(disk) = simulated::current() {
            return disk.open(path).map(Self::Simulated);
        }
        fs::File::open(path).map(Self::Real)
    }

    /// Opens a file that is there to read and write it.
    pub(crate) fn open_to_write(path: &Path) -> io::Result<Self> {
        #[cfg(feature = "simulation")]
        if let Some(disk) = simulated::current() {
            return disk.open(path).map(Self::Simulated);
        }
        OpenOptions::new().read(true).write(true).open(path).map(Self::Real)
    }

    /// Makes a file with nothing in it, for its owner alone, or empties the one that is there.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        #[cfg(feature = "simulation")]
        if let Some(disk) = simulated::current() {
            return disk.create(path).map(Self::Simulated);
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600).open(path).map(Self::Real)
    }

    /// All bytes from the first on, but no more than so many.
    pub(crate) fn read_up_to(&mut self, max_bytes: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Real(file) => _ = file.take(max_bytes as u64).read_to_end(&mut bytes)?,
            #[cfg(feature = "simulation")]
            Self::Simulated(file) => {
                bytes.resize(max_bytes, 0);
                let read = file.read_at(&mut bytes, 0)?;
                bytes.truncate(read);
            }
        }
        Ok(bytes)
    }

    /// As many bytes as there are, up to those that fit.
    pub(crate) fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Real(file) => file.read_at(bytes, offset),
            #[cfg(feature = "simulation")]
            Self::Simulated(file) => file.read_at(bytes, offset),
        }
    }

    /// Exactly these bytes.
    pub(crate) fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Real(file) => file.read_exact_at(bytes, offset),
            #[cfg(feature = "simulation")]
            Self::Simulated(file) => match file.read_at(bytes, offset)? {
                read if read == bytes.len() => Ok(()),
                _ => Err(ErrorKind::UnexpectedEof.into()),
            },
        }
    }

    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Real(file) => file.write_all_at(bytes, offset),
            #[cfg(feature = "simulation")]
            Self::Simulated(file) => file.write_all_at(bytes, offset),
        }
    }

    /// Makes durable what was written, and what is needed to read it again.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        match self {
            Self::Real(file) => file.sync_data(),
            #[cfg(feature = "simulation")]
            Self::Simulated(file) => file.sync(),
        }
    }

    /// Makes durable what was written, and all that is known of the file but its name.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        match self {
            Self::Real(file) => file.sync_all(),
            #[cfg(feature = "simulation")]
            Self::Simulated(file) => file.sync(),
        }
    }

    /// How long it is.
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        match self {
            Self::Real(file) => Ok(file.metadata()?.len()),
            #[cfg(feature = "simulation")]
            Self::Simulated(file) => file.bytes(),
        }
    }
}

/// All that is in a file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    #[cfg(feature = "simulation")]
    if let Some(disk) = simulated::current() {
        return disk.read(path);
    }
    fs::read(path)
}

/// Gives a file another name, and takes that from whatever has it. It is durable once the folder is made so.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(feature = "simulation")]
    if let Some(disk) = simulated::current() {
        return disk.rename(from, to);
    }
    fs::rename(from, to)
}

/// What is in a folder, in no order.
pub(crate) fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    #[cfg(feature = "simulation")]
    if let Some(disk) = simulated::current() {
        return disk.entries(folder);
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) => entries.push(Entry { name: entry.file_name(), bytes: metadata.len() }),
            // It went away meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

/// Whether there is a folder.
pub(crate) fn is_folder(path: &Path) -> bool {
    #[cfg(feature = "simulation")]
    if let Some(disk) = simulated::current() {
        return disk.is_folder(path);
    }
    path.is_dir()
}

/// Makes a folder in one that is there.
pub(crate) fn create_folder(path: &Path, mode: u32) -> io::Result<()> {
    #[cfg(feature = "simulation")]
    if let Some(disk) = simulated::current() {
        return disk.create_folder(path);
    }
    DirBuilder::new().mode(mode).create(path)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(feature = "simulation")]
    if let Some(disk) = simulated::current() {
        return disk.sync_folder(path);
    }
    fs::File::open(path)?.sync_all()
}
