//! Units set aside for a payee: by the payer's device, and taken or let go by the payee's.

use quittance_ledger::{TransferId, WalletId};

use super::Outcome;
use super::home::Home;
use super::pay::{answered, choose, confirm, line, name, scan, settled, show_balance, tell};
use super::tell::{Shown, fact, hold_status, told};
use crate::cli::minor::{minor_units, money};
use crate::client::{Capture, Hold, HoldStatus, NewHold};

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
    #[arg(long, value_name = "MINOR", value_parser = minor_units)]
    amount: Option<u64>,
    /// Repeat the transfer of this id, which got no answer, and set aside at most once: with the same --for
    #[arg(long, value_name = "TRANSFER-ID")]
    id: Option<TransferId>,
}

/// What to take.
#[derive(clap::Args)]
pub(super) struct CaptureArgs {
    /// The hold's id
    hold: TransferId,
    /// How much to take, in minor units; all that is left, if not said
    #[arg(long, value_name = "MINOR", value_parser = minor_units)]
    amount: Option<u64>,
    /// Let go what is left then
    #[arg(long = "final")]
    is_final: bool,
    /// Repeat the transfer of this id, which got no answer, and take at most once
    #[arg(long, value_name = "TRANSFER-ID")]
    id: Option<TransferId>,
}

pub(super) async fn place(args: &HoldArgs, home: &Home) -> Outcome<()> {
    let client = home.client()?;
    let is_repeat = args.id.is_some();
    let scanned = scan(&args.barcode, home, &client).await?;
    scanned.check_can_be_held()?;
    let amount = choose(&scanned, args.amount, is_repeat)?;
    let (pin, id) = confirm(args.id)?;
    // From when the id was made on, so that a repeat ends at the same instant: else it would be another hold.
    let expires_at = id.made_at().plus_millis(u64::from(args.lasting).saturating_mul(1_000));
    let new = NewHold { id, payer: args.wallet, line: line(&scanned, amount), expires_at, pin: &pin };
    let hold = answered(client.hold(&new).await, id)?;
    // The units are set aside: that a screen or a connection fails now does not change what this ends with.
    let _ = show(&hold);
    let _ = show_balance(&client, args.wallet).await;
    Ok(())
}

pub(super) async fn status(hold: TransferId, home: &Home) -> Outcome<()> {
    show(&home.client()?.show_hold(hold).await.map_err(|error| told(&error))?)
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
    // Letting go twice lets go once, so that it may simply be tried again.
    show(&home.client()?.release(hold).await.map_err(|error| told(&error))?)
}

fn show(hold: &Hold) -> Outcome<()> {
    fact("hold", hold.id)?;
    fact("set aside", Shown(&hold.display))?;
    fact("status", hold_status(hold))?;
    match hold.captured {
        Some(captured) => {
            fact("captured", money(captured, hold.currency))?;
            let rest = hold.amount.saturating_sub(captured);
            let label = if hold.status == HoldStatus::Open { "remaining" } else { "let go" };
            fact(label, money(rest, hold.currency))?;
        }
        None => fact("captured", "not known any more: see the wallet's history")?,
    }
    fact("until", Shown(&hold.expires_at))
}
