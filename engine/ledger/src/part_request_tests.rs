//! What a payee's request says of its payment: when, once, with which other legs.

use super::*;
use crate::bank::{
    Bank, DAY_MS, MINUTE_MS, NOW, account_id, amount, by_device, check, code, device, hold, leg, of_ten, pay,
    request, split, terms, until, v7, wallet_id,
};
use crate::conversion::Rate;
use crate::event::Event;
use crate::fee::{FeeRule, FeeScope};
use crate::id::PaymentRequestId;
use crate::payment_request::{Quote, RequestDetail, Terms};
use crate::request_book::MAX_STANDING_QUOTES_PER_ACCOUNT;

#[test]
fn splits_are_those_the_request_says() {
    let paid = pay(1, 2, 10, of_ten(1));
    let passed = |payer, payee, minor| leg(payer, payee, minor, Purpose::Split);
    let with = |splits: &[Leg]| by_device(1, 1, &[&[paid], splits].concat());
    let of_till = pay(1, 2, 10, Terms { till: Some(device(2)), ..of_ten(7) });
    check(
        |bank| {
            bank.open_request(&split(2, 1, &[(3, 4), (1, 2)])).unwrap();
            bank.issue(300, 5, 50).unwrap();
        },
        &[
            ("as said", with(&[passed(2, 3, 4), passed(2, 1, 2)]), Ok(())),
            ("none", with(&[]), Err(Refusal::LegsDiffer)),
            ("one", with(&[passed(2, 3, 4)]), Err(Refusal::LegsDiffer)),
            ("in another order", with(&[passed(2, 1, 2), passed(2, 3, 4)]), Err(Refusal::LegsDiffer)),
            ("less", with(&[passed(2, 3, 3), passed(2, 1, 2)]), Err(Refusal::LegsDiffer)),
            ("more", with(&[passed(2, 3, 4), passed(2, 1, 2), passed(2, 4, 1)]), Err(Refusal::LegsDiffer)),
            (
                "out of a third wallet",
                with(&[passed(2, 3, 4), passed(2, 1, 2), passed(5, 1, 9)]),
                Err(Refusal::LegsDiffer),
            ),
            ("of a till's request", by_device(1, 1, &[of_till, passed(2, 3, 4)]), Err(Refusal::LegsDiffer)),
            ("of nothing", by_device(1, 1, &[passed(5, 1, 9)]), Err(Refusal::LegsDiffer)),
        ],
    );
}

#[test]
fn a_fee_is_paid_out_of_what_is_paid() {
    let paid = pay(1, 2, 10, of_ten(1));
    let fee = |payer, minor| leg(payer, 4, minor, Purpose::Fee);
    let with = |fees: &[Leg]| by_device(1, 1, &[&[paid], fees].concat());
    check(
        |bank| {
            for minor in [3, 10] {
                let scope = FeeScope::Wallet(wallet_id(2));
                let rule = FeeRule {
                    fixed: minor,
                    basis_points: 0,
                    minimum: 0,
                    maximum: None,
                    collector: wallet_id(4),
                };
                bank.record(&Event::FeeSet { scope, rule: Some(rule) });
            }
            bank.open(2, of_ten(1)).unwrap();
            bank.issue(300, 2, 50).unwrap();
            bank.issue(301, 5, 50).unwrap();
        },
        &[
            ("a part of it", with(&[fee(2, 3)]), Ok(())),
            ("all of it", with(&[fee(2, 10)]), Ok(())),
            ("more", with(&[fee(2, 11)]), Err(Refusal::LegsDiffer)),
            ("more in two", with(&[fee(2, 10), fee(2, 3)]), Err(Refusal::LegsDiffer)),
            ("out of a third wallet", with(&[fee(5, 3)]), Err(Refusal::LegsDiffer)),
            ("for nothing", by_device(1, 1, &[fee(5, 3)]), Err(Refusal::LegsDiffer)),
        ],
    );
}

fn quoted(n: u16) -> PaymentRequest {
    let terms = Terms { kind: PaymentKind::Conversion, ..of_ten(n) };
    let quote =
        Quote { source: wallet_id(12), target: wallet_id(11), amount: amount(16), currency: code("JPY") };
    let detail = Some(Box::new(RequestDetail::Conversion(quote)));
    PaymentRequest { payer: Some(account_id(1)), detail, ..request(2, terms) }
}

fn rate() -> Event {
    let (from, to) = (code("EUR"), code("JPY"));
    let rate = Rate {
        from,
        to,
        numerator: 16_235,
        denominator: 10_000,
        taker: wallet_id(2),
        giver: wallet_id(12),
        quote_lifetime_ms: 10 * MINUTE_MS,
    };
    Event::RateSet { from, to, rate: Some(rate) }
}

#[test]
fn a_conversion_gives_what_its_quote_says() {
    let paid = pay(1, 2, 10, quoted(1).terms);
    let given =
        |payer, payee, minor| Leg { currency: code("JPY"), ..leg(payer, payee, minor, Purpose::Conversion) };
    let with = |given: &[Leg]| by_device(1, 1, &[&[paid], given].concat());
    let plain = pay(1, 2, 10, of_ten(2));
    check(
        |bank| {
            bank.record(&rate());
            bank.open_request(&quoted(1)).unwrap();
            bank.open(2, of_ten(2)).unwrap();
        },
        &[
            ("as quoted", with(&[given(12, 11, 16)]), Ok(())),
            ("nothing", with(&[]), Err(Refusal::LegsDiffer)),
            ("more", with(&[given(12, 11, 17)]), Err(Refusal::LegsDiffer)),
            ("twice", with(&[given(12, 11, 16), given(12, 11, 16)]), Err(Refusal::LegsDiffer)),
            ("for no quote", by_device(1, 1, &[plain, given(12, 11, 16)]), Err(Refusal::LegsDiffer)),
            ("for nothing", by_device(1, 1, &[given(12, 11, 16)]), Err(Refusal::LegsDiffer)),
            ("held", hold(1, 10, quoted(1).terms, until(10 * MINUTE_MS)), Err(Refusal::RequestNotHoldable)),
        ],
    );
}

#[test]
fn a_request_is_opened_once_and_repeats_are_harmless() {
    let mut bank = Bank::new();
    assert_eq!(bank.open(2, of_ten(1)), Ok(()));
    assert_eq!(bank.open(2, of_ten(1)), Ok(()));
    let dearer = Terms { amount: Some(amount(11)), ..terms(1) };
    assert_eq!(bank.open(2, dearer), Err(Refusal::RequestIdTaken));
    let late = Terms { expires_at: Some(NOW), ..terms(2) };
    assert_eq!(bank.open(2, late), Err(Refusal::RequestExpiryInvalid));
    let yen = PaymentRequest { currency: code("JPY"), ..request(2, terms(3)) };
    assert_eq!(bank.open_request(&yen), Err(Refusal::PayeeCurrencyDiffers));
}

#[test]
fn a_request_that_is_withdrawn_before_it_is_durable_was_opened_all_the_same() {
    let mut bank = Bank::new();
    let wallet = bank.wallets.get_mut(&wallet_id(2)).unwrap();
    let asked = request(2, of_ten(1));
    let opened = wallet.decide_request(&asked, NOW).unwrap().unwrap();
    wallet.expect(&opened);
    let cancelled = wallet.decide_cancel(asked.terms.request).unwrap().unwrap();
    wallet.expect(&cancelled);
    assert_eq!(wallet.decide_request(&asked, NOW), Ok(None));
    assert_eq!(wallet.decide_cancel(asked.terms.request), Ok(None));
    bank.record(&opened);
    let paid = by_device(1, 1, &[pay(1, 2, 10, of_ten(1))]);
    assert_eq!(bank.settle(&paid), Err(Refusal::RequestCancelled));
    bank.record(&cancelled);
    assert_eq!(bank.settle(&paid), Err(Refusal::RequestCancelled));
}

#[test]
fn a_request_must_be_consistent() {
    let parts = Terms { usage: Usage::Parts, ..terms(1) };
    let plain = request(2, of_ten(1));
    let bad = [
        request(2, parts),
        request(2, Terms { till: Some(device(2)), ..of_ten(1) }),
        request(2, Terms { kind: PaymentKind::Invoice, ..of_ten(1) }),
        request(2, Terms { kind: PaymentKind::Donation, ..terms(1) }),
        request(2, Terms { kind: PaymentKind::Conversion, ..of_ten(1) }),
        split(2, 1, &[(3, 6), (4, 5)]),
        split(2, 1, &[(2, 6)]),
        split(2, 1, &[(3, 1); 9]),
        PaymentRequest { terms: terms(1), ..split(2, 1, &[(3, 6)]) },
        PaymentRequest { terms: Terms { usage: Usage::Parts, ..of_ten(1) }, ..split(2, 1, &[(3, 6)]) },
        PaymentRequest { detail: quoted(1).detail, ..plain },
        PaymentRequest { payer: None, ..quoted(1) },
        PaymentRequest { splits: split(2, 1, &[(3, 6)]).splits, ..quoted(1) },
    ];
    for request in bad {
        let mut bank = Bank::new();
        assert_eq!(bank.open_request(&request), Err(Refusal::RequestInconsistent), "{request:?}");
    }
}

#[test]
fn requests_long_expired_are_forgotten_a_few_at_a_time() {
    let mut bank = Bank::new();
    for n in 1..=5 {
        bank.open(2, of_ten(n)).unwrap();
    }
    let wallet = bank.wallets.get_mut(&wallet_id(2)).unwrap();
    assert!(wallet.forget(NOW.plus_millis(8 * DAY_MS - 1), 10).is_empty());
    let much_later = NOW.plus_millis(8 * DAY_MS);
    assert_eq!(wallet.forget(much_later, 3).len(), 3);
    assert_eq!(wallet.forget(much_later, 3).len(), 2);
    assert!(wallet.requests().is_empty());
    // What was forgotten can't be paid: its barcode says by itself that it is over. Nor can it be opened again.
    bank.now = much_later;
    let paid = by_device(1, 1, &[pay(1, 2, 10, of_ten(1))]);
    assert_eq!(bank.settle(&paid), Err(Refusal::RequestExpired));
    let longer = Terms { expires_at: Some(much_later.plus_millis(1_000)), ..of_ten(1) };
    assert_eq!(bank.open(2, longer), Err(Refusal::RequestIdOutOfTime));
}

/// Anybody may ask for quotes: in a market maker's book they must not pile up for days.
#[test]
fn quotes_are_forgotten_soon_after_their_end() {
    let mut bank = Bank::new();
    bank.record(&rate());
    for n in 1..=5 {
        bank.open_request(&quoted(n)).unwrap();
    }
    let end = quoted(1).terms.expires_at.unwrap();
    let wallet = bank.wallets.get_mut(&quoted(1).payee).unwrap();
    assert!(wallet.forget(end.plus_millis(10 * MINUTE_MS - 1), 10).is_empty());
    assert_eq!(wallet.forget(end.plus_millis(10 * MINUTE_MS), 10).len(), 5);
}

/// One device could fill a market maker's book within minutes.
#[test]
fn an_account_has_a_few_quotes_standing_at_a_time() {
    let mut bank = Bank::new();
    bank.record(&rate());
    let most = u16::try_from(MAX_STANDING_QUOTES_PER_ACCOUNT).unwrap();
    for n in 1..=most {
        bank.open_request(&quoted(n)).unwrap();
    }
    assert_eq!(bank.open_request(&quoted(most)), Ok(()), "a repeat is none more");
    assert_eq!(bank.open_request(&quoted(most + 1)), Err(Refusal::TooManyQuotes));
    let of_another = PaymentRequest { payer: Some(account_id(3)), ..quoted(most + 1) };
    assert!(bank.wallet(2).decide_request(&of_another, NOW).is_ok_and(|event| event.is_some()));
    bank.now = quoted(1).terms.expires_at.unwrap();
    let later = Terms { expires_at: Some(until(20 * MINUTE_MS)), ..quoted(most + 2).terms };
    assert_eq!(bank.open_request(&PaymentRequest { terms: later, ..quoted(most + 2) }), Ok(()));
}

/// After a quote is forgotten its id may be another request's, of a till or of the server. Whoever replays the journal
/// forgets nothing, and comes to the same.
#[test]
fn the_id_of_a_forgotten_quote_may_be_anothers() {
    for (is_paid, by_till) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut bank = Bank::new();
        bank.record(&rate());
        bank.open_request(&quoted(1)).unwrap();
        if is_paid {
            let given = Leg { currency: code("JPY"), ..leg(12, 11, 16, Purpose::Conversion) };
            bank.settle(&by_device(1, 1, &[pay(1, 2, 10, quoted(1).terms), given])).unwrap();
        }
        bank.now = until(20 * MINUTE_MS);
        assert_eq!(bank.wallets.get_mut(&wallet_id(2)).unwrap().forget(bank.now, 10).len(), 1);
        let till = by_till.then(|| device(2));
        let other = Terms { expires_at: Some(until(30 * MINUTE_MS)), till, ..of_ten(1) };
        if !by_till {
            bank.open(2, other).unwrap();
        }
        bank.settle(&by_device(2, 1, &[pay(1, 2, 10, other)])).unwrap();
        assert_eq!(bank.settle(&by_device(3, 1, &[pay(1, 2, 10, other)])), Err(Refusal::RequestPaid));
    }
}

/// Several requests are paid together, whatever each says of what is passed on or given.
#[test]
fn requests_with_splits_and_quotes_are_paid_beside_others() {
    let given = |minor| Leg { currency: code("JPY"), ..leg(12, 11, minor, Purpose::Conversion) };
    let passed = |payee, minor| leg(2, payee, minor, Purpose::Split);
    let (first, second) = (pay(1, 2, 10, quoted(1).terms), pay(1, 2, 10, quoted(2).terms));
    let plain = pay(1, 3, 10, of_ten(5));
    let (one, other) = (pay(1, 2, 10, of_ten(3)), pay(1, 2, 10, of_ten(4)));
    let here = pay(1, 2, 10, of_ten(6));
    check(
        |bank| {
            bank.record(&rate());
            bank.open_request(&quoted(1)).unwrap();
            bank.open_request(&quoted(2)).unwrap();
            bank.open_request(&split(2, 3, &[(3, 4)])).unwrap();
            bank.open_request(&split(2, 4, &[(4, 5)])).unwrap();
            bank.open(3, of_ten(5)).unwrap();
            bank.open(2, of_ten(6)).unwrap();
        },
        &[
            ("two quotes", by_device(1, 1, &[first, second, given(16), given(16)]), Ok(())),
            ("one of two is given", by_device(1, 1, &[first, second, given(16)]), Err(Refusal::LegsDiffer)),
            ("a quote and a payment", by_device(1, 1, &[first, plain, given(16)]), Ok(())),
            ("a payment and a quote", by_device(1, 1, &[plain, first, given(16)]), Ok(())),
            ("two splits", by_device(1, 1, &[one, other, passed(3, 4), passed(4, 5)]), Ok(())),
            ("swapped", by_device(1, 1, &[one, other, passed(4, 5), passed(3, 4)]), Err(Refusal::LegsDiffer)),
            ("a split and none", by_device(1, 1, &[one, here, passed(3, 4)]), Ok(())),
            ("a quote and a split", by_device(1, 1, &[first, one, given(16), passed(3, 4)]), Ok(())),
        ],
    );
}

/// Tills may seal several requests under one id, and the server's id too. One of them is paid, once, for ever.
#[test]
fn one_id_is_paid_once_whoever_sealed_it_and_however_long_it_lasts() {
    let till = Some(device(2));
    let lasting = |days| Terms { expires_at: Some(NOW.plus_millis(days * DAY_MS)), till, ..of_ten(1) };
    let pays = |n, terms| by_device(n, 1, &[pay(1, 2, 10, terms)]);
    let mut bank = Bank::new();
    bank.settle(&pays(1, Terms { till, ..of_ten(1) })).unwrap();
    for later in (0..40).map(|days| NOW.plus_millis(days * DAY_MS)) {
        bank.now = later;
        bank.wallets.get_mut(&wallet_id(2)).unwrap().forget(later, 10);
        for days in [1, 6, 7, 8, 30, 400] {
            assert!(bank.settle(&pays(2, lasting(days))).is_err(), "{later:?}, {days} days");
        }
    }
    // The same where the server opened the request first.
    let mut bank = Bank::new();
    bank.open(2, of_ten(1)).unwrap();
    assert_eq!(bank.settle(&pays(1, lasting(6))), Err(Refusal::RequestIdTaken));
    bank.settle(&pays(1, of_ten(1))).unwrap();
    bank.now = NOW.plus_millis(3 * DAY_MS);
    bank.wallets.get_mut(&wallet_id(2)).unwrap().forget(bank.now, 10);
    assert_eq!(bank.settle(&pays(2, lasting(6))), Err(Refusal::RequestIdTaken));
}

#[test]
fn a_requests_id_is_of_its_time() {
    let mut bank = Bank::new();
    let mut made_at = |at: Timestamp| {
        let terms = Terms { request: PaymentRequestId::from_bytes(v7(at, 1)).unwrap(), ..of_ten(1) };
        let till = pay(1, 3, 10, Terms { till: Some(device(3)), ..terms });
        let wallet = bank.wallet(3);
        let paid = decide_part(Some(wallet), wallet_id(3), &by_device(1, 1, &[till]), NOW).map(|_| ());
        (bank.open(2, terms), paid)
    };
    assert_eq!(made_at(NOW.minus_millis(DAY_MS)), (Ok(()), Ok(())));
    assert_eq!(made_at(NOW.minus_millis(DAY_MS + 1)), (Err(Refusal::RequestIdOutOfTime), Ok(())));
    assert_eq!(
        made_at(NOW.minus_millis(7 * DAY_MS)),
        (Err(Refusal::RequestIdOutOfTime), Err(Refusal::RequestExpiryInvalid))
    );
    let ahead = NOW.plus_millis(300_001);
    assert_eq!(made_at(ahead), (Err(Refusal::RequestIdOutOfTime), Err(Refusal::RequestIdOutOfTime)));
}

#[test]
fn a_wallet_closes_only_when_empty() {
    let mut bank = Bank::new();
    assert_eq!(bank.wallet(1).decide_close(), Err(Refusal::WalletNotEmpty));
    assert_eq!(bank.wallet(0).decide_close(), Err(Refusal::WalletNotEmpty));
    let event = bank.wallet(2).decide_close().unwrap().unwrap();
    bank.wallets.get_mut(&wallet_id(2)).unwrap().expect(&event);
    let into_closing = by_device(1, 1, &[pay(1, 2, 10, of_ten(1))]);
    assert_eq!(bank.settle(&into_closing), Err(Refusal::PayeeClosed));
    bank.record(&event);
    assert_eq!(bank.wallet(2).decide_close(), Ok(None));
    assert_eq!(bank.wallet(2).decide_freeze(false), Err(Refusal::WalletClosed));
}

/// Between two others, what comes in goes out again: nothing of it is ever on the wallet, and yet it is on its way.
#[test]
fn a_wallet_with_a_part_that_comes_to_nothing_stays_until_it_is_recorded() {
    let mut bank = Bank::new();
    bank.open(2, of_ten(1)).unwrap();
    bank.open_request(&split(3, 2, &[(4, 10)])).unwrap();
    let paid =
        by_device(1, 1, &[pay(1, 2, 10, of_ten(1)), pay(1, 3, 10, of_ten(2)), leg(3, 4, 10, Purpose::Split)]);
    let wallet = bank.wallets.get_mut(&wallet_id(3)).unwrap();
    decide_part(Some(wallet), wallet_id(3), &paid, NOW).unwrap();
    wallet.accept(&paid);
    assert_eq!(wallet.decide_close(), Err(Refusal::WalletNotEmpty));
    wallet.take_back(&paid);
    assert!(wallet.decide_close().is_ok());
}

/// Its payee is not the last stop, so that another wallet may refuse: until the record it is not withdrawn.
#[test]
fn a_reusable_request_is_not_withdrawn_while_it_is_being_paid() {
    let mut bank = Bank::new();
    let reusable = Terms { usage: Usage::Reusable, expires_at: None, ..terms(2) };
    bank.open(3, reusable).unwrap();
    let paid = by_device(1, 1, &[pay(1, 2, 10, of_ten(1)), pay(1, 3, 10, reusable)]);
    let wallet = bank.wallets.get_mut(&wallet_id(3)).unwrap();
    wallet.accept(&paid);
    assert_eq!(wallet.decide_cancel(reusable.request), Err(Refusal::RequestBusy));
    assert!(decide_part(Some(wallet), wallet_id(3), &paid, NOW).is_ok());
    wallet.take_back(&paid);
    assert!(wallet.decide_cancel(reusable.request).is_ok());
}
