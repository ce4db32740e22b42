//! The index against a plain list.

use super::*;
use std::collections::BTreeMap;

use proptest::prelude::*;

fn tree() -> HistoryTree {
    let database = sled::Config::new().temporary(true).open().unwrap();
    HistoryTree::new(database.open_tree("history").unwrap())
}

/// A line whose instant may be that of the one before it.
fn line(position: u64) -> Line {
    let balance = i64::try_from(position).unwrap() - 50;
    Line { position: Position::new(position), balance, at: Timestamp::from_millis(position / 2) }
}

fn id(millis: u64, n: u8) -> TransferId {
    let [_, _, a, b, c, d, e, f] = millis.to_be_bytes();
    TransferId::from_bytes([a, b, c, d, e, f, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, n]).unwrap()
}

/// An id of one time, told from others by a number below 2 to the 56th.
fn numbered(number: u64) -> TransferId {
    let [_, g, h, i, j, k, l, m] = number.to_be_bytes();
    TransferId::from_bytes([0, 0, 0, 0, 0, 1, 0x70, 0, 0x80, g, h, i, j, k, l, m]).unwrap()
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
        let (wallet, neighbour, account) = (
            WalletId::from_bytes([7; 16]).unwrap(),
            WalletId::from_bytes([6; 16]).unwrap(),
            AccountId::from_bytes([7; 16]).unwrap(),
        );
        let mut last = 0;
        let all: Vec<Line> = gaps.iter().map(|gap| { last += gap; line(last) }).collect();
        let mut rest = all.as_slice();
        for cut in cuts {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            let mut batch = HistoryBatch::default();
            batch.entries(wallet, now);
            batch.entries(neighbour, now);
            let positions: Vec<_> = now.iter().map(|line| line.position).collect();
            batch.entries(account, &positions);
            tree.write(batch).unwrap();
            rest = later;
        }
        let written = all.len() - rest.len();
        prop_assume!(written == all.len());
        let since = Timestamp::from_millis(cursor / 2);
        let first = all.iter().copied().find(|line| line.at >= since);
        prop_assert_eq!(tree.first_since(wallet, since).unwrap(), first);
        let cursor = Position::new(cursor);
        let after: Vec<_> = all.iter().copied().filter(|l| l.position > cursor).take(limit).collect();
        let before: Vec<_> = all.iter().rev().copied().filter(|l| l.position < cursor).take(limit).collect();
        let positions: Vec<_> = after.iter().map(|line| line.position).collect();
        prop_assert_eq!(tree.after(wallet, cursor, limit).unwrap(), after);
        prop_assert_eq!(tree.before(wallet, cursor, limit).unwrap(), before);
        prop_assert_eq!(tree.after(account, cursor, limit).unwrap(), positions);
    }

    #[test]
    fn every_id_is_found_and_no_other(
        ids in proptest::collection::btree_map((0_u64..400_000, any::<u8>()), 1_u64..1_000_000, 1..80),
    ) {
        let tree = tree();
        let ids: BTreeMap<TransferId, Position> =
            ids.into_iter().map(|((at, n), p)| (id(at, n), Position::new(p))).collect();
        let all: Vec<_> = ids.iter().map(|(id, position)| (*id, *position)).collect();
        for (part, writing) in all.chunks(7).zip(1..) {
            let mut batch = HistoryBatch::default();
            batch.ids(&tree, part, Position::new(writing)).unwrap();
            tree.write(batch).unwrap();
        }
        for at in 0..3 {
            prop_assert_eq!(tree.find(id(500_000 + at, 1)).unwrap(), None);
        }
        for (id, position) in ids {
            prop_assert_eq!(tree.find(id).unwrap(), Some(position));
        }
    }

    /// Many ids of one time, in several writings that overlap, fill more than a value each.
    #[test]
    fn an_id_is_found_among_many(writings in 1_u64..4, odd in 1_u64..1_000) {
        let tree = tree();
        let all: Vec<_> = (0..20_000_u64).map(|n| (numbered(n.wrapping_mul(odd * 2 + 1)), Position::new(n + 1))).collect();
        for writing in 0..writings {
            let mut part: Vec<_> = all.iter().copied().skip(writing as usize).step_by(writings as usize).collect();
            part.sort_unstable();
            let mut batch = HistoryBatch::default();
            batch.ids(&tree, &part, Position::new(100_000 + writing)).unwrap();
            tree.write(batch).unwrap();
        }
        for (id, position) in all.iter().step_by(97) {
            prop_assert_eq!(tree.find(*id).unwrap(), Some(*position));
        }
        prop_assert_eq!(tree.find(numbered(u64::MAX >> 8)).unwrap(), None);
    }

    /// Whoever chooses ids of one time can make a lookup go through a few values, and not through one for each checkpoint.
    #[test]
    fn ids_of_one_time_are_kept_together(count in 1_u8..=255) {
        let tree = tree();
        for n in 0..count {
            let mut batch = HistoryBatch::default();
            let position = Position::new(1 + u64::from(n));
            batch.ids(&tree, &[(id(7, n), position)], position).unwrap();
            tree.write(batch).unwrap();
        }
        prop_assert!(tree.0.len() <= 1 + usize::from(count) / FEW_ENTRIES, "{} values", tree.0.len());
        for n in 0..count {
            prop_assert_eq!(tree.find(id(7, n)).unwrap(), Some(Position::new(1 + u64::from(n))));
        }
    }

    #[test]
    fn a_reference_is_found_wherever_it_was_written(
        numbers in proptest::collection::vec(0_u8..12, 1..300),
        cut in 1_usize..40,
        before in 1_u64..400,
        limit in 1_usize..9,
    ) {
        let tree = tree();
        let wallet = WalletId::from_bytes([7; 16]).unwrap();
        let hash = |n: u8| ReferenceHash::new(wallet, &format!("R-{n}").parse().unwrap());
        let all: Vec<_> =
            numbers.iter().zip(1..).map(|(n, position)| (hash(*n), Position::new(position))).collect();
        for part in all.chunks(cut) {
            let mut batch = HistoryBatch::default();
            batch.references(&tree, part).unwrap();
            tree.write(batch).unwrap();
        }
        let before = Position::new(before);
        for n in 0..13 {
            let wanted = all.iter().rev().filter(|(h, p)| *h == hash(n) && *p < before);
            let wanted: Vec<_> = wanted.map(|(_, position)| *position).take(limit).collect();
            prop_assert_eq!(tree.by_reference(hash(n), before, limit).unwrap(), wanted);
        }
    }
}
