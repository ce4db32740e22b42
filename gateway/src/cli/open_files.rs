//! How many files the process may have open: each connection is one.
//!
//! Most systems start a process with a low limit that it may raise by itself, up to a higher one.

use rustix::process::{Resource, getrlimit, setrlimit};

use super::CliError;
use crate::server::MAX_AT_THE_DOOR;

/// What the store, the log and the connections at the door take.
const FILES_BESIDE: usize = 256 + MAX_AT_THE_DOOR;

/// Raises the limit as far as the process may.
pub(super) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files could not be raised");
        }
    }
}

/// As many connections as there are files for, at most `wanted`.
pub(super) fn fitting(wanted: usize) -> Result<usize, CliError> {
    let files = getrlimit(Resource::Nofile).current;
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let fitting = fitting_in(wanted, files);
    let needed = wanted.saturating_add(FILES_BESIDE);
    match fitting {
        0 => Err(format!(
            "the process may have {files} files open, and needs {needed} for {wanted} connections: raise the limit (ulimit -n, \
             or LimitNOFILE in its unit)"
        )
        .into()),
        _ => {
            if fitting < wanted {
                tracing::warn!(
                    files,
                    needed,
                    max_connections = fitting,
                    "there are fewer files than max_connections needs: raise the limit (ulimit -n, or LimitNOFILE in its unit)"
                );
            }
            Ok(fitting)
        }
    }
}

fn fitting_in(wanted: usize, files: usize) -> usize {
    wanted.min(files.saturating_sub(FILES_BESIDE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_as_many_as_there_are_files_for() {
        assert_eq!(fitting_in(100, usize::MAX), 100);
        assert_eq!(fitting_in(100, FILES_BESIDE + 100), 100);
        assert_eq!(fitting_in(100, FILES_BESIDE + 99), 99);
        assert_eq!(fitting_in(100, FILES_BESIDE), 0);
        assert_eq!(fitting_in(100, 0), 0);
    }
}
