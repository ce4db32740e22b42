//! The whole engine on one thread, from a seed: what clients ask, in which order its parts take their steps, when the machine
//! stops and what its disk loses then all follow from a number. An oracle, written from the rules, watches.
//!
//! [`run`] plays a [`Plan`] and says what was wrong, if anything. The same plan plays the same way each time.

#![expect(clippy::indexing_slicing, reason = "a panic is what came of a seed, and is reported as that")]

mod acting;
mod answers;
mod asking;
mod oracle;
mod order;
mod people;
mod plan;
mod task;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use quittance_engine::simulation::{Chance, Machine};

pub use plan::{ACTIONS, Action, Plan, Planned, Settings};
pub use quittance_engine::simulation::Plant;

use world::{BEGINNING, Stop, World};

/// What happened in a simulation in which nothing was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many records the journal has.
    pub records: usize,
    /// How many orders were given.
    pub orders: usize,
    /// How many times the engine was started.
    pub starts: u32,
    /// A number of all that happened: the same for the same plan.
    pub trace: u64,
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// After how many actions.
    pub actions: usize,
    /// What, in words.
    pub wrong: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed {} fails at action {}: {}", self.seed, self.actions, self.wrong)
    }
}

/// Plays a plan, with a planted fault if there is one.
///
/// # Errors
/// Something is not as the rules say.
pub fn run(plan: &Plan, plant: Option<Plant>, is_verbose: bool) -> Result<Summary, Failure> {
    let mut actions = 0;
    let played = catch_unwind(AssertUnwindSafe(|| play(plan, plant, is_verbose, &mut actions)));
    let wrong = match played {
        Ok(Ok(summary)) => return Ok(summary),
        Ok(Err(wrong)) => wrong,
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => format!("a panic: {text}"),
            (None, Some(text)) => format!("a panic: {text}"),
            (None, None) => "a panic".to_owned(),
        },
    };
    Err(Failure { seed: plan.seed, actions, wrong })
}

fn play(plan: &Plan, plant: Option<Plant>, is_verbose: bool, actions: &mut usize) -> Result<Summary, String> {
    let mut chance = Chance::new(plan.seed ^ 0x5150);
    let machine = Machine::new(chance.next(), BEGINNING, plant);
    let _entered = machine.enter();
    let mut world = World::new(machine, plan.settings, Chance::new(chance.next()), is_verbose);
    world.start(plan.settings.shards, plan.settings.stops_early)?;
    for planned in &plan.actions {
        *actions += 1;
        let mut chance = Chance::new(planned.seed);
        match take(&mut world, planned, &mut chance) {
            Ok(()) => {}
            Err(Stop::Down) => world.come_back(World::any_crash(&mut chance))?,
            Err(Stop::Wrong(wrong)) => return Err(wrong),
        }
    }
    *actions += 1;
    loop {
        match end(&mut world, &mut chance) {
            Ok(()) => break,
            Err(Stop::Down) => world.come_back(World::any_crash(&mut chance))?,
            Err(Stop::Wrong(wrong)) => return Err(wrong),
        }
    }
    Ok(Summary {
        records: world.books.records.len(),
        orders: world.orders.len(),
        starts: world.starts,
        trace: world.trace(),
    })
}

fn take(world: &mut World, planned: &Planned, chance: &mut Chance) -> Result<(), Stop> {
    world.act(&planned.action, chance)?;
    for _ in 0..planned.steps {
        world.step(chance, true)?;
    }
    Ok(())
}

/// All that was asked for gets its answer, and what is left is as it should be; also after one more start.
fn end(world: &mut World, chance: &mut Chance) -> Result<(), Stop> {
    world.machine.disk().calm();
    world.settle_down(chance)?;
    world.retry_all(chance)?;
    world.check_balances()?;
    world.check_told()?;
    world.shut_down(chance)?;
    world.start(1 + chance.index(4), None)?;
    world.check_told()?;
    world.shut_down(chance)
}

/// As few of a failing plan's actions as still fail, and what is wrong then.
#[must_use]
pub fn shrink(plan: &Plan, plant: Option<Plant>) -> Option<(Plan, Failure)> {
    let mut failure = run(plan, plant, false).err()?;
    let mut plan = plan.keeping(&(0..failure.actions.min(plan.actions.len())).collect::<Vec<_>>());
    let mut part = plan.actions.len().div_ceil(2);
    while part > 0 {
        let (mut at, mut is_smaller) = (0, false);
        while at < plan.actions.len() {
            let rest: Vec<usize> =
                (0..plan.actions.len()).filter(|place| !(at..at + part).contains(place)).collect();
            let smaller = plan.keeping(&rest);
            match run(&smaller, plant, false) {
                Err(other) => (plan, failure, is_smaller) = (smaller, other, true),
                Ok(_) => at += part,
            }
        }
        if !(is_smaller && part == 1) {
            part /= 2;
        }
    }
    Some((plan, failure))
}
