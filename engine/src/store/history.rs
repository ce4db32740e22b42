//! The index of the journal in sled: where the transfers of a wallet are, what an account is told of, and where the transfer
//! of an id or of a reference is.
//!
//! | key | value |
//! | --- | --- |
//! | `w` group of wallets, position of the first line | lines of the group's wallets, as `history/lines.rs` says |
//! | `a` account, position of the first entry | positions of what the account is told of beside its wallets' lines, rising, 8 bytes each |
//! | `i`, 65 s of the ids' time, position up to which the index reached then, first hash | hashes of ids and positions, 5 bytes each, in order of the hashes |
//! | `k` | the key of the ids' hashes |
//! | `o` name of an opening | its position and the account that is told of its end; few records open anything |
//! | `x`, first byte of the hash, position of the first entry | hashes of references and positions, 16 bytes each, in order of the hashes |
//! | `m` | the position up to which the index reaches |
//!
//! Numbers are big-endian. A stretch of the journal is written at a time, in one batch with the mark `m`: so a crash leaves
//! whole stretches, and no batch is so large that it keeps others out of the database for long.

mod lines;

use quittance_journal::Position;
use quittance_ledger::{
    AccountId, IdHash, PaymentRequestId, Reference, Timestamp, TransferId, WalletId, id_slice,
};
use siphasher::sip::SipHasher13;

use super::StoreError;
use crate::keys::random_key;
pub(crate) use lines::{Group, LinkedLine};
use lines::{Lines, Run};

/// The most entries of one value.
const MAX_ENTRIES_PER_VALUE: usize = 4_096;

/// A value of references or ids with fewer entries is written once more with those that follow, so that a lookup does not find as
/// many values as there were writings. More would cost more to write than it saves to read.
const FEW_ENTRIES: usize = 64;

const ID_ENTRY_BYTES: usize = 10;
const OPENING_BYTES: usize = 24;
const REFERENCE_ENTRY_BYTES: usize = 16;
const TOLD_BYTES: usize = 8;

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

/// The last line of each wallet in a value of a group's lines.
#[derive(Debug)]
pub(crate) struct LastLines {
    /// Where the value begins.
    pub(crate) first: Position,
    pub(crate) lines: Vec<(WalletId, Line)>,
}

/// What ids are hashed with. Clients choose ids, and must not be able to choose such as have one hash.
#[derive(Clone, Copy)]
pub(crate) struct IdKey([u8; 16]);

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
    /// Of accounts, beside their wallets' lines.
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

impl std::fmt::Debug for IdKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdKey")
    }
}

impl IdKey {
    #[cfg(test)]
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// What stands for an id.
    pub(crate) fn hash(&self, id: TransferId) -> IdHash {
        let [a, b, c, d, e, ..] = SipHasher13::new_with_key(&self.0).hash(&id.to_bytes()).to_be_bytes();
        IdHash([a, b, c, d, e])
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

    /// A wallet's lines before `before`, newest first, at most `limit`.
    pub(crate) fn lines_before(
        &self,
        wallet: WalletId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Line>, StoreError> {
        self.lines_between(wallet, Position::START, before, limit)
    }

    /// A wallet's lines after `after` and before `before`, newest first, at most `limit`.
    fn lines_between(
        &self,
        wallet: WalletId,
        after: Position,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Line>, StoreError> {
        let group = Group::of(wallet);
        let mut found = Vec::new();
        let mut end = before;
        while found.len() < limit && end > after {
            let keys = line_key(group, Position::START)..line_key(group, end);
            let Some((key, value)) = self.0.range(keys).next_back().transpose()? else { break };
            let first = position_of_key(&key)?;
            end = first;
            let Some(Run { lines, previous }) = Lines::read(first, &value)?.of(wallet)? else { continue };
            let wanted =
                lines.into_iter().rev().filter(|line| line.position > after && line.position < before);
            found.extend(wanted.take(limit.saturating_sub(found.len())));
            if previous == Position::START {
                break;
            }
            // Values that have none of the wallet's are passed over.
            end = previous.next();
        }
        Ok(found)
    }

    /// The last lines in a group's last value before `end`.
    pub(crate) fn last_lines_before(
        &self,
        group: Group,
        end: Position,
    ) -> Result<Option<LastLines>, StoreError> {
        let keys = line_key(group, Position::START)..line_key(group, end);
        let Some((key, value)) = self.0.range(keys).next_back().transpose()? else { return Ok(None) };
        let first = position_of_key(&key)?;
        Ok(Some(LastLines { first, lines: Lines::read(first, &value)?.last_of_each()? }))
    }

    /// A wallet's lines after `after`, oldest first, at most `limit`.
    pub(crate) fn lines_after(
        &self,
        wallet: WalletId,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Line>, StoreError> {
        let group = Group::of(wallet);
        let mut found = Vec::new();
        let from = self.value_that_holds(line_key(group, Position::START), line_key(group, after))?;
        for entry in self.0.range(from..=line_key(group, Position::new(u64::MAX))) {
            if found.len() >= limit {
                break;
            }
            let (key, value) = entry?;
            let Some(run) = Lines::read(position_of_key(&key)?, &value)?.of(wallet)? else { continue };
            let wanted = run.lines.into_iter().filter(|line| line.position > after);
            found.extend(wanted.take(limit.saturating_sub(found.len())));
        }
        Ok(found)
    }

    /// The first of a wallet's lines at or after an instant.
    pub(crate) fn first_since(&self, wallet: WalletId, at: Timestamp) -> Result<Option<Line>, StoreError> {
        let newest = self.lines_before(wallet, Position::new(u64::MAX), 1)?.pop();
        let Some(mut first) = newest.filter(|line| line.at >= at) else { return Ok(None) };
        // No line up to `early` is at the instant or after it.
        let mut early = 0;
        while first.position.get().saturating_sub(early) > 1 {
            let middle = Position::new(early.midpoint(first.position.get()));
            match self.lines_between(wallet, Position::new(early), middle.next(), 1)?.pop() {
                Some(line) if line.at >= at => first = line,
                _ => early = middle.get(),
            }
        }
        Ok(Some(first))
    }

    /// Positions of what an account is told of beside its wallets' lines, before `before`, newest first, at most `limit`.
    pub(crate) fn told_before(
        &self,
        account: AccountId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let mut found = Vec::new();
        for entry in self.0.range(told_key(account, Position::START)..told_key(account, before)).rev() {
            if found.len() >= limit {
                break;
            }
            let (_, value) = entry?;
            let wanted = positions(&value).rev().filter(|position| *position < before);
            found.extend(wanted.take(limit.saturating_sub(found.len())));
        }
        Ok(found)
    }

    /// As [`HistoryTree::told_before`], but after `after`, oldest first.
    pub(crate) fn told_after(
        &self,
        account: AccountId,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let mut found = Vec::new();
        let from = self.value_that_holds(told_key(account, Position::START), told_key(account, after))?;
        for entry in self.0.range(from..=told_key(account, Position::new(u64::MAX))) {
            if found.len() >= limit {
                break;
            }
            let (_, value) = entry?;
            let wanted = positions(&value).filter(|position| *position > after);
            found.extend(wanted.take(limit.saturating_sub(found.len())));
        }
        Ok(found)
    }

    /// The last key from `start` to `at`, both of one subject, or `at`: the value that a position falls into begins at it or
    /// before it.
    fn value_that_holds(&self, start: Vec<u8>, at: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let held = self.0.range(start..=at.clone()).next_back().transpose()?;
        Ok(held.map_or(at, |(key, _)| key.to_vec()))
    }

    /// The key of the ids' hashes: made when it is first asked for.
    pub(crate) fn id_key(&self) -> Result<IdKey, StoreError> {
        let key = match self.0.get(b"k")? {
            Some(key) => key,
            None => {
                let key: [u8; 16] = random_key().map_err(Box::new)?;
                self.0.insert(b"k", &key)?;
                key.as_slice().into()
            }
        };
        Ok(IdKey(key.as_ref().try_into().map_err(|_| StoreError::Unreadable("key"))?))
    }

    /// Where transfers are, made when `made_at` says, whose id has this hash; the newest writing's first, until `is_it` says yes.
    pub(crate) fn find<E: From<StoreError>>(
        &self,
        made_at: Timestamp,
        hash: IdHash,
        mut is_it: impl FnMut(Position) -> Result<bool, E>,
    ) -> Result<Option<Position>, E> {
        let first = bucket_key(id_slice(made_at));
        let mut end = bucket_key(id_slice(made_at).saturating_add(1));
        // Of each writing, one value alone may have the hash, or that one and those before it where the hash begins it.
        while let Some((last, _)) = self.last_between(&first, &end)? {
            let writing =
                last.get(..first.len().saturating_add(8)).ok_or(StoreError::Unreadable("id key"))?.to_vec();
            let mut upto = [writing.as_slice(), &hash.0, &[u8::MAX; 5]].concat();
            while let Some((key, value)) = self.last_between(&writing, &upto)? {
                let (entries, _) = value.as_chunks::<ID_ENTRY_BYTES>();
                let from = entries.partition_point(|entry| entry[..5] < hash.0[..]);
                for entry in entries.iter().skip(from).take_while(|entry| entry[..5] == hash.0[..]) {
                    let position = read_forty_bits(entry);
                    if is_it(position)? {
                        return Ok(Some(position));
                    }
                }
                if from > 0 {
                    break;
                }
                upto = key.to_vec();
            }
            end = writing;
        }
        Ok(None)
    }

    /// Calls `take` with the slice of time, the hash and the position of each id that was made at `made_at` or later, or little
    /// before.
    pub(crate) fn ids_since(
        &self,
        made_at: Timestamp,
        mut take: impl FnMut(u64, IdHash, Position),
    ) -> Result<(), StoreError> {
        for entry in self.0.range(bucket_key(id_slice(made_at))..=bucket_key(u64::MAX)) {
            let (key, value) = entry?;
            let slice = key.get(1..).and_then(|key| key.first_chunk().copied()).map(u64::from_be_bytes);
            let slice = slice.ok_or(StoreError::Unreadable("id key"))?;
            for entry in value.as_chunks::<ID_ENTRY_BYTES>().0 {
                let [a, b, c, d, e, ..] = *entry;
                take(slice, IdHash([a, b, c, d, e]), read_forty_bits(entry));
            }
        }
        Ok(())
    }

    fn last_between(&self, from: &[u8], end: &[u8]) -> Result<Option<(sled::IVec, sled::IVec)>, StoreError> {
        Ok(self.0.range(from..end).next_back().transpose()?)
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
                Some(b'w') => {
                    counts.lines += Lines::read(position_of_key(&key)?, &value)?.count()?;
                    continue;
                }
                Some(b'a') => (&mut counts.told, TOLD_BYTES),
                Some(b'i') => (&mut counts.ids, ID_ENTRY_BYTES),
                Some(b'o') => (&mut counts.openings, OPENING_BYTES),
                Some(b'x') => (&mut counts.references, REFERENCE_ENTRY_BYTES),
                Some(b'm' | b'k') => continue,
                _ => return Err(StoreError::Unreadable("index key")),
            };
            *count += value.len() / bytes;
        }
        Ok(counts)
    }
}

impl HistoryBatch {
    /// Lines that come after all that the tree has, rising, with those of one record together.
    pub(crate) fn lines(&mut self, lines: &[LinkedLine]) {
        let mut grouped: Vec<_> =
            lines.iter().zip(0_u32..).map(|(line, n)| (Group::of(line.wallet), n, line)).collect();
        grouped.sort_unstable_by_key(|(group, n, _)| (*group, *n));
        for of_group in grouped.chunk_by(|(a, ..), (b, ..)| a == b) {
            let mut rest = of_group;
            while let Some((group, _, oldest)) = rest.first() {
                // Lines of one record stay together, or two values might begin at one position.
                let full =
                    rest.get(MAX_ENTRIES_PER_VALUE).map_or(u64::MAX, |(.., line)| line.line.position.get());
                let end = match rest.partition_point(|(.., line)| line.line.position.get() < full) {
                    0 => rest.len(),
                    end => end,
                };
                let (now, later) = rest.split_at(end);
                let mut now: Vec<_> = now.iter().map(|(.., line)| *line).collect();
                // Each wallet's stay in the order of their positions.
                now.sort_by_key(|line| line.wallet);
                let first = oldest.line.position;
                self.0.insert(line_key(*group, first), lines::write(first, &now));
                rest = later;
            }
        }
    }

    /// What an account is told of next, beside lines of its wallets, rising.
    pub(crate) fn told(&mut self, account: AccountId, told: &[Position]) {
        for chunk in told.chunks(MAX_ENTRIES_PER_VALUE) {
            let Some(first) = chunk.first() else { continue };
            let value: Vec<u8> = chunk.iter().flat_map(|position| position.get().to_be_bytes()).collect();
            self.0.insert(told_key(account, *first), value);
        }
    }

    /// Ids, by when they were made and their hash, and where they are, of an index that reaches up to `indexed_to`.
    pub(crate) fn ids(
        &mut self,
        tree: &HistoryTree,
        ids: impl IntoIterator<Item = (Timestamp, IdHash, Position)>,
        indexed_to: Position,
    ) -> Result<(), StoreError> {
        let entry = |(made_at, hash, position): (Timestamp, IdHash, Position)| {
            let (IdHash([a, b, c, d, e]), [x, y, z, f, g, h, i, j]) = (hash, position.get().to_be_bytes());
            assert_eq!([x, y, z], [0; 3], "a position has 40 bits");
            (id_slice(made_at), [a, b, c, d, e, f, g, h, i, j])
        };
        let mut ids: Vec<(u64, [u8; ID_ENTRY_BYTES])> = ids.into_iter().map(entry).collect();
        ids.sort_unstable();
        for in_bucket in ids.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((bucket, _)) = in_bucket.first() else { continue };
            let mut together: Vec<_> = in_bucket.iter().map(|(_, entry)| *entry).collect();
            // Clients choose ids: many of one bucket must not come to as many values as there were writings.
            let last = tree.0.scan_prefix(bucket_key(*bucket)).next_back().transpose()?;
            if let Some((key, value)) = last.filter(|(_, value)| value.len() < FEW_ENTRIES * ID_ENTRY_BYTES) {
                self.0.remove(key);
                together.extend_from_slice(value.as_chunks().0);
                together.sort_unstable();
            }
            for chunk in together.chunks(MAX_ENTRIES_PER_VALUE) {
                let Some(first) = chunk.first() else { continue };
                let mut key = bucket_key(*bucket);
                key.extend_from_slice(&indexed_to.get().to_be_bytes());
                // The whole entry, or values that begin with one hash would have one key.
                key.extend_from_slice(first);
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

fn line_key(group: Group, position: Position) -> Vec<u8> {
    [b"w".as_slice(), &group.number().to_be_bytes(), &position.get().to_be_bytes()].concat()
}

fn told_key(account: AccountId, position: Position) -> Vec<u8> {
    [b"a".as_slice(), &account.to_bytes(), &position.get().to_be_bytes()].concat()
}

/// The position that a key ends with.
fn position_of_key(key: &[u8]) -> Result<Position, StoreError> {
    let position = key.last_chunk::<8>().ok_or(StoreError::Unreadable("index key"))?;
    Ok(Position::new(u64::from_be_bytes(*position)))
}

fn bucket_key(bucket: u64) -> Vec<u8> {
    std::iter::once(b'i').chain(bucket.to_be_bytes()).collect()
}

fn opening_key(name: OpeningName) -> Vec<u8> {
    std::iter::once(b'o').chain(name.0).collect()
}

fn reference_key(bucket: u8, position: Position) -> Vec<u8> {
    let mut key = vec![b'x', bucket];
    key.extend_from_slice(&position.get().to_be_bytes());
    key
}

fn sixteen(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut hash = [0; 16];
    hasher.finalize_xof().fill(&mut hash);
    hash
}

fn positions(value: &[u8]) -> impl DoubleEndedIterator<Item = Position> + '_ {
    value.as_chunks().0.iter().map(|bytes| Position::new(u64::from_be_bytes(*bytes)))
}

const fn read_forty_bits(entry: &[u8; ID_ENTRY_BYTES]) -> Position {
    let [_, _, _, _, _, a, b, c, d, e] = *entry;
    Position::new(u64::from_be_bytes([0, 0, 0, a, b, c, d, e]))
}

fn references(value: &[u8]) -> Vec<(ReferenceHash, Position)> {
    let read = |[a, b, c, d, e, f, g, h, position @ ..]: &[u8; REFERENCE_ENTRY_BYTES]| {
        let hash = ReferenceHash([*a, *b, *c, *d, *e, *f, *g, *h]);
        (hash, Position::new(u64::from_be_bytes(*position)))
    };
    value.as_chunks::<REFERENCE_ENTRY_BYTES>().0.iter().map(read).collect()
}

fn read_position(value: &[u8]) -> Result<Position, StoreError> {
    let position = value.try_into().map_err(|_| StoreError::Unreadable("position"))?;
    Ok(Position::new(u64::from_be_bytes(position)))
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
