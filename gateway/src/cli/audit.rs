//! `quittance audit`: reads a store and says whether everything in it holds.
//!
//! The journal of a stopped server is read where it lies, the rest of its store from a copy. A server that runs is asked for a snapshot of its journal, which is read
//! on the same machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use quittance_barcode::Origin;
use quittance_engine::{AuditError, AuditReport};

use super::CliError;
use super::told::told;
use crate::client::Client;

/// What to audit.
#[derive(clap::Args)]
#[command(
    after_help = "Give the folder of a stopped server's store, or --live with the URL of a server that runs on this machine: it \
                  makes a snapshot of its journal beside its store, which stays there. Nothing in the store changes. All but its journal is copied to the folder for temporary files and read there: set TMPDIR to where there is room \
                  for it. Exits with 0 if everything holds, and with 1 and the breach on stderr if it does not."
)]
pub(super) struct AuditArgs {
    /// The folder of the store, whose server must be stopped, or of a snapshot
    #[arg(value_name = "DIR", required_unless_present = "live", conflicts_with = "live")]
    store: Option<PathBuf>,
    /// The URL of a server that runs on this machine, to audit a snapshot of it
    #[arg(long, value_name = "URL", requires = "operator_key")]
    live: Option<String>,
    /// The file of that server's operator key
    #[arg(long, value_name = "FILE")]
    operator_key: Option<PathBuf>,
    /// The server's public origin, to check every device's signature of what it moved as well
    #[arg(long, value_name = "URL")]
    origin: Option<Origin>,
    /// Say on stderr how far it has come
    #[arg(long)]
    progress: bool,
}

pub(super) async fn run(args: &AuditArgs) -> Result<(), CliError> {
    let store = match (&args.store, &args.live, &args.operator_key) {
        (Some(store), ..) => store.clone(),
        (None, Some(url), Some(key)) => snapshot(url, key).await?,
        (None, ..) => return Err("give the folder of a store, or --live and --operator-key".into()),
    };
    let (shows_progress, origin) = (args.progress, args.origin.clone());
    let audited = tokio::task::spawn_blocking(move || {
        quittance_engine::audit_with(&store, origin.as_ref(), &mut |progress| {
            if shows_progress {
                eprintln!("position {} of {}", progress.position, progress.tip);
            }
        })
    });
    let report = audited.await?.map_err(|error| hinted(error, args.origin.as_ref()))?;
    std::io::stdout().lock().write_all(text(&report).as_bytes())?;
    Ok(())
}

/// Signatures are for an origin: under another one none of them fits, and nothing else need be wrong.
fn hinted(error: AuditError, origin: Option<&Origin>) -> CliError {
    match (&error, origin) {
        (AuditError::NotSigned(_), Some(origin)) => {
            let origin = origin.url();
            format!("{error}; check first that the server's public origin is {origin}, as --origin says")
                .into()
        }
        _ => error.into(),
    }
}

async fn snapshot(url: &str, key: &Path) -> Result<PathBuf, CliError> {
    let shown = key.display();
    let key = std::fs::read_to_string(key).map_err(|error| format!("{shown} can't be read: {error}"))?;
    let operator = Client::new(url).operator(key.trim());
    let made = operator.make_snapshot().await.map_err(|error| told(&error))?;
    eprintln!("snapshot at position {} in {}", made.position, made.folder);
    Ok(made.folder.into())
}

/// What an audit has seen, for people.
pub(super) fn text(report: &AuditReport) -> String {
    let AuditReport { records, blocks, settled, refused, accounts, wallets, totals, position, hash } = report;
    let hash = data_encoding::HEXLOWER.encode(hash.as_bytes());
    let mut text = format!(
        "everything holds\n\
         records    {records} in {blocks} blocks\n\
         transfers  {settled} settled, {refused} refused\n\
         accounts   {accounts}\n\
         wallets    {wallets}\n"
    );
    for total in totals {
        let sum = total.currency.format(total.in_circulation);
        text.push_str(&format!("currency   {sum} in circulation, in {} wallets\n", total.wallets));
    }
    text.push_str(&format!("tip        {position} {hash}\n"));
    text
}

#[cfg(test)]
mod tests {
    use quittance_engine::CurrencyTotal;
    use quittance_journal::{BlockHash, Position};
    use quittance_ledger::Currency;

    use super::*;

    #[test]
    fn an_origin_that_may_be_wrong_is_named() {
        let origin: Origin = "https://pay.example.com".parse().unwrap();
        let said = hinted(AuditError::NotSigned(Position::new(9)), Some(&origin)).to_string();
        assert!(
            said.contains("position 9") && said.contains("https://pay.example.com, as --origin"),
            "{said}"
        );
        let other = hinted(AuditError::HeadsDiffer(Position::new(9)), Some(&origin)).to_string();
        assert!(!other.contains("--origin"), "{other}");
    }

    #[test]
    fn a_report_is_for_people() {
        let currency = Currency::new("EUR".parse().unwrap(), None).unwrap();
        let report = AuditReport {
            records: 9,
            blocks: 2,
            settled: 3,
            refused: 1,
            accounts: 2,
            wallets: 3,
            totals: vec![CurrencyTotal { currency, in_circulation: 1_250, wallets: 2 }],
            position: Position::new(9),
            hash: BlockHash::GENESIS,
        };
        let text = text(&report);
        assert!(text.starts_with("everything holds\nrecords    9 in 2 blocks\n"), "{text}");
        assert!(text.contains("currency   12.50 EUR in circulation, in 2 wallets\n"), "{text}");
    }
}
