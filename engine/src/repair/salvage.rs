//! Taking over what is whole, file by file, until the first damage.

use std::path::{Path, PathBuf};

use quittance_journal::{Block, BlockHeader, BlockView, Position, Record, Tip};
use quittance_ledger::Timestamp;

use super::beyond::{self, IntactBlocks};
use super::reading::{WhatIsRead, read_what_can_be};
use super::{Damage, FirstDamage, RepairError, RepairReport};
use crate::store::{NewStore, Reached, SegmentFile};

pub(super) struct Salvage {
    tip: Tip,
    at: Option<Timestamp>,
    damage: Option<FirstDamage>,
    /// Where the last block that was taken over ends.
    end: (PathBuf, u64),
    reached: Option<Reached>,
    /// Whether the block that the mark is of was taken over.
    is_reached: bool,
    beyond: Vec<IntactBlocks>,
    other_bytes: u64,
    unreadable_bytes: u64,
}

impl Salvage {
    pub(super) fn new(reached: Option<Reached>) -> Self {
        Self {
            tip: Tip::GENESIS,
            at: None,
            damage: None,
            end: (PathBuf::new(), 0),
            reached,
            is_reached: reached.is_some_and(|reached| reached.first() == Position::START),
            beyond: Vec::new(),
            other_bytes: 0,
            unreadable_bytes: 0,
        }
    }

    /// Looks at the journal's next file, which should have the number `index`.
    pub(super) fn take(
        &mut self,
        index: usize,
        file: &SegmentFile,
        is_last: bool,
        new: &mut NewStore,
        list: &mut dyn FnMut(Position, &Record) -> std::io::Result<()>,
    ) -> Result<(), RepairError> {
        let read = read_what_can_be(&file.path, file.bytes.min(file.due_bytes));
        let unreadable = read.unreadable.iter().map(|range| range.len() as u64).sum::<u64>();
        self.unreadable_bytes = self.unreadable_bytes.saturating_add(unreadable);
        let mut from = 0;
        if self.is_in_place(index, file) {
            from = self.take_over(&read.bytes, new)?;
            self.end = (file.path.clone(), from as u64);
            if let Some(kind) = self.damage_at(file, &read, from, is_last) {
                self.damaged(&file.path, from as u64, kind);
            }
        }
        let others = beyond::look(&file.path, &read.bytes, from, self.tip.position, &mut self.beyond, list);
        self.other_bytes = self.other_bytes.saturating_add(others.map_err(RepairError::List)?);
        Ok(())
    }

    /// What came of it, but for the new store.
    pub(super) fn finish(mut self) -> RepairReport {
        if self.reached.is_some_and(|reached| reached.first() > self.tip.position) {
            let (file, offset) = self.end.clone();
            self.damaged(&file, offset, Damage::Nothing);
        }
        let is_right = |reached: &Reached| self.is_reached || reached.first() > self.tip.position;
        RepairReport {
            salvaged: None,
            end: self.tip,
            at: self.at,
            reached: self.reached.filter(is_right).map(Reached::first),
            damage: self.damage,
            beyond: self.beyond,
            other_bytes: self.other_bytes,
            unreadable_bytes: self.unreadable_bytes,
        }
    }

    /// Whether the file is the one that comes next, and nothing before it is damaged.
    fn is_in_place(&mut self, index: usize, file: &SegmentFile) -> bool {
        let (number, index) = (file.number, index as u64);
        let next = self.tip.position.next();
        if number == index && file.first == next {
            return self.damage.is_none();
        }
        if number > index {
            self.damaged(&file.path, 0, Damage::FileMissing);
        } else if number < index || file.first < next {
            self.damaged(&file.path, 0, Damage::Other(file.first));
        } else {
            let (before, offset) = self.end.clone();
            self.damaged(&before, offset, Damage::Nothing);
        }
        false
    }

    /// Takes over the blocks at the beginning of a file that are whole and follow. Gives where they end.
    fn take_over(&mut self, bytes: &[u8], new: &mut NewStore) -> Result<usize, RepairError> {
        let mut from = 0;
        while let Some(rest) = bytes.get(from..)
            && let Ok((view, _)) = BlockView::split_first(rest)
            && let Some(tip) = view.follows(self.tip)
        {
            let whole = rest.get(..view.header().block_bytes()).unwrap_or_default();
            let Ok(block) = Block::decode(whole) else { break };
            new.append(block.first, whole)?;
            self.tip = tip;
            self.at = block.records.last().map(|record| record.at);
            self.is_reached |= self.reached.is_some_and(|reached| reached.is(&view));
            from = from.saturating_add(whole.len());
        }
        Ok(from)
    }

    /// What is wrong with what comes after the last block of a file, if anything is. What a crash cuts off is not.
    fn damage_at(&self, file: &SegmentFile, read: &WhatIsRead, from: usize, is_last: bool) -> Option<Damage> {
        let rest = read.bytes.get(from..).unwrap_or_default();
        let header = BlockHeader::read(rest).ok();
        // All that was ever acknowledged is there.
        if is_last && self.is_reached {
            return None;
        }
        let end = header.map_or(1, |header| header.block_bytes()).saturating_add(from);
        if read.unreadable.iter().any(|range| range.start < end && from < range.end) {
            return Some(Damage::Unreadable);
        }
        if rest.iter().all(|byte| *byte == 0) {
            // The next file says whether anything should be here, or the mark.
            let is_cut = is_last && file.bytes < file.due_bytes;
            return is_cut.then_some(Damage::FileCut);
        }
        let Some(header) = header else {
            let is_gone = rest.iter().take(BlockHeader::BYTES).all(|byte| *byte == 0);
            return Some(if is_gone { Damage::Nothing } else { Damage::NoBlock });
        };
        if end > read.bytes.len() && file.bytes < file.due_bytes {
            return Some(Damage::FileCut);
        }
        let written = rest.get(BlockHeader::BYTES..).and_then(<[u8]>::first_chunk::<32>);
        if written != Some(header.hash().as_bytes()) {
            return Some(Damage::NoBlock);
        }
        let is_other = header.first != self.tip.position.next() || header.previous != self.tip.hash;
        let block = Damage::Block { first: header.first, last: header.last() };
        Some(if is_other { Damage::Other(header.first) } else { block })
    }

    /// Takes note of damage, where it is the first.
    fn damaged(&mut self, file: &Path, offset: u64, kind: Damage) {
        let position = self.tip.position.next();
        self.damage.get_or_insert_with(|| FirstDamage { position, file: file.to_owned(), offset, kind });
    }
}
