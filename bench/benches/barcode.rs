//! Barcodes: sealing, verifying, drawing.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use quittance_barcode::{Rendering, SealedBarcode, ServerKeys};
use quittance_bench::{SetupError, World};

fn barcode(criterion: &mut Criterion) -> Result<(), SetupError> {
    let world = World::new(1)?;
    let text = world.barcode(0)?;
    let keys = ServerKeys::new(world.engine.keys().published())?;
    let origin = world.engine.origin();
    let request = pollster::block_on(world.engine.request(
        quittance_engine::Party::Operator,
        world.holder(0)?.wallet,
        world.engine.open_barcode(&text)?.details().request,
    ))?
    .request;
    criterion.bench_function("barcode/seal", |bencher| {
        bencher.iter(|| world.engine.barcode_of(black_box(&request)));
    });
    criterion.bench_function("barcode/parse and verify", |bencher| {
        bencher.iter(|| SealedBarcode::parse(black_box(&text), origin)?.verify(&keys));
    });
    criterion.bench_function("barcode/png", |bencher| {
        bencher.iter(|| Rendering::default().png(black_box(&text)));
    });
    Ok(())
}

fn benches_or_exit(criterion: &mut Criterion) {
    if let Err(error) = barcode(criterion) {
        eprintln!("the bench could not be run: {error}");
        std::process::exit(1);
    }
}

criterion_group!(benches, benches_or_exit);
criterion_main!(benches);
