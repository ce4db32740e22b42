//! The rules of a transfer's parts as tables, one row a transfer and what must come of it.

use super::*;
use crate::bank::{
    Bank, MINUTE_MS, NOW, account_id, amount, by_device, by_operator, capture, check, code, device, hold,
    leg, of_ten, original, pay, request, split, terms, transfer_id, until, wallet_id,
};
use crate::money::MAX_AMOUNT;
use crate::payment_request::Terms;
use crate::request_book::RequestStatus;
use crate::wallet::MAX_BALANCE;
use crate::wallet_snapshot::WalletSettings;

#[test]
fn each_rule_of_a_payment_refuses_and_moves_nothing() {
    let sound = by_device(1, 1, &[pay(1, 2, 10, of_ten(1))]);
    let one = |leg: Leg| by_device(1, 1, &[leg]);
    let first = sound.first;
    let with = |terms: Terms, minor: u64| by_device(1, 1, &[pay(1, 2, minor, terms)]);
    let till = Some(device(2));
    let of_till = Terms { till, ..of_ten(7) };
    check(
        |bank| {
            for n in 1..=4 {
                bank.open(2, if n == 2 { terms(n) } else { of_ten(n) }).unwrap();
            }
            bank.open(8, of_ten(1)).unwrap();
            bank.decide(2, |wallet, _| wallet.decide_cancel(terms(3).request)).unwrap();
            bank.settle(&by_device(201, 1, &[pay(1, 2, 10, of_ten(4))])).unwrap();
            bank.issue(202, 1, 10).unwrap();
            bank.decide(8, |wallet, _| wallet.decide_close()).unwrap();
        },
        &[
            ("settles", sound.clone(), Ok(())),
            ("one wallet", one(Leg { payee: wallet_id(1), ..first }), Err(Refusal::SelfPayment)),
            ("no payer", one(Leg { payer: wallet_id(77), ..first }), Err(Refusal::PayerUnknown)),
            ("another's wallet", by_device(1, 3, &[first]), Err(Refusal::PayerUnknown)),
            ("the issuer's wallet", one(Leg { payer: wallet_id(0), ..first }), Err(Refusal::PayerUnknown)),
            ("operator can't pay", by_operator(1, &[first]), Err(Refusal::PayerUnknown)),
            ("a device can't issue", one(leg(0, 2, 10, Purpose::Issue)), Err(Refusal::PayerUnknown)),
            ("a device can't adjust", one(leg(1, 2, 10, Purpose::Adjustment)), Err(Refusal::PayerUnknown)),
            (
                "yen from euros",
                one(Leg { currency: code("JPY"), ..first }),
                Err(Refusal::PayerCurrencyDiffers),
            ),
            ("too much", with(terms(2), 101), Err(Refusal::InsufficientFunds)),
            ("no payee", one(Leg { payee: wallet_id(77), ..first }), Err(Refusal::PayeeUnknown)),
            ("the issuer as payee", one(Leg { payee: wallet_id(0), ..first }), Err(Refusal::PayeeUnknown)),
            ("euros to yen", one(Leg { payee: wallet_id(12), ..first }), Err(Refusal::PayeeCurrencyDiffers)),
            ("unknown request", with(of_ten(55), 10), Err(Refusal::RequestUnknown)),
            (
                "expired",
                with(Terms { expires_at: Some(NOW), ..of_ten(55) }, 10),
                Err(Refusal::RequestExpired),
            ),
            ("another amount", with(of_ten(1), 11), Err(Refusal::AmountDiffers)),
            ("any amount", with(terms(2), 100), Ok(())),
            ("a till's", with(of_till, 10), Ok(())),
            ("for ever", with(Terms { expires_at: None, ..of_till }, 10), Err(Refusal::RequestExpiryInvalid)),
            (
                "in parts",
                with(Terms { usage: Usage::Parts, ..of_till }, 5),
                Err(Refusal::RequestInconsistent),
            ),
            (
                "a till's quote",
                with(Terms { kind: PaymentKind::Conversion, ..of_till }, 10),
                Err(Refusal::RequestInconsistent),
            ),
            ("cancelled", with(of_ten(3), 10), Err(Refusal::RequestCancelled)),
            ("paid", with(of_ten(4), 10), Err(Refusal::RequestPaid)),
            ("closed payee", by_device(1, 1, &[pay(1, 8, 10, of_ten(1))]), Err(Refusal::PayeeClosed)),
            ("closed payer", by_device(1, 8, &[pay(8, 2, 10, of_ten(1))]), Err(Refusal::PayerClosed)),
        ],
    );
}

#[test]
fn several_payees_are_paid_together_or_not_at_all() {
    let two = |second: Leg| by_device(1, 1, &[pay(1, 2, 10, of_ten(1)), second]);
    let many = |count: u16| -> Vec<Leg> { (0..count).map(|n| pay(1, 3, 1, terms(100 + n))).collect() };
    let reusable = |n| Terms { usage: Usage::Reusable, expires_at: None, ..terms(n) };
    let other_wallet = Leg { payer: wallet_id(21), ..pay(1, 3, 10, of_ten(2)) };
    let prepare = |bank: &mut Bank| {
        bank.open_wallet(21, 1, "EUR");
        bank.issue(1_000, 21, 50).unwrap();
        bank.open(2, of_ten(1)).unwrap();
        bank.open(3, of_ten(2)).unwrap();
        bank.open(3, reusable(3)).unwrap();
        (0..40).for_each(|n| bank.open(3, terms(100 + n)).unwrap());
    };
    check(
        prepare,
        &[
            ("two", two(pay(1, 3, 10, of_ten(2))), Ok(())),
            ("most", by_device(1, 1, &many(32)), Ok(())),
            ("too many", by_device(1, 1, &many(33)), Err(Refusal::TooManyLegs)),
            ("one of them unknown", two(pay(1, 3, 10, of_ten(9))), Err(Refusal::RequestUnknown)),
            ("one of them oneself", two(pay(1, 1, 10, of_ten(2))), Err(Refusal::SelfPayment)),
            ("more than there is", two(pay(1, 3, 91, reusable(3))), Err(Refusal::InsufficientFunds)),
            ("all there is", two(pay(1, 3, 90, reusable(3))), Ok(())),
            ("one request twice", two(pay(1, 2, 10, of_ten(1))), Err(Refusal::RequestPaid)),
            (
                "a reusable one twice",
                by_device(1, 1, &[pay(1, 3, 1, reusable(3)), pay(1, 3, 2, reusable(3))]),
                Ok(()),
            ),
            ("out of another wallet", two(other_wallet), Err(Refusal::PayerUnknown)),
            ("out of another's wallet", two(pay(4, 3, 10, of_ten(2))), Err(Refusal::PayerUnknown)),
        ],
    );
}

#[test]
fn a_request_says_who_pays_and_how_much_of_it() {
    let parts = Terms { usage: Usage::Parts, amount: Some(amount(30)), ..terms(1) };
    let part = |n, minor| by_device(n, 1, &[pay(1, 2, minor, parts)]);
    check(
        |bank| {
            bank.open(2, parts).unwrap();
            bank.settle(&part(300, 10)).unwrap();
            bank.open_request(&PaymentRequest { payer: Some(account_id(1)), ..request(2, of_ten(2)) })
                .unwrap();
            bank.open_request(&PaymentRequest { payer: Some(account_id(3)), ..request(2, of_ten(3)) })
                .unwrap();
        },
        &[
            ("a part", part(1, 5), Ok(())),
            ("the rest", part(1, 20), Ok(())),
            ("more", part(1, 21), Err(Refusal::AmountExceedsRest)),
            (
                "two parts at once",
                by_device(1, 1, &[pay(1, 2, 5, parts), pay(1, 2, 5, parts)]),
                Err(Refusal::RequestPaid),
            ),
            ("asked of the payer", by_device(1, 1, &[pay(1, 2, 10, of_ten(2))]), Ok(())),
            (
                "asked of another",
                by_device(1, 1, &[pay(1, 2, 10, of_ten(3))]),
                Err(Refusal::RequestForAnother),
            ),
            ("a part held", hold(1, 5, parts, until(10 * MINUTE_MS)), Err(Refusal::RequestNotHoldable)),
        ],
    );
    let mut bank = Bank::new();
    bank.open(2, parts).unwrap();
    let status = |bank: &Bank| {
        let state = bank.wallet(2).requests().get(parts.request).unwrap();
        (state.status, state.paid)
    };
    bank.settle(&part(1, 10)).unwrap();
    assert_eq!(status(&bank), (RequestStatus::Open, 10));
    bank.settle(&part(2, 20)).unwrap();
    assert_eq!(status(&bank), (RequestStatus::Paid(transfer_id(2)), 30));
    assert_eq!(bank.settle(&part(3, 1)), Err(Refusal::RequestPaid));
}

#[test]
fn a_frozen_wallet_pays_nothing_net() {
    let sound = by_device(1, 1, &[pay(1, 2, 10, of_ten(1))]);
    let onward = by_device(1, 1, &[pay(1, 3, 10, of_ten(2)), leg(3, 2, 10, Purpose::Split)]);
    let paid = by_device(300, 1, &[pay(1, 2, 10, of_ten(3))]);
    let refund = by_device(1, 2, &[leg(2, 1, 10, Purpose::Refund(original(&paid, 0, NOW)))]);
    let prepare = |bank: &mut Bank| {
        bank.open(2, of_ten(1)).unwrap();
        bank.open_request(&split(3, 2, &[(2, 10)])).unwrap();
        bank.open(2, of_ten(3)).unwrap();
        bank.open(2, of_ten(4)).unwrap();
        bank.settle(&paid).unwrap();
        bank.settle(&hold(301, 10, of_ten(4), until(10 * MINUTE_MS))).unwrap();
    };
    let frozen = |wallet, both_ways| {
        move |bank: &mut Bank| {
            prepare(bank);
            bank.freeze(wallet, both_ways);
        }
    };
    let captured = capture(1, 301, 10, false);
    check(
        frozen(1, false),
        &[
            ("pays", sound.clone(), Err(Refusal::PayerFrozen)),
            ("is captured from", captured.clone(), Err(Refusal::PayerFrozen)),
            ("is given back", refund.clone(), Ok(())),
        ],
    );
    check(
        frozen(1, true),
        &[
            ("is issued to", by_operator(1, &[leg(0, 1, 10, Purpose::Issue)]), Err(Refusal::PayeeFrozen)),
            ("is given back", refund.clone(), Ok(())),
        ],
    );
    check(
        frozen(2, false),
        &[
            ("is paid", sound.clone(), Ok(())),
            ("captures", captured.clone(), Ok(())),
            ("gives back", refund, Err(Refusal::PayerFrozen)),
        ],
    );
    check(
        frozen(2, true),
        &[
            ("is paid", sound, Err(Refusal::PayeeFrozen)),
            ("captures", captured, Err(Refusal::PayeeFrozen)),
            ("is passed on to", onward.clone(), Err(Refusal::PayeeFrozen)),
        ],
    );
    check(frozen(3, false), &[("passes on what it is paid", onward, Ok(()))]);
}

#[test]
fn an_overdraft_and_a_ceiling_are_the_bounds() {
    let overdraft = WalletSettings { overdraft: Some(amount(30)), ..WalletSettings::default() };
    let ceiling = WalletSettings { ceiling: Some(amount(50)), ..WalletSettings::default() };
    let mut bank = Bank::new();
    bank.configure(1, overdraft).unwrap();
    bank.configure(2, ceiling).unwrap();
    bank.open(2, terms(1)).unwrap();
    bank.open(3, terms(2)).unwrap();
    let pays = |n, payee, minor, request| by_device(n, 1, &[pay(1, payee, minor, terms(request))]);
    assert_eq!(bank.settle(&pays(1, 2, 51, 1)), Err(Refusal::BalanceOverflow));
    assert_eq!(bank.settle(&pays(2, 3, 131, 2)), Err(Refusal::InsufficientFunds));
    assert_eq!(bank.settle(&pays(3, 3, 130, 2)), Ok(()));
    assert_eq!((bank.posted(1), bank.wallet(1).spendable()), (-30, 0));
    assert_eq!(bank.configure(1, WalletSettings::default()), Err(Refusal::BalanceOutOfBounds));
    assert_eq!(bank.configure(3, ceiling), Err(Refusal::BalanceOutOfBounds));
    assert_eq!(bank.configure(2, WalletSettings::default()), Ok(()));
}

#[test]
fn ones_own_other_wallet_is_oneself() {
    let mut bank = Bank::new();
    bank.open_wallet(21, 1, "EUR");
    bank.open(21, of_ten(1)).unwrap();
    assert_eq!(bank.settle(&by_device(1, 1, &[pay(1, 21, 10, of_ten(1))])), Err(Refusal::SelfPayment));
}

#[test]
fn a_full_wallet_takes_no_more() {
    let mut bank = Bank::new();
    bank.issue(1, 2, MAX_AMOUNT).unwrap();
    assert_eq!(bank.posted(2), MAX_BALANCE);
    assert_eq!(bank.issue(2, 2, 1), Err(Refusal::BalanceOverflow));
    bank.open(2, of_ten(1)).unwrap();
    assert_eq!(bank.settle(&by_device(3, 1, &[pay(1, 2, 10, of_ten(1))])), Err(Refusal::BalanceOverflow));
    assert_eq!(bank.posted(1), 100);
}

#[test]
fn more_is_never_redeemed_than_was_issued() {
    let mut bank = Bank::new();
    let redemption = |n, minor| by_operator(n, &[leg(1, 0, minor, Purpose::Redemption)]);
    assert_eq!(bank.settle(&redemption(1, 101)), Err(Refusal::InsufficientFunds));
    assert_eq!(bank.settle(&redemption(2, 100)), Ok(()));
    assert_eq!((bank.posted(0), bank.posted(1)), (0, 0));
    // Nor by any other name.
    let adjustment = by_operator(3, &[leg(1, 0, 1, Purpose::Adjustment)]);
    assert_eq!(bank.settle(&adjustment), Err(Refusal::InsufficientFunds));
}
