//! The settlement machine alone, and the journal's blocks: what a transfer costs before any thread or disk.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quittance_bench::{SetupError, transfer_id};
use quittance_journal::{Committer, MemoryLog, Submission, Tip};
use quittance_ledger::{
    AccountId, Amount, Authority, Currency, Event, Purpose, Timestamp, Transfer, WalletId,
};
use quittance_settlement::{Effect, Message, Partition, ShardState};

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
    let mut shard = ShardState::new(Partition::all());
    shard.commit([
        &Event::CurrencyRegistered { currency, issuer },
        &Event::WalletOpened { wallet, account, currency: currency.code(), name: None },
    ]);
    Ok(Bank { shard, issuer, wallet, currency })
}

fn transfers(bank: &Bank) -> Result<Vec<Transfer>, SetupError> {
    let transfer = |_| {
        Ok(Transfer {
            id: transfer_id(NOW)?,
            payer: bank.issuer,
            payee: bank.wallet,
            amount: Amount::new(1)?,
            currency: bank.currency.code(),
            purpose: Purpose::Issue,
            authority: Authority::Operator,
            reference: None,
        })
    };
    (0..TRANSFERS).map(transfer).collect()
}

fn settlement(criterion: &mut Criterion) -> Result<(), SetupError> {
    let mut bank = bank()?;
    let transfers = transfers(&bank)?;
    let events: Vec<Event> = transfers.iter().map(|transfer| Event::TransferSettled(*transfer)).collect();
    let mut effects: Vec<Effect> = Vec::with_capacity(TRANSFERS);
    let mut group = criterion.benchmark_group("settlement");
    group.throughput(Throughput::Elements(TRANSFERS as u64));
    group.bench_function("decide and post 1,000 transfers", |bencher| {
        bencher.iter(|| {
            effects.clear();
            for transfer in &transfers {
                bank.shard.handle(Message::Debit(*black_box(transfer)), NOW, &mut effects);
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
    if let Err(error) = settlement(criterion) {
        eprintln!("the bench could not be run: {error}");
        std::process::exit(1);
    }
}

criterion_group!(benches, benches_or_exit);
criterion_main!(benches);
