//! The room that is left on the store's disk, watched from a thread of its own.
//!
//! A disk that is full stops the journal, and that stops the process. So while less than so much is free, nothing new is let in:
//! what was let in has room to be finished, and so have checkpoints. Reads go on, and so does everything once there is room
//! again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{RecvTimeoutError, Sender, bounded};

use crate::admission::Admission;

/// How often the file system is asked. A journal that grows by 100 MB/s takes 25 MB meanwhile.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The thread that watches. It ends when it is told to.
pub(crate) struct SpaceWatch {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// Below how much nothing more is let in, and from how much on it is again: a little more, so that a disk at the border is
/// not one thing and the other in turn.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: u64,
    enough: u64,
}

impl Bounds {
    const fn new(min_free_bytes: u64) -> Self {
        Self { low: min_free_bytes, enough: min_free_bytes.saturating_add(min_free_bytes / 8) }
    }

    const fn is_low(self, was_low: bool, free_bytes: u64) -> bool {
        free_bytes < if was_low { self.enough } else { self.low }
    }
}

struct Watching {
    store: PathBuf,
    bounds: Bounds,
    admission: Arc<Admission>,
    is_low: bool,
    is_unknown: bool,
}

impl SpaceWatch {
    /// Looks once, and then from time to time.
    pub(crate) fn start(store: PathBuf, min_free_bytes: u64, admission: Arc<Admission>) -> io::Result<Self> {
        let bounds = Bounds::new(min_free_bytes);
        let mut watching = Watching { store, bounds, admission, is_low: false, is_unknown: false };
        watching.look();
        let (stop, stopped) = bounded(1);
        let thread = thread::Builder::new().name("space".to_owned()).spawn(move || {
            while stopped.recv_timeout(CHECK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                watching.look();
            }
        })?;
        Ok(Self { stop, thread })
    }

    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that watches the disk's room panicked");
        }
    }
}

impl Watching {
    fn look(&mut self) {
        let free_bytes = match rustix::fs::statvfs(&self.store) {
            Ok(system) => system.f_bavail.saturating_mul(system.f_frsize),
            Err(error) => {
                // Nothing is known to be wrong. If the disk is, the journal says so.
                if !std::mem::replace(&mut self.is_unknown, true) {
                    tracing::warn!(%error, "the room on the store's disk can't be found out: it is not watched");
                }
                return;
            }
        };
        self.is_unknown = false;
        let is_low = self.bounds.is_low(self.is_low, free_bytes);
        if is_low == self.is_low {
            return;
        }
        self.is_low = is_low;
        self.admission.set_space_low(is_low);
        if is_low {
            let needed_bytes = self.bounds.enough;
            tracing::error!(
                free_bytes,
                needed_bytes,
                "the store's disk is nearly full: whatever would write is refused, and reads go on; make room"
            );
        } else {
            tracing::info!(free_bytes, "the store's disk has room again: whatever writes is let in");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_more_to_go_on_than_to_stop() {
        let bounds = Bounds::new(800);
        assert!(!bounds.is_low(false, 800) && bounds.is_low(false, 799));
        assert!(bounds.is_low(true, 899) && !bounds.is_low(true, 900));
        let unwatched = Bounds::new(0);
        assert!(!unwatched.is_low(false, 0));
    }
}
