//! The model finds what breaks a rule: one row an event that no wallet would decide, and what must be said of it. And however
//! a journal is damaged, it says so, and never falls over it.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::bank::{
    Bank, DAY_MS, MINUTE_MS, NOW, account_id, amount, by_device, by_operator, code, device, leg, original,
    pay, request, terms, transfer_id, wallet_id,
};
use crate::calendar::Day;
use crate::conversion::Rate;
use crate::fee::{FeeRule, FeeScope};
use crate::limits::Limits;
use crate::payment_request::{PaymentKind, PaymentRequest, Quote, RequestDetail, Split, Terms, Usage};
use crate::refund::{LegId, Original};
use crate::transfer::{Authority, Leg, Purpose, Transfer};

/// Late enough for all that was in force before to be so no longer for what is on its way.
const LATER: Timestamp = NOW.plus_millis(3 * 60 * MINUTE_MS);

fn reusable(n: u16) -> Terms {
    Terms { usage: Usage::Reusable, expires_at: None, ..terms(n) }
}

fn settled(transfer: Transfer) -> Event {
    let amount = transfer.limited_amount();
    let counted_on = (amount > 0).then(|| Day::utc(LATER));
    Event::TransferSettled(Box::new(Transfer { counted_on, ..transfer }))
}

fn hold_until(terms: Terms, until: Timestamp) -> Purpose {
    Purpose::Hold { terms, until }
}

/// Wallet 1 has 70 and set aside 20 of it; it paid 30 to 2, of which 5 came back. 3 is frozen, 4 is closed.
fn bank() -> (Bank, Transfer) {
    let mut bank = Bank::new();
    for n in 1..=3 {
        bank.open(2, reusable(n)).unwrap();
    }
    let day_after = Some(NOW.plus_millis(DAY_MS));
    bank.open(2, Terms { expires_at: day_after, ..terms(10) }).unwrap();
    bank.open(2, Terms { expires_at: day_after, amount: Some(amount(10)), ..terms(11) }).unwrap();
    bank.open(2, terms(12)).unwrap();
    bank.open(2, reusable(13)).unwrap();
    bank.decide(2, |wallet, _| wallet.decide_cancel(reusable(13).request)).unwrap();
    bank.open_request(&PaymentRequest { payer: Some(account_id(5)), ..request(2, reusable(14)) }).unwrap();
    let split = Terms { amount: Some(amount(10)), ..reusable(15) };
    let splits = [Split { wallet: wallet_id(6), amount: amount(4) }].into();
    bank.open_request(&PaymentRequest { splits, ..request(2, split) }).unwrap();
    bank.open(3, reusable(1)).unwrap();
    bank.settle(&by_device(100, 1, &[leg(1, 2, 20, hold_until(reusable(2), NOW.plus_millis(2 * DAY_MS)))]))
        .unwrap();
    bank.settle(&by_device(101, 1, &[leg(1, 2, 5, hold_until(reusable(2), NOW.plus_millis(2 * DAY_MS)))]))
        .unwrap();
    bank.decide(1, |wallet, now| wallet.decide_release(transfer_id(101), now)).unwrap();
    let paid = by_device(102, 1, &[pay(1, 2, 30, reusable(1))]);
    bank.settle(&paid).unwrap();
    bank.settle(&by_device(103, 2, &[leg(2, 1, 5, Purpose::Refund(original(&paid, 0, NOW)))])).unwrap();
    bank.settle(&by_device(104, 1, &[pay(1, 2, 5, Terms { expires_at: day_after, ..terms(10) })])).unwrap();
    bank.freeze(3, true);
    bank.decide(4, |wallet, _| wallet.decide_close()).unwrap();
    bank.now = LATER;
    (bank, paid)
}

#[test]
fn each_breach_has_its_name() {
    let (bank, paid) = bank();
    let day_after = Some(NOW.plus_millis(DAY_MS));
    let device_of = |n, legs: &[Leg]| settled(by_device(1, n, legs));
    let operator = |legs: &[Leg]| settled(by_operator(1, legs));
    let one = |minor, terms| device_of(1, &[pay(1, 2, minor, terms)]);
    let fine = one(10, reusable(1));
    let hold = |until| device_of(1, &[leg(1, 2, 5, hold_until(reusable(2), until))]);
    let capture = |of: u16, minor, is_final| {
        device_of(2, &[leg(1, 2, minor, Purpose::Capture { hold: transfer_id(of), is_final })])
    };
    let of = original(&paid, 0, NOW);
    let refund = |minor, of| device_of(2, &[leg(2, 1, minor, Purpose::Refund(of))]);
    let reversal = |minor, of| operator(&[leg(2, 1, minor, Purpose::Reversal(of))]);
    let end = |is_expired, of: u16| {
        let (wallet, hold, let_go) = (wallet_id(1), transfer_id(of), None);
        if is_expired {
            Event::HoldExpired { wallet, hold, let_go }
        } else {
            Event::HoldReleased { wallet, hold, let_go }
        }
    };
    let changed = |change: &dyn Fn(&mut Transfer)| {
        let Event::TransferSettled(mut transfer) = fine.clone() else { unreachable!() };
        change(&mut transfer);
        Event::TransferSettled(transfer)
    };
    let split_of = |minor| leg(2, 6, minor, Purpose::Split);
    let split = Terms { amount: Some(amount(10)), ..reusable(15) };
    let configured = |wallet, overdraft: Option<u64>, ceiling: Option<u64>| {
        let (overdraft, ceiling) = (overdraft.map(amount), ceiling.map(amount));
        let settings = WalletSettings { overdraft, ceiling, ..WalletSettings::default() };
        Event::WalletConfigured { wallet: wallet_id(wallet), settings }
    };
    let limited = |per_day| {
        let limits = Limits { per_day: Some(amount(per_day)), ..Limits::default() };
        Event::WalletConfigured {
            wallet: wallet_id(1),
            settings: WalletSettings { limits, ..WalletSettings::default() },
        }
    };
    let account_limited = |per_day| {
        let limits = Limits { per_day: Some(amount(per_day)), ..Limits::default() };
        Event::AccountLimited { account: account_id(1), currency: code("EUR"), limits }
    };
    let rule = |collector| FeeRule {
        fixed: 1,
        basis_points: 0,
        minimum: 0,
        maximum: None,
        collector: wallet_id(collector),
    };
    let fee_set = |n| Event::FeeSet { scope: FeeScope::Currency(code("EUR")), rule: Some(rule(n)) };
    let charged =
        |minor, payee| device_of(1, &[pay(1, 2, 10, reusable(1)), leg(2, payee, minor, Purpose::Fee)]);
    let rate = |taker, giver| {
        let (from, to) = (code("EUR"), code("JPY"));
        let (taker, giver) = (wallet_id(taker), wallet_id(giver));
        let rate = Rate { from, to, numerator: 16, denominator: 10, taker, giver, quote_lifetime_ms: 30_000 };
        Event::RateSet { from, to, rate: Some(rate) }
    };
    let quoted = |given| {
        let terms = Terms {
            amount: Some(amount(10)),
            expires_at: Some(LATER.plus_millis(30_000)),
            kind: PaymentKind::Conversion,
            ..terms(50)
        };
        let (source, target) = (wallet_id(12), wallet_id(11));
        let quote = Quote { source, target, amount: amount(given), currency: code("JPY") };
        let detail = Some(Box::new(RequestDetail::Conversion(quote)));
        let quoted = PaymentRequest { payer: Some(account_id(1)), detail, ..request(2, terms) };
        Event::PaymentRequestOpened(Box::new(quoted))
    };
    let opened = |terms| Event::PaymentRequestOpened(Box::new(request(2, terms)));
    let status = |wallet| Event::WalletFrozen { wallet: wallet_id(wallet), both_ways: true };
    let cancelled =
        |terms: Terms| Event::PaymentRequestCancelled { payee: wallet_id(2), request: terms.request };
    let yen = |leg: Leg| Leg { currency: code("JPY"), ..leg };
    let stranger = Authority::Device { account: account_id(1), device: device(2) };
    let table: Vec<(&str, Vec<Event>, &str)> = vec![
        ("fine", vec![fine.clone()], ""),
        ("twice", vec![fine.clone(), fine.clone()], "TransferTwice"),
        ("again", vec![Event::TransferSettled(Box::new(paid.clone()))], "TransferTwice"),
        ("33 legs", vec![device_of(1, &[pay(1, 2, 1, reusable(1)); 33])], "TooManyLegs"),
        (
            "a hold beside",
            vec![device_of(1, &[pay(1, 2, 1, reusable(1)), leg(1, 2, 1, hold_until(reusable(2), LATER))])],
            "TooManyLegs",
        ),
        ("one wallet", vec![device_of(1, &[pay(1, 1, 1, reusable(1))])], "LegImpossible"),
        ("no wallet", vec![device_of(1, &[pay(1, 99, 1, reusable(1))])], "LegImpossible"),
        ("yen", vec![device_of(1, &[yen(pay(1, 2, 1, reusable(1)))])], "LegImpossible"),
        ("a closed one", vec![operator(&[leg(0, 4, 1, Purpose::Issue)])], "LegImpossible"),
        ("another's", vec![device_of(5, &[pay(1, 2, 1, reusable(1))])], "NotAuthorised"),
        ("no device", vec![changed(&|transfer| transfer.authority = stranger)], "NotAuthorised"),
        ("an issuer's", vec![device_of(1, &[pay(0, 2, 1, reusable(1))])], "NotAuthorised"),
        ("a device issues", vec![device_of(1, &[leg(0, 2, 1, Purpose::Issue)])], "NotAuthorised"),
        ("a device adjusts", vec![device_of(1, &[leg(1, 2, 1, Purpose::Adjustment)])], "NotAuthorised"),
        ("into a frozen one", vec![device_of(1, &[pay(1, 3, 1, reusable(1))])], "Frozen"),
        ("out of a frozen one", vec![operator(&[leg(3, 2, 1, Purpose::Adjustment)])], "Frozen"),
        ("paid twice", vec![one(5, Terms { expires_at: day_after, ..terms(10) })], "RequestPaidTwice"),
        (
            "another amount",
            vec![one(9, Terms { expires_at: day_after, amount: Some(amount(10)), ..terms(11) })],
            "RequestTermsBroken",
        ),
        ("other terms", vec![one(9, Terms { expires_at: day_after, ..terms(11) })], "RequestTermsBroken"),
        ("expired", vec![one(9, terms(12))], "RequestTermsBroken"),
        ("unknown", vec![one(9, reusable(49))], "RequestTermsBroken"),
        ("a till's", vec![one(9, Terms { till: Some(device(2)), ..reusable(49) })], ""),
        (
            "another's till's",
            vec![one(9, Terms { till: Some(device(1)), ..reusable(49) })],
            "RequestTermsBroken",
        ),
        ("withdrawn", vec![one(9, reusable(13))], "RequestTermsBroken"),
        ("for another", vec![one(9, reusable(14))], "RequestTermsBroken"),
        ("opened twice", vec![opened(reusable(1))], "RequestImpossible"),
        ("opened too late", vec![opened(terms(48))], "RequestImpossible"),
        ("withdrawn twice", vec![cancelled(reusable(13))], "OutOfPlace"),
        ("withdrawn, paid", vec![cancelled(terms(10))], "OutOfPlace"),
        ("split", vec![device_of(1, &[pay(1, 2, 10, split), split_of(4)])], ""),
        ("not split", vec![one(10, split)], "LegsDiffer"),
        ("split another way", vec![device_of(1, &[pay(1, 2, 10, split), split_of(5)])], "LegsDiffer"),
        ("split unasked", vec![device_of(1, &[pay(1, 2, 10, reusable(1)), split_of(4)])], "LegsDiffer"),
        (
            "drawn from others",
            vec![device_of(1, &[pay(1, 2, 10, split), split_of(4), leg(6, 1, 1, Purpose::Split)])],
            "LegsDiffer",
        ),
        (
            "held though split",
            vec![device_of(1, &[leg(1, 2, 10, hold_until(split, LATER.plus_millis(1)))])],
            "LegsDiffer",
        ),
        ("charged", vec![fee_set(6), charged(1, 6)], ""),
        ("charged for nothing", vec![charged(1, 6)], "LegsDiffer"),
        ("charged more", vec![fee_set(6), charged(2, 6)], "LegsDiffer"),
        ("charged by another", vec![fee_set(6), charged(1, 5)], "LegsDiffer"),
        ("charged by nobody", vec![fee_set(99)], "OutOfPlace"),
        ("charged in yen", vec![fee_set(12)], "OutOfPlace"),
        ("quoted", vec![rate(2, 12), quoted(16)], ""),
        ("quoted more", vec![rate(2, 12), quoted(17)], "RequestImpossible"),
        ("quoted at no rate", vec![quoted(16)], "RequestImpossible"),
        ("a rate out of another's wallet", vec![rate(2, 11)], "OutOfPlace"),
        (
            "given unasked",
            vec![device_of(1, &[pay(1, 2, 10, reusable(1)), yen(leg(12, 11, 1, Purpose::Conversion))])],
            "LegsDiffer",
        ),
        ("a hold", vec![hold(LATER.plus_millis(1))], ""),
        ("a hold that is over", vec![hold(NOW)], "HoldBroken"),
        ("a hold for ever", vec![hold(NOW.plus_millis(40 * DAY_MS))], "HoldBroken"),
        ("captured", vec![capture(100, 20, true)], ""),
        ("captured too much", vec![capture(100, 21, false)], "HoldBroken"),
        ("captured though let go", vec![capture(101, 1, false)], "HoldBroken"),
        ("captured of nothing", vec![capture(102, 1, false)], "HoldBroken"),
        ("captured, and let go", vec![capture(100, 1, true), end(false, 100)], "HoldBroken"),
        ("let go", vec![end(false, 100)], ""),
        ("let go twice", vec![end(false, 101)], "HoldBroken"),
        ("over before its time", vec![end(true, 100)], "HoldBroken"),
        ("given back", vec![refund(25, of)], ""),
        ("given back too much", vec![refund(26, of)], "RefundBroken"),
        ("given back of more", vec![refund(5, Original { amount: amount(40), ..of })], "RefundBroken"),
        (
            "given back of no leg",
            vec![refund(5, Original { id: LegId { leg: 1, ..of.id }, ..of })],
            "RefundBroken",
        ),
        ("given back to another", vec![device_of(2, &[leg(2, 5, 5, Purpose::Refund(of))])], "RefundBroken"),
        ("taken back, though some came back", vec![reversal(30, of)], "RefundBroken"),
        ("taken back in part", vec![reversal(25, of)], "RefundBroken"),
        (
            "a hold given back",
            vec![refund(
                5,
                Original { id: LegId { transfer: transfer_id(100), leg: 0 }, amount: amount(20), at: NOW },
            )],
            "RefundBroken",
        ),
        ("within limits", vec![limited(75), one(10, reusable(1))], ""),
        ("not counted", vec![changed(&|transfer| transfer.counted_on = None)], "LimitBroken"),
        (
            "counted on another day",
            vec![changed(&|transfer| transfer.counted_on = Some(Day::utc(NOW.plus_millis(3 * DAY_MS))))],
            "LimitBroken",
        ),
        (
            "counted though unlimited",
            vec![changed(&|transfer| transfer.account_counted_on = transfer.counted_on)],
            "AccountLimitBroken",
        ),
        (
            "limited and not counted",
            vec![changed(&|transfer| transfer.is_account_limited = true)],
            "AccountLimitBroken",
        ),
        ("account limited", vec![account_limited(5), fine.clone()], ""),
        ("more than there is", vec![one(70, reusable(1))], "OutOfBounds"),
        ("what is set aside", vec![one(51, reusable(1))], "OutOfBounds"),
        ("an overdraft", vec![configured(1, Some(10), None), one(60, reusable(1))], ""),
        ("more than an overdraft", vec![configured(1, Some(1), None), one(52, reusable(1))], "OutOfBounds"),
        ("over a ceiling", vec![configured(2, None, Some(35)), fine.clone()], "OutOfBounds"),
        ("a ceiling too low", vec![configured(2, None, Some(5))], "OutOfBounds"),
        ("a full one closed", vec![Event::WalletClosed { wallet: wallet_id(1) }], "OutOfBounds"),
        ("frozen twice", vec![status(3)], "OutOfPlace"),
        ("an issuer frozen", vec![status(0)], "OutOfPlace"),
        ("a closed one frozen", vec![status(4)], "OutOfPlace"),
        (
            "no account",
            vec![Event::AccountLimited {
                account: account_id(99),
                currency: code("EUR"),
                limits: Limits::default(),
            }],
            "OutOfPlace",
        ),
    ];
    for (name, events, expected) in table {
        let mut model = bank.model.clone();
        let (last, before) = events.split_last().unwrap();
        for event in before {
            model.apply(LATER, event).unwrap_or_else(|breach| panic!("{name}: {breach}"));
        }
        let found = model.apply(LATER, last).err().map_or(String::new(), |breach| format!("{breach:?}"));
        let kind = found.split(['(', ' ']).next().unwrap_or_default();
        assert_eq!(kind, expected, "{name}: {found}");
    }
}

/// What was decided while a transfer was on its way does not make it wrong; an hour later it does.
#[test]
fn what_was_in_force_lately_may_have_been_what_was_decided_by() {
    let (mut bank, _) = bank();
    let limits = Limits { per_day: Some(amount(1)), ..Limits::default() };
    bank.configure(1, WalletSettings { limits, ..WalletSettings::default() }).unwrap();
    bank.limit_account(1, limits);
    bank.freeze(1, false);
    let paid = by_device(1, 1, &[pay(1, 2, 10, reusable(1))]);
    let counted = |at| {
        let counted_on = Some(Day::utc(at));
        Event::TransferSettled(Box::new(Transfer { counted_on, ..paid.clone() }))
    };
    let apply = |at: Timestamp| bank.model.clone().apply(at, &counted(at));
    assert_eq!(apply(LATER.plus_millis(60 * MINUTE_MS)), Ok(()));
    let late = LATER.plus_millis(61 * MINUTE_MS);
    assert_eq!(apply(late), Err(Breach::Frozen(paid.id, wallet_id(1))));
    let thawed =
        |model: &mut Ledger, at| model.apply(at, &Event::WalletUnfrozen { wallet: wallet_id(1) }).unwrap();
    let mut model = bank.model.clone();
    thawed(&mut model, late);
    assert_eq!(model.apply(late, &counted(late)), Err(Breach::LimitBroken(paid.id, wallet_id(1))));
    let mut model = bank.model.clone();
    thawed(&mut model, late);
    let settings = WalletSettings::default();
    model.apply(late, &Event::WalletConfigured { wallet: wallet_id(1), settings }).unwrap();
    assert_eq!(model.apply(late, &counted(late)), Err(Breach::AccountLimitBroken(paid.id, account_id(1))));
}

/// One thing that is wrong with a journal.
#[derive(Clone, Debug)]
enum Damage {
    Lost(prop::sample::Index),
    Twice(prop::sample::Index),
    Swapped(prop::sample::Index),
    Changed { which: prop::sample::Index, leg: prop::sample::Index, minor: u64, wallet: u8, is_payee: bool },
    Renamed(prop::sample::Index, u16),
}

fn damage() -> impl Strategy<Value = Damage> {
    let which = any::<prop::sample::Index>;
    prop_oneof![
        which().prop_map(Damage::Lost),
        which().prop_map(Damage::Twice),
        which().prop_map(Damage::Swapped),
        (which(), which(), 1..200_u64, 0..13_u8, any::<bool>()).prop_map(
            |(which, leg, minor, wallet, is_payee)| Damage::Changed { which, leg, minor, wallet, is_payee }
        ),
        (which(), 0..200_u16).prop_map(|(which, n)| Damage::Renamed(which, n)),
    ]
}

static JOURNAL: LazyLock<Vec<(Timestamp, Event)>> = LazyLock::new(|| bank().0.journal);

fn change(event: &mut Event, damage: &Damage) {
    let (Event::TransferSettled(transfer), Damage::Changed { leg, minor, wallet, is_payee, .. }) =
        (event, damage)
    else {
        return;
    };
    let mut legs: Vec<Leg> = transfer.legs().copied().collect();
    let changed = leg.get_mut(&mut legs);
    changed.amount = amount(*minor);
    if *is_payee {
        changed.payee = wallet_id(*wallet);
    } else {
        changed.payer = wallet_id(*wallet);
    }
    let linked = legs.split_off(1).into();
    **transfer = Transfer { linked, ..rebuilt(transfer, legs[0]) };
}

fn rebuilt(transfer: &Transfer, first: Leg) -> Transfer {
    let Transfer { counted_on, is_account_limited, account_counted_on, let_go, .. } = *transfer;
    let built = Transfer::new(transfer.id, transfer.authority, first);
    Transfer { counted_on, is_account_limited, account_counted_on, let_go, ..built }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_damaged_journal_is_reported_and_not_run(damages in prop::collection::vec(damage(), 1..4)) {
        let mut journal = JOURNAL.clone();
        for damage in &damages {
            let last = journal.len() - 1;
            match damage {
                Damage::Lost(which) => {
                    journal.remove(which.index(journal.len()));
                }
                Damage::Twice(which) => {
                    let twice = which.get(&journal).clone();
                    journal.push(twice);
                }
                Damage::Swapped(which) => {
                    let which = which.index(last);
                    journal.swap(which, which + 1);
                }
                Damage::Changed { which, .. } => change(&mut which.get_mut(&mut journal).1, damage),
                Damage::Renamed(which, n) => {
                    if let Event::TransferSettled(transfer) = &mut which.get_mut(&mut journal).1 {
                        transfer.id = transfer_id(*n);
                    }
                }
            }
        }
        let mut model = Ledger::default();
        let is_sound = journal.iter().all(|(at, event)| model.apply(*at, event).is_ok());
        if is_sound {
            model.check_sums().unwrap();
        }
    }
}
