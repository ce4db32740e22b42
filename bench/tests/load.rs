//! The load generator from its start to its end, with a little load.

use std::error::Error;
use std::fs;
use std::process::Command;

use serde_json::Value;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Runs the load generator on an engine of its own, and gives its report.
fn report(arguments: &[&str]) -> Outcome<Value> {
    let folder = tempfile::tempdir()?;
    let json = folder.path().join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_quittance-load"))
        .args(["in-process", "--check", "--wallets", "50", "--json"])
        .arg(&json)
        .args(arguments)
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("transfers/s"));
    Ok(serde_json::from_slice(&fs::read(json)?)?)
}

/// A number of the report; none that equals anything where it is missing.
fn number(report: &Value, pointer: &str) -> f64 {
    report.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

#[test]
fn batches_settle_and_add_up() -> Outcome {
    let report =
        report(&["--transfers", "2050", "--batch", "100", "--refused", "0.2", "--spread", "zipf:1.1"])?;
    let (settled, refused) = (number(&report, "/load/settled"), number(&report, "/load/refused"));
    assert_eq!(settled + refused, 2_050.0);
    assert!((200.0..600.0).contains(&refused), "{refused} of 2,050 were refused");
    assert_eq!(number(&report, "/load/failed"), 0.0);
    assert_eq!(number(&report, "/load/requests"), 21.0);
    assert!(number(&report, "/load/blocks") >= 1.0);
    assert!(number(&report, "/store/bytes") > 0.0);
    assert!(number(&report, "/processes/0/memory/peak_bytes") > 0.0);
    assert!(number(&report, "/load/latency/max_ms") >= number(&report, "/load/latency/p50_ms"));
    assert_eq!(number(&report, "/check/wrong_balances"), 0.0);
    assert_eq!(number(&report, "/check/audited"), number(&report, "/check/sum_before"));
    assert_eq!(report.pointer("/settings/mode/in-process/load/spread"), Some(&"zipf:1.1".into()));
    Ok(())
}

#[test]
fn payments_settle_at_the_rate_that_is_asked_for() -> Outcome {
    let report = report(&[
        "--op",
        "pay",
        "--callers",
        "20",
        "--payees",
        "5",
        "--seconds",
        "1",
        "--warm-up",
        "0.2",
        "--rate",
        "100",
    ])?;
    assert_eq!(number(&report, "/load/settled"), 100.0);
    assert_eq!(number(&report, "/load/requests"), 100.0);
    assert_eq!(number(&report, "/check/unexpected_answers"), 0.0);
    Ok(())
}
