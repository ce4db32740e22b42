//! The settlement machine under every order in which messages may arrive that a seed can think of.
//!
//! Shards, links and the journal are queues here; a random choice says which of them moves next. Links keep the order
//! between two shards, as mailboxes do, and nothing else is promised. After every step and at the end the plain model
//! of the ledger says whether a rule was broken.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has failed, as it should"
)]

mod world;

use proptest::prelude::*;
use quittance_ledger::{Books, Purpose, Refusal, Wallet, WalletSnapshot};
use quittance_settlement::{Message, Partition, PartitionState, ShardState, Ticket, WalletCommand};
use world::{
    Input, MINUTE_MS, SECOND, START, Sent, WALLETS, World, account_id, device, leg, other, payment, request,
    transfer, transfer_id, wallet_id,
};

/// The fewer wallets there are, the more they get in each other's way.
fn input(most: u8) -> impl Strategy<Value = Input> {
    let wallet = move || prop_oneof![5 => 1..=most, 1 => Just(SECOND)];
    let payee = move || 1..=most;
    let line = move || (payee(), 1..=30_u64, prop_oneof![8 => 0..=4_u8, 1 => Just(9_u8)]);
    let maybe = |most: u64| prop::option::of(1..=most);
    prop_oneof![
        20 => (wallet(), prop::collection::vec(line(), 1..=3), any::<bool>()).prop_map(
            |(payer, mut lines, is_limited)| {
                lines.iter_mut().for_each(|line| line.0 = other(payer, line.0));
                Input::Pay { payer, lines, is_limited }
            }
        ),
        2 => (1..=4_u8).prop_map(|account| Input::Convert { account }),
        8 => (wallet(), payee(), 1..=40_u64, prop_oneof![4 => 0..=2_u8, 1 => 0..=4_u8], 1..=40_u64, any::<bool>())
            .prop_map(|(payer, payee, minor, number, minutes, is_limited)| {
                let payee = other(payer, payee);
                Input::Hold { payer, payee, minor, number, minutes, is_limited }
            }),
        8 => (0..4_usize, 1..=20_u64, any::<bool>())
            .prop_map(|(which, minor, is_final)| Input::Capture { which, minor, is_final }),
        3 => (0..4_usize).prop_map(|which| Input::Release { which }),
        4 => (0..9_usize, 0..5_usize, 1..=20_u64)
            .prop_map(|(which, leg, minor)| Input::Refund { which, leg, minor }),
        2 => (0..9_usize).prop_map(|which| Input::Reverse { which }),
        2 => prop::collection::vec((0..=SECOND, 0..=SECOND, 1..=30_u64), 1..=4)
            .prop_map(|legs| Input::Adjust { legs }),
        2 => (wallet(), any::<bool>()).prop_map(|(wallet, both_ways)| Input::Freeze { wallet, both_ways }),
        3 => wallet().prop_map(|wallet| Input::Unfreeze { wallet }),
        2 => (wallet(), maybe(50), maybe(150), maybe(60)).prop_map(|(wallet, overdraft, ceiling, per_day)| {
            Input::Configure { wallet, overdraft, ceiling, per_day }
        }),
        1 => (1..=2_u8, maybe(60))
            .prop_map(|(account, per_day)| Input::LimitAccount { account, per_day }),
        2 => (payee(), 0..=5_u8).prop_map(|(payee, number)| Input::Cancel { payee, number }),
        1 => wallet().prop_map(|wallet| Input::Close { wallet }),
        3 => prop_oneof![6 => 1..=9_u64, 1 => 60..=300_u64].prop_map(|minutes| Input::Wait { minutes }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn every_interleaving_keeps_the_rules(
        shard_count in 1..=4_usize,
        inputs in (2..=WALLETS).prop_flat_map(|most| {
            prop::collection::vec((input(most), prop::collection::vec(any::<u16>(), 0..12)), 1..80)
        }),
    ) {
        let mut world = World::new(shard_count);
        let mut sent = Sent::default();
        for (input, steps) in inputs {
            sent.send(&mut world, input);
            steps.into_iter().for_each(|choice| world.step(choice));
        }
        sent.check(world);
    }

    /// What a checkpoint takes, put back into fresh shards of another number, is the state it was taken from.
    #[test]
    fn a_checkpoint_restores_what_it_took(inputs in prop::collection::vec(input(WALLETS), 0..60)) {
        let mut world = World::new(2);
        let mut sent = Sent::default();
        for input in inputs {
            sent.send(&mut world, input);
            world.run_dry();
        }
        let mut fresh = Vec::new();
        for partition in Partition::all() {
            let shard = &mut world.shards[partition.shard(2)];
            let dirty = shard.take_dirty(partition).unwrap();
            let mut state = PartitionState::new(partition);
            for (_, page) in dirty.pages {
                let restore = |snapshot: WalletSnapshot| {
                    let mut books = Books::default();
                    for (_, entry, state) in dirty.entries.iter().filter(|(wallet, ..)| *wallet == snapshot.id) {
                        books.restore(*entry, state.clone().unwrap());
                    }
                    Wallet::restore(snapshot, books)
                };
                state.restore_page(page.into_iter().map(restore).collect());
            }
            for snapshot in dirty.allowances {
                state.restore_allowance(quittance_ledger::Allowance::restore(snapshot));
            }
            fresh.push(state);
            prop_assert_eq!(shard.take_dirty(partition), Some(quittance_settlement::Dirty::default()));
        }
        let fresh = ShardState::new(fresh);
        for known in world.model.wallets() {
            let restored = fresh.wallet(known.id()).unwrap();
            prop_assert_eq!(restored, known);
        }
        for known in world.model.allowances() {
            let at = known.snapshot();
            prop_assert_eq!(fresh.allowance(at.account, at.currency), Some(known));
        }
    }
}

#[test]
fn many_race_for_a_one_time_request_and_one_wins() {
    for shard_count in 1..=4 {
        let mut world = World::new(shard_count);
        for payer in 2..=WALLETS {
            world.set_out(payment(usize::from(payer), payer, &[(1, 10, 0)]));
        }
        world.run_dry();
        let settled = world.outcomes.values().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(settled, 1);
        assert_eq!(world.wallet(1).snapshot().posted, START as i64 + 9);
        let refused = world.outcomes.values().filter(|outcome| outcome.is_err()).count();
        assert_eq!(refused, usize::from(WALLETS) - 2);
    }
}

#[test]
fn many_race_to_capture_a_hold_and_no_more_than_it_is_taken() {
    for shard_count in 1..=4 {
        let mut world = World::new(shard_count);
        let terms = request(2, 2).terms;
        let until = world.now.plus_millis(MINUTE_MS);
        let hold = leg(1, 2, 20, Purpose::Hold { terms, until });
        world.set_out(transfer(0, device(1), &[hold]));
        world.run_dry();
        for n in 1..=9 {
            let purpose = Purpose::Capture { hold: transfer_id(0), is_final: n == 9 };
            world.set_out(transfer(n, device(2), &[leg(1, 2, 6, purpose)]));
        }
        world.now = until;
        world.run_dry();
        let taken = world.wallet(2).snapshot().posted - START as i64;
        assert!(taken == 0, "its time was over when they came: {taken}");
        assert_eq!(world.wallet(1).snapshot().held, 0);
        world.check_at_rest();
    }
}

#[test]
fn a_stranger_commands_nothing() {
    let mut world = World::new(2);
    let command = WalletCommand::CancelRequest(request(1, 0).terms.request);
    for (n, account) in [(1, Some(account_id(2))), (0, None), (99, None)] {
        let (wallet, ticket) = (wallet_id(n), Ticket(u64::from(n)));
        world.submit(Message::Command { wallet, account, command: command.clone(), ticket });
    }
    world.run_dry();
    assert!(world.answers.values().all(|answer| *answer == Err(Refusal::WalletUnknown)));
    assert_eq!(world.answers.len(), 3);
}
