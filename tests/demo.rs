//! The demonstration, and the help, as somebody new sees them.

use quittance_test_support::{Home, read_with_zbar};

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");

#[test]
fn the_demo_plays_one_payment_to_its_end() {
    let home = Home::new(BINARY);
    // Twice: a former demo's folder is replaced.
    for _ in 0..2 {
        let said = home.run_well(&["demo", "--folder", "demo"]);
        for expected in [
            "Café Zentral",
            "Ada Lindqvist",
            "12.50 EUR",
            "ORDER-2026-0042",
            "sealed by       the server",
            "till 1          transfer.settled +12.50 EUR",
            "Ada's phone     transfer.settled -12.50 EUR",
            "Ada Lindqvist   37.50 EUR",
            "Café Zentral    12.50 EUR",
            "attempts left   4",
            "the same, and nothing moved",
            "sealed by       till ",
            "till 1          transfer.settled +4.00 EUR",
            "Ada's phone     transfer.settled -4.00 EUR",
            "Ada Lindqvist   33.50 EUR",
            "Café Zentral    16.50 EUR",
            "50.00 EUR in",
            "every rule holds",
        ] {
            assert!(said.contains(expected), "{expected:?} is missing in:\n{said}");
        }
        let picture = std::fs::read(home.path("demo/barcode.png")).unwrap();
        let barcode = read_with_zbar(&picture);
        assert!(barcode.starts_with("HTTP://127.0.0.1:") && barcode.contains("/P/"), "{barcode}");
    }
}

#[test]
fn the_demo_leaves_other_peoples_folders_alone() {
    let home = Home::new(BINARY);
    std::fs::create_dir(home.path("photos")).unwrap();
    std::fs::write(home.path("photos/one.jpg"), "a cat").unwrap();
    let output = home.run(&["demo", "--folder", "photos"]);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("photos") && said.contains("--folder"), "{said}");
    assert_eq!(std::fs::read_to_string(home.path("photos/one.jpg")).unwrap(), "a cat");
    assert_eq!(std::fs::read_dir(home.path("photos")).unwrap().count(), 1);
}

#[test]
fn every_command_has_help() {
    let home = Home::new(BINARY);
    let said = home.run_well(&["--help"]);
    for command in ["serve", "audit", "till", "demo", "device"] {
        assert!(said.contains(command), "{said}");
        let said = home.run_well(&[command, "--help"]);
        assert!(said.contains("Usage: quittance") && said.contains(command), "{said}");
    }
    let output = home.run(&["unheard-of"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!output.stderr.is_empty());
}

#[test]
fn a_till_says_what_it_lacks() {
    let home = Home::new(BINARY);
    let fails = |arguments: &[&str], expected: &str| {
        let output = home.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(expected), "{arguments:?}: {said}");
    };
    let public = home.run_well(&["till", "--new-key", "till.key"]);
    assert_eq!(public.trim_end().len(), 43, "32 bytes in base64url");
    fails(&["till", "--new-key", "till.key"], "till.key");
    fails(&["till"], "--certificate");
    fails(&["till", "--amount", "5", "--open"], "--open");
    let call =
        ["till", "--certificate", "none", "--key", "till.key", "--origin", "http://a.b", "--amount", "5"];
    fails(&call, "none");
    std::fs::write(home.path("certificate"), "something else").unwrap();
    let call =
        ["till", "--certificate", "certificate", "--key", "till.key", "--origin", "http://a.b", "--open"];
    fails(&call, "certificate");
}
