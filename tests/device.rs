//! Phones and tills on the command line: each a process of its own, with nothing but a server and a folder.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed, as it should")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Output, Stdio};

use data_encoding::BASE32_NOPAD;
use quittance_gateway::client::NewAccount;
use quittance_ledger::{AccountKind, TransferId};
use quittance_test_support::{Home, Server, fund, read_with_zbar, register};

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");
const PIN: &str = "2580\n";

/// A device, by its folder in the home.
struct Device<'a> {
    home: &'a Home,
    folder: &'static str,
}

impl Device<'_> {
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let call = [&["device", "--home", self.folder], arguments].concat();
        self.home.run_with_input(&call, input)
    }

    #[track_caller]
    fn well(&self, arguments: &[&str], input: &str) -> String {
        let Output { status, stdout, stderr } = self.run(arguments, input);
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap().trim_end().to_owned()
    }

    /// What it said on stdout and stderr, having failed. Nothing but one line in lower case says why.
    #[track_caller]
    fn badly(&self, arguments: &[&str], input: &str) -> (String, String) {
        let Output { status, stdout, stderr } = self.run(arguments, input);
        let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert_eq!(status.code(), Some(1), "{arguments:?}: {stdout}{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(
            stderr.strip_prefix("quittance: ").unwrap().starts_with(|c: char| c.is_lowercase() || c == '/'),
            "{stderr}"
        );
        (stdout, stderr)
    }

    fn events(&self, arguments: &[&str]) -> Child {
        let call = [&["device", "--home", self.folder, "events"], arguments].concat();
        self.home.spawn(&call, Stdio::null())
    }

    fn pair(&self, server: &Server, code: &str, more: &[&str]) -> String {
        let call = ["pair", "--server", server.origin(), "--code", code, "--name", self.folder];
        self.well(&[&call, more].concat(), PIN)
    }
}

/// What is in the second column of a line.
#[track_caller]
fn fact<'a>(said: &'a str, label: &str) -> &'a str {
    let line = said.lines().find(|line| line.starts_with(label));
    line.unwrap_or_else(|| panic!("{label} is missing in:\n{said}"))[label.len()..].trim()
}

fn lines_of(child: Child) -> Vec<String> {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::main]
async fn open_account(server: &Server, name: &str, kind: AccountKind) -> String {
    server.operator().open_account(&NewAccount { id: None, name, kind }).await.unwrap().pairing.code
}

#[tokio::main]
async fn issue(server: &Server, wallet: &str, amount: u64) {
    fund(&server.operator(), wallet.parse().unwrap(), amount).await;
}

#[tokio::main]
async fn account_of(server: &Server, wallet: &str) -> String {
    server.operator().wallet(wallet.parse().unwrap()).await.unwrap().account.unwrap().to_string()
}

/// A server, a phone with 50 EUR and a till, and their wallets.
fn cast(home: &Home) -> (Server, Device<'_>, Device<'_>, String, String) {
    let server = home.start();
    tokio::runtime::Runtime::new().unwrap().block_on(register(&server.operator()));
    let (phone, till) = (Device { home, folder: "phone" }, Device { home, folder: "till" });
    phone.pair(&server, &open_account(&server, "Ada", AccountKind::Person), &["--algorithm", "p256"]);
    till.pair(&server, &open_account(&server, "Café Zentral", AccountKind::Business), &[]);
    let hers = phone.well(&["open-wallet", "EUR", "--name", "Täglich"], "");
    let theirs = till.well(&["open-wallet", "EUR"], "");
    issue(&server, &hers, 5_000);
    (server, phone, till, hers, theirs)
}

#[test]
fn a_payment_is_made_by_two_devices_on_the_command_line() {
    let home = Home::new(BINARY);
    let (server, phone, till, hers, theirs) = cast(&home);
    assert!(phone.well(&["wallets"], "").contains("50.00 EUR  Täglich"));
    let (till_events, phone_events) =
        (till.events(&["--since", "0", "--count", "1"]), phone.events(&["--since", "0", "--count", "2"]));

    let asked = ["request", &theirs, "--amount", "1250", "--reference", "ORDER-7", "--out", "code.png"];
    let text = till.well(&asked, "");
    assert_eq!(read_with_zbar(&fs::read(home.path("code.png")).unwrap()), text);
    let shown = phone.well(&["show", "code.png"], "");
    for (label, expected) in [
        ("pay to", "Café Zentral"),
        ("amount", "12.50 EUR"),
        ("reference", "ORDER-7"),
        ("payable", "once"),
        ("sealed by", "the server"),
    ] {
        assert_eq!(fact(&shown, label), expected);
    }
    assert_eq!(phone.well(&["show", &text], ""), shown);

    let (said, why) = phone.badly(&["pay", "code.png", "--wallet", &hers], "0000\n");
    assert!(why.contains("the PIN is wrong") && why.contains("4 attempts left"), "{why}");
    let wrong = fact(&said, "transfer").to_owned();
    let paid = phone.well(&["pay", "code.png", "--wallet", &hers, "--id", &wrong], PIN);
    assert_eq!(fact(&paid, "balance"), "37.50 EUR");
    assert_eq!(fact(&paid, "transfer"), wrong);
    assert!(fact(&paid, "settled").starts_with("12.50 EUR at "), "{paid}");
    let again = phone.well(&["pay", &text, "--wallet", &hers, "--id", &wrong], PIN);
    assert_eq!(again, paid);
    let (_, why) = phone.badly(&["pay", &text, "--wallet", &hers], PIN);
    assert!(why.contains("the payment request was paid already") && why.contains("; ask the payee"), "{why}");

    let (heard_by_till, heard_by_phone) = (lines_of(till_events), lines_of(phone_events));
    assert!(heard_by_till[0].contains("+12.50 EUR") && heard_by_till[0].contains(&wrong));
    assert!(heard_by_phone[0].contains("+50.00 EUR"), "{heard_by_phone:?}");
    assert!(heard_by_phone[1].contains("-12.50 EUR") && heard_by_phone[1].contains("Café Zentral"));
    let history = phone.well(&["history", &hers], "");
    let history: Vec<&str> = history.lines().collect();
    assert_eq!(history.len(), 3, "{history:?}");
    assert!(history[0].contains("refused") && history[0].contains("was paid already"), "{history:?}");
    assert_eq!(history[1..], [&*heard_by_phone[1], &*heard_by_phone[0]]);
    assert_eq!(phone.well(&["history", &hers, "--limit", "1"], "").lines().count(), 1);

    let (status, said) = server.terminate();
    assert!(status.success(), "{said}");
    // Without the server, a barcode is verified all the same.
    assert_eq!(phone.well(&["show", "code.png"], ""), shown);
}

#[test]
fn an_offline_till_is_paid_and_an_open_amount_is_said() {
    let home = Home::new(BINARY);
    let (server, phone, till, hers, theirs) = cast(&home);
    till.well(&["certificate", &theirs, "--out", "certificate"], "");
    let call = ["till", "--certificate", "certificate", "--key", "till/device.key", "--origin"];
    let call = [&call, &[server.origin(), "--open", "--reference", "KIOSK", "--out", "kiosk.png"][..]];
    home.run_well(&call.concat());
    // A till's id is remembered for a week and a day, so that no barcode of it is paid twice.
    let too_long = home.run(&[&call.concat(), &["--expires-in", "604801"][..]].concat());
    assert_eq!(too_long.status.code(), Some(1));
    assert!(String::from_utf8(too_long.stderr).unwrap().contains("604800 s"));
    let shown = phone.well(&["show", "kiosk.png"], "");
    assert_eq!(fact(&shown, "amount"), "open, in EUR");
    assert!(fact(&shown, "sealed by").starts_with("till "), "{shown}");
    let (_, why) = phone.badly(&["pay", "kiosk.png", "--wallet", &hers], PIN);
    assert!(why.contains("--amount"), "{why}");
    let paid = phone.well(&["pay", "kiosk.png", "--wallet", &hers, "--amount", "400"], PIN);
    assert_eq!(fact(&paid, "you pay"), "4.00 EUR");
    assert_eq!(fact(&paid, "balance"), "46.00 EUR");

    let text = till.well(&["request", &theirs, "--amount", "5", "--reusable", "--out", "five.svg"], "");
    for _ in 0..2 {
        phone.well(&["pay", &text, "--wallet", &hers], PIN);
    }
    let (_, why) = phone.badly(&["pay", &text, "--wallet", &hers, "--amount", "6"], PIN);
    assert!(why.contains("0.05 EUR") && why.contains("leave --amount out"), "{why}");
    assert!(phone.well(&["wallets"], "").contains("45.90 EUR"));
}

#[test]
fn a_lost_answer_is_asked_for_again_and_events_go_on_after_a_restart() {
    let home = Home::keeping_its_port(BINARY);
    let (server, phone, till, hers, theirs) = cast(&home);
    let events = till.events(&["--since", "0", "--count", "2"]);
    let pay = |text: &str| phone.well(&["pay", text, "--wallet", &hers], PIN);
    pay(&till.well(&["request", &theirs, "--amount", "100", "--out", "a.png"], ""));
    let text = till.well(&["request", &theirs, "--amount", "200", "--out", "b.png"], "");
    server.kill();
    let (said, why) = phone.badly(&["pay", &text, "--wallet", &hers], PIN);
    let id = fact(&said, "transfer");
    assert!(why.contains("no answer") && why.contains(&format!("--id {id}")), "{why}");
    assert!(!why.contains("try again"), "{why}");
    let _server = home.start();
    let paid = phone.well(&["pay", &text, "--wallet", &hers, "--id", id], PIN);
    assert_eq!(fact(&paid, "balance"), "47.00 EUR");
    let heard = lines_of(events);
    assert!(heard[0].contains("+1.00 EUR") && heard[1].contains("+2.00 EUR"), "{heard:?}");
    assert!(heard[1].contains(id), "{heard:?}");
}

#[test]
fn a_hold_a_refund_a_statement_and_a_receipt_on_the_command_line() {
    let home = Home::new(BINARY);
    let (_server, phone, till, hers, theirs) = cast(&home);
    let ask =
        |amount: &str, out: &str| till.well(&["request", &theirs, "--amount", amount, "--out", out], "");
    let text = ask("2000", "room.png");
    let held = phone.well(&["hold", &text, "--wallet", &hers, "--for", "3600"], PIN);
    let hold = fact(&held, "hold").to_owned();
    assert_eq!((fact(&held, "status"), fact(&held, "set aside")), ("open", "20.00 EUR"));
    assert!(phone.well(&["wallets"], "").contains("50.00 EUR  20.00 EUR set aside"));
    let taken = till.well(&["capture", &hold, "--amount", "500"], "");
    assert_eq!(fact(&taken, "balance"), "5.00 EUR");
    let (_, why) = till.badly(&["capture", &hold, "--amount", "1501"], "");
    assert!(why.contains("more than is left of the hold"), "{why}");
    let (_, why) = phone.badly(&["release", &hold], "");
    assert!(why.contains("the hold is not known"), "{why}");
    assert_eq!(fact(&till.well(&["release", &hold], ""), "status"), "released");

    let (first, second) = (ask("300", "a.png"), ask("400", "b.png"));
    let paid = phone.well(&["pay", &first, &second, "--wallet", &hers], PIN);
    assert!(paid.contains("3.00 EUR at ") && paid.contains("4.00 EUR at "), "{paid}");
    assert_eq!(fact(&paid, "balance"), "38.00 EUR");
    let transfer = fact(&paid, "transfer").to_owned();
    // A line for each leg, and what is set aside does not look as if it had moved.
    let history = phone.well(&["history", &hers, "--limit", "4"], "");
    let history: Vec<&str> = history.lines().collect();
    assert_eq!(history.len(), 5, "{history:?}");
    assert!(history[0].contains("-3.00 EUR") && history[1].contains("-4.00 EUR"), "{history:?}");
    assert!(history[2].contains("refused") && history[2].contains(" 15.01 EUR"), "{history:?}");
    assert!(history[3].contains("-5.00 EUR"), "{history:?}");
    assert!(history[4].contains("set aside") && history[4].contains(" 20.00 EUR"), "{history:?}");
    let given = till.well(&["refund", &transfer, "--leg", "1", "--amount", "150"], PIN);
    assert_eq!(fact(&given, "balance"), "10.50 EUR");
    let (_, why) = till.badly(&["refund", &transfer, "--leg", "1"], PIN);
    assert!(why.contains("more than is left of the transfer"), "{why}");
    let (_, why) = till.badly(&["refund", &transfer, "--leg", "2"], PIN);
    assert!(why.contains("--leg"), "{why}");

    for (format, sign) in [("csv", "credit"), ("jsonl", "{"), ("camt053", "<Ntry>")] {
        let out = format!("statement.{format}");
        till.well(&["statement", &theirs, "--format", format, "--out", &out], "");
        assert!(fs::read_to_string(home.path(&out)).unwrap().contains(sign), "{format}");
    }
    assert!(till.badly(&["statement", &theirs, "--out", "statement.csv"], "").1.contains("is there already"));
    till.well(&["receipt", &transfer, "--out", "receipt.json"], "");
    let proven = home.run_well(&["verify", "receipt.json", "--keys", "phone/server-keys.json"]);
    assert!(proven.contains(&transfer), "{proven}");
}

#[test]
fn a_device_is_paired_once_and_its_key_outlives_a_lost_answer() {
    let home = Home::new(BINARY);
    let server = home.start();
    let code = open_account(&server, "Ada", AccountKind::Person);
    let phone = Device { home: &home, folder: "phone" };
    let call = ["pair", "--server", server.origin(), "--code", &code, "--name", "phone"];
    assert!(phone.badly(&["wallets"], "").1.contains("pair one first"));
    assert!(phone.badly(&call, "12\n").1.contains("PIN"));
    let paired = phone.well(&call, PIN);
    // As if the answer had not come.
    fs::remove_file(home.path("phone/device.json")).unwrap();
    assert_eq!(phone.well(&call, PIN), paired);
    assert!(phone.badly(&call, PIN).1.contains("paired already"));

    let code = phone.well(&["code"], "");
    let tablet = Device { home: &home, folder: "tablet" };
    let second = tablet.pair(&server, &code, &[]);
    assert_eq!(fact(&second, "account"), fact(&paired, "account"));
    assert_ne!(fact(&second, "device"), fact(&paired, "device"));
    let other = Device { home: &home, folder: "other" };
    let (_, why) = other.badly(&["pair", "--server", server.origin(), "--code", &code, "--name", "o"], PIN);
    assert!(why.contains("the pairing code is not in force") && why.contains("; ask for a new"), "{why}");
    let nowhere = ["pair", "--server", "https://pay.example.com", "--code", "A", "--name", "o"];
    assert!(other.badly(&nowhere, PIN).1.contains("http://"));
}

#[test]
fn what_is_no_barcode_of_the_server_is_refused_and_never_shown_raw() {
    let home = Home::new(BINARY);
    let (_server, phone, till, hers, theirs) = cast(&home);
    let text = till.well(&["request", &theirs, "--amount", "5", "--out", "five.png"], "");
    let last = if text.ends_with('A') { "B" } else { "A" };
    let changed = text.replacen("/P/AE", "/P/AF", 1);
    fs::write(home.path("cat.jpg"), "a cat").unwrap();
    for (barcode, expected) in [
        ("\u{1b}[31mfree", "\\u{1b}"),
        ("none.png", "there is no file"),
        ("cat.jpg", "neither PNG nor JPEG"),
        ("HTTP://PAY.EXAMPLE.COM/P/AAAA", "another server"),
        (&format!("{}{last}", &text[..text.len() - 1]), "barcode"),
        (&changed, "barcode"),
    ] {
        let (said, why) = phone.badly(&["pay", barcode, "--wallet", &hers], PIN);
        assert!(why.contains(expected) && !why.contains('\u{1b}'), "{barcode}: {why}");
        assert_eq!(said, "", "{barcode}");
    }
    assert!(till.badly(&["request", &theirs, "--out", "five.gif"], "").1.contains("--out"));
}

#[test]
fn a_bill_in_parts_says_what_is_left_and_can_only_be_paid() {
    let home = Home::new(BINARY);
    let (server, phone, till, hers, theirs) = cast(&home);
    let account = account_of(&server, &hers);
    let bill = ["request", &theirs, "--amount", "500", "--parts", "--payer", &account, "--out", "bill.png"];
    let text = till.well(&bill, "");
    phone.well(&["pay", &text, "--wallet", &hers, "--amount", "400"], PIN);
    // As a program writes it that takes it for a link.
    let link = text.replacen("HTTP", "http", 1);
    let shown = phone.well(&["show", &link], "");
    assert!(shown.lines().any(|line| line == "left to pay 1.00 EUR"), "{shown}");
    let (_, why) = phone.badly(&["hold", &text, "--wallet", &hers, "--for", "60"], "");
    assert!(why.contains("can only be paid"), "{why}");

    let listed = phone.well(&["incoming"], "");
    let request = listed.split_whitespace().nth(1).unwrap();
    let paid = phone.well(&["pay-request", &theirs, request, "--wallet", &hers], PIN);
    assert_eq!((fact(&paid, "left to pay"), fact(&paid, "you pay")), ("1.00 EUR", "1.00 EUR"));

    let output = till.run(&["request", &theirs, "--amount", "5", "--kind", "invoice"], "");
    let why = String::from_utf8(output.stderr).unwrap();
    assert!(why.contains("--invoice <NUMBER>") && why.contains("--due <INSTANT>"), "{why}");
}

/// The server gets a new seal key: what the old one sealed stays good, and devices fetch the new one when told to.
#[test]
fn a_new_seal_key_is_taken_up_and_the_old_one_stays_good() {
    let home = Home::keeping_its_port(BINARY);
    let (server, phone, till, _, theirs) = cast(&home);
    let request = |amount| till.well(&["request", &theirs, "--amount", amount, "--out", "code.png"], "");
    let old = request("100");
    assert!(server.terminate().0.success());

    let path = home.path("keys").join("seal-2.key");
    fs::write(&path, format!("{}\n", BASE32_NOPAD.encode(&[7; 32]).to_lowercase())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let _server = home.start();
    let new = request("200");
    assert_eq!(fact(&phone.well(&["show", &old], ""), "amount"), "1.00 EUR");
    let (_, why) = phone.badly(&["show", &new], "");
    assert!(why.contains("key"), "{why}");
    phone.well(&["refresh-keys"], "");
    assert_eq!(fact(&phone.well(&["show", &new], ""), "amount"), "2.00 EUR");
    assert_eq!(fact(&phone.well(&["show", &old], ""), "amount"), "1.00 EUR");
    assert!(home.run_well(&["new-id"]).trim_end().parse::<TransferId>().is_ok());
}
