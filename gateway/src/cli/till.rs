//! `quittance till`: a till that makes barcodes without the server, with a certificate and its own key.
//!
//! It asks nobody anything: what it makes is verified, and refused or paid, where it is scanned.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};

use quittance_barcode::{BarcodeError, DeviceSigner, Origin, RequestDetails, TillCertificate};
use quittance_ledger::{
    Amount, Currency, KeyAlgorithm, MAX_TILL_ONE_TIME_LIFETIME_MS, Name, Reference, Timestamp, Usage,
    WalletId,
};

use super::drawing::Drawing;
use super::minor::minor_units;
use super::{CliError, key_file};
use crate::client::{new_request_id, rfc3339, unix_millis};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const MAX_CERTIFICATE_FILE_BYTES: u64 = 4_096;

/// What the till is told.
#[derive(Debug, clap::Args)]
pub struct TillArgs {
    /// Make a key for a new till in this file, show its public key, and do nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificate", "key", "origin", "amount", "open"])]
    pub new_key: Option<PathBuf>,
    /// What the till's key is for
    #[arg(long, value_enum, default_value_t)]
    pub algorithm: Algorithm,
    /// The file with the till's certificate, as the server gave it
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    pub certificate: Option<PathBuf>,
    /// The file with the till's key, as --new-key made it
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    pub key: Option<PathBuf>,
    /// The server's public origin: scheme, host, and port if need be
    #[arg(long, value_name = "URL", required_unless_present = "new_key")]
    pub origin: Option<String>,
    /// The amount to ask for, in minor units: 1250 for 12.50 EUR
    #[arg(long, value_name = "MINOR", value_parser = minor_units, required_unless_present_any = ["new_key", "open"], conflicts_with = "open")]
    pub amount: Option<u64>,
    /// Leave the amount to the payer
    #[arg(long)]
    pub open: bool,
    /// What ties the payment to the till's books, such as an order number
    #[arg(long)]
    pub reference: Option<String>,
    /// For how long the barcode may be paid; at most a week, unless it is reusable
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub expires_in: u32,
    /// Let the barcode be paid any number of times until it expires
    #[arg(long)]
    pub reusable: bool,
    /// Draw the barcode into this file, which ends in .png or .svg, and not on the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The algorithm of a till's key.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub enum Algorithm {
    /// Ed25519
    #[default]
    Ed25519,
    /// ECDSA over P-256 with SHA-256
    P256,
}

impl From<Algorithm> for KeyAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Ed25519 => Self::Ed25519,
            Algorithm::P256 => Self::P256,
        }
    }
}

/// What a till asks for.
pub(super) struct TillRequest {
    pub(super) amount: Option<Amount>,
    pub(super) usage: Usage,
    pub(super) expires_at: Timestamp,
    pub(super) reference: Option<Reference>,
}

/// A certificate, and what it is for.
pub(super) struct Certified {
    certificate: TillCertificate,
    payee: WalletId,
    currency: Currency,
    payee_name: Name,
    expires_at: Timestamp,
}

/// Makes a key, or a barcode.
///
/// # Errors
/// A file can't be read or written, or the certificate, the key and what is asked for don't go together.
pub async fn run(args: TillArgs) -> Result<(), Box<dyn Error + Send + Sync>> {
    if let Some(path) = &args.new_key {
        let public = key_file::create(path, args.algorithm.into())?;
        writeln!(stdout(), "{public}")?;
        return Ok(());
    }
    let (Some(certificate), Some(key), Some(origin)) = (&args.certificate, &args.key, &args.origin) else {
        return Err("a barcode needs --certificate, --key and --origin".into());
    };
    let drawing = Drawing::onto(args.out.as_deref())?;
    let signer = key_file::read(key, args.algorithm.into())?;
    let certified =
        read_certificate(read_line(certificate)?.trim_end(), &origin.parse()?).map_err(|error| {
            let shown = certificate.display();
            match error.downcast_ref() {
                Some(BarcodeError::OtherServer(_)) => {
                    let mend = "give as --origin that of the server that issued it";
                    format!("the certificate {shown} is not of the server at {origin}: {mend}").into()
                }
                _ => CliError::from(format!("the certificate {shown} can't be used: {error}")),
            }
        })?;
    if certified.certificate.device_key() != &signer.public() {
        let (key, certificate) = (key.display(), certificate.display());
        return Err(format!(
            "the key file {key} has another key, or of another --algorithm, than the certificate {certificate} is \
             for: give as --key the one of the device that fetched it"
        )
        .into());
    }
    let now = Timestamp::from_millis(unix_millis());
    if certified.expires_at <= now {
        let ended = rfc3339(certified.expires_at);
        return Err(format!("the certificate ended at {ended}: fetch a new one from the server").into());
    }
    let text = make_barcode(&certified, &signer, requested(&args, now)?)?;
    drawing.show(&text)?;
    writeln!(stdout(), "{text}")?;
    Ok(())
}

/// The one place that knows how a certificate is read.
pub(super) fn read_certificate(text: &str, origin: &Origin) -> Outcome<Certified> {
    let certificate = TillCertificate::parse(text, origin)?;
    Ok(Certified {
        payee: certificate.payee(),
        currency: *certificate.currency(),
        payee_name: *certificate.payee_name(),
        expires_at: certificate.expires_at(),
        certificate,
    })
}

/// Makes a barcode's text with the till's key, for what the certificate allows.
pub(super) fn make_barcode(
    certified: &Certified,
    signer: &DeviceSigner,
    asked: TillRequest,
) -> Outcome<String> {
    let TillRequest { amount, usage, expires_at, reference } = asked;
    let details = RequestDetails {
        request: new_request_id()?,
        payee: certified.payee,
        currency: certified.currency,
        amount,
        usage,
        expires_at: Some(Timestamp::from_secs(expires_at.as_secs())),
        payee_name: certified.payee_name,
        reference,
        has_more: false,
    };
    Ok(certified.certificate.seal(signer, &details)?)
}

fn requested(args: &TillArgs, now: Timestamp) -> Outcome<TillRequest> {
    let reference = args.reference.as_deref().map(str::parse).transpose()?;
    let lifetime_ms = u64::from(args.expires_in).saturating_mul(1_000);
    if !args.reusable && lifetime_ms > MAX_TILL_ONE_TIME_LIFETIME_MS {
        let most = MAX_TILL_ONE_TIME_LIFETIME_MS / 1_000;
        return Err(
            format!("a barcode that is paid once lasts at most {most} s: shorten --expires-in").into()
        );
    }
    Ok(TillRequest {
        amount: args.amount.map(Amount::new).transpose()?,
        usage: if args.reusable { Usage::Reusable } else { Usage::OneTime },
        expires_at: now.plus_millis(lifetime_ms),
        reference,
    })
}

fn read_line(path: &Path) -> Outcome<String> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| format!("the certificate {} can't be read: {error}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_CERTIFICATE_FILE_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
