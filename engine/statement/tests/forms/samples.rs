//! Statements to try the forms on: a plain one, random ones, and texts that mean harm.

use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use quittance_ledger::{Amount, Currency, PaymentRequestId, Text, Timestamp, TransferId, WalletId};
use quittance_statement::{
    Direction, Form, Line, LineKind, Statement, StatementError, StatementWriter, Totals,
};

/// Texts that break a form which does not escape, quote or guard. All of them are texts of the ledger.
pub(crate) const HOSTILE: [&str; 14] = [
    "<&>\"'",
    "]]>",
    "<!-- --><Ntry>",
    "&#0;&lt;&bogus;",
    "a,b;\"c\"",
    "=HYPERLINK(\"http://x\")",
    "+1-1",
    "-2+3",
    "@SUM(A1:A9)",
    "'=1",
    "شكرا جزيلا",
    "תודה רבה",
    "🍣🍺👩\u{1F3FD}",
    "喫茶店 №7",
];

/// 2026-11-01T00:00:00Z, when every sample begins.
pub(crate) const FROM: u64 = 1_793_491_200_000;

const DAY_MS: u64 = 86_400_000;

/// A UUID of version 7 that ends with `n`.
fn uuid_bytes(n: u64) -> [u8; 16] {
    (0x0193_a2b4_0c5d_7e6f_8000_0000_0000_0000_u128 | u128::from(n)).to_be_bytes()
}

pub(crate) fn wallet(n: u64) -> WalletId {
    WalletId::from_bytes(uuid_bytes(n)).unwrap()
}

pub(crate) fn transfer(n: u64) -> TransferId {
    TransferId::from_bytes(uuid_bytes(n)).unwrap()
}

pub(crate) fn request(n: u64) -> PaymentRequestId {
    PaymentRequestId::from_bytes(uuid_bytes(n)).unwrap()
}

pub(crate) fn currency(code: &str) -> Currency {
    let exponent = code.starts_with("X-").then_some(2);
    Currency::new(code.parse().unwrap(), exponent).unwrap()
}

/// A statement of November 2026 without lines.
pub(crate) fn empty(code: &str, opening: i64) -> Statement {
    Statement {
        id: "STMT-2026-11-0001".parse().unwrap(),
        sequence: Some(11),
        created_at: Timestamp::from_millis(FROM + 30 * DAY_MS + 7),
        wallet: wallet(1),
        account: Some("0193a2b4-0c5d-7e6f-8000-0000000000aa".parse().unwrap()),
        owner_name: Some("Café Zentral".parse().unwrap()),
        currency: currency(code),
        from: Timestamp::from_millis(FROM),
        to: Timestamp::from_millis(FROM + 30 * DAY_MS),
        opening,
        closing: opening,
        is_filtered: false,
        totals: Some(Totals::default()),
    }
}

/// A payment from another wallet, which nothing else is known of.
pub(crate) fn plain_line(position: u64, direction: Direction, amount: u64) -> Line {
    Line {
        position,
        leg: 0,
        at: Timestamp::from_millis(FROM + position),
        transfer: transfer(position),
        kind: LineKind::Payment,
        direction,
        amount: Amount::new(amount).unwrap(),
        balance_after: 0,
        counterparty: None,
        counterparty_name: None,
        reference: None,
        request: None,
        related: None,
        note: None,
    }
}

/// Makes lines follow from one another, and the head say where they lead.
pub(crate) fn chained(statement: &mut Statement, lines: &mut [Line]) {
    let mut totals = Totals::default();
    let mut balance = i128::from(statement.opening);
    for line in lines {
        balance += line.change();
        line.balance_after = balance.try_into().unwrap();
        let sum = match line.direction {
            Direction::Credit => &mut totals.credits,
            Direction::Debit => &mut totals.debits,
        };
        sum.lines += 1;
        sum.amount += u128::from(line.amount.get());
    }
    statement.closing = balance.try_into().unwrap();
    statement.totals = Some(totals);
}

pub(crate) fn written(form: Form, statement: &Statement, lines: &[Line]) -> Result<String, StatementError> {
    let mut out = Vec::new();
    let mut writer = StatementWriter::begin(form, statement, &mut out)?;
    for line in lines {
        writer.line(line, &mut out)?;
    }
    writer.end(&mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    prop_oneof![prop::sample::select(&HOSTILE[..]).prop_map(str::to_owned), "\\PC{1,30}"]
        .prop_filter_map("not a text of the ledger", |text| text.parse().ok())
}

fn any_line() -> impl Strategy<Value = Line> {
    let what = (
        prop::sample::select(&LineKind::ALL[..]),
        prop::sample::select(&[Direction::Credit, Direction::Debit][..]),
        prop_oneof![1..=100_000_u64, 1..=quittance_ledger::MAX_AMOUNT / 10_000],
        0..3_u8,
    );
    let ids = (any::<u32>(), option::of(any::<u32>()), option::of(any::<u32>()), option::of(any::<u32>()));
    let texts = (option::of(text::<40>()), option::of(text::<35>()), option::of(text::<140>()));
    (what, ids, texts, 0..DAY_MS).prop_map(|(what, ids, texts, at)| {
        let (kind, direction, amount, leg) = what;
        let (id, counterparty, asked, related) = ids;
        let (counterparty_name, reference, note) = texts;
        Line {
            position: 0,
            leg,
            at: Timestamp::from_millis(FROM + at),
            transfer: transfer(id.into()),
            kind,
            direction,
            amount: Amount::new(amount).unwrap(),
            balance_after: 0,
            counterparty: counterparty.map(|n| wallet(n.into())),
            counterparty_name,
            reference,
            request: asked.map(|n| request(n.into())),
            related: related.map(|n| transfer(n.into())),
            note,
        }
    })
}

/// A random statement that adds up, with its lines.
pub(crate) fn statements(
    line_count: std::ops::Range<usize>,
) -> impl Strategy<Value = (Statement, Vec<Line>)> {
    let lines = prop::collection::vec(any_line(), line_count);
    let codes = prop::sample::select(&["EUR", "JPY", "BHD", "CLF"][..]);
    let opening = prop_oneof![Just(0), -1_000_000..1_000_000_i64];
    (codes, opening, option::of(text::<40>()), any::<bool>(), lines).prop_map(
        |(code, opening, owner_name, knows_totals, mut lines)| {
            for (line, position) in lines.iter_mut().zip(1_u64..) {
                line.position = position * 3;
            }
            let mut statement = Statement { owner_name, ..empty(code, opening) };
            chained(&mut statement, &mut lines);
            if !knows_totals {
                statement.totals = None;
            }
            (statement, lines)
        },
    )
}

/// One random statement of so many lines, the same at every run.
pub(crate) fn random_statement(line_count: usize) -> (Statement, Vec<Line>) {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    statements(line_count..line_count + 1).new_tree(&mut runner).unwrap().current()
}
