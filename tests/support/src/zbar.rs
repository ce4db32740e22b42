//! An independent reader of barcodes: zbar.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// What `zbarimg` reads off a picture.
#[must_use]
pub fn read_with_zbar(picture: &[u8]) -> String {
    let mut file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    file.write_all(picture).unwrap();
    file.flush().unwrap();
    let output = Command::new("zbarimg").args(["--raw", "-q"]).arg(file.path()).stdin(Stdio::null()).output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            panic!("zbarimg can't be run ({error}): install it, on Debian with apt install zbar-tools")
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "zbarimg found no barcode, {}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
}
