//! So many schedules of each scenario: chosen at random, and by priorities that change at a few points (PCT), which finds what takes few
//! steps in one order among many. `SCHEDULES` in the environment says how many; a schedule that fails is printed, and replayed
//! with `shuttle::replay`.

use quittance_schedules as scenario;

fn check(scenario: fn()) {
    let count = std::env::var("SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000);
    shuttle::check_random(scenario, count);
    shuttle::check_pct(scenario, count, 3);
}

#[test]
fn batches_and_callers() {
    check(scenario::batches_and_callers);
}

#[test]
fn same_id_from_two() {
    check(scenario::same_id_from_two);
}

#[test]
fn drained_while_asked() {
    check(scenario::drained_while_asked);
}

#[test]
fn turns_are_never_lost() {
    check(scenario::turns_are_never_lost);
}

#[test]
fn everybody_leaves() {
    check(scenario::everybody_leaves);
}
