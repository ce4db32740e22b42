//! A bank whose clients move units between its wallets while others read balances: afterwards every answer and every read is
//! held against the journal.
//!
//! What moves stays within the wallets, so that they hold the same together in every state that a reader may see.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use quittance_gateway::client::{
    Body, Client, ClientError, NewPaymentRequest, Payment, TransferStatus, new_transfer_id,
};
use quittance_ledger::{KeyAlgorithm, TransferId, Usage, WalletId};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use crate::journal::Journal;
use crate::parties::{Party, ask, euro, fund, join, payment, register};

/// What each wallet has at first: more than any run moves out of it.
const FUNDS: u64 = 1_000_000;
const MAX_AMOUNT: u64 = 97;
const MAX_MOVES_IN_BATCH: usize = 6;

/// The wallets, and how they are paid.
#[derive(Debug)]
pub struct Bank {
    parties: Vec<Party>,
    barcodes: Vec<String>,
    /// The latest position that any answer named.
    known: AtomicU64,
}

/// One transfer that was asked for, until there is an answer under one id.
#[derive(Clone, Copy, Debug, Serialize)]
struct Move {
    id: TransferId,
    payer: WalletId,
    payee: WalletId,
    amount: u64,
    currency: quittance_ledger::CurrencyCode,
}

#[derive(Debug)]
enum Asked {
    /// A device pays a barcode: payer and payee by their numbers.
    Payment(Move, usize, usize),
    /// The operator moves units between several pairs of wallets.
    Batch(Vec<Move>),
}

/// A client that moves units, and remembers what it asked for and what it was told.
#[derive(Debug)]
pub struct Clerk {
    bank: Arc<Bank>,
    number: u64,
    random: SmallRng,
    /// What is unanswered, and asked again before anything else.
    open: Option<Asked>,
    answered: Vec<(TransferId, u64)>,
    unanswered: usize,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It was done.
    Done,
    /// The server said that it can't now, and of which kind that is.
    Later(&'static str),
    /// There was no answer: the server is gone.
    Gone,
}

/// The problems that say to send the same again.
const LATER: [&str; 4] = ["space-low", "overloaded", "stopping", "nonce-not-kept"];

impl Bank {
    /// Opens a bank of so many wallets at a server that is new.
    pub async fn open(operator: &Client, wallets: usize) -> Arc<Self> {
        register(operator).await;
        let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) };
        let (mut parties, mut barcodes) = (Vec::new(), Vec::new());
        let mut known = 0;
        for number in 0..wallets {
            let algorithm = if number % 2 == 0 { KeyAlgorithm::Ed25519 } else { KeyAlgorithm::P256 };
            let party = join(operator, "customer", algorithm).await;
            known = fund(operator, party.wallet, FUNDS).await.position;
            barcodes.push(ask(&party, &new).await.barcode.text);
            parties.push(party);
        }
        Arc::new(Self { parties, barcodes, known: AtomicU64::new(known) })
    }

    /// Its customers.
    #[must_use]
    pub fn parties(&self) -> &[Party] {
        &self.parties
    }

    /// Its wallets.
    #[must_use]
    pub fn wallets(&self) -> Vec<WalletId> {
        self.parties.iter().map(|party| party.wallet).collect()
    }

    /// What they hold together, always.
    #[must_use]
    pub fn total(&self) -> i64 {
        i64::try_from(FUNDS).unwrap() * i64::try_from(self.parties.len()).unwrap()
    }

    /// The latest position that any answer named: whatever is read from now on is at least as new.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.known.load(Ordering::SeqCst)
    }

    fn learn(&self, position: u64) {
        self.known.fetch_max(position, Ordering::SeqCst);
    }

    /// So many clerks, who ask for what this seed says.
    #[must_use]
    pub fn clerks(self: &Arc<Self>, count: u64, seed: u64) -> Vec<Clerk> {
        let clerk = |number| Clerk {
            bank: Arc::clone(self),
            number,
            random: chance(seed, number),
            open: None,
            answered: Vec::new(),
            unanswered: 0,
        };
        (0..count).map(clerk).collect()
    }

    /// So many readers of balances, who read what this seed says.
    #[must_use]
    pub fn readers(self: &Arc<Self>, count: u64, seed: u64) -> Vec<Reader> {
        let reader = |number| Reader {
            bank: Arc::clone(self),
            random: chance(!seed, number),
            wallets: Vec::new(),
            together: Vec::new(),
        };
        (0..count).map(reader).collect()
    }
}

fn chance(seed: u64, number: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed.rotate_left(32) ^ number)
}

impl Clerk {
    fn new_move(&mut self) -> (Move, usize, usize) {
        let count = self.bank.parties.len();
        let payer = self.random.random_range(0..count);
        let payee = (payer + self.random.random_range(1..count)) % count;
        let amount = self.random.random_range(1..=MAX_AMOUNT);
        let wallet = |number: usize| self.bank.parties[number].wallet;
        let id = new_transfer_id().unwrap();
        (Move { id, payer: wallet(payer), payee: wallet(payee), amount, currency: euro() }, payer, payee)
    }

    fn new_request(&mut self) -> Asked {
        if self.random.random_range(0..4) > 0 {
            let (new, payer, payee) = self.new_move();
            return Asked::Payment(new, payer, payee);
        }
        let moves = self.random.random_range(2..=MAX_MOVES_IN_BATCH);
        Asked::Batch((0..moves).map(|_| self.new_move().0).collect())
    }

    /// Sends one request: what is unanswered first, else a new one.
    ///
    /// # Panics
    /// The server says no, or answers with something else than was asked.
    pub async fn send(&mut self, operator: &Client) -> Sent {
        let asked = match self.open.take() {
            Some(asked) => asked,
            None => self.new_request(),
        };
        let answered = match &asked {
            Asked::Payment(new, payer, payee) => self.pay(operator, *new, *payer, *payee).await,
            Asked::Batch(moves) => move_together(operator, moves).await,
        };
        match answered {
            Ok(positions) => {
                let ids = match &asked {
                    Asked::Payment(new, ..) => vec![new.id],
                    Asked::Batch(moves) => moves.iter().map(|new| new.id).collect(),
                };
                assert_eq!(ids.len(), positions.len(), "each transfer has an answer");
                positions.iter().for_each(|position| self.bank.learn(*position));
                self.answered.extend(ids.into_iter().zip(positions));
                Sent::Done
            }
            Err(error) => {
                self.open = Some(asked);
                if error.is_open() {
                    self.unanswered += 1;
                    return Sent::Gone;
                }
                let slug = error.problem().map_or("", |problem| problem.slug());
                let later = LATER.into_iter().find(|later| *later == slug);
                later.map_or_else(|| panic!("{error}: {error:?}"), Sent::Later)
            }
        }
    }

    async fn pay(
        &self,
        operator: &Client,
        new: Move,
        payer: usize,
        payee: usize,
    ) -> Result<Vec<u64>, ClientError> {
        let (party, barcode) = (&self.bank.parties[payer], &self.bank.barcodes[payee]);
        // Over this clerk's connections: those of a server that was killed are of no use any more.
        let client = party.client.over(operator);
        let order = Payment { id: new.id, amount: Some(new.amount), ..payment(party, barcode) };
        let transfer = client.pay(&order).await?;
        assert_eq!((transfer.id, transfer.amount), (new.id, new.amount));
        assert_eq!((transfer.payer, transfer.payee), (new.payer, new.payee));
        assert_eq!(transfer.status, TransferStatus::Settled);
        Ok(vec![transfer.position])
    }

    /// Its number, from 0.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// How many transfers were acknowledged to it.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.answered.len()
    }

    /// The transfers that were acknowledged to it, with their positions.
    #[must_use]
    pub fn answers(&self) -> &[(TransferId, u64)] {
        &self.answered
    }

    /// How often there was no answer.
    #[must_use]
    pub const fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Whether something that it asked for is unanswered still.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.open.is_some()
    }

    /// The transfers that are unanswered still.
    #[must_use]
    pub fn open_ids(&self) -> Vec<TransferId> {
        match &self.open {
            None => Vec::new(),
            Some(Asked::Payment(new, ..)) => vec![new.id],
            Some(Asked::Batch(moves)) => moves.iter().map(|new| new.id).collect(),
        }
    }

    /// Checks that a journal has all that was acknowledged, where it was said to be, from the answer numbered `from` on.
    ///
    /// # Panics
    /// It has not.
    pub fn check(&self, journal: &Journal, from: usize) {
        for (id, position) in self.answered.iter().skip(from) {
            assert_eq!(journal.transfer(*id), Some((*position, true)), "{id} was acknowledged");
        }
    }
}

async fn move_together(operator: &Client, moves: &[Move]) -> Result<Vec<u64>, ClientError> {
    #[derive(Serialize)]
    struct Batch<'a> {
        transfers: &'a [Move],
    }
    #[derive(Deserialize)]
    struct Results {
        results: Vec<Outcome>,
    }
    #[derive(Deserialize)]
    struct Outcome {
        id: TransferId,
        status: TransferStatus,
        position: u64,
    }
    let body = Body::json(&Batch { transfers: moves })?;
    let answer = operator.request(Method::POST, "/v1/transfers/batch", body).await?;
    let Results { results } = answer.json()?;
    assert!(results.iter().map(|outcome| outcome.id).eq(moves.iter().map(|new| new.id)));
    assert!(results.iter().all(|outcome| outcome.status == TransferStatus::Settled));
    Ok(results.iter().map(|outcome| outcome.position).collect())
}

/// A client that reads balances, and keeps what it read.
#[derive(Debug)]
pub struct Reader {
    bank: Arc<Bank>,
    random: SmallRng,
    /// One wallet at a time: what was known before, the wallet, and what it held.
    wallets: Vec<(u64, WalletId, i64)>,
    /// All wallets as of one record: what was known before, the record, and what they held.
    together: Vec<(u64, u64, Vec<i64>)>,
}

impl Reader {
    /// Reads one wallet, or all of them together. Says whether there was an answer.
    pub async fn read(&mut self, operator: &Client) -> bool {
        // A balance that is older than what any client was told before would be a step back.
        let known = self.bank.known();
        let read = if self.random.random_range(0..2) == 0 {
            let index = self.random.random_range(0..self.bank.parties.len());
            let wallet = self.bank.parties[index].wallet;
            operator.wallet(wallet).await.map(|read| self.wallets.push((known, wallet, read.posted)))
        } else {
            operator.balances(&self.bank.wallets(), None).await.map(|read| {
                assert!(read.balances.iter().map(|balance| balance.wallet).eq(self.bank.wallets()));
                let posted = read.balances.iter().map(|balance| balance.posted).collect();
                self.together.push((known, read.position, posted));
                // Whatever is read from now on is at least as new.
                self.bank.learn(read.position);
            })
        };
        match read {
            Ok(()) => true,
            Err(error) => {
                let slug = error.problem().map_or("", |problem| problem.slug());
                assert!(error.is_open() || LATER.contains(&slug), "{error}: {error:?}");
                false
            }
        }
    }

    /// How many reads had an answer.
    #[must_use]
    pub fn count(&self) -> usize {
        self.wallets.len() + self.together.len()
    }

    /// Checks that every read was of a state that some prefix of the journal gives, and none older than what was known.
    ///
    /// # Panics
    /// One was not.
    pub fn check(&self, journal: &Journal) {
        let wallets = self.bank.wallets();
        for (known, position, posted) in &self.together {
            assert!(position >= known, "a read as of {position} after {known} was known");
            assert!(*position <= journal.end(), "a read of what is not in the journal: {position}");
            let due: Vec<_> = wallets.iter().map(|wallet| journal.balance(*wallet, *position)).collect();
            assert_eq!(*posted, due, "as of {position}");
            assert_eq!(posted.iter().sum::<i64>(), self.bank.total(), "as of {position}");
        }
        for (known, wallet, posted) in &self.wallets {
            let found = journal.when_it_held(*wallet, *posted, *known);
            assert!(found.is_some(), "wallet {wallet} never held {posted} since position {known}");
        }
    }
}

/// Checks that what clerks asked for is all there is: that every transfer of the journal but what funded the wallets is
/// theirs.
///
/// # Panics
/// There is another.
pub fn check_nothing_else(journal: &Journal, bank: &Bank, clerks: &[Clerk]) {
    let asked = clerks.iter().flat_map(|clerk| clerk.answered.iter().map(|(id, _)| *id));
    let asked: HashSet<_> = asked.chain(clerks.iter().flat_map(Clerk::open_ids)).collect();
    let others = journal.settled().filter(|id| !asked.contains(id)).count();
    assert_eq!(others, bank.parties.len(), "each wallet was funded once, and nothing else was not asked for");
    let total: i64 = bank.wallets().iter().map(|wallet| journal.balance(*wallet, journal.end())).sum();
    assert_eq!(total, bank.total());
}
