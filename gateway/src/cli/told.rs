//! Why the server did not do what it was asked, as a person is told it, and text of the server's as it may be shown.

use std::fmt;

use quittance_barcode::Untrusted;
use quittance_ledger::Text;

use super::CliError;
use crate::client::{ClientError, ProblemDetails};
use crate::wording::amiss;

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

/// A problem in one line: what is amiss, and its mend.
fn refusal(problem: &ProblemDetails) -> String {
    let ProblemDetails { title, detail, mend, rest, .. } = problem;
    // What is amiss with a field is said by the detail, which begins with the field.
    let is_of_a_field = problem.slug().starts_with("field-");
    let what = if is_of_a_field { Shown(detail).to_string() } else { title_and_detail(title, detail) };
    let left = rest.get("attempts_left").and_then(serde_json::Value::as_u64);
    let left = match left {
        None => "",
        Some(0) => " (it is locked now)",
        Some(1) => " (1 attempt left)",
        Some(left) => &format!(" ({left} attempts left)"),
    };
    format!("{what}{left}; {}", Shown(mend))
}

/// What was amiss: the kind, and what it was this time where that says more.
pub(super) fn title_and_detail(title: &str, detail: &str) -> String {
    amiss(&Shown(title).to_string(), &Shown(detail).to_string())
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
        let problem = |title: &str, slug: &str, detail: &str, left: u8| {
            let members = json!({
                "type": format!("urn:quittance:problem:{slug}"), "title": title, "status": 403,
                "detail": detail, "field": "/pin", "mend": "type it again", "attempts_left": left,
            });
            ClientError::Problem(Box::new(serde_json::from_value(members).unwrap()))
        };
        for (title, slug, detail, left, line) in [
            (
                "The PIN is wrong",
                "pin-wrong",
                "it is\n",
                3,
                "the PIN is wrong: it is\\u{a} (3 attempts left)",
            ),
            ("The PIN is wrong", "pin-wrong", "the PIN is wrong", 1, "the PIN is wrong (1 attempt left)"),
            ("The PIN is wrong", "pin-wrong", "the PIN is wrong", 0, "the PIN is wrong (it is locked now)"),
        ] {
            let said = told(&problem(title, slug, detail, left)).to_string();
            assert_eq!(said, format!("{line}; type it again"));
        }
        let said = told(&problem("Something can't be", "field-invalid", "/pin: not digits", 2)).to_string();
        assert_eq!(said, "/pin: not digits (2 attempts left); type it again");
    }
}
