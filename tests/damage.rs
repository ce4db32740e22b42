//! Stores that were damaged while nobody looked: any file of one cut short, taken away, or with a bit of it changed. Whatever
//! is found is told, with what to do; what is not found changes nothing; and nothing else is ever served.
//!
//! `QUITTANCE_DAMAGES=40 cargo test --test damage` tries more of each file than CI does, `QUITTANCE_SEED=7` others.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed, as it should"
)]

use std::fs;
use std::path::{Path, PathBuf};

use quittance_gateway::client::Transfer;
use quittance_ledger::WalletId;
use quittance_test_support::{Bank, Failed, Home, Journal, Server, Work, copy_folder};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");

/// How many bits of each file are changed, and at how many lengths it is cut.
const BITS: usize = 4;
const CUTS: usize = 3;
const WALLETS: usize = 3;

/// What a message tells to do; each has one of these.
const TO_DO: [&str; 5] = [
    "`quittance restore`",
    "`quittance repair`",
    "take the folder `sled`",
    "use a newer version",
    "use the version that wrote it",
];

#[derive(Clone, Copy, Debug)]
enum Damage {
    Bit { at: usize, bit: u8 },
    Cut { to: usize },
    Gone,
}

impl Damage {
    fn apply(self, file: &Path) {
        match self {
            Self::Bit { at, bit } => {
                let mut bytes = fs::read(file).unwrap();
                bytes[at] ^= 1 << bit;
                fs::write(file, bytes).unwrap();
            }
            Self::Cut { to } => {
                let file = fs::OpenOptions::new().write(true).open(file).unwrap();
                file.set_len(to as u64).unwrap();
            }
            Self::Gone => fs::remove_file(file).unwrap(),
        }
    }

    /// Some of what may happen to a file. Bits are changed where it is used, as there is most to lose.
    fn of(file: &Path, bits: usize, random: &mut SmallRng) -> Vec<Self> {
        let bytes = fs::read(file).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let mut damages = vec![Self::Gone];
        if used > 0 {
            damages.extend(
                (0..bits)
                    .map(|_| Self::Bit { at: random.random_range(0..used), bit: random.random_range(0..8) }),
            );
            damages.extend([0, bytes.len() - 1].map(|to| Self::Cut { to }));
            damages.extend((2..CUTS).map(|_| Self::Cut { to: random.random_range(0..bytes.len()) }));
        }
        damages
    }
}

fn files_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files_in(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
    found.sort_unstable();
}

/// What a server tells of the wallets.
async fn told(server: &Server, wallets: &[WalletId]) -> Vec<(i64, Result<Vec<Transfer>, String>)> {
    let operator = server.operator();
    let mut told = Vec::new();
    for wallet in wallets {
        let posted = operator.wallet(*wallet).await.unwrap().posted;
        let transfers = operator.all_transfers(*wallet, 200).await;
        told.push((posted, transfers.map_err(|error| error.problem().unwrap().slug().to_owned())));
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_and_told_and_never_served() {
    let variable = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let (seed, bits) = (variable("QUITTANCE_SEED").unwrap_or(1), variable("QUITTANCE_DAMAGES"));
    let bits = bits.map_or(BITS, |bits| usize::try_from(bits).unwrap());
    let mut random = SmallRng::seed_from_u64(seed);
    let home = Home::keeping_its_port(BINARY);
    let server = home.start_with(&["--checkpoint-seconds", "1"]);
    let bank = Bank::open(&server.operator(), WALLETS).await;
    let mut work = Work::begin(&server, bank.clerks(3, seed));
    // So many that there is more than one segment.
    while !home.store().join("journal/next").exists() {
        work.answered(1).await;
    }
    work.answered(1_000).await;
    // Not stopped but killed, so that nothing was tidied up.
    server.kill();
    drop(work.end().await);
    let whole = home.path("whole");
    fs::rename(home.store(), &whole).unwrap();
    let journal = Journal::read(&whole);
    let wallets = bank.wallets();
    let mut files = Vec::new();
    files_in(&whole, &mut files);

    let (mut tried, mut refused, mut errors) = (0, 0, 0);
    for file in &files {
        let name = file.strip_prefix(&whole).unwrap();
        for damage in Damage::of(file, bits, &mut random) {
            let case = format!("{damage:?} of {}, seed {seed}", name.display());
            copy_folder(&whole, &home.store());
            damage.apply(&home.store().join(name));
            tried += 1;
            let audit = home.audit();
            let (is_clean, audited) =
                (audit.status.success(), String::from_utf8_lossy(&audit.stderr).into_owned());
            let in_journal = name.starts_with("journal");
            assert!(!audited.contains("panicked"), "{case}: {audited}");
            match home.try_start(&[]) {
                Err(Failed { status, said }) => {
                    refused += 1;
                    assert_eq!(status.code(), Some(1), "{case}: {said}");
                    assert!(TO_DO.iter().any(|words| said.contains(words)), "{case}: {said}");
                    assert!(!is_clean, "{case}: the audit found nothing, and the server {said}");
                    if in_journal && matches!(damage, Damage::Bit { .. }) {
                        assert!(said.contains("position"), "{case}: {said}");
                    }
                }
                Ok(server) => {
                    let found = told(&server, &wallets).await;
                    let said = server.said();
                    server.kill();
                    for (wallet, (posted, transfers)) in wallets.iter().zip(found) {
                        assert_eq!(posted, journal.balance(*wallet, journal.end()), "{case}");
                        match transfers {
                            Ok(transfers) => {
                                let shown = transfers.iter().rev().map(|transfer| transfer.position);
                                assert!(shown.eq(journal.positions(*wallet)), "{case}: another history");
                            }
                            Err(slug) => {
                                errors += 1;
                                assert_eq!(slug, "internal", "{case}");
                                assert!(said.contains("position"), "{case}: {said}");
                                assert!(!is_clean && audited.contains("position"), "{case}: {audited}");
                            }
                        }
                    }
                }
            }
            fs::remove_dir_all(home.store()).unwrap();
        }
    }
    println!(
        "seed {seed}: {tried} damages of {} files, {refused} refused, {errors} reads refused",
        files.len()
    );
    assert!(refused > 0);
}
