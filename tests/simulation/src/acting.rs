//! Does what a plan says.

use quittance_engine::simulation::{Loss, Part};
use quittance_engine::{NewPaymentRequest, Party};
use quittance_ledger::{Amount, PaymentRequestId, Purpose, Split, Timestamp, TransferId, Usage, WalletId};

use crate::asking::{self, Asked, nth};
use crate::oracle::books::Known;
use crate::order::{Body, Movement};
use crate::plan::Action;
use crate::world::{Crash, Stop, World};

use quittance_engine::simulation::Chance;

impl World {
    pub(crate) fn act(&mut self, action: &Action, chance: &mut Chance) -> Result<(), Stop> {
        self.say("do", action);
        match action {
            Action::Issue { .. } | Action::Redeem { .. } | Action::Adjust { .. } | Action::Batch { .. } => {
                self.act_as_operator(action)
            }
            Action::Open { .. }
            | Action::Cancel { .. }
            | Action::Pay { .. }
            | Action::Race { .. }
            | Action::Hold { .. } => self.act_on_request(action),
            Action::Capture { .. }
            | Action::Release { .. }
            | Action::Refund { .. }
            | Action::Reverse { .. } => self.act_on_transfer(action),
            Action::Freeze { .. } | Action::Unfreeze { .. } | Action::Unlock { .. } | Action::Read { .. } => {
                self.act_on_wallet(action)
            }
            Action::Retry { .. } | Action::Conflict { .. } | Action::Late { .. } => {
                self.act_again(action, chance)
            }
            _ => self.act_on_machine(action, chance),
        }
    }

    /// An id that was made at an instant.
    fn new_id(&mut self, at: Timestamp) -> Result<TransferId, Stop> {
        let [_, _, time @ ..] = at.as_millis().to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&time);
        bytes[6] = 0x70;
        bytes[8..].copy_from_slice(&self.chance.next().to_be_bytes());
        bytes[8] = 0x80 | (bytes[8] & 0x3F);
        TransferId::from_bytes(bytes).map_err(|error| Stop::Wrong(error.to_string()))
    }

    fn give_new(&mut self, body: Body, is_wanted: bool, is_pin_wrong: bool) -> Result<(), Stop> {
        let id = self.new_id(self.engine()?.now())?;
        self.note(id, body.clone(), is_wanted)?;
        self.give(id, body, is_pin_wrong)
    }

    /// From one wallet to another that is not the same.
    fn movement(&self, (payer, payee, amount): (usize, usize, u64)) -> Result<Movement, Stop> {
        let people = self.people()?;
        let (from, to) = (people.wallet(payer), people.wallet(payee));
        let to = if from == to { people.wallet(payee + 1) } else { to };
        Ok((from, to, amount))
    }

    fn act_as_operator(&mut self, action: &Action) -> Result<(), Stop> {
        let people = self.people()?;
        match action {
            Action::Issue { wallet, amount } => {
                self.give_new(Body::Move((people.issuer, people.wallet(*wallet), *amount)), true, false)
            }
            Action::Redeem { wallet, amount } => {
                self.give_new(Body::Move((people.wallet(*wallet), people.issuer, *amount)), true, false)
            }
            Action::Adjust { legs } => {
                let movements = legs.iter().map(|leg| self.movement(*leg)).collect::<Result<_, _>>()?;
                self.give_new(Body::Adjust(movements), true, false)
            }
            Action::Batch { moves, again } => {
                let now = self.engine()?.now();
                let mut orders = Vec::new();
                for leg in moves {
                    let (id, body) = (self.new_id(now)?, Body::Move(self.movement(*leg)?));
                    self.note(id, body.clone(), true)?;
                    orders.push((id, body));
                }
                let again = again.and_then(|place| orders.get(place % orders.len()).cloned());
                orders.extend(again);
                let client = asking::batch(&self.engine()?, &people, orders);
                self.ask(client);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A request that was told of.
    fn told_request(&self, place: usize) -> Result<Option<(WalletId, PaymentRequestId)>, Stop> {
        let tip = self.engine()?.tip();
        Ok(nth(&self.books.requests, place, |request| request.opened <= tip))
    }

    fn act_on_request(&mut self, action: &Action) -> Result<(), Stop> {
        let (engine, people) = (self.engine()?, self.people()?);
        let amount_of = |minor: u64| Amount::new(minor).map_err(|error| Stop::Wrong(error.to_string()));
        match action {
            Action::Open { wallet, amount, usage, lifetime_ms, split } => {
                let until = engine.now().plus_millis(*lifetime_ms);
                let (wallet, amount) = (people.wallet(*wallet), amount_of(*amount)?);
                let mut new =
                    NewPaymentRequest::plain(wallet, Some(amount), people.currency, *usage, Some(until));
                if let Some((place, minor)) = split {
                    new.splits.push(Split { wallet: people.wallet(*place), amount: amount_of(*minor)? });
                }
                if let Some(client) = asking::open(&engine, &people, new) {
                    self.ask(client);
                }
            }
            Action::Cancel { request } => {
                if let Some((wallet, request)) = self.told_request(*request)? {
                    let cancelled =
                        async move { engine.cancel_request(Party::Operator, wallet, request).await };
                    self.ask(asking::command(Asked::Command, cancelled));
                }
            }
            Action::Pay { request, payer, amount, wrong_pin } => {
                self.answer(*request, *payer, *amount, None, *wrong_pin)?;
            }
            Action::Race { request, payers, amount } => {
                for payer in payers {
                    self.answer(*request, *payer, *amount, None, false)?;
                }
            }
            Action::Hold { request, payer, amount, for_ms } => {
                let known = self.told_request(*request)?.and_then(|key| self.books.requests.get(&key));
                // Most last as long as the request, as they must where it is a one-time one.
                let end = known.and_then(|known| known.request.terms.expires_at).filter(|_| for_ms % 8 != 0);
                let until = end.map_or(engine.now(), |end| end.max(engine.now())).plus_millis(*for_ms);
                self.answer(*request, *payer, *amount, Some(until), false)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A payer answers a request.
    fn answer(
        &mut self,
        place: usize,
        payer: usize,
        amount: u64,
        hold_until: Option<Timestamp>,
        is_pin_wrong: bool,
    ) -> Result<(), Stop> {
        let Some((payee, request)) = self.told_request(place)? else { return Ok(()) };
        let people = self.people()?;
        let payer = people.wallet(payer);
        let terms = self.books.requests.get(&(payee, request)).map(|known| known.request.terms);
        let asked = terms.filter(|terms| terms.usage != Usage::Parts).and_then(|terms| terms.amount);
        let amount = asked.map_or(amount, Amount::get);
        if is_pin_wrong && let Some(person) = people.owner(payer) {
            *self.wrong_pins.entry(person.account).or_default() += 1;
        }
        let body = Body::Pay { request, movement: (payer, payee, amount), hold_until };
        self.give_new(body, !is_pin_wrong, is_pin_wrong)
    }

    /// A settled transfer that was told of.
    fn told_transfer(&self, place: usize, fits: impl Fn(&Known) -> bool) -> Result<Option<Known>, Stop> {
        let tip = self.engine()?.tip();
        let is_told = |known: &Known| known.refusal.is_none() && known.position <= tip && fits(known);
        let id = nth(&self.books.transfers, place, is_told);
        Ok(id.and_then(|id| self.books.transfers.get(&id).cloned()))
    }

    fn act_on_transfer(&mut self, action: &Action) -> Result<(), Stop> {
        let purpose = |known: &Known| known.transfer.first.purpose;
        let is_hold = |known: &Known| matches!(purpose(known), Purpose::Hold { .. });
        match action {
            Action::Capture { hold, amount, is_final } => {
                let Some(known) = self.told_transfer(*hold, is_hold)? else { return Ok(()) };
                let (leg, hold) = (known.transfer.first, known.transfer.id);
                let movement = (leg.payer, leg.payee, *amount);
                self.give_new(Body::Capture { hold, movement, is_final: *is_final }, true, false)
            }
            Action::Release { hold } => {
                let Some(known) = self.told_transfer(*hold, is_hold)? else { return Ok(()) };
                let (engine, hold) = (self.engine()?, known.transfer.id);
                let released = async move { engine.release_hold(Party::Operator, hold).await };
                self.ask(asking::command(Asked::Command, released));
                Ok(())
            }
            Action::Refund { transfer, amount } => {
                let may_be =
                    |known: &Known| matches!(purpose(known), Purpose::Payment(_) | Purpose::Capture { .. });
                let Some(known) = self.told_transfer(*transfer, may_be)? else { return Ok(()) };
                let (leg, of) = (known.transfer.first, known.transfer.id);
                self.give_new(Body::Refund { of, movement: (leg.payee, leg.payer, *amount) }, true, false)
            }
            Action::Reverse { transfer } => {
                let Some(known) = self.told_transfer(*transfer, |_| true)? else { return Ok(()) };
                let back =
                    known.transfer.legs().map(|leg| (leg.payee, leg.payer, leg.amount.get())).collect();
                self.give_new(Body::Reverse { of: known.transfer.id, movements: back }, true, false)
            }
            _ => Ok(()),
        }
    }

    fn act_on_wallet(&mut self, action: &Action) -> Result<(), Stop> {
        let (engine, people) = (self.engine()?, self.people()?);
        let client = match action {
            Action::Freeze { wallet, both_ways } => {
                let (wallet, both_ways) = (people.wallet(*wallet), *both_ways);
                asking::command(Asked::Setting, async move { engine.freeze_wallet(wallet, both_ways).await })
            }
            Action::Unfreeze { wallet } => {
                let wallet = people.wallet(*wallet);
                asking::command(Asked::Setting, async move { engine.unfreeze_wallet(wallet).await })
            }
            Action::Unlock { account } => {
                let account = people.persons[account % people.persons.len()].account;
                asking::command(Asked::Setting, async move { engine.unlock_pin(account).await })
            }
            Action::Read { wallet } => asking::read(self.process()?, people.wallet(*wallet)),
            _ => return Ok(()),
        };
        self.ask(client);
        Ok(())
    }

    fn act_again(&mut self, action: &Action, chance: &mut Chance) -> Result<(), Stop> {
        let people = self.people()?;
        let order_at = |world: &Self, place: usize| {
            let id = world.order_ids.get(place.checked_rem(world.order_ids.len())?)?;
            world.orders.get(id).cloned()
        };
        match action {
            Action::Retry { order } => {
                let Some(order) = order_at(self, *order) else { return Ok(()) };
                let Some(body) = chance.pick(&order.bodies).cloned() else { return Ok(()) };
                self.give(order.id, body, false)
            }
            Action::Conflict { order, amount } => {
                let Some(order) = order_at(self, *order) else { return Ok(()) };
                let body = Body::Move((people.issuer, people.wallet(0), *amount));
                if let Some(known) =
                    self.orders.get_mut(&order.id).filter(|known| !known.bodies.contains(&body))
                {
                    known.bodies.push(body.clone());
                }
                self.give(order.id, body, false)
            }
            Action::Late { wallet, amount, age_ms } => {
                let id = self.new_id(self.engine()?.now().minus_millis(*age_ms))?;
                let body = Body::Move((people.issuer, people.wallet(*wallet), *amount));
                self.note(id, body.clone(), false)?;
                self.give(id, body, false)
            }
            _ => Ok(()),
        }
    }

    fn act_on_machine(&mut self, action: &Action, chance: &mut Chance) -> Result<(), Stop> {
        let disk = self.machine.disk().clone();
        match action {
            Action::Pass { millis } => self.machine.pass(*millis),
            Action::Expire => self.expire()?,
            Action::Checkpoint { steps } => self.run_part(Part::CheckpointStep, *steps)?,
            Action::Full => {
                self.has_trouble = true;
                disk.set_full(true);
            }
            Action::FailSync => {
                self.has_trouble = true;
                disk.fail_syncs(1);
            }
            Action::Slow { millis } => disk.set_slowness(*millis),
            Action::StopAfter { operations } => disk.stop_after(*operations),
            Action::Calm => disk.calm(),
            Action::Crash { loss, shards, stops_in_start, without_database } => {
                self.come_back(Crash {
                    loss: *loss,
                    shards: *shards,
                    stops_in_start: *stops_in_start,
                    without_database: *without_database,
                })?;
            }
            Action::Restart { shards } => {
                self.shut_down(chance)?;
                self.start(*shards, None)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives again what has no answer yet, until all of it has one.
    pub(crate) fn retry_all(&mut self, chance: &mut Chance) -> Result<(), Stop> {
        let wanted = self.orders.values().filter(|order| order.is_wanted && !order.is_answered);
        let wanted: Vec<_> = wanted.map(|order| (order.id, order.bodies.first().cloned())).collect();
        for (id, body) in wanted {
            let Some(body) = body else { continue };
            self.give(id, body, false)?;
            // One by one, so that none is turned away.
            self.settle_down(chance)?;
            let is_answered = self.orders.get(&id).is_some_and(|order| order.is_answered);
            if !is_answered {
                return Err(Stop::Wrong(format!("the order {id} gets no answer")));
            }
        }
        Ok(())
    }

    /// How something goes down that was not told how.
    pub(crate) fn any_crash(chance: &mut Chance) -> Crash {
        let loss = if chance.percent(70) { Loss::Power } else { Loss::Process };
        Crash { loss, shards: 1 + chance.index(3), stops_in_start: None, without_database: false }
    }
}
