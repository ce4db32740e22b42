//! The index, held against what the journal says.

use std::collections::HashSet;

use quittance_journal::Position;
use quittance_ledger::{IdHash, TransferId, id_slice};

use super::AuditError;
use super::reading::Reading;
use crate::store::{EntryCounts, HistoryTree, Line};

const NOT_IN_JOURNAL: &str = "what is not in the journal";

/// Every transfer is found by its id and by its references, is listed with the right balance for every wallet that has a part
/// in it, and with that told to the wallet's account; and everything else is listed for every account that is to be told of it.
/// As far as the index reaches: the rest is gathered from the journal when the engine starts.
pub(super) fn compare(tree: &HistoryTree, indexed_to: Position, reading: &Reading) -> Result<(), AuditError> {
    let mut expected =
        EntryCounts { lines: compare_lines(tree, indexed_to, reading)?, ..EntryCounts::default() };
    for (account, positions) in &reading.told {
        let positions = up_to(positions, indexed_to, |position| *position);
        expected.told += positions.len();
        compare_entries(&tree.told_after(*account, Position::START, usize::MAX)?, positions, |p| *p)
            .map_err(|position| differs(format!("account {account}"), position))?;
    }
    expected.ids = compare_ids(tree, indexed_to, reading)?;
    for (name, opening) in reading.openings.iter().filter(|(_, opening)| opening.position <= indexed_to) {
        expected.openings += 1;
        if tree.opening(*name)? != Some(*opening) {
            return Err(differs("holds and requests to one account".to_owned(), opening.position));
        }
    }
    for (hash, positions) in &reading.references {
        let positions = up_to(positions, indexed_to, |position| *position);
        expected.references += positions.len();
        let mut found = tree.by_reference(*hash, Position::new(u64::MAX), usize::MAX)?;
        found.reverse();
        compare_entries(&found, positions, |position| *position)
            .map_err(|position| differs("references".to_owned(), position))?;
    }
    // All that should be there is, so one more is too many.
    if tree.count()? == expected { Ok(()) } else { Err(differs(NOT_IN_JOURNAL.to_owned(), indexed_to)) }
}

/// Gives how many lines there are.
fn compare_lines(tree: &HistoryTree, indexed_to: Position, reading: &Reading) -> Result<usize, AuditError> {
    let of_wallet = |lines| up_to(lines, indexed_to, position_of_line);
    let mut found = HashSet::with_capacity(reading.lines.len());
    tree.checked_lines(|wallet, lines| {
        let Some(expected) = reading.lines.get(&wallet) else {
            return Err(differs(
                NOT_IN_JOURNAL.to_owned(),
                lines.first().map_or(indexed_to, position_of_line),
            ));
        };
        found.insert(wallet);
        compare_entries(lines, of_wallet(expected), position_of_line)
            .map_err(|position| differs(format!("wallet {wallet}"), position))
    })?;
    for (wallet, lines) in reading.lines.iter().filter(|(wallet, _)| !found.contains(*wallet)) {
        if let Some(line) = of_wallet(lines).first() {
            return Err(differs(format!("wallet {wallet}"), line.position));
        }
    }
    Ok(reading.lines.values().map(|lines| of_wallet(lines).len()).sum())
}

/// Gives how many ids there are.
fn compare_ids(tree: &HistoryTree, indexed_to: Position, reading: &Reading) -> Result<usize, AuditError> {
    let id_key = tree.id_key()?;
    let transfers = reading.transfers.iter().filter(|(_, position)| *position <= indexed_to);
    let entry =
        |(id, position): &(TransferId, Position)| (id_slice(id.made_at()), (id_key.hash(*id), *position));
    let mut expected: Vec<_> = transfers.map(entry).collect();
    expected.sort_unstable();
    let name_of = |position| {
        let transfer = reading.transfers.iter().find(|(_, of)| *of == position);
        transfer.map_or_else(|| "a transfer".to_owned(), |(id, _)| format!("transfer {id}"))
    };
    let mut rest = expected.as_slice();
    let mut take = |slice: u64, ids: &[(IdHash, Position)]| {
        let (of_slice, others) = rest.split_at(rest.partition_point(|(of, _)| *of <= slice));
        rest = others;
        let mut found: Vec<_> = ids.iter().map(|id| (slice, *id)).collect();
        found.sort_unstable();
        compare_entries(&found, of_slice, |(_, (_, position))| *position)
            .map_err(|position| differs(name_of(position), position))
    };
    tree.checked_ids(&mut take)?;
    // What is in slices that the index does not have.
    take(u64::MAX, &[])?;
    Ok(expected.len())
}

const fn position_of_line(line: &Line) -> Position {
    line.position
}

fn up_to<E>(entries: &[E], indexed_to: Position, position_of: impl Fn(&E) -> Position) -> &[E] {
    let end = entries.partition_point(|entry| position_of(entry) <= indexed_to);
    entries.get(..end).unwrap_or(entries)
}

/// The first position at which the two differ.
fn compare_entries<E: PartialEq>(
    found: &[E],
    expected: &[E],
    position_of: impl Fn(&E) -> Position,
) -> Result<(), Position> {
    if found == expected {
        return Ok(());
    }
    let same = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    let next = [found.get(same), expected.get(same)];
    Err(next.into_iter().flatten().map(position_of).min().unwrap_or_default())
}

const fn differs(what: String, position: Position) -> AuditError {
    AuditError::IndexDiffers { what, position }
}
