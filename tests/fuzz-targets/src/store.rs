//! A store whose journal was damaged: changed bytes, and files that were cut or have grown.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use quittance_engine::audit;
use quittance_journal::Position;
use tempfile::TempDir;

use crate::stock::stocked;

const MAX_CHANGES: usize = 4;

/// A store that is sound, where it is copied from, and what its audit says.
struct Template {
    _folder: TempDir,
    store: PathBuf,
    position: Position,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let folder = folder();
    let store = stocked(folder.path());
    let position = audit(&store).unwrap().position;
    Template { _folder: folder, store, position }
});

/// The audit finds nothing amiss, and then all that was there; or says what is. It does not panic.
pub(crate) fn run(data: &[u8]) {
    let template = &*TEMPLATE;
    let folder = folder();
    let store = folder.path().join("store");
    copy(&template.store, &store);
    let mut files = journal_files(&store);
    files.sort();
    let mut u = Unstructured::new(data);
    for _ in 0..MAX_CHANGES {
        if u.is_empty() || damage(&files, &mut u).is_err() {
            break;
        }
    }
    if let Ok(report) = audit(&store) {
        assert_eq!(report.position, template.position, "what was durable is there or is missed");
    }
}

/// In memory where the machine has that: a run copies some megabytes.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// The journal's, and what marks its end. What sled has is sled's to read.
fn journal_files(store: &Path) -> Vec<PathBuf> {
    let files = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_file = |path: &PathBuf| path.is_file();
    files(store).chain(files(&store.join("journal"))).filter(is_file).collect()
}

fn damage(files: &[PathBuf], u: &mut Unstructured<'_>) -> Result<()> {
    let path = u.choose(files)?;
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    match u.int_in_range(0..=9_u8)? {
        0 => file.set_len(u.int_in_range(0..=length)?).unwrap(),
        1 => file.set_len(length + u.int_in_range(1..=64_u64)?).unwrap(),
        _ => {
            // Most of a segment is zeros, and blocks are at its beginning.
            let at = u.int_in_range(0..=length.clamp(1, 16 * 1_024) - 1)?;
            let count = usize::from(u.int_in_range(1..=32_u8)?);
            file.write_all_at(u.bytes(count.min(u.len()))?, at).unwrap();
            if file.metadata().unwrap().len() > length {
                file.set_len(length).unwrap();
            }
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
