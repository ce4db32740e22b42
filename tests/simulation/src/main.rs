//! `quittance-sim`: plays seeds until one fails, and a failing one again.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Parser;
use quittance_simulation::{ACTIONS, Plan, run, shrink};

/// Plays the whole engine on one thread from seeds, with crashes and a disk that loses what was not made durable.
#[derive(Debug, Parser)]
#[command(name = "quittance-sim")]
struct Arguments {
    /// How many seeds to play.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Plays this seed alone, says all that happens, and shrinks it where it fails.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// How many actions a seed has.
    #[arg(long, default_value_t = ACTIONS)]
    actions: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => play_one(seed, arguments.actions),
        None => play_many(&arguments),
    }
}

fn play_one(seed: u64, actions: usize) -> ExitCode {
    let plan = Plan::of(seed, actions);
    match run(&plan, None, true) {
        Ok(summary) => {
            println!("seed {seed} passes: {summary:?}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            if let Some((smaller, failure)) = shrink(&plan, None) {
                println!("these of its actions are enough:");
                smaller.actions.iter().for_each(|planned| println!("  {planned:?}"));
                println!("{failure}");
            }
            ExitCode::FAILURE
        }
    }
}

fn play_many(arguments: &Arguments) -> ExitCode {
    let (next, has_failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let totals = Mutex::new((0_usize, 0_usize, 0_u32));
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.seeds || has_failed.load(Ordering::Relaxed) {
                        break;
                    }
                    let seed = arguments.from.saturating_add(number);
                    match run(&Plan::of(seed, arguments.actions), None, false) {
                        Ok(summary) => {
                            if let Ok(mut totals) = totals.lock() {
                                totals.0 += summary.orders;
                                totals.1 += summary.records;
                                totals.2 += summary.starts;
                            }
                        }
                        Err(failure) => {
                            has_failed.store(true, Ordering::Relaxed);
                            println!("{failure}\nplay it again: quittance-sim --seed {seed}");
                        }
                    }
                }
            });
        }
    });
    if has_failed.load(Ordering::Relaxed) {
        return ExitCode::FAILURE;
    }
    let (orders, records, starts) = totals.into_inner().unwrap_or_default();
    let seeds = arguments.seeds;
    println!("{seeds} seeds pass: {orders} orders, {records} records, {starts} starts");
    println!("in {:.1} s", began.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}
