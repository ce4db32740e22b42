//! Where a barcode is drawn: into a file, or on the terminal.

use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};

use quittance_barcode::Rendering;

use super::CliError;

/// Where a barcode is to be drawn, and as what.
#[derive(Debug)]
pub(super) enum Drawing {
    Terminal,
    Png(PathBuf),
    Svg(PathBuf),
}

impl Drawing {
    /// What `--out` says. Asked before anything is done, so that a wrong name costs nothing.
    pub(super) fn onto(out: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = out else { return Ok(Self::Terminal) };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("png") => Ok(Self::Png(path.to_owned())),
            Some("svg") => Ok(Self::Svg(path.to_owned())),
            _ => Err("the picture's format is not known: let --out end in .png or .svg".into()),
        }
    }

    /// Draws the barcode of a text.
    pub(super) fn show(&self, text: &str) -> Result<(), CliError> {
        let looks = Rendering::default();
        let (path, picture) = match self {
            Self::Terminal => return Ok(write!(stdout(), "{}", looks.terminal_blocks(text)?)?),
            Self::Png(path) => (path, looks.png(text)?),
            Self::Svg(path) => (path, looks.svg(text)?.into_bytes()),
        };
        std::fs::write(path, picture)
            .map_err(|error| format!("the picture {} can't be written: {error}", path.display()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_file_says_what_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        for (name, start) in [("a.png", &b"\x89PNG"[..]), ("a.svg", b"<?xml")] {
            let path = folder.path().join(name);
            Drawing::onto(Some(&path)).unwrap().show("HTTP://A/P/B").unwrap();
            assert!(std::fs::read(&path).unwrap().starts_with(start), "{name}");
        }
        for name in ["a.gif", "png", "a.PNG "] {
            let refused = Drawing::onto(Some(Path::new(name))).unwrap_err();
            assert!(refused.to_string().contains("--out"), "{name}");
        }
    }
}
