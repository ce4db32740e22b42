//! The folder of a demo, and the care not to take somebody's files for a former demo's.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Outcome;

/// What says that a folder is a demo's.
const MARK_FILE: &str = "QUITTANCE-DEMO";
const MARK_TEXT: &str = "This folder belongs to quittance demo, which replaces what it made here.\n";

/// A folder that a demo may write to.
#[derive(Debug)]
pub(super) struct DemoFolder(PathBuf);

impl DemoFolder {
    /// Makes the folder, or takes over a former demo's: what that demo wrote is removed, and nothing else.
    pub(super) fn prepare(path: &Path) -> Outcome<Self> {
        let folder = Self(path.to_owned());
        let failed = |error: std::io::Error| format!("the folder {} can't be used: {error}", path.display());
        fs::create_dir_all(path).map_err(failed)?;
        let is_empty = fs::read_dir(path).map_err(failed)?.next().is_none();
        let is_former_demo = fs::read_to_string(folder.0.join(MARK_FILE)).is_ok_and(|text| text == MARK_TEXT);
        if !is_empty && !is_former_demo {
            return Err(format!(
                "the folder {} is not empty and not a former demo's: choose another with --folder",
                path.display()
            )
            .into());
        }
        fs::write(folder.0.join(MARK_FILE), MARK_TEXT).map_err(failed)?;
        for made in [folder.store(), folder.keys()] {
            gone(fs::remove_dir_all(&made)).map_err(failed)?;
        }
        gone(fs::remove_file(folder.barcode())).map_err(failed)?;
        Ok(folder)
    }

    pub(super) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    pub(super) fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    pub(super) fn barcode(&self) -> PathBuf {
        self.0.join("barcode.png")
    }
}

fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_demo_is_replaced_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("demo");
        let folder = DemoFolder::prepare(&path).unwrap();
        fs::create_dir(folder.store()).unwrap();
        fs::write(folder.store().join("FORMAT"), "1").unwrap();
        fs::write(folder.barcode(), "picture").unwrap();
        fs::write(path.join("notes.txt"), "mine").unwrap();
        DemoFolder::prepare(&path).unwrap();
        assert!(!folder.store().exists() && !folder.barcode().exists());
        assert_eq!(fs::read_to_string(path.join("notes.txt")).unwrap(), "mine");
    }

    #[test]
    fn a_folder_with_other_things_is_refused_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("store")).unwrap();
        let refused = DemoFolder::prepare(home.path()).unwrap_err().to_string();
        assert!(refused.contains("--folder"), "{refused}");
        assert!(home.path().join("store").exists());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
