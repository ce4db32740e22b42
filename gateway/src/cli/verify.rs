//! `quittance verify`: says offline whether a receipt proves its transfer, and whether two heads are of one history.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use quittance_barcode::{KeyId, ServerKeys};
use quittance_journal::{ConsistencyProof, SignedHead};
use quittance_ledger::{Authority, Leg};
use serde::de::DeserializeOwned;

use super::CliError;
use crate::client::PublishedKeys;
use crate::receipt::{ProvenTransfer, TransferReceipt};

/// The most bytes of a file that is read.
const MAX_FILE_BYTES: u64 = 1_024 * 1_024;

/// What to verify.
#[derive(clap::Args)]
#[command(
    after_help = "Nothing is asked of any server. Exits with 0 and what is proven, or with 1 and why nothing is. The keys are \
                  the answer of GET /v1/keys, got in a way you trust: who gives you the keys can give you receipts to them."
)]
pub(super) struct VerifyArgs {
    /// The file of the receipt, as GET /v1/transfers/ID/receipt gave it
    #[arg(value_name = "RECEIPT")]
    receipt: PathBuf,
    /// The file of the server's public keys
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

/// Which heads to compare.
#[derive(clap::Args)]
#[command(
    after_help = "Exits with 0 if the newer head's journal begins with all of the older one's, and with 1 if not."
)]
pub(super) struct CompareHeadsArgs {
    /// The file of the older head, as GET /v1/heads/latest gave it
    #[arg(value_name = "OLDER")]
    older: PathBuf,
    /// The file of the newer head
    #[arg(value_name = "NEWER")]
    newer: PathBuf,
    /// The file of the proof, as GET /v1/heads/consistency gave it
    #[arg(value_name = "PROOF")]
    proof: PathBuf,
    /// The file of the server's public keys
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

pub(super) fn run(args: &VerifyArgs) -> Result<(), CliError> {
    let (origin, keys) = published(&args.keys)?;
    let receipt: TransferReceipt = read(&args.receipt)?;
    let proven = receipt.verify(&origin, &keys)?;
    std::io::stdout().lock().write_all(text(&proven, &origin).as_bytes())?;
    Ok(())
}

pub(super) fn compare_heads(args: &CompareHeadsArgs) -> Result<(), CliError> {
    let (origin, keys) = published(&args.keys)?;
    let verified = |path: &Path| {
        let head: SignedHead = read(path)?;
        if head.origin != origin {
            return Err(format!(
                "{} is a head of {}, and the keys are of {origin}",
                path.display(),
                head.origin
            )
            .into());
        }
        let verify = |key, message: &[u8], signature: &[u8; 64]| {
            keys.verify_head(KeyId::from_bytes(key), message, signature)
        };
        Ok::<_, CliError>(head.verify(verify)?)
    };
    let (older, newer) = (verified(&args.older)?, verified(&args.newer)?);
    let proof: ConsistencyProof = read(&args.proof)?;
    proof.verify(&older, &newer)?;
    let (old, new) = (older.position, newer.position);
    writeln!(std::io::stdout(), "one history: all up to position {old} is unchanged at position {new}")?;
    Ok(())
}

fn published(path: &Path) -> Result<(String, ServerKeys), CliError> {
    let keys: PublishedKeys = read(path)?;
    let (origin, keys) = keys.to_verify_with()?;
    Ok((origin.url(), keys))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, CliError> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|error| format!("{shown} can't be read: {error}"))?.len();
    if size > MAX_FILE_BYTES {
        return Err(format!("{shown} is larger than {MAX_FILE_BYTES} bytes: give another file").into());
    }
    let bytes = std::fs::read(path).map_err(|error| format!("{shown} can't be read: {error}"))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("{shown} is not what is needed there: {error}").into())
}

fn text(proven: &ProvenTransfer, origin: &str) -> String {
    let ProvenTransfer { transfer, refusal, at, position, head } = proven;
    let outcome = refusal.map_or_else(|| "settled".to_owned(), |refusal| format!("refused: {refusal}"));
    let by = match transfer.authority {
        Authority::Operator => "the operator".to_owned(),
        Authority::Device { account, device } => {
            format!("device {device} of account {account}, which signed it")
        }
    };
    let at = crate::view::Instant(*at);
    let mut text = format!(
        "the receipt proves\n\
         transfer   {}\n\
         outcome    {outcome}\n\
         at         {at}\n\
         server     {origin}\n\
         position   {position}, under a head of {} blocks up to position {}\n\
         asked by   {by}\n",
        transfer.id, head.blocks, head.position
    );
    for (number, leg) in transfer.legs().enumerate() {
        let Leg { payer, payee, amount, currency, reference, .. } = leg;
        let reference = reference.map_or_else(String::new, |reference| format!(", reference {reference}"));
        text.push_str(&format!(
            "leg {number}      {amount} minor units of {currency} from {payer} to {payee}{reference}\n"
        ));
    }
    text
}
