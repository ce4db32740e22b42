//! Giving back what was paid.

use quittance_ledger::TransferId;

use super::Outcome;
use super::home::Home;
use super::pay::{confirm, settled, show_balance, tell};
use super::tell::{Shown, fact, told};
use crate::cli::minor::minor_units;
use crate::client::Refund;

/// What to give back.
#[derive(clap::Args)]
pub(super) struct RefundArgs {
    /// The transfer that paid it
    transfer: TransferId,
    /// How much to give back, in minor units; all of it, if not said
    #[arg(long, value_name = "MINOR", value_parser = minor_units)]
    amount: Option<u64>,
    /// Which of the transfer's legs, by its number; the first that paid this account, if not said
    #[arg(long)]
    leg: Option<u8>,
    /// What ties it to the books
    #[arg(long)]
    reference: Option<String>,
    /// Repeat the transfer of this id, which got no answer, and give back at most once
    #[arg(long, value_name = "TRANSFER-ID")]
    id: Option<TransferId>,
}

pub(super) async fn run(args: &RefundArgs, home: &Home) -> Outcome<()> {
    let client = home.client()?;
    let paid = client.transfer(args.transfer).await.map_err(|error| told(&error))?;
    // The server shows this account its own legs of what it was paid.
    let leg = match args.leg {
        Some(number) => paid.legs.iter().find(|leg| leg.leg == number),
        None => paid.legs.first(),
    };
    let leg = leg.ok_or_else(|| {
        let numbers: Vec<String> = paid.legs.iter().map(|leg| leg.leg.to_string()).collect();
        format!("the account has no such leg: give as --leg one of {}", numbers.join(", "))
    })?;
    fact("was paid", Shown(&leg.display))?;
    let (pin, id) = confirm(args.id)?;
    let refund = Refund {
        id,
        amount: args.amount,
        leg: Some(leg.leg),
        reference: args.reference.as_deref(),
        pin: Some(&pin),
    };
    let given = settled(client.refund(&paid, &refund).await, id)?;
    let _ = tell(&given);
    let _ = show_balance(&client, given.payer).await;
    Ok(())
}
