//! The way of transfers from whoever asks, by a shard and the committer, back to whoever waits.

use std::collections::HashMap;
use std::sync::Arc;

use quittance_journal::{Batch as Committed, Committer, MemoryLog, Queue, Submission, Tip};
use quittance_ledger::{
    Amount, Authority, Claim, Event, Leg, Purpose, Timestamp, Transfer, TransferId, WalletId,
};
use shuttle::future::block_on;
use shuttle::sync::mpsc::{Receiver, Sender, channel};
use shuttle::thread::{self, JoinHandle};

use crate::admission::{Admission, Claimed, Outcome};
use crate::batch::Batch;
use crate::error::EngineError;
use crate::pending::Done;
use crate::store::IdKey;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn transfer(n: u8) -> Transfer {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&NOW.as_millis().to_be_bytes()[2..]);
    (id[6], id[8], id[15]) = (0x70, 0x80, n);
    let wallet = |n| WalletId::from_bytes([n; 16]).unwrap();
    let leg = Leg {
        payer: wallet(1),
        payee: wallet(2),
        amount: Amount::new(u64::from(n) + 1).unwrap(),
        currency: "EUR".parse().unwrap(),
        purpose: Purpose::Issue,
        reference: None,
    };
    Transfer::new(TransferId::from_bytes(id).unwrap(), Authority::Operator, leg)
}

/// What a shard is sent: transfers that set out together, or a command.
enum Message {
    Visits(Vec<Transfer>),
    Command(Done),
}

/// The parts, put together as the engine does it.
struct World {
    admission: Arc<Admission>,
    shards: Vec<Sender<Message>>,
    threads: Vec<JoinHandle<()>>,
    committer: JoinHandle<()>,
    log: MemoryLog,
}

impl World {
    fn start(slots: usize, shards: usize) -> Self {
        let admission = Arc::new(Admission::new(slots, 60_000, NOW, IdKey));
        let log = MemoryLog::default();
        let (committer, queue) = Committer::new(log.clone(), Tip::GENESIS, slots);
        let publish = Arc::clone(&admission);
        let committer = thread::spawn(move || {
            committer.run(|published| tell(&publish, published)).unwrap();
        });
        let (mut senders, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..shards {
            let (sender, receiver) = channel();
            let queue = queue.clone();
            senders.push(sender);
            threads.push(thread::spawn(move || shard(&receiver, &queue)));
        }
        Self { admission, shards: senders, threads, committer, log }
    }

    /// Ends it, and gives how often each transfer is in the journal.
    fn end(self) -> HashMap<TransferId, usize> {
        block_on(self.admission.drain());
        drop(self.shards);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        self.committer.join().unwrap();
        let mut recorded = HashMap::new();
        quittance_journal::replay(&self.log, quittance_journal::Position::START, |block| {
            for record in &block.records {
                if let Event::TransferSettled(transfer) = &record.event {
                    *recorded.entry(transfer.id).or_default() += 1;
                }
            }
            Ok::<_, quittance_journal::ReplayError>(())
        })
        .unwrap();
        recorded
    }
}

/// Says yes to everything.
fn shard(messages: &Receiver<Message>, queue: &Queue<Done>) {
    while let Ok(message) = messages.recv() {
        match message {
            Message::Visits(mut transfers) if transfers.len() == 1 => {
                let event = Event::TransferSettled(Box::new(transfers.remove(0)));
                queue.submit(Submission::Record { at: NOW, event, done: None });
            }
            Message::Visits(transfers) => {
                let events = transfers.into_iter().map(|transfer| Event::TransferSettled(Box::new(transfer)));
                queue.submit(Submission::Records { at: NOW, events: events.collect() });
            }
            Message::Command(done) => queue.submit(Submission::Barrier { done: done.answering(Ok(())) }),
        }
    }
}

/// As the notifier does.
fn tell(admission: &Admission, published: Committed<Done>) {
    for block in &published.blocks {
        for (position, record) in block.positioned() {
            if let Some(outcome) = Outcome::of(position, record) {
                admission.complete(&outcome);
            }
        }
    }
    published.done.into_iter().for_each(Done::tell);
}

/// Asks for a transfer alone. True where it was settled, false where there was no room or the engine is stopping.
fn ask(admission: &Admission, shard: &Sender<Message>, n: u8) -> bool {
    let transfer = transfer(n);
    let receiver = match admission.claim(&transfer, NOW, &[], || Ok(())) {
        Ok(Claimed::New(receiver)) => {
            let _ = shard.send(Message::Visits(vec![transfer]));
            receiver
        }
        Ok(Claimed::UnderWay(receiver)) => receiver,
        Ok(Claimed::Perhaps(_)) => return true,
        Err(EngineError::Overloaded | EngineError::Stopping) => return false,
        Err(error) => panic!("{error}"),
    };
    let record = block_on(receiver).expect("whoever is let in is told");
    assert_eq!(record.transfer.id, self::transfer(n).id);
    true
}

/// Asks for several together, some of which others ask for too.
fn ask_together(admission: &Admission, shards: &[Sender<Message>], numbers: &[u8]) -> bool {
    let Ok(permit) = admission.permits(u32::try_from(numbers.len()).unwrap()) else { return false };
    let (batch, all_known) = Batch::new(numbers.len(), permit);
    let mut setting_out: Vec<Vec<Transfer>> = shards.iter().map(|_| Vec::new()).collect();
    let mut waits = vec![true; numbers.len()];
    for (index, n) in numbers.iter().enumerate() {
        let transfer = transfer(*n);
        match admission.claim_in_batch(&transfer, NOW, &[], &batch, index).unwrap() {
            Claim::New => setting_out[index % shards.len()].push(transfer),
            Claim::Pending => {}
            Claim::Perhaps(_) => waits[index] = false,
        }
    }
    for (shard, transfers) in shards.iter().zip(setting_out).filter(|(_, transfers)| !transfers.is_empty()) {
        let _ = shard.send(Message::Visits(transfers));
    }
    batch.end_one();
    block_on(all_known).expect("a batch that is let in is told");
    for (index, waits) in waits.into_iter().enumerate() {
        assert!(!waits || batch.moved(index).is_some(), "it was told before {index} was durable");
    }
    true
}

fn command(admission: &Admission, shard: &Sender<Message>) -> bool {
    let Ok(permit) = admission.permit() else { return false };
    let (done, waiting) = Done::new(permit);
    let _ = shard.send(Message::Command(done));
    block_on(waiting.durable()).expect("a command that is let in is answered");
    true
}

/// Callers, a batch and a command meet in a queue that is as small as it may be: nothing overflows, each is told, once, what became
/// durable, and every slot is free again.
pub fn batches_and_callers() {
    let world = World::start(4, 2);
    let asking: Vec<_> = [
        spawn(&world, |admission, shards| ask(admission, &shards[0], 1)),
        spawn(&world, |admission, shards| ask(admission, &shards[1], 2)),
        spawn(&world, |admission, shards| ask_together(admission, shards, &[1, 3, 4])),
        spawn(&world, |admission, shards| command(admission, &shards[0])),
    ]
    .into();
    let answers: Vec<bool> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
    let recorded = world.end();
    assert!(recorded.values().all(|times| *times == 1), "an id has one effect: {recorded:?}");
    for (is_settled, numbers) in answers.into_iter().zip([&[1][..], &[2], &[1, 3, 4]]) {
        assert!(!is_settled || numbers.iter().all(|n| recorded.contains_key(&transfer(*n).id)));
    }
}

/// The same id from two at once, one of whom goes away without waiting.
pub fn same_id_from_two() {
    let world = World::start(2, 1);
    let leaving = spawn(&world, |admission, shards| {
        let transfer = transfer(1);
        if let Ok(Claimed::New(receiver)) = admission.claim(&transfer, NOW, &[], || Ok(())) {
            let _ = shards[0].send(Message::Visits(vec![transfer]));
            drop(receiver);
        }
        true
    });
    let staying = [(); 2].map(|()| spawn(&world, |admission, shards| ask(admission, &shards[0], 1)));
    leaving.join().unwrap();
    for thread in staying {
        assert!(thread.join().unwrap(), "there is room for one");
    }
    assert_eq!(world.end(), HashMap::from([(transfer(1).id, 1)]));
}

/// The engine stops while it is asked: what was let in is finished, and nobody waits for ever.
pub fn drained_while_asked() {
    let world = World::start(3, 1);
    let asking = [
        spawn(&world, |admission, shards| ask(admission, &shards[0], 1)),
        spawn(&world, |admission, shards| ask_together(admission, shards, &[2, 3])),
        spawn(&world, |admission, shards| command(admission, &shards[0])),
    ];
    let recorded = world.end();
    let answers = asking.map(|thread| thread.join().unwrap());
    assert_eq!(recorded.contains_key(&transfer(1).id), answers[0]);
    assert_eq!(recorded.contains_key(&transfer(2).id), answers[1]);
}

fn spawn(
    world: &World,
    ask: impl FnOnce(&Admission, &[Sender<Message>]) -> bool + Send + 'static,
) -> JoinHandle<bool> {
    let (admission, shards) = (Arc::clone(&world.admission), world.shards.clone());
    thread::spawn(move || ask(&admission, &shards))
}
