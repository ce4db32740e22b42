//! The history: which transfers a wallet or an account took part in, and where the journal has them.
//!
//! An index and nothing more: what it finds is read from the journal. The newest entries are in memory until the next
//! checkpoint writes them, and after a crash they are gathered again from the journal.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use quittance_journal::{Block, LogReader, Position, Record};
use quittance_ledger::{AccountId, Event, TransferId, WalletId};

use crate::error::EngineError;
use crate::notifier::{Parties, told_to};
use crate::order::TransferRecord;
use crate::store::{HistoryBatch, HistoryTree, JournalReader, StoreError, Subject};

/// How many blocks are kept decoded, because what was just settled is what is asked for.
const CACHED_BLOCKS: usize = 64;

#[derive(Debug)]
pub(crate) struct History {
    newest: RwLock<Newest>,
    tree: HistoryTree,
    journal: JournalReader,
    cache: Mutex<VecDeque<Arc<Block>>>,
}

/// Entries that are not in the tree yet, in the order in which they came.
#[derive(Debug, Default)]
struct Newest {
    gathering: Entries,
    /// What is being written. Still read from here, until it is known to be in the tree.
    writing: Arc<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    positions: HashMap<Subject, Vec<Position>>,
    ids: BTreeMap<TransferId, Position>,
    indexed_to: Position,
}

impl Newest {
    /// From the older part to the newer. In the time between the writing and its end, the tree has the older part too.
    fn parts(&self) -> [&Entries; 2] {
        [&self.writing, &self.gathering]
    }

    fn positions(&self, subject: Subject) -> impl DoubleEndedIterator<Item = Position> {
        let of_part =
            move |part: &'_ Entries| part.positions.get(&subject).map_or(&[] as &[_], Vec::as_slice).to_vec();
        self.parts().map(of_part).into_iter().flatten()
    }
}

impl Entries {
    fn append(
        &mut self,
        position: Position,
        record: &Record,
        owner: &impl Fn(WalletId) -> Option<AccountId>,
    ) {
        assert!(position > self.indexed_to, "the index goes forward");
        self.indexed_to = position;
        let (Event::TransferSettled(transfer) | Event::TransferRefused(transfer, _)) = &record.event else {
            return;
        };
        self.ids.insert(transfer.id, position);
        for subject in subjects(record, owner) {
            self.positions.entry(subject).or_default().push(position);
        }
    }
}

impl History {
    pub(crate) fn open(tree: HistoryTree, journal: JournalReader) -> Result<Self, StoreError> {
        let entries = Entries { indexed_to: tree.indexed_to()?, ..Entries::default() };
        let newest = Newest { gathering: entries, writing: Arc::default() };
        Ok(Self { newest: RwLock::new(newest), tree, journal, cache: Mutex::default() })
    }

    /// Up to where the index reaches.
    pub(crate) fn indexed_to(&self) -> Position {
        self.newest.read().gathering.indexed_to
    }

    /// Takes in a block, and says which accounts it is told to. What it takes in already is passed over.
    pub(crate) fn append(
        &self,
        block: &Arc<Block>,
        owner: impl Fn(WalletId) -> Option<AccountId>,
    ) -> Parties {
        let mut parties = Parties::new();
        let mut newest = self.newest.write();
        let from = newest.gathering.indexed_to;
        for (position, record) in block.positioned().filter(|(position, _)| *position > from) {
            newest.gathering.append(position, record, &owner);
            parties.extend(told_to(record, &owner).into_iter().flatten().map(|account| (account, position)));
        }
        drop(newest);
        self.remember(block);
        parties
    }

    /// Writes the entries in memory to the tree.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let writing = {
            let mut newest = self.newest.write();
            let indexed_to = newest.gathering.indexed_to;
            let gathered =
                std::mem::replace(&mut newest.gathering, Entries { indexed_to, ..Entries::default() });
            newest.writing = Arc::new(gathered);
            Arc::clone(&newest.writing)
        };
        let mut batch = HistoryBatch::default();
        let in_key_order: BTreeMap<_, _> = writing.positions.iter().collect();
        in_key_order.into_iter().for_each(|(subject, positions)| batch.positions(*subject, positions));
        let ids: Vec<_> = writing.ids.iter().map(|(id, position)| (*id, *position)).collect();
        batch.ids(&ids);
        batch.indexed_to(writing.indexed_to);
        self.tree.write(batch)?;
        self.newest.write().writing = Arc::default();
        Ok(())
    }

    /// Positions of a subject's transfers before `before`, newest first, at most `limit`.
    pub(crate) fn before(
        &self,
        subject: Subject,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let newest = self.newest.read();
        let in_memory = newest.positions(subject).rev().filter(|position| *position < before);
        let mut found: Vec<_> = in_memory.take(limit).collect();
        let oldest = found.last().copied().unwrap_or(before);
        found.extend(self.tree.before(subject, oldest, limit.saturating_sub(found.len()))?);
        Ok(found)
    }

    /// Positions of a subject's transfers after `after`, oldest first, at most `limit`.
    pub(crate) fn after(
        &self,
        subject: Subject,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let newest = self.newest.read();
        let mut found = self.tree.after(subject, after, limit)?;
        let last = found.last().copied().unwrap_or(after);
        let room = limit.saturating_sub(found.len());
        found.extend(newest.positions(subject).filter(|position| *position > last).take(room));
        Ok(found)
    }

    /// Where the transfer of this id is.
    pub(crate) fn find(&self, id: TransferId) -> Result<Option<Position>, StoreError> {
        let newest = self.newest.read();
        if let Some(position) = newest.parts().into_iter().find_map(|part| part.ids.get(&id)) {
            return Ok(Some(*position));
        }
        self.tree.find(id)
    }

    /// The transfer at a position.
    pub(crate) fn transfer_at(&self, position: Position) -> Result<TransferRecord, EngineError> {
        let block = self.block(position)?;
        let record = block.record(position);
        record
            .and_then(|record| transfer_record(position, record))
            .ok_or_else(|| EngineError::Damaged(format!("no transfer is at position {position}")))
    }

    fn block(&self, position: Position) -> Result<Arc<Block>, EngineError> {
        let holds = |block: &&Arc<Block>| block.first <= position && position <= block.last();
        if let Some(block) = self.cache.lock().iter().find(holds) {
            return Ok(Arc::clone(block));
        }
        let bytes = self.journal.block_at(position)?;
        let bytes =
            bytes.ok_or_else(|| EngineError::Damaged(format!("no block holds position {position}")))?;
        let block = Block::decode(&bytes)
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

/// Under whose name a record is listed: each wallet and each account once.
pub(crate) fn subjects(
    record: &Record,
    owner: impl Fn(WalletId) -> Option<AccountId>,
) -> impl Iterator<Item = Subject> {
    let wallets = match &record.event {
        Event::TransferSettled(transfer) | Event::TransferRefused(transfer, _) => {
            let payee = Some(transfer.payee).filter(|payee| *payee != transfer.payer);
            [Some(transfer.payer), payee]
        }
        _ => [None, None],
    };
    let accounts = told_to(record, owner).map(|account| account.map(Subject::Account));
    wallets.map(|wallet| wallet.map(Subject::Wallet)).into_iter().chain(accounts).flatten()
}

/// The transfer that a record is about, if it is about one.
pub(crate) fn transfer_record(position: Position, record: &Record) -> Option<TransferRecord> {
    let (transfer, refusal) = match &record.event {
        Event::TransferSettled(transfer) => (*transfer, None),
        Event::TransferRefused(transfer, refusal) => (*transfer, Some(*refusal)),
        _ => return None,
    };
    Some(TransferRecord { position, at: record.at, transfer, refusal })
}
