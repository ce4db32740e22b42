//! What the command line says: where the load goes, what it is made of, and for how long.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use quittance_engine::{EngineConfig, MAX_BATCH};
use serde::Serialize;

use crate::spread::Spread;

/// Puts load on a settlement engine and tells what it bore.
///
/// Sets up wallets, all of them funded, sends transfers between them, and prints what came of it: throughput, latencies,
/// processor time, memory, bytes on disk and blocks. An engine in this process is set up, shut down and started again
/// before it is measured, so that the figures of the load have nothing of the set-up in them.
///
/// Without --rate the loop is closed: each caller asks again once it is answered. With --rate it is open: each request has
/// an instant at which it should start, and its latency counts from there, so that what waits for a slow engine is counted
/// as slow. An instant is met to within a millisecond.
#[derive(Debug, Parser, Serialize)]
#[command(name = "quittance-load", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) mode: Mode,
}

/// Where the load goes.
#[derive(Debug, Subcommand, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// Starts an engine in this process
    InProcess(InProcessOptions),
    /// Speaks to a running server, which has no units in circulation, or those of an earlier run with the same settings
    Http(HttpOptions),
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct InProcessOptions {
    /// The folder that holds the store and its keys. One that an earlier run set up with the same wallets and seed is used
    /// as it is. A temporary folder, if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// How many threads host wallets
    #[arg(long, value_name = "N", default_value_t = EngineConfig::usual_shards())]
    pub(crate) shards: usize,
    /// How many callers `single` and `pay` have
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) callers: usize,
    #[command(flatten)]
    pub(crate) load: LoadOptions,
}

#[derive(Debug, Args, Serialize)]
pub(crate) struct HttpOptions {
    /// The server's public origin
    #[arg(long, default_value = "http://127.0.0.1:7400")]
    pub(crate) url: String,
    /// The file that holds the operator's key
    #[arg(long, value_name = "FILE")]
    pub(crate) operator_key: PathBuf,
    /// How many connections `single` and `pay` have, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) connections: usize,
    /// The server's process, if it is on this machine: its processor time and memory are told too
    #[arg(long, value_name = "PID")]
    pub(crate) server_pid: Option<i32>,
    /// The folder of the server's store, if it is on this machine: its bytes are told too
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Afterwards sends the same load of payments to a bare handler of hyper's in this process, which reads each and gives
    /// the answer that the server gave to one of them, and tells how much faster that is
    #[arg(long)]
    pub(crate) bare: bool,
    #[command(flatten)]
    pub(crate) load: LoadOptions,
}

/// What is sent in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Op {
    /// Many transfers of the operator
    Batch,
    /// One transfer of the operator
    Single,
    /// One payment of a barcode, signed by a device and with the PIN
    Pay,
}

#[derive(Clone, Debug, Args, Serialize)]
pub(crate) struct LoadOptions {
    /// What a request is
    #[arg(long, value_enum, default_value_t = Op::Batch)]
    pub(crate) op: Op,
    /// How many transfers a batch has
    #[arg(long, value_name = "N", default_value_t = MAX_BATCH, value_parser = batch_size)]
    pub(crate) batch: usize,
    /// How many batches are under way at a time
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) depth: usize,
    /// How many wallets there are, at least two
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = wallet_count)]
    pub(crate) wallets: usize,
    /// How many wallets an account has, at most 32. With `pay` each account has a device of its own [default: 1 with `pay`,
    /// else 32]
    #[arg(long, value_name = "N", value_parser = wallets_of_account)]
    pub(crate) wallets_per_account: Option<usize>,
    /// How many of the wallets have a barcode to be paid by, with `pay`: no others are paid then
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) payees: NonZeroUsize,
    /// Which wallets pay and are paid: `uniform`, `zipf:EXPONENT`, or `hot-payee`, where one wallet is paid by all others
    #[arg(long, default_value = "uniform")]
    pub(crate) spread: Spread,
    /// The share of transfers that ask for more than the payer has, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(crate) refused: f64,
    /// How many transfers are sent and counted; 0 sets up only
    #[arg(long, value_name = "N", default_value_t = 1_000_000, conflicts_with = "seconds")]
    pub(crate) transfers: u64,
    /// For how many seconds transfers are sent and counted
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) seconds: Option<f64>,
    /// For how many seconds transfers are sent before they count
    #[arg(long, value_name = "SECS", default_value_t = 0.0, value_parser = seconds)]
    pub(crate) warm_up: f64,
    /// How many transfers a second are to start, however fast the answers come
    #[arg(long, value_name = "R", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// What ids, wallets and amounts are drawn from. Ids hold the time too, so no two runs have the same
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many threads make the load
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) threads: NonZeroUsize,
    /// Verifies at the end that every wallet holds what it should, and that every answer was as expected; a store of this
    /// process is audited too
    #[arg(long)]
    pub(crate) check: bool,
    /// Where the report goes as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl LoadOptions {
    /// How many transfers a request has.
    pub(crate) const fn transfers_per_request(&self) -> usize {
        match self.op {
            Op::Batch => self.batch,
            Op::Single | Op::Pay => 1,
        }
    }

    pub(crate) fn wallets_of_an_account(&self) -> usize {
        let usual = if self.op == Op::Pay { 1 } else { MAX_WALLETS_PER_ACCOUNT };
        self.wallets_per_account.unwrap_or(usual)
    }
}

/// The most wallets that the engine lets an account have.
const MAX_WALLETS_PER_ACCOUNT: usize = 32;

fn batch_size(text: &str) -> Result<usize, String> {
    within(text, 1, MAX_BATCH)
}

fn wallet_count(text: &str) -> Result<usize, String> {
    within(text, 2, 1 << 27)
}

fn wallets_of_account(text: &str) -> Result<usize, String> {
    within(text, 1, MAX_WALLETS_PER_ACCOUNT)
}

fn within(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("must be from {least} to {most}"))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "must be from 0 to 1".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=1e6).contains(seconds));
    seconds.ok_or_else(|| "must be from 0 to 1000000".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (1e-3..=1e9).contains(rate));
    rate.ok_or_else(|| "must be from 0.001 to 1000000000".to_owned())
}
