//! What a wallet's books and limits say of a transfer: holds, captures, refunds, and what is counted.

use super::*;
use crate::bank::{
    Bank, DAY_MS, MINUTE_MS, NOW, account_id, amount, by_device, by_operator, capture, check, code, hold,
    leg, of_ten, original, pay, split, terms, transfer_id, until, wallet_id,
};
use crate::hold::{HoldStatus, MAX_HOLD_LIFETIME_MS};
use crate::limits::Limits;
use crate::payment_request::Terms;
use crate::refund::MAX_REFUND_AGE_MS;
use crate::wallet_snapshot::WalletSettings;

#[test]
fn each_rule_of_a_hold_refuses() {
    let fine = until(10 * MINUTE_MS);
    let two = by_device(
        1,
        1,
        &[
            leg(1, 2, 10, Purpose::Hold { terms: terms(1), until: fine }),
            leg(1, 3, 10, Purpose::Hold { terms: terms(1), until: fine }),
        ],
    );
    let beside = by_device(
        1,
        1,
        &[pay(1, 3, 10, terms(1)), leg(1, 2, 10, Purpose::Hold { terms: terms(1), until: fine })],
    );
    let sticker = Terms { usage: Usage::Reusable, ..terms(3) };
    check(
        |bank| {
            bank.open(2, sticker).unwrap();
            bank.open(2, terms(1)).unwrap();
            bank.open(3, terms(1)).unwrap();
            bank.open_request(&split(2, 2, &[(3, 4)])).unwrap();
        },
        &[
            ("all there is", hold(1, 100, terms(1), fine), Ok(())),
            ("more", hold(1, 101, terms(1), fine), Err(Refusal::InsufficientFunds)),
            ("longest", hold(1, 10, terms(1), until(MAX_HOLD_LIFETIME_MS)), Ok(())),
            (
                "longer",
                hold(1, 10, terms(1), until(MAX_HOLD_LIFETIME_MS + 1)),
                Err(Refusal::HoldExpiryInvalid),
            ),
            (
                "before its request",
                hold(1, 1, terms(1), until(10 * MINUTE_MS - 1)),
                Err(Refusal::HoldExpiryInvalid),
            ),
            ("of a sticker", hold(1, 1, sticker, until(1)), Ok(())),
            ("over at once", hold(1, 10, terms(1), NOW), Err(Refusal::HoldExpiryInvalid)),
            ("a request with splits", hold(1, 10, of_ten(2), fine), Err(Refusal::RequestNotHoldable)),
            ("two at once", two, Err(Refusal::TooManyLegs)),
            ("beside a payment", beside, Err(Refusal::TooManyLegs)),
        ],
    );
}

#[test]
fn each_rule_of_a_capture_refuses() {
    let sound = capture(1, 300, 10, false);
    let taken = sound.first;
    let twice = by_device(1, 2, &[taken, taken]);
    let prepare = |bank: &mut Bank| {
        for (n, minor) in [(1, 20), (2, 10), (3, 10), (4, 10)] {
            bank.open(2, terms(n)).unwrap();
            bank.settle(&hold(299 + n, minor, terms(n), until(10 * MINUTE_MS + u64::from(n)))).unwrap();
        }
        bank.settle(&capture(400, 300, 5, false)).unwrap();
        bank.settle(&capture(401, 301, 5, true)).unwrap();
        bank.decide(1, |wallet, now| wallet.decide_release(transfer_id(302), now)).unwrap();
        bank.open_wallet(22, 2, "EUR");
    };
    check(
        prepare,
        &[
            ("some", sound.clone(), Ok(())),
            ("the rest", capture(1, 300, 15, false), Ok(())),
            ("less, and no more", capture(1, 300, 1, true), Ok(())),
            ("by the operator", by_operator(1, &[taken]), Ok(())),
            ("more", capture(1, 300, 16, false), Err(Refusal::CaptureExceedsHold)),
            ("by the payer", by_device(1, 1, &[taken]), Err(Refusal::PayeeUnknown)),
            (
                "into another wallet",
                by_device(1, 2, &[Leg { payee: wallet_id(22), ..taken }]),
                Err(Refusal::HoldUnknown),
            ),
            ("of no hold", capture(1, 399, 1, false), Err(Refusal::HoldUnknown)),
            ("captured", capture(1, 301, 1, false), Err(Refusal::HoldCaptured)),
            ("released", capture(1, 302, 1, false), Err(Refusal::HoldReleased)),
            ("twice at once", twice, Err(Refusal::TooManyLegs)),
            (
                "beside a payment",
                by_device(1, 2, &[taken, pay(2, 3, 1, terms(9))]),
                Err(Refusal::TooManyLegs),
            ),
        ],
    );
    let mut bank = Bank::new();
    prepare(&mut bank);
    assert_eq!((bank.posted(1), bank.held(1), bank.posted(2)), (90, 25, 10));
    assert_eq!(bank.wallet(1).spendable(), 65);
    // At its end, and not before, it expires; captured it can't be from then on.
    let last = transfer_id(303);
    bank.now = until(10 * MINUTE_MS + 3);
    bank.decide(1, |wallet, now| Ok(wallet.decide_expiry(last, now))).unwrap();
    assert_eq!(bank.held(1), 25);
    bank.now = until(10 * MINUTE_MS + 4);
    assert_eq!(bank.settle(&capture(1, 303, 1, false)), Err(Refusal::HoldExpired));
    let release = bank.wallet(1).decide_release(last, bank.now);
    assert_eq!(release, Err(Refusal::HoldExpired));
    bank.decide(1, |wallet, now| Ok(wallet.decide_expiry(last, now))).unwrap();
    assert_eq!((bank.posted(1), bank.held(1)), (90, 15));
    assert_eq!(bank.wallet(1).holds().get(last).unwrap().status, HoldStatus::Expired);
    assert_eq!(bank.wallet(1).decide_expiry(last, bank.now), None);
}

#[test]
fn a_capture_on_its_way_keeps_the_hold_as_it_is() {
    let mut bank = Bank::new();
    bank.open(2, terms(1)).unwrap();
    bank.settle(&hold(300, 20, terms(1), until(10 * MINUTE_MS))).unwrap();
    let wallet = bank.wallets.get_mut(&wallet_id(1)).unwrap();
    let decide = |wallet: &Wallet, transfer: &Transfer, now| {
        decide_part(Some(wallet), wallet_id(1), transfer, now).map(|_| ())
    };
    let some = capture(1, 300, 5, false);
    wallet.accept(&some);
    assert_eq!(decide(wallet, &capture(2, 300, 15, false), NOW), Ok(()));
    assert_eq!(decide(wallet, &capture(2, 300, 16, false), NOW), Err(Refusal::CaptureExceedsHold));
    assert_eq!(decide(wallet, &capture(2, 300, 1, true), NOW), Err(Refusal::HoldBusy));
    assert_eq!(wallet.decide_release(transfer_id(300), NOW), Err(Refusal::HoldBusy));
    assert_eq!(wallet.decide_expiry(transfer_id(300), until(10 * MINUTE_MS)), None);
    assert_eq!(wallet.decide_close(), Err(Refusal::WalletNotEmpty));
    wallet.take_back(&some);
    let last = capture(2, 300, 1, true);
    wallet.accept(&last);
    assert_eq!(decide(wallet, &capture(3, 300, 1, false), NOW), Err(Refusal::HoldBusy));
    wallet.take_back(&last);
    assert!(wallet.decide_expiry(transfer_id(300), until(10 * MINUTE_MS)).is_some());
}

#[test]
fn each_rule_of_a_refund_refuses() {
    let paid = by_device(300, 1, &[pay(1, 2, 20, terms(1)), pay(1, 3, 30, terms(2))]);
    let of = original(&paid, 0, NOW);
    let back = |minor, original| leg(2, 1, minor, Purpose::Refund(original));
    let one = |leg: Leg| by_device(1, 2, &[leg]);
    let changed = Original { amount: amount(21), ..of };
    let prepare = |bank: &mut Bank| {
        bank.open(2, terms(1)).unwrap();
        bank.open(3, terms(2)).unwrap();
        bank.settle(&paid).unwrap();
        bank.settle(&by_device(301, 2, &[back(5, of)])).unwrap();
        bank.issue(302, 2, 50).unwrap();
    };
    check(
        prepare,
        &[
            ("some", one(back(5, of)), Ok(())),
            ("the rest", one(back(15, of)), Ok(())),
            ("more", one(back(16, of)), Err(Refusal::RefundExceedsTransfer)),
            ("by the operator", by_operator(1, &[back(15, of)]), Ok(())),
            ("by the payer", by_device(1, 1, &[back(5, of)]), Err(Refusal::PayerUnknown)),
            ("in two legs", by_device(1, 2, &[back(5, of), back(10, of)]), Ok(())),
            (
                "more in two legs",
                by_device(1, 2, &[back(8, of), back(8, of)]),
                Err(Refusal::RefundExceedsTransfer),
            ),
            ("of another amount", one(back(5, changed)), Err(Refusal::NotRefundable)),
            (
                "of two amounts",
                by_device(1, 2, &[back(5, of), back(5, changed)]),
                Err(Refusal::NotRefundable),
            ),
            (
                "by the other payee",
                by_device(1, 3, &[leg(3, 1, 30, Purpose::Refund(original(&paid, 1, NOW)))]),
                Ok(()),
            ),
        ],
    );
    let mut bank = Bank::new();
    prepare(&mut bank);
    bank.now = NOW.plus_millis(MAX_REFUND_AGE_MS);
    assert_eq!(bank.settle(&one(back(5, of))), Ok(()));
    bank.now = bank.now.plus_millis(1);
    assert_eq!(bank.settle(&by_device(2, 2, &[back(5, of)])), Err(Refusal::RefundTooLate));
}

#[test]
fn nothing_comes_back_to_a_wallet_that_was_closed() {
    let mut bank = Bank::new();
    bank.open(2, terms(1)).unwrap();
    let paid = by_device(1, 1, &[pay(1, 2, 100, terms(1))]);
    bank.settle(&paid).unwrap();
    bank.decide(1, |wallet, _| wallet.decide_close()).unwrap();
    for purpose in [Purpose::Refund(original(&paid, 0, NOW)), Purpose::Reversal(original(&paid, 0, NOW))] {
        let back = by_operator(2, &[leg(2, 1, 100, purpose)]);
        assert_eq!(bank.settle(&back), Err(Refusal::PayeeClosed));
    }
}

#[test]
fn the_operator_takes_all_of_it_back_even_from_the_frozen() {
    let mut bank = Bank::new();
    bank.open_request(&split(2, 1, &[(3, 4)])).unwrap();
    let paid = by_device(300, 1, &[pay(1, 2, 10, of_ten(1)), leg(2, 3, 4, Purpose::Split)]);
    bank.settle(&paid).unwrap();
    let back = |payer, payee, minor, number| {
        leg(payer, payee, minor, Purpose::Reversal(original(&paid, number, NOW)))
    };
    let legs = [back(2, 1, 10, 0), back(3, 2, 4, 1)];
    assert_eq!(bank.settle(&by_device(301, 2, &legs)), Err(Refusal::PayerUnknown));
    for n in 1..=3 {
        bank.freeze(n, true);
    }
    assert_eq!(bank.settle(&by_operator(302, &legs)), Ok(()));
    assert_eq!((bank.posted(1), bank.posted(2), bank.posted(3)), (100, 0, 0));
    assert_eq!(bank.settle(&by_operator(303, &legs)), Err(Refusal::RefundExceedsTransfer));
}

#[test]
fn limits_of_a_wallet_and_of_its_account_are_kept() {
    let limits = |payment, day, month| Limits {
        per_payment: Some(amount(payment)),
        per_day: Some(amount(day)),
        per_month: Some(amount(month)),
    };
    let reusable = Terms { usage: Usage::Reusable, expires_at: None, ..terms(1) };
    let pays = |n: u64, minor| {
        let n = u16::try_from(n).unwrap();
        Transfer { is_account_limited: true, ..by_device(n, 1, &[pay(1, 2, minor, reusable)]) }
    };
    let mut bank = Bank::new();
    bank.issue(300, 1, 10_000).unwrap();
    bank.open(2, reusable).unwrap();
    bank.configure(1, WalletSettings { limits: limits(50, 80, 120), ..WalletSettings::default() }).unwrap();
    let table = [
        // From 2023-11-14 on.
        (0, 51, Err(Refusal::PaymentLimitExceeded)),
        (0, 50, Ok(())),
        (0, 31, Err(Refusal::DayLimitExceeded)),
        (0, 30, Ok(())),
        (1, 41, Err(Refusal::MonthLimitExceeded)),
        (1, 40, Ok(())),
        (16, 1, Err(Refusal::MonthLimitExceeded)),
        (17, 50, Ok(())),
    ];
    let mut n = 0;
    for (day, minor, expected) in table {
        n += 1;
        bank.now = NOW.plus_millis(day * DAY_MS);
        assert_eq!(bank.settle(&pays(n, minor)), expected, "{minor} on day {day}");
    }
    bank.configure(1, WalletSettings::default()).unwrap();
    bank.limit_account(1, limits(60, 70, 90));
    let table = [
        // What was paid before on that day counted, because its transfers said that they count.
        (17, 61, Err(Refusal::AccountPaymentLimitExceeded)),
        (17, 21, Err(Refusal::AccountDayLimitExceeded)),
        (17, 20, Ok(())),
        (18, 21, Err(Refusal::AccountMonthLimitExceeded)),
        (18, 20, Ok(())),
    ];
    for (day, minor, expected) in table {
        n += 1;
        bank.now = NOW.plus_millis(day * DAY_MS);
        assert_eq!(bank.settle(&pays(n, minor)), expected, "{minor} on day {day}");
    }
}

#[test]
fn what_is_let_go_counts_toward_no_limit() {
    let per_day = Limits { per_day: Some(amount(50)), ..Limits::default() };
    let limited = |transfer| Transfer { is_account_limited: true, ..transfer };
    let counted = |bank: &Bank| {
        let allowance = bank.allowances[&(account_id(1), code("EUR"))].snapshot();
        assert_eq!(bank.wallet(1).snapshot().spending, allowance.spending);
        (allowance.spending.in_day, allowance.spending.in_month)
    };
    let mut bank = Bank::new();
    bank.configure(1, WalletSettings { limits: per_day, ..WalletSettings::default() }).unwrap();
    bank.limit_account(1, per_day);
    let later = Terms { expires_at: Some(until(20 * MINUTE_MS)), ..terms(5) };
    (1..=4).for_each(|n| bank.open(2, terms(n)).unwrap());
    bank.open(2, later).unwrap();
    for n in 1..=3 {
        bank.settle(&limited(hold(n, 15, terms(n), until(10 * MINUTE_MS)))).unwrap();
    }
    assert_eq!(counted(&bank), (45, 45));
    let too_much = limited(hold(4, 6, terms(4), until(10 * MINUTE_MS)));
    assert_eq!(bank.settle(&too_much), Err(Refusal::DayLimitExceeded));
    bank.decide(1, |wallet, now| wallet.decide_release(transfer_id(1), now)).unwrap();
    assert_eq!(counted(&bank), (30, 30));
    bank.settle(&capture(10, 2, 4, false)).unwrap();
    assert_eq!(counted(&bank), (30, 30));
    bank.settle(&capture(11, 2, 1, true)).unwrap();
    assert_eq!(counted(&bank), (20, 20));
    bank.now = until(10 * MINUTE_MS);
    bank.decide(1, |wallet, now| Ok(wallet.decide_expiry(transfer_id(3), now))).unwrap();
    assert_eq!(counted(&bank), (5, 5));
    let fits = limited(by_device(5, 1, &[pay(1, 2, 45, later)]));
    assert_eq!(bank.settle(&fits), Ok(()));
}

/// An account that goes from one time zone to another can't pay the limit of one day twice.
#[test]
fn a_day_that_is_over_does_not_come_back() {
    let in_zone = |zone: &str| WalletSettings {
        limits: Limits { per_day: Some(amount(50)), ..Limits::default() },
        zone: Some(zone.parse().unwrap()),
        ..WalletSettings::default()
    };
    let reusable = Terms { usage: Usage::Reusable, expires_at: None, ..terms(1) };
    let pays = |n, payer, minor| Transfer {
        is_account_limited: true,
        ..by_device(n, 1, &[pay(payer, 2, minor, reusable)])
    };
    let mut bank = Bank::new();
    bank.open(2, reusable).unwrap();
    bank.open_wallet(21, 1, "EUR");
    bank.issue(300, 21, 100).unwrap();
    bank.limit_account(1, Limits { per_day: Some(amount(50)), ..Limits::default() });
    // 23:13 in Berlin, and past midnight in Istanbul.
    bank.configure(1, in_zone("Europe/Istanbul")).unwrap();
    bank.configure(21, in_zone("Europe/Berlin")).unwrap();
    assert_eq!(bank.settle(&pays(1, 1, 30)), Ok(()));
    assert_eq!(bank.settle(&pays(2, 21, 21)), Err(Refusal::AccountDayLimitExceeded));
    assert_eq!(bank.settle(&pays(3, 21, 10)), Ok(()));
    assert_eq!(bank.settle(&pays(4, 21, 11)), Err(Refusal::AccountDayLimitExceeded));
    bank.configure(1, in_zone("Europe/Berlin")).unwrap();
    assert_eq!(bank.settle(&pays(5, 1, 21)), Err(Refusal::DayLimitExceeded));
    bank.limit_account(1, Limits::default());
    assert_eq!(bank.settle(&pays(6, 1, 20)), Ok(()));
    assert_eq!(bank.settle(&pays(7, 1, 1)), Err(Refusal::DayLimitExceeded));
}
