//! The end of a process that can't go on: at once, with what to do.

use std::fmt::Display;

/// Stops the process. What it would say next could be wrong, and the journal decides at the next start what is durable.
pub(crate) fn stop_at_once(what: &str, error: &dyn Display) -> ! {
    tracing::error!(%error, "{what}: stopping at once");
    eprintln!(
        "quittance: {what}: {error}; stopping at once. Nothing that was acknowledged is lost: see that the store's disk has \
         room and is sound, and start the server again"
    );
    std::process::abort();
}
