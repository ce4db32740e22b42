//! Stores with damage in one place each: what `serve` says, and what `repair` salvages.

use std::fs;
use std::path::Path;
use std::process::Output;

use quittance_gateway::client::Transfer;
use quittance_test_support::copy_folder;

use crate::bank::{Bank, assert_fails, flip, said_position};

const JOURNAL: &str = "journal/000000-00000000000000000001.blocks";

/// Where the blocks of a journal's file begin, and the position of the first record of each.
fn blocks(file: &Path) -> Vec<(usize, u64)> {
    let bytes = fs::read(file).unwrap();
    let number = |at: usize, bytes_: usize| {
        let mut number = [0; 8];
        number[..bytes_].copy_from_slice(&bytes[at..at + bytes_]);
        u64::from_le_bytes(number)
    };
    let (mut found, mut at) = (Vec::new(), 0);
    while bytes[at..].starts_with(b"QTB2") {
        found.push((at, number(at + 12, 8)));
        at += 124 + usize::try_from(number(at + 24, 4)).unwrap();
    }
    found
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_whole_of_a_damaged_store_is_salvaged() {
    let (mut bank, server) = Bank::open().await;
    let mut paid: Vec<Transfer> = Vec::new();
    for amount in 1..=24 {
        paid.push(bank.pay(amount).await);
    }
    assert!(paid.is_sorted_by_key(|transfer| transfer.position));
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");
    let whole = bank.home.path("whole");
    copy_folder(&bank.home.store(), &whole);
    let blocks = blocks(&whole.join(JOURNAL));
    let count = blocks.len();
    assert!(count > 20, "{blocks:?}");

    for (name, block, offset) in
        [("early", 3, 130), ("middle", count / 2, 200), ("header", count - 4, 50), ("last", count - 1, 150)]
    {
        let store = bank.home.path(&format!("{name}-damaged"));
        copy_folder(&whole, &store);
        let (start, first) = blocks[block];
        flip(&store.join(JOURNAL), start + offset);
        let damaged = fs::read(store.join(JOURNAL)).unwrap();
        let store = store.to_str().unwrap();
        // It is found, and named by its position.
        let serve = bank.home.run(&["serve", "--store", store, "--keys", "keys", "--listen", "127.0.0.1:0"]);
        assert_fails_with(&serve, &["damaged", "quittance repair"]);
        let audit = bank.home.run(&["audit", store]);
        assert_fails(&audit, 1, &["damaged", "position"]);

        let repaired = bank.home.run(&["repair", store, "--to", name]);
        let report = said(&repaired);
        assert_eq!(repaired.status.code(), Some(3), "{report}");
        assert!(report.contains(&format!("damage     at position {first}, in ")), "{report}");
        assert!(report.contains(&format!("at byte {start}: ")), "{report}");
        assert!(report.contains("lost       ") && report.contains("everything holds\n"), "{report}");
        assert_eq!(said_position(&report), first - 1);
        assert!(fs::read(Path::new(store).join(JOURNAL)).unwrap() == damaged);
        // What comes after the damaged block is listed, and nothing else.
        let next = blocks.get(block + 1).map_or(u64::MAX, |(_, first)| *first);
        let list = bank.home.path(&format!("{name}.beyond.txt"));
        let listed = fs::read_to_string(&list).unwrap_or_default();
        assert_eq!(list.exists(), next != u64::MAX);
        for Transfer { id, position, amount, .. } in &paid {
            let line = format!("{position} ");
            let line = listed.lines().find(|listed| listed.starts_with(&line));
            assert_eq!(line.is_some(), *position >= next, "{position}: {listed}");
            if let Some(line) = line {
                let money = format!("pays 0.{amount:02} EUR from {}", bank.payer.wallet);
                assert!(line.contains(&format!("transfer {id} settled: {money}")), "{line}");
            }
        }
        if first <= paid[0].position {
            continue;
        }
        bank.audit(name);
        let server = bank.start_on(name);
        let kept: Vec<_> = paid.iter().filter(|transfer| transfer.position < first).collect();
        assert_eq!(bank.received().await, kept.iter().map(|transfer| transfer.amount).sum::<u64>());
        for transfer in kept {
            assert_eq!(bank.repeat(transfer).await.unwrap(), *transfer);
        }
        drop(server);
    }
}

#[track_caller]
fn assert_fails_with(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lost_other_files_is_salvaged_whole() {
    let (mut bank, server) = Bank::open().await;
    let paid = bank.pay(7).await;
    let in_use = bank.home.run(&["repair", "store", "--to", "new"]);
    assert_fails(&in_use, 1, &["in use"]);
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");
    let whole = bank.home.path("whole");
    copy_folder(&bank.home.store(), &whole);
    for (name, lost, words) in [
        ("no-end", "END", "unsure "),
        ("no-database", "sled/db", "no damage "),
        ("no-format", "FORMAT", "no damage "),
        ("no-keys", "KEYS", "no damage "),
    ] {
        let store = bank.home.path(&format!("{name}-damaged"));
        copy_folder(&whole, &store);
        fs::remove_file(store.join(lost)).unwrap();
        let store = store.to_str().unwrap();
        let mut args = vec!["repair", store, "--to", name];
        if lost == "KEYS" {
            assert_fails(&bank.home.run(&args), 1, &["--keys"]);
            args.extend(["--keys", "keys"]);
        }
        let report = bank.home.run_well(&args);
        assert!(report.contains(words) && report.contains("everything holds\n"), "{name}: {report}");
        assert!(!bank.home.path(&format!("{name}.beyond.txt")).exists());
        let server = bank.start_on(name);
        assert_eq!(bank.repeat(&paid).await.unwrap(), paid);
        drop(server);
    }
    // Nothing of it is left.
    let journal = bank.home.path("whole").join(JOURNAL);
    flip(&journal, 150);
    let nothing = bank.home.run(&["repair", "whole", "--to", "none"]);
    assert_fails(&nothing, 1, &["nothing to salvage", "restore a backup"]);
    assert!(said(&nothing).contains("damage     at position 1, in "), "{}", said(&nothing));
    assert!(!bank.home.path("none").exists() && bank.home.path("none.beyond.txt").exists());
    // The list of an earlier try is not written over.
    let again = bank.home.run(&["repair", "whole", "--to", "none"]);
    assert_fails(&again, 1, &["none.beyond.txt"]);
}
