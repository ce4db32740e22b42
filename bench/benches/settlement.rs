//! The settlement machine alone, and the journal's blocks: what a transfer costs before any thread or disk.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quittance_bench::{SetupError, transfer_id};
use quittance_journal::{
    Block, Committer, Log, LogError, LogReader as _, MemoryLog, Position, Submission, Tip,
};
use quittance_ledger::{
    AccountId, Amount, Authority, Currency, DeviceKey, Event, Leg, PaymentKind, PaymentRequestId, Purpose,
    Signature, Terms, Timestamp, Transfer, Usage, WalletId,
};
use quittance_settlement::{Effect, Message, Partition, PartitionState, ShardState};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const TRANSFERS: usize = 1_000;

struct Bank {
    shard: ShardState,
    issuer: WalletId,
    wallet: WalletId,
    currency: Currency,
}

/// A shard that hosts everything: an issuer's wallet and one other.
fn bank() -> Result<Bank, SetupError> {
    let currency = Currency::new("EUR".parse()?, None)?;
    let (issuer, wallet) = (WalletId::from_bytes([1; 16])?, WalletId::from_bytes([2; 16])?);
    let account = AccountId::from_bytes([3; 16])?;
    let mut shard = ShardState::new(Partition::all().map(PartitionState::new));
    shard.commit([
        &Event::CurrencyRegistered { currency, issuer },
        &Event::WalletOpened { wallet, account, currency: currency.code(), name: None },
    ]);
    Ok(Bank { shard, issuer, wallet, currency })
}

fn transfers(bank: &Bank) -> Result<Vec<Transfer>, SetupError> {
    let transfer = |_| {
        let leg = Leg {
            payer: bank.issuer,
            payee: bank.wallet,
            amount: Amount::new(1)?,
            currency: bank.currency.code(),
            purpose: Purpose::Issue,
            reference: None,
        };
        Ok(Transfer::new(transfer_id(NOW)?, Authority::Operator, leg))
    };
    (0..TRANSFERS).map(transfer).collect()
}

/// Payments as they usually are: of a till's barcode with an expiry and a reference.
fn payments(bank: &Bank) -> Result<Vec<Event>, SetupError> {
    let account = AccountId::from_bytes([3; 16])?;
    let payment = |transfer: Transfer| {
        let terms = Terms {
            request: PaymentRequestId::from_bytes(transfer.id.to_bytes())?,
            amount: Some(transfer.first.amount),
            usage: Usage::OneTime,
            expires_at: Some(NOW.plus_millis(60_000)),
            till: Some(DeviceKey::p256([6; 33]).device_id()),
            kind: PaymentKind::Standard,
        };
        Ok(Event::TransferSettled(Box::new(Transfer {
            first: Leg {
                purpose: Purpose::Payment(terms),
                reference: Some("INV-2026-000001".parse()?),
                ..transfer.first
            },
            authority: Authority::Device { account, device: DeviceKey::ed25519([4; 32]).device_id() },
            signature: Some(Box::new(Signature([5; 64]))),
            ..transfer
        })))
    };
    transfers(bank)?.into_iter().map(payment).collect()
}

/// A log that keeps nothing, so that only the making of blocks is measured.
struct NoLog;

impl Log for NoLog {
    fn append(&mut self, _: Position, block: &[u8]) -> Result<(), LogError> {
        black_box(block);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

/// A committer that has these events to write.
fn committer<L: Log>(log: L, events: &[Event]) -> Committer<L, ()> {
    let (committer, queue) = Committer::new(log, Tip::GENESIS, events.len());
    for event in events {
        queue.submit(Submission::Record { at: NOW, event: event.clone(), done: None });
    }
    committer
}

fn journal(criterion: &mut Criterion) -> Result<(), SetupError> {
    let payments = payments(&bank()?)?;
    let log = MemoryLog::default();
    committer(log.clone(), &payments).run(|_| {})?;
    let mut blocks = Vec::new();
    let mut next = Position::new(1);
    while let Some(bytes) = log.block_at(next)? {
        next = Block::decode(&bytes)?.last().next();
        blocks.push(bytes);
    }
    let bytes: usize = blocks.iter().map(Vec::len).sum();
    println!("{TRANSFERS} payments take {bytes} bytes in {} blocks", blocks.len());
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(TRANSFERS as u64));
    group.bench_function("write 1,000 payments into blocks", |bencher| {
        let setup = || committer(NoLog, &payments);
        bencher.iter_batched(setup, |committer| committer.run(|_| {}), BatchSize::SmallInput);
    });
    group.bench_function("read 1,000 payments from blocks", |bencher| {
        bencher.iter(|| blocks.iter().filter(|block| Block::decode(black_box(block)).is_ok()).count());
    });
    group.finish();
    Ok(())
}

fn settlement(criterion: &mut Criterion) -> Result<(), SetupError> {
    let mut bank = bank()?;
    let transfers = transfers(&bank)?;
    let events: Vec<Event> =
        transfers.iter().map(|transfer| Event::TransferSettled(Box::new(transfer.clone()))).collect();
    let mut effects: Vec<Effect> = Vec::with_capacity(TRANSFERS);
    let mut group = criterion.benchmark_group("settlement");
    group.throughput(Throughput::Elements(TRANSFERS as u64));
    group.bench_function("decide and post 1,000 transfers", |bencher| {
        bencher.iter(|| {
            effects.clear();
            for transfer in &transfers {
                let visit = Message::first_visit(Box::new(black_box(transfer).clone()));
                bank.shard.handle(visit, NOW, &mut effects);
            }
            bank.shard.commit(&events);
        });
    });
    group.bench_function("chain 1,000 transfers into blocks", |bencher| {
        let setup = || {
            let (committer, queue) = Committer::<_, ()>::new(MemoryLog::default(), Tip::GENESIS, TRANSFERS);
            for event in &events {
                queue.submit(Submission::Record { at: NOW, event: event.clone(), done: None });
            }
            committer
        };
        bencher.iter_batched(setup, |committer| committer.run(|_| {}), BatchSize::SmallInput);
    });
    group.finish();
    Ok(())
}

fn benches_or_exit(criterion: &mut Criterion) {
    if let Err(error) = settlement(criterion).and_then(|()| journal(criterion)) {
        eprintln!("the bench could not be run: {error}");
        std::process::exit(1);
    }
}

criterion_group!(benches, benches_or_exit);
criterion_main!(benches);
