//! The PIN, asked of a person. It is never an argument or a variable, which others can see.

use std::io::{BufRead, IsTerminal as _, stdin};

use zeroize::Zeroizing;

use crate::cli::CliError;

const MAX_LINE_BYTES: u64 = 256;

/// Asks for the PIN, unseen on a terminal; otherwise stdin has it on a line.
pub(super) fn ask(prompt: &str) -> Result<Zeroizing<String>, CliError> {
    let pin = if stdin().is_terminal() {
        let typed = rpassword::prompt_password(format!("{prompt}: "));
        Zeroizing::new(typed.map_err(|error| format!("the terminal can't be asked for the PIN: {error}"))?)
    } else {
        first_line(stdin().lock())?
    };
    if pin.is_empty() {
        return Err("no PIN was given: type it, or give it as a line on stdin".into());
    }
    Ok(pin)
}

/// Asks for a PIN that may be new. What nobody sees is easily mistyped, so a person types it twice.
pub(super) fn ask_new(prompt: &str) -> Result<Zeroizing<String>, CliError> {
    let pin = ask(prompt)?;
    if stdin().is_terminal() && *ask("the same PIN again")? != *pin {
        return Err("the two PINs differ: start again".into());
    }
    Ok(pin)
}

fn first_line(input: impl BufRead) -> Result<Zeroizing<String>, CliError> {
    let mut line = Zeroizing::new(String::new());
    input
        .take(MAX_LINE_BYTES)
        .read_line(&mut line)
        .map_err(|error| format!("the PIN can't be read from stdin: {error}"))?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_the_first_line_without_its_end() {
        for input in ["2580\n", "2580\r\n1397\n", "2580"] {
            assert_eq!(*first_line(input.as_bytes()).unwrap(), "2580");
        }
        assert_eq!(*first_line(&b""[..]).unwrap(), "");
        assert!(first_line(&b"\xff\n"[..]).is_err());
    }
}
