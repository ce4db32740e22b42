//! The index of the journal in sled: where the transfers of a wallet or an account are, and where the transfer of an id is.
//!
//! | key | value |
//! | --- | --- |
//! | subject (`w` wallet or `a` account), position of the first entry | positions of the subject's transfers, rising, 8 bytes each |
//! | `i`, 65 s of the ids' time, position of the first entry | ids and positions, 24 bytes each, in order of the ids |
//! | `m` | the position up to which the index reaches |
//!
//! Numbers are big-endian. Entries are gathered for the length of a checkpoint, so that few, larger values are written.

use quittance_journal::Position;
use quittance_ledger::{AccountId, TransferId, WalletId};

use super::StoreError;

/// The most entries of one value.
const MAX_ENTRIES_PER_VALUE: usize = 4_096;

/// How many low bits of an id's millisecond are left out of its bucket.
const BUCKET_BITS: u32 = 16;

const POSITION_BYTES: usize = 8;
const ID_ENTRY_BYTES: usize = 24;

/// Whose transfers an index entry lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    Wallet(WalletId),
    Account(AccountId),
}

/// The tree that holds the index.
#[derive(Clone, Debug)]
pub(crate) struct HistoryTree(sled::Tree);

/// Entries that are written together or not at all.
#[derive(Debug, Default)]
pub(crate) struct HistoryBatch(sled::Batch);

impl Subject {
    fn prefix(self) -> [u8; 17] {
        let (kind, id) = match self {
            Self::Wallet(id) => (b'w', id.to_bytes()),
            Self::Account(id) => (b'a', id.to_bytes()),
        };
        let mut prefix = [kind; 17];
        prefix.iter_mut().skip(1).zip(id).for_each(|(to, from)| *to = from);
        prefix
    }

    fn key(self, position: Position) -> Vec<u8> {
        [self.prefix().as_slice(), &position.get().to_be_bytes()].concat()
    }
}

impl HistoryTree {
    pub(super) const fn new(tree: sled::Tree) -> Self {
        Self(tree)
    }

    pub(crate) fn write(&self, batch: HistoryBatch) -> Result<(), StoreError> {
        Ok(self.0.apply_batch(batch.0)?)
    }

    /// Up to which position the index reaches.
    pub(crate) fn indexed_to(&self) -> Result<Position, StoreError> {
        match self.0.get(b"m")? {
            Some(value) => read_position(&value),
            None => Ok(Position::START),
        }
    }

    /// A subject's positions before `before`, newest first, at most `limit`.
    pub(crate) fn before(
        &self,
        subject: Subject,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let mut found = Vec::new();
        for entry in self.0.range(subject.key(Position::START)..subject.key(before)).rev() {
            let (_, value) = entry?;
            for position in positions(&value).rev().filter(|position| *position < before) {
                if found.len() == limit {
                    return Ok(found);
                }
                found.push(position);
            }
        }
        Ok(found)
    }

    /// A subject's positions after `after`, oldest first, at most `limit`.
    pub(crate) fn after(
        &self,
        subject: Subject,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        // The value that `after` falls into begins at it or before it.
        let from = self.0.range(subject.key(Position::START)..=subject.key(after)).next_back().transpose()?;
        let from = from.map_or_else(|| subject.key(after), |(key, _)| key.to_vec());
        let mut found = Vec::new();
        for entry in self.0.range(from..=subject.key(Position::new(u64::MAX))) {
            let (_, value) = entry?;
            for position in positions(&value).filter(|position| *position > after) {
                if found.len() == limit {
                    return Ok(found);
                }
                found.push(position);
            }
        }
        Ok(found)
    }

    /// Where the transfer of this id is.
    pub(crate) fn find(&self, id: TransferId) -> Result<Option<Position>, StoreError> {
        for entry in self.0.scan_prefix(bucket_key(bucket(id))) {
            let (_, value) = entry?;
            let (entries, _) = value.as_chunks::<ID_ENTRY_BYTES>();
            let wanted = id.to_bytes();
            if let Ok(index) = entries.binary_search_by(|entry| entry[..16].cmp(&wanted)) {
                return entries.get(index).map(|entry| read_position(&entry[16..])).transpose();
            }
        }
        Ok(None)
    }
}

impl HistoryBatch {
    /// A subject's next positions, rising.
    pub(crate) fn positions(&mut self, subject: Subject, positions: &[Position]) {
        for chunk in positions.chunks(MAX_ENTRIES_PER_VALUE) {
            let Some(first) = chunk.first() else { continue };
            let value: Vec<u8> = chunk.iter().flat_map(|position| position.get().to_be_bytes()).collect();
            self.0.insert(subject.key(*first), value);
        }
    }

    /// Ids and where they are, in order of the ids.
    pub(crate) fn ids(&mut self, ids: &[(TransferId, Position)]) {
        for in_bucket in ids.chunk_by(|(a, _), (b, _)| bucket(*a) == bucket(*b)) {
            for chunk in in_bucket.chunks(MAX_ENTRIES_PER_VALUE) {
                let Some((first, position)) = chunk.first() else { continue };
                let mut key = bucket_key(bucket(*first));
                key.extend_from_slice(&position.get().to_be_bytes());
                let entry = |(id, position): &(TransferId, Position)| {
                    id.to_bytes().into_iter().chain(position.get().to_be_bytes())
                };
                self.0.insert(key, chunk.iter().flat_map(entry).collect::<Vec<u8>>());
            }
        }
    }

    pub(crate) fn indexed_to(&mut self, position: Position) {
        self.0.insert(b"m", position.get().to_be_bytes().to_vec());
    }
}

fn bucket(id: TransferId) -> u64 {
    id.made_at().as_millis() >> BUCKET_BITS
}

fn bucket_key(bucket: u64) -> Vec<u8> {
    std::iter::once(b'i').chain(bucket.to_be_bytes()).collect()
}

fn positions(value: &[u8]) -> impl DoubleEndedIterator<Item = Position> {
    value.as_chunks::<POSITION_BYTES>().0.iter().map(|bytes| Position::new(u64::from_be_bytes(*bytes)))
}

fn read_position(value: &[u8]) -> Result<Position, StoreError> {
    let bytes = value.try_into().map_err(|_| StoreError::Unreadable("position"))?;
    Ok(Position::new(u64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    fn tree() -> HistoryTree {
        let database = sled::Config::new().temporary(true).open().unwrap();
        HistoryTree::new(database.open_tree("history").unwrap())
    }

    fn id(millis: u64, n: u8) -> TransferId {
        let [_, _, a, b, c, d, e, f] = millis.to_be_bytes();
        TransferId::from_bytes([a, b, c, d, e, f, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, n]).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn pages_are_those_of_a_plain_list(
            gaps in proptest::collection::vec(1_u64..5, 1..60),
            cuts in proptest::collection::vec(1_usize..9, 60),
            cursor in 0_u64..200,
            limit in 1_usize..20,
        ) {
            let tree = tree();
            let subject = Subject::Wallet(WalletId::from_bytes([7; 16]).unwrap());
            let neighbours = [
                Subject::Wallet(WalletId::from_bytes([6; 16]).unwrap()),
                Subject::Account(AccountId::from_bytes([7; 16]).unwrap()),
            ];
            let mut last = 0;
            let all: Vec<Position> = gaps.iter().map(|gap| { last += gap; Position::new(last) }).collect();
            let mut rest = all.as_slice();
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                let mut batch = HistoryBatch::default();
                batch.positions(subject, now);
                neighbours.iter().for_each(|neighbour| batch.positions(*neighbour, now));
                tree.write(batch).unwrap();
                rest = later;
            }
            let cursor = Position::new(cursor);
            let after: Vec<_> = all.iter().copied().filter(|p| *p > cursor).take(limit).collect();
            let before: Vec<_> = all.iter().rev().copied().filter(|p| *p < cursor).take(limit).collect();
            let written = all.len() - rest.len();
            prop_assume!(written == all.len());
            prop_assert_eq!(tree.after(subject, cursor, limit).unwrap(), after);
            prop_assert_eq!(tree.before(subject, cursor, limit).unwrap(), before);
        }

        #[test]
        fn every_id_is_found_and_no_other(
            ids in proptest::collection::btree_map((0_u64..400_000, any::<u8>()), 1_u64..1_000_000, 1..80),
        ) {
            let tree = tree();
            let ids: BTreeMap<TransferId, Position> =
                ids.into_iter().map(|((at, n), p)| (id(at, n), Position::new(p))).collect();
            let all: Vec<_> = ids.iter().map(|(id, position)| (*id, *position)).collect();
            for part in all.chunks(7) {
                let mut batch = HistoryBatch::default();
                batch.ids(part);
                tree.write(batch).unwrap();
            }
            for at in 0..3 {
                prop_assert_eq!(tree.find(id(500_000 + at, 1)).unwrap(), None);
            }
            // Two parts of one bucket may begin at the same position only if positions repeat, which they never do.
            let distinct: std::collections::BTreeSet<_> = ids.values().collect();
            prop_assume!(distinct.len() == ids.len());
            for (id, position) in ids {
                prop_assert_eq!(tree.find(id).unwrap(), Some(position));
            }
        }
    }
}
