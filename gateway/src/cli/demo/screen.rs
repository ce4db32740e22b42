//! What the demo shows: numbered steps, and under each what there is to know, in two columns.

use std::fmt::{Arguments, Display};
use std::io::{Write as _, stdout};

const LABEL_WIDTH: usize = 16;

/// The screen, and how many steps it has shown.
#[derive(Debug, Default)]
pub(super) struct Screen {
    steps: u32,
}

impl Screen {
    /// A line by itself.
    pub(super) fn line(&self, line: impl Display) {
        show(format_args!("{line}"));
    }

    /// The next step.
    pub(super) fn step(&mut self, what: &str) {
        self.steps = self.steps.saturating_add(1);
        show(format_args!("\n{:>2}  {what}", self.steps));
    }

    /// A fact of the step.
    pub(super) fn fact(&self, label: &str, value: impl Display) {
        show(format_args!("    {label:<LABEL_WIDTH$}{value}"));
    }

    /// Lines that are shown as they are.
    pub(super) fn picture(&self, lines: &str) {
        lines.lines().for_each(|line| show(format_args!("    {line}")));
    }
}

/// A line that nobody reads is no reason to stop.
fn show(line: Arguments<'_>) {
    let _ = writeln!(stdout(), "{line}");
}
