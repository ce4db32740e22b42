//! Backups that are killed in the middle.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use http::Method;
use quittance_gateway::client::{Body, new_transfer_id};
use quittance_test_support::{Server, euro};
use serde_json::json;

use crate::bank::{Bank, said_position};

const MAX_WAIT: Duration = Duration::from_secs(60);
const BATCH: usize = 8_000;

/// Many transfers at once.
async fn grow(bank: &Bank, server: &Server) {
    let transfers: Vec<_> = (0..BATCH)
        .map(|_| {
            let id = new_transfer_id().unwrap();
            json!({"id": id, "payer": bank.payer.wallet, "payee": bank.payee.wallet, "amount": 1, "currency": euro()})
        })
        .collect();
    let body = Body::json(&json!({ "transfers": transfers })).unwrap();
    let answer = server.operator().request(Method::POST, "/v1/transfers/batch", body).await.unwrap();
    assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
}

/// Backs up until there are so many bytes of what is new, and is killed then. Says whether it was.
fn back_up_and_be_killed(bank: &Bank, folder: &Path, bytes: u64) -> bool {
    let mut child = bank.home.spawn(&["backup", "--store", "store", "--to", "backup"], Stdio::null());
    let until = Instant::now() + MAX_WAIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return false;
        }
        let written = fs::metadata(folder.join("piece.unfinished")).map_or(0, |metadata| metadata.len());
        if written >= bytes {
            child.kill().unwrap();
            return !child.wait().unwrap().success();
        }
        assert!(Instant::now() < until, "no backup within {MAX_WAIT:?}");
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_killed_leaves_the_one_before() {
    const BATCHES: usize = 6;
    let (bank, server) = Bank::open().await;
    bank.pay(3).await;
    let before = bank.back_up();
    let folder = bank.home.path("backup");
    let manifest = fs::read(folder.join("MANIFEST")).unwrap();
    for _ in 0..BATCHES {
        grow(&bank, &server).await;
    }
    let mut kills = 0;
    for bytes in [0, 1, 100_000, 1_000_000, 4_000_000] {
        if !back_up_and_be_killed(&bank, &folder, bytes) {
            // It was too quick, and is whole.
            break;
        }
        kills += 1;
        assert!(fs::read(folder.join("MANIFEST")).unwrap() == manifest);
        let verified = bank.home.run_well(&["backup", "verify", "backup"]);
        assert_eq!(said_position(&verified), before, "killed at {bytes} bytes");
    }
    assert!(kills >= 3, "{kills} were killed in the middle");
    let restored = bank.home.run_well(&["restore", "--from", "backup", "--to", "restored"]);
    assert!(said_position(&restored) >= before);
    // The next run makes good.
    let now = bank.back_up();
    assert!(now >= before + (BATCH * BATCHES) as u64);
    assert!(!folder.join("piece.unfinished").exists());
    assert_eq!(said_position(&bank.home.run_well(&["backup", "verify", "backup"])), now);
    drop(server);
    bank.home.run_well(&["restore", "--from", "backup", "--to", "all"]);
    bank.audit("all");
}
