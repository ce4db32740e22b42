//! The real binary, killed two hundred times in a row while it works: nothing that was acknowledged is lost, nothing happens
//! twice, and nobody ever reads what no prefix of the journal gives.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed, as it should"
)]

use std::sync::Arc;
use std::time::Duration;

use quittance_gateway::client::Client;
use quittance_test_support::{Bank, Clerk, Home, Journal, Reader, Sent, Server, Work, check_nothing_else};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");
const MAX_WAIT: Duration = Duration::from_secs(120);

const KILLS: usize = 200;
const WALLETS: usize = 5;
const CLERKS: u64 = 6;
const READERS: u64 = 2;
/// Of so many starts, one is killed before it is over, or a moment after.
const STARTS_PER_EARLY_KILL: u32 = 8;
const MAX_ANSWERS_BEFORE_KILL: usize = 40;
const MAX_PAUSE: Duration = Duration::from_millis(20);
const MAX_EARLY_PAUSE: Duration = Duration::from_millis(150);
/// After so many kills the whole store is audited.
const KILLS_PER_AUDIT: usize = 50;

/// Another run: `QUITTANCE_SEED=7 cargo test --test killed`.
fn seed() -> u64 {
    let seed = std::env::var("QUITTANCE_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("seed {seed}");
    seed
}

/// Somebody who follows the events of a customer, across every crash.
struct Follower {
    client: Client,
    last: u64,
    seen: Vec<u64>,
}

impl Follower {
    /// Follows until the server is gone, or the event at `until` was seen.
    async fn follow(mut self, until: u64) -> Self {
        self.client = self.client.apart();
        let Ok(mut events) = self.client.events(Some(self.last)).await else { return self };
        while self.last < until
            && let Ok(Some(notice)) = events.next().await
        {
            assert_eq!(notice.position, notice.notification.transfer.position);
            // One may come again, but none out of its turn.
            if notice.position > self.last {
                self.last = notice.position;
                self.seen.push(notice.position);
            } else {
                assert!(self.seen.binary_search(&notice.position).is_ok());
            }
        }
        self
    }
}

/// Reads balances until the server is gone.
async fn read(mut reader: Reader, operator: Client) -> Reader {
    while reader.read(&operator).await {}
    reader
}

/// All that goes on, and what was seen of it.
struct World {
    home: Home,
    bank: Arc<Bank>,
    random: SmallRng,
    clerks: Vec<Clerk>,
    readers: Vec<Reader>,
    follower: Option<Follower>,
    /// How many answers of each clerk were held against the journal.
    checked: Vec<usize>,
    journal: Journal,
}

impl World {
    /// Starts a server, lets it work for as long as the seed says, and kills it.
    async fn work_and_kill(&mut self, round: usize) {
        // Another number of threads each time: where wallets live must not matter. And checkpoints as often as can be.
        let arguments =
            ["--shards", ["2", "1", "3"][round % 3], "--checkpoint-seconds", "1", "--log", "warn"];
        if self.random.random_ratio(1, STARTS_PER_EARLY_KILL) {
            let mut server = self.home.spawn_server(&arguments);
            tokio::time::sleep(self.random.random_range(Duration::ZERO..MAX_EARLY_PAUSE)).await;
            server.kill().unwrap();
            server.wait().unwrap();
            return;
        }
        let server = self.home.start_with(&arguments);
        let following = tokio::spawn(self.follower.take().unwrap().follow(u64::MAX));
        let mut work = Work::begin(&server, std::mem::take(&mut self.clerks));
        let mut readers = JoinSet::new();
        for reader in self.readers.drain(..) {
            readers.spawn(read(reader, server.operator()));
        }
        work.answered(self.random.random_range(1..=MAX_ANSWERS_BEFORE_KILL)).await;
        tokio::time::sleep(self.random.random_range(Duration::ZERO..MAX_PAUSE)).await;
        server.kill();
        self.clerks = work.end().await;
        self.readers = readers.join_all().await;
        self.follower = Some(following.await.unwrap());
    }

    /// Holds what was acknowledged since the last time against the journal.
    fn check(&mut self) {
        let journal = Journal::read(&self.home.store());
        assert!(self.journal.end() <= journal.end(), "the journal got shorter");
        for clerk in &self.clerks {
            let checked = &mut self.checked[usize::try_from(clerk.number()).unwrap()];
            clerk.check(&journal, *checked);
            *checked = clerk.acknowledged();
        }
        self.journal = journal;
    }

    fn audit(&self) -> String {
        let audit = self.home.audit();
        assert_eq!(audit.status.code(), Some(0), "{}", String::from_utf8_lossy(&audit.stderr));
        String::from_utf8(audit.stdout).unwrap()
    }
}

async fn open() -> World {
    let home = Home::keeping_its_port(BINARY);
    let server: Server = home.start();
    let bank = Bank::open(&server.operator(), WALLETS).await;
    server.kill();
    let seed = seed();
    let (clerks, readers) = (bank.clerks(CLERKS, seed), bank.readers(READERS, seed));
    let follower = Follower { client: bank.parties()[0].client.clone(), last: 0, seen: Vec::new() };
    World {
        home,
        random: SmallRng::seed_from_u64(seed),
        checked: vec![0; clerks.len()],
        clerks,
        readers,
        follower: Some(follower),
        journal: Journal::default(),
        bank,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_to_two_hundred_kills_nor_happens_twice_nor_is_read_half() {
    let mut world = open().await;
    for round in 0..KILLS {
        world.work_and_kill(round).await;
        world.check();
        if (round + 1) % KILLS_PER_AUDIT == 0 {
            world.audit();
        }
    }

    let server = world.home.start();
    let operator = server.operator();
    for clerk in &mut world.clerks {
        while clerk.is_waiting() {
            assert_eq!(clerk.send(&operator).await, Sent::Done, "a server that is not killed answers");
        }
    }
    world.check();
    let customer = world.bank.wallets()[0];
    let due = world.journal.positions(customer);
    let follower = world.follower.take().unwrap().follow(*due.last().unwrap());
    let follower = tokio::time::timeout(MAX_WAIT, follower).await.unwrap();
    assert_eq!(follower.seen, due, "each transfer is told, in the journal's order");
    let shown = operator.all_transfers(customer, 200).await.unwrap();
    assert!(shown.iter().rev().map(|transfer| transfer.position).eq(due));
    let (status, said) = server.terminate();
    assert_eq!(status.code(), Some(0), "{said}");

    let journal = Journal::read(&world.home.store());
    world.clerks.iter().for_each(|clerk| clerk.check(&journal, 0));
    world.readers.iter().for_each(|reader| reader.check(&journal));
    check_nothing_else(&journal, &world.bank, &world.clerks);
    let report = world.audit();
    let (acknowledged, cut_off, reads) = (
        world.clerks.iter().map(Clerk::acknowledged).sum::<usize>(),
        world.clerks.iter().map(Clerk::unanswered).sum::<usize>(),
        world.readers.iter().map(Reader::count).sum::<usize>(),
    );
    println!("{KILLS} kills, {acknowledged} transfers, {cut_off} requests cut off, {reads} reads\n{report}");
    assert!(cut_off >= KILLS && reads >= KILLS, "the kills came in the middle of load");
}
