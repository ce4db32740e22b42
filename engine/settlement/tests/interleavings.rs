//! The settlement machine under every order in which messages may arrive that a seed can think of.
//!
//! Shards, links and the journal are queues here; a random choice says which of them moves next. Links keep the order
//! between two shards, as mailboxes do, and nothing else is promised. After every step and at the end the plain model
//! of the ledger says whether a rule was broken.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;
use quittance_ledger::{
    AccountId, AccountKind, Amount, Authority, Currency, DeviceKey, Event, Ledger, PaymentRequest,
    PaymentRequestId, Purpose, Refusal, Terms, Timestamp, Transfer, TransferId, Usage, Verifier, Wallet,
    WalletId,
};
use quittance_settlement::{Effect, Message, Partition, ShardState, Ticket, WalletCommand};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const WALLETS: u8 = 6;
const START: u64 = 50;

fn bytes(n: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&NOW.as_millis().to_be_bytes()[2..]);
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    bytes[14..].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn wallet_id(n: u8) -> WalletId {
    WalletId::from_bytes(bytes(u16::from(n))).unwrap()
}

fn account_id(n: u8) -> AccountId {
    AccountId::from_bytes(bytes(u16::from(n))).unwrap()
}

fn key(n: u8) -> DeviceKey {
    DeviceKey::ed25519([n; 32])
}

fn terms(n: u8) -> Terms {
    Terms {
        request: PaymentRequestId::from_bytes(bytes(u16::from(n))).unwrap(),
        amount: None,
        usage: Usage::OneTime,
        expires_at: Some(NOW.plus_millis(60_000)),
        till: None,
    }
}

/// Everything between two shards is a queue; everything decided waits in one queue for the journal.
struct World {
    shards: Vec<ShardState>,
    /// By sender and receiver. The outside world is the sender past the last shard.
    links: Vec<Vec<VecDeque<Message>>>,
    queue: VecDeque<Event>,
    /// Blocks that are durable and which each shard has yet to hear of.
    unheard: Vec<VecDeque<Vec<Event>>>,
    model: Ledger,
    answers: HashMap<Ticket, Result<(), Refusal>>,
    outcomes: HashMap<TransferId, Result<(), Refusal>>,
}

impl World {
    fn new(shard_count: usize) -> Self {
        let shards = (0..shard_count)
            .map(|shard| ShardState::new(Partition::all().filter(|p| p.shard(shard_count) == shard)))
            .collect();
        let mut world = Self {
            shards,
            links: vec![vec![VecDeque::new(); shard_count]; shard_count + 1],
            queue: VecDeque::new(),
            unheard: vec![VecDeque::new(); shard_count],
            model: Ledger::default(),
            answers: HashMap::new(),
            outcomes: HashMap::new(),
        };
        let currency = Currency::new("EUR".parse().unwrap(), None).unwrap();
        let mut events = vec![Event::CurrencyRegistered { currency, issuer: wallet_id(0) }];
        for n in 1..=WALLETS {
            let (account, name) = (account_id(n), "someone".parse().unwrap());
            events.push(Event::AccountOpened { account, name, kind: AccountKind::Person });
            let first_pin = Some(Verifier::from_bytes([0; 32]));
            events.push(Event::DevicePaired { account, name, key: key(n), first_pin });
            events.push(Event::WalletOpened {
                wallet: wallet_id(n),
                account,
                currency: currency.code(),
                name: None,
            });
            let id = TransferId::from_bytes(bytes(60_000 + u16::from(n))).unwrap();
            events.push(Event::TransferSettled(Transfer {
                id,
                payer: wallet_id(0),
                payee: wallet_id(n),
                amount: Amount::new(START).unwrap(),
                currency: currency.code(),
                purpose: Purpose::Issue,
                authority: Authority::Operator,
                reference: None,
            }));
            for request in 0..4 {
                let terms = terms(n * 10 + request);
                let (payee, currency) = (wallet_id(n), currency.code());
                let request = PaymentRequest { terms, payee, currency, reference: None, description: None };
                events.push(Event::PaymentRequestOpened(request));
            }
        }
        world.queue.extend(events);
        world.commit(usize::MAX);
        for shard in 0..shard_count {
            world.hear(shard);
        }
        world
    }

    fn submit(&mut self, message: Message) {
        let outside = self.shards.len();
        let shard = message.partition().shard(self.shards.len());
        self.links[outside][shard].push_back(message);
    }

    fn deliver(&mut self, from: usize, to: usize) {
        let Some(message) = self.links[from][to].pop_front() else { return };
        let mut effects = Vec::new();
        self.shards[to].handle(message, NOW, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send(partition, message) => {
                    let shard = partition.shard(self.shards.len());
                    assert_ne!(shard, to, "a shard does not send to itself");
                    self.links[to][shard].push_back(message);
                }
                Effect::Record(event, ticket) => {
                    self.queue.push_back(event);
                    if let Some(ticket) = ticket {
                        assert_eq!(self.answers.insert(ticket, Ok(())), None, "a command is answered once");
                    }
                }
                Effect::Answer(ticket, answer) => {
                    assert_eq!(self.answers.insert(ticket, answer), None, "a command is answered once");
                }
            }
        }
    }

    /// Makes the next block of at most `most` events durable. Any prefix of the queue must be a valid ledger.
    fn commit(&mut self, most: usize) {
        let block: Vec<Event> = self.queue.drain(..most.min(self.queue.len())).collect();
        for event in &block {
            self.model.apply(NOW, event).unwrap();
            let outcome = match event {
                Event::TransferSettled(transfer) => (transfer.id, Ok(())),
                Event::TransferRefused(transfer, refusal) => (transfer.id, Err(*refusal)),
                _ => continue,
            };
            assert_eq!(self.outcomes.insert(outcome.0, outcome.1), None, "a transfer has one outcome");
        }
        for unheard in &mut self.unheard {
            unheard.push_back(block.clone());
        }
    }

    fn hear(&mut self, shard: usize) {
        let Some(block) = self.unheard[shard].pop_front() else { return };
        self.shards[shard].commit(&block);
    }

    fn step(&mut self, choice: u16) {
        let shards = self.shards.len();
        let choice = usize::from(choice);
        match choice % 4 {
            0 | 1 => self.deliver(choice / 4 % (shards + 1), choice / 64 % shards),
            2 => self.commit(choice / 4 % 4),
            _ => self.hear(choice / 4 % shards),
        }
    }

    fn run_dry(&mut self) {
        loop {
            let shards = self.shards.len();
            for from in 0..=shards {
                for to in 0..shards {
                    while !self.links[from][to].is_empty() {
                        self.deliver(from, to);
                    }
                }
            }
            self.commit(usize::MAX);
            (0..shards).for_each(|shard| {
                while !self.unheard[shard].is_empty() {
                    self.hear(shard)
                }
            });
            if self.links.iter().flatten().all(VecDeque::is_empty) && self.queue.is_empty() {
                return;
            }
        }
    }

    fn wallet(&self, n: u8) -> &Wallet {
        let id = wallet_id(n);
        self.shards[Partition::of(id).shard(self.shards.len())].wallet(id).unwrap()
    }
}

fn payment(n: u16, payer: u8, payee: u8, amount: u64, request: u8) -> Transfer {
    Transfer {
        id: TransferId::from_bytes(bytes(1_000 + n)).unwrap(),
        payer: wallet_id(payer),
        payee: wallet_id(payee),
        amount: Amount::new(amount).unwrap(),
        currency: "EUR".parse().unwrap(),
        purpose: Purpose::Payment(terms(payee * 10 + request)),
        authority: Authority::Device { account: account_id(payer), device: key(payer).device_id() },
        reference: None,
    }
}

#[derive(Clone, Debug)]
enum Input {
    Pay { payer: u8, payee: u8, amount: u64, request: u8 },
    Cancel { payee: u8, request: u8 },
    Close { wallet: u8 },
}

fn input() -> impl Strategy<Value = Input> {
    let wallet = || 1..=WALLETS;
    prop_oneof![
        10 => (wallet(), wallet(), 1..=60_u64, 0..5_u8)
            .prop_map(|(payer, payee, amount, request)| Input::Pay { payer, payee, amount, request }),
        1 => (wallet(), 0..5_u8).prop_map(|(payee, request)| Input::Cancel { payee, request }),
        1 => wallet().prop_map(|wallet| Input::Close { wallet }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_interleaving_keeps_the_rules(
        shard_count in 1..=4_usize,
        inputs in prop::collection::vec((input(), prop::collection::vec(any::<u16>(), 0..12)), 1..60),
    ) {
        let mut world = World::new(shard_count);
        let mut paid = 0;
        let mut commands = 0;
        for (index, (input, steps)) in inputs.into_iter().enumerate() {
            let ticket = Ticket(index as u64);
            match input {
                Input::Pay { payer, payee, amount, request } => {
                    paid += 1;
                    world.submit(Message::Debit(payment(index as u16, payer, payee, amount, request)));
                }
                Input::Cancel { payee, request } => {
                    commands += 1;
                    let command = WalletCommand::CancelRequest(terms(payee * 10 + request).request);
                    let account = Some(account_id(payee));
                    world.submit(Message::Command { wallet: wallet_id(payee), account, command, ticket });
                }
                Input::Close { wallet } => {
                    commands += 1;
                    let (command, account) = (WalletCommand::Close, Some(account_id(wallet)));
                    world.submit(Message::Command { wallet: wallet_id(wallet), account, command, ticket });
                }
            }
            steps.into_iter().for_each(|choice| world.step(choice));
        }
        world.run_dry();
        prop_assert_eq!(world.outcomes.len(), paid + usize::from(WALLETS), "every transfer has an outcome");
        prop_assert_eq!(world.answers.len(), commands, "every command is answered");
        world.model.check_sums().unwrap();
        for n in 1..=WALLETS {
            let wallet = world.wallet(n);
            prop_assert_eq!(wallet.snapshot(), world.model.wallet(wallet_id(n)).unwrap().snapshot());
            prop_assert_eq!(wallet.spendable(), wallet.snapshot().posted, "nothing stays in flight");
        }
    }

    /// What a checkpoint takes, put back into fresh shards of another number, is the state it was taken from.
    #[test]
    fn a_checkpoint_restores_what_it_took(
        pays in prop::collection::vec((1..=WALLETS, 1..=WALLETS, 1..=60_u64, 0..5_u8), 0..40),
    ) {
        let mut world = World::new(2);
        for (index, (payer, payee, amount, request)) in pays.into_iter().enumerate() {
            world.submit(Message::Debit(payment(index as u16, payer, payee, amount, request)));
        }
        world.run_dry();
        let mut fresh = ShardState::new(Partition::all());
        for shard in &mut world.shards {
            let dirty = shard.take_dirty();
            for snapshot in dirty.wallets {
                let mut requests = quittance_ledger::RequestBook::default();
                for (_, id, state) in dirty.requests.iter().filter(|(wallet, ..)| *wallet == snapshot.id) {
                    requests.restore(*id, state.unwrap());
                }
                fresh.restore(Wallet::restore(snapshot, requests));
            }
            prop_assert_eq!(shard.take_dirty(), quittance_settlement::Dirty::default());
        }
        for n in 0..=WALLETS {
            prop_assert_eq!(fresh.wallet(wallet_id(n)), Some(world.wallet(n)));
        }
    }
}

#[test]
fn many_race_for_a_one_time_request_and_one_wins() {
    for shard_count in 1..=4 {
        let mut world = World::new(shard_count);
        for payer in 2..=WALLETS {
            world.submit(Message::Debit(payment(u16::from(payer), payer, 1, 10, 0)));
        }
        world.run_dry();
        let settled = (2..=WALLETS)
            .filter(|payer| world.outcomes[&payment(u16::from(*payer), *payer, 1, 10, 0).id].is_ok())
            .count();
        assert_eq!(settled, 1);
        assert_eq!(world.wallet(1).snapshot().posted, 60);
        let refused = world.outcomes.values().filter(|o| **o == Err(Refusal::RequestPaid)).count();
        assert_eq!(refused, usize::from(WALLETS) - 2);
    }
}

#[test]
fn a_stranger_commands_nothing() {
    let mut world = World::new(2);
    let command = WalletCommand::CancelRequest(terms(10).request);
    for (n, account) in [(1, Some(account_id(2))), (0, None), (99, None)] {
        let wallet = wallet_id(n);
        world.submit(Message::Command {
            wallet,
            account,
            command: command.clone(),
            ticket: Ticket(u64::from(n)),
        });
    }
    world.run_dry();
    assert!(world.answers.values().all(|answer| *answer == Err(Refusal::WalletUnknown)));
    assert_eq!(world.answers.len(), 3);
}
