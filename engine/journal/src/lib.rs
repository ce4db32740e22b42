//! The journal: what is durable, and in what order, and how that is proven to others.
//!
//! Events are gathered into blocks, each chained to the one before by its hash and made durable by one flush. This
//! crate says what a block is, how blocks follow one another, and what a store must do to hold them: the [`Log`]. It
//! knows no store and no thread but the one that [`Committer::run`] is called on.
//!
//! A block's hash is over the root of a tree of its records, and all blocks are the leaves of another tree, whose root is in
//! a [`Head`] that the server signs. So a [`Receipt`] proves one record without the others, and a [`ConsistencyProof`] that
//! nothing was rewritten between two heads.

mod block;
mod block_tree;
mod chain;
mod chunk;
mod committer;
mod document;
mod frontier;
mod head;
mod header;
mod inclusion;
mod log;
mod memory_log;
mod merkle;
mod position;
mod receipt;
mod record;
mod replay;
mod transfer_layout;
mod tree_proof;

pub use block::{Block, BlockError, BlockView, MAX_BLOCK_BYTES, MAX_RECORDS_PER_BLOCK};
pub use block_tree::{BlockTree, ChunkedNodes, Unwritten};
pub use chain::{BlockHash, Tip};
pub use chunk::{Chunk, ChunkKey};
pub use committer::{Batch, CommitError, Committer, Queue, Submission};
pub use frontier::{CompleteNode, Frontier};
pub use head::{ConsistencyError, ConsistencyProof, Head, HeadError, SignedHead};
pub use header::BlockHeader;
pub use inclusion::RecordProof;
pub use log::{Log, LogError, LogReader};
pub use memory_log::{Fault, MemoryLog};
pub use merkle::NodeHash;
pub use position::Position;
pub use receipt::{Proven, Receipt, ReceiptError};
pub use record::{Record, RecordError};
pub use replay::{ReplayError, replay};
pub use tree_proof::{TreeError, TreeNodes, prove_block, prove_consistency};
