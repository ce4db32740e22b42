//! Going back: stores that are made of a backup up to a position, and up to a time.

use quittance_gateway::client::{Transfer, unix_millis};

use crate::bank::{Bank, assert_fails};

/// A payment in a millisecond of its own.
async fn pay_later(bank: &Bank, amount: u64) -> Transfer {
    let before = unix_millis();
    while unix_millis() <= before {
        std::thread::yield_now();
    }
    let transfer = bank.pay(amount).await;
    let paid = unix_millis();
    while unix_millis() <= paid {
        std::thread::yield_now();
    }
    transfer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_can_be_taken_back_to_a_position_and_to_a_time() {
    let (mut bank, server) = Bank::open().await;
    let mut paid = Vec::new();
    for amount in [1, 10, 100, 1_000, 10_000] {
        paid.push(pay_later(&bank, amount).await);
    }
    bank.back_up();
    drop(server);
    let position = paid[2].position.to_string();
    for (name, point, is_third_there) in
        [("at", ["--at", &position], true), ("before", ["--before", &paid[2].at], false)]
    {
        let args = [&["restore", "--from", "backup", "--to", name], point.as_slice()].concat();
        let said = bank.home.run_well(&args);
        assert!(said.contains("left out   "), "{said}");
        bank.audit(name);
        let server = bank.start_on(name);
        for (index, transfer) in paid.iter().enumerate() {
            let is_there = index < 2 || (index == 2 && is_third_there);
            assert_eq!(bank.knows(transfer.id).await, is_there, "{name} {index}");
        }
        let mut received = if is_third_there { 111 } else { 11 };
        assert_eq!(bank.received().await, received, "{name}");
        // What is gone was never done: it is done when it is asked again, and then once.
        let again = bank.repeat(&paid[3]).await.unwrap();
        received += paid[3].amount;
        assert_eq!(bank.repeat(&paid[3]).await.unwrap(), again);
        assert_eq!(bank.received().await, received, "{name}");
        // It is another history from here on, and is not mixed with the one that was backed up.
        let mixed = bank.home.run(&["backup", "--store", "store", "--to", "backup"]);
        assert_fails(&mixed, 1, &["restored to what was before", "another folder"]);
        bank.home.run_well(&["backup", "--store", "store", "--to", &format!("backup-{name}")]);
        drop(server);
        bank.audit("store");
    }
    let restore =
        |more: &[&str]| bank.home.run(&[&["restore", "--from", "backup", "--to", "none"], more].concat());
    assert_fails(&restore(&["--at", "1000000"]), 1, &["the backup ends at position"]);
    assert_fails(&restore(&["--at", "0"]), 1, &["no record up to that point"]);
    assert_fails(&restore(&["--before", "2020-01-01T00:00:00Z"]), 1, &["no record up to that point"]);
    for wrong in [&["--at", "9", "--before", "2026-01-01T00:00:00Z"][..], &["--before", "2026-01-01"]] {
        assert_eq!(restore(wrong).status.code(), Some(2), "{wrong:?}");
    }
    assert!(!bank.home.path("none").exists() && !bank.home.path("none.unfinished").exists());
}
