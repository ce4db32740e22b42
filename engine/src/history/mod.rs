//! The history: which transfers a wallet took part in, what its account is to be told, and where the journal has all that.
//!
//! An index and nothing more: what it finds is read from the journal. The newest entries are in memory until the next
//! checkpoint writes them, and after a crash they are gathered again from the journal.
//!
//! Beside positions it keeps the balance that a wallet had after each of its transfers, so that no page of a statement needs
//! more than the page.

mod entries;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::{Mutex, RwLock};
use quittance_journal::{Block, LogReader, Position, Record};
use quittance_ledger::{AccountId, Event, Reference, Timestamp, TransferId, WalletId};

use crate::admission::Outcome;
use crate::error::EngineError;
use crate::happening::Happening;
use crate::order::TransferRecord;
use crate::store::{
    Entry, HistoryBatch, HistoryTree, JournalReader, Line, Opening, OpeningName, ReferenceHash, StoreError,
};

use entries::{Entries, Listed, Told, change_of};
pub(crate) use entries::{ended_by, opened_by, references_of, told_to, transfer_of};

/// How many blocks are kept decoded, because what was just settled is what is asked for.
const CACHED_BLOCKS: usize = 64;

/// How many positions of a reference are looked up at a time.
const REFERENCE_PAGE: usize = 64;

/// In which order entries are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    OldestFirst,
    /// The newest first.
    NewestFirst,
}

#[derive(Debug)]
pub(crate) struct History {
    newest: RwLock<Newest>,
    tree: HistoryTree,
    journal: JournalReader,
    cache: Mutex<VecDeque<Arc<Block>>>,
}

#[derive(Debug, Default)]
struct Newest {
    gathering: Entries,
    /// What is being written. Still read from here, until it is known to be in the tree.
    writing: Arc<Entries>,
    /// The last line of each wallet that took part in anything from the start to the last time that entries were written.
    last_lines: HashMap<WalletId, Line>,
}

impl Newest {
    /// From the older part to the newer. In the time between the writing and its end, the tree has the older part too.
    fn parts(&self) -> [&Entries; 2] {
        [&self.writing, &self.gathering]
    }

    fn entries<S: Listed>(&self, subject: S) -> impl DoubleEndedIterator<Item = S::Entry> + '_ {
        self.parts().into_iter().flat_map(move |part| subject.listed(part)).copied()
    }

    fn opening(&self, name: OpeningName, tree: &HistoryTree) -> Result<Option<Opening>, StoreError> {
        match self.parts().into_iter().find_map(|part| part.openings.get(&name)) {
            Some(opening) => Ok(Some(*opening)),
            None => tree.opening(name),
        }
    }

    /// Takes in a record, and says which accounts it is told to.
    fn append(
        &mut self,
        position: Position,
        record: &Record,
        owner: &dyn Fn(WalletId) -> Option<AccountId>,
        tree: &HistoryTree,
    ) -> Result<Told, StoreError> {
        assert!(position > self.gathering.indexed_to, "the index goes forward");
        let ended = ended_by(&record.event).map(|name| self.opening(name, tree)).transpose()?.flatten();
        let told = told_to(&record.event, ended.as_ref(), owner);
        self.gathering.indexed_to = position;
        self.gathering.openings.extend(opened_by(position, record, owner));
        for account in &told {
            self.gathering.accounts.entry(*account).or_default().push(position);
        }
        let Some(transfer) = transfer_of(&record.event) else { return Ok(told) };
        self.gathering.ids.insert(transfer.id, position);
        self.gathering.references.extend(references_of(transfer).into_iter().map(|hash| (hash, position)));
        for wallet in transfer.wallets() {
            let lines = self.gathering.wallets.entry(wallet).or_default();
            let before = match lines.last().or_else(|| self.last_lines.get(&wallet)) {
                Some(line) => Some(*line),
                None => tree.before(wallet, position, 1)?.pop(),
            };
            let (balance, at) = before.map_or((0, Timestamp::EPOCH), |line| (line.balance, line.at));
            let balance = balance.saturating_add(change_of(&record.event, wallet));
            lines.push(Line { position, balance, at: at.max(record.at) });
        }
        Ok(told)
    }
}

impl History {
    pub(crate) fn open(tree: HistoryTree, journal: JournalReader) -> Result<Self, StoreError> {
        let gathering = Entries { indexed_to: tree.indexed_to()?, ..Entries::default() };
        let newest = Newest { gathering, ..Newest::default() };
        Ok(Self { newest: RwLock::new(newest), tree, journal, cache: Mutex::default() })
    }

    /// Up to where the index reaches.
    pub(crate) fn indexed_to(&self) -> Position {
        self.newest.read().gathering.indexed_to
    }

    /// Takes in a block, and calls `tell` with each account that is told of each of its records. What it takes in already is
    /// passed over.
    pub(crate) fn append(
        &self,
        block: &Arc<Block>,
        owner: &dyn Fn(WalletId) -> Option<AccountId>,
        mut tell: impl FnMut(AccountId, Position),
    ) -> Result<(), StoreError> {
        let mut newest = self.newest.write();
        let from = newest.gathering.indexed_to;
        for (position, record) in block.positioned().filter(|(position, _)| *position > from) {
            let told = newest.append(position, record, owner, &self.tree)?;
            told.into_iter().for_each(|account| tell(account, position));
        }
        drop(newest);
        self.remember(block);
        Ok(())
    }

    /// Writes the entries in memory to the tree.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let writing = {
            let mut newest = self.newest.write();
            let indexed_to = newest.gathering.indexed_to;
            let gathered =
                std::mem::replace(&mut newest.gathering, Entries { indexed_to, ..Entries::default() });
            let last = |(wallet, lines): (&WalletId, &Vec<Line>)| Some((*wallet, *lines.last()?));
            newest.last_lines.extend(gathered.wallets.iter().filter_map(last));
            newest.writing = Arc::new(gathered);
            Arc::clone(&newest.writing)
        };
        let mut batch = HistoryBatch::default();
        for (wallet, lines) in writing.wallets.iter().collect::<BTreeMap<_, _>>() {
            batch.entries(*wallet, lines);
        }
        for (account, positions) in writing.accounts.iter().collect::<BTreeMap<_, _>>() {
            batch.entries(*account, positions);
        }
        let mut ids: Vec<_> = writing.ids.iter().map(|(id, position)| (*id, *position)).collect();
        ids.sort_unstable();
        batch.ids(&self.tree, &ids, writing.indexed_to)?;
        writing.openings.iter().for_each(|(name, opening)| batch.opening(*name, opening));
        batch.references(&self.tree, &writing.references)?;
        batch.indexed_to(writing.indexed_to);
        self.tree.write(batch)?;
        self.newest.write().writing = Arc::default();
        Ok(())
    }

    /// A subject's entries before `before`, newest first, at most `limit`.
    pub(crate) fn before<S: Listed>(
        &self,
        subject: S,
        before: Position,
        limit: usize,
    ) -> Result<Vec<S::Entry>, StoreError> {
        let mut found: Vec<_> = {
            let newest = self.newest.read();
            newest.entries(subject).rev().filter(|entry| entry.position() < before).take(limit).collect()
        };
        let oldest = found.last().map_or(before, |entry| entry.position());
        found.extend(self.tree.before(subject, oldest, limit.saturating_sub(found.len()))?);
        Ok(found)
    }

    /// A subject's entries after `after`, oldest first, at most `limit`.
    pub(crate) fn after<S: Listed>(
        &self,
        subject: S,
        after: Position,
        limit: usize,
    ) -> Result<Vec<S::Entry>, StoreError> {
        // The tree is read last: what leaves memory meanwhile is in it by then.
        let in_memory: Vec<_> = {
            let newest = self.newest.read();
            newest.entries(subject).filter(|entry| entry.position() > after).take(limit).collect()
        };
        let mut found = self.tree.after(subject, after, limit)?;
        let last = found.last().map_or(after, |entry| entry.position());
        let room = limit.saturating_sub(found.len());
        found.extend(in_memory.into_iter().filter(|entry| entry.position() > last).take(room));
        Ok(found)
    }

    /// Lines of a wallet's statement with positions in `range`, at most `limit`.
    pub(crate) fn lines(
        &self,
        wallet: WalletId,
        range: Range<Position>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Line>, StoreError> {
        let mut lines = match order {
            Order::OldestFirst => {
                self.after(wallet, Position::new(range.start.get().saturating_sub(1)), limit)?
            }
            Order::NewestFirst => self.before(wallet, range.end, limit)?,
        };
        lines.retain(|line| range.contains(&line.position));
        Ok(lines)
    }

    /// A wallet's posted balance before the record at `position`.
    pub(crate) fn balance_before(&self, wallet: WalletId, position: Position) -> Result<i64, StoreError> {
        Ok(self.before(wallet, position, 1)?.pop().map_or(0, |line| line.balance))
    }

    /// The position of the first of a wallet's lines at or after an instant, as [`Line::at`] has it; where there is none, the
    /// one that the journal's next record will have. As long as nothing is recorded with an earlier instant, which the clock
    /// sees to but for moments, the lines before it stay the same.
    pub(crate) fn position_at(&self, wallet: WalletId, at: Timestamp) -> Result<Position, StoreError> {
        let (in_memory, next) = {
            let newest = self.newest.read();
            (newest.entries(wallet).find(|line| line.at >= at), newest.gathering.indexed_to.next())
        };
        let line = self.tree.first_since(wallet, at)?.or(in_memory);
        Ok(line.map_or(next, |line| line.position))
    }

    /// Transfers before `before` with a leg at the wallet that has this reference, newest first, at most `limit`.
    pub(crate) fn by_reference(
        &self,
        wallet: WalletId,
        reference: &Reference,
        before: Position,
        limit: usize,
    ) -> Result<Vec<TransferRecord>, EngineError> {
        let hash = ReferenceHash::new(wallet, reference);
        let mut found = Vec::new();
        let mut cursor = before;
        while found.len() < limit {
            let candidates = self.referring(hash, cursor, REFERENCE_PAGE)?;
            let Some(oldest) = candidates.last() else { break };
            cursor = *oldest;
            for position in candidates {
                let record = self.transfer_at(position)?;
                // Another reference may have the same hash.
                let refers = record.transfer.legs().any(|leg| {
                    (leg.payer == wallet || leg.payee == wallet) && leg.reference.as_ref() == Some(reference)
                });
                if refers && found.len() < limit {
                    found.push(record);
                }
            }
        }
        Ok(found)
    }

    /// Positions before `before` that are listed under a reference's hash, newest first, at most `limit`.
    pub(crate) fn referring(
        &self,
        hash: ReferenceHash,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let mut found: Vec<_> = {
            let newest = self.newest.read();
            let in_memory = newest.parts().into_iter().flat_map(|part| &part.references).rev();
            let same = in_memory.filter(|(other, position)| *other == hash && *position < before);
            same.map(|(_, position)| *position).take(limit).collect()
        };
        let oldest = found.last().copied().unwrap_or(before);
        found.extend(self.tree.by_reference(hash, oldest, limit.saturating_sub(found.len()))?);
        Ok(found)
    }

    /// Where the transfer of this id is.
    pub(crate) fn find(&self, id: TransferId) -> Result<Option<Position>, StoreError> {
        let in_memory = self.newest.read().parts().into_iter().find_map(|part| part.ids.get(&id).copied());
        in_memory.map_or_else(|| self.tree.find(id), |position| Ok(Some(position)))
    }

    /// What was opened under a name.
    pub(crate) fn opening(&self, name: OpeningName) -> Result<Option<Opening>, StoreError> {
        self.newest.read().opening(name, &self.tree)
    }

    /// The transfer at a position.
    pub(crate) fn transfer_at(&self, position: Position) -> Result<TransferRecord, EngineError> {
        let block = self.block(position)?;
        let outcome = block.record(position).and_then(|record| Outcome::of(position, record));
        outcome
            .map(|outcome| outcome.record())
            .ok_or_else(|| EngineError::Damaged(format!("no transfer is at position {position}")))
    }

    /// What happened at a position to those who are told of it.
    pub(crate) fn happening_at(&self, position: Position) -> Result<(Timestamp, Happening), EngineError> {
        let nothing = || EngineError::Damaged(format!("nothing to be told of is at position {position}"));
        let block = self.block(position)?;
        let record = block.record(position).ok_or_else(nothing)?;
        if let Some(outcome) = Outcome::of(position, record) {
            return Ok((record.at, Happening::Transfer(outcome.record())));
        }
        let happening = match &record.event {
            Event::PaymentRequestOpened(request) => Happening::RequestOpened(request.clone()),
            Event::PaymentRequestCancelled { .. } => {
                let opened = self.opening_of(&record.event)?.ok_or_else(nothing)?;
                let block = self.block(opened)?;
                match block.record(opened).map(|record| &record.event) {
                    Some(Event::PaymentRequestOpened(request)) => {
                        Happening::RequestCancelled(request.clone())
                    }
                    _ => return Err(nothing()),
                }
            }
            Event::HoldReleased { .. } | Event::HoldExpired { .. } => {
                let placed = self.opening_of(&record.event)?.ok_or_else(nothing)?;
                let hold = self.transfer_at(placed)?;
                if matches!(record.event, Event::HoldReleased { .. }) {
                    Happening::HoldReleased(hold)
                } else {
                    Happening::HoldExpired(hold)
                }
            }
            Event::WalletFrozen { wallet, both_ways } => {
                Happening::WalletFrozen { wallet: *wallet, both_ways: *both_ways }
            }
            Event::WalletUnfrozen { wallet } => Happening::WalletUnfrozen { wallet: *wallet },
            Event::WalletConfigured { wallet, settings } => {
                Happening::WalletConfigured { wallet: *wallet, settings: Box::new(*settings) }
            }
            _ => return Err(nothing()),
        };
        Ok((record.at, happening))
    }

    /// Where what an event ends was opened.
    fn opening_of(&self, event: &Event) -> Result<Option<Position>, StoreError> {
        let opening = ended_by(event).map(|name| self.opening(name)).transpose()?.flatten();
        Ok(opening.map(|opening| opening.position))
    }

    /// The bytes of the block that reaches over a position.
    pub(crate) fn block_bytes(&self, position: Position) -> Result<Vec<u8>, EngineError> {
        let bytes = self.journal.block_at(position)?;
        bytes.ok_or_else(|| EngineError::Damaged(format!("no block holds position {position}")))
    }

    fn block(&self, position: Position) -> Result<Arc<Block>, EngineError> {
        let holds = |block: &&Arc<Block>| block.first <= position && position <= block.last();
        if let Some(block) = self.cache.lock().iter().find(holds) {
            return Ok(Arc::clone(block));
        }
        let block = Block::decode(&self.block_bytes(position)?)
            .map_err(|error| EngineError::Damaged(format!("the block at position {position}: {error}")))?;
        let block = Arc::new(block);
        self.remember(&block);
        Ok(block)
    }

    fn remember(&self, block: &Arc<Block>) {
        let mut cache = self.cache.lock();
        if cache.len() >= CACHED_BLOCKS {
            cache.pop_back();
        }
        cache.push_front(Arc::clone(block));
    }
}
