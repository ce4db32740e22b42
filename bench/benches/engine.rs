//! The engine in process, durable, beside what the disk alone does: compare the figures of one run.

use std::fs::File;
use std::hint::black_box;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quittance_bench::{SetupError, World, run_callers};
use tokio::runtime::{Builder, Runtime};

const ACCOUNTS: usize = 1_000;

fn runtime() -> Result<Runtime, SetupError> {
    Ok(Builder::new_current_thread().build()?)
}

fn disk(criterion: &mut Criterion) -> Result<(), SetupError> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("file"))?;
    let block = [7; 4_096];
    file.write_all(&block)?;
    file.sync_all()?;
    criterion.bench_function("disk/write and fdatasync 4 KiB", |bencher| {
        bencher.iter(|| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(black_box(&block))?;
            file.sync_data()
        });
    });
    Ok(())
}

fn alone(criterion: &mut Criterion, world: &World) -> Result<(), SetupError> {
    let runtime = runtime()?;
    let barcode = world.barcode(0)?;
    let payer = &world.holder(1)?.device;
    criterion.bench_function("engine/one payment alone", |bencher| {
        bencher.iter(|| {
            let order = world.payment_order(1, &barcode)?;
            runtime.block_on(world.engine.pay(payer, order)).map_err(SetupError::from)
        });
    });
    Ok(())
}

fn crowd(criterion: &mut Criterion, world: &Arc<World>) -> Result<(), SetupError> {
    let runtime = runtime()?;
    let barcode: Arc<str> = world.barcode(0)?.into();
    let mut group = criterion.benchmark_group("engine");
    group.sample_size(10).throughput(Throughput::Elements(1));
    group.bench_function("1,000 callers issue", |bencher| {
        bencher.iter_custom(|transfers| {
            run_callers(&runtime, transfers, |caller, share| {
                let world = Arc::clone(world);
                async move {
                    for _ in 0..share {
                        world.engine.issue(world.issue_order(caller)?).await?;
                    }
                    Ok(())
                }
            })
        });
    });
    group.bench_function("1,000 callers pay a barcode", |bencher| {
        bencher.iter_custom(|transfers| {
            run_callers(&runtime, transfers, |caller, share| {
                let (world, barcode) = (Arc::clone(world), Arc::clone(&barcode));
                let payer = 1 + caller % (ACCOUNTS - 1);
                async move {
                    let device = &world.holder(payer)?.device;
                    for _ in 0..share {
                        world.engine.pay(device, world.payment_order(payer, &barcode)?).await?;
                    }
                    Ok(())
                }
            })
        });
    });
    group.finish();
    Ok(())
}

fn engine(criterion: &mut Criterion) {
    let benches = || {
        disk(criterion)?;
        let world = Arc::new(World::new(ACCOUNTS)?);
        alone(criterion, &world)?;
        crowd(criterion, &world)
    };
    let ended: Result<(), SetupError> = { benches }();
    if let Err(error) = ended {
        eprintln!("the bench could not be run: {error}");
        std::process::exit(1);
    }
}

criterion_group!(benches, engine);
criterion_main!(benches);
