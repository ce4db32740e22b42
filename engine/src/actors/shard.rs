//! A shard's actor: hosts the wallets of its partitions on a thread of its own. Each wallet's balance is touched here and
//! nowhere else, one message at a time, so nothing locks it.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message as ActorMessage};
use crossbeam::channel::Sender;
use quittance_journal::{Block, Position, Queue, Submission};
use quittance_ledger::{
    AccountId, AllowanceSnapshot, BookEntry, CurrencyCode, EntryState, Timestamp, WalletId, WalletSnapshot,
};
use quittance_settlement::{Dirty, Effect, Message, Partition, ShardState};

use super::router::Router;
use crate::clock::Clock;
use crate::pending::Done;

/// How many reads may wait in a shard's mailbox before readers wait outside. Work that moves units is bounded at
/// admission instead, because it must never find the mailbox full.
const MAX_WAITING_READS: usize = 4_096;

/// How often a shard looks for holds whose time is over. A capture past it is refused whether or not that was recorded, so
/// this is only how long the payer's units stay set aside for nobody.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(250);

pub(crate) struct ShardActor {
    state: ShardState,
    /// Up to where the journal's blocks have been posted here.
    posted_to: Position,
    router: Arc<Router>,
    queue: Queue<Done>,
    clock: Arc<Clock>,
    /// Kept between messages for its memory alone.
    effects: Vec<Effect>,
    /// What a planted fault keeps back from the queue.
    #[cfg(feature = "simulation")]
    late: Vec<Submission<Done>>,
}

/// What of a partition changed since its last checkpoint.
#[derive(Debug)]
pub(crate) struct PartitionCheckpoint {
    pub(crate) as_of: Position,
    pub(crate) dirty: Dirty,
}

/// A message of the settlement protocol. A command carries whoever waits for its answer.
pub(super) struct Deliver {
    pub(super) message: Message,
    pub(super) done: Option<Done>,
}

/// Transfers at their next stops, which set out together.
pub(super) struct DeliverTogether(pub(super) Vec<Message>);

/// A block became durable.
pub(super) struct Commit(pub(super) Arc<Block>);

/// Asks for a wallet's durable state.
pub(super) struct ReadWallet(pub(super) WalletId);

/// Asks for what an entry of a wallet's books durably says.
pub(super) struct ReadEntry(pub(super) WalletId, pub(super) BookEntry);

/// Asks for an account's limits, and what durably counts toward them.
pub(super) struct ReadAllowance(pub(super) AccountId, pub(super) CurrencyCode);

/// Asks for what changed of a partition since this was last asked.
pub(super) struct TakeCheckpoint(pub(super) Partition, pub(super) Sender<PartitionCheckpoint>);

impl ActorMessage for Deliver {
    type Result = ();
}

impl ActorMessage for DeliverTogether {
    type Result = ();
}

impl ActorMessage for Commit {
    type Result = ();
}

impl ActorMessage for ReadWallet {
    type Result = Option<WalletSnapshot>;
}

impl ActorMessage for ReadEntry {
    type Result = Option<EntryState>;
}

impl ActorMessage for ReadAllowance {
    type Result = Option<AllowanceSnapshot>;
}

impl ActorMessage for TakeCheckpoint {
    type Result = ();
}

impl ShardActor {
    pub(crate) fn new(
        state: ShardState,
        posted_to: Position,
        router: Arc<Router>,
        queue: Queue<Done>,
        clock: Arc<Clock>,
    ) -> Self {
        Self {
            state,
            posted_to,
            router,
            queue,
            clock,
            effects: Vec::new(),
            #[cfg(feature = "simulation")]
            late: Vec::new(),
        }
    }
}

/// What a shard does with each message, whoever carries it here.
impl ShardActor {
    pub(super) fn deliver(&mut self, Deliver { message, mut done }: Deliver) {
        // One instant for the decision and for its record: an audit judges the one by the other.
        let at = self.clock.now();
        let mut effects = std::mem::take(&mut self.effects);
        self.state.handle(message, at, &mut effects);
        self.perform(effects, at, &mut done);
        assert!(done.is_none(), "a command is answered in the call that handles it");
    }

    pub(super) fn deliver_together(&mut self, DeliverTogether(messages): DeliverTogether) {
        let at = self.clock.now();
        let mut effects = std::mem::take(&mut self.effects);
        for message in messages {
            self.state.handle(message, at, &mut effects);
        }
        let (mut events, mut onward) = (Vec::new(), Vec::new());
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(partition, message) => onward.push((partition, message)),
                Effect::Record(event, _) => events.push(event),
                Effect::Answer(..) => unreachable!("only commands are answered"),
            }
        }
        self.effects = effects;
        // In the queue before anything goes on: what is sent on may spend what these bring.
        if !events.is_empty() {
            self.submit(Submission::Records { at, events });
        }
        self.router.deliver_together(onward.into_iter());
    }

    pub(super) fn commit(&mut self, Commit(block): Commit) {
        assert_eq!(block.first, self.posted_to.next(), "a shard posts every block, in order");
        self.state.commit(block.records.iter().map(|record| &record.event));
        block.records.iter().for_each(|record| self.state.note_time(record.at));
        self.posted_to = block.last();
    }

    pub(super) fn read_wallet(&self, ReadWallet(id): ReadWallet) -> Option<WalletSnapshot> {
        self.state.wallet(id).map(|wallet| wallet.snapshot().clone())
    }

    pub(super) fn read_entry(&self, ReadEntry(wallet, entry): ReadEntry) -> Option<EntryState> {
        self.state.wallet(wallet)?.books().get(entry)
    }

    pub(super) fn read_allowance(
        &self,
        ReadAllowance(account, currency): ReadAllowance,
    ) -> Option<AllowanceSnapshot> {
        self.state.allowance(account, currency).map(quittance_ledger::Allowance::snapshot)
    }

    pub(super) fn take_checkpoint(&mut self, TakeCheckpoint(partition, reply): TakeCheckpoint) {
        let Some(dirty) = self.state.take_dirty(partition) else {
            unreachable!("a partition's shard is asked for it")
        };
        let checkpoint = PartitionCheckpoint { as_of: self.posted_to, dirty };
        // Whoever asked may have ended; then the journal still holds all of it.
        let _ = reply.send(checkpoint);
    }

    /// Ends holds whose time is over.
    pub(super) fn expire(&mut self) {
        let at = self.clock.now();
        let mut effects = std::mem::take(&mut self.effects);
        self.state.expire(at, &mut effects);
        self.perform(effects, at, &mut None);
    }

    /// Performs what a message, or the time, gave rise to at the instant `at`.
    fn perform(&mut self, mut effects: Vec<Effect>, at: Timestamp, done: &mut Option<Done>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(partition, message) => self.router.deliver_to(partition, message, None),
                // In the queue before this shard takes its next message: so what rests on it comes after it.
                Effect::Record(event, ticket) => {
                    let done = if ticket.is_some() { done.take() } else { None };
                    self.submit(Submission::Record { at, event, done });
                }
                Effect::Answer(_, answer) => {
                    if let Some(done) = done.take() {
                        self.submit(Submission::Barrier { done: done.answering(answer) });
                    }
                }
            }
        }
        self.effects = effects;
    }

    fn submit(&mut self, submission: Submission<Done>) {
        #[cfg(feature = "simulation")]
        if crate::simulation::is_planted(crate::simulation::Plant::EnqueueAfterCredit) {
            self.late.push(submission);
            return;
        }
        self.queue.submit(submission);
    }

    /// What a planted fault kept back.
    #[cfg(feature = "simulation")]
    pub(super) fn take_late(&mut self) -> Vec<Submission<Done>> {
        std::mem::take(&mut self.late)
    }

    #[cfg(feature = "simulation")]
    pub(super) const fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    #[cfg(feature = "simulation")]
    pub(super) fn submit_late(&self, late: Vec<Submission<Done>>) {
        late.into_iter().for_each(|submission| self.queue.submit(submission));
    }
}

impl Actor for ShardActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAX_WAITING_READS);
        context.run_interval(EXPIRY_INTERVAL, |shard, _| shard.expire());
    }
}

impl Handler<Deliver> for ShardActor {
    type Result = ();

    fn handle(&mut self, message: Deliver, _: &mut Self::Context) {
        self.deliver(message);
    }
}

impl Handler<DeliverTogether> for ShardActor {
    type Result = ();

    fn handle(&mut self, message: DeliverTogether, _: &mut Self::Context) {
        self.deliver_together(message);
    }
}

impl Handler<Commit> for ShardActor {
    type Result = ();

    fn handle(&mut self, message: Commit, _: &mut Self::Context) {
        self.commit(message);
    }
}

impl Handler<ReadWallet> for ShardActor {
    type Result = Option<WalletSnapshot>;

    fn handle(&mut self, message: ReadWallet, _: &mut Self::Context) -> Self::Result {
        self.read_wallet(message)
    }
}

impl Handler<ReadEntry> for ShardActor {
    type Result = Option<EntryState>;

    fn handle(&mut self, message: ReadEntry, _: &mut Self::Context) -> Self::Result {
        self.read_entry(message)
    }
}

impl Handler<ReadAllowance> for ShardActor {
    type Result = Option<AllowanceSnapshot>;

    fn handle(&mut self, message: ReadAllowance, _: &mut Self::Context) -> Self::Result {
        self.read_allowance(message)
    }
}

impl Handler<TakeCheckpoint> for ShardActor {
    type Result = ();

    fn handle(&mut self, message: TakeCheckpoint, _: &mut Self::Context) {
        self.take_checkpoint(message);
    }
}
