//! A transfer's stops, its fingerprint and its statement.

use super::*;
use crate::bank::{NOW, account_id, by_device, by_operator, code, device, leg, pay, terms, wallet_id};
use crate::refund::LegId;

pub(crate) fn fingerprint_of(n: u8) -> Fingerprint {
    Fingerprint([n; 16])
}

fn original(n: u16, leg: u8) -> Original {
    let id = LegId { transfer: crate::bank::transfer_id(n), leg };
    Original { id, amount: Amount::new(10).unwrap(), at: NOW }
}

#[test]
fn the_fingerprint_tells_every_part_of_a_transfer() {
    let base = by_device(1, 1, &[pay(1, 2, 10, terms(1))]);
    let first = base.first;
    let until = NOW.plus_millis(1);
    let (hold, later) = (crate::bank::transfer_id(7), until.plus_millis(1));
    let others: Vec<Transfer> = [
        Leg { payer: wallet_id(3), ..first },
        Leg { payee: wallet_id(3), ..first },
        Leg { amount: Amount::new(11).unwrap(), ..first },
        Leg { currency: code("JPY"), ..first },
        Leg { reference: Some("a".parse().unwrap()), ..first },
        Leg { purpose: Purpose::Payment(terms(2)), ..first },
        Leg { purpose: Purpose::Issue, ..first },
        Leg { purpose: Purpose::Adjustment, ..first },
        Leg { purpose: Purpose::Hold { terms: terms(1), until }, ..first },
        Leg { purpose: Purpose::Hold { terms: terms(1), until: later }, ..first },
        Leg { purpose: Purpose::Capture { hold, is_final: true }, ..first },
        Leg { purpose: Purpose::Capture { hold, is_final: false }, ..first },
        Leg { purpose: Purpose::Refund(original(1, 0)), ..first },
        Leg { purpose: Purpose::Refund(original(1, 1)), ..first },
        Leg { purpose: Purpose::Refund(original(2, 0)), ..first },
        Leg { purpose: Purpose::Reversal(original(1, 0)), ..first },
    ]
    .iter()
    .map(|leg| by_device(1, 1, &[*leg]))
    .chain([
        by_operator(1, &[first]),
        by_device(2, 1, &[first]),
        by_device(1, 1, &[first, pay(1, 3, 10, terms(2))]),
        Transfer { reason: Some(Box::new("a".parse().unwrap())), ..base.clone() },
        base.clone(),
    ])
    .collect();
    for (index, one) in others.iter().enumerate() {
        for other in &others[..index] {
            assert_ne!(one.fingerprint(), other.fingerprint(), "{one:?} {other:?}");
        }
    }
}

#[test]
fn a_repeat_may_come_from_another_phone_and_under_other_rules() {
    let base = by_device(1, 1, &[pay(1, 2, 10, terms(1))]);
    let other_phone = Authority::Device { account: account_id(1), device: device(99) };
    let charged = by_device(1, 1, &[base.first, leg(2, 3, 1, Purpose::Fee)]);
    let limited = Transfer { is_account_limited: true, ..base.clone() };
    let signed = Transfer { signature: Some(Box::new(Signature([1; 64]))), ..base.clone() };
    for same in [Transfer { authority: other_phone, ..base.clone() }, charged, limited, signed] {
        assert_eq!(base.fingerprint(), same.fingerprint(), "{same:?}");
    }
}

#[test]
fn each_place_is_visited_once_and_the_first_payee_last() {
    let mut transfer = by_device(
        1,
        1,
        &[
            pay(1, 2, 10, terms(1)),
            pay(1, 3, 10, terms(2)),
            leg(2, 4, 1, Purpose::Fee),
            leg(3, 4, 1, Purpose::Fee),
            leg(2, 1, 1, Purpose::Split),
        ],
    );
    let wallets = |numbers: &[u8]| numbers.iter().map(|n| Stop::Wallet(wallet_id(*n))).collect::<Vec<_>>();
    assert_eq!(transfer.stops(), wallets(&[1, 3, 4, 2]));
    transfer.is_account_limited = true;
    let allowance = Stop::Allowance(account_id(1), code("EUR"));
    assert_eq!(transfer.stops(), [&wallets(&[1])[..], &[allowance], &wallets(&[3, 4, 2])[..]].concat());
    for index in 0..7 {
        assert_eq!(transfer.stop(index), transfer.stops().get(index).copied());
    }
    let plain = by_device(1, 1, &[pay(1, 2, 10, terms(1))]);
    assert_eq!(
        (0..3).map(|index| plain.stop(index)).collect::<Vec<_>>(),
        [Some(Stop::Wallet(wallet_id(1))), Some(Stop::Wallet(wallet_id(2))), None]
    );
    assert_eq!(transfer.wallets().collect::<Vec<_>>(), [1, 2, 3, 4].map(wallet_id));
}
