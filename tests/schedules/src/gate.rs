//! The turns of requests: taken, waited for, passed on and given up.

use std::sync::Arc;
use std::time::Duration;

use quittance_ledger::AccountId;
use shuttle::future::{block_on, spawn};
use shuttle::sync::atomic::{AtomicUsize, Ordering};

use crate::turns::{Bounds, Party, Turns};

const BOUNDS: Bounds = Bounds { max_at_once: 2, max_at_once_per_party: 1, max_waiting: 2 };

fn account(n: u8) -> Party {
    Party::Account(AccountId::from_bytes([n; 16]).unwrap())
}

/// No more have their turn than may, and at the end every turn is free again.
pub fn turns_are_never_lost() {
    let turns = Turns::new("schedules", BOUNDS, Duration::from_secs(3_600));
    let at_once = Arc::new(AtomicUsize::new(0));
    block_on(async {
        let asking: Vec<_> = [1, 1, 1, 2, 2, 3]
            .map(|n| {
                let (turns, at_once) = (turns.clone(), Arc::clone(&at_once));
                spawn(async move {
                    if let Ok(turn) = turns.take(account(n)).await {
                        assert!(at_once.fetch_add(1, Ordering::SeqCst) < BOUNDS.max_at_once);
                        shuttle::future::yield_now().await;
                        at_once.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                    }
                })
            })
            .into();
        for task in asking {
            task.await.unwrap();
        }
        all_are_free(&turns).await;
    });
}

/// Some go away while they wait, or with a turn on its way to them.
pub fn everybody_leaves() {
    let turns = Turns::new("schedules", BOUNDS, Duration::from_secs(3_600));
    block_on(async {
        let first = turns.take(account(1)).await.unwrap();
        let waiting: Vec<_> = [1, 1]
            .map(|n| {
                let turns = turns.clone();
                spawn(async move { drop(turns.take(account(n)).await) })
            })
            .into();
        shuttle::future::yield_now().await;
        let leaving = spawn(async move { drop(first) });
        waiting[0].abort();
        leaving.await.unwrap();
        for task in waiting {
            let _ = task.await;
        }
        all_are_free(&turns).await;
    });
}

async fn all_are_free(turns: &Turns) {
    let (first, second) = (turns.take(account(8)).await, turns.take(account(9)).await);
    assert!(first.is_ok() && second.is_ok());
}
