//! The load itself: callers that take turns and send, and one that watches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use procfs::process::Process;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};

use crate::options::{LoadOptions, Op};
use crate::parties::Parties;
use crate::process::CpuTime;
use crate::progress::Progress;
use crate::schedule::{Goal, Schedule};
use crate::server::{Failure, Journal, Server, TurnedAway};
use crate::spread::Pairs;
use crate::tally::{Counted, Tally, Times, Totals};
use crate::traffic::{Traffic, send};

/// How often the load tells how it is getting on.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How long a caller that got no answer waits before it asks again.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);

/// Whose processor time is told, under what name.
pub(crate) type Watched = Vec<(&'static str, Process)>;

/// What was read off when the load began to count, or when it had ended.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) totals: Totals,
    pub(crate) journal: Journal,
    /// Of each watched process.
    pub(crate) cpu: Vec<CpuTime>,
}

/// What the load came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// From when transfers counted until the last of them was answered.
    pub(crate) time: Duration,
    pub(crate) counted: Counted,
    pub(crate) before: Reading,
    pub(crate) after: Reading,
    pub(crate) tally: Arc<Tally>,
}

/// What every caller has a share in.
#[derive(Debug)]
struct Load {
    op: Op,
    parties: Arc<Parties>,
    schedule: Schedule,
    tally: Arc<Tally>,
}

/// Sends the load, and tells on stderr how it is getting on.
///
/// # Errors
/// The spread does not fit the wallets, or a watched process is gone. What becomes of requests is counted and no error.
pub(crate) async fn run<S: Server>(
    server: &S,
    parties: &Arc<Parties>,
    options: &LoadOptions,
    callers: usize,
    watched: &Watched,
) -> Result<Ran, Failure> {
    let payees = if options.op == Op::Pay { parties.barcodes.len() } else { parties.wallets.len() };
    let pairs = options.spread.pairs(parties.wallets.len(), payees)?;
    let tally = Arc::new(Tally::new(if options.check { parties.wallets.len() } else { 0 })?);
    let goal = options
        .seconds
        .map_or(Goal::Transfers(options.transfers), |seconds| Goal::Time(Duration::from_secs_f64(seconds)));
    let warm_up = Duration::from_secs_f64(options.warm_up);
    let per_request = options.transfers_per_request() as u64;
    let mut before = read(server, &tally, watched).await?;

    let schedule = Schedule::new(Instant::now(), warm_up, goal, per_request, options.rate);
    let load =
        Arc::new(Load { op: options.op, parties: Arc::clone(parties), schedule, tally: Arc::clone(&tally) });
    let mut sending = JoinSet::new();
    for number in 0..callers {
        let traffic = traffic(pairs, options, number);
        sending.spawn(send_in_turn(server.apart(), Arc::clone(&load), traffic));
    }
    let counts_from = load.schedule.counts_from();
    let mut is_warm = warm_up.is_zero();
    let mut progress = Progress::default();
    let mut ticks = interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.reset();
    loop {
        tokio::select! {
            ended = sending.join_next() => match ended {
                Some(ended) => ended??,
                None => break,
            },
            () = sleep_until(counts_from.into()), if !is_warm => {
                before = read(server, &tally, watched).await?;
                is_warm = true;
            }
            _ = ticks.tick() => eprintln!("{}", progress.line(tally.totals(), Instant::now(), is_warm)),
        }
    }
    let after = read(server, &tally, watched).await?;
    let counted = tally.counted();
    let time = counted.last.map_or(Duration::ZERO, |last| last.saturating_duration_since(counts_from));
    Ok(Ran { time, counted, before, after, tally })
}

fn traffic(pairs: Pairs, options: &LoadOptions, caller: usize) -> Traffic {
    Traffic::new(pairs, options.refused, options.seed.rotate_left(32).wrapping_add(caller as u64))
}

async fn send_in_turn<S: Server>(server: S, load: Arc<Load>, mut traffic: Traffic) -> Result<(), Failure> {
    while let Some(turn) = load.schedule.next(Instant::now()) {
        if let Some(intended) = turn.intended {
            sleep_until(intended.into()).await;
        }
        let drafts =
            (0..turn.transfers).map(|_| traffic.draw(server.now())).collect::<Result<Vec<_>, _>>()?;
        let sent = Instant::now();
        let intended = turn.intended.unwrap_or(sent);
        let answer = send(&server, load.op, &load.parties, &drafts).await;
        let times = Times { since_intended: intended.elapsed(), since_sent: sent.elapsed() };
        load.tally.take(&drafts, &answer, turn.is_counted, times);
        // An open loop asks at its rate, whatever it is told.
        let is_told_to_wait =
            answer.is_err_and(|failure| turn.intended.is_none() || !failure.is::<TurnedAway>());
        if is_told_to_wait {
            sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
    Ok(())
}

async fn read<S: Server>(server: &S, tally: &Tally, watched: &Watched) -> Result<Reading, Failure> {
    let cpu = watched.iter().map(|(_, process)| CpuTime::of(process)).collect::<Result<_, _>>()?;
    Ok(Reading { totals: tally.totals(), journal: server.journal().await?, cpu })
}
