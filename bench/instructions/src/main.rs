//! The hot path on one thread, with the same input each time, so that its instructions can be counted.
//!
//! `quittance-instructions KIND STAGE` settles 10,000 transfers as far as the stage says: the difference between two
//! stages' counts is what the later one costs. `bench/instructions/check` runs it under callgrind and compares. There is
//! no clock, disk, second thread or randomness in it but the seeds of hash tables, which move the counts by little.

use std::hint::black_box;

use quittance_journal::{Block, Committer, Log, LogError, Position, Submission, Tip};
use quittance_ledger::{
    AccountId, Amount, Authority, Currency, DeviceKey, Event, Leg, PaymentKind, PaymentRequestId, Purpose,
    Signature, Terms, Timestamp, Transfer, TransferId, Usage, WalletId,
};
use quittance_settlement::{Effect, Message, Partition, PartitionState, ShardState};

/// What the product allocates with. It is also the same on each machine, which the system's is not.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const TRANSFERS: u64 = 10_000;
const WALLETS: u64 = 1_000;
const SHARDS: usize = 2;

/// What each wallet is issued: more than it can spend here.
const FUNDS: u64 = 1_000_000_000;

/// What the ids of each sort begin with, so that no two are the same.
const ACCOUNT: u64 = 1;
const WALLET: u64 = 2;
const TRANSFER: u64 = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The operator's transfers: nothing that is optional.
    Plain,
    /// Payments by devices: of a till's barcode, with a reference and a signature.
    Payment,
}

/// How far to go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Wallets are opened and transfers are made.
    Made,
    /// The shards of both wallets agree.
    Decided,
    /// Records are encoded and blocks are chained.
    Written,
    /// Both shards post the blocks.
    Posted,
}

/// An id of the instant `NOW`, in the form of a UUIDv7, whose lower bytes are spread as random ones are.
const fn id(sort: u64, number: u64) -> [u8; 16] {
    let [_, _, a, b, c, d, e, f] = NOW.as_millis().to_be_bytes();
    let [g, h, i, j, k, l, m, _] = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    [a, b, c, d, e, f, 0x70, sort as u8, 0x80, g, h, i, j, k, l, m]
}

fn wallet(number: u64) -> Result<WalletId, Failure> {
    Ok(WalletId::from_bytes(id(WALLET, number % WALLETS + 1))?)
}

fn account(number: u64) -> Result<AccountId, Failure> {
    Ok(AccountId::from_bytes(id(ACCOUNT, number % WALLETS + 1))?)
}

fn transfer(kind: Kind, number: u64, currency: Currency) -> Result<Transfer, Failure> {
    let id = TransferId::from_bytes(id(TRANSFER, number))?;
    let mut leg = Leg {
        payer: wallet(number)?,
        payee: wallet(number * 7 + 1)?,
        amount: Amount::new(1)?,
        currency: currency.code(),
        purpose: Purpose::Adjustment,
        reference: None,
    };
    if kind == Kind::Plain {
        return Ok(Transfer::new(id, Authority::Operator, leg));
    }
    leg.purpose = Purpose::Payment(Terms {
        request: PaymentRequestId::from_bytes(id.to_bytes())?,
        amount: Some(leg.amount),
        usage: Usage::OneTime,
        expires_at: Some(NOW.plus_millis(60_000)),
        till: Some(DeviceKey::p256([6; 33]).device_id()),
        kind: PaymentKind::Standard,
    });
    leg.reference = Some("INV-2026-000001".parse()?);
    let device = DeviceKey::ed25519([4; 32]).device_id();
    let mut transfer = Transfer::new(id, Authority::Device { account: account(number)?, device }, leg);
    transfer.signature = Some(Box::new(Signature([5; 64])));
    Ok(transfer)
}

/// The two shards, each with its half of the partitions.
struct Shards([ShardState; SHARDS]);

impl Shards {
    /// With every wallet open and funded.
    fn open(currency: Currency) -> Result<Self, Failure> {
        let of = |shard| move |partition: &Partition| partition.shard(SHARDS) == shard;
        let hosted = |shard| Partition::all().filter(of(shard)).map(PartitionState::new);
        let mut shards = Self([ShardState::new(hosted(0)), ShardState::new(hosted(1))]);
        let issuer = WalletId::from_bytes(id(WALLET, WALLETS + 1))?;
        let mut events = vec![Event::CurrencyRegistered { currency, issuer }];
        for number in 0..WALLETS {
            let (wallet, account, currency) = (wallet(number)?, account(number)?, currency.code());
            events.push(Event::WalletOpened { wallet, account, currency, name: None });
        }
        shards.commit(&events);
        for number in 0..WALLETS {
            let leg = Leg {
                payer: issuer,
                payee: wallet(number)?,
                amount: Amount::new(FUNDS)?,
                currency: currency.code(),
                purpose: Purpose::Issue,
                reference: None,
            };
            let id = TransferId::from_bytes(id(TRANSFER, TRANSFERS + number))?;
            let event = shards.decide(Transfer::new(id, Authority::Operator, leg), &mut Vec::new())?;
            shards.commit(&[event]);
        }
        Ok(shards)
    }

    /// Takes a transfer to its stops, to the one shard and then where that sends it, until it is settled.
    fn decide(&mut self, transfer: Transfer, effects: &mut Vec<Effect>) -> Result<Event, Failure> {
        let mut message = Message::first_visit(Box::new(transfer));
        loop {
            let partition = message.partition().ok_or("the transfer has no such stop")?;
            let shard = self.0.get_mut(partition.shard(SHARDS)).ok_or("there is no such shard")?;
            shard.handle(message, NOW, effects);
            match effects.pop() {
                Some(Effect::Send(_, onward)) => message = onward,
                Some(Effect::Record(event @ Event::TransferSettled(_), None)) => return Ok(event),
                other => return Err(format!("the transfer was not settled: {other:?}").into()),
            }
        }
    }

    fn commit<'a>(&mut self, events: impl IntoIterator<Item = &'a Event> + Clone) {
        self.0.iter_mut().for_each(|shard| shard.commit(events.clone()));
    }
}

/// A log that keeps nothing: the disk is not what is counted.
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

fn write(events: Vec<Event>) -> Result<Vec<Block>, Failure> {
    let (committer, queue) = Committer::<_, ()>::new(NoLog, Tip::GENESIS, 1);
    queue.submit(Submission::Records { at: NOW, events });
    drop(queue);
    let mut blocks = Vec::new();
    committer.run(|batch| blocks.extend(batch.blocks))?;
    Ok(blocks)
}

fn settle(kind: Kind, until: Stage) -> Result<(), Failure> {
    let currency = Currency::new("EUR".parse()?, None)?;
    let mut shards = Shards::open(currency)?;
    let made = (0..TRANSFERS).map(|number| transfer(kind, number, currency));
    let made: Vec<Transfer> = made.collect::<Result<_, _>>()?;
    let mut events = Vec::with_capacity(made.len());
    let mut blocks = Vec::new();
    if until >= Stage::Decided {
        let mut effects = Vec::with_capacity(1);
        for transfer in made {
            events.push(shards.decide(transfer, &mut effects)?);
        }
    } else {
        black_box(made);
    }
    if until >= Stage::Written {
        blocks = write(std::mem::take(&mut events))?;
    }
    if until >= Stage::Posted {
        for block in &blocks {
            shards.commit(block.records.iter().map(|record| &record.event));
        }
    }
    black_box((shards, events, blocks));
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let kind = match arguments.next().as_deref() {
        Some("plain") => Kind::Plain,
        Some("payment") => Kind::Payment,
        _ => return Err("the kind is one of: plain, payment".into()),
    };
    let until = match arguments.next().as_deref() {
        Some("made") => Stage::Made,
        Some("decided") => Stage::Decided,
        Some("written") => Stage::Written,
        Some("posted") => Stage::Posted,
        _ => return Err("the stage is one of: made, decided, written, posted".into()),
    };
    settle(kind, until)
}
