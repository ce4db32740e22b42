//! `quittance verify`: says offline whether a receipt proves its transfer, and whether two heads are of one history.

use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use quittance_barcode::{KeyId, ServerKeys};
use quittance_journal::{ConsistencyProof, SignedHead};
use quittance_ledger::{Authority, Leg, Original, Purpose};
use serde::de::DeserializeOwned;

use super::CliError;
use super::minor::money;
use crate::client::{PublishedKeys, rfc3339};
use crate::receipt::{ProvenTransfer, TransferReceipt};

/// The most bytes of a file that is read.
const MAX_FILE_BYTES: u64 = 1_024 * 1_024;

const RECEIPT: &str = "a receipt, as GET /v1/transfers/ID/receipt or quittance device receipt gave it";
const KEYS: &str = "the server's public keys, as GET /v1/keys gave them";
const HEAD: &str = "a signed head, as GET /v1/heads/latest gave it";
const PROOF: &str = "a proof, as GET /v1/heads/consistency gave it";

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
    let receipt: TransferReceipt = read(&args.receipt, RECEIPT)?;
    let proven = receipt.verify(&origin, &keys)?;
    std::io::stdout().lock().write_all(text(&proven, &origin).as_bytes())?;
    Ok(())
}

pub(super) fn compare_heads(args: &CompareHeadsArgs) -> Result<(), CliError> {
    let (origin, keys) = published(&args.keys)?;
    let verified = |path: &Path| {
        let head: SignedHead = read(path, HEAD)?;
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
    let proof: ConsistencyProof = read(&args.proof, PROOF)?;
    proof.verify(&older, &newer)?;
    let (old, new) = (older.position, newer.position);
    writeln!(std::io::stdout(), "one history: all up to position {old} is unchanged at position {new}")?;
    Ok(())
}

fn published(path: &Path) -> Result<(String, ServerKeys), CliError> {
    let keys: PublishedKeys = read(path, KEYS)?;
    let (origin, keys) = keys.to_verify_with().map_err(|error| unfit(path, KEYS, &error))?;
    Ok((origin.url(), keys))
}

fn read<T: DeserializeOwned>(path: &Path, needed: &str) -> Result<T, CliError> {
    let failed = |error: std::io::Error| unfit(path, needed, &error);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_FILE_BYTES {
        return Err(unfit(path, needed, &format_args!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    serde_json::from_slice(&bytes).map_err(|error| unfit(path, needed, &error))
}

/// Why a file does not do, and which one would.
fn unfit(path: &Path, needed: &str, why: &dyn Display) -> CliError {
    format!("{} can't be used: {why}; give {needed}", path.display()).into()
}

fn text(proven: &ProvenTransfer, origin: &str) -> String {
    let ProvenTransfer { transfer, refusal, at, position, head } = proven;
    let outcome =
        refusal.map_or_else(|| "settled".to_owned(), |refusal| format!("refused, nothing moved: {refusal}"));
    let by = match transfer.authority {
        Authority::Operator => "the operator".to_owned(),
        Authority::Device { account, device } => {
            format!("device {device} of account {account}, which signed it")
        }
    };
    let at = rfc3339(*at);
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
    if let Some(reason) = &transfer.reason {
        text.push_str(&format!("reason     {reason}\n"));
    }
    for (number, leg) in transfer.legs().enumerate() {
        text.push_str(&format!("leg {number:<6} {}\n", leg_text(leg)));
    }
    text
}

/// What a leg is, in words: units that were set aside must not read as if they had been paid.
pub(super) fn leg_text(leg: &Leg) -> String {
    let Leg { payer, payee, amount, currency, purpose, reference } = leg;
    let (money, between) = (money(amount.get(), *currency), format!("from {payer} to {payee}"));
    let told = match purpose {
        Purpose::Issue => format!("issues {money} {between}"),
        Purpose::Redemption => format!("redeems {money} {between}"),
        Purpose::Payment(terms) => format!("pays {money} {between} for request {}", terms.request),
        Purpose::Hold { terms, until } => {
            let (request, until) = (terms.request, rfc3339(*until));
            format!(
                "sets aside {money} of {payer} for {payee} for request {request} until {until}: nothing moved"
            )
        }
        Purpose::Capture { hold, is_final } => {
            let rest = if *is_final { ", and lets the rest go" } else { "" };
            format!("captures {money} of hold {hold} {between}{rest}")
        }
        Purpose::Refund(original) => format!("gives back {money} {} {between}", original_text(original)),
        Purpose::Reversal(original) => format!("takes back {money} {} {between}", original_text(original)),
        Purpose::Fee => format!("fee of {money} {between}"),
        Purpose::Split => format!("passes on {money} {between}"),
        Purpose::Conversion => format!("converts: pays {money} {between}"),
        Purpose::Adjustment => format!("adjusts: moves {money} {between}"),
    };
    let reference = reference.map_or_else(String::new, |reference| format!(", reference {reference}"));
    format!("{told}{reference}")
}

fn original_text(original: &Original) -> String {
    format!("of transfer {} leg {}", original.id.transfer, original.id.leg)
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
    use quittance_barcode::ServerKey;
    use quittance_ledger::{Amount, LegId, PaymentKind, Terms, Timestamp, Usage, WalletId};

    use super::*;

    #[test]
    fn a_key_goes_by_its_own_id() {
        let key = ServerKey::from_secret(&[7; 32]);
        let (id, public_key) = (HEXLOWER.encode(&key.id().to_bytes()), BASE64URL_NOPAD.encode(&key.public()));
        let file = tempfile::NamedTempFile::new().unwrap();
        for (id, is_good) in [(id.as_str(), true), ("00000000", false), (&id[1..], false)] {
            let key = serde_json::json!({"id": id, "algorithm": "ed25519", "public_key": public_key});
            let keys = serde_json::json!({"origin": "http://a.b", "keys": [key]});
            std::fs::write(file.path(), keys.to_string()).unwrap();
            match published(file.path()) {
                Ok(_) => assert!(is_good, "{id}"),
                Err(error) => assert!(!is_good && error.to_string().contains("not its own"), "{error}"),
            }
        }
    }

    #[test]
    fn each_leg_says_what_it_is() {
        let other: quittance_ledger::TransferId = "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b".parse().unwrap();
        let terms = Terms {
            request: "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5c".parse().unwrap(),
            amount: None,
            usage: Usage::OneTime,
            expires_at: None,
            till: None,
            kind: PaymentKind::Standard,
        };
        let until = Timestamp::from_millis(1_795_519_800_000);
        let id = LegId { transfer: other, leg: 2 };
        let original = Original { id, amount: Amount::new(9).unwrap(), at: until };
        let of_other = format!("of transfer {other} leg 2");
        let wallet = |n| WalletId::from_bytes([n; 16]).unwrap();
        let leg = |purpose, currency: &str| Leg {
            payer: wallet(1),
            payee: wallet(2),
            amount: Amount::new(1_500).unwrap(),
            currency: currency.parse().unwrap(),
            purpose,
            reference: Some("ROOM-7".parse().unwrap()),
        };
        for (purpose, words) in [
            (Purpose::Issue, "issues 15.00 EUR from "),
            (Purpose::Redemption, "redeems 15.00 EUR from "),
            (Purpose::Payment(terms), "pays 15.00 EUR from "),
            (Purpose::Hold { terms, until }, "sets aside 15.00 EUR of "),
            (Purpose::Capture { hold: other, is_final: true }, "captures 15.00 EUR of hold "),
            (Purpose::Refund(original), &*format!("gives back 15.00 EUR {of_other} from ")),
            (Purpose::Reversal(original), &*format!("takes back 15.00 EUR {of_other} from ")),
            (Purpose::Fee, "fee of 15.00 EUR from "),
            (Purpose::Split, "passes on 15.00 EUR from "),
            (Purpose::Conversion, "converts: pays 15.00 EUR from "),
            (Purpose::Adjustment, "adjusts: moves 15.00 EUR from "),
        ] {
            let told = leg_text(&leg(purpose, "EUR"));
            assert!(told.starts_with(words) && told.ends_with(", reference ROOM-7"), "{told}");
        }
        let held = leg_text(&leg(Purpose::Hold { terms, until }, "EUR"));
        assert!(held.contains(" until 2026-11-24T11:30:00.000Z: nothing moved"), "{held}");
        assert!(leg_text(&leg(Purpose::Fee, "JPY")).starts_with("fee of 1500 JPY "));
        assert!(leg_text(&leg(Purpose::Fee, "X-POINTS")).starts_with("fee of 1500 minor units of X-POINTS "));
    }
}
