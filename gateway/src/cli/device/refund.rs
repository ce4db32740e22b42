//! Giving back what was paid.

use quittance_ledger::TransferId;

use super::Outcome;
use super::home::Home;
use super::pay::{confirm, settled, show_balance, tell};
use super::tell::{Shown, fact, told};
use crate::client::Refund;

/// What to give back.
#[derive(clap::Args)]
pub(super) struct RefundArgs {
    /// The transfer that paid it
    transfer: TransferId,
    /// How much to give back, in minor units; all of it, if not said
    #[arg(long, value_name = "MINOR")]
    amount: Option<u64>,
    /// Which of the transfer's legs, from 0
    #[arg(long, default_value_t = 0)]
    leg: u8,
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
    let leg = paid.legs.iter().find(|leg| leg.leg == args.leg);
    let leg = leg
        .ok_or_else(|| format!("the transfer has {} legs, from 0: choose another --leg", paid.legs.len()))?;
    fact("was paid", Shown(&leg.display))?;
    let (pin, id) = confirm(args.id)?;
    let refund = Refund {
        id,
        amount: args.amount,
        leg: Some(args.leg),
        reference: args.reference.as_deref(),
        pin: Some(&pin),
    };
    let given = settled(client.refund(&paid, &refund).await, id)?;
    let _ = tell(&given);
    let _ = show_balance(&client, given.payer).await;
    Ok(())
}
