//! The index, held against what the journal says.

use quittance_journal::Position;

use super::AuditError;
use super::reading::Reading;
use crate::store::{Entry, EntryCounts, HistoryTree};

/// Every transfer is found by its id and by its references, is listed with the right balance for every wallet that has a part
/// in it, and everything is listed for every account that is to be told of it. As far as the index reaches: the rest is
/// gathered from the journal when the engine starts.
pub(super) fn compare(tree: &HistoryTree, indexed_to: Position, reading: &Reading) -> Result<(), AuditError> {
    let mut expected = EntryCounts::default();
    for (wallet, lines) in &reading.lines {
        let lines = up_to(lines, indexed_to);
        expected.lines += lines.len();
        compare_entries(&tree.after(*wallet, Position::START, usize::MAX)?, lines)
            .map_err(|position| differs(format!("wallet {wallet}"), position))?;
    }
    for (account, positions) in &reading.told {
        let positions = up_to(positions, indexed_to);
        expected.told += positions.len();
        compare_entries(&tree.after(*account, Position::START, usize::MAX)?, positions)
            .map_err(|position| differs(format!("account {account}"), position))?;
    }
    for (id, position) in reading.transfers.iter().filter(|(_, position)| *position <= indexed_to) {
        expected.ids += 1;
        if tree.find(*id)? != Some(*position) {
            return Err(differs(format!("transfer {id}"), *position));
        }
    }
    for (name, opening) in reading.openings.iter().filter(|(_, opening)| opening.position <= indexed_to) {
        expected.openings += 1;
        if tree.opening(*name)? != Some(*opening) {
            return Err(differs("holds and requests to one account".to_owned(), opening.position));
        }
    }
    for (hash, positions) in &reading.references {
        let positions = up_to(positions, indexed_to);
        expected.references += positions.len();
        let mut found = tree.by_reference(*hash, Position::new(u64::MAX), usize::MAX)?;
        found.reverse();
        compare_entries(&found, positions).map_err(|position| differs("references".to_owned(), position))?;
    }
    // All that should be there is, so one more is too many.
    if tree.count()? == expected {
        Ok(())
    } else {
        Err(differs("what is not in the journal".to_owned(), indexed_to))
    }
}

fn up_to<E: Entry>(entries: &[E], indexed_to: Position) -> &[E] {
    let end = entries.partition_point(|entry| entry.position() <= indexed_to);
    entries.get(..end).unwrap_or(entries)
}

/// The first position at which the two differ.
fn compare_entries<E: Entry + PartialEq>(found: &[E], expected: &[E]) -> Result<(), Position> {
    if found == expected {
        return Ok(());
    }
    let same = found.iter().zip(expected).take_while(|(found, expected)| found == expected).count();
    let next = [found.get(same), expected.get(same)];
    Err(next.into_iter().flatten().map(|entry| entry.position()).min().unwrap_or_default())
}

const fn differs(what: String, position: Position) -> AuditError {
    AuditError::IndexDiffers { what, position }
}
