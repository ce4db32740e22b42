//! Units set aside for a payee: by the payer's device, and taken or let go by the payee's.

use quittance_ledger::{Timestamp, TransferId, WalletId};

use super::Outcome;
use super::home::Home;
use super::pay::{answered, confirm, line, name, settled, show_and_choose, show_balance, tell};
use super::tell::{Shown, fact, told};
use crate::client::{Capture, Hold, HoldStatus, NewHold, rfc3339, unix_millis};

/// What to set aside, and for how long.
#[derive(clap::Args)]
pub(super) struct HoldArgs {
    /// The barcode's text, or a PNG or JPEG picture of it
    barcode: String,
    /// The wallet that pays
    #[arg(long)]
    wallet: WalletId,
    /// For how long the payee may take the units, at most 31 days
    #[arg(long = "for", value_name = "SECONDS")]
    lasting: u32,
    /// How much to set aside, in minor units, where the barcode leaves it open
    #[arg(long, value_name = "MINOR")]
    amount: Option<u64>,
}

/// What to take.
#[derive(clap::Args)]
pub(super) struct CaptureArgs {
    /// The hold's id
    hold: TransferId,
    /// How much to take, in minor units; all that is left, if not said
    #[arg(long, value_name = "MINOR")]
    amount: Option<u64>,
    /// Let go what is left then
    #[arg(long = "final")]
    is_final: bool,
    /// Repeat the transfer of this id, which got no answer, and take at most once
    #[arg(long, value_name = "TRANSFER-ID")]
    id: Option<TransferId>,
}

pub(super) async fn place(args: &HoldArgs, home: &Home) -> Outcome<()> {
    let (scanned, amount) = show_and_choose(&args.barcode, args.amount, false, home)?;
    let client = home.client()?;
    let (pin, id) = confirm(None)?;
    let lasting_ms = u64::from(args.lasting).saturating_mul(1_000);
    let expires_at = Timestamp::from_millis(unix_millis()).plus_millis(lasting_ms);
    let new = NewHold { id, payer: args.wallet, line: line(&scanned, amount), expires_at, pin: &pin };
    // A repeat would end at another instant and so be another hold: whether this one is there is seen by its id.
    let hold = client.hold(&new).await.map_err(|error| told(&error))?;
    show(&hold)?;
    fact("until", rfc3339(expires_at))?;
    show_balance(&client, args.wallet).await
}

pub(super) async fn capture(args: &CaptureArgs, home: &Home) -> Outcome<()> {
    let client = home.client()?;
    let hold = client.show_hold(args.hold).await.map_err(|error| told(&error))?;
    let id = name(args.id)?;
    let amount = args.amount.unwrap_or(hold.remaining);
    let capture = Capture { id, amount, currency: hold.currency, is_final: args.is_final };
    let transfer = settled(client.capture(&hold, &capture).await, id)?;
    let _ = tell(&transfer);
    let _ = show_balance(&client, hold.payee).await;
    Ok(())
}

pub(super) async fn release(hold: TransferId, home: &Home) -> Outcome<()> {
    let released = home.client()?.release(hold).await;
    show(&answered(released, hold)?)
}

fn show(hold: &Hold) -> Outcome<()> {
    let status = match hold.status {
        HoldStatus::Open => "open",
        HoldStatus::Captured => "captured",
        HoldStatus::Released => "released",
        HoldStatus::Expired => "expired",
        HoldStatus::Forgotten => "forgotten",
    };
    fact("hold", hold.id)?;
    fact("set aside", Shown(&hold.display))?;
    fact("status", status)
}
