//! Blocks read back as they were written, any changed bit is seen, and format 2 stays readable.

use quittance_ledger::{
    AccountId, AccountKind, Amount, Authority, Currency, Day, DeviceKey, Event, FeeRule, FeeScope, Leg,
    LegId, LetGo, Limits, Original, PairingCode, PaymentKind, PaymentRequest, PaymentRequestId, Purpose,
    Rate, Refusal, RequestDetail, Signature, Split, Terms, Timestamp, Transfer, TransferId, Usage, Verifier,
    WalletId, WalletSettings,
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
        kind: PaymentKind::Standard,
    };
    let amount = Amount::new(1_250).unwrap();
    let leg = Leg {
        payer,
        payee,
        amount,
        currency: eur.code(),
        purpose: Purpose::Payment(terms),
        reference: Some("INV-1".parse().unwrap()),
    };
    let id = TransferId::from_bytes(v7(7)).unwrap();
    let transfer = |purpose, authority| Box::new(Transfer::new(id, authority, Leg { purpose, ..leg }));
    let device = Authority::Device { account, device: key.device_id() };
    let original = Original { id: LegId { transfer: id, leg: 0 }, amount, at: AT };
    let day = Day::utc(AT);
    let let_go = Some(LetGo { account, currency: eur.code(), counted_on: day, amount });
    let mut payment = transfer(Purpose::Payment(terms), device);
    payment.linked =
        [Leg { payer: payee, payee: payer, purpose: Purpose::Fee, reference: None, ..leg }].into();
    payment.signature = Some(Box::new(Signature([3; 64])));
    payment.counted_on = Some(day);
    let mut reversal = transfer(Purpose::Reversal(original), Authority::Operator);
    reversal.reason = Some(Box::new("paid twice".parse().unwrap()));
    let limits = Limits { per_day: Some(amount), ..Limits::default() };
    let zone = Some("Europe/Berlin".parse().unwrap());
    let settings = WalletSettings { overdraft: Some(amount), ceiling: None, limits, zone };
    let rule = FeeRule { fixed: 1, basis_points: 150, minimum: 2, maximum: Some(900), collector: payer };
    let yen = "JPY".parse().unwrap();
    let rate = Rate {
        from: eur.code(),
        to: yen,
        numerator: 16_235,
        denominator: 10_000,
        taker: payer,
        giver: payee,
        quote_lifetime_ms: 30_000,
    };
    let code = PairingCode { verifier: Verifier::from_bytes([8; 32]), expires_at: AT };
    let name = "Café".parse().unwrap();
    let sticker = Terms { amount: None, usage: Usage::Reusable, expires_at: None, till: None, ..terms };
    let mut request = PaymentRequest::plain(sticker, payee, eur.code());
    request.description = Some("two coffees".parse().unwrap());
    let mut invoice = PaymentRequest::plain(
        Terms { usage: Usage::Parts, kind: PaymentKind::Invoice, till: None, ..terms },
        payee,
        eur.code(),
    );
    let number = "2026-17".parse().unwrap();
    invoice.detail = Some(Box::new(RequestDetail::Invoice { number, due_at: AT }));
    invoice.payer = Some(account);
    invoice.splits = [Split { wallet: payer, amount }].into();
    vec![
        Event::TransferSettled(payment.clone()),
        Event::TransferRefused(payment, Refusal::InsufficientFunds),
        Event::TransferSettled(transfer(Purpose::Issue, Authority::Operator)),
        Event::TransferSettled(transfer(Purpose::Redemption, Authority::Operator)),
        Event::TransferSettled(transfer(Purpose::Hold { terms, until: AT }, device)),
        Event::TransferSettled(transfer(Purpose::Capture { hold: id, is_final: true }, device)),
        Event::TransferSettled(transfer(Purpose::Refund(original), device)),
        Event::TransferSettled(reversal),
        Event::TransferSettled(transfer(Purpose::Adjustment, Authority::Operator)),
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
        Event::PaymentRequestOpened(Box::new(request)),
        Event::PaymentRequestOpened(Box::new(invoice)),
        Event::PaymentRequestCancelled { payee, request: terms.request },
        Event::HoldReleased { wallet: payer, hold: id, let_go },
        Event::HoldExpired { wallet: payer, hold: id, let_go: None },
        Event::WalletFrozen { wallet: payer, both_ways: true },
        Event::WalletUnfrozen { wallet: payer },
        Event::WalletConfigured { wallet: payer, settings },
        Event::AccountLimited { account, currency: eur.code(), limits },
        Event::FeeSet { scope: FeeScope::Currency(eur.code()), rule: Some(rule) },
        Event::FeeSet { scope: FeeScope::Wallet(payee), rule: None },
        Event::RateSet { from: eur.code(), to: yen, rate: Some(rate) },
    ]
}

fn written() -> (Block, Vec<u8>) {
    let mut writer = BlockWriter::default();
    for event in events() {
        writer.push(Record { at: AT, event }).unwrap();
    }
    let tip = Tip { position: Position::new(41), hash: BlockHash::from_bytes([7; 32]), blocks: 9 };
    let (block, bytes) = writer.finish(tip);
    (block, bytes.to_vec())
}

#[test]
fn a_block_reads_back_as_it_was_written() {
    let (block, bytes) = written();
    assert_eq!(block.index, 9);
    assert_eq!(block.tip().blocks, 10);
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

#[test]
fn each_record_is_proven_to_be_in_its_block_and_nowhere_else() {
    let (block, bytes) = written();
    let view = BlockView::read(&bytes).unwrap();
    let header = *view.header();
    assert_eq!((header.hash(), header.last()), (block.hash, block.last()));
    for (index, (position, record)) in (0..).zip(block.positioned()) {
        let bytes = view.record(position).unwrap();
        assert_eq!(Record::decode(bytes).as_ref(), Ok(record));
        let proof = view.inclusion(position).unwrap();
        assert!(proof.verify(bytes, index, header.count, header.root));
        assert!(!proof.verify(bytes, index + 1, header.count, header.root));
        assert!(!proof.verify(bytes, header.count, header.count, header.root));
        let other = view.record(if index == 0 { position.next() } else { block.first }).unwrap();
        assert!(!proof.verify(other, index, header.count, header.root));
    }
    for outside in [Position::START, Position::new(41), block.last().next(), Position::new(u64::MAX)] {
        assert_eq!((view.record(outside), view.inclusion(outside)), (None, None));
    }
}

#[test]
fn a_block_follows_what_it_was_made_to_follow_and_nothing_else() {
    let (block, bytes) = written();
    let before = Tip { position: Position::new(41), hash: BlockHash::from_bytes([7; 32]), blocks: 9 };
    let view = BlockView::read(&bytes).unwrap();
    assert_eq!((view.tip(), view.follows(before)), (block.tip(), Some(block.tip())));
    for other in [
        Tip { position: Position::new(40), ..before },
        Tip { hash: BlockHash::GENESIS, ..before },
        Tip { blocks: 8, ..before },
        block.tip(),
        Tip::GENESIS,
    ] {
        assert_eq!(view.follows(other), None);
    }
}

#[test]
fn a_block_is_read_from_the_beginning_of_bytes() {
    let (block, bytes) = written();
    let more = [bytes.as_slice(), &[1, 2, 3]].concat();
    let (view, rest) = BlockView::split_first(&more).unwrap();
    assert_eq!((view.hash(), rest), (block.hash, [1, 2, 3].as_slice()));
    assert!(BlockView::split_first(&bytes).unwrap().1.is_empty());
    let cut = BlockView::split_first(&bytes[..bytes.len() - 1]).map(drop);
    assert_eq!(cut, Err(BlockError::Length { actual: bytes.len() - 1, expected: bytes.len() }));
    assert!(BlockView::split_first(&more[1..]).is_err() && BlockView::split_first(&[]).is_err());
}

#[test]
fn a_block_can_be_cut_after_each_of_its_records() {
    let (block, bytes) = written();
    let view = BlockView::read(&bytes).unwrap();
    for last in (block.first.get()..=block.last().get()).map(Position::new) {
        let part = Block::decode(&view.cut_after(last).unwrap()).unwrap();
        assert_eq!((part.first, part.last(), part.index), (block.first, last, block.index));
        assert_eq!(part.previous, block.previous);
        assert_eq!(part.records, block.records[..part.records.len()]);
        assert_eq!(part.hash == block.hash, last == block.last());
    }
    assert_eq!(view.cut_after(block.last()).as_deref(), Some(bytes.as_slice()));
    for outside in [Position::START, Position::new(41), block.last().next(), Position::new(u64::MAX)] {
        assert_eq!(view.cut_after(outside), None);
    }
}

/// A header that fits the hash of another block's records, or says another count of them, is found out.
#[test]
fn a_header_rewritten_with_its_hash_still_has_to_fit_the_records() {
    let (_, bytes) = written();
    let header = BlockHeader::read(&bytes).unwrap();
    let rewritten = |header: BlockHeader| {
        [header.to_bytes().as_slice(), header.hash().as_bytes(), &bytes[BODY_AT..]].concat()
    };
    assert_eq!(rewritten(header), bytes);
    for count in [0, header.count - 1, header.count + 1, u32::MAX] {
        assert_eq!(Block::decode(&rewritten(BlockHeader { count, ..header })), Err(BlockError::Hash));
    }
    let root = Tree::Records.empty();
    assert_eq!(Block::decode(&rewritten(BlockHeader { root, ..header })), Err(BlockError::Hash));
    let empty = BlockHeader { count: 0, body_bytes: 0, root, ..header };
    let empty = [empty.to_bytes().as_slice(), empty.hash().as_bytes()].concat();
    assert_eq!(Block::decode(&empty), Err(BlockError::Hash));
}

#[test]
fn a_record_has_one_length_and_a_known_format() {
    let (block, bytes) = written();
    let record = BlockView::read(&bytes).unwrap().record(block.first).unwrap();
    assert_eq!(Record::decode(&[]), Err(RecordError::Damaged));
    assert_eq!(Record::decode(&record[..record.len() - 1]), Err(RecordError::Damaged));
    assert_eq!(Record::decode(&[record, &[0]].concat()), Err(RecordError::Damaged));
    assert_eq!(Record::decode(&[&[99], &record[1..]].concat()), Err(RecordError::Format(99)));
}

/// The bytes of format 2. If this fails, the format has changed: give it a new number.
#[test]
fn format_2_stays_readable() {
    let fixture = include_bytes!("../tests/block_format_2.bin");
    let (block, bytes) = written();
    assert_eq!(Block::decode(fixture), Ok(block));
    assert_eq!(bytes, fixture);
}

#[test]
fn a_block_never_outgrows_its_bound() {
    let mut writer = BlockWriter::default();
    let event = events().remove(2);
    while writer.has_room() {
        writer.push(Record { at: AT, event: event.clone() }).unwrap();
    }
    let (block, bytes) = writer.finish(Tip::GENESIS);
    assert!(bytes.len() <= MAX_BLOCK_BYTES && block.records.len() <= MAX_RECORDS_PER_BLOCK);
    assert!(block.records.len() > 500, "a block has room for many transfers");
}
