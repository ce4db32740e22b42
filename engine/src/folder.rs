//! Folders that are still there when the power comes back.

use std::io;
use std::path::Path;

use crate::store::disk;

/// Makes a folder, and those it lies in, where they are missing. Their names are durable when this returns.
pub(crate) fn create(path: &Path, mode: u32) -> io::Result<()> {
    if disk::is_folder(path) {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create(parent, mode)?;
    match disk::create_folder(path, mode) {
        // Somebody else was quicker.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync(parent)
}

/// Makes the names in a folder durable.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    disk::sync_folder(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_with_all_it_lies_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c");
        create(&path, 0o700).unwrap();
        create(&path, 0o700).unwrap();
        assert!(path.is_dir());
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(create(&file.join("a"), 0o700).is_err());
    }
}
