//! A disk that is small.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A file system of its own and of little room, which only processes see that are run under [`SmallDisk::under`].
#[derive(Debug)]
pub struct SmallDisk {
    holder: Child,
    /// Once it is closed, the holder ends, and the disk with it.
    _input: ChildStdin,
    mounted: PathBuf,
}

impl SmallDisk {
    /// Makes one of so many MiB, mounted on a folder that is there.
    ///
    /// # Panics
    /// This machine lets nobody mount one.
    #[must_use]
    pub fn new(mib: u32, on: &Path) -> Self {
        // A namespace of its own, so that nothing is left of it, and nobody need be root.
        let script = format!("mount -t tmpfs -o size={mib}m none \"$0\" && echo ready && exec cat");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", &script]).arg(on);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "unshare and mount must be allowed");
        let input = holder.stdin.take().unwrap();
        Self { holder, _input: input, mounted: on.to_owned() }
    }

    /// What to run commands under that shall see it.
    #[must_use]
    pub fn under(&self) -> Vec<String> {
        let target = format!("--target={}", self.holder.id());
        ["nsenter", &target, "--user", "--mount", "--preserve-credentials"].map(str::to_owned).into()
    }

    /// Where it is, as this process sees it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.mounted.strip_prefix("/").unwrap())
    }

    /// Leaves so many KiB free.
    pub fn fill_but(&self, kib: u64) {
        let filler = self.path().join("filler");
        let _ = fs::remove_file(&filler);
        let free = self.free_kib();
        let zeros = vec![0; usize::try_from((free.saturating_sub(kib)) * 1_024).unwrap()];
        fs::write(filler, zeros).unwrap();
    }

    /// Gives all room back that was taken by [`SmallDisk::fill_but`].
    pub fn make_room(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }

    fn free_kib(&self) -> u64 {
        let output = Command::new("stat").args(["-f", "-c", "%a %S"]).arg(self.path()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let (blocks, bytes) = said.trim().split_once(' ').unwrap();
        blocks.parse::<u64>().unwrap() * bytes.parse::<u64>().unwrap() / 1_024
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
