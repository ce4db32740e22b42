//! The committer over a log that fails, and replay over one that was tampered with.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use proptest::prelude::*;
use quittance_journal::{Batch, Committer, Fault, MemoryLog, Position, ReplayError, Submission, Tip, replay};
use quittance_ledger::{AccountId, AccountKind, Event, Timestamp};

const AT: Timestamp = Timestamp::from_secs(1);

fn account(n: u32) -> AccountId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    AccountId::from_bytes(bytes).unwrap()
}

fn event(n: u32) -> Event {
    Event::AccountOpened { account: account(n), name: "someone".parse().unwrap(), kind: AccountKind::Person }
}

/// Submits `groups` of events, a commit each, and gives what was acknowledged.
fn run(log: &MemoryLog, groups: &[u32]) -> (Vec<u32>, bool) {
    let mut acknowledged = Vec::new();
    let mut tip = Tip::GENESIS;
    let mut n = 0;
    for size in groups {
        let (committer, queue) = Committer::new(log.clone(), tip, 10_000);
        for _ in 0..*size {
            queue.submit(Submission::Record { at: AT, event: event(n), done: Some(n) });
            n += 1;
        }
        drop(queue);
        match committer.run(|batch| acknowledged.extend(batch.done)) {
            Ok(end) => tip = end,
            Err(_) => return (acknowledged, false),
        }
    }
    (acknowledged, true)
}

fn read(log: &MemoryLog, after: Position) -> Result<Vec<Event>, ReplayError> {
    let mut events = Vec::new();
    replay(log, after, |block| {
        events.extend(block.positioned().filter(|(p, _)| *p > after).map(|(_, record)| record.event.clone()));
        Ok::<_, ReplayError>(())
    })?;
    Ok(events)
}

#[test]
fn one_flush_serves_all_that_waited() {
    let log = MemoryLog::default();
    let (acknowledged, ok) = run(&log, &[1_500]);
    assert!(ok);
    assert_eq!(acknowledged, (0..1_500).collect::<Vec<_>>());
    assert_eq!(log.flushes(), 1);
    assert_eq!(read(&log, Position::START).unwrap(), (0..1_500).map(event).collect::<Vec<_>>());
}

/// Several at a time or one at a time, the journal holds them in the order in which they were submitted, in as many blocks as
/// they fill and one flush.
#[test]
fn events_that_are_submitted_together_fill_blocks_and_take_one_flush() {
    let log = MemoryLog::default();
    let (committer, queue) = Committer::new(log.clone(), Tip::GENESIS, 10);
    queue.submit(Submission::Record { at: AT, event: event(0), done: Some(0) });
    queue.submit(Submission::Records { at: AT, events: (1..5_000).map(event).collect() });
    queue.submit(Submission::Record { at: AT, event: event(5_000), done: Some(1) });
    drop(queue);
    let mut told = Vec::new();
    committer.run(|batch| told.push((batch.blocks.len(), batch.done))).unwrap();
    assert_eq!((told, log.flushes()), (vec![(3, vec![0, 1])], 1));
    assert_eq!(read(&log, Position::START).unwrap(), (0..=5_000).map(event).collect::<Vec<_>>());
}

/// A block that is full by its bytes ends a flush, and the next begins anew.
#[test]
fn a_full_block_at_the_end_of_a_flush_is_not_ended_twice() {
    let log = MemoryLog::default();
    let name = "n".repeat(40);
    let long = |n| Event::AccountOpened {
        account: account(n),
        name: name.parse().unwrap(),
        kind: AccountKind::Person,
    };
    let (committer, queue) = Committer::new(log.clone(), Tip::GENESIS, 10);
    queue.submit(Submission::Records { at: AT, events: (0..20_000).map(long).collect() });
    let mut queue = Some(queue);
    let tip = committer
        .run(|_: Batch<()>| {
            // While the first flush is published, the next comes in.
            if let Some(queue) = queue.take() {
                queue.submit(Submission::Records { at: AT, events: (20_000..40_000).map(long).collect() });
            }
        })
        .unwrap();
    assert_eq!(tip.position, Position::new(40_000));
    assert_eq!(read(&log, Position::START).unwrap().len(), 40_000);
}

#[test]
fn a_barrier_waits_for_what_came_before_and_writes_nothing() {
    let log = MemoryLog::default();
    let (committer, queue) = Committer::new(log.clone(), Tip::GENESIS, 10);
    queue.submit(Submission::Barrier { done: 0 });
    queue.submit(Submission::Record { at: AT, event: event(1), done: Some(1) });
    queue.submit(Submission::Barrier { done: 2 });
    drop(queue);
    let mut told = Vec::new();
    committer
        .run(|batch| told.push((batch.blocks.iter().map(|block| block.records.len()).collect(), batch.done)))
        .unwrap();
    assert_eq!(told, [(vec![1], vec![0, 1, 2])]);
    let (committer, queue) = Committer::new(log.clone(), Tip::GENESIS, 10);
    queue.submit(Submission::Barrier { done: 3 });
    drop(queue);
    committer.run(|batch| assert!(batch.blocks.is_empty())).unwrap();
    assert_eq!(log.flushes(), 1);
}

#[test]
fn a_second_writer_is_fenced_off() {
    let log = MemoryLog::default();
    assert!(run(&log, &[3]).1);
    let (acknowledged, ok) = run(&log, &[3]);
    assert!(!ok && acknowledged.is_empty());
}

#[test]
fn a_block_that_is_counted_wrong_is_found() {
    let log = MemoryLog::default();
    let mut tip = Tip::GENESIS;
    for n in 0..2 {
        let (committer, queue) = Committer::new(log.clone(), tip, 10);
        queue.submit(Submission::Record { at: AT, event: event(n), done: Some(n) });
        drop(queue);
        tip = committer.run(|_| {}).unwrap();
        // One block too many is counted after each.
        assert_eq!(tip.blocks, 2 * u64::from(n) + 1);
        tip.blocks += 1;
    }
    assert!(matches!(read(&log, Position::START), Err(ReplayError::Chain(p)) if p == Position::new(2)));
}

#[test]
fn a_lost_or_changed_block_is_found() {
    let log = MemoryLog::default();
    assert!(run(&log, &[3, 3, 3]).1);
    assert_eq!(read(&log, Position::new(4)).unwrap().len(), 5);
    log.lose(Position::new(4));
    assert!(matches!(read(&log, Position::START), Err(ReplayError::Gap { .. })));
    let log = MemoryLog::default();
    assert!(run(&log, &[3, 3, 3]).1);
    log.flip_bit(Position::new(4), 700);
    assert!(matches!(read(&log, Position::START), Err(ReplayError::Block { .. })));
    assert!(matches!(read(&MemoryLog::default(), Position::new(9)), Err(ReplayError::Short { .. })));
}

proptest! {
    /// Whatever fails and however many unflushed blocks survive the loss of power: what was acknowledged is there, and
    /// what is there is a prefix of what was submitted.
    #[test]
    fn what_was_acknowledged_survives(
        groups in prop::collection::vec(prop_oneof![4 => 1..20_u32, 1 => 2_000..9_000_u32], 1..8),
        fault in prop_oneof![(0..8_usize).prop_map(Fault::AppendAfter), (0..8_usize).prop_map(Fault::FlushAfter)],
        survivors in 0..8_usize,
    ) {
        let log = MemoryLog::with_fault(fault);
        let (acknowledged, _) = run(&log, &groups);
        log.lose_power(survivors);
        let kept = read(&log, Position::START).unwrap();
        prop_assert!(kept.len() >= acknowledged.len());
        prop_assert_eq!(kept.len() as u32, (0..).zip(&kept).filter(|(n, kept)| event(*n) == **kept).count() as u32);
    }
}
