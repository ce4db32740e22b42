//! The bytes of a transfer's record: sections of fixed width, which flags say are there or not. So what is read of it can be
//! found without reading the rest, and a plain transfer takes little.
//!
//! Numbers are little-endian, ids are their sixteen bytes, texts are padded with zeros. What is reserved is zero: a later
//! layout can give it a meaning, and this one refuses it.
//!
//! | bytes | what |
//! | --- | --- |
//! | 48 | head: outcome, layout, refusal, number of legs, flags, instant, id, days |
//! | 32, if flagged | the account and the device that asked |
//! | 64 for each leg | payer, payee, amount, currency, purpose, flags |
//! | then 64, if its purpose has any | the leg's terms, hold or original |
//! | then 48, if flagged | the leg's reference |
//! | 64, if flagged | the device's signature |
//! | 144, if flagged | the operator's reason |
//! | 48, if flagged | what a last capture lets go |

use quittance_ledger::{
    Amount, Authority, CurrencyCode, Day, Description, Event, Leg, LegId, LetGo, MAX_LEGS, Original,
    PaymentKind, Purpose, Refusal, Signature, Terms, Timestamp, Transfer, Usage,
};
use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first byte of a settled transfer's record.
pub(crate) const SETTLED: u8 = 1;
/// The first byte of a refused transfer's record.
pub(crate) const REFUSED: u8 = 2;

const LAYOUT: u8 = 1;

const IS_ACCOUNT_LIMITED: u8 = 1;
const HAS_SIGNATURE: u8 = 2;
const HAS_REASON: u8 = 4;
const BY_DEVICE: u8 = 8;
const LETS_GO: u8 = 16;
const KNOWN_FLAGS: u8 = IS_ACCOUNT_LIMITED | HAS_SIGNATURE | HAS_REASON | BY_DEVICE | LETS_GO;

const HAS_AMOUNT: u8 = 1;
const HAS_EXPIRY: u8 = 2;
const BY_TILL: u8 = 4;
const IS_FINAL: u8 = 8;
const HAS_REFERENCE: u8 = 16;
const KNOWN_LEG_FLAGS: u8 = HAS_AMOUNT | HAS_EXPIRY | BY_TILL | IS_FINAL | HAS_REFERENCE;

/// One more than a code may have, so that a zero ends each.
const CURRENCY_BYTES: usize = 12;
const MAX_REFERENCE_BYTES: usize = 35;
const MAX_REASON_BYTES: usize = 140;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Head {
    outcome: u8,
    layout: u8,
    refusal: u8,
    legs: u8,
    flags: u8,
    reserved: [u8; 3],
    at: U64,
    id: [u8; 16],
    counted_on: U32,
    account_counted_on: U32,
    room: [u8; 8],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct DeviceBytes {
    account: [u8; 16],
    device: [u8; 16],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct LegBytes {
    payer: [u8; 16],
    payee: [u8; 16],
    amount: U64,
    currency: [u8; CURRENCY_BYTES],
    purpose: u8,
    usage: u8,
    kind: u8,
    flags: u8,
    original_leg: u8,
    room: [u8; 7],
}

/// What a leg's purpose names.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SubjectBytes {
    /// The request, the hold that is captured, or the transfer that is given back.
    id: [u8; 16],
    /// The amount the request asks for, or that the original moved.
    asked: U64,
    /// When the request expires, or the original was settled.
    instant: U64,
    /// When a hold expires.
    until: U64,
    till: [u8; 16],
    room: [u8; 8],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct ReferenceBytes {
    len: u8,
    text: [u8; MAX_REFERENCE_BYTES],
    room: [u8; 12],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Reason {
    len: u8,
    text: [u8; MAX_REASON_BYTES],
    room: [u8; 3],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct LetGoBytes {
    account: [u8; 16],
    currency: [u8; CURRENCY_BYTES],
    counted_on: U32,
    amount: U64,
    room: [u8; 8],
}

const _: () = assert!(size_of::<Head>() == 48 && size_of::<DeviceBytes>() == 32);
const _: () = assert!(size_of::<LegBytes>() == 64 && size_of::<SubjectBytes>() == 64);
const _: () = assert!(size_of::<ReferenceBytes>() == 48 && size_of::<Reason>() == 144);
const _: () = assert!(size_of::<LetGoBytes>() == 48);

/// The most bytes that a transfer's record may take.
pub(crate) const MAX_TRANSFER_BYTES: usize = size_of::<Head>()
    + size_of::<DeviceBytes>()
    + MAX_LEGS * (size_of::<LegBytes>() + size_of::<SubjectBytes>() + size_of::<ReferenceBytes>())
    + size_of::<Signature>()
    + size_of::<Reason>()
    + size_of::<LetGoBytes>();

/// Puts a transfer's record at the end of `bytes`.
pub(crate) fn encode(at: Timestamp, transfer: &Transfer, refusal: Option<Refusal>, bytes: &mut Vec<u8>) {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let legs = transfer.legs().count();
    assert!(legs <= MAX_LEGS, "a transfer has at most {MAX_LEGS} legs");
    let head = Head {
        outcome: if refusal.is_some() { REFUSED } else { SETTLED },
        layout: LAYOUT,
        refusal: refusal.map_or(0, Refusal::code),
        legs: legs as u8,
        flags: flag(matches!(transfer.authority, Authority::Device { .. }), BY_DEVICE)
            | flag(transfer.is_account_limited, IS_ACCOUNT_LIMITED)
            | flag(transfer.signature.is_some(), HAS_SIGNATURE)
            | flag(transfer.reason.is_some(), HAS_REASON)
            | flag(transfer.let_go.is_some(), LETS_GO),
        reserved: [0; 3],
        at: at.as_millis().into(),
        id: transfer.id.to_bytes(),
        counted_on: transfer.counted_on.map_or(0, Day::number).into(),
        account_counted_on: transfer.account_counted_on.map_or(0, Day::number).into(),
        room: [0; 8],
    };
    bytes.extend_from_slice(head.as_bytes());
    if let Authority::Device { account, device } = transfer.authority {
        let asked = DeviceBytes { account: account.to_bytes(), device: device.to_bytes() };
        bytes.extend_from_slice(asked.as_bytes());
    }
    transfer.legs().for_each(|leg| encode_leg(leg, bytes));
    if let Some(signature) = &transfer.signature {
        bytes.extend_from_slice(&signature.0);
    }
    if let Some(reason) = &transfer.reason {
        let text = padded(reason.as_str());
        bytes.extend_from_slice(Reason { len: reason.as_str().len() as u8, text, room: [0; 3] }.as_bytes());
    }
    if let Some(let_go) = &transfer.let_go {
        let let_go = LetGoBytes {
            account: let_go.account.to_bytes(),
            currency: padded(let_go.currency.as_str()),
            counted_on: let_go.counted_on.number().into(),
            amount: let_go.amount.get().into(),
            room: [0; 8],
        };
        bytes.extend_from_slice(let_go.as_bytes());
    }
}

/// Reads what [`encode`] wrote, all of it. None: the bytes are damaged, or of a later layout.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Timestamp, Event)> {
    let (head, mut rest) = Head::ref_from_prefix(bytes).ok()?;
    let is_reserved_empty = head.reserved == [0; 3] && head.room == [0; 8];
    if head.layout != LAYOUT || head.flags & !KNOWN_FLAGS != 0 || !is_reserved_empty {
        return None;
    }
    if usize::from(head.legs) > MAX_LEGS {
        return None;
    }
    let has = |flag: u8| head.flags & flag != 0;
    let mut authority = Authority::Operator;
    if has(BY_DEVICE) {
        let (asked, left) = DeviceBytes::ref_from_prefix(rest).ok()?;
        authority = Authority::Device { account: id(asked.account)?, device: id(asked.device)? };
        rest = left;
    }
    let mut legs = Vec::with_capacity(usize::from(head.legs));
    for _ in 0..head.legs {
        let (leg, left) = decode_leg(rest)?;
        legs.push(leg);
        rest = left;
    }
    let mut legs = legs.into_iter();
    let mut transfer = Transfer::new(id(head.id)?, authority, legs.next()?);
    transfer.linked = legs.collect();
    transfer.is_account_limited = has(IS_ACCOUNT_LIMITED);
    transfer.counted_on = day(head.counted_on)?;
    transfer.account_counted_on = day(head.account_counted_on)?;
    if has(HAS_SIGNATURE) {
        let (signature, left) = rest.split_first_chunk::<64>()?;
        transfer.signature = Some(Box::new(Signature(*signature)));
        rest = left;
    }
    if has(HAS_REASON) {
        let (reason, left) = Reason::ref_from_prefix(rest).ok()?;
        let reason = (reason.room == [0; 3]).then(|| unpadded(&reason.text, reason.len))??;
        let reason: Description = reason.parse().ok()?;
        transfer.reason = Some(Box::new(reason));
        rest = left;
    }
    if has(LETS_GO) {
        let (let_go, left) = LetGoBytes::ref_from_prefix(rest).ok()?;
        if let_go.room != [0; 8] {
            return None;
        }
        transfer.let_go = Some(LetGo {
            account: id(let_go.account)?,
            currency: currency(&let_go.currency)?,
            counted_on: day(let_go.counted_on)??,
            amount: Amount::new(let_go.amount.get()).ok()?,
        });
        rest = left;
    }
    let transfer = Box::new(transfer);
    let event = match (head.outcome, head.refusal) {
        (SETTLED, 0) => Event::TransferSettled(transfer),
        (REFUSED, code) => Event::TransferRefused(transfer, Refusal::from_code(code)?),
        _ => return None,
    };
    rest.is_empty().then_some((Timestamp::from_millis(head.at.get()), event))
}

/// Whether a leg of this purpose names something.
const fn has_subject(purpose: u8) -> bool {
    matches!(purpose, 3..=7)
}

fn encode_leg(leg: &Leg, bytes: &mut Vec<u8>) {
    let Leg { payer, payee, amount, currency, purpose, reference } = leg;
    let mut fixed = LegBytes {
        payer: payer.to_bytes(),
        payee: payee.to_bytes(),
        amount: amount.get().into(),
        currency: padded(currency.as_str()),
        purpose: purpose.tag(),
        usage: 0,
        kind: 0,
        flags: if reference.is_some() { HAS_REFERENCE } else { 0 },
        original_leg: 0,
        room: [0; 7],
    };
    let zero = U64::from(0);
    let mut subject =
        SubjectBytes { id: [0; 16], asked: zero, instant: zero, until: zero, till: [0; 16], room: [0; 8] };
    match purpose {
        Purpose::Payment(terms) => put_terms(terms, &mut fixed, &mut subject),
        Purpose::Hold { terms, until } => {
            put_terms(terms, &mut fixed, &mut subject);
            subject.until = until.as_millis().into();
        }
        Purpose::Capture { hold, is_final } => {
            subject.id = hold.to_bytes();
            fixed.flags |= if *is_final { IS_FINAL } else { 0 };
        }
        Purpose::Refund(original) | Purpose::Reversal(original) => {
            subject.id = original.id.transfer.to_bytes();
            subject.asked = original.amount.get().into();
            subject.instant = original.at.as_millis().into();
            fixed.original_leg = original.id.leg;
        }
        Purpose::Issue
        | Purpose::Redemption
        | Purpose::Fee
        | Purpose::Split
        | Purpose::Conversion
        | Purpose::Adjustment => {}
    }
    bytes.extend_from_slice(fixed.as_bytes());
    if has_subject(fixed.purpose) {
        bytes.extend_from_slice(subject.as_bytes());
    }
    if let Some(reference) = reference {
        let (len, text) = (reference.as_str().len() as u8, padded(reference.as_str()));
        bytes.extend_from_slice(ReferenceBytes { len, text, room: [0; 12] }.as_bytes());
    }
}

fn put_terms(terms: &Terms, leg: &mut LegBytes, subject: &mut SubjectBytes) {
    subject.id = terms.request.to_bytes();
    leg.usage = usage_code(terms.usage);
    leg.kind = kind_code(terms.kind);
    if let Some(amount) = terms.amount {
        subject.asked = amount.get().into();
        leg.flags |= HAS_AMOUNT;
    }
    if let Some(at) = terms.expires_at {
        subject.instant = at.as_millis().into();
        leg.flags |= HAS_EXPIRY;
    }
    if let Some(till) = terms.till {
        subject.till = till.to_bytes();
        leg.flags |= BY_TILL;
    }
}

/// Reads a leg, and gives what follows it.
fn decode_leg(bytes: &[u8]) -> Option<(Leg, &[u8])> {
    let (fixed, mut rest) = LegBytes::ref_from_prefix(bytes).ok()?;
    if fixed.flags & !KNOWN_LEG_FLAGS != 0 {
        return None;
    }
    let subject = if has_subject(fixed.purpose) {
        let (subject, left) = SubjectBytes::ref_from_prefix(rest).ok()?;
        rest = left;
        Some(subject)
    } else {
        None
    };
    let purpose = match (fixed.purpose, subject) {
        (1, None) => Purpose::Issue,
        (2, None) => Purpose::Redemption,
        (3, Some(subject)) => Purpose::Payment(read_terms(fixed, subject)?),
        (4, Some(subject)) => {
            let until = Timestamp::from_millis(subject.until.get());
            Purpose::Hold { terms: read_terms(fixed, subject)?, until }
        }
        (5, Some(subject)) => {
            Purpose::Capture { hold: id(subject.id)?, is_final: fixed.flags & IS_FINAL != 0 }
        }
        (6, Some(subject)) => Purpose::Refund(read_original(fixed, subject)?),
        (7, Some(subject)) => Purpose::Reversal(read_original(fixed, subject)?),
        (8, None) => Purpose::Fee,
        (9, None) => Purpose::Split,
        (10, None) => Purpose::Conversion,
        (11, None) => Purpose::Adjustment,
        _ => return None,
    };
    let mut reference = None;
    if fixed.flags & HAS_REFERENCE != 0 {
        let (text, left) = ReferenceBytes::ref_from_prefix(rest).ok()?;
        reference = Some(unpadded(&text.text, text.len)?.parse().ok()?);
        rest = left;
    }
    let leg = Leg {
        payer: id(fixed.payer)?,
        payee: id(fixed.payee)?,
        amount: Amount::new(fixed.amount.get()).ok()?,
        currency: currency(&fixed.currency)?,
        purpose,
        reference,
    };
    // One record, one spelling: what a purpose does not use is zero.
    let mut again = Vec::with_capacity(bytes.len().saturating_sub(rest.len()));
    encode_leg(&leg, &mut again);
    bytes.starts_with(&again).then_some((leg, rest))
}

fn read_terms(leg: &LegBytes, subject: &SubjectBytes) -> Option<Terms> {
    let has = |flag: u8| leg.flags & flag != 0;
    Some(Terms {
        request: id(subject.id)?,
        amount: if has(HAS_AMOUNT) { Some(Amount::new(subject.asked.get()).ok()?) } else { None },
        usage: usage_of(leg.usage)?,
        expires_at: has(HAS_EXPIRY).then(|| Timestamp::from_millis(subject.instant.get())),
        till: if has(BY_TILL) { Some(id(subject.till)?) } else { None },
        kind: kind_of(leg.kind)?,
    })
}

fn read_original(leg: &LegBytes, subject: &SubjectBytes) -> Option<Original> {
    let id = LegId { transfer: id(subject.id)?, leg: leg.original_leg };
    let amount = Amount::new(subject.asked.get()).ok()?;
    Some(Original { id, amount, at: Timestamp::from_millis(subject.instant.get()) })
}

const fn usage_code(usage: Usage) -> u8 {
    match usage {
        Usage::OneTime => 1,
        Usage::Reusable => 2,
        Usage::Parts => 3,
    }
}

const fn usage_of(code: u8) -> Option<Usage> {
    match code {
        1 => Some(Usage::OneTime),
        2 => Some(Usage::Reusable),
        3 => Some(Usage::Parts),
        _ => None,
    }
}

const fn kind_code(kind: PaymentKind) -> u8 {
    match kind {
        PaymentKind::Standard => 1,
        PaymentKind::Invoice => 2,
        PaymentKind::Donation => 3,
        PaymentKind::TopUp => 4,
        PaymentKind::Withdrawal => 5,
        PaymentKind::Conversion => 6,
    }
}

const fn kind_of(code: u8) -> Option<PaymentKind> {
    match code {
        1 => Some(PaymentKind::Standard),
        2 => Some(PaymentKind::Invoice),
        3 => Some(PaymentKind::Donation),
        4 => Some(PaymentKind::TopUp),
        5 => Some(PaymentKind::Withdrawal),
        6 => Some(PaymentKind::Conversion),
        _ => None,
    }
}

trait SixteenBytes: Sized {
    fn read(bytes: [u8; 16]) -> Option<Self>;
}

macro_rules! sixteen_bytes {
    ($($id:ty),*) => {$(
        impl SixteenBytes for $id {
            fn read(bytes: [u8; 16]) -> Option<Self> {
                Self::from_bytes(bytes).ok()
            }
        }
    )*};
}

sixteen_bytes!(
    quittance_ledger::AccountId,
    quittance_ledger::DeviceId,
    quittance_ledger::PaymentRequestId,
    quittance_ledger::TransferId,
    quittance_ledger::WalletId
);

fn id<Id: SixteenBytes>(bytes: [u8; 16]) -> Option<Id> {
    Id::read(bytes)
}

/// A day that may not be there. The outer none: no such day.
fn day(number: U32) -> Option<Option<Day>> {
    match number.get() {
        0 => Some(None),
        number => Day::from_number(number).map(Some),
    }
}

fn currency(bytes: &[u8; CURRENCY_BYTES]) -> Option<CurrencyCode> {
    let len = bytes.iter().position(|byte| *byte == 0)?;
    unpadded(bytes, len as u8)?.parse().ok()
}

/// A text that fits, with zeros after it.
fn padded<const WIDTH: usize>(text: &str) -> [u8; WIDTH] {
    let mut bytes = [0; WIDTH];
    bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
    bytes
}

/// The text of which `len` bytes stand before the zeros.
fn unpadded(bytes: &[u8], len: u8) -> Option<&str> {
    let (text, padding) = bytes.split_at_checked(usize::from(len))?;
    padding.iter().all(|byte| *byte == 0).then(|| std::str::from_utf8(text).ok())?
}

#[cfg(test)]
#[path = "transfer_layout_tests.rs"]
mod tests;
