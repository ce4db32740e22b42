//! A machine with an engine on it, the clients that ask it something, and the oracle that watches both.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quittance_engine::simulation::{Chance, Loss, Machine, Part, Process};
use quittance_engine::{Engine, EngineConfig, EngineError, Party};
use quittance_journal::{Position, ReplayError};
use quittance_ledger::{AccountId, Event, Timestamp, TransferId};

use crate::asking::{self, Running};
use crate::oracle::books::{Balance, Books};
use crate::oracle::judge::Judge;
use crate::oracle::must;
use crate::order::{Body, Order};
use crate::people::People;
use crate::plan::Settings;
use crate::task::Task;

const STORE: &str = "/quittance/store";
const DATABASE: &str = "/quittance/store/sled";
const ORIGIN: &str = "http://127.0.0.1:7400";

/// When every simulation begins: any time will do.
pub(crate) const BEGINNING: Timestamp = Timestamp::from_secs(1_700_000_000);

/// More steps than anything takes that ends.
const MANY_STEPS: usize = 200_000;

/// Why the engine does not go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It went down, as it was meant to.
    Down,
    /// Something is wrong.
    Wrong(String),
}

impl From<String> for Stop {
    fn from(wrong: String) -> Self {
        Self::Wrong(wrong)
    }
}

pub(crate) struct World {
    pub(crate) machine: Machine,
    settings: Settings,
    process: Option<Process>,
    people: Option<Arc<People>>,
    pub(crate) books: Books,
    pub(crate) orders: BTreeMap<TransferId, Order>,
    /// In the order in which they were first given.
    pub(crate) order_ids: Vec<TransferId>,
    pub(crate) wrong_pins: BTreeMap<AccountId, u32>,
    clients: Vec<Running>,
    /// The most that was under way at one time since the start.
    pub(crate) peak: usize,
    /// Whether the disk did something since the start that the process may end for.
    pub(crate) has_trouble: bool,
    pub(crate) chance: Chance,
    trace: DefaultHasher,
    is_verbose: bool,
    pub(crate) starts: u32,
}

fn by_replay(error: &ReplayError) -> Stop {
    Stop::Wrong(format!("the journal can't be read: {error}"))
}

impl World {
    pub(crate) fn new(machine: Machine, settings: Settings, chance: Chance, is_verbose: bool) -> Self {
        Self {
            machine,
            settings,
            process: None,
            people: None,
            books: Books::default(),
            orders: BTreeMap::new(),
            order_ids: Vec::new(),
            wrong_pins: BTreeMap::new(),
            clients: Vec::new(),
            peak: 0,
            has_trouble: false,
            chance,
            trace: DefaultHasher::new(),
            is_verbose,
            starts: 0,
        }
    }

    /// A number of all that happened until now.
    pub(crate) fn trace(&self) -> u64 {
        let mut trace = self.trace.clone();
        format!("{:?}", self.books.records).hash(&mut trace);
        (self.machine.disk().operations(), self.machine.now().as_millis()).hash(&mut trace);
        trace.finish()
    }

    pub(crate) fn say(&self, what: &str, value: &impl Debug) {
        if self.is_verbose {
            eprintln!("{} {what} {value:?}", self.machine.now().as_millis());
        }
    }

    pub(crate) fn process(&self) -> Result<&Process, Stop> {
        self.process.as_ref().ok_or(Stop::Down)
    }

    pub(crate) fn engine(&self) -> Result<Arc<Engine>, Stop> {
        self.process().map(|process| Arc::clone(process.engine()))
    }

    pub(crate) fn people(&self) -> Result<Arc<People>, Stop> {
        self.people.clone().ok_or(Stop::Down)
    }

    /// Has something else for what it says, where the machine has stopped: then nothing else counts.
    fn unless_stopped<T>(&self, came: Result<T, Stop>) -> Result<T, Stop> {
        if self.machine.disk().is_stopped() { Err(Stop::Down) } else { came }
    }

    pub(crate) fn run_part(&mut self, part: Part, most: usize) -> Result<(), Stop> {
        part.hash(&mut self.trace);
        let process = self.process.as_mut().ok_or(Stop::Down)?;
        let came = process.run(part, most);
        let has_trouble = self.has_trouble;
        self.unless_stopped(came.map_err(|death| {
            if has_trouble { Stop::Down } else { Stop::Wrong(format!("for no reason: {death}")) }
        }))
    }

    /// Has one part of the engine, or one client, take a step. False where nothing is to do but checkpoints.
    pub(crate) fn step(&mut self, chance: &mut Chance, with_checkpoints: bool) -> Result<bool, Stop> {
        let process = self.process()?;
        let parts = process.ready();
        let is_considered = |part: &&Part| with_checkpoints || **part != Part::CheckpointStep;
        let parts: Vec<Part> = parts.iter().filter(is_considered).copied().collect();
        let woken = self.clients.iter().enumerate().filter(|(_, client)| client.task.is_woken());
        let woken: Vec<usize> = woken.map(|(place, _)| place).collect();
        if chance.percent(15) {
            self.machine.pass(chance.below(5));
        }
        if parts.is_empty() && woken.is_empty() {
            return Ok(false);
        }
        let choice = chance.index(parts.len() + woken.len());
        match parts.get(choice) {
            Some(part) => {
                let most = if chance.percent(50) { 1 + chance.index(3) } else { 1 + chance.index(80) };
                self.run_part(*part, most)?;
            }
            None => self.poll(woken[choice - parts.len()])?,
        }
        Ok(true)
    }

    fn poll(&mut self, place: usize) -> Result<(), Stop> {
        place.hash(&mut self.trace);
        let Some(came) = self.clients[place].task.poll() else { return self.unless_stopped(Ok(())) };
        self.unless_stopped(Ok(()))?;
        let asked = self.clients.remove(place).asked;
        self.say("answer to", &asked);
        self.say("   is", &came);
        self.take_records()?;
        self.judge(&asked, came)
    }

    /// Runs until nothing is to do but checkpoints. Nobody may wait then.
    pub(crate) fn settle_down(&mut self, chance: &mut Chance) -> Result<(), Stop> {
        for _ in 0..MANY_STEPS {
            if !self.step(chance, false)? {
                return match self.clients.first() {
                    None => self.take_records(),
                    Some(client) => Err(Stop::Wrong(format!("nobody answers {:?}", client.asked))),
                };
            }
        }
        Err(Stop::Wrong("the engine never comes to rest".to_owned()))
    }

    /// Runs until something is answered that only the simulation itself asks.
    fn finish<T>(&mut self, future: impl Future<Output = T> + 'static) -> Result<T, Stop> {
        let mut task = Task::new(future);
        for _ in 0..MANY_STEPS {
            if task.is_woken() {
                let came = task.poll();
                self.unless_stopped(Ok(()))?;
                if let Some(came) = came {
                    return Ok(came);
                }
            }
            let part = self.process()?.ready().into_iter().find(|part| *part != Part::CheckpointStep);
            match part {
                Some(part) => self.run_part(part, usize::MAX)?,
                None if !task.is_woken() => break,
                None => {}
            }
        }
        Err(Stop::Wrong("the engine does not answer".to_owned()))
    }

    pub(crate) fn ask(&mut self, client: Running) {
        self.say("asked", &client.asked);
        self.clients.push(client);
        let under_way: usize = self.clients.iter().map(|client| client.asked.weight()).sum();
        self.peak = self.peak.max(under_way);
    }

    pub(crate) fn was_full(&self) -> bool {
        self.peak > self.settings.max_in_flight
    }

    pub(crate) fn judge_by(&self) -> Judge<'_> {
        Judge {
            books: &self.books,
            orders: &self.orders,
            now: self.machine.now(),
            id_window_ms: self.settings.id_window_ms,
            was_full: self.was_full(),
            wrong_pins: &self.wrong_pins,
        }
    }

    /// Gives an order, for the first time or again.
    pub(crate) fn give(&mut self, id: TransferId, body: Body, is_pin_wrong: bool) -> Result<(), Stop> {
        let (engine, people) = (self.engine()?, self.people()?);
        if let Some(client) = asking::order(&engine, &people, &self.books, id, body, is_pin_wrong) {
            self.ask(client);
        }
        Ok(())
    }

    /// Notes an order that is about to be given for the first time.
    pub(crate) fn note(&mut self, id: TransferId, body: Body, is_wanted: bool) -> Result<(), Stop> {
        let engine = self.engine()?;
        let (first_at, first_tip) = (engine.now(), engine.tip());
        let order = Order { id, bodies: vec![body], first_at, first_tip, is_answered: false, is_wanted };
        self.orders.insert(id, order);
        self.order_ids.push(id);
        Ok(())
    }

    /// Has the shards look for holds whose time is over.
    pub(crate) fn expire(&mut self) -> Result<(), Stop> {
        self.process.as_mut().ok_or(Stop::Down)?.expire();
        self.unless_stopped(Ok(()))
    }

    /// Takes into the books what became durable, and holds it against the rules.
    pub(crate) fn take_records(&mut self) -> Result<(), Stop> {
        let process = self.process()?;
        if process.durable_to() == self.books.tip() {
            return Ok(());
        }
        let records = process.records_after(self.books.tip());
        let records = self.unless_stopped(records.map_err(|error| by_replay(&error)))?;
        for (position, record) in records {
            let id = match &record.event {
                Event::TransferSettled(transfer) | Event::TransferRefused(transfer, _) => Some(transfer.id),
                _ => None,
            };
            let order = id.and_then(|id| self.orders.get(&id));
            self.books.take(position, &record, order.map(|order| order.first_at))?;
            let Some(id) = id else { continue };
            let order = order.ok_or_else(|| format!("nobody gave the order that became {record:?}"))?;
            if let Some(known) = self.books.transfers.get(&id) {
                self.judge_by().outcome(order, known)?;
            }
        }
        Ok(())
    }

    /// Ends the process, or the machine, and starts the engine again, however often that takes.
    pub(crate) fn come_back(&mut self, crash: Crash) -> Result<(), String> {
        self.say("down", &crash);
        self.go_down(crash.loss);
        if crash.without_database {
            self.machine.disk().remove_keyed(Path::new(DATABASE));
        }
        self.start(crash.shards, crash.stops_in_start)
    }

    fn go_down(&mut self, loss: Loss) {
        // First, so that nothing that ends now reaches it.
        self.machine.disk().stop();
        self.clients.clear();
        self.process = None;
        self.machine.disk().restart(loss);
    }

    /// Starts the engine, again and again where the machine stops meanwhile, and checks that it is as the books say.
    pub(crate) fn start(&mut self, shards: usize, stops_in_start: Option<u64>) -> Result<(), String> {
        if let Some(operations) = stops_in_start {
            self.machine.disk().stop_after(operations);
        }
        loop {
            match self.start_once(shards) {
                Ok(()) => return Ok(()),
                Err(Stop::Down) => self.go_down(Loss::Power),
                Err(Stop::Wrong(wrong)) => return Err(format!("at a start: {wrong}")),
            }
        }
    }

    fn start_once(&mut self, shards: usize) -> Result<(), Stop> {
        self.starts += 1;
        (self.peak, self.has_trouble) = (0, false);
        let origin = ORIGIN.parse().map_err(|error| format!("{ORIGIN}: {error}"))?;
        let config = EngineConfig {
            shards,
            max_in_flight: self.settings.max_in_flight,
            id_window_ms: self.settings.id_window_ms,
            ..EngineConfig::new(PathBuf::from(STORE), origin)
        };
        let started = Process::start(config, 1);
        let started = started.map_err(|error| Stop::Wrong(format!("the engine does not start: {error}")));
        self.process = Some(self.unless_stopped(started)?);
        self.check_journal()?;
        if self.people.is_none() {
            let engine = self.engine()?;
            let people = self.finish(async move { People::gather(&engine).await })?;
            self.people = Some(Arc::new(people.map_err(|error| format!("nobody could take part: {error}"))?));
            self.take_records()?;
        }
        self.check_balances()
    }

    /// All that was durable is there.
    fn check_journal(&mut self) -> Result<(), Stop> {
        let records = self.process()?.records_after(Position::START);
        let records = self.unless_stopped(records.map_err(|error| by_replay(&error)))?;
        let differs = |(known, (_, found)): &(&quittance_journal::Record, &(Position, _))| *known != found;
        if let Some((known, (position, found))) = self.books.records.iter().zip(&records).find(differs) {
            let wrong = format!("position {position} was durable as {known:?} and is now {found:?}");
            return Err(Stop::Wrong(wrong));
        }
        let (durable, found) = (self.books.records.len(), records.len());
        must(found >= durable, || format!("{durable} records were durable, and {found} are left"))?;
        self.take_records()
    }

    /// All balances are those of the books. Nobody may be waiting.
    pub(crate) fn check_balances(&mut self) -> Result<(), Stop> {
        let people = self.people()?;
        for wallet in people.wallets.iter().copied().chain([people.issuer]) {
            let engine = self.engine()?;
            let found = self.finish(async move { engine.wallet(Party::Operator, wallet).await })?;
            let found = found.map_err(|error| format!("the wallet {wallet} can't be read: {error}"))?;
            self.take_records()?;
            let known = self.books.wallets.get(&wallet).map(|wallet| wallet.balance()).unwrap_or_default();
            let found = Balance { posted: found.posted, held: found.held };
            must(known == found, || format!("the wallet {wallet} has {found:?}, by the journal {known:?}"))?;
        }
        Ok(())
    }

    /// Each account is told of what the books say that it is told of.
    pub(crate) fn check_told(&self) -> Result<(), Stop> {
        let engine = self.engine()?;
        for person in &self.people()?.persons {
            let told = engine.account_events(person.account, Position::START, MANY_STEPS);
            let told = told.map_err(|error: EngineError| format!("nobody is told: {error}"))?;
            let told: Vec<Position> = told.into_iter().map(|(position, ..)| position).collect();
            let known = self.books.told.get(&person.account).cloned().unwrap_or_default();
            must(told == known, || {
                format!("the account {} is told of {told:?}, and should be of {known:?}", person.account)
            })?;
        }
        Ok(())
    }

    /// Ends the process as its operator would, once nothing is left to do, and audits what it leaves.
    pub(crate) fn shut_down(&mut self, chance: &mut Chance) -> Result<(), Stop> {
        self.settle_down(chance)?;
        let process = self.process.take().ok_or(Stop::Down)?;
        let ended = process.shut_down().map_err(|death| {
            if self.has_trouble { Stop::Down } else { Stop::Wrong(format!("at the end: {death}")) }
        });
        self.unless_stopped(ended)?;
        let audited = quittance_engine::simulation::audit(Path::new(STORE));
        let audited = audited.map_err(|error| Stop::Wrong(format!("the audit found: {error}")));
        self.unless_stopped(audited.map(drop))
    }
}

/// How something goes down, and comes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) loss: Loss,
    pub(crate) shards: usize,
    pub(crate) stops_in_start: Option<u64>,
    pub(crate) without_database: bool,
}
