//! A statement that does not add up, or that has no place in a form, is refused by name; and adds nothing.

use crate::samples::{FROM, chained, currency, empty, plain_line, written};
use quittance_ledger::{Currency, Timestamp};
use quittance_statement::{Direction, Form, Line, Statement, StatementError, StatementWriter, Sum, Totals};

fn two_lines() -> (Statement, [Line; 2]) {
    let mut statement = empty("EUR", 100);
    let mut lines = [plain_line(1, Direction::Credit, 50), plain_line(2, Direction::Debit, 20)];
    chained(&mut statement, &mut lines);
    (statement, lines)
}

/// Why each form refuses the head, which adds nothing to the bytes.
fn heads_refused(statement: &Statement, is_right: fn(&StatementError) -> bool) {
    for form in Form::ALL {
        let mut out = Vec::new();
        let refused = StatementWriter::begin(form, statement, &mut out).unwrap_err();
        assert!(is_right(&refused), "{form}: {refused}");
        assert!(out.is_empty(), "{form} wrote before it refused");
    }
}

/// Why each form refuses the second line, which adds nothing to the bytes.
fn second_line_refused(change: fn(&mut Line), is_right: fn(&StatementError) -> bool) {
    let (statement, [first, mut second]) = two_lines();
    change(&mut second);
    for form in Form::ALL {
        let mut out = Vec::new();
        let mut writer = StatementWriter::begin(form, &statement, &mut out).unwrap();
        writer.line(&first, &mut out).unwrap();
        let before = out.len();
        let refused = writer.line(&second, &mut out).unwrap_err();
        assert!(is_right(&refused), "{form}: {refused}");
        assert_eq!(out.len(), before, "{form} wrote before it refused");
    }
}

#[test]
fn lines_follow_from_one_another() {
    second_line_refused(
        |line| line.balance_after += 1,
        |error| {
            matches!(error, StatementError::BalanceBroken { position: 2, leg: 0, reached: 130, stated: 131 })
        },
    );
    second_line_refused(
        |line| line.direction = Direction::Credit,
        |error| matches!(error, StatementError::BalanceBroken { reached: 170, stated: 130, .. }),
    );
    second_line_refused(
        |line| line.position = 1,
        |error| matches!(error, StatementError::OutOfOrder { position: 1, leg: 0 }),
    );
    second_line_refused(
        |line| line.at = Timestamp::from_millis(FROM - 1),
        |error| matches!(error, StatementError::OutsidePeriod { position: 2, leg: 0 }),
    );
    second_line_refused(
        |line| line.at = empty("EUR", 0).to,
        |error| matches!(error, StatementError::OutsidePeriod { .. }),
    );
}

#[test]
fn one_position_can_have_several_legs() {
    let (statement, mut lines) = two_lines();
    lines[1].position = 1;
    lines[1].leg = 1;
    for form in Form::ALL {
        written(form, &statement, &lines).unwrap();
    }
}

#[test]
fn lines_lead_to_the_closing_balance_and_the_totals() {
    let (statement, lines) = two_lines();
    let unknown = Statement { totals: None, ..statement.clone() };
    for form in Form::ALL {
        written(form, &unknown, &lines).unwrap();
        let cut_off = written(form, &unknown, &lines[..1]).unwrap_err();
        assert!(
            matches!(cut_off, StatementError::ClosingDiffers { reached: 150, closing: 130 }),
            "{cut_off}"
        );
    }
    let mut other = statement;
    other.totals =
        Some(Totals { credits: Sum { lines: 1, amount: 51 }, debits: Sum { lines: 1, amount: 21 } });
    for form in Form::ALL {
        let differs = written(form, &other, &lines).unwrap_err();
        assert!(matches!(differs, StatementError::TotalsDiffer { .. }), "{differs}");
    }
}

#[test]
fn lines_that_were_looked_for_need_not_lead_anywhere_but_not_in_camt() {
    let (statement, lines) = two_lines();
    let found = Statement { is_filtered: true, totals: None, ..statement };
    for form in [Form::Csv, Form::JsonLines] {
        let text = written(form, &found, &lines[1..]).unwrap();
        assert!(!text.is_empty());
        let out_of_order = written(form, &found, &[lines[1], lines[0]]).unwrap_err();
        assert!(matches!(out_of_order, StatementError::OutOfOrder { .. }), "{out_of_order}");
    }
    let refused = written(Form::Camt053, &found, &lines[1..]).unwrap_err();
    assert!(matches!(refused, StatementError::Filtered), "{refused}");
}

#[test]
fn a_head_that_contradicts_itself_is_refused() {
    let (statement, _) = two_lines();
    heads_refused(&Statement { to: statement.from, ..statement.clone() }, |error| {
        matches!(error, StatementError::EmptyPeriod)
    });
    heads_refused(&Statement { closing: 131, ..statement }, |error| {
        matches!(error, StatementError::TotalsDoNotClose { reached: 130, closing: 131 })
    });
}

#[test]
fn what_camt_has_no_place_for_is_refused_by_camt_alone() {
    let too_fine = serde_json::from_str::<Currency>(r#"{"code":"EUR","exponent":6}"#).unwrap();
    let largest = 999_999_999_999_999_999;
    let eur = empty("EUR", 0);
    for (statement, is_right) in [
        (
            Statement { currency: currency("X-POINTS"), ..eur.clone() },
            (|error| matches!(error, StatementError::PrivateCurrency(code) if code.as_str() == "X-POINTS"))
                as fn(&StatementError) -> bool,
        ),
        (Statement { currency: too_fine, ..eur.clone() }, |error| {
            matches!(error, StatementError::ExponentTooLarge(6))
        }),
        (empty("EUR", -largest - 1), |error| {
            matches!(error, StatementError::TooManyDigits(1_000_000_000_000_000_000))
        }),
        (empty("EUR", i64::MIN), |error| {
            matches!(error, StatementError::TooManyDigits(9_223_372_036_854_775_808))
        }),
    ] {
        let refused = written(Form::Camt053, &statement, &[]).unwrap_err();
        assert!(is_right(&refused), "{refused}");
        for form in [Form::Csv, Form::JsonLines] {
            written(form, &statement, &[]).unwrap();
        }
    }
    written(Form::Camt053, &empty("EUR", largest), &[]).unwrap();
}

#[test]
fn a_time_that_no_calendar_has_is_refused() {
    let mut statement = empty("EUR", 0);
    statement.to = Timestamp::from_millis(u64::MAX);
    for form in [Form::JsonLines, Form::Camt053] {
        let refused = written(form, &statement, &[]).unwrap_err();
        assert!(matches!(refused, StatementError::PastCalendar(_)), "{refused}");
    }
    let at = Timestamp::from_millis(u64::MAX - 1);
    let mut lines = [Line { at, ..plain_line(1, Direction::Credit, 1) }];
    chained(&mut statement, &mut lines);
    let refused = written(Form::Csv, &statement, &lines).unwrap_err();
    assert!(matches!(refused, StatementError::PastCalendar(_)), "{refused}");
}
