//! Runs a naive bank for some seconds and prints, as one line of JSON, what it settled.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use quittance_bench::SetupError;
use quittance_bench::naive::{KeysBank, MutexBank, run_naive};

/// Settle transfers between random wallets in a naive way on sled.
#[derive(Parser)]
struct Arguments {
    /// How transfers are settled.
    #[arg(value_enum)]
    way: Way,
    /// How many wallets there are.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(2..))]
    wallets: u64,
    /// How many threads call at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..))]
    threads: u64,
    /// How many transfers each call settles, and makes durable at its end.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    group: u64,
    /// For how many seconds to go on.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Where to make the temporary folder that holds the store.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Way {
    /// One mutex around all balances; an append and `fdatasync` a transfer, whatever the group.
    Mutex,
    /// Three keys a transfer; a transaction and a `fdatasync` a group.
    Keys,
}

fn run(arguments: &Arguments) -> Result<(), SetupError> {
    let folder = tempfile::tempdir_in(&arguments.folder)?;
    let &Arguments { wallets, threads, group, .. } = arguments;
    let time = Duration::from_secs(arguments.seconds);
    let run = match arguments.way {
        Way::Mutex => run_naive(&MutexBank::open(folder.path(), wallets)?, wallets, threads, group, time)?,
        Way::Keys => run_naive(&KeysBank::open(folder.path(), wallets)?, wallets, threads, group, time)?,
    };
    println!(
        r#"{{"transfers": {}, "seconds": {}, "p50_micros": {}, "p99_micros": {}}}"#,
        run.transfers,
        run.elapsed.as_secs_f64(),
        run.percentile(50).as_micros(),
        run.percentile(99).as_micros(),
    );
    Ok(())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the naive bank could not be run: {error}");
            ExitCode::FAILURE
        }
    }
}
