//! As much of crossbeam's bounded channel as the committer's queue uses. First in, first out; each call is one step.

/// The channel.
pub mod channel {
    use std::collections::VecDeque;

    use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};

    struct State<T> {
        waiting: VecDeque<T>,
        slots: usize,
        senders: usize,
        has_receiver: bool,
    }

    struct Shared<T> {
        state: Mutex<State<T>>,
        changed: Condvar,
    }

    impl<T> Shared<T> {
        fn lock(&self) -> MutexGuard<'_, State<T>> {
            self.state.lock().unwrap()
        }
    }

    /// The writing end.
    pub struct Sender<T>(Arc<Shared<T>>);

    /// The reading end.
    pub struct Receiver<T>(Arc<Shared<T>>);

    /// All senders are gone.
    #[derive(Debug)]
    pub struct RecvError;

    /// Nothing waits.
    #[derive(Debug)]
    pub struct TryRecvError;

    /// Why nothing was sent.
    #[derive(Debug)]
    pub enum TrySendError<T> {
        /// There is no room.
        Full(T),
        /// Nobody reads.
        Disconnected(T),
    }

    /// A channel with so many slots.
    pub fn bounded<T>(slots: usize) -> (Sender<T>, Receiver<T>) {
        let state = State { waiting: VecDeque::new(), slots, senders: 1, has_receiver: true };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        (Sender(Arc::clone(&shared)), Receiver(shared))
    }

    impl<T> Sender<T> {
        /// Sends, or says why not.
        pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
            let mut state = self.0.lock();
            if !state.has_receiver {
                return Err(TrySendError::Disconnected(value));
            }
            if state.waiting.len() >= state.slots {
                return Err(TrySendError::Full(value));
            }
            state.waiting.push_back(value);
            drop(state);
            self.0.changed.notify_one();
            Ok(())
        }

        /// How many wait.
        pub fn len(&self) -> usize {
            self.0.lock().waiting.len()
        }

        /// Whether nothing waits.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Self {
            self.0.lock().senders += 1;
            Self(Arc::clone(&self.0))
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            self.0.lock().senders -= 1;
            self.0.changed.notify_one();
        }
    }

    impl<T> Receiver<T> {
        /// Waits for the next.
        pub fn recv(&self) -> Result<T, RecvError> {
            let mut state = self.0.lock();
            loop {
                if let Some(value) = state.waiting.pop_front() {
                    return Ok(value);
                }
                if state.senders == 0 {
                    return Err(RecvError);
                }
                state = self.0.changed.wait(state).unwrap();
            }
        }

        /// The next, if any waits.
        pub fn try_recv(&self) -> Result<T, TryRecvError> {
            self.0.lock().waiting.pop_front().ok_or(TryRecvError)
        }

        /// How many wait.
        pub fn len(&self) -> usize {
            self.0.lock().waiting.len()
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            self.0.lock().has_receiver = false;
        }
    }

    impl<T> std::fmt::Debug for Sender<T> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Sender")
        }
    }

    impl<T> std::fmt::Debug for Receiver<T> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Receiver")
        }
    }
}
