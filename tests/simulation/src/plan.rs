//! What is done in a simulation: a list of actions that follows from a seed, each with its own chance, so that one can be left out
//! and the others stay as they are.

use quittance_engine::simulation::{Chance, Loss};
use quittance_ledger::Usage;

/// How many actions a seed has where nobody says.
pub const ACTIONS: usize = 50;

/// What is in force for all of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many shards the first start has.
    pub shards: usize,
    /// How much may be under way.
    pub max_in_flight: usize,
    /// For how long transfers' ids are remembered.
    pub id_window_ms: u64,
    /// At which operation of the disk the first machine stops before anything is there, where it does.
    pub stops_early: Option<u64>,
}

/// One thing that is done. Numbers stand for wallets, orders and requests by their place in a list, taken round.
#[derive(Clone, Debug)]
pub enum Action {
    /// The operator puts units into a wallet.
    Issue { wallet: usize, amount: u64 },
    /// The operator takes units out of a wallet.
    Redeem { wallet: usize, amount: u64 },
    /// The operator moves units between wallets, all or nothing.
    Adjust { legs: Vec<(usize, usize, u64)> },
    /// The operator moves units between wallets, each by itself; perhaps one of them for the second time.
    Batch { moves: Vec<(usize, usize, u64)>, again: Option<usize> },
    /// A payee asks for a payment.
    Open { wallet: usize, amount: u64, usage: Usage, lifetime_ms: u64, split: Option<(usize, u64)> },
    /// A payee withdraws what it asked for.
    Cancel { request: usize },
    /// A payer pays a barcode.
    Pay { request: usize, payer: usize, amount: u64, wrong_pin: bool },
    /// Payers race for a barcode.
    Race { request: usize, payers: Vec<usize>, amount: u64 },
    /// A payer sets units aside.
    Hold { request: usize, payer: usize, amount: u64, for_ms: u64 },
    /// A payee takes what was set aside.
    Capture { hold: usize, amount: u64, is_final: bool },
    /// A payee lets go what was set aside.
    Release { hold: usize },
    /// A payee gives back what it was paid.
    Refund { transfer: usize, amount: u64 },
    /// The operator takes a transfer back.
    Reverse { transfer: usize },
    /// The operator freezes a wallet.
    Freeze { wallet: usize, both_ways: bool },
    /// The operator lets a frozen wallet take part again.
    Unfreeze { wallet: usize },
    /// The operator unlocks an account's PIN.
    Unlock { account: usize },
    /// An order is given once more.
    Retry { order: usize },
    /// An order's id is used for something else.
    Conflict { order: usize, amount: u64 },
    /// An order arrives long after its id was made.
    Late { wallet: usize, amount: u64, age_ms: u64 },
    /// Somebody reads a balance.
    Read { wallet: usize },
    /// Time passes.
    Pass { millis: u64 },
    /// The shards look for holds whose time is over.
    Expire,
    /// The checkpointer goes on with its round.
    Checkpoint { steps: usize },
    /// The disk is full.
    Full,
    /// The next sync fails.
    FailSync,
    /// Syncs take time.
    Slow { millis: u64 },
    /// The machine stops at a later operation of the disk.
    StopAfter { operations: u64 },
    /// The disk is as it should be again.
    Calm,
    /// The process, or the machine, goes down and is started again.
    Crash { loss: Loss, shards: usize, stops_in_start: Option<u64>, without_database: bool },
    /// The process is shut down as its operator would, and started again.
    Restart { shards: usize },
}

/// An action, and what follows until the next.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What is done.
    pub action: Action,
    /// How many steps the engine's parts and those who wait take then.
    pub steps: usize,
    /// What decides which of them.
    pub seed: u64,
}

/// All of a simulation.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What all of it follows from.
    pub seed: u64,
    /// What is in force.
    pub settings: Settings,
    /// What is done, in order.
    pub actions: Vec<Planned>,
}

/// How much trouble a seed has: most faults come with few others, or none would be seen for the noise.
#[derive(Clone, Copy, Debug)]
struct Weather {
    crashes: u64,
    disk: u64,
}

impl Plan {
    /// The plan that follows from a seed.
    #[must_use]
    pub fn of(seed: u64, actions: usize) -> Self {
        let mut chance = Chance::new(seed);
        let settings = Settings {
            shards: 1 + chance.index(3),
            max_in_flight: if chance.percent(20) { 12 } else { 64 },
            id_window_ms: if chance.percent(50) { 60_000 } else { 3_600_000 },
            stops_early: chance.percent(15).then(|| chance.below(40)),
        };
        let weather = Weather { crashes: [0, 4, 10][chance.index(3)], disk: [0, 0, 5, 10][chance.index(4)] };
        let busyness = [6, 14, 30][chance.index(3)];
        // So that the first have something to spend and to pay.
        let mut planned = vec![
            Action::Issue { wallet: 0, amount: 900 },
            Action::Issue { wallet: 2, amount: 700 },
            open(&mut chance),
        ];
        while planned.len() < actions {
            planned.push(action(&mut chance, weather));
        }
        let actions = planned
            .into_iter()
            .map(|action| Planned { action, steps: chance.index(busyness), seed: chance.next() })
            .collect();
        Self { seed, settings, actions }
    }

    /// The same with some of its actions alone, by their places.
    #[must_use]
    pub fn keeping(&self, kept: &[usize]) -> Self {
        let actions = kept.iter().filter_map(|index| self.actions.get(*index).cloned()).collect();
        Self { actions, ..self.clone() }
    }
}

fn amount(chance: &mut Chance) -> u64 {
    1 + if chance.percent(70) { chance.below(120) } else { chance.below(900) }
}

fn legs(chance: &mut Chance, most: usize) -> Vec<(usize, usize, u64)> {
    let count = 1 + chance.index(most);
    (0..count).map(|_| (chance.index(8), chance.index(8), amount(chance))).collect()
}

fn open(chance: &mut Chance) -> Action {
    let usage = [Usage::OneTime, Usage::OneTime, Usage::Reusable, Usage::Parts][chance.index(4)];
    let lifetime_ms = if chance.percent(70) { 600_000 } else { 1_000 + chance.below(9_000) };
    let split = chance.percent(20).then(|| (chance.index(8), 1 + chance.below(20)));
    Action::Open { wallet: chance.index(8), amount: amount(chance), usage, lifetime_ms, split }
}

fn action(chance: &mut Chance, weather: Weather) -> Action {
    if chance.percent(weather.crashes) {
        let shards = 1 + chance.index(3);
        if chance.percent(25) {
            return Action::Restart { shards };
        }
        return Action::Crash {
            loss: if chance.percent(70) { Loss::Power } else { Loss::Process },
            shards,
            stops_in_start: chance.percent(25).then(|| chance.below(60)),
            without_database: chance.percent(10),
        };
    }
    if chance.percent(weather.disk) {
        return match chance.below(8) {
            0 => Action::Full,
            1 => Action::FailSync,
            2 | 3 => Action::Slow { millis: 1 + chance.below(3_000) },
            4 | 5 => Action::StopAfter { operations: chance.below(30) },
            _ => Action::Calm,
        };
    }
    let any = |chance: &mut Chance| chance.index(64);
    match chance.below(100) {
        0..=5 => Action::Issue { wallet: any(chance), amount: amount(chance) },
        6..=8 => Action::Redeem { wallet: any(chance), amount: amount(chance) },
        9..=12 => Action::Adjust { legs: legs(chance, 3) },
        13..=16 => Action::Batch { moves: legs(chance, 4), again: chance.percent(40).then(|| any(chance)) },
        17..=25 => open(chance),
        26..=27 => Action::Cancel { request: any(chance) },
        28..=38 => Action::Pay {
            request: any(chance),
            payer: any(chance),
            amount: amount(chance),
            wrong_pin: chance.percent(6),
        },
        39..=45 => Action::Race {
            request: any(chance),
            payers: (0..2 + chance.index(3)).map(|_| chance.index(64)).collect(),
            amount: amount(chance),
        },
        46..=52 => Action::Hold {
            request: any(chance),
            payer: any(chance),
            amount: amount(chance),
            for_ms: if chance.percent(50) { 500 + chance.below(5_000) } else { 900_000 },
        },
        53..=59 => {
            Action::Capture { hold: any(chance), amount: amount(chance), is_final: chance.percent(40) }
        }
        60..=61 => Action::Release { hold: any(chance) },
        62..=66 => Action::Refund { transfer: any(chance), amount: amount(chance) },
        67 => Action::Reverse { transfer: any(chance) },
        68 => Action::Freeze { wallet: any(chance), both_ways: chance.percent(50) },
        69 => Action::Unfreeze { wallet: any(chance) },
        70 => Action::Unlock { account: any(chance) },
        71..=78 => Action::Retry { order: any(chance) },
        79..=80 => Action::Conflict { order: any(chance), amount: amount(chance) },
        81 => Action::Late { wallet: any(chance), amount: amount(chance), age_ms: chance.below(120_000) },
        82..=87 => Action::Read { wallet: any(chance) },
        88..=92 => Action::Pass {
            millis: if chance.percent(80) { chance.below(4_000) } else { chance.below(90_000) },
        },
        93..=95 => Action::Expire,
        _ => Action::Checkpoint { steps: 1 + chance.index(300) },
    }
}
