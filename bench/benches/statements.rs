//! What statements and look-ups cost in a journal of many transfers: 200,000, or as many as `QUITTANCE_TRANSFERS` says.
//!
//! Each question is of another wallet and another time, spread over the whole journal, so that nothing is found because it is
//! new, or because it was just asked.

use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use quittance_bench::{CALLERS, SetupError, World, run_callers};
use quittance_engine::{OperatorOrder, Order, Party};
use quittance_journal::Position;
use quittance_ledger::{Reference, Timestamp, TransferId, WalletId};
use tokio::runtime::Builder;

const ACCOUNTS: usize = 1_000;
const TRANSFERS: u64 = 200_000;
const PAGE: usize = 50;

/// A transfer somewhere in the journal.
struct Found {
    wallet: WalletId,
    transfer: TransferId,
    reference: Reference,
    at: Timestamp,
}

/// Issues so many transfers into all wallets, each with a reference of its own.
fn fill(world: &Arc<World>, transfers: u64) -> Result<(), SetupError> {
    let runtime = Builder::new_current_thread().build()?;
    let begun = Instant::now();
    run_callers(&runtime, transfers, |caller, share| {
        let world = Arc::clone(world);
        async move {
            for number in 0..share {
                let reference = format!("ORDER-{caller}-{number}").parse()?;
                let order = OperatorOrder { reference: Some(reference), ..world.issue_order(caller)? };
                world.engine.issue(order).await?;
            }
            Ok(())
        }
    });
    println!("{transfers} transfers took {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// A transfer of each wallet, from the beginning of the journal to its end.
fn found(world: &World, transfers: u64) -> Result<Vec<Found>, SetupError> {
    let share = transfers.div_ceil(CALLERS as u64);
    let find = |caller: u64| {
        let number = share.saturating_mul(caller) / CALLERS as u64;
        let wallet = world.holder(usize::try_from(caller)?)?.wallet;
        let reference: Reference = format!("ORDER-{caller}-{number}").parse()?;
        let found = world.engine.transfers_by_reference(Party::Operator, wallet, &reference, None, 1)?;
        let record = found.first().ok_or("the reference is not found")?;
        Ok(Found { wallet, transfer: record.transfer.id, reference, at: record.at })
    };
    (0..CALLERS as u64).map(find).collect()
}

fn statements(criterion: &mut Criterion) -> Result<(), SetupError> {
    let transfers = match std::env::var("QUITTANCE_TRANSFERS") {
        Ok(count) => count.parse()?,
        Err(_) => TRANSFERS,
    };
    let world = Arc::new(World::new(ACCOUNTS)?);
    fill(&world, transfers)?;
    let all = found(&world, transfers)?;
    // Far apart from one to the next.
    let mut asked = all.iter().cycle().step_by(367);
    let mut next = || asked.next().unwrap_or_else(|| unreachable!("a cycle does not end"));
    let (engine, end) = (&world.engine, Position::new(u64::MAX));
    let mut group = criterion.benchmark_group(format!("{transfers} transfers"));
    group.bench_function("the newest page of a wallet", |bencher| {
        bencher.iter(|| {
            let range = Position::START..end;
            engine.statement_lines(Party::Operator, next().wallet, range, Order::NewestFirst, PAGE)
        });
    });
    group.bench_function("a page from an instant on", |bencher| {
        bencher.iter(|| {
            let Found { wallet, at, .. } = next();
            let first = engine.position_at(Party::Operator, *wallet, *at)?;
            engine.statement_lines(Party::Operator, *wallet, first..end, Order::OldestFirst, PAGE)
        });
    });
    group.bench_function("the balance at an instant", |bencher| {
        bencher.iter(|| {
            let Found { wallet, at, .. } = next();
            let position = engine.position_at(Party::Operator, *wallet, *at)?;
            engine.balance_before(Party::Operator, *wallet, position)
        });
    });
    group.bench_function("a transfer by its id", |bencher| {
        bencher.iter(|| engine.transfer(Party::Operator, next().transfer));
    });
    group.bench_function("a transfer by its reference", |bencher| {
        bencher.iter(|| {
            let Found { wallet, reference, .. } = next();
            engine.transfers_by_reference(Party::Operator, *wallet, reference, None, 1)
        });
    });
    group.finish();
    let begun = Instant::now();
    let (mut first, mut lines) = (Position::START, 0_usize);
    loop {
        let page = engine.statement_lines(
            Party::Operator,
            world.holder(0)?.wallet,
            first..end,
            Order::OldestFirst,
            500,
        )?;
        let Some(last) = page.last() else { break };
        first = last.record.position.next();
        lines += page.len();
    }
    println!("all {lines} lines of one wallet took {:.3} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn benches_or_exit(criterion: &mut Criterion) {
    if let Err(error) = statements(criterion) {
        eprintln!("the bench could not be run: {error}");
        std::process::exit(1);
    }
}

criterion_group!(benches, benches_or_exit);
criterion_main!(benches);
