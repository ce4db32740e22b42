//! What can come of asking the engine, beside an answer.

use quittance_barcode::BarcodeError;
use quittance_journal::{LogError, ReplayError};
use quittance_ledger::Refusal;

use crate::order::MAX_BATCH;
use crate::store::{SALVAGED, StoreError};

/// Why the engine did not do what it was asked. Nothing has moved.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A rule says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The PIN is wrong, which was counted.
    #[error("the PIN is wrong, {attempts_left} attempts are left")]
    PinWrong {
        /// How many more wrong PINs the account bears.
        attempts_left: u8,
    },
    /// The barcode can't be paid.
    #[error(transparent)]
    Barcode(#[from] BarcodeError),
    /// The barcode was sealed by a till that is no longer trusted, or not the payee's.
    #[error("the till that sealed the barcode is not trusted any more")]
    TillNotTrusted,
    /// The barcode leaves the amount to the payer, who did not say it.
    #[error("the barcode leaves the amount open")]
    AmountMissing,
    /// The payer was shown another currency than the barcode's.
    #[error("the barcode asks for another currency")]
    CurrencyDiffers,
    /// The transfer is not known, or the party has no part in it.
    #[error("the transfer is not known")]
    TransferUnknown,
    /// The device's signature of what is to move does not fit it.
    #[error("the device's signature does not fit the transfer's statement")]
    StatementNotSigned,
    /// The PIN is needed.
    #[error("the PIN is missing")]
    PinMissing,
    /// A batch has more orders than a batch may have.
    #[error("a batch has at most {MAX_BATCH} transfers")]
    BatchTooLong,
    /// As much is under way as may be.
    #[error("too much is under way: try again")]
    Overloaded,
    /// The store's disk is nearly full, so nothing that would write is let in.
    #[error("the server's disk is nearly full: try again once there is room")]
    SpaceLow,
    /// The engine is shutting down, or has stopped.
    #[error("the engine is stopping: try again")]
    Stopping,
    /// The machine has no randomness.
    #[error("the machine gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] LogError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was read from the store makes no sense.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// What to do about a journal that can't be read.
fn what_helps(error: &ReplayError) -> String {
    match error {
        // The disk says itself what to do.
        ReplayError::Log(_) => String::new(),
        _ => format!("; {SALVAGED}"),
    }
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store can't be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal can't be read to its end.
    #[error("{0}{help}", help = what_helps(.0))]
    Journal(#[from] ReplayError),
    /// What a checkpoint or an index says can't be read.
    #[error("the store is damaged: {0}; restore it from a backup")]
    Damaged(String),
    /// The keys are not those that the store was used with.
    #[error(
        "the store was used with other keys than these: put its verifier.key and all its seal keys back, or no PIN would \
         be right and no barcode good any more"
    )]
    KeysDiffer,
    /// The journal's time is so far ahead of the machine's that every transfer's id would be too old.
    #[error(
        "the journal's latest record is {ahead_secs} s ahead of this machine's clock, more than ids are remembered: set \
         the clock right; if it was wrong when the record was made, go back to before that with `quittance restore --before`"
    )]
    ClockBehind {
        /// How far.
        ahead_secs: u64,
    },
    /// A setting is out of its range.
    #[error("the setting {field} is {problem}")]
    Config {
        /// Which.
        field: &'static str,
        /// What is amiss, and what would be right.
        problem: &'static str,
    },
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
}
