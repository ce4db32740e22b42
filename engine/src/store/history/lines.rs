//! The lines of a group of wallets as one value: whatever a stretch of the journal says of them.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | how many wallets |
//! | 8 | the earliest instant of a line |
//! | 20 each | in order of the wallets: the wallet, and where its lines end, from the end of this table on |
//! | | for each wallet: how far before its first line here its line before that is, or 0 where there is none; then each line: position, balance and instant, less those of the line before |
//!
//! A wallet's first line is told from the position that the value begins with, a balance of 0 and the earliest instant. Fixed
//! numbers are big-endian. Others are in seven bits a byte, the lowest first; balances with their sign in the lowest bit.

use quittance_journal::Position;
use quittance_ledger::{Timestamp, WalletId};

use super::Line;
use crate::store::StoreError;

/// How many groups wallets fall into. Part of the store's format.
const GROUP_COUNT: u16 = 256;

const TABLE_ENTRY_BYTES: usize = 20;

/// A group of wallets whose lines are written together, so that the number of values does not grow with that of wallets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Group(u16);

/// A line, whose it is, and where the wallet's line before it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkedLine {
    pub(crate) wallet: WalletId,
    pub(crate) line: Line,
    /// [`Position::START`] where there is none.
    pub(crate) previous: Position,
}

/// A value, read as far as its table.
pub(super) struct Lines<'a> {
    first: Position,
    since: Timestamp,
    table: &'a [[u8; TABLE_ENTRY_BYTES]],
    runs: &'a [u8],
}

/// A wallet's lines in a value, rising.
pub(super) struct Run {
    pub(super) lines: Vec<Line>,
    /// Where the line before the first is; [`Position::START`] where there is none.
    pub(super) previous: Position,
}

impl Group {
    /// Spreads wallets that differ in any of their bits, by the last steps of MurmurHash3, which are public domain.
    pub(crate) const fn of(wallet: WalletId) -> Self {
        const UPPER: u64 = 0x9e37_79b9_7f4a_7c15;
        let id = u128::from_le_bytes(wallet.to_bytes());
        let mut mixed = (id as u64) ^ ((id >> 64) as u64).wrapping_mul(UPPER);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^= mixed >> 33;
        Self((mixed % GROUP_COUNT as u64) as u16)
    }

    pub(super) const fn number(self) -> u16 {
        self.0
    }
}

/// Writes lines, which are in order of wallets and of each wallet's positions, as the value that begins with `first`.
pub(super) fn write(first: Position, lines: &[&LinkedLine]) -> Vec<u8> {
    let since = lines.iter().map(|linked| linked.line.at).min().unwrap_or(Timestamp::EPOCH);
    let mut runs = Vec::with_capacity(lines.len().saturating_mul(12));
    let mut table = Vec::new();
    let mut wallets = 0_u32;
    for run in lines.chunk_by(|a, b| a.wallet == b.wallet) {
        let Some(oldest) = run.first() else { continue };
        let has_previous = oldest.previous != Position::START;
        let distance = oldest.line.position.get().saturating_sub(oldest.previous.get());
        put(&mut runs, if has_previous { distance } else { 0 });
        let mut before = Line { position: first, balance: 0, at: since };
        for LinkedLine { line, .. } in run {
            put(&mut runs, line.position.get().saturating_sub(before.position.get()));
            put_signed(&mut runs, line.balance.wrapping_sub(before.balance));
            put(&mut runs, line.at.as_millis().saturating_sub(before.at.as_millis()));
            before = *line;
        }
        table.extend_from_slice(&oldest.wallet.to_bytes());
        table.extend_from_slice(&u32::try_from(runs.len()).unwrap_or(u32::MAX).to_be_bytes());
        wallets = wallets.saturating_add(1);
    }
    [wallets.to_be_bytes().as_slice(), &since.as_millis().to_be_bytes(), &table, &runs].concat()
}

impl<'a> Lines<'a> {
    pub(super) fn read(first: Position, value: &'a [u8]) -> Result<Self, StoreError> {
        Self::parse(first, value).ok_or(UNREADABLE)
    }

    fn parse(first: Position, value: &'a [u8]) -> Option<Self> {
        let (wallets, rest) = value.split_first_chunk()?;
        let (since, rest) = rest.split_first_chunk()?;
        let wallets = usize::try_from(u32::from_be_bytes(*wallets)).ok()?;
        let (table, runs) = rest.split_at_checked(wallets.checked_mul(TABLE_ENTRY_BYTES)?)?;
        let since = Timestamp::from_millis(u64::from_be_bytes(*since));
        Some(Self { first, since, table: table.as_chunks().0, runs })
    }

    /// A wallet's lines, if it has any.
    pub(super) fn of(&self, wallet: WalletId) -> Result<Option<Run>, StoreError> {
        let wanted = wallet.to_bytes();
        match self.table.binary_search_by(|entry| entry[..16].cmp(&wanted)) {
            Ok(index) => self.run(index).map(Some).ok_or(UNREADABLE),
            Err(_) => Ok(None),
        }
    }

    /// The lines of each wallet, in the order that they are found by.
    pub(super) fn runs(&self) -> impl Iterator<Item = Result<(WalletId, Run), StoreError>> + '_ {
        let run_of = |(index, entry): (usize, &[u8; TABLE_ENTRY_BYTES])| {
            let wallet = WalletId::from_bytes(*entry.first_chunk()?).ok()?;
            Some((wallet, self.run(index)?))
        };
        self.table.iter().enumerate().map(move |entry| run_of(entry).ok_or(UNREADABLE))
    }

    /// The last line of each wallet that has one.
    pub(super) fn last_of_each(&self) -> Result<Vec<(WalletId, Line)>, StoreError> {
        let last_of = |run: Result<(WalletId, Run), StoreError>| {
            let (wallet, run) = run?;
            Ok((wallet, run.lines.last().copied().ok_or(UNREADABLE)?))
        };
        self.runs().map(last_of).collect()
    }

    /// How many lines there are.
    pub(super) fn count(&self) -> Result<usize, StoreError> {
        (0..self.table.len()).try_fold(0_usize, |sum, index| {
            Ok(sum.saturating_add(self.run(index).ok_or(UNREADABLE)?.lines.len()))
        })
    }

    fn run(&self, index: usize) -> Option<Run> {
        let end_of = |index: usize| {
            let [.., a, b, c, d] = *self.table.get(index)?;
            usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()
        };
        let start = index.checked_sub(1).map_or(Some(0), end_of)?;
        let mut rest = self.runs.get(start..end_of(index)?)?;
        let distance = take(&mut rest)?;
        let mut lines = Vec::new();
        let mut before = Line { position: self.first, balance: 0, at: self.since };
        while !rest.is_empty() {
            let position = before.position.get().checked_add(take(&mut rest)?)?;
            let balance = before.balance.wrapping_add(take_signed(&mut rest)?);
            let at = before.at.as_millis().checked_add(take(&mut rest)?)?;
            before = Line { position: Position::new(position), balance, at: Timestamp::from_millis(at) };
            lines.push(before);
        }
        let previous = match distance {
            0 => Position::START,
            distance => Position::new(lines.first()?.position.get().checked_sub(distance)?),
        };
        Some(Run { lines, previous })
    }
}

const UNREADABLE: StoreError = StoreError::Unreadable("value of lines");

fn put(value: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        value.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    value.push(number as u8);
}

fn put_signed(value: &mut Vec<u8>, number: i64) {
    put(value, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn take(value: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = value.split_first()?;
        *value = rest;
        let bits = u64::from(*byte & 0x7f);
        // What does not fit was not written here.
        if bits.leading_zeros() < shift {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_signed(value: &mut &[u8]) -> Option<i64> {
    let number = take(value)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}
