//! The load generator: sends transfers to an engine in this process or to a running server, and tells what it bore.
//!
//! [`server`] is the one seam: what the load needs of a server. [`in_process`] fits an engine behind it, and
//! [`http`] a running server. Everything else is the same whatever is behind: [`parties`] sets up wallets, [`schedule`] says when requests start, [`spread`] and
//! [`traffic`] what is in them, [`run`](mod@run) sends them, [`tally`] counts what comes back, [`check`](mod@check) holds the ledger against
//! it, and [`report`](mod@report) tells. [`bare`] is what a server is held against.

mod bare;
mod check;
mod figures;
mod http;
mod ids;
mod in_process;
mod options;
mod parties;
mod process;
mod progress;
mod report;
mod run;
mod schedule;
mod server;
mod spread;
mod tally;
mod traffic;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser as _;
use procfs::process::Process;
use quittance_gateway::client::{rfc3339, unix_millis};
use quittance_ledger::Timestamp;
use tokio::runtime::{Builder, Runtime};

use check::{Check, balances};
use http::Http;
use in_process::InProcess;
use options::{HttpOptions, InProcessOptions, LoadOptions, Mode, Op, Options};
use parties::{Parties, Plan, set_up};
use process::{Machine, Memory, bytes_on_disk};
use report::{Bare, Disk, Load, Report, SetUp, Used};
use run::{Ran, Watched, run};
use server::{Failure, Server};

/// How many callers set up an engine in this process.
const SETTING_UP_AT_ONCE: usize = 4_096;

/// How many callers set up a running server: not so many of one party that any has to wait long.
const SETTING_UP_OVER_HTTP: usize = 64;

/// Units of memory are made on one thread and given back on another all the time, which this is quick at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = Options::parse();
    match report(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("the load could not be run: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// What was measured, and what of the report only the mode knows.
struct Measured {
    set_up: SetUp,
    ran: Ran,
    memory: Vec<(&'static str, Memory)>,
    store: Option<Disk>,
    check: Option<Check>,
    bare: Option<Bare>,
}

/// Runs the load and reports. Gives whether all that was checked is sound.
fn report(options: &Options) -> Result<bool, Failure> {
    let (load, measured) = match &options.mode {
        Mode::InProcess(mode) => (&mode.load, in_this_process(mode)?),
        Mode::Http(mode) => (&mode.load, over_http(mode)?),
    };
    let Measured { set_up, ran, memory, store, check, bare } = measured;
    let is_sound = check.as_ref().is_none_or(Check::is_sound);
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        date: rfc3339(Timestamp::from_millis(unix_millis())),
        settings: options,
        machine: Machine::this()?,
        set_up,
        load: Load::new(&ran),
        processes: Used::all(&ran, memory),
        store,
        check,
        bare,
    };
    print!("{report}");
    if let Some(surprise) = ran.tally.surprise() {
        eprintln!("the first answer that was not as expected: {surprise}");
    }
    if let Some(path) = &load.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(is_sound)
}

fn in_this_process(options: &InProcessOptions) -> Result<Measured, Failure> {
    let temporary = tempfile::tempdir()?;
    let folder = options.store.as_deref().unwrap_or(temporary.path());
    let (store, keys) = (folder.join("store"), folder.join("keys"));
    let load = &options.load;
    let callers = if load.op == Op::Batch { load.depth } else { options.callers };
    let in_flight = callers.saturating_mul(load.transfers_per_request());
    let start = || InProcess::start(&store, &keys, options.shards, in_flight);
    let runtime = runtime(load)?;
    let (parties, mut found) = {
        let begun = Instant::now();
        let server = start()?;
        // Of a store that was killed with its process this is the time that counts.
        eprintln!("the engine has started after {:.2} s", begun.elapsed().as_secs_f64());
        let made = runtime.block_on(prepare(&server, &plan(load, SETTING_UP_AT_ONCE)))?;
        server.shut_down();
        made
    };
    let bytes_before = bytes_on_disk(&store)?;

    let begun = Instant::now();
    let server = start()?;
    found.start_seconds = Some(begun.elapsed().as_secs_f64());
    let this = Process::myself()?;
    let watched = vec![("engine and load", this)];
    let (ran, mut check) = runtime.block_on(load_and_check(&server, &parties, load, callers, &watched))?;
    let memory = memory(&watched)?;
    server.shut_down();
    if let Some(check) = &mut check {
        check.audited = Some(audited(&store, &parties)?);
    }
    let disk = Disk::new(bytes_on_disk(&store)?, bytes_before, &ran);
    Ok(Measured { set_up: found, ran, memory, store: Some(disk), check, bare: None })
}

fn over_http(options: &HttpOptions) -> Result<Measured, Failure> {
    let load = &options.load;
    let callers = if load.op == Op::Batch { load.depth } else { options.connections };
    let operator_key = std::fs::read_to_string(&options.operator_key)?;
    let mut watched = vec![("load", Process::myself()?)];
    if let Some(pid) = options.server_pid {
        watched.push(("server", Process::new(pid)?));
    }
    let bytes = || options.store.as_deref().map(bytes_on_disk).transpose();
    let runtime = runtime(load)?;
    let server = runtime.block_on(Http::new(&options.url, &operator_key))?;
    let (parties, set_up) =
        runtime.block_on(prepare(&server, &plan(load, options.connections.min(SETTING_UP_OVER_HTTP))))?;
    let bytes_before = bytes()?;
    let (ran, check) = runtime.block_on(load_and_check(&server, &parties, load, callers, &watched))?;
    let memory = memory(&watched)?;
    let store = bytes_before.zip(bytes()?).map(|(before, after)| Disk::new(after, before, &ran));
    let bare = if options.bare {
        let bare = runtime.block_on(server.bare())?;
        let unchecked = LoadOptions { check: false, ..load.clone() };
        Some(Bare::new(&ran, &runtime.block_on(run(&bare, &parties, &unchecked, callers, &Watched::new()))?))
    } else {
        None
    };
    Ok(Measured { set_up, ran, memory, store, check, bare })
}

fn runtime(load: &LoadOptions) -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().worker_threads(load.threads.get()).enable_all().build()?)
}

fn plan(load: &LoadOptions, callers: usize) -> Plan {
    Plan {
        wallets: load.wallets,
        wallets_per_account: load.wallets_of_an_account(),
        payees: (load.op == Op::Pay).then_some(load.payees.get()),
        seed: load.seed,
        callers,
    }
}

async fn prepare<S: Server>(server: &S, plan: &Plan) -> Result<(Arc<Parties>, SetUp), Failure> {
    let begun = Instant::now();
    let (parties, was_there) = set_up(server, plan).await?;
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{} wallets are ready after {seconds:.1} s", parties.wallets.len());
    let set_up = SetUp { wallets: parties.wallets.len(), seconds, was_there, start_seconds: None };
    Ok((Arc::new(parties), set_up))
}

async fn load_and_check<S: Server>(
    server: &S,
    parties: &Arc<Parties>,
    load: &LoadOptions,
    callers: usize,
    watched: &Watched,
) -> Result<(Ran, Option<Check>), Failure> {
    let before = if load.check { balances(server, &parties.wallets).await? } else { Vec::new() };
    let ran = run(server, parties, load, callers, watched).await?;
    let check = if load.check {
        let after = balances(server, &parties.wallets).await?;
        Some(Check::new(&before, &after, &ran.tally))
    } else {
        None
    };
    Ok((ran, check))
}

fn memory(watched: &Watched) -> Result<Vec<(&'static str, Memory)>, Failure> {
    watched.iter().map(|(name, process)| Ok((*name, Memory::of(process)?))).collect()
}

/// What is in circulation by the audit of a store that nobody uses, in minor units.
fn audited(store: &Path, parties: &Parties) -> Result<i64, Failure> {
    let report = quittance_engine::audit(store)?;
    let total = report.totals.iter().find(|total| total.currency.code() == parties.currency);
    Ok(total.map_or(0, |total| total.in_circulation))
}
