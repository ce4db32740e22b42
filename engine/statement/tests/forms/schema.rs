//! What we write as camt.053 is valid by ISO 20022's schema, in the eyes of two validators that share no code: libxml2's
//! `xmllint`, and the crate `xmlschema`, which is young and stands beside the first, not in its place.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::samples::{HOSTILE, chained, empty, plain_line, random_statement, wallet, written};
use quittance_ledger::Name;
use quittance_statement::{Direction, Form, Line, LineKind, Statement};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/iso20022/camt.053.001.08.xsd");

/// What `xmllint` says against a message, if anything.
fn xmllint(xml: &str) -> Result<(), String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(xml.as_bytes()).unwrap();
    let output = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema", SCHEMA])
        .arg(file.path())
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => {
            panic!("xmllint can't be run ({error}): install it, on Debian with apt install libxml2-utils")
        }
    }
}

/// What `xmlschema` says against a message, if anything.
fn xmlschema(xml: &str) -> Result<(), String> {
    let schema = xmlschema::parse_schema(&std::fs::read_to_string(SCHEMA).unwrap()).unwrap();
    let report = xmlschema::validate(&oxml::parse(xml).unwrap(), &schema);
    if report.is_valid() { Ok(()) } else { Err(format!("{report:?}")) }
}

fn assert_valid(statement: &Statement, lines: &[Line]) {
    let xml = written(Form::Camt053, statement, lines).unwrap();
    assert_eq!(xmllint(&xml), Ok(()));
    assert_eq!(xmlschema(&xml), Ok(()));
}

#[test]
fn an_empty_statement_is_valid() {
    assert_valid(&empty("EUR", 0), &[]);
    assert_valid(&empty("JPY", -5), &[]);
    let bare = Statement { sequence: None, account: None, owner_name: None, totals: None, ..empty("BHD", 7) };
    assert_valid(&bare, &[]);
}

#[test]
fn one_line_is_valid_whatever_its_kind_and_side() {
    for kind in LineKind::ALL {
        for direction in [Direction::Credit, Direction::Debit] {
            let mut statement = empty("EUR", 0);
            let counterparty = Some(wallet(2));
            let mut lines = [Line { kind, counterparty, ..plain_line(1, direction, 1) }];
            chained(&mut statement, &mut lines);
            let xml = written(Form::Camt053, &statement, &lines).unwrap();
            assert_eq!(xmlschema(&xml), Ok(()), "{kind} {direction}");
            if kind == LineKind::Reversal {
                assert_eq!(xmllint(&xml), Ok(()));
            }
        }
    }
}

#[test]
fn the_longest_of_everything_is_valid() {
    let mut statement = empty("EUR", 0);
    statement.id = "x".repeat(35).parse().unwrap();
    statement.sequence = Some(u32::MAX);
    statement.owner_name = Some("n".repeat(40).parse().unwrap());
    let mut lines = [Line {
        leg: u8::MAX,
        counterparty: Some(wallet(u64::MAX >> 2)),
        counterparty_name: Some("é".repeat(20).parse().unwrap()),
        reference: Some("r".repeat(35).parse().unwrap()),
        note: Some("n".repeat(140).parse().unwrap()),
        ..plain_line(1, Direction::Credit, quittance_ledger::MAX_AMOUNT)
    }];
    chained(&mut statement, &mut lines);
    lines[0].position = u64::MAX;
    assert_valid(&statement, &lines);
    assert_valid(&empty("EUR", 999_999_999_999_999_999), &[]);
    assert_valid(&empty("EUR", -999_999_999_999_999_999), &[]);
}

#[test]
fn a_thousand_random_lines_are_valid() {
    let (statement, lines) = random_statement(1_000);
    for hostile in HOSTILE {
        let is_there = |line: &Line| {
            let texts = [line.note.map(|text| text.to_string()), line.reference.map(|text| text.to_string())];
            texts.iter().flatten().any(|text| text == hostile)
        };
        assert!(lines.iter().any(is_there), "{hostile} is among the texts");
    }
    assert_valid(&statement, &lines);
}

#[test]
fn both_validators_see_what_is_wrong() {
    let mut statement = empty("EUR", 0);
    let mut lines = [plain_line(1, Direction::Credit, 1)];
    chained(&mut statement, &mut lines);
    let xml = written(Form::Camt053, &statement, &lines).unwrap();
    for (right, wrong) in [
        ("<NtryRef>1-0</NtryRef>", "<NtryRef></NtryRef>"),
        ("<CdtDbtInd>CRDT</CdtDbtInd><Sts>", "<CdtDbtInd>credit</CdtDbtInd><Sts>"),
        ("0.01", "0.000001"),
        ("Ccy=\"EUR\"", "Ccy=\"X-POINTS\""),
        ("<Sts><Cd>BOOK</Cd></Sts>", ""),
    ] {
        assert!(xml.contains(right), "{right}");
        let broken = xml.replacen(right, wrong, 1);
        assert!(xmllint(&broken).is_err(), "xmllint takes {wrong:?}");
        assert!(xmlschema(&broken).is_err(), "xmlschema takes {wrong:?}");
    }
    // `xmlschema` 0.0.14 does not look at namespaces.
    assert!(xmllint(&xml.replacen("camt.053.001.08", "camt.053.001.02", 1)).is_err());
}

/// XML 1.0 (section 2.2) has no place for some characters, not even escaped; the ledger's texts have none of them.
#[test]
fn a_text_of_the_ledger_is_a_text_of_xml() {
    let is_xml = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}');
    for c in ('\0'..=char::MAX).filter(|c| !is_xml(*c)) {
        assert!(format!("a{c}b").parse::<Name>().is_err(), "U+{:04X} must not be in a text", u32::from(c));
    }
}
