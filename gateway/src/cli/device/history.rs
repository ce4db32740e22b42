//! A wallet's history, newest first.

use quittance_ledger::WalletId;

use super::Outcome;
use super::tell::{hold_status, line, told, wallet_lines};
use crate::cli::minor::money;
use crate::client::{Client, HoldStatus, Transfer, TransferPurpose, TransferStatus};

const MAX_PAGE_TRANSFERS: u16 = 200;

/// What to list.
#[derive(clap::Args)]
pub(super) struct HistoryArgs {
    /// The wallet's id
    wallet: WalletId,
    /// How many to list
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

pub(super) async fn run(args: &HistoryArgs, client: &Client) -> Outcome<()> {
    let (mut left, mut before) = (args.limit, None);
    while left > 0 {
        let size = u16::try_from(left).unwrap_or(u16::MAX).min(MAX_PAGE_TRANSFERS);
        let page = client.transfers(args.wallet, Some(size), before.as_ref()).await;
        let page = page.map_err(|error| told(&error))?;
        for transfer in &page.transfers {
            let became = what_became(transfer, client).await;
            wallet_lines(transfer, args.wallet).try_for_each(|told| line(format_args!("{told}{became}")))?;
        }
        left = left.saturating_sub(u32::from(size));
        before = page.next;
        if before.is_none() {
            return Ok(());
        }
    }
    eprintln!("there is more before that: list it with a larger --limit");
    Ok(())
}

/// What became of a hold. One that can't be looked up is listed all the same.
async fn what_became(transfer: &Transfer, client: &Client) -> String {
    let is_hold = transfer.purpose == TransferPurpose::Hold && transfer.status == TransferStatus::Settled;
    if !is_hold {
        return String::new();
    }
    let Ok(hold) = client.show_hold(transfer.id).await else { return String::new() };
    let taken = match hold.captured {
        Some(0) | None => String::new(),
        Some(units) => format!(", {} taken", money(units, hold.currency)),
    };
    let left = match hold.status {
        HoldStatus::Open => format!(", {} left", money(hold.remaining, hold.currency)),
        _ => String::new(),
    };
    format!("  ({}{taken}{left})", hold_status(&hold))
}
