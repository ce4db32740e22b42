//! A transfer's record against every transfer there can be, and against every byte that can change.

use proptest::prelude::*;
use quittance_ledger::{AccountId, DeviceId, PaymentRequestId, TransferId, WalletId};

use super::*;

fn v7(n: u8) -> [u8; 16] {
    let mut bytes = [n; 16];
    bytes[6] = 0x70 | (n & 0x0f);
    bytes[8] = 0x80 | (n & 0x3f);
    bytes
}

fn amount() -> impl Strategy<Value = Amount> {
    (1..=quittance_ledger::MAX_AMOUNT).prop_map(|minor| Amount::new(minor).unwrap())
}

fn instant() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp::from_millis)
}

fn day_of() -> impl Strategy<Value = Day> {
    (0_u64..4_000_000_000).prop_map(|secs| Day::utc(Timestamp::from_secs(secs)))
}

fn transfer_id() -> impl Strategy<Value = TransferId> {
    any::<u8>().prop_map(|n| TransferId::from_bytes(v7(n)).unwrap())
}

fn wallet() -> impl Strategy<Value = WalletId> {
    any::<[u8; 16]>().prop_map(|bytes| WalletId::from_bytes(bytes).unwrap())
}

fn terms() -> impl Strategy<Value = Terms> {
    let usage = prop_oneof![Just(Usage::OneTime), Just(Usage::Reusable), Just(Usage::Parts)];
    let kind = prop_oneof![
        Just(PaymentKind::Standard),
        Just(PaymentKind::Invoice),
        Just(PaymentKind::Donation),
        Just(PaymentKind::TopUp),
        Just(PaymentKind::Withdrawal),
        Just(PaymentKind::Conversion)
    ];
    let till = proptest::option::of(any::<[u8; 16]>().prop_map(|bytes| DeviceId::from_bytes(bytes).unwrap()));
    let (asked, end) = (proptest::option::of(amount()), proptest::option::of(instant()));
    (any::<u8>(), asked, usage, end, till, kind).prop_map(|(n, amount, usage, expires_at, till, kind)| {
        let request = PaymentRequestId::from_bytes(v7(n)).unwrap();
        Terms { request, amount, usage, expires_at, till, kind }
    })
}

fn original() -> impl Strategy<Value = Original> {
    (transfer_id(), any::<u8>(), amount(), instant()).prop_map(|(transfer, leg, amount, at)| Original {
        id: LegId { transfer, leg },
        amount,
        at,
    })
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![
        Just(Purpose::Issue),
        Just(Purpose::Redemption),
        terms().prop_map(Purpose::Payment),
        (terms(), instant()).prop_map(|(terms, until)| Purpose::Hold { terms, until }),
        (transfer_id(), any::<bool>()).prop_map(|(hold, is_final)| Purpose::Capture { hold, is_final }),
        original().prop_map(Purpose::Refund),
        original().prop_map(Purpose::Reversal),
        Just(Purpose::Fee),
        Just(Purpose::Split),
        Just(Purpose::Conversion),
        Just(Purpose::Adjustment)
    ]
}

fn code() -> impl Strategy<Value = CurrencyCode> {
    prop_oneof!["EUR", "JPY", "X-[A-Z0-9]{2,9}"].prop_map(|code| code.parse().unwrap())
}

fn leg() -> impl Strategy<Value = Leg> {
    let reference = proptest::option::of("[a-z0-9é]{1,17}".prop_map(|text| text.parse().unwrap()));
    (wallet(), wallet(), amount(), code(), purpose(), reference).prop_map(
        |(payer, payee, amount, currency, purpose, reference)| Leg {
            payer,
            payee,
            amount,
            currency,
            purpose,
            reference,
        },
    )
}

fn transfer() -> impl Strategy<Value = Transfer> {
    let account = any::<[u8; 16]>().prop_map(|bytes| AccountId::from_bytes(bytes).unwrap());
    let authority = prop_oneof![
        Just(Authority::Operator),
        (account.clone(), any::<[u8; 16]>()).prop_map(|(account, device)| Authority::Device {
            account,
            device: DeviceId::from_bytes(device).unwrap()
        })
    ];
    let signature = proptest::option::of(any::<[u8; 32]>());
    let reason = proptest::option::of("[a-z]{1,140}");
    let let_go = proptest::option::of((account, code(), day_of(), amount()));
    let days = (proptest::option::of(day_of()), proptest::option::of(day_of()), any::<bool>());
    let legs = proptest::collection::vec(leg(), 1..=MAX_LEGS);
    (transfer_id(), authority, legs, signature, reason, let_go, days).prop_map(
        |(id, authority, legs, signature, reason, let_go, days)| {
            let mut transfer = Transfer::new(id, authority, legs[0]);
            transfer.linked = legs[1..].into();
            transfer.signature = signature.map(|half| {
                let mut bytes = [0; 64];
                bytes[..32].copy_from_slice(&half);
                Box::new(Signature(bytes))
            });
            transfer.reason = reason.map(|text| Box::new(text.parse().unwrap()));
            transfer.let_go = let_go.map(|(account, currency, counted_on, amount)| LetGo {
                account,
                currency,
                counted_on,
                amount,
            });
            (transfer.counted_on, transfer.account_counted_on, transfer.is_account_limited) = days;
            transfer
        },
    )
}

fn encoded(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    match event {
        Event::TransferSettled(transfer) => encode(Timestamp::from_millis(7), transfer, None, &mut bytes),
        Event::TransferRefused(transfer, refusal) => {
            encode(Timestamp::from_millis(7), transfer, Some(*refusal), &mut bytes);
        }
        _ => unreachable!(),
    }
    bytes
}

proptest! {
    #[test]
    fn a_record_reads_as_it_was_written(transfer in transfer(), refusal in proptest::option::of(0..Refusal::ALL.len())) {
        let transfer = Box::new(transfer);
        let event = match refusal {
            Some(index) => Event::TransferRefused(transfer, Refusal::ALL[index]),
            None => Event::TransferSettled(transfer),
        };
        let bytes = encoded(&event);
        prop_assert_eq!(decode(&bytes), Some((Timestamp::from_millis(7), event)));
        for cut in 0..bytes.len() {
            prop_assert_eq!(decode(&bytes[..cut]), None, "cut at {}", cut);
        }
    }

    #[test]
    fn a_record_has_one_spelling(transfer in transfer(), at in any::<proptest::sample::Index>(), bits in 1_u8..) {
        let mut bytes = encoded(&Event::TransferSettled(Box::new(transfer)));
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        if let Some((instant, event)) = decode(&bytes) {
            let mut again = Vec::new();
            match &event {
                Event::TransferSettled(transfer) => encode(instant, transfer, None, &mut again),
                Event::TransferRefused(transfer, refusal) => encode(instant, transfer, Some(*refusal), &mut again),
                _ => unreachable!(),
            }
            prop_assert_eq!(again, bytes);
        }
    }
}

#[test]
fn a_plain_transfer_takes_112_bytes() {
    let wallet = |n| WalletId::from_bytes([n; 16]).unwrap();
    let leg = Leg {
        payer: wallet(1),
        payee: wallet(2),
        amount: Amount::new(5).unwrap(),
        currency: "EUR".parse().unwrap(),
        purpose: Purpose::Adjustment,
        reference: None,
    };
    let mut transfer = Transfer::new(TransferId::from_bytes(v7(1)).unwrap(), Authority::Operator, leg);
    assert_eq!(encoded(&Event::TransferSettled(Box::new(transfer.clone()))).len(), 112);
    transfer.signature = Some(Box::new(Signature([1; 64])));
    assert_eq!(encoded(&Event::TransferSettled(Box::new(transfer))).len(), 176);
}
