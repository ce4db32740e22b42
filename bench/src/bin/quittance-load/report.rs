//! What is told at the end: as a table, and as JSON.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::check::Check;
use crate::figures::{grouped, ratio};
use crate::options::Options;
use crate::process::{CpuTime, Machine, Memory};
use crate::run::Ran;

/// All that a run has found.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) version: &'static str,
    /// In RFC 3339.
    pub(crate) date: String,
    pub(crate) settings: &'a Options,
    pub(crate) machine: Machine,
    pub(crate) set_up: SetUp,
    pub(crate) load: Load,
    pub(crate) processes: Vec<Used>,
    /// None where the store is not on this machine.
    pub(crate) store: Option<Disk>,
    /// None where nothing was checked.
    pub(crate) check: Option<Check>,
    /// None where it was not asked for.
    pub(crate) bare: Option<Bare>,
}

/// How long it took until the load could begin.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct SetUp {
    pub(crate) wallets: usize,
    pub(crate) seconds: f64,
    /// Whether an earlier run had set up the store.
    pub(crate) was_there: bool,
    /// How long the engine took to start on what was set up; none of a server that was running.
    pub(crate) start_seconds: Option<f64>,
}

/// What the load came to, without the warm-up.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Load {
    pub(crate) seconds: f64,
    pub(crate) settled: u64,
    pub(crate) refused: u64,
    /// What found too much under way, and was not done.
    pub(crate) turned_away: u64,
    /// What had no answer.
    pub(crate) failed: u64,
    /// Settled and refused ones: both are in the journal.
    pub(crate) transfers_per_s: f64,
    pub(crate) requests: u64,
    pub(crate) latency: Latency,
    /// The same from when they were sent, which in an open loop may be later than they should have been.
    pub(crate) latency_sent: Latency,
    /// Of those that were turned away, from when they were sent.
    pub(crate) latency_turned_away: Latency,
    pub(crate) blocks: u64,
    pub(crate) transfers_per_block: f64,
    /// How often the journal was made durable; none of a running server.
    pub(crate) syncs: Option<u64>,
}

/// How long requests took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p99_9_ms: f64,
    pub(crate) max_ms: f64,
}

/// What a process used for the load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Used {
    pub(crate) process: &'static str,
    pub(crate) cpu: CpuTime,
    pub(crate) cpu_us_per_transfer: f64,
    /// At the end of the load. The peak is of the whole run.
    pub(crate) memory: Memory,
}

/// What the store takes on disk.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Disk {
    pub(crate) bytes: u64,
    /// What the load added, the warm-up and the checkpoints too, for each of its transfers.
    pub(crate) bytes_per_transfer: f64,
}

/// The same load on a bare handler.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Bare {
    pub(crate) requests_per_s: f64,
    pub(crate) latency: Latency,
    /// The server's throughput as a part of the bare handler's.
    pub(crate) share: f64,
}

impl Bare {
    /// What a bare handler bore, and a server beside it.
    pub(crate) fn new(server: &Ran, bare: &Ran) -> Self {
        let rate = |ran: &Ran| ratio(ran.counted.latencies.len() as f64, ran.time.as_secs_f64());
        let requests_per_s = rate(bare);
        let latency = Latency::of(&bare.counted.latencies);
        Self { requests_per_s, latency, share: ratio(rate(server), requests_per_s) }
    }
}

impl Load {
    pub(crate) fn new(ran: &Ran) -> Self {
        let counted = &ran.counted;
        let transfers = counted.settled.saturating_add(counted.refused) as f64;
        let (before, after) = (&ran.before.journal, &ran.after.journal);
        let blocks = after.blocks.saturating_sub(before.blocks);
        let syncs = after.syncs.zip(before.syncs).map(|(after, before)| after.saturating_sub(before));
        Self {
            seconds: ran.time.as_secs_f64(),
            settled: counted.settled,
            refused: counted.refused,
            turned_away: counted.turned_away,
            failed: counted.failed,
            transfers_per_s: ratio(transfers, ran.time.as_secs_f64()),
            requests: counted.latencies.len(),
            latency: Latency::of(&counted.latencies),
            latency_sent: Latency::of(&counted.latencies_sent),
            latency_turned_away: Latency::of(&counted.turned_away_latencies),
            blocks,
            transfers_per_block: ratio(answered_between(ran) as f64, blocks as f64),
            syncs,
        }
    }
}

impl Latency {
    fn of(micros: &Histogram<u64>) -> Self {
        let millis = |micros| Duration::from_micros(micros).as_secs_f64() * 1e3;
        Self {
            p50_ms: millis(micros.value_at_quantile(0.5)),
            p99_ms: millis(micros.value_at_quantile(0.99)),
            p99_9_ms: millis(micros.value_at_quantile(0.999)),
            max_ms: millis(micros.max()),
        }
    }
}

impl Used {
    /// What the watched processes used, each beside its memory.
    pub(crate) fn all(ran: &Ran, memory: impl IntoIterator<Item = (&'static str, Memory)>) -> Vec<Self> {
        let cpu = ran.before.cpu.iter().zip(&ran.after.cpu).map(|(before, after)| after.since(*before));
        let used = |((process, memory), cpu): ((&'static str, Memory), CpuTime)| {
            let cpu_us = (cpu.user_s + cpu.system_s) * 1e6;
            Self { process, cpu, cpu_us_per_transfer: ratio(cpu_us, answered_between(ran) as f64), memory }
        };
        memory.into_iter().zip(cpu).map(used).collect()
    }
}

impl Disk {
    /// A store of so many bytes, that had `before` when the load began.
    pub(crate) fn new(bytes: u64, before: u64, ran: &Ran) -> Self {
        let added = bytes as f64 - before as f64;
        Self { bytes, bytes_per_transfer: ratio(added, ran.after.totals.answered() as f64) }
    }
}

/// How many transfers were answered between the two readings.
fn answered_between(ran: &Ran) -> u64 {
    ran.after.totals.answered().saturating_sub(ran.before.totals.answered())
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: fmt::Arguments<'_>| writeln!(f, "{name:<28}{value}");
        let Machine { cores, memory_bytes, kernel } = &self.machine;
        row("machine", format_args!("{cores} cores, {} MB, Linux {kernel}", megabytes(*memory_bytes)))?;
        row("date", format_args!("{}", self.date))?;
        let SetUp { wallets, seconds, was_there, start_seconds } = self.set_up;
        let how = if was_there { "found" } else { "set up" };
        row("wallets", format_args!("{} {how} in {seconds:.1} s", grouped(wallets as u64)))?;
        if let Some(seconds) = start_seconds {
            row("start", format_args!("{seconds:.2} s"))?;
        }
        let load = &self.load;
        row("time", format_args!("{:.2} s", load.seconds))?;
        row("settled", format_args!("{}", grouped(load.settled)))?;
        row("refused", format_args!("{}", grouped(load.refused)))?;
        if load.turned_away > 0 {
            let Latency { p50_ms, p99_ms, p99_9_ms, max_ms } = load.latency_turned_away;
            row(
                "turned away",
                format_args!(
                    "{}, after p50 {p50_ms:.2}  p99 {p99_ms:.2}  p99.9 {p99_9_ms:.2}  max {max_ms:.2} ms",
                    grouped(load.turned_away)
                ),
            )?;
        }
        row("failed", format_args!("{}", grouped(load.failed)))?;
        row("throughput", format_args!("{} transfers/s", grouped(load.transfers_per_s as u64)))?;
        row("requests", format_args!("{}", grouped(load.requests)))?;
        let Latency { p50_ms, p99_ms, p99_9_ms, max_ms } = load.latency;
        row(
            "latency of a request",
            format_args!("p50 {p50_ms:.2}  p99 {p99_ms:.2}  p99.9 {p99_9_ms:.2}  max {max_ms:.2} ms"),
        )?;
        row(
            "blocks",
            format_args!("{}, {:.1} transfers each", grouped(load.blocks), load.transfers_per_block),
        )?;
        if let Some(syncs) = load.syncs {
            row("syncs of the journal", format_args!("{}", grouped(syncs)))?;
        }
        for Used { process, cpu, cpu_us_per_transfer, memory } in &self.processes {
            let CpuTime { user_s, system_s } = cpu;
            row(
                &format!("processor, {process}"),
                format_args!(
                    "{user_s:.2} s user, {system_s:.2} s system, {cpu_us_per_transfer:.2} us a transfer"
                ),
            )?;
            let Memory { resident_bytes, peak_bytes } = *memory;
            row(
                &format!("memory, {process}"),
                format_args!("{} MB, at most {} MB", megabytes(resident_bytes), megabytes(peak_bytes)),
            )?;
        }
        if let Some(Disk { bytes, bytes_per_transfer }) = self.store {
            row(
                "store",
                format_args!("{} MB, {bytes_per_transfer:.1} bytes more a transfer", megabytes(bytes)),
            )?;
        }
        if let Some(Bare { requests_per_s, latency, share }) = &self.bare {
            let rate = grouped(*requests_per_s as u64);
            let (p50_ms, p99_ms, percent) = (latency.p50_ms, latency.p99_ms, share * 100.0);
            row(
                "a bare handler",
                format_args!(
                    "{rate} requests/s, p50 {p50_ms:.2}  p99 {p99_ms:.2} ms; the server does {percent:.0} % of that"
                ),
            )?;
        }
        if let Some(check) = &self.check {
            row("check", format_args!("{check}"))?;
        }
        Ok(())
    }
}

fn megabytes(bytes: u64) -> String {
    grouped(bytes / 1_000_000)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::run::Reading;
    use crate::server::Journal;
    use crate::tally::{Counted, Tally, Totals};

    fn ran() -> Ran {
        let mut latencies = Histogram::new(3).unwrap();
        for micros in 1..=1_000 {
            latencies.record(micros * 1_000).unwrap();
        }
        let reading = |settled, blocks, user_s| Reading {
            totals: Totals { settled, refused: 0, turned_away: 0, failed: 0, surprises: 0 },
            journal: Journal { blocks, syncs: Some(blocks / 2) },
            cpu: vec![CpuTime { user_s, system_s: 0.0 }],
        };
        Ran {
            time: Duration::from_secs(4),
            counted: Counted {
                settled: 900,
                refused: 100,
                turned_away: 0,
                failed: 3,
                latencies_sent: latencies.clone(),
                turned_away_latencies: latencies.clone(),
                latencies,
                last: None,
            },
            before: reading(200, 7, 1.0),
            after: reading(1_300, 12, 1.55),
            tally: Arc::new(Tally::new(0).unwrap()),
        }
    }

    #[test]
    fn rates_are_of_what_counts_and_ratios_of_what_was_between_the_readings() {
        let load = Load::new(&ran());
        assert_eq!((load.settled, load.refused, load.failed, load.requests), (900, 100, 3, 1_000));
        assert_eq!((load.transfers_per_s, load.blocks, load.transfers_per_block), (250.0, 5, 220.0));
        assert_eq!(load.syncs, Some(3));
        let near = |is: f64, should_be: f64| (is - should_be).abs() <= should_be / 500.0;
        assert!(near(load.latency.p50_ms, 500.0) && near(load.latency.p99_ms, 990.0));
        assert!(near(load.latency.p99_9_ms, 999.0) && near(load.latency.max_ms, 1_000.0));
    }

    #[test]
    fn disk_and_processor_time_are_told_for_a_transfer() {
        let ran = ran();
        let disk = Disk::new(10_000, 3_500, &ran);
        assert_eq!((disk.bytes, disk.bytes_per_transfer), (10_000, 5.0));
        let memory = Memory { resident_bytes: 1, peak_bytes: 2 };
        let used = Used::all(&ran, [("load", memory)]);
        assert!(used.iter().all(|used| (used.cpu_us_per_transfer - 500.0).abs() < 1e-6));
    }
}
