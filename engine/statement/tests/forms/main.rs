//! The forms of a statement, as those see them who read them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod golden;
mod properties;
mod refusals;
mod samples;
mod schema;
