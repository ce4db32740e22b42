//! `quittance device`: a phone or till on the command line, which keeps what it knows in a folder of its own.
//!
//! It asks the server as any client does. Barcodes it reads and verifies by itself, with the keys that the server
//! published when the device was paired.

mod barcode;
mod books;
mod convert;
mod follow;
mod history;
mod holds;
mod home;
mod incoming;
mod pay;
mod pin;
mod refund;
mod request;
mod tell;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use quittance_barcode::Origin;
use quittance_ledger::{CurrencyCode, KeyAlgorithm, Timestamp, TransferId, WalletId};

use super::CliError;
use super::till::Algorithm;
use crate::client::{Client, NewDevice, NewWallet, WalletStatus, unix_millis};
use barcode::Scanned;
use home::{Home, NewHome, Paired};
use tell::{Shown, line, told};

type Outcome<T> = Result<T, CliError>;

/// Which device, and what it is to do.
#[derive(clap::Args)]
#[command(
    after_help = "The operator opens an account and gives its pairing code. PINs are asked for on the terminal, or \
                  read as a line from stdin; they are never arguments."
)]
pub(super) struct DeviceArgs {
    /// The device's folder, with its key and what it is paired to
    #[arg(long, value_name = "DIR", default_value = "./device", global = true)]
    home: PathBuf,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make a key and pair it with an account, by a code that works once; asks for the account's PIN
    #[command(
        after_help = "The first device of an account sets its PIN: 4 to 12 digits. Where no answer came, the \
                            same command may be repeated: the key is kept, and paired once."
    )]
    Pair(PairArgs),
    /// Ask for a pairing code for one more device of this account, and print it
    Code,
    /// List the account's wallets and what they hold
    Wallets,
    /// Open a wallet, and print its id
    OpenWallet {
        /// Its currency, such as EUR
        currency: CurrencyCode,
        /// What it is called
        #[arg(long)]
        name: Option<String>,
    },
    /// List a wallet's transfers, newest first
    History(history::HistoryArgs),
    /// Ask for a payment: draw its barcode, and print the barcode's text on a line
    Request(request::RequestArgs),
    /// List the requests that were sent to this account to pay, newest first
    Incoming(incoming::IncomingArgs),
    /// Pay a request that was sent to this account; asks for the PIN
    #[command(
        after_help = "Where no answer came, repeat the command with --id, and it is paid once at most."
    )]
    PayRequest(incoming::PayRequestArgs),
    /// Read a barcode, verify its seal without the server, and show what it asks for; the server is asked for what a
    /// barcode can't say
    Show {
        /// The barcode's text, or a PNG or JPEG picture of it
        barcode: String,
    },
    /// Pay what a barcode asks for; asks for the PIN
    #[command(
        after_help = "Exits with 0 only if the payment settled. The transfer's id is printed before it is sent: \
                            where no answer came, repeat the command with --id, and it is paid once at most."
    )]
    Pay(pay::PayArgs),
    /// Set units aside for what a barcode asks for; asks for the PIN
    Hold(holds::HoldArgs),
    /// Show what was set aside, what of it was taken, and what is left
    HoldStatus {
        /// The hold's id
        hold: TransferId,
    },
    /// Take units that were set aside for one of this account's wallets
    Capture(holds::CaptureArgs),
    /// Let go what is left of a hold
    Release {
        /// The hold's id
        hold: TransferId,
    },
    /// Give back what was paid to one of this account's wallets; asks for the PIN
    Refund(refund::RefundArgs),
    /// Convert units into another currency, at the rate in force; asks for the PIN
    Convert(convert::ConvertArgs),
    /// Save a wallet's statement to a file
    Statement(books::StatementArgs),
    /// Save a transfer's receipt to a file
    Receipt {
        /// The transfer's id
        transfer: TransferId,
        /// The file, which must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Fetch a certificate with which quittance till makes barcodes offline, with this device's key
    Certificate {
        /// The wallet that is to be paid
        wallet: WalletId,
        /// Write the certificate to this file, and not to stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Fetch the server's keys anew, which verify barcodes, after the server was given a new one
    RefreshKeys,
    /// Follow what the account is told of as it happens, a line each
    Events(follow::EventsArgs),
}

/// With what to pair.
#[derive(clap::Args)]
struct PairArgs {
    /// The server's public origin, such as http://127.0.0.1:7400
    #[arg(long, value_name = "URL")]
    server: String,
    /// The pairing code
    #[arg(long)]
    code: String,
    /// What the device is called
    #[arg(long)]
    name: String,
    /// What the device's key is for
    #[arg(long, value_enum, default_value_t)]
    algorithm: Algorithm,
}

pub(super) async fn run(args: DeviceArgs) -> Outcome<()> {
    if let Task::Pair(pairing) = &args.task {
        return pair(&args.home, pairing).await;
    }
    let home = Home::open(&args.home)?;
    match &args.task {
        Task::Pair(_) => Ok(()),
        Task::Code => issue_code(&home).await,
        Task::Wallets => list_wallets(&home.client()?).await,
        Task::OpenWallet { currency, name } => open_wallet(&home.client()?, *currency, name.as_deref()).await,
        Task::History(listed) => history::run(listed, &home.client()?).await,
        Task::Request(asked) => request::run(asked, &home.client()?).await,
        Task::Incoming(listed) => incoming::list(listed, &home.client()?).await,
        Task::PayRequest(payment) => incoming::pay(payment, &home.client()?).await,
        Task::Show { barcode } => show(barcode, &home).await,
        Task::Pay(payment) => pay::run(payment, &home).await,
        Task::Hold(placed) => holds::place(placed, &home).await,
        Task::HoldStatus { hold } => holds::status(*hold, &home).await,
        Task::Capture(taken) => holds::capture(taken, &home).await,
        Task::Release { hold } => holds::release(*hold, &home).await,
        Task::Refund(given) => refund::run(given, &home).await,
        Task::Convert(converted) => convert::run(converted, &home).await,
        Task::Statement(asked) => books::save_statement(asked, &home).await,
        Task::Receipt { transfer, out } => books::save_receipt(*transfer, out, &home).await,
        Task::Certificate { wallet, out } => fetch_certificate(&home, *wallet, out.as_deref()).await,
        Task::RefreshKeys => refresh_keys(&home).await,
        Task::Events(followed) => follow::run(followed, &home.client()?).await,
    }
}

async fn pair(folder: &Path, args: &PairArgs) -> Outcome<()> {
    let origin: Origin = args.server.trim_end_matches('/').parse()?;
    let server = origin.as_str().to_ascii_lowercase();
    if !server.starts_with("http://") {
        return Err(
            "this device has no TLS: give an http:// origin, of a server on this machine or network".into()
        );
    }
    let home = NewHome::prepare(folder)?;
    let client = Client::new(&server);
    let keys = client.keys().await.map_err(|error| told(&error))?;
    let (published, _) = keys.to_verify_with()?;
    if published != origin {
        // Signatures and barcodes are for the origin, so no other address of the server would do.
        let published = published.as_str().to_ascii_lowercase();
        return Err(format!("the server's public origin is {published}: give that as --server").into());
    }
    let pin = pin::ask_new("PIN of the account, which its first device sets")?;
    let algorithm = KeyAlgorithm::from(args.algorithm);
    let signer = home.signer(algorithm)?;
    let new = NewDevice { code: &args.code, name: &args.name, pin: &pin };
    // Connections of its own: a person may have taken longer over the PIN than the server keeps the other.
    let (_, paired) = client.apart().pair(signer, new).await.map_err(|error| told(&error))?;
    let (account, device) = (paired.account, paired.device);
    home.keep(Paired { server, account, device, algorithm }, &keys)?;
    tell::fact("account", account)?;
    tell::fact("device", device)?;
    tell::fact("home", folder.display())
}

async fn issue_code(home: &Home) -> Outcome<()> {
    let account = home.paired().account;
    let pairing = home.client()?.issue_pairing_code(account).await.map_err(|error| told(&error))?;
    line(Shown(&pairing.code))?;
    eprintln!("pairs one more device of this account, with its PIN, until {}", Shown(&pairing.expires_at));
    Ok(())
}

async fn refresh_keys(home: &Home) -> Outcome<()> {
    let keys = home.client()?.keys().await.map_err(|error| told(&error))?;
    home.keep_keys(&keys)?;
    tell::fact("keys", keys.keys.len())
}

async fn show(barcode: &str, home: &Home) -> Outcome<()> {
    let mut scanned = Scanned::new(barcode, home)?;
    scanned.show(Timestamp::from_millis(unix_millis()))?;
    scanned.ask_and_show_more(&home.client()?).await
}

async fn list_wallets(client: &Client) -> Outcome<()> {
    let wallets = client.wallets(None).await.map_err(|error| told(&error))?;
    if wallets.is_empty() {
        eprintln!("the account has no wallets: open one with open-wallet");
    }
    for wallet in wallets {
        let name = wallet.name.as_deref().map(|name| format!("  {}", Shown(name))).unwrap_or_default();
        let status = match wallet.status {
            WalletStatus::Open => "",
            WalletStatus::Frozen | WalletStatus::FrozenBothWays => "  frozen",
            WalletStatus::Closed => "  closed",
        };
        let posted = Shown(&wallet.display.posted).to_string();
        let held = Shown(&wallet.display.held);
        let held = if wallet.held == 0 { String::new() } else { format!("  {held} set aside") };
        line(format_args!("{}  {posted:>16}{held}{status}{name}", wallet.id))?;
    }
    Ok(())
}

async fn open_wallet(client: &Client, currency: CurrencyCode, name: Option<&str>) -> Outcome<()> {
    let new = NewWallet { id: None, account: None, currency, name };
    line(client.open_wallet(&new).await.map_err(|error| told(&error))?.id)
}

async fn fetch_certificate(home: &Home, wallet: WalletId, out: Option<&Path>) -> Outcome<()> {
    let issued = home.client()?.certify_till(wallet, None, None).await.map_err(|error| told(&error))?;
    match out {
        None => line(Shown(&issued.certificate))?,
        // Never over another file, which may be a key.
        Some(path) => std::fs::File::create_new(path)
            .and_then(|mut file| writeln!(file, "{}", issued.certificate))
            .map_err(|error| books::unwritten(path, &error))?,
    }
    let Paired { server, algorithm, .. } = home.paired();
    let algorithm = match algorithm {
        KeyAlgorithm::Ed25519 => "",
        KeyAlgorithm::P256 => " --algorithm p256",
    };
    eprintln!(
        "until {}, barcodes are made offline by: quittance till --certificate {} --key {}{algorithm} --origin \
         {server} --amount MINOR",
        Shown(&issued.expires_at),
        out.unwrap_or(Path::new("FILE")).display(),
        home.key_path().display()
    );
    Ok(())
}
