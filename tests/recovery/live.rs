//! Backups of a server while it is paid at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quittance_gateway::client::{Payment, Transfer};
use quittance_test_support::payment;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};

use crate::bank::{Bank, said_position};

/// Every backup has all that was acknowledged before it began, and what is made of the last one is the bank as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_has_all_that_was_acknowledged() {
    const PAYERS: usize = 4;
    /// How many payments come between two backups.
    const PAYMENTS: [usize; 6] = [1, 40, 3, 80, 0, 25];

    let (mut bank, server) = Bank::open().await;
    let paid = Arc::new(watch::Sender::new(Vec::<Transfer>::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for payer in 0..PAYERS {
        let (paid, is_over) = (Arc::clone(&paid), Arc::clone(&is_over));
        let (party, barcode) = (bank.payer.clone(), bank.barcode.clone());
        tasks.spawn(async move {
            let mut amount = 1 + payer as u64;
            while !is_over.load(Ordering::Relaxed) {
                let new = Payment { amount: Some(amount), ..payment(&party, &barcode) };
                let transfer = party.client.pay(&new).await.unwrap();
                paid.send_modify(|all| all.push(transfer));
                amount = amount % 97 + 1;
            }
        });
    }
    let mut changes = paid.subscribe();
    let mut before = 0;
    for more in PAYMENTS {
        let enough = changes.borrow_and_update().len() + more;
        changes.wait_for(|all| all.len() >= enough).await.unwrap();
        let acknowledged = changes.borrow().iter().map(|transfer| transfer.position).max().unwrap_or(0);
        let position = block_in_place(|| bank.back_up());
        assert!(position >= acknowledged && position >= before, "{position} {acknowledged} {before}");
        let verified = block_in_place(|| bank.home.run_well(&["backup", "verify", "backup"]));
        assert_eq!(said_position(&verified), position);
        before = position;
    }
    is_over.store(true, Ordering::Relaxed);
    tasks.join_all().await;
    let paid = paid.borrow().clone();
    let received = bank.received().await;
    assert_eq!(received, paid.iter().map(|transfer| transfer.amount).sum::<u64>());
    let last = bank.back_up();
    let said = bank.home.run_well(&["backup", "--store", "store", "--to", "backup"]);
    assert!(said.contains(&format!("new        nothing since position {last}\n")), "{said}");
    // Of a server that was killed, and of one that was never asked.
    server.kill();
    assert_eq!(bank.back_up(), last);
    let kept = bank.home.run_well(&["backup", "verify", "backup", "--keys", "keys"]);
    assert!(kept.contains("keys       those of the store\n"), "{kept}");

    let said = bank.home.run_well(&["restore", "--from", "backup", "--to", "restored"]);
    assert!(said.contains("everything holds\n") && said_position(&said) == last, "{said}");
    bank.audit("restored");
    let server = bank.start_on("restored");
    assert_eq!(bank.received().await, received);
    for transfer in paid.iter().step_by(7) {
        assert_eq!(bank.repeat(transfer).await.unwrap(), *transfer, "what was done stays done");
    }
    assert_eq!(bank.received().await, received);
    // The backup goes on from the store that was made of it.
    let next = bank.pay(5).await;
    assert!(bank.back_up() >= next.position);
    bank.home.run_well(&["backup", "verify", "backup"]);
    drop(server);
    bank.audit("store");
}
