//! What is told to a person of what came from elsewhere.

use std::fmt;
use std::io::{Write as _, stdout};

use quittance_barcode::Untrusted;
use quittance_ledger::{Text, WalletId};

use crate::cli::CliError;
use crate::client::{
    ClientError, Direction, ProblemDetails, Transfer, TransferLeg, TransferPurpose, TransferStatus,
};

const LABEL_WIDTH: usize = 11;
const MAX_SHOWN_BYTES: usize = 256;

/// Text of the server's: as it is where each of its characters shows itself and only itself, else escaped.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.parse::<Text<MAX_SHOWN_BYTES>>() {
            Ok(text) => text.fmt(f),
            Err(_) => Untrusted(self.0).fmt(f),
        }
    }
}

/// A line of two columns.
pub(super) fn fact(label: &str, value: impl fmt::Display) -> Result<(), CliError> {
    Ok(writeln!(stdout(), "{label:<LABEL_WIDTH$}{value}")?)
}

/// A line by itself.
pub(super) fn line(line: impl fmt::Display) -> Result<(), CliError> {
    Ok(writeln!(stdout(), "{line}")?)
}

/// Why the server did not do what it was asked, and what to do about it.
pub(super) fn told(error: &ClientError) -> CliError {
    let mend = if error.is_open() { "; check that it runs, then try again" } else { "" };
    format!("{}{mend}", why(error)).into()
}

/// Why the server did not do what it was asked. Where no answer came, the mend depends on what was asked.
pub(super) fn why(error: &ClientError) -> String {
    match error {
        ClientError::Problem(problem) => refusal(problem),
        ClientError::Transport(reason) => format!("no answer from the server: {}", Shown(reason)),
        ClientError::Timeout(waited) => format!("no answer from the server within {} s", waited.as_secs()),
        other => Shown(&other.to_string()).to_string(),
    }
}

/// A problem in one line: title, detail and mend.
fn refusal(problem: &ProblemDetails) -> String {
    let ProblemDetails { title, detail, field, mend, rest, .. } = problem;
    let field = field.as_deref().filter(|_| problem.slug().starts_with("field-"));
    let field = field.map_or_else(String::new, |field| format!(" ({})", Shown(field)));
    let left = rest.get("attempts_left").and_then(serde_json::Value::as_u64);
    let left = left.map_or_else(String::new, |left| format!(" ({left} attempts left)"));
    format!("{}{field}{left}; {}", title_and_detail(title, detail), Shown(mend))
}

/// What was amiss: the kind, and what it was this time where that says more.
pub(super) fn title_and_detail(title: &str, detail: &str) -> String {
    let kind = uncapitalised(&Shown(title).to_string());
    if detail == kind { kind } else { format!("{kind}: {}", Shown(detail)) }
}

/// A title as it is within a sentence. A word in capitals stays one.
fn uncapitalised(title: &str) -> String {
    let mut letters = title.chars();
    match (letters.next(), letters.next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(title.chars().skip(1)).collect()
        }
        _ => title.to_owned(),
    }
}

/// A transfer in one line, as the party sees it on whose side its first leg is.
pub(super) fn transfer_line(transfer: &Transfer, direction: Direction) -> String {
    let Transfer { payee_name, display, reference, purpose, .. } = transfer;
    line_of(transfer, direction, *purpose, display, payee_name.as_deref(), reference.as_deref())
}

/// What of a transfer concerns a wallet: a line for each leg that it pays or is paid by.
pub(super) fn wallet_lines(transfer: &Transfer, wallet: WalletId) -> impl Iterator<Item = String> + '_ {
    let concerns = move |leg: &&TransferLeg| leg.payer == wallet || leg.payee == wallet;
    transfer.legs.iter().filter(concerns).map(move |leg| {
        let TransferLeg { payee_name, display, reference, purpose, .. } = leg;
        let direction = if leg.payer == wallet { Direction::Outgoing } else { Direction::Incoming };
        line_of(transfer, direction, *purpose, display, payee_name.as_deref(), reference.as_deref())
    })
}

fn line_of(
    transfer: &Transfer,
    direction: Direction,
    purpose: TransferPurpose,
    display: &str,
    payee_name: Option<&str>,
    reference: Option<&str>,
) -> String {
    let Transfer { id, status, refusal, position, at, .. } = transfer;
    let (outcome, sign) = match (status, purpose, direction) {
        (TransferStatus::Refused, ..) => ("refused", ""),
        // Nothing moves by that.
        (TransferStatus::Settled, TransferPurpose::Hold, _) => ("set aside", ""),
        (TransferStatus::Settled, _, Direction::Incoming) => ("settled", "+"),
        (TransferStatus::Settled, _, Direction::Outgoing) => ("settled", "-"),
    };
    let amount = format!("{sign}{}", Shown(display));
    let mut line = format!("{position:>8}  {}  {outcome:<9}  {amount:>16}  {id}", Shown(at));
    if let Some(name) = payee_name {
        line.push_str(&format!("  to {}", Shown(name)));
    }
    if let Some(reference) = reference {
        line.push_str(&format!("  {}", Shown(reference)));
    }
    if let Some(refusal) = refusal {
        line.push_str(&format!("  ({})", uncapitalised(&Shown(&refusal.title).to_string())));
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_not_show_itself_is_escaped() {
        assert_eq!(Shown("Café № 7").to_string(), "Café № 7");
        assert_eq!(Shown("a\u{1b}[31m").to_string(), "a\\u{1b}[31m");
        assert_eq!(Shown("a\u{202e}b").to_string(), "a\\u{202e}b");
    }

    #[test]
    fn a_problem_is_one_line_with_its_mend() {
        let problem = |title: &str, slug: &str| {
            let members = json!({
                "type": format!("urn:quittance:problem:{slug}"), "title": title, "status": 403,
                "detail": "it is\n", "field": "/pin", "mend": "type it again", "attempts_left": 3,
            });
            ClientError::Problem(Box::new(serde_json::from_value(members).unwrap()))
        };
        assert_eq!(
            told(&problem("The PIN is wrong", "pin-wrong")).to_string(),
            "the PIN is wrong: it is\\u{a} (3 attempts left); type it again"
        );
        assert_eq!(title_and_detail("The PIN is wrong", "the PIN is wrong"), "the PIN is wrong");
        assert!(told(&problem("PIN", "field-invalid")).to_string().starts_with("PIN: it is\\u{a} (/pin)"));
    }
}
