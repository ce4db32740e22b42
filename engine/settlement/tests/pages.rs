//! Pages of wallets: what a checkpoint takes of a partition, page by page, is what the partition holds.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use quittance_ledger::{AccountId, CurrencyCode, Event, Timestamp, Wallet, WalletId, WalletSnapshot};
use quittance_settlement::{Dirty, PageNumber, Partition, PartitionState, WALLETS_PER_PAGE};

const MOST: usize = 3 * WALLETS_PER_PAGE as usize;

/// As many wallets as a test needs of one partition.
fn ids() -> Vec<WalletId> {
    let numbered = |n: u32| {
        let [a, b, c, d] = n.to_be_bytes();
        WalletId::from_bytes([a, b, c, d, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1]).unwrap()
    };
    let partition = Partition::of(numbered(0));
    (0..).map(numbered).filter(|id| Partition::of(*id) == partition).take(MOST).collect()
}

fn opened(wallet: WalletId) -> Wallet {
    let currency: CurrencyCode = "EUR".parse().unwrap();
    let account = AccountId::from_bytes(wallet.to_bytes()).unwrap();
    Wallet::opened_by(&Event::WalletOpened { wallet, account, currency, name: None }).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Open,
    Freeze(prop::sample::Index),
    /// Writes what changed.
    Checkpoint,
    /// Begins again from what was written, with what came after.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Open),
        2 => any::<prop::sample::Index>().prop_map(Step::Freeze),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Restart),
    ]
}

/// What was written, and what came after it.
struct Disk {
    pages: BTreeMap<PageNumber, Vec<WalletSnapshot>>,
    since: Vec<Event>,
}

impl Disk {
    fn write(&mut self, dirty: Dirty) {
        self.pages.extend(dirty.pages);
        self.since.clear();
    }

    fn restored(&self, partition: Partition) -> PartitionState {
        let mut state = PartitionState::new(partition);
        for page in self.pages.values() {
            let restore = |wallet: &WalletSnapshot| Wallet::restore(wallet.clone(), Default::default());
            state.restore_page(page.iter().map(restore).collect());
        }
        for event in &self.since {
            match Wallet::opened_by(event) {
                Some(opened) => state.open(opened),
                None => event.wallets().for_each(|id| state.replay(id, event)),
            }
        }
        state
    }
}

proptest! {
    #[test]
    fn a_partition_is_what_was_written_of_it_and_what_came_after(steps in prop::collection::vec(step(), 0..400)) {
        let ids = ids();
        let partition = Partition::of(ids[0]);
        let mut state = PartitionState::new(partition);
        let mut disk = Disk { pages: BTreeMap::new(), since: Vec::new() };
        for step in steps {
            let known = state.wallet_count();
            match step {
                Step::Open if known < ids.len() => {
                    let wallet = opened(ids[known]);
                    let account = AccountId::from_bytes(ids[known].to_bytes()).unwrap();
                    let currency = wallet.currency();
                    state.open(wallet);
                    disk.since.push(Event::WalletOpened { wallet: ids[known], account, currency, name: None });
                }
                Step::Freeze(index) if known > 0 => {
                    let frozen = ids[index.index(known)];
                    let event = Event::WalletFrozen { wallet: frozen, both_ways: false };
                    state.replay(frozen, &event);
                    disk.since.push(event);
                }
                Step::Checkpoint => {
                    let dirty = state.take_dirty(Timestamp::EPOCH);
                    prop_assert!(dirty.pages.iter().all(|(_, page)| page.len() <= WALLETS_PER_PAGE as usize));
                    disk.write(dirty);
                    prop_assert!(state.take_dirty(Timestamp::EPOCH).is_empty(), "what is written is not dirty");
                }
                Step::Restart => state = disk.restored(partition),
                Step::Open | Step::Freeze(_) => {}
            }
            prop_assert!(state.wallets().eq(disk.restored(partition).wallets()));
            prop_assert!(state.wallets().all(|wallet| state.wallet(wallet.id()) == Some(wallet)));
        }
    }
}

/// A transfer between two of many wallets writes two pages at most, and those alone.
#[test]
fn what_did_not_change_is_not_written() {
    let ids = ids();
    let mut state = PartitionState::new(Partition::of(ids[0]));
    ids.iter().for_each(|id| state.open(opened(*id)));
    assert_eq!(state.take_dirty(Timestamp::EPOCH).pages.len(), 3);
    let wallet = ids[WALLETS_PER_PAGE as usize];
    state.replay(wallet, &Event::WalletFrozen { wallet, both_ways: true });
    let dirty = state.take_dirty(Timestamp::EPOCH);
    let [(number, page)] = dirty.pages.as_slice() else { panic!("{dirty:?}") };
    assert_eq!((number.get(), page.len(), page[0].id), (1, 64, wallet));
}
