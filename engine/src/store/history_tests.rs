//! The index against a plain list.

use super::*;
use std::collections::BTreeMap;

use proptest::prelude::*;
use quittance_ledger::IdHash;

fn tree() -> HistoryTree {
    HistoryTree::new(keyed::temporary("history"))
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

/// As the engine hashes them.
fn hash(id: TransferId) -> IdHash {
    IdKey::from_bytes([7; 16]).hash(id)
}

fn write_ids(
    tree: &HistoryTree,
    ids: &[(TransferId, Position)],
    indexed_to: u64,
    hash: impl Fn(TransferId) -> IdHash,
) {
    let mut batch = HistoryBatch::default();
    let ids = ids.iter().map(|(id, position)| (id.made_at(), hash(*id), *position));
    batch.ids(tree, ids, Position::new(indexed_to)).unwrap();
    tree.write(batch).unwrap();
}

/// Where an id is, as whoever can read the journal finds it.
fn find(
    tree: &HistoryTree,
    all: &BTreeMap<TransferId, Position>,
    id: TransferId,
    hash: impl Fn(TransferId) -> IdHash,
) -> Option<Position> {
    let is_it = |position| Ok::<_, StoreError>(all.get(&id) == Some(&position));
    tree.find(id.made_at(), hash(id), is_it).unwrap()
}

/// Every line of every wallet, as the index is given them: each with the wallet's one before it.
fn linked(lines: &[(WalletId, Line)]) -> Vec<LinkedLine> {
    let mut last = BTreeMap::new();
    let link = |(wallet, line): &(WalletId, Line)| {
        let previous = last.insert(*wallet, line.position).unwrap_or(Position::START);
        LinkedLine { wallet: *wallet, line: *line, previous }
    };
    lines.iter().map(link).collect()
}

/// A wallet of one group, told from others of it by a number.
fn of_one_group(number: usize) -> WalletId {
    let wallets = (0..u32::MAX).map(|n| {
        let [a, b, c, d] = n.to_be_bytes();
        WalletId::from_bytes([1, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).unwrap()
    });
    wallets.filter(|wallet| Group::of(*wallet).number() == 0).nth(number).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn pages_are_those_of_a_plain_list(
        steps in proptest::collection::vec((0_u64..4, 0_usize..5, -9_i64..9, 0_u64..3), 1..120),
        cuts in proptest::collection::vec(1_usize..30, 120),
        cursor in 0_u64..400,
        limit in 1_usize..20,
    ) {
        let tree = tree();
        let wallets: Vec<_> = (0..5).map(of_one_group).chain([WalletId::from_bytes([9; 16]).unwrap()]).collect();
        // A step of no position is of the record before it, as another of its wallets.
        let mut all: Vec<(WalletId, Line)> = Vec::new();
        let (mut position, mut at) = (Position::new(1), 5);
        for (gap, wallet, balance, later) in steps {
            position = position.plus(gap);
            let wallet = wallets[wallet];
            if all.iter().any(|(other, line)| *other == wallet && line.position == position) {
                position = position.next();
            }
            at += later;
            all.push((wallet, Line { position, balance: balance << 40, at: Timestamp::from_millis(at) }));
        }
        let linked = linked(&all);
        let mut rest = linked.as_slice();
        for cut in cuts {
            let mut cut = cut.min(rest.len());
            while cut > 0 && cut < rest.len() && rest[cut - 1].line.position == rest[cut].line.position {
                cut += 1;
            }
            let (now, later) = rest.split_at(cut);
            let mut batch = HistoryBatch::default();
            batch.lines(now);
            tree.write(batch).unwrap();
            rest = later;
        }
        prop_assume!(rest.is_empty());
        prop_assert_eq!(tree.count().unwrap().lines, all.len());
        let (mut last_lines, mut end) = (BTreeMap::new(), Position::new(u64::MAX));
        while let Some(LastLines { first, lines }) = tree.last_lines_before(Group::of(wallets[0]), end).unwrap() {
            prop_assert!(first < end);
            for (wallet, line) in lines {
                last_lines.entry(wallet).or_insert(line);
            }
            end = first;
        }
        for wallet in &wallets[..5] {
            let last = all.iter().rev().find(|(other, _)| other == wallet).map(|(_, line)| *line);
            prop_assert_eq!(last_lines.get(wallet).copied(), last);
        }
        for wallet in wallets {
            let lines: Vec<_> = all.iter().filter(|(other, _)| *other == wallet).map(|(_, line)| *line).collect();
            for since in [0, cursor / 2, at, at + 1].map(Timestamp::from_millis) {
                let first = lines.iter().copied().find(|line| line.at >= since);
                prop_assert_eq!(tree.first_since(wallet, since).unwrap(), first);
            }
            let cursor = Position::new(cursor);
            let after: Vec<_> = lines.iter().copied().filter(|l| l.position > cursor).take(limit).collect();
            let before: Vec<_> = lines.iter().rev().copied().filter(|l| l.position < cursor).take(limit).collect();
            prop_assert_eq!(tree.lines_after(wallet, cursor, limit).unwrap(), after);
            prop_assert_eq!(tree.lines_before(wallet, cursor, limit).unwrap(), before);
        }
    }

    #[test]
    fn what_an_account_is_told_is_a_plain_list(
        gaps in proptest::collection::vec(1_u64..5, 1..60),
        cut in 1_usize..9,
        cursor in 0_u64..200,
        limit in 1_usize..20,
    ) {
        let tree = tree();
        let [account, neighbour] = [7, 8].map(|n| AccountId::from_bytes([n; 16]).unwrap());
        let mut last = Position::START;
        let all: Vec<_> = gaps.iter().map(|gap| { last = last.plus(*gap); last }).collect();
        for part in all.chunks(cut) {
            let mut batch = HistoryBatch::default();
            batch.told(account, part);
            batch.told(neighbour, part);
            tree.write(batch).unwrap();
        }
        let cursor = Position::new(cursor);
        let after: Vec<_> = all.iter().copied().filter(|p| *p > cursor).take(limit).collect();
        let before: Vec<_> = all.iter().rev().copied().filter(|p| *p < cursor).take(limit).collect();
        prop_assert_eq!(tree.told_after(account, cursor, limit).unwrap(), after);
        prop_assert_eq!(tree.told_before(account, cursor, limit).unwrap(), before);
        prop_assert_eq!(tree.count().unwrap().told, 2 * all.len());
    }

    /// With any byte changed it says something else or nothing, and ends.
    #[test]
    fn a_value_of_lines_that_is_damaged_is_read_to_an_end(
        steps in proptest::collection::vec((1_u64..300, 0_u8..4, any::<i64>()), 1..20),
        at in any::<proptest::sample::Index>(),
        bits in 1_u8..,
    ) {
        let mut position = Position::START;
        let lines: Vec<_> = steps.iter().map(|(gap, wallet, balance)| {
            position = position.plus(*gap);
            let line = Line { position, balance: *balance, at: Timestamp::from_millis(position.get() / 2) };
            (WalletId::from_bytes([*wallet + 1; 16]).unwrap(), line)
        }).collect();
        let mut linked = linked(&lines);
        linked.sort_by_key(|linked| linked.wallet);
        let first = lines[0].1.position;
        let mut value = lines::write(first, &linked.iter().collect::<Vec<_>>());
        let read = |value: &[u8]| {
            let value = Lines::read(first, value).ok()?;
            let of = |n| Some(value.of(WalletId::from_bytes([n; 16]).unwrap()).ok()?.map(|run| run.lines).unwrap_or_default());
            (1..=4).map(of).collect::<Option<Vec<_>>>()
        };
        let whole: Vec<Vec<Line>> = (1..=4_u8).map(|n| {
            lines.iter().filter(|(wallet, _)| wallet.to_bytes() == [n; 16]).map(|(_, line)| *line).collect()
        }).collect();
        prop_assert_eq!(read(&value), Some(whole));
        let at = at.index(value.len());
        value[at] ^= bits;
        read(&value);
        value.truncate(at);
        read(&value);
    }

    /// Hashes of few bits stand for ids that have the same.
    #[test]
    fn every_id_is_found_and_no_other(
        ids in proptest::collection::btree_map((0_u64..400_000, any::<u8>()), 1_u64..1_000_000, 1..80),
        bits in 0_u8..4,
    ) {
        let tree = tree();
        let hash = |id: TransferId| {
            let IdHash([a, ..]) = hash(id);
            IdHash([a & ((1 << bits) - 1), 0, 0, 0, 0])
        };
        // Two transfers have no position in common.
        let ids: BTreeMap<TransferId, Position> =
            ids.into_iter().zip(0_u64..).map(|(((at, n), p), i)| (id(at, n), Position::new(p * 100 + i))).collect();
        let all: Vec<_> = ids.iter().map(|(id, position)| (*id, *position)).collect();
        for (part, writing) in all.chunks(7).zip(1..) {
            write_ids(&tree, part, writing, hash);
        }
        prop_assert_eq!(tree.count().unwrap().ids, ids.len());
        for at in 0..3 {
            prop_assert_eq!(find(&tree, &ids, id(500_000 + at, 1), hash), None);
        }
        for (id, position) in &ids {
            prop_assert_eq!(find(&tree, &ids, *id, hash), Some(*position));
        }
    }

    /// Many ids of one time, in several writings that overlap, fill more than a value each; where all have one of four
    /// hashes, more than a value has the same.
    #[test]
    fn an_id_is_found_among_many(writings in 1_u64..4, odd in 1_u64..1_000, is_alike in any::<bool>()) {
        let tree = tree();
        let hash = |id: TransferId| {
            let IdHash(whole) = hash(id);
            if is_alike { IdHash([whole[0] & 3, 0, 0, 0, 0]) } else { IdHash(whole) }
        };
        let all: Vec<_> = (0..20_000_u64).map(|n| (numbered(n.wrapping_mul(odd * 2 + 1)), Position::new(n + 1))).collect();
        let ids: BTreeMap<_, _> = all.iter().copied().collect();
        for writing in 0..writings {
            let part: Vec<_> = all.iter().copied().skip(writing as usize).step_by(writings as usize).collect();
            write_ids(&tree, &part, 100_000 + writing, hash);
        }
        for (id, position) in all.iter().step_by(97) {
            prop_assert_eq!(find(&tree, &ids, *id, hash), Some(*position));
        }
        prop_assert_eq!(find(&tree, &ids, numbered(u64::MAX >> 8), hash), None);
    }

    /// Whoever chooses ids of one time can make a lookup go through a few values, and not through one for each checkpoint.
    #[test]
    fn ids_of_one_time_are_kept_together(count in 1_u8..=255) {
        let tree = tree();
        for n in 0..count {
            let position = 1 + u64::from(n);
            write_ids(&tree, &[(id(7, n), Position::new(position))], position, hash);
        }
        prop_assert!(tree.0.len() <= 1 + usize::from(count) / FEW_ENTRIES, "{} values", tree.0.len());
        let ids = (0..count).map(|n| (id(7, n), Position::new(1 + u64::from(n)))).collect();
        for n in 0..count {
            prop_assert_eq!(find(&tree, &ids, id(7, n), hash), Some(Position::new(1 + u64::from(n))));
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
