//! The real binary on a real disk, killed while it works, told to stop, and given stores it must not touch.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed, as it should"
)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quittance_gateway::client::{
    Client, ClientError, NewPaymentRequest, Payment, Transfer, TransferStatus, new_transfer_id,
};
use quittance_ledger::{KeyAlgorithm, TransferId, Usage};
use quittance_test_support::{
    Failed, Home, Party, Server, ask, copy_folder, euro, fund, join, pay, payment, posted, register,
};
use tokio::sync::watch;
use tokio::task::JoinSet;

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");
const FUNDS: u64 = 10_000_000;
const MAX_WAIT: Duration = Duration::from_secs(120);

/// A payer that remembers what it asked for, and what it was told.
struct Payer {
    party: Party,
    barcode: String,
    attempts: Vec<Attempt>,
}

/// A payment, under the id it is asked for again and again until there is an answer.
struct Attempt {
    id: TransferId,
    amount: u64,
    acknowledged: Option<Transfer>,
}

impl Payer {
    /// The payment that is to be sent next: one without an answer, else a new one.
    fn next(&mut self) -> &mut Attempt {
        let open = self.attempts.iter().position(|attempt| attempt.acknowledged.is_none());
        let index = open.unwrap_or_else(|| {
            let amount = 1 + self.attempts.len() as u64 % 97;
            self.attempts.push(Attempt { id: new_transfer_id().unwrap(), amount, acknowledged: None });
            self.attempts.len() - 1
        });
        &mut self.attempts[index]
    }

    /// Sends the next payment. Says whether there was an answer.
    async fn send(&mut self) -> bool {
        let (party, barcode) = (self.party.clone(), self.barcode.clone());
        let attempt = self.next();
        let new = Payment { id: attempt.id, amount: Some(attempt.amount), ..payment(&party, &barcode) };
        match party.client.pay(&new).await {
            Ok(transfer) => {
                assert_eq!((transfer.id, transfer.amount), (attempt.id, attempt.amount));
                assert_eq!(transfer.status, TransferStatus::Settled);
                attempt.acknowledged = Some(transfer);
                true
            }
            Err(error) if error.is_open() => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Pays until the server is gone.
    async fn pay_until_it_ends(mut self, answered: Arc<watch::Sender<usize>>) -> Self {
        // Connections of the server before are of no use any more.
        self.party.client = self.party.client.apart();
        while self.send().await {
            answered.send_modify(|count| *count += 1);
        }
        self
    }
}

/// Somebody who follows the events of the payee, across every crash.
struct Follower {
    client: Client,
    last: u64,
    seen: Vec<(u64, TransferId)>,
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
                self.seen.push((notice.position, notice.notification.transfer.id));
            } else {
                assert!(self.seen.contains(&(notice.position, notice.notification.transfer.id)));
            }
        }
        self
    }
}

/// Checks, on a server that just started, that what was acknowledged is there, and nothing that was not asked for.
async fn check(server: &Server, payee: &Party, payers: &[Payer]) {
    let operator = server.operator();
    let history = operator.all_transfers(payee.wallet, 200).await.unwrap();
    assert!(history.is_sorted_by(|newer, older| newer.position > older.position));
    let mut recorded: HashMap<TransferId, Transfer> =
        history.into_iter().map(|transfer| (transfer.id, transfer)).collect();
    let mut received = 0;
    for payer in payers {
        let mut spent = 0;
        for attempt in &payer.attempts {
            let found = recorded.remove(&attempt.id);
            if let Some(acknowledged) = &attempt.acknowledged {
                assert_eq!(found.as_ref(), Some(acknowledged), "an acknowledged transfer is as it was told");
            }
            if let Some(transfer) = found {
                assert_eq!((transfer.status, transfer.amount), (TransferStatus::Settled, attempt.amount));
                spent += transfer.amount;
            }
        }
        let balance = operator.wallet(payer.party.wallet).await.unwrap().posted;
        assert_eq!(balance, i64::try_from(FUNDS - spent).unwrap());
        received += spent;
    }
    assert!(recorded.is_empty(), "nobody asked for {recorded:#?}");
    assert_eq!(operator.wallet(payee.wallet).await.unwrap().posted, i64::try_from(received).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_to_kill_9() {
    const ROUNDS: usize = 24;
    const PAYERS: usize = 6;
    /// How many answers come before each kill.
    const ANSWERS: [usize; 5] = [1, 40, 7, 90, 20];

    let home = Home::keeping_its_port(BINARY);
    let server = home.start();
    let operator = server.operator();
    register(&operator).await;
    let payee = join(&operator, "payee", KeyAlgorithm::Ed25519).await;
    let open = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) };
    let mut payers = Vec::new();
    for _ in 0..PAYERS {
        let party = join(&operator, "payer", KeyAlgorithm::Ed25519).await;
        fund(&operator, party.wallet, FUNDS).await;
        let barcode = ask(&payee, &open).await.barcode.text;
        payers.push(Payer { party, barcode, attempts: Vec::new() });
    }
    server.kill();

    let mut follower = Follower { client: payee.client.clone(), last: 0, seen: Vec::new() };
    let answered = Arc::new(watch::Sender::new(0));
    let mut cut_off = 0;
    for round in 0..ROUNDS {
        // Another number of threads each time: where wallets live must not matter. And checkpoints as often as can be.
        let server = home.start_with(&["--shards", ["2", "1", "3"][round % 3], "--checkpoint-seconds", "1"]);
        check(&server, &payee, &payers).await;

        let mut changes = answered.subscribe();
        let enough = *changes.borrow_and_update() + ANSWERS[round % ANSWERS.len()];
        let following = tokio::spawn(follower.follow(u64::MAX));
        let mut tasks = JoinSet::new();
        for payer in payers.drain(..) {
            tasks.spawn(payer.pay_until_it_ends(Arc::clone(&answered)));
        }
        let waited = tokio::time::timeout(MAX_WAIT, changes.wait_for(|count| *count >= enough));
        waited
            .await
            .unwrap_or_else(|_| panic!("round {round} gave too few answers within {MAX_WAIT:?}"))
            .unwrap();
        server.kill();
        payers = tasks.join_all().await;
        follower = following.await.unwrap();
        let attempts = payers.iter().flat_map(|payer| &payer.attempts);
        cut_off += attempts.filter(|attempt| attempt.acknowledged.is_none()).count();
    }

    let server = home.start();
    check(&server, &payee, &payers).await;
    for payer in &mut payers {
        payer.party.client = payer.party.client.apart();
        while payer.attempts.iter().any(|attempt| attempt.acknowledged.is_none()) {
            assert!(payer.send().await, "a server that is not killed answers");
        }
    }
    check(&server, &payee, &payers).await;

    let acknowledged =
        payers.iter().flat_map(|payer| &payer.attempts).filter_map(|a| a.acknowledged.as_ref());
    let mut due: Vec<(u64, TransferId)> =
        acknowledged.map(|transfer| (transfer.position, transfer.id)).collect();
    due.sort_unstable();
    let last = due.last().unwrap().0;
    let follower = tokio::time::timeout(MAX_WAIT, follower.follow(last)).await.unwrap();
    assert_eq!(follower.seen, due, "each transfer is told, in the journal's order");

    let (status, said) = server.terminate();
    assert_eq!(status.code(), Some(0), "{said}");
    let audit = home.audit();
    let (report, breach) =
        (String::from_utf8(audit.stdout).unwrap(), String::from_utf8(audit.stderr).unwrap());
    assert_eq!(audit.status.code(), Some(0), "{breach}");
    println!("{} transfers, {ROUNDS} kills, {cut_off} payments cut off by them\n{report}", due.len());
    assert!(cut_off >= ROUNDS, "the kills came in the middle of load");
    assert!(!report.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_stop_keeps_everything() {
    let home = Home::keeping_its_port(BINARY);
    let server = home.start_with(&["--shards", "1"]);
    let operator = server.operator();
    register(&operator).await;
    let payer = join(&operator, "payer", KeyAlgorithm::P256).await;
    let payee = join(&operator, "payee", KeyAlgorithm::Ed25519).await;
    fund(&operator, payer.wallet, 1_000).await;
    let request = ask(&payee, &NewPaymentRequest::of(Some(100), euro())).await;
    let paid = pay(&payer, &request.barcode.text).await.unwrap();
    let unpaid = ask(&payee, &NewPaymentRequest::of(Some(50), euro())).await;
    let account = operator.account(payer.account).await.unwrap();
    // A stream that is open must not hold it up.
    let mut events = payee.client.events(None).await.unwrap();
    let (status, said) = server.terminate();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(matches!(events.next().await, Ok(None) | Err(ClientError::Transport(_))));

    let server = home.start_with(&["--shards", "7"]);
    let operator = server.operator();
    let [payer, payee] = [payer, payee].map(|party| Party { client: party.client.apart(), ..party });
    assert_eq!(operator.account(payer.account).await.unwrap(), account);
    assert_eq!((posted(&payer).await, posted(&payee).await), (900, 100));
    assert_eq!(payer.client.transfer(paid.id).await.unwrap(), paid);
    let spent = pay(&payer, &request.barcode.text).await.unwrap_err();
    assert_eq!(spent.problem().unwrap().slug(), "request-paid");
    pay(&payer, &unpaid.barcode.text).await.unwrap();
    assert_eq!((posted(&payer).await, posted(&payee).await), (850, 150));
}

/// That a server did not start, and said why in these words.
#[track_caller]
fn assert_refused(started: Result<Server, Failed>, words: &[&str]) {
    let Err(Failed { status, said }) = started else { panic!("the server started") };
    assert!(status.code().is_some_and(|code| code != 0), "it must end by itself: {status}\n{said}");
    let said = said.to_lowercase();
    assert!(words.iter().any(|word| said.contains(word)), "none of {words:?} in:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// That the audit of a home's store fails, and says why in these words.
#[track_caller]
fn assert_audit_fails(home: &Home, words: &[&str]) {
    let output = home.audit();
    let said = String::from_utf8(output.stderr).unwrap().to_lowercase();
    assert!(output.status.code().is_some_and(|code| code != 0), "{}\n{said}", output.status);
    assert!(words.iter().any(|word| said.contains(word)), "none of {words:?} in:\n{said}");
}

#[test]
fn a_store_that_is_in_use_is_refused() {
    let home = Home::new(BINARY);
    let _server = home.start();
    assert_refused(home.try_start(&[]), &["in use"]);
    assert_audit_fails(&home, &["in use"]);
}

/// The format file is a pipe, so that the start comes no further than to read it.
#[test]
fn a_signal_during_the_start_ends_it() {
    for signal in ["-TERM", "-INT"] {
        let home = Home::new(BINARY);
        fs::create_dir(home.store()).unwrap();
        let pipe = home.store().join("FORMAT");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut server = home.spawn(&["serve", "--store", "store", "--listen", "127.0.0.1:0"], Stdio::null());
        // Opens once the server does.
        let _held = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        let told = Command::new("kill").args([signal, &server.id().to_string()]).status().unwrap();
        assert!(told.success());
        let until = Instant::now() + Duration::from_secs(10);
        let status = loop {
            if let Some(status) = server.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > until {
                server.kill().unwrap();
                panic!("{signal}: it runs on");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let home = Home::new(BINARY);
    fs::create_dir(home.store()).unwrap();
    fs::write(home.store().join("FORMAT"), "quittance store 5\n").unwrap();
    assert_refused(home.try_start(&[]), &["newer version"]);
    assert_audit_fails(&home, &["newer version"]);
    assert_eq!(fs::read_dir(home.store()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_no_store_is_refused_and_left_alone() {
    let home = Home::new(BINARY);
    assert_audit_fails(&home, &["no store"]);
    fs::create_dir(home.store()).unwrap();
    fs::write(home.store().join("letter.txt"), "dear").unwrap();
    assert_refused(home.try_start(&[]), &["not a quittance store"]);
    assert_audit_fails(&home, &["not a quittance store"]);
    assert_eq!(fs::read_dir(home.store()).unwrap().count(), 1);
}

/// Where a file of a store is damaged, in hundredths of what is used of it.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Everywhere,
    OneBitAt(usize),
}

impl Damage {
    fn apply(self, file: &Path) {
        let mut bytes = fs::read(file).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        match self {
            Self::Everywhere => bytes[64..used].iter_mut().step_by(64).for_each(|byte| *byte ^= 0x10),
            Self::OneBitAt(hundredths) => bytes[used * hundredths / 100] ^= 0x10,
        }
        fs::write(file, bytes).unwrap();
    }
}

/// A bit that was changed is found, or nothing rested on it. Nothing is ever lost in silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_is_refused() {
    const TRANSFERS: usize = 40;
    const WORDS: [&str; 4] = ["damaged", "backup", "missing", "corrupt"];
    let home = Home::keeping_its_port(BINARY);
    let server = home.start();
    let operator = server.operator();
    register(&operator).await;
    let party = join(&operator, "payee", KeyAlgorithm::Ed25519).await;
    for _ in 0..TRANSFERS {
        fund(&operator, party.wallet, 100).await;
    }
    let told = operator.all_transfers(party.wallet, 200).await.unwrap();
    // Not stopped but killed, so that the database has tidied nothing up.
    server.kill();
    let whole = home.path("whole");
    fs::rename(home.store(), &whole).unwrap();

    let bits = (1..=8).map(|tenth| Damage::OneBitAt(10 * tenth));
    let damages: Vec<_> = bits.chain([Damage::Everywhere]).collect();
    let of_file = |file| damages.iter().map(move |damage| (file, *damage));
    let journal = "journal/000000-00000000000000000001.blocks";
    for (file, damage) in of_file("sled/db").chain(of_file(journal)) {
        copy_folder(&whole, &home.store());
        damage.apply(&home.store().join(file));
        match home.try_start(&[]) {
            Ok(server) => {
                let operator = server.operator();
                let found = operator.all_transfers(party.wallet, 200).await;
                let found = found
                    .unwrap_or_else(|error| panic!("{damage:?} of {file} lost a wallet in silence: {error}"));
                assert_eq!(found.len(), told.len(), "{damage:?} of {file} lost transfers in silence");
                assert_eq!(found, told, "{damage:?} of {file} changed transfers in silence");
            }
            refused => {
                assert_refused(refused, &WORDS);
                assert_audit_fails(&home, &WORDS);
            }
        }
        fs::remove_dir_all(home.store()).unwrap();
    }
}

/// All that the database has is made from the journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_database_was_taken_away_makes_it_again() {
    let home = Home::keeping_its_port(BINARY);
    let server = home.start_with(&["--checkpoint-seconds", "1"]);
    let operator = server.operator();
    register(&operator).await;
    let payer = join(&operator, "payer", KeyAlgorithm::P256).await;
    let payee = join(&operator, "payee", KeyAlgorithm::Ed25519).await;
    fund(&operator, payer.wallet, 10_000).await;
    let open = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) };
    let barcode = ask(&payee, &open).await.barcode.text;
    let once = ask(&payee, &NewPaymentRequest::of(Some(70), euro())).await.barcode.text;
    let first = Payment { amount: Some(7), ..payment(&payer, &barcode) };
    let told = payer.client.pay(&first).await.unwrap();
    pay(&payer, &once).await.unwrap();
    for n in 1..30 {
        payer.client.pay(&Payment { amount: Some(n), ..payment(&payer, &barcode) }).await.unwrap();
    }
    let (status, said) = server.terminate();
    assert_eq!(status.code(), Some(0), "{said}");

    let mut seen = Vec::new();
    for is_taken_away in [false, true] {
        if is_taken_away {
            fs::remove_dir_all(home.store().join("sled")).unwrap();
        }
        let server = home.start();
        let operator = server.operator();
        let mut wallets = Vec::new();
        for wallet in [payer.wallet, payee.wallet] {
            wallets.push((
                operator.all_transfers(wallet, 10).await.unwrap(),
                operator.wallet(wallet).await.unwrap(),
            ));
        }
        let head = operator.latest_head().await.unwrap().head;
        let mut receipt: serde_json::Value =
            serde_json::from_slice(&operator.receipt_file(told.id).await.unwrap()).unwrap();
        // It names the time at which it was made.
        assert!(receipt["receipt"].as_object_mut().unwrap().remove("head").is_some());
        seen.push((wallets, (head.position, head.blocks, head.last, head.root), receipt));
        let again = Payment { id: told.id, amount: Some(7), ..payment(&payer, &barcode) };
        assert_eq!(payer.client.apart().pay(&again).await.unwrap(), told);
        server.kill();
    }
    assert_eq!(seen[0], seen[1]);
    let audit = home.audit();
    assert_eq!(audit.status.code(), Some(0), "{}", String::from_utf8_lossy(&audit.stderr));

    let server = home.start();
    let payer = Party { client: payer.client.apart(), ..payer };
    let spent = pay(&payer, &once).await.unwrap_err();
    assert_eq!(spent.problem().unwrap().slug(), "request-paid");
    drop(server);
}
