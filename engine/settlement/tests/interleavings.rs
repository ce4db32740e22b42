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
use quittance_ledger::{
    Amount, Authority, Books, Leg, LegId, Limits, Original, Purpose, Refusal, Transfer, TransferId, Usage,
    Wallet, WalletSettings, WalletSnapshot,
};
use quittance_settlement::{Message, Partition, PartitionState, ShardState, Ticket, WalletCommand};
use world::{
    MINUTE_MS, SECOND, START, WALLETS, World, account_id, amount, device, eur, fee, leg, owner, payment,
    request, transfer, transfer_id, wallet_id,
};

#[derive(Clone, Debug)]
enum Input {
    Pay { payer: u8, lines: Vec<(u8, u64, u8)>, is_limited: bool },
    Convert { account: u8 },
    Hold { payer: u8, payee: u8, minor: u64, number: u8, minutes: u64, is_limited: bool },
    Capture { which: usize, minor: u64, is_final: bool },
    Release { which: usize },
    Refund { which: usize, leg: usize, minor: u64 },
    Reverse { which: usize },
    Adjust { legs: Vec<(u8, u8, u64)> },
    Freeze { wallet: u8, both_ways: bool },
    Unfreeze { wallet: u8 },
    Configure { wallet: u8, overdraft: Option<u64>, ceiling: Option<u64>, per_day: Option<u64> },
    LimitAccount { account: u8, per_day: Option<u64> },
    Cancel { payee: u8, number: u8 },
    Close { wallet: u8 },
    Wait { minutes: u64 },
}

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

/// Mostly another than oneself.
fn other(payer: u8, payee: u8) -> u8 {
    if payee == payer { payee % WALLETS + 1 } else { payee }
}

/// What was sent out.
#[derive(Default)]
struct Sent {
    transfers: usize,
    commands: u64,
    /// Payer, payee and id of each hold.
    holds: Vec<(u8, u8, TransferId)>,
}

impl Sent {
    fn set_out(&mut self, world: &mut World, transfer: Transfer) {
        assert_eq!(transfer.id, transfer_id(self.transfers), "ids follow one another");
        self.transfers += 1;
        world.set_out(transfer);
    }

    fn command(&mut self, world: &mut World, wallet: u8, command: WalletCommand) {
        self.commands += 1;
        let ticket = Ticket(self.commands);
        world.submit(Message::Command { wallet: wallet_id(wallet), account: None, command, ticket });
    }

    /// A hold that was not refused, as far as is known.
    fn hold(&self, world: &World, which: usize) -> Option<(u8, u8, TransferId)> {
        let may_be_there = |id| world.outcomes.get(id).is_none_or(Result::is_ok);
        self.holds.iter().rev().filter(|(.., id)| may_be_there(id)).nth(which).copied()
    }

    fn send(&mut self, world: &mut World, input: Input) {
        let n = self.transfers;
        match input {
            Input::Pay { payer, lines, is_limited } => {
                let payment = payment(n, payer, &lines);
                self.set_out(world, Transfer { is_account_limited: is_limited, ..payment });
            }
            Input::Convert { account } => {
                self.set_out(world, payment(n, account, &[(world::MAKER, 10, account + 4)]));
            }
            Input::Hold { payer, payee, minor, number, minutes, is_limited } => {
                // Most are of a sticker, which can be held for as short as one likes, so that many expire.
                let terms = request(payee, if minutes % 3 > 0 { 2 } else { number }).terms;
                let soon = world.now.plus_millis(minutes * MINUTE_MS);
                let until = match terms.usage {
                    Usage::OneTime => terms.expires_at.unwrap_or(soon).max(soon),
                    Usage::Reusable | Usage::Parts => soon,
                };
                let minor = terms.amount.map_or(minor, Amount::get);
                let hold = leg(payer, payee, minor, Purpose::Hold { terms, until });
                self.holds.push((payer, payee, transfer_id(n)));
                let hold = transfer(n, device(owner(payer)), &[hold]);
                self.set_out(world, Transfer { is_account_limited: is_limited, ..hold });
            }
            Input::Capture { which, minor, is_final } => {
                let Some((payer, payee, hold)) = self.hold(world, which) else { return };
                let taken = leg(payer, payee, minor, Purpose::Capture { hold, is_final });
                let legs: Vec<Leg> = std::iter::once(taken).chain(fee(&taken)).collect();
                self.set_out(world, transfer(n, device(owner(payee)), &legs));
            }
            Input::Release { which } => {
                let Some((payer, _, hold)) = self.hold(world, which) else { return };
                self.command(world, payer, WalletCommand::Release(hold));
            }
            Input::Refund { which, leg, minor } => {
                let Some((refund, _)) = back(world, which, Purpose::Refund) else { return };
                // The engine looks up whether a leg can be refunded.
                let is_refundable = |leg: &&(Leg, Purpose)| match leg.1 {
                    Purpose::Payment(terms) => request(world::MAKER, 5).terms.kind != terms.kind,
                    Purpose::Capture { .. } => true,
                    _ => false,
                };
                let refundable: Vec<_> = refund.iter().filter(is_refundable).collect();
                let Some((refund, _)) = refundable.get(leg % refundable.len().max(1)) else { return };
                let minor = amount(minor.min(refund.amount.get() + 1));
                self.set_out(world, transfer(n, Authority::Operator, &[Leg { amount: minor, ..*refund }]));
            }
            Input::Reverse { which } => {
                let Some((legs, _)) = back(world, which, Purpose::Reversal) else { return };
                let can_be_reversed = |purpose: &Purpose| {
                    !matches!(purpose, Purpose::Refund(_) | Purpose::Reversal(_) | Purpose::Hold { .. })
                };
                if legs.iter().all(|(_, purpose)| can_be_reversed(purpose)) {
                    let legs: Vec<Leg> = legs.into_iter().map(|(leg, _)| leg).collect();
                    self.set_out(world, transfer(n, Authority::Operator, &legs));
                }
            }
            Input::Adjust { legs } => {
                let legs = legs
                    .into_iter()
                    .map(|(payer, payee, minor)| leg(payer, payee, minor, Purpose::Adjustment));
                self.set_out(world, transfer(n, Authority::Operator, &legs.collect::<Vec<_>>()));
            }
            Input::Freeze { wallet, both_ways } => {
                self.command(world, wallet, WalletCommand::Freeze { both_ways });
            }
            Input::Unfreeze { wallet } => self.command(world, wallet, WalletCommand::Unfreeze),
            Input::Configure { wallet, overdraft, ceiling, per_day } => {
                let limits = Limits { per_day: per_day.map(amount), ..Limits::default() };
                let (overdraft, ceiling) = (overdraft.map(amount), ceiling.map(amount));
                let settings = WalletSettings { overdraft, ceiling, limits, zone: None };
                self.command(world, wallet, WalletCommand::Configure(Box::new(settings)));
            }
            Input::LimitAccount { account, per_day } => {
                self.commands += 1;
                let limits = Limits { per_day: per_day.map(amount), ..Limits::default() };
                let (account, ticket) = (account_id(account), Ticket(self.commands));
                world.submit(Message::LimitAccount { account, currency: eur(), limits, ticket });
            }
            Input::Cancel { payee, number } => {
                let request = request(payee, number).terms.request;
                self.command(world, payee, WalletCommand::CancelRequest(request));
            }
            Input::Close { wallet } => self.command(world, wallet, WalletCommand::Close),
            Input::Wait { minutes } => world.wait(minutes),
        }
    }
}

/// The legs that give back what a transfer moved, each with what it was for, and the transfer.
fn back(
    world: &World,
    which: usize,
    purpose: impl Fn(Original) -> Purpose,
) -> Option<(Vec<(Leg, Purpose)>, Transfer)> {
    let (at, settled) = world.settled.iter().rev().nth(which)?;
    let legs = settled.legs().enumerate().map(|(number, moved)| {
        let id = LegId { transfer: settled.id, leg: number as u8 };
        let purpose = purpose(Original { id, amount: moved.amount, at: *at });
        (Leg { payer: moved.payee, payee: moved.payer, purpose, ..*moved }, moved.purpose)
    });
    Some((legs.collect(), settled.clone()))
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
        world.run_dry();
        prop_assert_eq!(world.outcomes.len(), sent.transfers, "every transfer has an outcome");
        prop_assert_eq!(world.answers.len() as u64, sent.commands, "every command is answered");
        world.check_at_rest();
        // Once every hold's time is over nothing is set aside.
        world.now = world.now.plus_millis(24 * 60 * MINUTE_MS);
        world.run_dry();
        world.check_at_rest();
        prop_assert!(world.model.wallets().all(|wallet| wallet.snapshot().held == 0));
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
