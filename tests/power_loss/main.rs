//! The loss of power, as far as a machine can play it that keeps it: what the real binary wrote and synced is recorded, what the
//! disk may hold is rebuilt for a moment between two calls, and the real binary started on it.
//!
//! `QUITTANCE_POWER_LOSSES=2000 cargo test --test power_loss` tries more moments than CI does, `QUITTANCE_SEED=7` others, and
//! `QUITTANCE_POWER_LOSSES=all` every moment with every fate.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed, as it should"
)]

mod disk;
mod trace;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use disk::{Disk, FATES, Fate};
use quittance_test_support::{Bank, Clerk, Failed, Home, Journal, Work, eventually, fund, traced};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use trace::{CALLS, Call, Deed, calls_in};

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");

/// How many moments and fates CI tries.
const LOSSES: usize = 60;
const WALLETS: usize = 3;
const CLERKS: u64 = 3;
/// How many transfers the clerks may ask for at once.
const MAX_UNTRACED: u64 = CLERKS * 32;
/// How many requests are answered in each life of the server.
const ANSWERS: [usize; 3] = [60, 60, 20];

/// A run of the server, through several lives: what it did, what it told whom by when, and the journal that came of it.
struct Recorded {
    disk: Disk,
    /// The numbers of calls before which the power may go.
    moments: Vec<usize>,
    /// By the number of a call that told a client something: up to which position the journal must reach from then on.
    owed: BTreeMap<usize, u64>,
    journal: Journal,
    wallet: quittance_ledger::WalletId,
}

/// Runs the server three times on one store, under load, and records what it does.
async fn record(home: Home, seed: u64) -> Recorded {
    let root = home.path("");
    let root = Path::new(root.to_str().unwrap().trim_end_matches('/')).to_owned();
    let mut home = home;
    let mut calls: Vec<Call> = Vec::new();
    let (mut bank, mut clerks) = (None, Vec::new());
    for (life, answers) in ANSWERS.into_iter().enumerate() {
        let file = root.join(format!("trace-{life}"));
        let options =
            ["-y", "-xx", "-s", "100000000", "--seccomp-bpf", "-o", file.to_str().unwrap(), "-e", CALLS];
        home = home.under(traced(&options));
        let server = home.start_with(&["--checkpoint-seconds", "1", "--log", "warn"]);
        let operator = server.operator();
        if bank.is_none() {
            let opened = Bank::open(&operator, WALLETS).await;
            clerks = opened.clerks(CLERKS, seed);
            bank = Some(opened);
        }
        let mut work = Work::begin(&server, clerks);
        work.answered(answers).await;
        // So that the power also goes while a checkpoint is written.
        let synced = home.store().join("SYNCED");
        let before = fs::read(&synced).unwrap();
        eventually("a checkpoint is durable", async || fs::read(&synced).unwrap() != before).await;
        let process = server.id();
        if life == 1 {
            let (status, said) = tokio::task::spawn_blocking(|| server.terminate()).await.unwrap();
            assert_eq!(status.code(), Some(0), "{said}");
        } else {
            server.kill();
        }
        clerks = work.end().await;
        let process = process.to_string();
        let is_end = |line: &str| {
            line.split(' ').next() == Some(&process)
                && (line.contains("+++ killed") || line.contains("+++ exited"))
        };
        let is_whole = || fs::read_to_string(&file).is_ok_and(|text| text.lines().any(is_end));
        eventually("strace has written all", async || is_whole()).await;
        let first = calls.last().map_or(0, |last| last.ended.max(last.begun) + 1);
        let mut of_life = calls_in(&fs::read_to_string(&file).unwrap(), first);
        settle_unfinished(&mut of_life);
        calls.extend(of_life);
        fs::remove_file(file).unwrap();
    }
    let journal = Journal::read(&home.store());
    clerks.iter().for_each(|clerk| clerk.check(&journal, 0));
    let mut disk = Disk::new(&root);
    let (mut owed, mut most) = (BTreeMap::new(), 0);
    for call in &calls {
        disk.take(call);
        if let Deed::Tell { bytes } = &call.deed {
            let told = journal.told_of(&String::from_utf8_lossy(bytes));
            if told > most {
                most = told;
                owed.insert(call.begun, most);
            }
        }
    }
    disk.settle();
    // All that was told was seen, but for what was being told at a kill: the call did not come back, and what it said did.
    let answered = clerks.iter().flat_map(Clerk::answers).map(|(_, position)| *position).max().unwrap();
    assert!((answered - MAX_UNTRACED..=answered).contains(&most), "{most} of {answered}");
    let is_here = |call: &&Call| !matches!(&call.deed, Deed::Tell { .. });
    let mut moments: Vec<_> = calls.iter().filter(is_here).map(|call| call.begun).collect();
    moments.extend(owed.keys().map(|told| told + 1));
    moments.extend(calls.iter().filter(is_here).map(|call| call.ended + 1));
    moments.retain(|moment| disk.has_choice(*moment));
    moments.sort_unstable();
    moments.dedup();
    let wallet = bank.unwrap().wallets()[0];
    Recorded { disk, moments, owed, journal, wallet }
}

/// Finds out what became of calls that were under way when their process was killed: what they do is there, or not.
fn settle_unfinished(calls: &mut Vec<Call>) {
    let end =
        calls.iter().map(|call| call.begun.max(if call.ended == usize::MAX { 0 } else { call.ended })).max();
    let end = end.unwrap_or(0) + 1;
    calls.retain_mut(|call| {
        if call.ended != usize::MAX {
            return true;
        }
        call.ended = end;
        match &call.deed {
            Deed::Write { path, at, bytes } => {
                let mut found = vec![0; bytes.len()];
                let file = fs::File::open(path);
                let read = file.and_then(|file| file.read_exact_at(&mut found, at.unwrap_or(0)));
                read.is_ok() && found == *bytes
            }
            Deed::Create { path, .. } | Deed::MakeFolder { path } => Path::new(path).exists(),
            Deed::Resize { path, bytes } => fs::metadata(path).is_ok_and(|found| found.len() == *bytes),
            Deed::Rename { from, .. } => !Path::new(from).exists(),
            Deed::Remove { path } => !Path::new(path).exists(),
            // Whoever waits for a sync that does not come back was promised nothing.
            Deed::Sync { .. } | Deed::Tell { .. } => false,
        }
    });
}

/// Starts the server on what a disk may hold, and sees that it has all that it must.
async fn try_one(recorded: &Recorded, moment: usize, fate: Fate, seed: u64) {
    let case = format!("power lost before call {moment}, {fate:?}, seed {seed}");
    let home = Home::new(BINARY);
    let mut random = SmallRng::seed_from_u64(seed);
    recorded.disk.rebuild(moment, fate, &mut random, &home.path(""));
    let owed = recorded.owed.range(..moment).next_back().map_or(0, |(_, position)| *position);
    let server = match home.try_start(&["--log", "warn"]) {
        Ok(server) => server,
        // What is made from the journal may be in a state that the database can't read, and is made again.
        Err(Failed { said, .. }) if said.contains("take the folder `sled` in the store away") => {
            fs::remove_dir_all(home.store().join("sled")).unwrap();
            home.start_with(&["--log", "warn"])
        }
        Err(Failed { status, said }) => panic!("{case}: the server did not start, {status}: {said}"),
    };
    let operator = server.operator();
    let position = operator.health().await.unwrap().position;
    let journal = Journal::read(&home.store());
    assert_eq!(position, journal.end(), "{case}");
    assert!(journal.end() >= owed, "{case}: {owed} was acknowledged, and the journal ends at {position}");
    assert!(journal.is_beginning_of(&recorded.journal), "{case}: what is there is not what was");
    if recorded.journal.opened_wallet(recorded.wallet) <= position {
        let posted = operator.wallet(recorded.wallet).await.unwrap().posted;
        assert_eq!(posted, journal.balance(recorded.wallet, position), "{case}");
        // It goes on where it was.
        assert_eq!(fund(&operator, recorded.wallet, 5).await.position, position + 1, "{case}");
    }
    server.kill();
    let audit = home.audit();
    assert_eq!(audit.status.code(), Some(0), "{case}: {}", String::from_utf8_lossy(&audit.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_loss_of_power_at_any_moment() {
    let seed = std::env::var("QUITTANCE_SEED").map_or(1, |seed| seed.parse().unwrap());
    let losses = std::env::var("QUITTANCE_POWER_LOSSES").unwrap_or_else(|_| LOSSES.to_string());
    let recorded = record(Home::keeping_its_port(BINARY), seed).await;
    let mut random = SmallRng::seed_from_u64(seed);
    let mut cases = Vec::new();
    if losses == "all" {
        cases.extend(recorded.moments.iter().flat_map(|moment| FATES.map(|fate| (*moment, fate))));
    } else {
        for number in 0..losses.parse().unwrap() {
            let moment = recorded.moments[random.random_range(0..recorded.moments.len())];
            cases.push((moment, FATES[number % FATES.len()]));
        }
    }
    println!("seed {seed}, {} of {} moments", cases.len(), recorded.moments.len());
    for (moment, fate) in cases {
        try_one(&recorded, moment, fate, random.random()).await;
    }
}
