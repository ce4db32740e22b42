//! What a process uses of its machine: processor time, memory and disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use procfs::process::Process;
use procfs::{Current as _, Meminfo, ProcError, ticks_per_second};
use serde::Serialize;

/// How many bytes a block has that [`std::fs::Metadata`] counts in.
const BYTES_PER_DISK_BLOCK: u64 = 512;

/// Processor time that a process has used, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct CpuTime {
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
}

impl CpuTime {
    /// What a process has used since its start.
    ///
    /// # Errors
    /// The process is gone, or another user's.
    pub(crate) fn of(process: &Process) -> Result<Self, ProcError> {
        let stat = process.stat()?;
        let seconds = |ticks: u64| ticks as f64 / ticks_per_second() as f64;
        Ok(Self { user_s: seconds(stat.utime), system_s: seconds(stat.stime) })
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { user_s: self.user_s - before.user_s, system_s: self.system_s - before.system_s }
    }
}

/// What a process has in memory, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) resident_bytes: u64,
    /// The most since its start.
    pub(crate) peak_bytes: u64,
}

impl Memory {
    /// What a process has now.
    ///
    /// # Errors
    /// The process is gone, or another user's.
    pub(crate) fn of(process: &Process) -> Result<Self, ProcError> {
        let status = process.status()?;
        let bytes = |kib: Option<u64>| kib.unwrap_or(0).saturating_mul(1_024);
        Ok(Self { resident_bytes: bytes(status.vmrss), peak_bytes: bytes(status.vmhwm) })
    }
}

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
}

impl Machine {
    /// This machine.
    ///
    /// # Errors
    /// `/proc` is not there.
    pub(crate) fn this() -> Result<Self, ProcError> {
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            memory_bytes: Meminfo::current()?.mem_total,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim_end().to_owned(),
        })
    }
}

/// How many bytes the files in a folder take on the disk.
///
/// # Errors
/// The folder can't be read.
pub(crate) fn bytes_on_disk(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_on_disk(&entry.path())?,
            Ok(metadata) => metadata.blocks() * BYTES_PER_DISK_BLOCK,
            // The store has removed it since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_what_its_files_take() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(bytes_on_disk(folder.path()).unwrap(), 0);
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/file"), vec![7; 1 << 20]).unwrap();
        let bytes = bytes_on_disk(folder.path()).unwrap();
        assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
    }

    #[test]
    fn this_process_uses_something() {
        let process = Process::myself().unwrap();
        let memory = Memory::of(&process).unwrap();
        assert!(memory.resident_bytes > 0 && memory.peak_bytes >= memory.resident_bytes);
        let before = CpuTime { user_s: 1.0, system_s: 2.0 };
        let after = CpuTime { user_s: 1.5, system_s: 2.25 };
        assert_eq!(after.since(before), CpuTime { user_s: 0.5, system_s: 0.25 });
    }
}
