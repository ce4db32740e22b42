//! The history: which transfers a wallet took part in, what its account is to be told, and where the journal has all that.
//!
//! An index and nothing more: what it finds is read from the journal. The newest entries are in memory until the next
//! checkpoint writes them, and after a crash they are gathered again from the journal.
//!
//! Beside positions it keeps the balance that a wallet had after each of its transfers, so that no page of a statement needs
//! more than the page.

mod entries;
mod part;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::{Mutex, RwLock};
use quittance_journal::{Block, LogReader, Position, Record};
use quittance_ledger::{AccountId, Event, Reference, Timestamp, TransferId, Wallet, WalletId};

use crate::admission::Outcome;
use crate::error::EngineError;
use crate::happening::Happening;
use crate::order::TransferRecord;
use crate::store::{
    Group, HistoryTree, IdKey, JournalReader, LastLines, Line, LinkedLine, Opening, OpeningName,
    ReferenceHash, StoreError,
};

use entries::change_of;
pub(crate) use entries::{ended_by, opened_by, references_of, told_to, transfer_of};
use part::Part;

/// How many full parts may wait to be written before whoever fills the next one writes them: what bounds the memory they take
/// where the checkpointer is busy.
const MAX_FULL_PARTS: usize = 16;

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
    id_key: IdKey,
    /// Held by whoever writes: parts are written in their order.
    writing: Mutex<()>,
    journal: JournalReader,
    cache: Mutex<VecDeque<Arc<Block>>>,
}

#[derive(Debug)]
struct Newest {
    gathering: Part,
    /// What is to be written, the oldest first. Still read from here, until it is known to be in the tree.
    full: VecDeque<Arc<Part>>,
    /// The last line of each wallet that was opened, or took part in anything, since the start, and of those that were seen
    /// beside one that was looked for. One that has none yet has it at [`Position::START`].
    last_lines: HashMap<WalletId, Line>,
    /// Up to where, back from where it ended at the start, the tree was searched for the last lines of a group's wallets.
    searched: HashMap<Group, Position>,
    /// Where the tree ended at the start.
    tree_end: Position,
}

/// What a wallet has before its first line.
const NO_LINE: Line = Line { position: Position::START, balance: 0, at: Timestamp::EPOCH };

/// Told which account is told of which record.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(AccountId, Position);

impl Newest {
    /// From the oldest part to the newest. In the time between the writing and its end, the tree has the oldest too.
    fn parts(&self) -> Vec<&Part> {
        self.full.iter().map(AsRef::as_ref).chain([&self.gathering]).collect()
    }

    /// A wallet's lines in memory, newest first, as long as they are wanted.
    fn lines_while(&self, wallet: WalletId, is_wanted: impl Fn(&Line) -> bool) -> Vec<Line> {
        let last = self.last_lines.get(&wallet).copied();
        Part::walk_back(&self.parts(), wallet, last).take_while(is_wanted).collect()
    }

    fn opening(&self, name: OpeningName, tree: &HistoryTree) -> Result<Option<Opening>, StoreError> {
        match self.parts().into_iter().find_map(|part| part.openings.get(&name)) {
            Some(opening) => Ok(Some(*opening)),
            None => tree.opening(name),
        }
    }

    /// Takes in a record.
    fn append(
        &mut self,
        position: Position,
        record: &Record,
        owner: &dyn Fn(WalletId) -> Option<AccountId>,
        tell: Option<Tell<'_>>,
        tree: &HistoryTree,
    ) -> Result<(), StoreError> {
        assert!(position > self.gathering.indexed_to, "the index goes forward");
        self.gathering.indexed_to = position;
        self.gathering.openings.extend(opened_by(position, record, owner));
        let Some(transfer) = transfer_of(&record.event) else {
            let ended = ended_by(&record.event).map(|name| self.opening(name, tree)).transpose()?.flatten();
            let told = told_to(&record.event, ended.as_ref(), owner);
            self.gathering.told.extend(told.iter().map(|account| (*account, position)));
            if let Some(tell) = tell {
                told.into_iter().for_each(|account| tell(account, position));
            }
            if let Some(opened) = Wallet::opened_by(&record.event) {
                self.last_lines.insert(opened.id(), NO_LINE);
            }
            return Ok(());
        };
        if let Some(tell) = tell {
            told_to(&record.event, None, owner).into_iter().for_each(|account| tell(account, position));
        }
        self.gathering.ids.push((transfer.id, position));
        self.gathering.references.extend(references_of(transfer).into_iter().map(|hash| (hash, position)));
        for wallet in transfer.wallets() {
            if !self.last_lines.contains_key(&wallet) {
                self.search(wallet, tree)?;
            }
            let last = self.last_lines.entry(wallet).or_insert(NO_LINE);
            let before = *last;
            let balance = before.balance.saturating_add(change_of(&record.event, wallet));
            *last = Line { position, balance, at: before.at.max(record.at) };
            self.gathering.lines.push(LinkedLine { wallet, line: *last, previous: before.position });
        }
        Ok(())
    }

    /// Looks for the last line of a wallet in what the tree had at the start. It goes on from where the last search in the group
    /// ended, and keeps what it sees of others, so that all searches together read each value once.
    fn search(&mut self, wallet: WalletId, tree: &HistoryTree) -> Result<(), StoreError> {
        let group = Group::of(wallet);
        while !self.last_lines.contains_key(&wallet) {
            let end = self.searched.get(&group).copied().unwrap_or(self.tree_end.next());
            let Some(LastLines { first, lines }) = tree.last_lines_before(group, end)? else { break };
            for (other, line) in lines {
                // What is known already is newer.
                self.last_lines.entry(other).or_insert(line);
            }
            self.searched.insert(group, first);
        }
        Ok(())
    }

    /// Puts what is gathered where it is written from.
    fn close_part(&mut self) {
        let next = Part::new(self.gathering.indexed_to);
        self.full.push_back(Arc::new(std::mem::replace(&mut self.gathering, next)));
    }
}

impl History {
    pub(crate) fn open(tree: HistoryTree, journal: JournalReader) -> Result<Self, StoreError> {
        let tree_end = tree.indexed_to()?;
        let newest = Newest {
            gathering: Part::new(tree_end),
            full: VecDeque::new(),
            last_lines: HashMap::default(),
            searched: HashMap::default(),
            tree_end,
        };
        let (id_key, newest) = (tree.id_key()?, RwLock::new(newest));
        Ok(Self { newest, id_key, tree, writing: Mutex::default(), journal, cache: Mutex::default() })
    }

    /// Up to where the index reaches.
    pub(crate) fn indexed_to(&self) -> Position {
        self.newest.read().gathering.indexed_to
    }

    /// Takes in a block, and calls `tell` with each account that is told of each of its records. What it takes in already is
    /// passed over. Says whether there is enough to be written.
    pub(crate) fn append(
        &self,
        block: &Arc<Block>,
        owner: &dyn Fn(WalletId) -> Option<AccountId>,
        mut tell: Option<Tell<'_>>,
    ) -> Result<bool, StoreError> {
        let mut newest = self.newest.write();
        let (from, before) = (newest.gathering.indexed_to, newest.full.len());
        for (position, record) in block.positioned().filter(|(position, _)| *position > from) {
            let tell: Option<Tell<'_>> = match &mut tell {
                Some(tell) => Some(&mut **tell),
                None => None,
            };
            newest.append(position, record, owner, tell, &self.tree)?;
            if newest.gathering.is_full() {
                newest.close_part();
            }
        }
        let full = newest.full.len();
        drop(newest);
        self.remember(block);
        if full > MAX_FULL_PARTS {
            self.write_full()?;
        }
        Ok(full > before)
    }

    /// Writes all that is in memory to the tree.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        {
            let mut newest = self.newest.write();
            if !newest.gathering.is_empty() {
                newest.close_part();
            }
        }
        self.write_full()
    }

    /// Writes the parts that are full to the tree, each in one batch.
    pub(crate) fn write_full(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock();
        loop {
            let oldest = self.newest.read().full.front().map(Arc::clone);
            let Some(part) = oldest else { return Ok(()) };
            part.write(&self.tree, &self.id_key)?;
            self.newest.write().full.pop_front();
        }
    }

    /// A wallet's lines before `before`, newest first, at most `limit`.
    pub(crate) fn lines_before(
        &self,
        wallet: WalletId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Line>, StoreError> {
        let mut found = {
            let newest = self.newest.read();
            let parts = newest.parts();
            let lines = Part::walk_back(&parts, wallet, newest.last_lines.get(&wallet).copied());
            lines.filter(|line| line.position < before).take(limit).collect::<Vec<_>>()
        };
        let oldest = found.last().map_or(before, |line| line.position);
        found.extend(self.tree.lines_before(wallet, oldest, limit.saturating_sub(found.len()))?);
        Ok(found)
    }

    /// A wallet's lines after `after`, oldest first, at most `limit`.
    pub(crate) fn lines_after(
        &self,
        wallet: WalletId,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Line>, StoreError> {
        // The tree is read last: what leaves memory meanwhile is in it by then.
        let in_memory = self.newest.read().lines_while(wallet, |line| line.position > after);
        let mut found = self.tree.lines_after(wallet, after, limit)?;
        let last = found.last().map_or(after, |line| line.position);
        let room = limit.saturating_sub(found.len());
        found.extend(in_memory.into_iter().rev().filter(|line| line.position > last).take(room));
        Ok(found)
    }

    /// Positions of what an account is told of before `before`, newest first, at most `limit`. `wallets` gives the account's
    /// wallets, closed ones too.
    pub(crate) fn told_before(
        &self,
        account: AccountId,
        wallets: impl FnOnce() -> Vec<WalletId>,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        // What comes while this reads would be there for one wallet and not for another. A wallet's first line comes after
        // its opening was published, so the wallets are asked for after the end is known.
        let before = before.min(self.indexed_to().next());
        let mut found: Vec<_> = {
            let newest = self.newest.read();
            let in_memory = newest.parts().into_iter().rev().flat_map(|part| part.told.iter().rev());
            let own = in_memory.filter(|(other, position)| *other == account && *position < before);
            own.map(|(_, position)| *position).take(limit).collect()
        };
        let oldest = found.last().copied().unwrap_or(before);
        found.extend(self.tree.told_before(account, oldest, limit.saturating_sub(found.len()))?);
        for wallet in wallets() {
            found.extend(self.lines_before(wallet, before, limit)?.iter().map(|line| line.position));
        }
        // Two of its wallets may have a part in one transfer.
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }

    /// As [`History::told_before`], but after `after`, oldest first.
    pub(crate) fn told_after(
        &self,
        account: AccountId,
        wallets: impl FnOnce() -> Vec<WalletId>,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let end = self.indexed_to();
        let in_memory: Vec<_> = {
            let newest = self.newest.read();
            let in_memory = newest.parts().into_iter().flat_map(|part| &part.told);
            let own = in_memory.filter(|(other, position)| *other == account && *position > after);
            own.map(|(_, position)| *position).take(limit).collect()
        };
        let mut found = self.tree.told_after(account, after, limit)?;
        found.extend(in_memory);
        for wallet in wallets() {
            found.extend(self.lines_after(wallet, after, limit)?.iter().map(|line| line.position));
        }
        found.retain(|position| *position <= end);
        found.sort_unstable();
        // Two of its wallets may have a part in one transfer.
        found.dedup();
        found.truncate(limit);
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
                self.lines_after(wallet, Position::new(range.start.get().saturating_sub(1)), limit)?
            }
            Order::NewestFirst => self.lines_before(wallet, range.end, limit)?,
        };
        lines.retain(|line| range.contains(&line.position));
        Ok(lines)
    }

    /// A wallet's posted balance before the record at `position`.
    pub(crate) fn balance_before(&self, wallet: WalletId, position: Position) -> Result<i64, StoreError> {
        Ok(self.lines_before(wallet, position, 1)?.pop().map_or(0, |line| line.balance))
    }

    /// The position of the first of a wallet's lines at or after an instant, as [`Line::at`] has it; where there is none, the
    /// one that the journal's next record will have. As long as nothing is recorded with an earlier instant, which the clock
    /// sees to but for moments, the lines before it stay the same.
    pub(crate) fn position_at(&self, wallet: WalletId, at: Timestamp) -> Result<Position, StoreError> {
        let (in_memory, next) = {
            let newest = self.newest.read();
            let since = newest.lines_while(wallet, |line| line.at >= at);
            (since.last().copied(), newest.gathering.indexed_to.next())
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
            let in_memory = newest.parts().into_iter().rev().flat_map(|part| part.references.iter().rev());
            let same = in_memory.filter(|(other, position)| *other == hash && *position < before);
            same.map(|(_, position)| *position).take(limit).collect()
        };
        let oldest = found.last().copied().unwrap_or(before);
        found.extend(self.tree.by_reference(hash, oldest, limit.saturating_sub(found.len()))?);
        Ok(found)
    }

    /// Where the transfer of this id is.
    pub(crate) fn find(&self, id: TransferId) -> Result<Option<Position>, EngineError> {
        let in_memory = self.newest.read().parts().into_iter().find_map(|part| part.find(id));
        if in_memory.is_some() {
            return Ok(in_memory);
        }
        let is_it = |position| self.transfer_at(position).map(|record| record.transfer.id == id);
        self.tree.find(id.made_at(), self.id_key.hash(id), is_it)
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
