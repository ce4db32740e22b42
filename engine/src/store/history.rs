//! The index of the journal in sled: where the transfers of a wallet are, what an account is told of, and where the transfer
//! of an id or of a reference is.
//!
//! | key | value |
//! | --- | --- |
//! | `w` wallet, position of the first entry | the wallet's lines, rising: position, balance after it, instant, 24 bytes each |
//! | `a` account, position of the first entry | positions of what the account is told of, rising, 8 bytes each |
//! | `i`, 65 s of the ids' time, position up to which the index reached then, first id | ids and positions, 24 bytes each, in order of the ids |
//! | `o` name of an opening | its position and the account that is told of its end; few records open anything |
//! | `x`, first byte of the hash, position of the first entry | hashes of references and positions, 16 bytes each, in order of the hashes |
//! | `m` | the position up to which the index reaches |
//!
//! Numbers are big-endian. Entries are gathered for the length of a checkpoint, so that few, larger values are written.

use std::hash::Hash;

use quittance_journal::Position;
use quittance_ledger::{AccountId, PaymentRequestId, Reference, Timestamp, TransferId, WalletId};

use super::StoreError;

/// The most entries of one value.
const MAX_ENTRIES_PER_VALUE: usize = 4_096;

/// A value of references or ids with fewer entries is written once more with those that follow, so that a lookup does not find as
/// many values as there were checkpoints. More would cost more to write than it saves to read.
const FEW_ENTRIES: usize = 64;

/// How many low bits of an id's millisecond are left out of its bucket.
const BUCKET_BITS: u32 = 16;

const ID_ENTRY_BYTES: usize = 24;
const OPENING_BYTES: usize = 24;
const REFERENCE_ENTRY_BYTES: usize = 16;

/// A line of a wallet's statement: one of its transfers, settled or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) position: Position,
    /// The wallet's posted balance after it.
    pub(crate) balance: i64,
    /// The latest instant of the wallet's records up to this one. Records are stamped before they are ordered, so their own
    /// instants may go back by moments; these never do, and every search by an instant finds the same line.
    pub(crate) at: Timestamp,
}

/// What a subject's values hold.
pub(crate) trait Entry: Copy + 'static {
    const BYTES: usize;

    fn position(self) -> Position;
    fn write(self, value: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Option<Self>;
}

/// Whose entries are listed together.
pub(crate) trait Subject: Copy + Eq + Ord + Hash + 'static {
    const KIND: u8;
    type Entry: Entry;

    fn id(self) -> [u8; 16];
}

/// The name under which something is found that a later record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OpeningName([u8; 16]);

/// Where something was opened that a later record ends, and whom that record does not name and is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) position: Position,
    pub(crate) account: AccountId,
}

/// What stands in the index for a reference in a wallet's books. Others may have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReferenceHash([u8; 8]);

/// How many entries the index has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryCounts {
    /// Of wallets.
    pub(crate) lines: usize,
    /// Of accounts.
    pub(crate) told: usize,
    pub(crate) ids: usize,
    pub(crate) openings: usize,
    pub(crate) references: usize,
}

/// The tree that holds the index.
#[derive(Clone, Debug)]
pub(crate) struct HistoryTree(sled::Tree);

/// Entries that are written together or not at all.
#[derive(Debug, Default)]
pub(crate) struct HistoryBatch(sled::Batch);

impl Entry for Position {
    const BYTES: usize = 8;

    fn position(self) -> Position {
        self
    }

    fn write(self, value: &mut Vec<u8>) {
        value.extend_from_slice(&self.get().to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(u64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

impl Entry for Line {
    const BYTES: usize = 24;

    fn position(self) -> Position {
        self.position
    }

    fn write(self, value: &mut Vec<u8>) {
        self.position.write(value);
        value.extend_from_slice(&self.balance.to_be_bytes());
        value.extend_from_slice(&self.at.as_millis().to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (position, rest) = bytes.split_first_chunk::<8>()?;
        let (balance, at) = rest.split_first_chunk::<8>()?;
        Some(Self {
            position: Position::read(position)?,
            balance: i64::from_be_bytes(*balance),
            at: Timestamp::from_millis(u64::from_be_bytes(at.try_into().ok()?)),
        })
    }
}

impl Subject for WalletId {
    const KIND: u8 = b'w';
    type Entry = Line;

    fn id(self) -> [u8; 16] {
        self.to_bytes()
    }
}

impl Subject for AccountId {
    const KIND: u8 = b'a';
    type Entry = Position;

    fn id(self) -> [u8; 16] {
        self.to_bytes()
    }
}

impl OpeningName {
    /// Of a hold, by the transfer that placed it.
    pub(crate) fn of_hold(hold: TransferId) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"h").update(&hold.to_bytes());
        Self(sixteen(&hasher))
    }

    /// Of a request, whose id another wallet's request may have too.
    pub(crate) fn of_request(payee: WalletId, request: PaymentRequestId) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"r").update(&payee.to_bytes()).update(&request.to_bytes());
        Self(sixteen(&hasher))
    }
}

impl ReferenceHash {
    pub(crate) fn new(wallet: WalletId, reference: &Reference) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&wallet.to_bytes()).update(reference.as_str().as_bytes());
        let mut hash = [0; 8];
        hasher.finalize_xof().fill(&mut hash);
        Self(hash)
    }

    const fn bucket(self) -> u8 {
        let [first, ..] = self.0;
        first
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

    /// A subject's entries before `before`, newest first, at most `limit`.
    pub(crate) fn before<S: Subject>(
        &self,
        subject: S,
        before: Position,
        limit: usize,
    ) -> Result<Vec<S::Entry>, StoreError> {
        let mut found = Vec::new();
        for entry in self.0.range(key(subject, Position::START)..key(subject, before)).rev() {
            let (_, value) = entry?;
            for entry in entries::<S::Entry>(&value).rev().filter(|entry| entry.position() < before) {
                if found.len() == limit {
                    return Ok(found);
                }
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// A subject's entries after `after`, oldest first, at most `limit`.
    pub(crate) fn after<S: Subject>(
        &self,
        subject: S,
        after: Position,
        limit: usize,
    ) -> Result<Vec<S::Entry>, StoreError> {
        // The value that `after` falls into begins at it or before it.
        let from =
            self.0.range(key(subject, Position::START)..=key(subject, after)).next_back().transpose()?;
        let from = from.map_or_else(|| key(subject, after), |(key, _)| key.to_vec());
        let mut found = Vec::new();
        for entry in self.0.range(from..=key(subject, Position::new(u64::MAX))) {
            let (_, value) = entry?;
            for entry in entries::<S::Entry>(&value).filter(|entry| entry.position() > after) {
                if found.len() == limit {
                    return Ok(found);
                }
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// The first of a wallet's lines at or after an instant.
    pub(crate) fn first_since(&self, wallet: WalletId, at: Timestamp) -> Result<Option<Line>, StoreError> {
        let begins_by = |position| {
            let range = key(wallet, Position::START)..=key(wallet, Position::new(position));
            let value = self.0.range(range).next_back().transpose()?;
            Ok::<_, StoreError>(value.and_then(|(_, value)| entries::<Line>(&value).next()))
        };
        let Some(last) = begins_by(u64::MAX)? else { return Ok(None) };
        // A value that begins at `early` or before it begins before the instant; one that begins at `late` or after it does not.
        let (mut early, mut late) = (0, last.position.get().saturating_add(1));
        while late - early > 1 {
            let middle = early + (late - early) / 2;
            match begins_by(middle)? {
                Some(first) if first.at >= at => late = first.position.get(),
                _ => early = middle,
            }
        }
        let from = begins_by(early)?.map_or(Position::START, |first| first.position);
        for entry in self.0.range(key(wallet, from)..=key(wallet, Position::new(u64::MAX))) {
            let (_, value) = entry?;
            if let Some(line) = entries::<Line>(&value).find(|line| line.at >= at) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// Where the transfer of this id is.
    pub(crate) fn find(&self, id: TransferId) -> Result<Option<Position>, StoreError> {
        let wanted = id.to_bytes();
        let first = bucket_key(bucket(id.made_at()));
        let mut end = bucket_key(bucket(id.made_at()).saturating_add(1));
        // From the newest writing of the index to the oldest: of each, one value alone may have the id.
        while let Some((last, _)) = self.0.range(first.as_slice()..end.as_slice()).next_back().transpose()? {
            let writing =
                last.get(..first.len().saturating_add(8)).ok_or(StoreError::Unreadable("id key"))?;
            let candidate = self.0.range(writing..=[writing, &wanted].concat().as_slice()).next_back();
            if let Some((_, value)) = candidate.transpose()? {
                let (entries, _) = value.as_chunks::<ID_ENTRY_BYTES>();
                if let Ok(index) = entries.binary_search_by(|entry| entry[..16].cmp(&wanted)) {
                    return entries.get(index).map(|entry| read_position(&entry[16..])).transpose();
                }
            }
            end = writing.to_vec();
        }
        Ok(None)
    }

    /// What was opened under this name.
    pub(crate) fn opening(&self, name: OpeningName) -> Result<Option<Opening>, StoreError> {
        let Some(value) = self.0.get(opening_key(name))? else { return Ok(None) };
        let unreadable = || StoreError::Unreadable("opening");
        let (position, account) = value.split_at_checked(8).ok_or_else(unreadable)?;
        let account = account.try_into().ok().and_then(|bytes| AccountId::from_bytes(bytes).ok());
        Ok(Some(Opening { position: read_position(position)?, account: account.ok_or_else(unreadable)? }))
    }

    /// Positions before `before` under this hash, newest first, at most `limit`.
    pub(crate) fn by_reference(
        &self,
        hash: ReferenceHash,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let mut found = Vec::new();
        let keys = reference_key(hash.bucket(), Position::START)..reference_key(hash.bucket(), before);
        for entry in self.0.range(keys).rev() {
            let (_, value) = entry?;
            let entries = references(&value);
            let from = entries.partition_point(|(other, _)| *other < hash);
            let same = entries.iter().skip(from).take_while(|(other, _)| *other == hash);
            let positions: Vec<_> = same.map(|(_, position)| *position).filter(|p| *p < before).collect();
            found.extend(positions.into_iter().rev());
            if found.len() >= limit {
                found.truncate(limit);
                break;
            }
        }
        Ok(found)
    }
}

impl HistoryTree {
    /// How many entries there are of each kind.
    pub(crate) fn count(&self) -> Result<EntryCounts, StoreError> {
        let mut counts = EntryCounts::default();
        for entry in &self.0 {
            let (key, value) = entry?;
            let (count, bytes) = match key.first() {
                Some(b'w') => (&mut counts.lines, Line::BYTES),
                Some(b'a') => (&mut counts.told, Position::BYTES),
                Some(b'i') => (&mut counts.ids, ID_ENTRY_BYTES),
                Some(b'o') => (&mut counts.openings, OPENING_BYTES),
                Some(b'x') => (&mut counts.references, REFERENCE_ENTRY_BYTES),
                Some(b'm') => continue,
                _ => return Err(StoreError::Unreadable("index key")),
            };
            *count += value.len() / bytes;
        }
        Ok(counts)
    }
}

impl HistoryBatch {
    /// A subject's next entries, rising.
    pub(crate) fn entries<S: Subject>(&mut self, subject: S, entries: &[S::Entry]) {
        for chunk in entries.chunks(MAX_ENTRIES_PER_VALUE) {
            let Some(first) = chunk.first() else { continue };
            let mut value = Vec::with_capacity(chunk.len().saturating_mul(S::Entry::BYTES));
            chunk.iter().for_each(|entry| entry.write(&mut value));
            self.0.insert(key(subject, first.position()), value);
        }
    }

    /// Ids and where they are, in order of the ids, of an index that reaches up to `indexed_to`.
    pub(crate) fn ids(
        &mut self,
        tree: &HistoryTree,
        ids: &[(TransferId, Position)],
        indexed_to: Position,
    ) -> Result<(), StoreError> {
        let bucket = |id: TransferId| bucket(id.made_at());
        for in_bucket in ids.chunk_by(|(a, _), (b, _)| bucket(*a) == bucket(*b)) {
            let Some((id, _)) = in_bucket.first() else { continue };
            let entry = |(id, position): &(TransferId, Position)| {
                let mut entry = [0; ID_ENTRY_BYTES];
                let bytes = id.to_bytes().into_iter().chain(position.get().to_be_bytes());
                entry.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
                entry
            };
            let mut together: Vec<[u8; ID_ENTRY_BYTES]> = in_bucket.iter().map(entry).collect();
            // Clients choose ids: many of one bucket must not come to as many values as there were checkpoints.
            let last = tree.0.scan_prefix(bucket_key(bucket(*id))).next_back().transpose()?;
            if let Some((key, value)) = last.filter(|(_, value)| value.len() < FEW_ENTRIES * ID_ENTRY_BYTES) {
                self.0.remove(key);
                together.extend_from_slice(value.as_chunks().0);
                together.sort_unstable();
            }
            for chunk in together.chunks(MAX_ENTRIES_PER_VALUE) {
                let Some(first) = chunk.first() else { continue };
                let mut key = bucket_key(bucket(*id));
                indexed_to.write(&mut key);
                key.extend_from_slice(&first[..16]);
                self.0.insert(key, chunk.concat());
            }
        }
        Ok(())
    }

    /// What was opened under a name.
    pub(crate) fn opening(&mut self, name: OpeningName, opening: &Opening) {
        let value = [opening.position.get().to_be_bytes().as_slice(), &opening.account.to_bytes()].concat();
        self.0.insert(opening_key(name), value);
    }

    /// References that come after all that `tree` has, in order of the positions.
    pub(crate) fn references(
        &mut self,
        tree: &HistoryTree,
        added: &[(ReferenceHash, Position)],
    ) -> Result<(), StoreError> {
        let mut in_buckets = added.to_vec();
        in_buckets.sort_by_key(|(hash, position)| (hash.bucket(), *position));
        for in_bucket in in_buckets.chunk_by(|(a, _), (b, _)| a.bucket() == b.bucket()) {
            let Some((hash, _)) = in_bucket.first() else { continue };
            let all = reference_key(hash.bucket(), Position::START)
                ..=reference_key(hash.bucket(), Position::new(u64::MAX));
            let last = tree.0.range(all).next_back().transpose()?;
            let mut together = match last {
                Some((_, value)) if value.len() < FEW_ENTRIES * REFERENCE_ENTRY_BYTES => references(&value),
                _ => Vec::new(),
            };
            // In order of the positions again, so that a value begins where the one before it ends.
            together.sort_by_key(|(_, position)| *position);
            together.extend_from_slice(in_bucket);
            for chunk in together.chunks_mut(MAX_ENTRIES_PER_VALUE) {
                let Some((_, first)) = chunk.first().copied() else { continue };
                chunk.sort_unstable();
                let entry = |(hash, position): &(ReferenceHash, Position)| {
                    hash.0.into_iter().chain(position.get().to_be_bytes())
                };
                let value: Vec<u8> = chunk.iter().flat_map(entry).collect();
                self.0.insert(reference_key(hash.bucket(), first), value);
            }
        }
        Ok(())
    }

    pub(crate) fn indexed_to(&mut self, position: Position) {
        self.0.insert(b"m", position.get().to_be_bytes().to_vec());
    }
}

fn key<S: Subject>(subject: S, position: Position) -> Vec<u8> {
    [&[S::KIND], subject.id().as_slice(), &position.get().to_be_bytes()].concat()
}

const fn bucket(made_at: Timestamp) -> u64 {
    made_at.as_millis() >> BUCKET_BITS
}

fn bucket_key(bucket: u64) -> Vec<u8> {
    std::iter::once(b'i').chain(bucket.to_be_bytes()).collect()
}

fn opening_key(name: OpeningName) -> Vec<u8> {
    std::iter::once(b'o').chain(name.0).collect()
}

fn reference_key(bucket: u8, position: Position) -> Vec<u8> {
    let mut key = vec![b'x', bucket];
    position.write(&mut key);
    key
}

fn sixteen(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut hash = [0; 16];
    hasher.finalize_xof().fill(&mut hash);
    hash
}

fn entries<E: Entry>(value: &[u8]) -> impl DoubleEndedIterator<Item = E> + '_ {
    value.chunks_exact(E::BYTES).filter_map(E::read)
}

fn references(value: &[u8]) -> Vec<(ReferenceHash, Position)> {
    let read = |[a, b, c, d, e, f, g, h, position @ ..]: &[u8; REFERENCE_ENTRY_BYTES]| {
        let hash = ReferenceHash([*a, *b, *c, *d, *e, *f, *g, *h]);
        (hash, Position::new(u64::from_be_bytes(*position)))
    };
    value.as_chunks::<REFERENCE_ENTRY_BYTES>().0.iter().map(read).collect()
}

fn read_position(value: &[u8]) -> Result<Position, StoreError> {
    Position::read(value).ok_or(StoreError::Unreadable("position"))
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
