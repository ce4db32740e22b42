//! A payee's requests over weeks: opened, paid by the server's barcode and by those of tills, withdrawn, forgotten, across
//! restarts and with events that are not durable yet. The oracle remembers everything for ever.

use std::collections::{HashSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::books::Books;
use crate::event::Event;
use crate::id::{AccountId, WalletId};
use crate::model::Ledger;
use crate::money::Currency;
use crate::part::decide_part;
use crate::transfer::{Authority, Leg, Purpose, Transfer};
use crate::wallet::Wallet;
use crate::{AccountKind, DeviceKey, Verifier};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);
const HOUR_MS: u64 = 3_600 * 1_000;

#[derive(Clone, Debug)]
enum Step {
    /// Open a request under a fresh id, or under one that was used so many requests ago.
    Open {
        reuse: Option<usize>,
        lasts_hours: u64,
        usage: Usage,
    },
    /// Pay with the server's barcode of a request.
    PayServer {
        which: usize,
    },
    /// Pay with a barcode that a till sealed under a fresh id, or under one that was used.
    PayTill {
        reuse: Option<usize>,
        lasts_hours: u64,
        usage: Usage,
    },
    Cancel {
        which: usize,
    },
    Wait {
        hours: u64,
    },
    /// Let so many events become durable.
    Commit {
        events: usize,
    },
    /// Forget, as a checkpoint does, and start again from what is kept.
    Restart,
}

fn usage() -> impl Strategy<Value = Usage> {
    prop_oneof![3 => Just(Usage::OneTime), 1 => Just(Usage::Reusable)]
}

fn step() -> impl Strategy<Value = Step> {
    let reuse = || prop::option::weighted(0.6, 0_usize..6);
    let hours = || prop_oneof![0_u64..3, 20_u64..30, 160_u64..200, 700_u64..2_300];
    prop_oneof![
        3 => (reuse(), hours(), usage())
            .prop_map(|(reuse, lasts_hours, usage)| Step::Open { reuse, lasts_hours, usage }),
        3 => (0_usize..6).prop_map(|which| Step::PayServer { which }),
        4 => (reuse(), hours(), usage())
            .prop_map(|(reuse, lasts_hours, usage)| Step::PayTill { reuse, lasts_hours, usage }),
        1 => (0_usize..6).prop_map(|which| Step::Cancel { which }),
        3 => hours().prop_map(|hours| Step::Wait { hours }),
        3 => (1_usize..5).prop_map(|events| Step::Commit { events }),
        2 => Just(Step::Restart),
    ]
}

/// A payer and a payee, and the events on their way to the journal.
struct World {
    now: Timestamp,
    payer: Wallet,
    payee: Wallet,
    queue: VecDeque<(Timestamp, Event)>,
    model: Ledger,
    ids: Vec<PaymentRequestId>,
    opened: Vec<Terms>,
    made: u64,
}

fn key() -> DeviceKey {
    DeviceKey::ed25519([1; 32])
}

fn account(n: u8) -> AccountId {
    AccountId::from_bytes([n; 16]).unwrap()
}

fn wallet(n: u8) -> WalletId {
    WalletId::from_bytes([n; 16]).unwrap()
}

impl World {
    fn new() -> Self {
        let eur = Currency::new("EUR".parse().unwrap(), None).unwrap();
        let mut model = Ledger::default();
        let mut apply = |event: &Event| model.apply(START, event).unwrap();
        apply(&Event::CurrencyRegistered { currency: eur, issuer: wallet(9) });
        let mut open = |n| {
            let (account, name) = (account(n), "someone".parse().unwrap());
            apply(&Event::AccountOpened { account, name, kind: AccountKind::Person });
            let first_pin = Some(Verifier::from_bytes([0; 32]));
            apply(&Event::DevicePaired { account, name, key: key(), first_pin });
            let opened = Event::WalletOpened { wallet: wallet(n), account, currency: eur.code(), name: None };
            apply(&opened);
            Wallet::opened_by(&opened).unwrap()
        };
        let (payer, payee) = (open(1), open(2));
        let mut world = Self {
            now: START,
            payer,
            payee,
            queue: VecDeque::new(),
            model,
            ids: Vec::new(),
            opened: Vec::new(),
            made: 0,
        };
        let request = PaymentRequestId::from_bytes(world.fresh()).unwrap();
        let usage = Usage::Reusable;
        let terms =
            Terms { request, amount: None, usage, expires_at: None, till: None, kind: PaymentKind::Standard };
        let issue = Leg {
            payer: wallet(9),
            payee: wallet(1),
            amount: Amount::new(1_000_000).unwrap(),
            purpose: Purpose::Issue,
            ..world.payment(terms).first
        };
        let id = TransferId::from_bytes(world.fresh()).unwrap();
        let issue = Transfer::new(id, Authority::Operator, issue);
        world.queue.push_back((START, Event::TransferSettled(Box::new(issue))));
        world.commit(1);
        world
    }

    /// A new time-ordered id, made now.
    fn fresh(&mut self) -> [u8; 16] {
        self.made += 1;
        let [_, _, a, b, c, d, e, f] = self.now.as_millis().to_be_bytes();
        let [.., g, h] = self.made.to_be_bytes();
        [a, b, c, d, e, f, 0x70, 0, 0x80, 0, 0, 0, 0, 0, g, h]
    }

    fn request_id(&mut self, reuse: Option<usize>) -> PaymentRequestId {
        let used = reuse.and_then(|back| self.ids.len().checked_sub(back + 1)).map(|index| self.ids[index]);
        used.unwrap_or_else(|| {
            let id = PaymentRequestId::from_bytes(self.fresh()).unwrap();
            self.ids.push(id);
            id
        })
    }

    fn payment(&mut self, terms: Terms) -> Transfer {
        let id = TransferId::from_bytes(self.fresh()).unwrap();
        let leg = Leg {
            payer: wallet(1),
            payee: wallet(2),
            amount: Amount::new(1).unwrap(),
            currency: "EUR".parse().unwrap(),
            purpose: Purpose::Payment(terms),
            reference: None,
        };
        Transfer::new(id, Authority::Device { account: account(1), device: key().device_id() }, leg)
    }

    fn open(&mut self, terms: Terms) {
        let (payee, currency) = (wallet(2), "EUR".parse().unwrap());
        let request = PaymentRequest::plain(terms, payee, currency);
        if let Ok(Some(event)) = self.payee.decide_request(&request, self.now) {
            self.payee.expect(&event);
            self.queue.push_back((self.now, event));
            self.opened.push(terms);
        }
    }

    /// Whether the payment was accepted.
    fn pay(&mut self, terms: Terms) -> bool {
        let mut transfer = self.payment(terms);
        decide_part(Some(&self.payer), wallet(1), &transfer, self.now).unwrap().note_in(&mut transfer);
        if decide_part(Some(&self.payee), wallet(2), &transfer, self.now).is_err() {
            return false;
        }
        self.payer.accept(&transfer);
        self.payee.accept(&transfer);
        self.queue.push_back((self.now, Event::TransferSettled(Box::new(transfer))));
        true
    }

    fn cancel(&mut self, id: PaymentRequestId) -> bool {
        let Ok(decided) = self.payee.decide_cancel(id) else { return false };
        if let Some(event) = decided {
            self.payee.expect(&event);
            self.queue.push_back((self.now, event));
        }
        true
    }

    /// What a live wallet accepts, the audit accepts.
    fn commit(&mut self, events: usize) {
        for (at, event) in self.queue.drain(..events.min(self.queue.len())) {
            self.payer.apply(&event);
            self.payee.apply(&event);
            self.model.apply(at, &event).unwrap();
        }
    }

    fn restart(&mut self) {
        self.commit(usize::MAX);
        while !self.payee.forget(self.now, 3).is_empty() {}
        let mut books = Books::default();
        self.payee
            .books()
            .entries()
            .for_each(|entry| books.restore(entry, self.payee.books().get(entry).unwrap()));
        assert_eq!(&books, self.payee.books(), "a checkpoint keeps the whole of it");
        self.payee = Wallet::restore(self.payee.snapshot().clone(), books);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_id_is_paid_once_and_what_is_withdrawn_is_not_paid(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        let mut paid_once: HashSet<PaymentRequestId> = HashSet::new();
        let mut cancelled: HashSet<PaymentRequestId> = HashSet::new();
        for step in steps {
            match step {
                Step::Open { reuse, lasts_hours, usage } => {
                    let request = world.request_id(reuse);
                    let expires_at = Some(world.now.plus_millis(lasts_hours * HOUR_MS));
                    world.open(Terms { request, amount: None, usage, expires_at, till: None, kind: PaymentKind::Standard });
                }
                Step::PayServer { which } => {
                    let Some(terms) = world.opened.iter().rev().nth(which).copied() else { continue };
                    let was_paid = world.pay(terms);
                    prop_assert!(!was_paid || !cancelled.contains(&terms.request), "paid though withdrawn");
                    let is_first = terms.usage == Usage::Reusable || !was_paid || paid_once.insert(terms.request);
                    prop_assert!(is_first, "one id was paid twice");
                }
                Step::PayTill { reuse, lasts_hours, usage } => {
                    let request = world.request_id(reuse);
                    let expires_at = Some(world.now.plus_millis(lasts_hours * HOUR_MS));
                    let till = Some(key().device_id());
                    let was_paid = world.pay(Terms { request, amount: None, usage, expires_at, till, kind: PaymentKind::Standard });
                    let is_first = usage == Usage::Reusable || !was_paid || paid_once.insert(request);
                    prop_assert!(is_first, "one id was paid twice");
                }
                Step::Cancel { which } => {
                    let Some(id) = world.ids.iter().rev().nth(which).copied() else { continue };
                    if world.cancel(id) {
                        cancelled.insert(id);
                    }
                }
                Step::Wait { hours } => world.now = world.now.plus_millis(hours * HOUR_MS),
                Step::Commit { events } => world.commit(events),
                Step::Restart => world.restart(),
            }
        }
        world.commit(usize::MAX);
        world.model.check_sums().unwrap();
    }
}
