//! Wallets and their books over weeks: everything that can be done to them, in any order, with forgetting and restarts in
//! between. The plain model remembers everything for ever, and each event is measured against it.

use std::collections::HashMap;

use proptest::prelude::*;

use crate::allowance::Allowance;
use crate::bank::{
    Bank, MINUTE_MS, account_id, amount, by_device, by_operator, code, device, leg, original, pay, request,
    v7, wallet_id,
};
use crate::books::Books;
use crate::event::Event;
use crate::fee::{FeeRule, FeeScope};
use crate::id::{PaymentRequestId, TransferId};
use crate::limits::Limits;
use crate::money::Amount;
use crate::payment_request::{PaymentKind, PaymentRequest, Split, Terms, Usage};
use crate::request_book::RequestStatus;
use crate::time::Timestamp;
use crate::transfer::{Authority, Leg, Purpose, Transfer};
use crate::wallet::Wallet;
use crate::wallet_snapshot::WalletSettings;

const WALLETS: u8 = 4;
const COLLECTOR: u8 = 5;

#[derive(Clone, Debug)]
enum Step {
    Open { payee: u8, usage: Usage, asked: Option<u64>, hours: u64, is_split: bool, payer: Option<u8> },
    Pay { payer: u8, which: Vec<usize>, minor: u64 },
    PayTill { payer: u8, payee: u8, minor: u64, reuse: Option<usize>, hours: u64 },
    Hold { payer: u8, which: usize, minor: u64, hours: u64 },
    Capture { which: usize, minor: u64, is_final: bool },
    Release { which: usize },
    Expire,
    GiveBack { which: usize, number: u8, minor: u64 },
    Reverse { which: usize },
    Cancel { which: usize },
    Freeze { wallet: u8, both_ways: bool },
    Unfreeze { wallet: u8 },
    Configure { wallet: u8, overdraft: Option<u64>, ceiling: Option<u64>, limits: Limits, zone: usize },
    LimitAccount { account: u8, limits: Limits },
    Charge { minor: Option<u64> },
    Wait { hours: u64 },
    Restart,
}

fn limits() -> impl Strategy<Value = Limits> {
    let maybe = |most: u64| prop::option::of((1..=most).prop_map(amount));
    (maybe(60), maybe(90), maybe(200)).prop_map(|(per_payment, per_day, per_month)| Limits {
        per_payment,
        per_day,
        per_month,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let wallet = || 1..=WALLETS;
    let hours = || prop_oneof![3 => 1_u64..4, 2 => 20_u64..30, 1 => 160_u64..200, 1 => 500_u64..2_000];
    let usage = prop_oneof![4 => Just(Usage::OneTime), 2 => Just(Usage::Reusable), 2 => Just(Usage::Parts)];
    let maybe = |most: u64| prop::option::of(1..=most);
    prop_oneof![
        8 => (wallet(), usage, maybe(40), hours(), prop::bool::weighted(0.2), prop::option::weighted(0.2, wallet()))
            .prop_map(|(payee, usage, asked, hours, is_split, payer)| {
                Step::Open { payee, usage, asked, hours, is_split, payer }
            }),
        12 => (wallet(), prop::collection::vec(0..8_usize, 1..=3), 1..=40_u64)
            .prop_map(|(payer, which, minor)| Step::Pay { payer, which, minor }),
        4 => (wallet(), wallet(), 1..=20_u64, prop::option::of(0..6_usize), hours())
            .prop_map(|(payer, payee, minor, reuse, hours)| Step::PayTill { payer, payee, minor, reuse, hours }),
        6 => (wallet(), 0..8_usize, 1..=40_u64, hours())
            .prop_map(|(payer, which, minor, hours)| Step::Hold { payer, which, minor, hours }),
        6 => (0..4_usize, 1..=20_u64, any::<bool>())
            .prop_map(|(which, minor, is_final)| Step::Capture { which, minor, is_final }),
        2 => (0..4_usize).prop_map(|which| Step::Release { which }),
        4 => Just(Step::Expire),
        4 => (0..8_usize, 0..4_u8, 1..=20_u64)
            .prop_map(|(which, number, minor)| Step::GiveBack { which, number, minor }),
        2 => (0..8_usize).prop_map(|which| Step::Reverse { which }),
        2 => (0..8_usize).prop_map(|which| Step::Cancel { which }),
        1 => (wallet(), any::<bool>()).prop_map(|(wallet, both_ways)| Step::Freeze { wallet, both_ways }),
        3 => wallet().prop_map(|wallet| Step::Unfreeze { wallet }),
        2 => (wallet(), maybe(50), maybe(300), limits(), 0..4_usize).prop_map(
            |(wallet, overdraft, ceiling, limits, zone)| {
                Step::Configure { wallet, overdraft, ceiling, limits, zone }
            }
        ),
        1 => (1..=2_u8, limits()).prop_map(|(account, limits)| Step::LimitAccount { account, limits }),
        1 => maybe(3).prop_map(|minor| Step::Charge { minor }),
        6 => hours().prop_map(|hours| Step::Wait { hours }),
        2 => Just(Step::Restart),
    ]
}

struct World {
    bank: Bank,
    made: u16,
    asked: Vec<PaymentRequest>,
    tills: Vec<PaymentRequestId>,
    holds: Vec<Transfer>,
    settled: Vec<(Timestamp, Transfer)>,
    charge: Option<u64>,
}

impl World {
    fn new() -> Self {
        let mut bank = Bank::new();
        (1..=WALLETS).for_each(|n| bank.issue(50_000 + u16::from(n), n, 200).unwrap());
        let (asked, tills, holds, settled) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { bank, made: 0, asked, tills, holds, settled, charge: None }
    }

    fn fresh(&mut self) -> [u8; 16] {
        self.made += 1;
        v7(self.bank.now, self.made)
    }

    fn later(&self, hours: u64) -> Timestamp {
        self.bank.now.plus_millis(hours * 60 * MINUTE_MS)
    }

    fn nth<T: Clone>(list: &[T], which: usize) -> Option<T> {
        list.iter().rev().nth(which).cloned()
    }

    fn settle(&mut self, transfer: Transfer) {
        let id = TransferId::from_bytes(self.fresh()).unwrap();
        let is_limited = |account| self.bank.allowances.contains_key(&(account, code("EUR")));
        let is_account_limited = match transfer.authority {
            Authority::Device { account, .. } => transfer.first.purpose.is_limited() && is_limited(account),
            Authority::Operator => false,
        };
        let transfer = Transfer { id, is_account_limited, ..transfer };
        if self.bank.settle(&transfer).is_ok() {
            if matches!(transfer.first.purpose, Purpose::Hold { .. }) {
                self.holds.push(transfer.clone());
            }
            self.settled.push((self.bank.now, transfer));
        }
    }

    fn fee(&self, paid: &Leg) -> Option<Leg> {
        let charged = self.charge.map(|minor| amount(minor.min(paid.amount.get())))?;
        let payer = paid.payee;
        Some(Leg { payer, amount: charged, ..leg(1, COLLECTOR, 1, Purpose::Fee) })
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Open { payee, usage, asked, hours, is_split, payer } => {
                let id = PaymentRequestId::from_bytes(self.fresh()).unwrap();
                let terms = Terms {
                    request: id,
                    amount: asked.map(amount),
                    usage,
                    expires_at: Some(self.later(hours)),
                    till: None,
                    kind: PaymentKind::Standard,
                };
                let payer = payer.filter(|payer| *payer != payee).map(account_id);
                let mut asked = PaymentRequest { payer, ..request(payee, terms) };
                if is_split {
                    asked.splits =
                        [Split { wallet: wallet_id(payee % WALLETS + 1), amount: amount(1) }].into();
                }
                if self.bank.open_request(&asked).is_ok() {
                    self.asked.push(asked);
                }
            }
            Step::Pay { payer, which, minor } => {
                let asked: Vec<_> = which.iter().filter_map(|n| Self::nth(&self.asked, *n)).collect();
                let paid = asked.iter().map(|asked| {
                    let said = asked.terms.amount.filter(|_| asked.terms.usage != Usage::Parts);
                    let minor = said.map_or(minor, Amount::get);
                    Leg { payee: asked.payee, ..pay(payer, 1, minor, asked.terms) }
                });
                let mut legs: Vec<Leg> = paid.collect();
                for (asked, paid) in asked.iter().zip(legs.clone()) {
                    legs.extend(asked.splits.iter().map(|split| {
                        let (payer, payee, amount) = (asked.payee, split.wallet, split.amount);
                        Leg { payer, payee, amount, ..leg(1, 1, 1, Purpose::Split) }
                    }));
                    legs.extend(self.fee(&paid));
                }
                if !legs.is_empty() {
                    self.settle(by_device(0, payer, &legs));
                }
            }
            Step::PayTill { payer, payee, minor, reuse, hours } => {
                let known = reuse.and_then(|which| Self::nth(&self.tills, which));
                let id = known.unwrap_or_else(|| PaymentRequestId::from_bytes(self.fresh()).unwrap());
                self.tills.push(id);
                let terms = Terms {
                    request: id,
                    amount: None,
                    usage: Usage::OneTime,
                    expires_at: Some(self.later(hours)),
                    till: Some(device(payee)),
                    kind: PaymentKind::Standard,
                };
                let paid = pay(payer, payee, minor, terms);
                let legs: Vec<Leg> = std::iter::once(paid).chain(self.fee(&paid)).collect();
                self.settle(by_device(0, payer, &legs));
            }
            Step::Hold { payer, which, minor, hours } => {
                let Some(asked) = Self::nth(&self.asked, which) else { return };
                let minor = asked.terms.amount.map_or(minor, Amount::get);
                let until = Some(self.later(hours)).max(asked.terms.expires_at).unwrap_or(self.bank.now);
                let purpose = Purpose::Hold { terms: asked.terms, until };
                let hold = Leg { payee: asked.payee, ..leg(payer, 1, minor, purpose) };
                self.settle(by_device(0, payer, &[hold]));
            }
            Step::Capture { which, minor, is_final } => {
                let Some(hold) = Self::nth(&self.holds, which) else { return };
                let purpose = Purpose::Capture { hold: hold.id, is_final };
                let taken = Leg { amount: amount(minor), purpose, ..hold.first };
                let legs: Vec<Leg> = std::iter::once(taken).chain(self.fee(&taken)).collect();
                self.settle(by_operator(0, &legs));
            }
            Step::Release { which } => {
                let Some(hold) = Self::nth(&self.holds, which) else { return };
                let payer = hold.payer().to_bytes()[0];
                let _ = self.bank.decide(payer, |wallet, now| wallet.decide_release(hold.id, now));
            }
            Step::Expire => {
                for payer in 1..=WALLETS {
                    let due: Vec<_> = self.bank.wallet(payer).holds().due().collect();
                    for (_, hold) in due {
                        let expiry = |wallet: &Wallet, now| Ok(wallet.decide_expiry(hold, now));
                        self.bank.decide(payer, expiry).unwrap();
                    }
                }
            }
            Step::GiveBack { which, number, minor } => {
                let Some((at, settled)) = Self::nth(&self.settled, which) else { return };
                let Some(paid) = settled.legs().nth(usize::from(number)) else { return };
                if matches!(paid.purpose, Purpose::Payment(_) | Purpose::Capture { .. }) {
                    let purpose = Purpose::Refund(original(&settled, number, at));
                    let (payer, payee) = (paid.payee, paid.payer);
                    let back = Leg { payer, payee, amount: amount(minor), purpose, ..*paid };
                    self.settle(by_operator(0, &[back]));
                }
            }
            Step::Reverse { which } => {
                let Some((at, settled)) = Self::nth(&self.settled, which) else { return };
                let stays = |leg: &Leg| {
                    matches!(leg.purpose, Purpose::Hold { .. } | Purpose::Refund(_) | Purpose::Reversal(_))
                };
                let legs = settled.legs().enumerate().map(|(number, moved)| Leg {
                    payer: moved.payee,
                    payee: moved.payer,
                    purpose: Purpose::Reversal(original(&settled, number as u8, at)),
                    ..*moved
                });
                if !settled.legs().any(stays) {
                    self.settle(by_operator(0, &legs.collect::<Vec<_>>()));
                }
            }
            Step::Cancel { which } => {
                let Some(asked) = Self::nth(&self.asked, which) else { return };
                let cancel = |wallet: &Wallet, _| wallet.decide_cancel(asked.terms.request);
                let _ = self.bank.decide(asked.payee.to_bytes()[0], cancel);
            }
            Step::Freeze { wallet, both_ways } => self.bank.freeze(wallet, both_ways),
            Step::Unfreeze { wallet } => {
                self.bank.decide(wallet, |wallet, _| wallet.decide_unfreeze()).unwrap();
            }
            Step::Configure { wallet, overdraft, ceiling, limits, zone } => {
                let zones = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"];
                let zone = zones.get(zone).map(|zone| zone.parse().unwrap());
                let (overdraft, ceiling) = (overdraft.map(amount), ceiling.map(amount));
                let _ = self.bank.configure(wallet, WalletSettings { overdraft, ceiling, limits, zone });
            }
            Step::LimitAccount { account, limits } => self.bank.limit_account(account, limits),
            Step::Charge { minor } => {
                let collector = wallet_id(COLLECTOR);
                let rule = |fixed| FeeRule { fixed, basis_points: 0, minimum: 0, maximum: None, collector };
                let (scope, rule) = (FeeScope::Currency(code("EUR")), minor.map(rule));
                self.bank.record(&Event::FeeSet { scope, rule });
                self.charge = minor;
            }
            Step::Wait { hours } => self.bank.now = self.later(hours),
            Step::Restart => self.restart(),
        }
    }

    /// Forgets, as a checkpoint does, and starts again from what is kept.
    fn restart(&mut self) {
        let now = self.bank.now;
        for wallet in self.bank.wallets.values_mut() {
            while !wallet.forget(now, 3).is_empty() {}
            let mut books = Books::default();
            for entry in wallet.books().entries() {
                books.restore(entry, wallet.books().get(entry).unwrap());
            }
            assert_eq!(&books, wallet.books(), "a checkpoint keeps the whole of it");
            *wallet = Wallet::restore(wallet.snapshot().clone(), books);
        }
        for allowance in self.bank.allowances.values_mut() {
            *allowance = Allowance::restore(allowance.snapshot());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_done_keeps_the_rules(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.bank.model.check_sums().unwrap();
        let mut paid: HashMap<PaymentRequestId, u64> = HashMap::new();
        for leg in world.settled.iter().flat_map(|(_, transfer)| transfer.legs()) {
            if let Some(terms) = leg.purpose.terms().filter(|terms| terms.usage != Usage::Reusable) {
                *paid.entry(terms.request).or_default() += leg.amount.get();
            }
        }
        for asked in world.asked {
            let wallet = &world.bank.wallets[&asked.payee];
            let Some(state) = wallet.requests().get(asked.terms.request) else { continue };
            let sum = paid.get(&asked.terms.request).copied().unwrap_or_default();
            prop_assert_eq!(state.paid, sum);
            let is_over = matches!(state.status, RequestStatus::Paid(_) | RequestStatus::Held(_));
            let all = asked.terms.amount.filter(|_| asked.terms.usage == Usage::Parts).map_or(1, Amount::get);
            prop_assert_eq!(is_over, sum >= all && asked.terms.usage != Usage::Reusable);
        }
    }
}
