//! Paying: what a barcode asks for is shown, the PIN is asked for, and the transfer has an id before it is sent.

use quittance_ledger::{Timestamp, TransferId, WalletId};

use super::barcode::{Scanned, formatted};
use super::home::Home;
use super::tell::{Shown, fact, title_and_detail, told, why};
use super::{Outcome, pin};
use crate::client::{ClientError, Payment, Transfer, TransferStatus, new_transfer_id, unix_millis};

/// What to pay, and from where.
#[derive(clap::Args)]
pub(super) struct PayArgs {
    /// The barcode's text, or a PNG or JPEG picture of it
    barcode: String,
    /// The wallet that pays
    #[arg(long)]
    wallet: WalletId,
    /// How much to pay, in minor units, where the barcode leaves it open
    #[arg(long, value_name = "MINOR")]
    amount: Option<u64>,
    /// Repeat the transfer of this id, which got no answer, and pay at most once
    #[arg(long, value_name = "TRANSFER-ID")]
    id: Option<TransferId>,
}

pub(super) async fn run(args: &PayArgs, home: &Home) -> Outcome<()> {
    let scanned = Scanned::new(&args.barcode, home)?;
    let now = Timestamp::from_millis(unix_millis());
    scanned.show(now)?;
    let amount = scanned.amount(args.amount)?;
    if scanned.verified.details().amount.is_none() {
        fact("you pay", formatted(&scanned.verified, amount))?;
    }
    // A repeat is answered from what is on record, however late it comes.
    if args.id.is_none() {
        scanned.verified.check_expiry(now)?;
    }
    let client = home.client()?;
    let pin = pin::ask("PIN, to pay")?;
    let id = match args.id {
        Some(id) => id,
        None => new_transfer_id()?,
    };
    // Whoever can't be told the id could not repeat the transfer, so nothing is sent then.
    fact("transfer", id)?;
    let payment = Payment {
        id,
        payer: args.wallet,
        barcode: &scanned.text,
        amount: Some(amount.get()),
        currency: Some(scanned.verified.details().currency.code()),
        pin: &pin,
    };
    let transfer = client.pay(&payment).await.map_err(|error| {
        // Advice to try again must name the id: under a new one it could be paid twice.
        if is_unsure(&error) {
            let why = why(&error);
            return format!("{why}; it may have been paid all the same: repeat the command with --id {id}")
                .into();
        }
        told(&error)
    })?;
    if transfer.status == TransferStatus::Refused {
        let why = transfer.refusal.as_ref().map(|why| title_and_detail(&why.title, &why.detail));
        let why = why.unwrap_or_else(|| "the transfer was refused".to_owned());
        return Err(format!("{why}; a new try is a new transfer, without --id").into());
    }
    // The money has moved: that a screen or a connection fails now does not change what this ends with.
    let _ = tell(&transfer);
    let _ = match client.wallet(args.wallet).await {
        Ok(wallet) => fact("balance", Shown(&wallet.display.posted)),
        Err(error) => fact("balance", format_args!("not known: {}", told(&error))),
    };
    Ok(())
}

fn tell(transfer: &Transfer) -> Outcome<()> {
    let Transfer { display, at, position, .. } = transfer;
    fact("settled", format_args!("{} at {}", Shown(display), Shown(at)))?;
    fact("position", position)
}

/// Whether the payment may have been made although the answer does not say so.
fn is_unsure(error: &ClientError) -> bool {
    match error {
        ClientError::Problem(problem) => problem.status >= 500,
        ClientError::Unexpected { .. } => true,
        other => other.is_open(),
    }
}
