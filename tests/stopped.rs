//! The real binary, told to stop while it works: what it took on it answers, and the next start has nothing to replay.

use std::collections::HashSet;

use quittance_test_support::{Bank, Clerk, Home, Journal, Work, check_nothing_else};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");
const STOPS: usize = 12;
const CLERKS: u64 = 8;
const MAX_ANSWERS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_on_is_answered_and_nothing_is_left_to_replay() {
    let home = Home::keeping_its_port(BINARY);
    let server = home.start();
    let bank = Bank::open(&server.operator(), 4).await;
    drop(server.terminate());
    let mut random = SmallRng::seed_from_u64(1);
    let mut clerks = bank.clerks(CLERKS, 1);
    for stop in 0..STOPS {
        let server = home.start_with(&["--shards", ["2", "1"][stop % 2]]);
        let mut work = Work::begin(&server, clerks);
        work.answered(random.random_range(1..=MAX_ANSWERS)).await;
        let (status, said) = tokio::task::spawn_blocking(|| server.terminate()).await.unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("replayed=0"), "the last end left something: {said}");
        clerks = work.end().await;

        let journal = Journal::read(&home.store());
        clerks.iter().for_each(|clerk| clerk.check(&journal, 0));
        check_nothing_else(&journal, &bank, &clerks);
        let unanswered: HashSet<_> = clerks.iter().flat_map(Clerk::open_ids).collect();
        let done = journal.settled().filter(|id| unanswered.contains(id)).count();
        assert_eq!(done, 0, "what was done was answered");
    }
    let audit = home.audit();
    assert_eq!(audit.status.code(), Some(0), "{}", String::from_utf8_lossy(&audit.stderr));
    let answers: usize = clerks.iter().map(Clerk::acknowledged).sum();
    println!("{STOPS} stops, {answers} transfers");
}
