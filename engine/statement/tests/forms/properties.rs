//! What went in comes out again: random statements are written, and read back by readers that are not ours.

use std::collections::HashMap;

use crate::samples::{statements, written};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use quittance_ledger::Currency;
use quittance_statement::{Direction, Form, Line, Statement};
use serde_json::Value;

/// The text that was written, off a guarded column.
fn unguarded(field: &str) -> &str {
    field.strip_prefix('\'').unwrap_or(field)
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Minor units of a decimal text.
fn minor_units(decimal: &str, currency: Currency) -> i64 {
    let (major, minor) = decimal.split_once('.').unwrap_or((decimal, ""));
    assert_eq!(minor.len(), usize::from(currency.exponent()), "{decimal}");
    format!("{major}{minor}").parse().unwrap()
}

/// What the CSV reader of a client gets of a line, as the columns say.
fn check_row(row: &HashMap<String, String>, line: &Line, statement: &Statement) {
    let field = |name: &str| row[name].as_str();
    assert_eq!(field("position"), line.position.to_string());
    assert_eq!(field("leg"), line.leg.to_string());
    let at: jiff::Timestamp = field("at").parse().unwrap();
    assert_eq!(u64::try_from(at.as_millisecond()).unwrap(), line.at.as_millis());
    assert_eq!(field("transfer"), line.transfer.to_string());
    assert_eq!(field("kind"), line.kind.as_str());
    assert_eq!(field("direction"), line.direction.as_str());
    assert_eq!(field("amount_minor"), line.amount.to_string());
    assert_eq!(field("balance_after_minor"), line.balance_after.to_string());
    assert_eq!(minor_units(field("amount"), statement.currency), line.amount.get().cast_signed());
    assert_eq!(minor_units(field("balance_after"), statement.currency), line.balance_after);
    assert_eq!(field("currency"), statement.currency.code().as_str());
    assert_eq!(field("wallet"), statement.wallet.to_string());
    assert_eq!(field("counterparty"), shown(line.counterparty));
    assert_eq!(field("request"), shown(line.request));
    assert_eq!(field("related"), shown(line.related));
    for (name, text) in [
        ("counterparty_name", shown(line.counterparty_name)),
        ("reference", shown(line.reference)),
        ("note", shown(line.note)),
    ] {
        assert_eq!(unguarded(field(name)), text);
        assert!(!field(name).starts_with(['=', '+', '-', '@']), "a spreadsheet would run {:?}", field(name));
    }
}

/// The texts of one `Ntry`, each under the path of its element, in their order.
type Entry = Vec<(String, String)>;

/// The texts of a camt.053 message: those of its head, and those of each entry.
fn read_camt(xml: &str) -> (Entry, Vec<Entry>) {
    let mut reader = Reader::from_str(xml);
    let (mut path, mut head, mut entries) = (Vec::<String>::new(), Entry::new(), Vec::<Entry>::new());
    let mut text = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let name = String::from_utf8(start.name().into_inner().into()).unwrap();
                if name == "Ntry" {
                    entries.push(Entry::new());
                }
                path.push(name);
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(reference) => {
                text.push_str(&quick_xml::escape::unescape(&format!("&{};", &*reference)).unwrap());
            }
            Event::End(_) => {
                let found = (path.join("/"), std::mem::take(&mut text));
                if !found.1.trim().is_empty() {
                    let is_entry = path.iter().any(|name| name == "Ntry");
                    if is_entry { entries.last_mut().unwrap() } else { &mut head }.push(found);
                }
                path.pop();
            }
            Event::Eof => return (head, entries),
            _ => {}
        }
    }
}

/// The first text whose element's path ends so.
fn under<'a>(entry: &'a Entry, path: &str) -> Option<&'a str> {
    entry.iter().find(|(at, _)| at.ends_with(path)).map(|(_, text)| text.as_str())
}

fn signed(amount: &str, indicator: &str, currency: Currency) -> i64 {
    let minor_units = minor_units(amount, currency);
    if indicator == "DBIT" { -minor_units } else { minor_units }
}

fn check_entry(entry: &Entry, line: &Line, currency: Currency) {
    let amount = signed(under(entry, "Ntry/Amt").unwrap(), under(entry, "Ntry/CdtDbtInd").unwrap(), currency);
    assert_eq!(i128::from(amount), line.change());
    assert_eq!(under(entry, "NtryRef"), Some(format!("{}-{}", line.position, line.leg).as_str()));
    let transfer = line.transfer.to_string().replace('-', "");
    assert_eq!(under(entry, "Ntry/AcctSvcrRef"), Some(transfer.as_str()));
    assert_eq!(under(entry, "BkTxCd/Prtry/Cd"), Some(line.kind.as_str()));
    let reference = line.reference.as_ref().map_or("NOTPROVIDED", |reference| reference.as_str());
    assert_eq!(under(entry, "EndToEndId"), Some(reference));
    assert_eq!(under(entry, "Pty/Nm"), line.counterparty_name.as_ref().map(|name| name.as_str()));
    assert_eq!(under(entry, "RmtInf/Ustrd"), line.note.as_ref().map(|note| note.as_str()));
}

proptest! {
    #[test]
    fn a_csv_reader_gets_every_field_back((statement, lines) in statements(0..20)) {
        let csv = written(Form::Csv, &statement, &lines).unwrap();
        prop_assert_eq!(csv.matches("\r\n").count(), lines.len() + 1, "a row a line, each with CRLF");
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let rows: Vec<HashMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
        prop_assert_eq!(rows.len(), lines.len());
        for (row, line) in rows.iter().zip(&lines) {
            check_row(row, line, &statement);
        }
    }

    #[test]
    fn a_json_reader_gets_every_member_back((statement, lines) in statements(0..20)) {
        let text = written(Form::JsonLines, &statement, &lines).unwrap();
        prop_assert!(text.ends_with('\n'));
        let objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [head, middle @ .., end] = objects.as_slice() else { panic!("a head and an end") };
        prop_assert_eq!(&head["record"], "statement");
        prop_assert_eq!(&head["id"], statement.id.as_str());
        prop_assert_eq!(head["opening"].as_i64(), Some(statement.opening));
        prop_assert_eq!(middle.len(), lines.len());
        let mut balance = statement.opening;
        for (object, line) in middle.iter().zip(&lines) {
            prop_assert_eq!(&object["record"], "line");
            prop_assert_eq!(object["position"].as_u64(), Some(line.position));
            prop_assert_eq!(&object["kind"], line.kind.as_str());
            prop_assert_eq!(&object["transfer"], &line.transfer.to_string());
            prop_assert_eq!(&object["reference"], &serde_json::to_value(line.reference).unwrap());
            prop_assert_eq!(&object["note"], &serde_json::to_value(line.note).unwrap());
            prop_assert_eq!(&object["counterparty_name"], &serde_json::to_value(line.counterparty_name).unwrap());
            let amount = object["amount"].as_i64().unwrap();
            balance += if object["direction"] == Direction::Debit.as_str() { -amount } else { amount };
            prop_assert_eq!(object["balance_after"].as_i64(), Some(balance));
        }
        prop_assert_eq!(&end["record"], "end");
        prop_assert_eq!(end["closing"].as_i64(), Some(balance));
        prop_assert_eq!(
            end["totals"]["credits"]["lines"].as_u64().unwrap() + end["totals"]["debits"]["lines"].as_u64().unwrap(),
            u64::try_from(lines.len()).unwrap()
        );
    }

    #[test]
    fn an_xml_reader_gets_entries_that_add_up((statement, lines) in statements(0..20)) {
        let xml = written(Form::Camt053, &statement, &lines).unwrap();
        let (head, entries) = read_camt(&xml);
        let currency = statement.currency;
        prop_assert_eq!(under(&head, "Ownr/Nm"), statement.owner_name.as_ref().map(|name| name.as_str()));
        let balances: Vec<i64> = {
            let texts = |path: &str| head.iter().filter(|(at, _)| at.ends_with(path)).map(|(_, text)| text.clone()).collect::<Vec<_>>();
            let (amounts, indicators) = (texts("Bal/Amt"), texts("Bal/CdtDbtInd"));
            amounts.iter().zip(&indicators).map(|(amount, indicator)| signed(amount, indicator, currency)).collect()
        };
        prop_assert_eq!(balances, [statement.opening, statement.closing]);
        prop_assert_eq!(entries.len(), lines.len());
        let mut balance = i128::from(statement.opening);
        for (entry, line) in entries.iter().zip(&lines) {
            check_entry(entry, line, currency);
            balance += line.change();
        }
        prop_assert_eq!(balance, i128::from(statement.closing));
        match statement.totals {
            Some(totals) => {
                let lines = lines.len().to_string();
                let net = signed(under(&head, "TtlNetNtry/Amt").unwrap(), under(&head, "TtlNetNtry/CdtDbtInd").unwrap(), currency);
                prop_assert_eq!(i128::from(net), totals.net());
                prop_assert_eq!(under(&head, "TtlNtries/NbOfNtries"), Some(lines.as_str()));
            }
            None => prop_assert_eq!(under(&head, "TtlNtries/NbOfNtries"), None),
        }
    }
}
