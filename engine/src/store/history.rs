//! The index of the journal in sled: where the transfers of a wallet are, what an account is told of, and where the transfer
//! of an id or of a reference is.
//!
//! | key | value |
//! | --- | --- |
//! | `w` group of wallets, position of the first line | lines of the group's wallets, as `history/lines.rs` says |
//! | `a` account, position of the first entry | positions of what the account is told of beside its wallets' lines, rising, 8 bytes each |
//! | `i`, 65 s of the ids' time, position up to which the index reached then, first hash | hashes of ids, 5 bytes, and positions, 6 bytes, in order of the hashes |
//! | `k` | the key of the ids' hashes |
//! | `o` name of an opening | its position and the account that is told of its end; few records open anything |
//! | `x`, first byte of the hash, position of the first entry | hashes of references and positions, 16 bytes each, in order of the hashes |
//! | `m` | the position up to which the index reaches |
//!
//! Numbers are big-endian. A stretch of the journal is written at a time, in one batch with the mark `m`: so a crash leaves
//! whole stretches, and no batch is so large that it keeps others out of the database for long.

mod ids;
mod lines;
mod references;

use std::collections::BTreeMap;

use quittance_journal::Position;
use quittance_ledger::{AccountId, PaymentRequestId, Timestamp, TransferId, WalletId};

use super::{StoreError, keyed};
use ids::ID_ENTRY_BYTES;
pub(crate) use ids::{IdKey, IdsOfSlice};
pub(crate) use lines::{Group, LinkedLine};
use lines::{Lines, Run};
use references::REFERENCE_ENTRY_BYTES;
pub(crate) use references::ReferenceHash;

/// The most entries of one value.
const MAX_ENTRIES_PER_VALUE: usize = 4_096;

/// A value of references or ids with fewer entries is written once more with those that follow, so that a lookup does not find as
/// many values as there were writings. More would cost more to write than it saves to read.
const FEW_ENTRIES: usize = 64;

const OPENING_BYTES: usize = 24;
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

/// The name under which something is found that a later record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OpeningName([u8; 16]);

/// Where something was opened that a later record ends, and whom that record does not name and is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) position: Position,
    pub(crate) account: AccountId,
}

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
pub(crate) struct HistoryTree(keyed::Tree);

/// Entries that are written together or not at all.
#[derive(Debug, Default)]
pub(crate) struct HistoryBatch(keyed::Batch);

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

impl HistoryTree {
    pub(super) const fn new(tree: keyed::Tree) -> Self {
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

    /// Calls `take` with each wallet that has lines, and all of them, rising, having seen that they are found in both directions.
    pub(crate) fn checked_lines<E: From<StoreError>>(
        &self,
        mut take: impl FnMut(WalletId, &[Line]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut take_all = |lines: &mut BTreeMap<WalletId, Vec<Line>>| {
            std::mem::take(lines).into_iter().try_for_each(|(wallet, lines)| take(wallet, &lines))
        };
        let (mut group, mut of_group) = (None, BTreeMap::<_, Vec<Line>>::new());
        for entry in self.0.scan_prefix(b"w") {
            let (key, value) = entry.map_err(StoreError::from)?;
            let first = position_of_key(&key)?;
            let mut last_wallet = None;
            for run in Lines::read(first, &value)?.runs() {
                let (wallet, run) = run?;
                if group != Some(Group::of(wallet)) {
                    take_all(&mut of_group)?;
                    group = Some(Group::of(wallet));
                }
                let known = of_group.entry(wallet).or_default();
                let last = known.last().map_or(Position::START, |line| line.position);
                let positions = [last].into_iter().chain(run.lines.iter().map(|line| line.position));
                let is_found = line_key(Group::of(wallet), first) == key.as_ref()
                    && last_wallet.replace(wallet) < Some(wallet)
                    && run.previous == last
                    && run.lines.first().is_some_and(|line| line.position >= first)
                    && positions.is_sorted_by(|a, b| a < b);
                if !is_found {
                    return Err(StoreError::Unreadable("value of lines").into());
                }
                known.extend(run.lines);
            }
        }
        take_all(&mut of_group)
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

    /// What was opened under this name.
    pub(crate) fn opening(&self, name: OpeningName) -> Result<Option<Opening>, StoreError> {
        let Some(value) = self.0.get(opening_key(name))? else { return Ok(None) };
        let unreadable = || StoreError::Unreadable("opening");
        let (position, account) = value.split_at_checked(8).ok_or_else(unreadable)?;
        let account = account.try_into().ok().and_then(|bytes| AccountId::from_bytes(bytes).ok());
        Ok(Some(Opening { position: read_position(position)?, account: account.ok_or_else(unreadable)? }))
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

    /// What was opened under a name.
    pub(crate) fn opening(&mut self, name: OpeningName, opening: &Opening) {
        let value = [opening.position.get().to_be_bytes().as_slice(), &opening.account.to_bytes()].concat();
        self.0.insert(opening_key(name), value);
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

fn opening_key(name: OpeningName) -> Vec<u8> {
    std::iter::once(b'o').chain(name.0).collect()
}

fn sixteen(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut hash = [0; 16];
    hasher.finalize_xof().fill(&mut hash);
    hash
}

fn positions(value: &[u8]) -> impl DoubleEndedIterator<Item = Position> + '_ {
    value.as_chunks().0.iter().map(|bytes| Position::new(u64::from_be_bytes(*bytes)))
}

fn read_position(value: &[u8]) -> Result<Position, StoreError> {
    let position = value.try_into().map_err(|_| StoreError::Unreadable("position"))?;
    Ok(Position::new(u64::from_be_bytes(position)))
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
