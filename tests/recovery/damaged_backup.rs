//! Backups with a bit changed, and targets that must not be touched.

use std::fs;

use crate::bank::{Bank, assert_fails, files, flip, said_position};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_that_was_changed_in_a_backup_is_found_and_named() {
    let (bank, server) = Bank::open().await;
    let mut positions = Vec::new();
    for amount in 1..20 {
        positions.push(bank.pay(amount).await.position);
    }
    let end = bank.back_up();
    let folder = bank.home.path("backup");
    let piece = files(&folder, ".blocks").remove(0);
    let name = piece.file_name().unwrap().to_str().unwrap().to_owned();
    let bytes = fs::read(&piece).unwrap();
    for hundredth in [1, 35, 60, 99] {
        flip(&piece, bytes.len() * hundredth / 100);
        let verified = bank.home.run(&["backup", "verify", "backup"]);
        assert_fails(&verified, 1, &["damaged", &name, "from position "]);
        let said = String::from_utf8(verified.stderr).unwrap();
        let (_, rest) = said.split_once("from position ").unwrap();
        let first: u64 = rest.split(' ').next().unwrap().parse().unwrap();
        assert!(first <= end);
        let refused = bank.home.run(&["restore", "--from", "backup", "--to", "restored"]);
        assert_fails(&refused, 1, &["damaged", &name]);
        assert!(!bank.home.path("restored").exists() && !bank.home.path("restored.unfinished").exists());
        // As it says, what comes before can be had.
        if first > 1 {
            let at = (first - 1).to_string();
            let (to, restore) = (format!("to-{at}"), ["restore", "--from", "backup", "--at", &at, "--to"]);
            let said = bank.home.run_well(&[&restore[..], &[&to]].concat());
            assert_eq!(said_position(&said), first - 1);
        }
        fs::write(&piece, &bytes).unwrap();
    }
    flip(&folder.join("MANIFEST"), 30);
    assert_fails(&bank.home.run(&["backup", "verify", "backup"]), 1, &["damaged", "MANIFEST"]);
    let added = bank.home.run(&["backup", "--store", "store", "--to", "backup"]);
    assert_fails(&added, 1, &["damaged", "MANIFEST"]);
    flip(&folder.join("MANIFEST"), 30);
    fs::remove_file(&piece).unwrap();
    assert_fails(&bank.home.run(&["backup", "verify", "backup"]), 1, &[&name, "missing"]);
    fs::write(&piece, &bytes).unwrap();
    bank.home.run_well(&["backup", "verify", "backup"]);

    // Nothing is written over, and nothing else is taken for what it is not.
    let over = bank.home.run(&["restore", "--from", "backup", "--to", "store"]);
    assert_fails(&over, 1, &["there is something at store already"]);
    assert_fails(
        &bank.home.run(&["restore", "--from", "keys", "--to", "new"]),
        1,
        &["there is no backup in keys"],
    );
    let into_keys = bank.home.run(&["backup", "--store", "store", "--to", "keys"]);
    assert_fails(&into_keys, 1, &["keys is not a backup"]);
    assert_fails(
        &bank.home.run(&["backup", "--store", "none", "--to", "new"]),
        1,
        &["there is no store at none"],
    );
    assert!(!bank.home.path("new").exists());
    for wrong in [&["backup"][..], &["backup", "--store", "store"], &["backup", "verify"], &["restore"]] {
        assert_eq!(bank.home.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    drop(server);
    bank.audit("store");
}
