//! A payer and a payee, and the commands that keep what they did.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use quittance_gateway::client::{ClientError, NewPaymentRequest, Payment, Transfer};
use quittance_ledger::{KeyAlgorithm, TransferId, Usage};
use quittance_test_support::{Home, Party, Server, ask, euro, fund, join, payment, posted, register};

use crate::BINARY;

pub(crate) const FUNDS: u64 = 10_000_000;

/// A home whose server is one server wherever its store came from, and the parties that it knows.
pub(crate) struct Bank {
    pub(crate) home: Home,
    pub(crate) payer: Party,
    pub(crate) payee: Party,
    /// A barcode that the payer may pay as often as it likes.
    pub(crate) barcode: String,
}

impl Bank {
    /// Starts a server, and has the parties join.
    pub(crate) async fn open() -> (Self, Server) {
        let home = Home::keeping_its_port(BINARY);
        let server = home.start();
        let operator = server.operator();
        register(&operator).await;
        let payer = join(&operator, "payer", KeyAlgorithm::P256).await;
        let payee = join(&operator, "payee", KeyAlgorithm::Ed25519).await;
        fund(&operator, payer.wallet, FUNDS).await;
        let open = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) };
        let barcode = ask(&payee, &open).await.barcode.text;
        (Self { home, payer, payee, barcode }, server)
    }

    pub(crate) async fn pay(&self, amount: u64) -> Transfer {
        let new = Payment { amount: Some(amount), ..payment(&self.payer, &self.barcode) };
        self.payer.client.pay(&new).await.unwrap()
    }

    /// Pays once more under the id of a transfer.
    pub(crate) async fn repeat(&self, transfer: &Transfer) -> Result<Transfer, ClientError> {
        let amount = Some(transfer.amount);
        self.payer
            .client
            .pay(&Payment { id: transfer.id, amount, ..payment(&self.payer, &self.barcode) })
            .await
    }

    pub(crate) async fn knows(&self, transfer: TransferId) -> bool {
        match self.payer.client.transfer(transfer).await {
            Ok(_) => true,
            Err(ClientError::Problem(problem)) if problem.status == 404 => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// What the payee has, which the payer has no more.
    pub(crate) async fn received(&self) -> u64 {
        let (payer, payee) = (posted(&self.payer).await, posted(&self.payee).await);
        assert_eq!(payer + payee, i64::try_from(FUNDS).unwrap());
        u64::try_from(payee).unwrap()
    }

    /// Starts a server on a store that was made, in the place of the one before.
    pub(crate) fn start_on(&mut self, store: &str) -> Server {
        let (made, place) = (self.home.path(store), self.home.store());
        if place.exists() {
            fs::rename(&place, self.home.path(&format!("before-{store}"))).unwrap();
        }
        fs::rename(made, place).unwrap();
        let server = self.home.start();
        // Connections of the server before are of no use any more.
        for party in [&mut self.payer, &mut self.payee] {
            party.client = party.client.apart();
        }
        server
    }

    /// Backs the store up; gives up to which position.
    pub(crate) fn back_up(&self) -> u64 {
        said_position(&self.home.run_well(&["backup", "--store", "store", "--to", "backup"]))
    }

    /// Audits a store with all signatures, as the server that ran on it is known.
    pub(crate) fn audit(&self, store: &str) {
        let origin = self.payer.client.origin();
        self.home.run_well(&["audit", store, "--origin", origin]);
    }
}

/// The position that a backup, a restore or a repair says it reaches.
pub(crate) fn said_position(said: &str) -> u64 {
    let word = said.lines().find_map(|line| line.strip_prefix("up to      position "));
    let word = word.unwrap_or_else(|| panic!("no position in:\n{said}"));
    word.split([',', ' ']).next().unwrap().parse().unwrap()
}

/// That a command failed with this code, and said these words on stderr.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in:\n{said}");
    }
    assert!(said.starts_with("quittance: ") && said.trim_end().lines().count() == 1, "{said}");
}

/// The files in a folder with this ending, by name.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    files
}

/// Changes a bit of a file.
pub(crate) fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}
