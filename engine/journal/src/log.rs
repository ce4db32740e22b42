//! The log: what a store must do to hold a journal. The seam between the engine and whatever keeps its blocks.

use crate::position::Position;

/// Why a log did not do as it was told. After any of these nobody knows what it holds: the process must end, and the
/// journal decides at the next start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store failed.
    #[error("the journal's store failed: {0}")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another writer's block is where this one should go.
    #[error("another process has written to the journal at position {0}")]
    Fenced(Position),
}

/// The writing end of a log, of which there is one.
pub trait Log: Send {
    /// Writes a block whose first record has this position. It need not be durable yet.
    ///
    /// # Errors
    /// The store failed, or holds a block at this position already.
    fn append(&mut self, first: Position, block: &[u8]) -> Result<(), LogError>;

    /// Makes every block that was appended durable: when this returns, they survive the loss of power. Where power is lost
    /// before, of the blocks that were appended since the last flush the first few survive, or none or all: never one without
    /// those before it.
    ///
    /// # Errors
    /// The store failed. What is durable is then unknown.
    fn flush(&mut self) -> Result<(), LogError>;
}

/// The reading end of a log, of which there may be many.
pub trait LogReader {
    /// The bytes of the block that holds `position`, or else of the first one after it; none past the end.
    ///
    /// # Errors
    /// The store failed.
    fn block_at(&self, position: Position) -> Result<Option<Vec<u8>>, LogError>;
}
