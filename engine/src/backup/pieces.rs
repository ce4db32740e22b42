//! Pieces: reading them, and writing those that come next.

use std::fs;
use std::io::ErrorKind;

use quittance_journal::{BlockHeader, BlockView, Position, Tip};

use super::folder::{BackupFolder, Unfinished};
use super::manifest::Piece;
use super::{BackupError, io};

/// The most bytes of a piece. One is read whole.
pub(super) const MAX_PIECE_BYTES: u64 = 64 * 1_024 * 1_024;

/// Gives the blocks of a piece to `visit`, in their order, until it says not to go on. Who goes on to the end has seen all of the
/// piece, as the manifest says it is; who does not has seen whole blocks, whatever comes after them.
pub(super) fn each(
    backup: &BackupFolder,
    piece: &Piece,
    mut visit: impl FnMut(&BlockView<'_>, &[u8]) -> Result<bool, BackupError>,
) -> Result<bool, BackupError> {
    let path = backup.path_of(piece);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(BackupError::PieceMissing { path, first: piece.first });
        }
        Err(error) => return Err(io(&path, error)),
    };
    let damaged = |first| BackupError::PieceDamaged { path: path.clone(), first };
    let (mut rest, mut next) = (bytes.as_slice(), piece.first);
    while next <= piece.last {
        let (view, after) = BlockView::split_first(rest).map_err(|_| damaged(next))?;
        if view.header().first != next {
            return Err(damaged(next));
        }
        if !visit(&view, rest.get(..view.header().block_bytes()).unwrap_or_default())? {
            return Ok(false);
        }
        (rest, next) = (after, view.header().last().next());
    }
    // Blocks vouch for themselves, so this finds what stands between them and the end.
    let is_whole = bytes.len() as u64 == piece.bytes && *blake3::hash(&bytes).as_bytes() == piece.hash;
    if is_whole { Ok(true) } else { Err(damaged(piece.first)) }
}

/// Gives all blocks of a backup to `visit`, in their order, each with the end of the journal that it makes. `visit` says whether
/// to go on.
pub(super) fn walk(
    backup: &BackupFolder,
    mut visit: impl FnMut(&BlockView<'_>, &[u8], Tip) -> Result<bool, BackupError>,
) -> Result<Tip, BackupError> {
    let mut tip = Tip::GENESIS;
    for piece in backup.pieces() {
        let goes_on = each(backup, piece, |view, block| {
            let first = tip.position.next();
            let damaged = || BackupError::PieceDamaged { path: backup.path_of(piece), first };
            tip = view.follows(tip).ok_or_else(damaged)?;
            visit(view, block, tip)
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(tip)
}

/// Writes blocks to pieces.
pub(super) struct PieceWriter<'a> {
    backup: &'a BackupFolder,
    writing: Option<Writing>,
    done: Vec<Piece>,
    max_bytes: u64,
}

struct Writing {
    file: Unfinished,
    hasher: blake3::Hasher,
    first: Position,
    last: Position,
    blocks: u64,
    bytes: u64,
}

impl<'a> PieceWriter<'a> {
    pub(super) fn new(backup: &'a BackupFolder, max_bytes: u64) -> Self {
        Self { backup, writing: None, done: Vec::new(), max_bytes }
    }

    /// Adds the block that comes next.
    pub(super) fn append(&mut self, header: &BlockHeader, block: &[u8]) -> Result<(), BackupError> {
        let has_room = |writing: &Writing| writing.bytes.saturating_add(block.len() as u64) <= self.max_bytes;
        if !self.writing.as_ref().is_none_or(has_room) {
            self.end_piece()?;
        }
        if self.writing.is_none() {
            let (file, hasher) = (self.backup.begin_piece()?, blake3::Hasher::new());
            let (first, last) = (header.first, header.first);
            self.writing = Some(Writing { file, hasher, first, last, blocks: 0, bytes: 0 });
        }
        if let Some(writing) = &mut self.writing {
            writing.file.write(block)?;
            writing.hasher.update(block);
            writing.last = header.last();
            writing.blocks = writing.blocks.saturating_add(1);
            writing.bytes = writing.bytes.saturating_add(block.len() as u64);
        }
        Ok(())
    }

    /// The pieces that were written. All of them are on the disk.
    pub(super) fn finish(mut self) -> Result<Vec<Piece>, BackupError> {
        self.end_piece()?;
        Ok(self.done)
    }

    fn end_piece(&mut self) -> Result<(), BackupError> {
        let Some(Writing { file, hasher, first, last, blocks, bytes }) = self.writing.take() else {
            return Ok(());
        };
        let piece = Piece { first, last, blocks, bytes, hash: *hasher.finalize().as_bytes() };
        self.backup.finish_piece(file, &piece)?;
        self.done.push(piece);
        Ok(())
    }
}
