//! Shards, links and a journal as queues, and a cast: what the tests of interleavings play with.

mod input;

use std::collections::{HashMap, VecDeque};

use quittance_ledger::{
    AccountId, AccountKind, Amount, Authority, Currency, CurrencyCode, Day, DeviceKey, Event, FeeRule,
    FeeScope, Ledger, Leg, Owner, PaymentKind, PaymentRequest, PaymentRequestId, Purpose, Quote, Rate,
    Refusal, RequestDetail, Split, Stop, Terms, Timestamp, Transfer, TransferId, Usage, Verifier, Wallet,
    WalletId, WalletStatus, decide_part,
};
use quittance_settlement::{Effect, Message, Partition, PartitionState, ShardState, Ticket};

pub(crate) use input::{Input, Sent, other};

/// A quarter of an hour before a midnight: what is counted on a day is under way when it ends.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_700_005_500);
pub(crate) const MINUTE_MS: u64 = 60 * 1_000;
/// Each with an account and a wallet of euros of the same number.
pub(crate) const WALLETS: u8 = 6;
/// The first account's second wallet of euros.
pub(crate) const SECOND: u8 = 7;
/// The last one makes a market, and takes euros in the wallet of its number.
pub(crate) const MAKER: u8 = WALLETS;
/// A wallet of yen of account n is n more than this. The market maker's gives.
pub(crate) const YEN: u8 = 10;
/// Whose wallet is paid a fee of one cent of each payment in euros into the others.
pub(crate) const COLLECTOR: u8 = 5;
pub(crate) const START: u64 = 50;

fn bytes(n: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&NOW.as_millis().to_be_bytes()[2..]);
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    bytes[14..].copy_from_slice(&n.to_be_bytes());
    bytes
}

pub(crate) fn wallet_id(n: u8) -> WalletId {
    WalletId::from_bytes(bytes(u16::from(n))).unwrap()
}

pub(crate) fn account_id(n: u8) -> AccountId {
    AccountId::from_bytes(bytes(u16::from(n))).unwrap()
}

pub(crate) fn transfer_id(n: usize) -> TransferId {
    TransferId::from_bytes(bytes(1_000 + n as u16)).unwrap()
}

pub(crate) fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

pub(crate) fn eur() -> CurrencyCode {
    "EUR".parse().unwrap()
}

fn jpy() -> CurrencyCode {
    "JPY".parse().unwrap()
}

fn key(n: u8) -> DeviceKey {
    DeviceKey::ed25519([n; 32])
}

/// What a wallet asks for, by number: 0 and 1 once, 2 any number of times, 3 in parts, 4 once and passed on in part; of the
/// market maker, from 5 on, quotes for the account of so much less. 9 is never opened.
pub(crate) fn request(payee: u8, number: u8) -> PaymentRequest {
    let id = PaymentRequestId::from_bytes(bytes(500 + u16::from(payee * 10 + number))).unwrap();
    let terms = |asked: Option<u64>, usage| Terms {
        request: id,
        amount: asked.map(amount),
        usage,
        expires_at: Some(NOW.plus_millis(600 * MINUTE_MS)),
        till: None,
        kind: PaymentKind::Standard,
    };
    let plain = |terms| PaymentRequest::plain(terms, wallet_id(payee), eur());
    match number {
        2 => plain(terms(None, Usage::Reusable)),
        3 => plain(terms(Some(40), Usage::Parts)),
        4 => {
            let next = |by: u8| wallet_id((payee - 1 + by) % WALLETS + 1);
            let splits = [(1, 5), (2, 3)];
            let splits = splits.map(|(by, minor)| Split { wallet: next(by), amount: amount(minor) });
            PaymentRequest { splits: splits.into(), ..plain(terms(Some(12), Usage::OneTime)) }
        }
        5..=8 if payee == MAKER => {
            let expires_at = Some(NOW.plus_millis(30 * MINUTE_MS));
            let terms =
                Terms { kind: PaymentKind::Conversion, expires_at, ..terms(Some(10), Usage::OneTime) };
            let (source, target) = (wallet_id(YEN + MAKER), wallet_id(YEN + number - 4));
            let quote = Quote { source, target, amount: amount(16), currency: jpy() };
            let detail = Some(Box::new(RequestDetail::Conversion(quote)));
            PaymentRequest { payer: Some(account_id(number - 4)), detail, ..plain(terms) }
        }
        _ => plain(terms(None, Usage::OneTime)),
    }
}

/// The account of a wallet of euros.
pub(crate) fn owner(wallet: u8) -> u8 {
    if wallet == SECOND { 1 } else { wallet }
}

pub(crate) fn device(account: u8) -> Authority {
    Authority::Device { account: account_id(account), device: key(account).device_id() }
}

pub(crate) fn leg(payer: u8, payee: u8, minor: u64, purpose: Purpose) -> Leg {
    let (payer, payee) = (wallet_id(payer), wallet_id(payee));
    Leg { payer, payee, amount: amount(minor), currency: eur(), purpose, reference: None }
}

/// The operator's part of what is paid.
pub(crate) fn fee(paid: &Leg) -> Option<Leg> {
    let payer = paid.payee;
    (payer != wallet_id(COLLECTOR)).then(|| Leg { payer, ..leg(0, COLLECTOR, 1, Purpose::Fee) })
}

/// A payment of several requests, with what follows from each, as the engine puts it together.
pub(crate) fn payment(n: usize, payer: u8, lines: &[(u8, u64, u8)]) -> Transfer {
    let mut legs = Vec::new();
    let (mut given, mut onward) = (Vec::new(), Vec::new());
    for (payee, minor, number) in lines {
        let asked = request(*payee, *number);
        // What is left of a request in parts nobody knows before.
        let said = asked.terms.amount.filter(|_| asked.terms.usage == Usage::OneTime);
        let minor = said.map_or(*minor, Amount::get);
        let paid = leg(payer, *payee, minor, Purpose::Payment(asked.terms));
        legs.push(paid);
        if let Some(quote) = asked.quote() {
            let Quote { source, target, amount, currency } = quote;
            let purpose = Purpose::Conversion;
            given.push(Leg { payer: source, payee: target, amount, currency, purpose, reference: None });
            continue;
        }
        for split in &asked.splits {
            let (payee, amount) = (split.wallet, split.amount);
            onward.push(Leg { payer: paid.payee, payee, amount, ..leg(0, 0, 1, Purpose::Split) });
        }
        onward.extend(fee(&paid));
    }
    legs.extend(given.into_iter().chain(onward));
    transfer(n, device(owner(payer)), &legs)
}

pub(crate) fn transfer(n: usize, authority: Authority, legs: &[Leg]) -> Transfer {
    let mut transfer = Transfer::new(transfer_id(n), authority, legs[0]);
    transfer.linked = legs[1..].into();
    transfer
}

/// Everything between two shards is a queue; everything decided waits in one queue for the journal.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    /// When nothing was on its way.
    rested_at: Timestamp,
    pub(crate) shards: Vec<ShardState>,
    /// By sender and receiver. The outside world is the sender past the last shard.
    links: Vec<Vec<VecDeque<Message>>>,
    queue: VecDeque<(Timestamp, Event)>,
    /// Blocks that are durable and which each shard has yet to hear of.
    unheard: Vec<VecDeque<Vec<Event>>>,
    pub(crate) model: Ledger,
    pub(crate) answers: HashMap<Ticket, Result<(), Refusal>>,
    pub(crate) outcomes: HashMap<TransferId, Result<(), Refusal>>,
    /// What settled, durably, and when.
    pub(crate) settled: Vec<(Timestamp, Transfer)>,
}

fn hosted(shard: usize, shard_count: usize) -> impl Iterator<Item = PartitionState> {
    Partition::all().filter(move |partition| partition.shard(shard_count) == shard).map(PartitionState::new)
}

impl World {
    pub(crate) fn new(shard_count: usize) -> Self {
        let shards = (0..shard_count).map(|shard| ShardState::new(hosted(shard, shard_count))).collect();
        let mut world = Self {
            now: NOW,
            rested_at: NOW,
            shards,
            links: vec![vec![VecDeque::new(); shard_count]; shard_count + 1],
            queue: VecDeque::new(),
            unheard: vec![VecDeque::new(); shard_count],
            model: Ledger::default(),
            answers: HashMap::new(),
            outcomes: HashMap::new(),
            settled: Vec::new(),
        };
        world.queue.extend(cast().into_iter().map(|event| (NOW, event)));
        world.commit(usize::MAX);
        (0..shard_count).for_each(|shard| world.hear(shard));
        world.outcomes.clear();
        world.settled.clear();
        world
    }

    pub(crate) fn submit(&mut self, message: Message) {
        let outside = self.shards.len();
        let shard = message.partition().unwrap().shard(self.shards.len());
        self.links[outside][shard].push_back(message);
    }

    /// As the engine does, a payment counts toward limits of its account that are durable.
    pub(crate) fn set_out(&mut self, mut transfer: Transfer) {
        if let Authority::Device { account, .. } = transfer.authority
            && transfer.first.purpose.is_limited()
        {
            let limits = self.model.allowance(account, eur()).map(|known| known.snapshot().limits);
            transfer.is_account_limited |= limits.is_some_and(|limits| !limits.is_none());
        }
        self.submit(Message::first_visit(Box::new(transfer)));
    }

    fn deliver(&mut self, from: usize, to: usize) {
        let Some(message) = self.links[from][to].pop_front() else { return };
        let mut effects = Vec::new();
        self.shards[to].handle(message, self.now, &mut effects);
        self.perform(to, effects);
    }

    fn expire(&mut self, shard: usize) {
        let mut effects = Vec::new();
        self.shards[shard].expire(self.now, &mut effects);
        self.perform(shard, effects);
    }

    fn perform(&mut self, from: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(partition, message) => {
                    let shard = partition.shard(self.shards.len());
                    assert_ne!(shard, from, "a shard does not send to itself");
                    self.links[from][shard].push_back(message);
                }
                Effect::Record(event, ticket) => {
                    self.queue.push_back((self.now, event));
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
        let mut block = Vec::new();
        for (at, event) in self.queue.drain(..most.min(self.queue.len())) {
            self.model.apply(at, &event).unwrap_or_else(|breach| panic!("{breach}: {event:?}"));
            let outcome = match &event {
                Event::TransferSettled(transfer) => {
                    self.settled.push((at, (**transfer).clone()));
                    Some((transfer.id, Ok(())))
                }
                Event::TransferRefused(transfer, refusal) => Some((transfer.id, Err(*refusal))),
                _ => None,
            };
            if let Some((id, outcome)) = outcome {
                assert_eq!(self.outcomes.insert(id, outcome), None, "a transfer has one outcome");
            }
            block.push(event);
        }
        for unheard in &mut self.unheard {
            unheard.push_back(block.clone());
        }
    }

    fn hear(&mut self, shard: usize) {
        let Some(block) = self.unheard[shard].pop_front() else { return };
        self.shards[shard].commit(&block);
    }

    pub(crate) fn step(&mut self, choice: u16) {
        let shards = self.shards.len();
        let choice = usize::from(choice);
        match choice % 8 {
            0..=3 => self.deliver(choice / 8 % (shards + 1), choice / 64 % shards),
            4 | 5 => self.commit(choice / 8 % 4),
            6 => self.hear(choice / 8 % shards),
            _ => self.expire(choice / 8 % shards),
        }
    }

    pub(crate) fn run_dry(&mut self) {
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
            for shard in 0..shards {
                while !self.unheard[shard].is_empty() {
                    self.hear(shard);
                }
                self.expire(shard);
            }
            if self.links.iter().flatten().all(VecDeque::is_empty) && self.queue.is_empty() {
                self.rested_at = self.now;
                return;
            }
        }
    }

    /// Lets time pass. No message lies about for an hour.
    pub(crate) fn wait(&mut self, minutes: u64) {
        let later = self.now.plus_millis(minutes * MINUTE_MS);
        if later > self.rested_at.plus_millis(50 * MINUTE_MS) {
            self.run_dry();
        }
        self.now = later;
    }

    pub(crate) fn wallet(&self, n: u8) -> &Wallet {
        let id = wallet_id(n);
        self.shards[Partition::of(id).shard(self.shards.len())].wallet(id).unwrap()
    }

    /// What must be so when nothing is on its way.
    pub(crate) fn check_at_rest(&self) {
        self.model.check_sums().unwrap();
        for known in self.model.wallets() {
            let partition = Partition::of(known.id());
            let wallet = self.shards[partition.shard(self.shards.len())].wallet(known.id()).unwrap();
            assert_eq!(wallet.snapshot(), known.snapshot());
            assert_eq!(wallet.books(), known.books(), "nothing stays in flight");
            assert_eq!(wallet.spendable(), known.spendable(), "nothing stays in flight");
            let overdraft =
                wallet.snapshot().settings().overdraft.map_or(0, |overdraft| overdraft.get() as i64);
            if known.id() != wallet_id(0) && known.id() != wallet_id(YEN) {
                let balances = wallet.snapshot().balances();
                assert_eq!(wallet.spendable(), balances.available + overdraft);
                let is_empty = balances.posted == 0 && balances.held == 0;
                assert_eq!(wallet.decide_close().is_ok(), is_empty, "nothing stays in flight");
                self.check_limit(wallet);
            }
        }
        for known in self.model.allowances() {
            let at = known.snapshot();
            let partition = Partition::of_stop(Stop::Allowance(at.account, at.currency));
            let shard = &self.shards[partition.shard(self.shards.len())];
            let allowance = shard.allowance(at.account, at.currency).unwrap();
            assert_eq!(allowance.snapshot(), at);
            assert_eq!(allowance.decide_limits(at.limits), None, "nothing stays in flight");
            let day = Day::utc(self.now);
            let left = at.limits.left(at.spending, day).0;
            check_left(left, Refusal::AccountDayLimitExceeded, |paid| {
                let transfer = transfer(0, device(1), &[paid]);
                allowance.decide(&Transfer { counted_on: Some(day), ..transfer }).err()
            });
        }
    }

    /// What durably is left of the day's limit can be paid, and no more.
    fn check_limit(&self, wallet: &Wallet) {
        let (id, Owner::Account(account)) = (wallet.id(), wallet.owner()) else { return };
        if wallet.currency() != eur() || wallet.snapshot().status != WalletStatus::Open {
            return;
        }
        let (left, _) = wallet.snapshot().limits_left(self.now);
        check_left(left, Refusal::DayLimitExceeded, |paid| {
            let device = DeviceKey::ed25519([0; 32]).device_id();
            let paid = Leg { payer: id, ..paid };
            let paid = transfer(0, Authority::Device { account, device }, &[paid]);
            decide_part(Some(wallet), id, &paid, self.now).err()
        });
    }
}

/// Whether what is left can be paid, and a cent more is refused for this reason.
fn check_left(left: Option<u64>, refusal: Refusal, decide: impl Fn(Leg) -> Option<Refusal>) {
    let Some(left) = left else { return };
    let paid = |minor| leg(100, 101, minor, Purpose::Payment(request(1, 2).terms));
    assert_eq!(decide(paid(left + 1)), Some(refusal), "no more than the limit");
    assert!(left == 0 || decide(paid(left)) != Some(refusal), "as much as the limit: {left}");
}

/// Everything that is there at the start.
fn cast() -> Vec<Event> {
    let currency = |code| Currency::new(code, None).unwrap();
    let mut events = vec![
        Event::CurrencyRegistered { currency: currency(eur()), issuer: wallet_id(0) },
        Event::CurrencyRegistered { currency: currency(jpy()), issuer: wallet_id(YEN) },
    ];
    for n in 1..=WALLETS {
        let (account, name) = (account_id(n), "someone".parse().unwrap());
        events.push(Event::AccountOpened { account, name, kind: AccountKind::Person });
        let first_pin = Some(Verifier::from_bytes([0; 32]));
        events.push(Event::DevicePaired { account, name, key: key(n), first_pin });
    }
    let euros = (1..=SECOND).map(|n| (n, owner(n), eur(), 0));
    let yen = (1..=WALLETS).map(|n| (YEN + n, n, jpy(), YEN));
    for (n, owner, currency, issuer) in euros.chain(yen) {
        let (wallet, account) = (wallet_id(n), account_id(owner));
        events.push(Event::WalletOpened { wallet, account, currency, name: None });
        let issue = Leg { currency, ..leg(issuer, n, START, Purpose::Issue) };
        let issue = transfer(60_000 + usize::from(n), Authority::Operator, &[issue]);
        events.push(Event::TransferSettled(Box::new(issue)));
    }
    let rule =
        FeeRule { fixed: 1, basis_points: 0, minimum: 0, maximum: None, collector: wallet_id(COLLECTOR) };
    events.push(Event::FeeSet { scope: FeeScope::Currency(eur()), rule: Some(rule) });
    let rate = Rate {
        from: eur(),
        to: jpy(),
        numerator: 16_235,
        denominator: 10_000,
        taker: wallet_id(MAKER),
        giver: wallet_id(YEN + MAKER),
        quote_lifetime_ms: 30 * MINUTE_MS,
    };
    events.push(Event::RateSet { from: eur(), to: jpy(), rate: Some(rate) });
    for payee in 1..=WALLETS {
        let last = if payee == MAKER { 8 } else { 4 };
        events.extend((0..=last).map(|number| Event::PaymentRequestOpened(Box::new(request(payee, number)))));
    }
    events
}
