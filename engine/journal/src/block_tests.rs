//! Blocks read back as they were written, any changed bit is seen, and format 1 stays readable.

use quittance_ledger::{
    AccountId, AccountKind, Amount, Authority, Currency, DeviceKey, Event, PairingCode, PaymentRequest,
    PaymentRequestId, Purpose, Refusal, Terms, Timestamp, Transfer, TransferId, Usage, Verifier, WalletId,
};

use super::*;

const AT: Timestamp = Timestamp::from_millis(1_764_000_000_123);

fn v7(n: u8) -> [u8; 16] {
    let mut bytes = [n; 16];
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    bytes
}

/// One event of every kind.
pub(crate) fn events() -> Vec<Event> {
    let account = AccountId::from_bytes([1; 16]).unwrap();
    let (payer, payee) = (WalletId::from_bytes([2; 16]).unwrap(), WalletId::from_bytes([3; 16]).unwrap());
    let eur = Currency::new("EUR".parse().unwrap(), None).unwrap();
    let key = DeviceKey::ed25519([4; 32]);
    let terms = Terms {
        request: PaymentRequestId::from_bytes(v7(5)).unwrap(),
        amount: Some(Amount::new(1_250).unwrap()),
        usage: Usage::OneTime,
        expires_at: Some(AT.plus_millis(60_000)),
        till: Some(DeviceKey::p256([6; 33]).device_id()),
    };
    let transfer = Transfer {
        id: TransferId::from_bytes(v7(7)).unwrap(),
        payer,
        payee,
        amount: Amount::new(1_250).unwrap(),
        currency: eur.code(),
        purpose: Purpose::Payment(terms),
        authority: Authority::Device { account, device: key.device_id() },
        reference: Some("INV-1".parse().unwrap()),
    };
    let code = PairingCode { verifier: Verifier::from_bytes([8; 32]), expires_at: AT };
    let name = "Café".parse().unwrap();
    let request = PaymentRequest {
        terms: Terms { amount: None, usage: Usage::Reusable, expires_at: None, till: None, ..terms },
        payee,
        currency: eur.code(),
        reference: None,
        description: Some("two coffees".parse().unwrap()),
    };
    vec![
        Event::TransferSettled(transfer),
        Event::TransferRefused(transfer, Refusal::InsufficientFunds),
        Event::TransferSettled(Transfer {
            purpose: Purpose::Issue,
            authority: Authority::Operator,
            ..transfer
        }),
        Event::TransferSettled(Transfer { purpose: Purpose::Redemption, reference: None, ..transfer }),
        Event::CurrencyRegistered { currency: eur, issuer: payer },
        Event::AccountOpened { account, name, kind: AccountKind::Business },
        Event::PairingCodeIssued { account, code },
        Event::DevicePaired {
            account,
            name,
            key: key.clone(),
            first_pin: Some(Verifier::from_bytes([9; 32])),
        },
        Event::DevicePaired { account, name, key: DeviceKey::p256([6; 33]), first_pin: None },
        Event::DeviceRevoked { account, device: key.device_id() },
        Event::PinFailed { account },
        Event::PinFailuresCleared { account },
        Event::WalletOpened { wallet: payee, account, currency: eur.code(), name: Some(name) },
        Event::WalletClosed { wallet: payee },
        Event::PaymentRequestOpened(request),
        Event::PaymentRequestCancelled { payee, request: terms.request },
    ]
}

fn written() -> (Block, Vec<u8>) {
    let mut writer = BlockWriter::default();
    for event in events() {
        writer.push(Record { at: AT, event }).unwrap();
    }
    let tip = Tip { position: Position::new(41), hash: BlockHash::from_bytes([7; 32]) };
    let (block, bytes) = writer.finish(tip);
    (block, bytes.to_vec())
}

#[test]
fn a_block_reads_back_as_it_was_written() {
    let (block, bytes) = written();
    assert_eq!(block.first, Position::new(42));
    assert_eq!(block.last(), Position::new(41 + events().len() as u64));
    assert_eq!(block.record(Position::new(43)), block.records.get(1));
    assert_eq!(block.record(Position::new(41)), None);
    assert_eq!(Block::decode(&bytes), Ok(block));
}

#[test]
fn any_changed_bit_is_seen() {
    let (_, bytes) = written();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Block::decode(&changed).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(Block::decode(&bytes[..length]).is_err(), "cut to {length}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(Block::decode(&longer).is_err());
}

/// The bytes of format 1, as first released. If this fails, the format has changed: give it a new number.
#[test]
fn format_1_stays_readable() {
    let fixture = include_bytes!("../tests/block_format_1.bin");
    let (block, bytes) = written();
    assert_eq!(Block::decode(fixture), Ok(block));
    assert_eq!(bytes, fixture);
}

#[test]
fn a_block_never_outgrows_its_bound() {
    let mut writer = BlockWriter::default();
    let event = events().remove(0);
    while writer.has_room() {
        writer.push(Record { at: AT, event: event.clone() }).unwrap();
    }
    let (block, bytes) = writer.finish(Tip::GENESIS);
    assert!(bytes.len() <= MAX_BLOCK_BYTES && block.records.len() <= MAX_RECORDS_PER_BLOCK);
    assert!(block.records.len() > 500, "a block has room for many transfers");
}
