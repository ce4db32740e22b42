//! The real binary on a real disk, told to stop, started again, and given stores it must not touch.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on has failed, as it should")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use quittance_gateway::client::{ClientError, NewPaymentRequest, Payment};
use quittance_ledger::{KeyAlgorithm, Usage};
use quittance_test_support::{
    Failed, Home, Party, Server, ask, euro, fund, join, pay, payment, posted, register,
};

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");

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
