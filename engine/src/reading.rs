//! Reading the disk for async code: on threads that may wait for it, and so many at a time.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::error::EngineError;

/// How many reads run at a time. A page may decode a thousand blocks, and more at once would only keep payments from the cores.
pub(crate) const MAX_READS_AT_ONCE: usize = 16;

/// How many reads may wait for their turn. The next is refused at once.
pub(crate) const MAX_READS_WAITING: usize = 512;

/// The bounds on reads.
#[derive(Debug)]
pub(crate) struct Reads {
    /// One for each read that runs or waits.
    places: Semaphore,
    turns: Arc<Semaphore>,
}

impl Default for Reads {
    fn default() -> Self {
        Self {
            places: Semaphore::new(MAX_READS_AT_ONCE.saturating_add(MAX_READS_WAITING)),
            turns: Arc::new(Semaphore::new(MAX_READS_AT_ONCE)),
        }
    }
}

impl Reads {
    async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let _place = self.places.try_acquire().map_err(|_| EngineError::Overloaded)?;
        self.in_turn(read).await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        // Without a runtime the caller blocks a thread of its own while it waits, and may as well read on it.
        let Ok(runtime) = Handle::try_current() else { return Ok(read()) };
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| EngineError::Stopping)?;
        let reading = runtime.spawn_blocking(move || {
            // A read goes on when nobody waits for it any more, so the turn is over when it is.
            let _turn = turn;
            read()
        });
        reading.await.map_err(|_| EngineError::Stopping)
    }
}

impl Engine {
    /// Runs what reads the disk, such as this engine's methods that are not async, on a thread that may wait for it. Where
    /// there is no tokio runtime, it runs on the caller's own.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`]: too many reads wait already. [`EngineError::Stopping`]: the runtime is shutting down.
    pub async fn reading<T, F>(&self, read: F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.reads.run(read).await
    }

    /// As [`Engine::reading`], but waits for its turn however many do: for those who are so many at most, and whose answer has
    /// begun already.
    ///
    /// # Errors
    /// [`EngineError::Stopping`]: the runtime is shutting down.
    pub async fn reading_in_turn<T, F>(&self, read: F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.reads.in_turn(read).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn reads_that_are_too_many_are_refused_at_once_and_streams_wait() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let reads = Arc::new(Reads::default());
            let (release, released) = mpsc::channel::<()>();
            let released = Arc::new(parking_lot::Mutex::new(released));
            let blocked = || {
                let (reads, released) = (Arc::clone(&reads), Arc::clone(&released));
                let wait = move || released.lock().recv().is_err();
                tokio::spawn(async move { reads.run(wait).await })
            };
            let running: Vec<_> = (0..MAX_READS_AT_ONCE + MAX_READS_WAITING).map(|_| blocked()).collect();
            while reads.places.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            assert!(matches!(reads.run(|| ()).await, Err(EngineError::Overloaded)));
            let stream = tokio::spawn({
                let reads = Arc::clone(&reads);
                async move { reads.in_turn(|| 7).await }
            });
            tokio::task::yield_now().await;
            assert!(!stream.is_finished());
            drop(release);
            for read in running {
                assert!(read.await.unwrap().unwrap());
            }
            assert_eq!(stream.await.unwrap().unwrap(), 7);
            assert_eq!(reads.run(|| 8).await.unwrap(), 8);
        });
    }

    #[test]
    fn without_a_runtime_the_caller_reads() {
        let caller = std::thread::current().id();
        let reads = Reads::default();
        let read = reads.run(|| std::thread::current().id());
        assert_eq!(pollster::block_on(read).unwrap(), caller);
    }
}
