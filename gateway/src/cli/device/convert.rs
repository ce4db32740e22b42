//! Converting units of one wallet into another's currency, by a quote.

use quittance_ledger::{TransferId, WalletId};

use super::Outcome;
use super::home::Home;
use super::pay::{confirm, settled, show_balance, tell};
use super::tell::{Shown, fact, told};
use crate::cli::minor::minor_units;
use crate::client::{Client, NewQuote, QuoteAmount, Transfer};

/// What to convert.
#[derive(clap::Args)]
pub(super) struct ConvertArgs {
    /// The wallet that gives
    #[arg(long)]
    from: WalletId,
    /// The wallet that gets
    #[arg(long)]
    to: WalletId,
    #[command(flatten)]
    amount: AmountArgs,
    /// Show what it comes to, and convert nothing
    #[arg(long)]
    only_quote: bool,
    /// Convert under this id, which got no answer before, and at most once
    #[arg(long, value_name = "TRANSFER-ID", conflicts_with = "only_quote")]
    id: Option<TransferId>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct AmountArgs {
    /// How much to give, in minor units
    #[arg(long, value_name = "MINOR", value_parser = minor_units)]
    give: Option<u64>,
    /// How much to get, in minor units
    #[arg(long, value_name = "MINOR", value_parser = minor_units)]
    get: Option<u64>,
}

pub(super) async fn run(args: &ConvertArgs, home: &Home) -> Outcome<()> {
    let client = home.client()?;
    // A quote is taken once, and a repeat has another: that it was taken is seen by the id, under which nothing else can be.
    if let Some(id) = args.id
        && let Some(done) = known(&client, id).await?
    {
        let _ = tell(&settled(Ok(done), id)?);
        return show_balances(args, &client).await;
    }
    let amount = match (args.amount.give, args.amount.get) {
        (Some(give), _) => QuoteAmount::Give(give),
        (None, get) => QuoteAmount::Get(get.unwrap_or_default()),
    };
    let new = NewQuote { from: args.from, to: args.to, amount };
    let quote = client.quote(&new).await.map_err(|error| told(&error))?;
    fact("you give", Shown(&quote.give.display))?;
    fact("you get", Shown(&quote.get.display))?;
    fact("until", Shown(&quote.expires_at))?;
    if args.only_quote {
        return Ok(());
    }
    let (pin, id) = confirm(args.id)?;
    let converted = settled(client.convert(id, &quote, &pin).await, id)?;
    let _ = tell(&converted);
    show_balances(args, &client).await
}

/// What both wallets hold. That a screen or a connection fails now does not change what was converted.
async fn show_balances(args: &ConvertArgs, client: &Client) -> Outcome<()> {
    let _ = show_balance(client, args.from).await;
    let _ = show_balance(client, args.to).await;
    Ok(())
}

/// The transfer of this id, if there is one.
async fn known(client: &Client, id: TransferId) -> Outcome<Option<Transfer>> {
    match client.transfer(id).await {
        Ok(transfer) => Ok(Some(transfer)),
        Err(error) if error.problem().is_some_and(|problem| problem.slug() == "transfer-unknown") => Ok(None),
        Err(error) => Err(told(&error)),
    }
}
