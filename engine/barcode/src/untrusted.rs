//! Text that nobody vouches for, in a form that is safe to show.

use std::fmt;

const MAX_SHOWN_CHARS: usize = 200;

/// A text from outside. It shows printable ASCII as it is, escapes all else, and cuts what is too long. A backslash is
/// escaped too, so that no text can look like the escape of another.
#[derive(Clone, Copy)]
pub struct Untrusted<'a>(pub &'a str);

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(MAX_SHOWN_CHARS) {
            if c == ' ' || (c.is_ascii_graphic() && c != '\\') {
                write!(f, "{c}")?
            } else {
                write!(f, "{}", c.escape_unicode())?
            }
        }
        if self.0.chars().nth(MAX_SHOWN_CHARS).is_some() { f.write_str("...") } else { Ok(()) }
    }
}

impl fmt::Debug for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({self})")
    }
}
