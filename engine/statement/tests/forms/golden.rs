//! What the forms look like. A difference here is one that whoever reads our files will see.
//!
//! `UPDATE_GOLDEN=1 cargo test -p quittance-statement --test forms` writes the files anew; look at what changed.

use std::path::Path;

use crate::samples::{FROM, chained, empty, plain_line, request, transfer, wallet, written};
use quittance_ledger::Timestamp;
use quittance_statement::{Direction, Form, Line, LineKind, Statement};

/// A morning in a café: units are brought in, a coffee is sold, paid back in part, a fee is taken.
fn morning() -> (Statement, Vec<Line>) {
    let mut statement = empty("EUR", -250);
    let mut lines = vec![
        Line {
            kind: LineKind::TopUp,
            counterparty: Some(wallet(9)),
            note: Some("Till float".parse().unwrap()),
            ..plain_line(3, Direction::Credit, 10_000)
        },
        Line {
            counterparty: Some(wallet(2)),
            counterparty_name: Some("Ada <Lovelace> & Söhne".parse().unwrap()),
            reference: Some("=INV-2026/11".parse().unwrap()),
            request: Some(request(5)),
            note: Some("Espresso, \"doppio\"".parse().unwrap()),
            ..plain_line(17, Direction::Credit, 450)
        },
        Line {
            leg: 1,
            kind: LineKind::Fee,
            related: Some(transfer(17)),
            ..plain_line(17, Direction::Debit, 3)
        },
        Line {
            kind: LineKind::Refund,
            counterparty: Some(wallet(2)),
            counterparty_name: Some("Ada <Lovelace> & Söhne".parse().unwrap()),
            reference: Some("=INV-2026/11".parse().unwrap()),
            related: Some(transfer(17)),
            ..plain_line(40, Direction::Debit, 150)
        },
        Line {
            kind: LineKind::Reversal,
            counterparty: Some(wallet(9)),
            related: Some(transfer(3)),
            ..plain_line(41, Direction::Debit, 10_000)
        },
    ];
    for (line, hour) in lines.iter_mut().zip([8, 9, 9, 11, 12]) {
        line.at = Timestamp::from_millis(FROM + hour * 3_600_000 + line.position);
    }
    chained(&mut statement, &mut lines);
    (statement, lines)
}

#[test]
fn a_morning_looks_as_it_always_did() {
    let (statement, lines) = morning();
    for form in Form::ALL {
        let name = format!("morning.{}", form.file_extension());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let now = written(form, &statement, &lines).unwrap();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &now).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap();
        assert_eq!(now, golden, "{} differs: see the head of this test for how to renew it", file.display());
    }
}
