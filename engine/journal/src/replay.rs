//! Replay: reading a journal from a position on, and seeing that nothing in it changed, went missing or moved.

use crate::block::{Block, BlockError};
use crate::chain::{BlockHash, Tip};
use crate::log::{LogError, LogReader};
use crate::position::Position;

/// Why a journal can't be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A block does not read.
    #[error("the journal is damaged at position {position}: {error}")]
    Block {
        /// Where the block should begin.
        position: Position,
        /// What is wrong with it.
        #[source]
        error: BlockError,
    },
    /// A block is missing, or in another's place.
    #[error("the journal is damaged: a block that begins at position {expected} is missing, {found} follows")]
    Gap {
        /// Where the next block should begin.
        expected: Position,
        /// Where it does.
        found: Position,
    },
    /// A block does not follow the one before it.
    #[error("the journal is damaged: the block at position {0} does not follow the one before it")]
    Chain(Position),
    /// The journal ends before it may.
    #[error(
        "the journal ends at position {found}, but state as of position {needed} was kept: blocks are lost"
    )]
    Short {
        /// What it must reach.
        needed: Position,
        /// Where it ends.
        found: Position,
    },
}

/// Reads the blocks that hold what comes after `after`, in order, and gives each to `visit`. The first block read may
/// also hold records up to `after`; visitors pass over those.
///
/// Every block is checked against its hash and against the block before it; the first one read also against nothing
/// (position 0) where the journal is read from its start.
///
/// # Errors
/// The first thing that is wrong with the journal, or what `visit` said.
pub fn replay<E: From<ReplayError>>(
    reader: &impl LogReader,
    after: Position,
    mut visit: impl FnMut(Block) -> Result<(), E>,
) -> Result<Tip, E> {
    // The block that holds `after` itself is read too: its hash is what the next one must name.
    let mut next = after.max(Position::new(1));
    let mut before: Option<BlockHash> = (after == Position::START).then_some(BlockHash::GENESIS);
    let mut tip = Tip::GENESIS;
    while let Some(bytes) = reader.block_at(next).map_err(ReplayError::from)? {
        let block = Block::decode(&bytes).map_err(|error| ReplayError::Block { position: next, error })?;
        let is_first = tip == Tip::GENESIS;
        let is_in_place = if is_first && after != Position::START {
            block.first <= next && block.last() >= next
        } else {
            block.first == next
        };
        if !is_in_place {
            return Err(ReplayError::Gap { expected: next, found: block.first }.into());
        }
        // Of a journal that is not read from its start, the first block's own count is what is gone by.
        let is_counted = block.index == tip.blocks || (is_first && after != Position::START);
        if !is_counted || before.is_some_and(|hash| hash != block.previous) {
            return Err(ReplayError::Chain(block.first).into());
        }
        tip = block.tip();
        before = Some(block.hash);
        next = tip.position.next();
        visit(block)?;
    }
    if tip.position < after {
        return Err(ReplayError::Short { needed: after, found: tip.position }.into());
    }
    Ok(tip)
}
