//! Backups that are killed in the middle, and disks that give no more room.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use quittance_gateway::client::{Body, new_transfer_id};
use quittance_test_support::{Server, euro};
use serde_json::json;

use crate::BINARY;
use crate::bank::{Bank, assert_fails, said_position};

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

/// Runs a command that may write no file of more than so many times 512 bytes: it is told of that as of a full disk.
fn run_with_little_room(bank: &Bank, blocks: &str, arguments: &[&str]) -> Output {
    let limited = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", limited, blocks, BINARY]).args(arguments).current_dir(bank.home.path(""));
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_gives_no_more_room_costs_nothing() {
    let (bank, server) = Bank::open().await;
    let before = bank.back_up();
    grow(&bank, &server).await;
    let arguments = ["backup", "--store", "store", "--to", "backup"];
    assert_fails(&run_with_little_room(&bank, "64", &arguments), 1, &["piece.unfinished", "it is as it was"]);
    assert_eq!(said_position(&bank.home.run_well(&["backup", "verify", "backup"])), before);
    let now = bank.back_up();
    assert!(now > before);
    drop(server);
    // Too little for the end mark, for a segment, and for the database.
    for blocks in ["8", "64", "3000"] {
        for arguments in
            [&["restore", "--from", "backup", "--to", "new"][..], &["repair", "store", "--to", "new"]]
        {
            let made = run_with_little_room(&bank, blocks, arguments);
            assert_fails(&made, 1, &["File too large"]);
            for left in ["new", "new.unfinished", "new.beyond.txt"] {
                assert!(!bank.home.path(left).exists(), "{blocks} {arguments:?}: {left}");
            }
        }
    }
    let said = bank.home.run_well(&["restore", "--from", "backup", "--to", "new"]);
    assert_eq!(said_position(&said), now);
}
