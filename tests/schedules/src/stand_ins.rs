//! What the engine's files name of its other files, as far as they use it.

/// What can come of asking.
pub(crate) mod error {
    use quittance_ledger::Refusal;

    /// Why the engine did not do what it was asked.
    #[derive(Debug, thiserror::Error)]
    pub enum EngineError {
        /// A rule says no.
        #[error(transparent)]
        Refused(#[from] Refusal),
        /// As much is under way as may be.
        #[error("too much is under way")]
        Overloaded,
        /// The store's disk has little room.
        #[error("the store's disk has little room")]
        SpaceLow,
        /// The engine is shutting down.
        #[error("the engine is stopping")]
        Stopping,
    }
}

/// What is answered.
pub(crate) mod order {
    use quittance_journal::Position;
    use quittance_ledger::{Refusal, Timestamp, Transfer};

    /// A transfer as the journal holds it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TransferRecord {
        pub position: Position,
        pub at: Timestamp,
        pub transfer: Box<Transfer>,
        pub refusal: Option<Refusal>,
    }

    /// What came of one order of a batch.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Moved {
        pub position: Position,
        pub at: Timestamp,
        pub refusal: Option<Refusal>,
    }
}

/// What is on disk.
pub(crate) mod store {
    use quittance_journal::Position;
    use quittance_ledger::{IdHash, TransferId};

    /// Makes hashes of ids.
    #[derive(Debug)]
    pub(crate) struct IdKey;

    impl IdKey {
        /// The end of the id, which is all that differs here.
        pub(crate) fn hash(&self, id: TransferId) -> IdHash {
            let [.., a, b, c, d, e] = id.to_bytes();
            IdHash([a, b, c, d, e])
        }
    }

    /// The ids of an index. There is no index here.
    #[allow(dead_code, reason = "nothing is restored here")]
    pub(crate) struct IdsOfSlice;

    #[allow(dead_code, reason = "nothing is restored here")]
    impl IdsOfSlice {
        pub(crate) fn len(&self) -> usize {
            0
        }

        pub(crate) fn beginning_with(&self, _: u8) -> (usize, std::iter::Empty<(IdHash, Position)>) {
            (0, std::iter::empty())
        }
    }
}
