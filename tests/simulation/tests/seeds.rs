//! As many seeds as there is time for, each of which must pass; and what is built in wrong on purpose must be found.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use quittance_simulation::{ACTIONS, Failure, Plan, Plant, run, shrink};

const SEEDS: u64 = 10_000;

/// The most seeds that a planted fault may take.
const MANY_SEEDS: u64 = 2_000;

#[test]
fn what_comes_of_every_seed_is_as_the_rules_say() {
    let (next, failures) = (AtomicU64::new(0), Mutex::new(Vec::<Failure>::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS || failures.lock().is_ok_and(|failures| !failures.is_empty()) {
                        break;
                    }
                    if let (Err(failure), Ok(mut failures)) =
                        (run(&Plan::of(seed, ACTIONS), None, false), failures.lock())
                    {
                        failures.push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    assert!(failures.is_empty(), "{}: play it again with quittance-sim --seed", failures[0]);
}

#[test]
fn a_seed_plays_the_same_way_each_time() {
    for seed in 0..60 {
        let plan = Plan::of(seed, ACTIONS);
        assert_eq!(run(&plan, None, false), run(&plan, None, false), "seed {seed}");
    }
}

/// Plays seeds with a planted fault until one fails, and shrinks that. Gives what was found.
fn find(plant: Plant) -> String {
    let failure = (0..MANY_SEEDS).find_map(|seed| run(&Plan::of(seed, ACTIONS), Some(plant), false).err());
    let Some(failure) = failure else { panic!("{plant:?} is not found by {MANY_SEEDS} seeds") };
    let plan = Plan::of(failure.seed, ACTIONS);
    assert_eq!(run(&plan, Some(plant), false), Err(failure.clone()), "a failing seed fails again");
    let Some((smaller, found)) = shrink(&plan, Some(plant)) else { panic!("{failure} fails no more") };
    let (seeds, actions) = (failure.seed + 1, smaller.actions.len());
    println!("{plant:?}: found after {seeds} seeds, {actions} actions are enough: {}", found.wrong);
    found.wrong
}

#[test]
fn a_journal_that_is_never_synced_is_found() {
    find(Plant::NoSync);
}

#[test]
fn what_is_told_before_it_is_durable_is_found() {
    find(Plant::NotifyBeforeDurable);
}

#[test]
fn ids_that_a_start_forgets_are_found() {
    find(Plant::ForgetIds);
}

#[test]
fn a_checkpoint_that_is_ahead_of_the_journal_is_found() {
    find(Plant::CheckpointAhead);
}

#[test]
fn what_is_credited_before_it_is_in_the_queue_is_found() {
    find(Plant::EnqueueAfterCredit);
}
