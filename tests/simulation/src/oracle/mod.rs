//! The oracle: what the rules say must be, whatever the engine does.
//!
//! It is written from the rules and uses nothing of the engine's own decisions: [`books`] keeps plain books of what the journal
//! says and finds what no rule allows, and [`judge`] holds each answer against these books and against what was asked when.

pub(crate) mod books;
pub(crate) mod judge;

/// What is wrong, in words.
pub(crate) type Verdict = Result<(), String>;

/// An error unless something holds.
pub(crate) fn must(holds: bool, wrong: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(wrong()) }
}
