//! Paying: what is asked for is shown, the PIN is asked for, and the transfer has an id before it is sent.

use std::fmt::Display;

use quittance_ledger::{Amount, Timestamp, TransferId, WalletId};
use zeroize::Zeroizing;

use super::barcode::{Scanned, formatted};
use super::home::Home;
use super::tell::{Shown, fact, title_and_detail, told, why};
use super::{Outcome, pin};
use crate::cli::minor::minor_units;
use crate::client::{
    Client, ClientError, Payment, PaymentLine, SeveralPayments, Transfer, TransferLeg, TransferPurpose,
    TransferStatus, new_transfer_id, unix_millis,
};

/// What to pay, and from where.
#[derive(clap::Args)]
pub(super) struct PayArgs {
    /// The barcode's text, or a PNG or JPEG picture of it. Several are paid together, all of them or none
    #[arg(required = true, num_args = 1..)]
    barcodes: Vec<String>,
    /// The wallet that pays
    #[arg(long)]
    wallet: WalletId,
    /// How much to pay of the first barcode, in minor units, where it leaves that open or is paid in parts
    #[arg(long, value_name = "MINOR", value_parser = minor_units)]
    amount: Option<u64>,
    /// Repeat the transfer of this id, which got no answer, and pay at most once
    #[arg(long, value_name = "TRANSFER-ID")]
    id: Option<TransferId>,
}

pub(super) async fn run(args: &PayArgs, home: &Home) -> Outcome<()> {
    let mut read = Vec::with_capacity(args.barcodes.len());
    let client = home.client()?;
    for (number, barcode) in args.barcodes.iter().enumerate() {
        let said = args.amount.filter(|_| number == 0);
        read.push(show_and_choose(barcode, said, args.id.is_some(), home, &client).await?);
    }
    let (pin, id) = confirm(args.id)?;
    let answer = match read.as_slice() {
        [(scanned, amount)] => {
            let payment = Payment {
                id,
                payer: args.wallet,
                barcode: &scanned.text,
                amount: Some(amount.get()),
                currency: Some(scanned.verified.details().currency.code()),
                pin: &pin,
            };
            client.pay_verified(&payment, &scanned.verified).await
        }
        several => {
            let payments: Vec<PaymentLine<'_>> =
                several.iter().map(|(scanned, amount)| line(scanned, *amount)).collect();
            let all = SeveralPayments { id, payer: args.wallet, payments: &payments, pin: &pin };
            client.pay_several(&all).await
        }
    };
    let transfer = settled(answer, id)?;
    // The money has moved: that a screen or a connection fails now does not change what this ends with.
    let _ = tell(&transfer);
    let _ = show_balance(&client, args.wallet).await;
    Ok(())
}

/// Reads and shows a barcode, and says how much of it is paid.
async fn show_and_choose(
    barcode: &str,
    said: Option<u64>,
    is_repeat: bool,
    home: &Home,
    client: &Client,
) -> Outcome<(Scanned, Amount)> {
    let scanned = scan(barcode, home, client).await?;
    let amount = choose(&scanned, said, is_repeat)?;
    Ok((scanned, amount))
}

/// Reads and shows a barcode.
pub(super) async fn scan(barcode: &str, home: &Home, client: &Client) -> Outcome<Scanned> {
    let mut scanned = Scanned::new(barcode, home)?;
    scanned.show(Timestamp::from_millis(unix_millis()))?;
    scanned.ask_and_show_more(client).await?;
    Ok(scanned)
}

/// How much of what was read is paid.
pub(super) fn choose(scanned: &Scanned, said: Option<u64>, is_repeat: bool) -> Outcome<Amount> {
    let amount = scanned.amount(said)?;
    if scanned.verified.details().amount != Some(amount) {
        fact("you pay", formatted(&scanned.verified, amount))?;
    }
    // A repeat is answered from what is on record, however late it comes.
    if !is_repeat {
        scanned.verified.check_expiry(Timestamp::from_millis(unix_millis()))?;
    }
    Ok(amount)
}

/// What is sent of a barcode that was read.
pub(super) fn line(scanned: &Scanned, amount: Amount) -> PaymentLine<'_> {
    let currency = Some(scanned.verified.details().currency.code());
    PaymentLine { amount: Some(amount.get()), currency, ..PaymentLine::barcode(&scanned.text) }
}

/// Asks for the PIN, and gives the transfer its id. Whoever can't be told the id could not repeat the transfer, so nothing is
/// sent then.
pub(super) fn confirm(repeated: Option<TransferId>) -> Outcome<(Zeroizing<String>, TransferId)> {
    let pin = pin::ask("PIN, to pay")?;
    let id = name(repeated)?;
    Ok((pin, id))
}

/// Gives a transfer its id, and tells it.
pub(super) fn name(repeated: Option<TransferId>) -> Outcome<TransferId> {
    let id = match repeated {
        Some(id) => id,
        None => new_transfer_id()?,
    };
    fact("transfer", id)?;
    Ok(id)
}

/// An answer to a transfer of this id, or what to do where there is none.
pub(super) fn answered<T>(answer: Result<T, ClientError>, id: impl Display) -> Outcome<T> {
    answer.map_err(|error| {
        // Advice to try again must name the id: under a new one it could be paid twice.
        if is_unsure(&error) {
            let why = why(&error);
            return format!("{why}; it may have been done all the same: repeat the command with --id {id}")
                .into();
        }
        told(&error)
    })
}

/// A transfer that settled.
pub(super) fn settled(answer: Result<Transfer, ClientError>, id: TransferId) -> Outcome<Transfer> {
    let transfer = answered(answer, id)?;
    if transfer.status == TransferStatus::Refused {
        let why = transfer.refusal.as_ref().map(|why| title_and_detail(&why.title, &why.detail));
        let why = why.unwrap_or_else(|| "the transfer was refused".to_owned());
        return Err(format!("{why}; a new try is a new transfer, without --id").into());
    }
    Ok(transfer)
}

/// What a wallet holds after what was done.
pub(super) async fn show_balance(client: &Client, wallet: WalletId) -> Outcome<()> {
    match client.wallet(wallet).await {
        Ok(wallet) => fact("balance", Shown(&wallet.display.posted)),
        Err(error) => fact("balance", format_args!("not known: {}", told(&error))),
    }
}

/// What settled, leg by leg where there are several.
pub(super) fn tell(transfer: &Transfer) -> Outcome<()> {
    let Transfer { legs, at, position, .. } = transfer;
    for leg in legs {
        let TransferLeg { display, purpose, payee_name, .. } = leg;
        let whom = payee_name.as_deref().filter(|_| legs.len() > 1);
        let whom = whom.map_or_else(String::new, |name| format!(", {} to {}", word(*purpose), Shown(name)));
        fact("settled", format_args!("{} at {}{whom}", Shown(display), Shown(at)))?;
    }
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

/// A purpose in one word.
const fn word(purpose: TransferPurpose) -> &'static str {
    match purpose {
        TransferPurpose::Issue => "issued",
        TransferPurpose::Redemption => "redeemed",
        TransferPurpose::Payment => "paid",
        TransferPurpose::Hold => "set aside",
        TransferPurpose::Capture => "taken",
        TransferPurpose::Refund => "given back",
        TransferPurpose::Reversal => "taken back",
        TransferPurpose::Adjustment => "moved",
        TransferPurpose::Fee => "fee",
        TransferPurpose::Split => "passed on",
        TransferPurpose::Conversion => "converted",
    }
}
