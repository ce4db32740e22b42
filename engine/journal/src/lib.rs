//! The journal: what is durable, and in what order.
//!
//! Events are gathered into blocks, each chained to the one before by its hash and made durable by one flush. This
//! crate says what a block is, how blocks follow one another, and what a store must do to hold them: the [`Log`]. It
//! knows no store and no thread but the one that [`Committer::run`] is called on.

mod block;
mod chain;
mod committer;
mod log;
mod memory_log;
mod position;
mod record;
mod replay;

pub use block::{Block, BlockError, MAX_BLOCK_BYTES, MAX_RECORDS_PER_BLOCK};
pub use chain::{BlockHash, Tip};
pub use committer::{Batch, CommitError, Committer, Queue, Submission};
pub use log::{Log, LogError, LogReader};
pub use memory_log::{Fault, MemoryLog};
pub use position::Position;
pub use record::Record;
pub use replay::{ReplayError, replay};
