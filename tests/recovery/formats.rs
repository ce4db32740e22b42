//! Stores as each released version wrote them: this version opens a copy, audits it, shows what was told of it, and pays on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use quittance_barcode::DeviceSigner;
use quittance_gateway::client::{
    AdjustmentLeg, Ask, Body, Capture, Client, Credits, FeeScope, LinePayment, NewAccount, NewDevice, NewFee,
    NewHold, NewLimits, NewPaymentRequest, NewWallet, Payment, PaymentLine, Refund, RequestName,
    new_transfer_id,
};
use quittance_ledger::{AccountKind, KeyAlgorithm, PaymentRequestId, Usage, WalletId};
use quittance_test_support::{Home, Party, Server, ask, euro, fund, pay, payment, posted, register, soon};
use serde_json::{Value, json};

use crate::BINARY;

/// The format that this version writes.
const FORMAT: u32 = 4;

const PIN: &str = "2580";
/// Devices whose keys everybody knows: whoever opens a fixture is one of them.
const PAYER: (KeyAlgorithm, [u8; 32]) = (KeyAlgorithm::P256, [7; 32]);
const PAYEE: (KeyAlgorithm, [u8; 32]) = (KeyAlgorithm::Ed25519, [8; 32]);

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recovery/formats")
}

fn signer((algorithm, secret): (KeyAlgorithm, [u8; 32])) -> DeviceSigner {
    DeviceSigner::from_secret(algorithm, &secret).unwrap()
}

fn tar(arguments: &[&str]) {
    assert!(Command::new("tar").args(arguments).status().unwrap().success(), "{arguments:?}");
}

/// The last record and block, as an audit says it.
fn tip(audit: &str) -> &str {
    audit.lines().find_map(|line| line.strip_prefix("tip        ")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_each_released_format_is_opened_audited_and_paid_on() {
    for format in [FORMAT] {
        open(&fixtures().join(format!("{format}.tar.gz")), format).await;
    }
}

/// Opens a store as the version that wrote it left it.
async fn open(archive: &Path, format: u32) {
    let home = Home::new(BINARY);
    tar(&["-xzf", archive.to_str().unwrap(), "--no-same-owner", "-C", home.path("").to_str().unwrap()]);
    let written = fs::read_to_string(home.store().join("FORMAT")).unwrap();
    assert_eq!(written, format!("quittance store {format}\n"));
    let facts: Value = serde_json::from_slice(&fs::read(home.path("facts.json")).unwrap()).unwrap();
    assert_eq!(tip(&home.run_well(&["audit", "store", "--origin", text(&facts["origin"])])), facts["tip"]);

    let server = home.start();
    check(&server, &facts).await;
    use_it(&server, &facts).await;
    let (status, said) = server.terminate();
    assert!(status.success(), "{said}");
    home.run_well(&["audit", "store"]);
    // It is backed up and made again, which is how it would get to another format.
    home.run_well(&["backup", "--store", "store", "--to", "backup"]);
    home.run_well(&["restore", "--from", "backup", "--to", "restored"]);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn party(server: &Server, device: (KeyAlgorithm, [u8; 32]), facts: &Value, name: &'static str) -> Party {
    let signer = signer(device);
    let device = signer.public().device_id();
    let fact = &facts["parties"][name];
    Party {
        client: Client::new(server.origin()).device(signer, device),
        account: text(&fact["account"]).parse().unwrap(),
        device,
        wallet: text(&fact["wallet"]).parse().unwrap(),
        name,
        pin: PIN,
    }
}

/// That the server shows what the one did that wrote the store.
async fn check(server: &Server, facts: &Value) {
    let operator = server.operator();
    for (path, told) in facts["told"].as_object().unwrap() {
        let answer = operator.request(http::Method::GET, path, Body::empty()).await.unwrap();
        let answer: Value = answer.json().unwrap();
        // Later versions may tell more.
        for (name, value) in told.as_object().unwrap() {
            assert_eq!(answer[name], *value, "{name} of {path}");
        }
    }
}

/// Pays on it: something new, and what is left of a request that was opened by the version that wrote it.
async fn use_it(server: &Server, facts: &Value) {
    let (payer, payee) = (party(server, PAYER, facts, "payer"), party(server, PAYEE, facts, "payee"));
    let before = posted(&payee).await;
    let request = ask(&payee, &NewPaymentRequest::of(Some(100), euro())).await;
    pay(&payer, &request.barcode.text).await.unwrap();
    let id: PaymentRequestId = text(&facts["bill"]).parse().unwrap();
    let bill = RequestName { wallet: payee.wallet, id };
    let line = PaymentLine { ask: Ask::Request(bill), amount: Some(50), currency: Some(euro()) };
    let id = new_transfer_id().unwrap();
    payer.client.pay_line(&LinePayment { id, payer: payer.wallet, line, pin: PIN }).await.unwrap();
    // The fee that was set then is taken still: 1 % and 2 cents, of each.
    let fees = 3 + 3;
    assert_eq!(posted(&payee).await, before + 150 - fees);
    let wrong = Payment { pin: "0000", ..payment(&payer, &request.barcode.text) };
    assert!(payer.client.pay(&wrong).await.is_err());
}

/// A fixture of this version's format is made, and opened like those of released ones. `QUITTANCE_FIXTURE` names a file that is
/// not there, to keep it:
///
///     QUITTANCE_FIXTURE=$PWD/tests/recovery/formats/5.tar.gz cargo test -p quittance --test recovery a_fixture
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixture_of_this_version_is_made_and_opened() {
    let home = Home::new(BINARY);
    let archive = home.path("fixture.tar.gz");
    make(&home, &archive).await;
    open(&archive, FORMAT).await;
    if let Some(kept) = std::env::var_os("QUITTANCE_FIXTURE").map(PathBuf::from) {
        assert!(!kept.exists(), "{} is there: a fixture that was released stays as it is", kept.display());
        fs::copy(archive, kept).unwrap();
    }
}

/// Fills a store and packs it, with its keys and what the server told of it.
async fn make(home: &Home, archive: &Path) {
    let server = home.start_with(&["--checkpoint-seconds", "1"]);
    let mut facts = fill(&server).await;
    let (status, said) = server.terminate();
    assert!(status.success(), "{said}");
    facts["tip"] = json!(tip(&home.run_well(&["audit", "store"])));
    fs::write(home.path("facts.json"), serde_json::to_vec_pretty(&facts).unwrap()).unwrap();
    let folder = home.path("");
    let folder = folder.to_str().unwrap();
    let packed = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-C", folder];
    let archive = archive.to_str().unwrap();
    tar(&[&["-I", "gzip -9n", "-cf", archive], &packed[..], &["facts.json", "keys", "store"]].concat());
}

async fn join(operator: &Client, name: &'static str, device: (KeyAlgorithm, [u8; 32])) -> Party {
    let new = NewAccount { id: None, name, kind: AccountKind::Person };
    let opened = operator.open_account(&new).await.unwrap();
    let new = NewDevice { code: &opened.pairing.code, name: "a device", pin: PIN };
    let (client, paired) = Client::new(operator.origin()).pair(signer(device), new).await.unwrap();
    let new = NewWallet { id: None, account: None, currency: euro(), name: Some("Daily") };
    let wallet = client.open_wallet(&new).await.unwrap().id;
    Party { client, account: paired.account, device: paired.device, wallet, name, pin: PIN }
}

/// One of each thing that a store keeps, and what the server tells of them.
async fn fill(server: &Server) -> Value {
    let operator = server.operator();
    register(&operator).await;
    operator.register_currency("X-POINTS".parse().unwrap(), Some(0)).await.unwrap();
    let payer = join(&operator, "payer", PAYER).await;
    let payee = join(&operator, "payee", PAYEE).await;
    let spare: WalletId = {
        let new = NewWallet { id: None, account: Some(payee.account), currency: euro(), name: None };
        operator.open_wallet(&new).await.unwrap().id
    };
    let mut transfers = vec![fund(&operator, payer.wallet, 1_000_000).await];
    let fee =
        NewFee { fixed: Some(2), basis_points: Some(100), minimum: None, maximum: None, collector: spare };
    operator.set_fee(FeeScope::Wallet(payee.wallet), &fee).await.unwrap();
    let limits = NewLimits { per_payment: Some(500_000), ..NewLimits::default() };
    operator.limit_account(payer.account, euro(), &limits).await.unwrap();

    let once = ask(&payee, &NewPaymentRequest::of(Some(1_250), euro())).await.barcode.text;
    let paid = pay(&payer, &once).await.unwrap();
    let open = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) };
    let open = ask(&payee, &open).await.barcode.text;
    for amount in 1..=100 {
        let new = Payment { amount: Some(amount), ..payment(&payer, &open) };
        transfers.push(payer.client.pay(&new).await.unwrap());
    }
    let id = new_transfer_id().unwrap();
    let refund = Refund { id, amount: Some(250), leg: None, reference: None, pin: Some(PIN) };
    transfers.push(payee.client.refund(&paid, &refund).await.unwrap());
    transfers.push(paid);
    let room = ask(&payee, &NewPaymentRequest::of(Some(2_000), euro())).await.barcode.text;
    let (id, line) = (new_transfer_id().unwrap(), PaymentLine::barcode(&room));
    let new = NewHold { id, payer: payer.wallet, line, expires_at: soon(24 * 3_600), pin: PIN };
    let hold = payer.client.hold(&new).await.unwrap();
    let id = new_transfer_id().unwrap();
    let capture = Capture { id, amount: 700, currency: euro(), is_final: false };
    transfers.push(payee.client.capture(&hold, &capture).await.unwrap());
    let bill = NewPaymentRequest {
        usage: Some(Usage::Parts),
        payer: Some(payer.account),
        reference: Some("BILL-7"),
        ..NewPaymentRequest::of(Some(9_000), euro())
    };
    let bill = ask(&payee, &bill).await;
    let id = new_transfer_id().unwrap();
    let leg =
        AdjustmentLeg { payer: spare, payee: payer.wallet, amount: 5, currency: euro(), reference: None };
    let reason = "the till was wrong";
    let adjustment = quittance_gateway::client::Adjustment { id, legs: &[leg], reason };
    transfers.push(operator.adjust(&adjustment).await.unwrap());
    let too_much = Payment { amount: Some(500_001), ..payment(&payer, &open) };
    payer.client.pay(&too_much).await.unwrap_err();
    operator.freeze(spare, Credits::Accept).await.unwrap();

    let mut told = serde_json::Map::new();
    let wallets = [payer.wallet, payee.wallet, spare].map(|wallet| format!("/v1/wallets/{wallet}"));
    let transfers = transfers.iter().map(|transfer| format!("/v1/transfers/{}", transfer.id));
    let accounts = [payer.account, payee.account].map(|account| format!("/v1/accounts/{account}"));
    for path in wallets.into_iter().chain(transfers).chain(accounts) {
        let answer = operator.request(http::Method::GET, &path, Body::empty()).await.unwrap();
        let mut answer: Value = answer.json().unwrap();
        // What a day that is over lets go is not as it was.
        for name in ["available", "held", "limits"] {
            answer.as_object_mut().unwrap().remove(name);
        }
        told.insert(path, answer);
    }
    let party = |party: &Party| json!({ "account": party.account, "wallet": party.wallet });
    json!({
        "origin": server.origin(),
        "parties": { "payer": party(&payer), "payee": party(&payee) },
        "bill": bill.id,
        "told": told,
    })
}
