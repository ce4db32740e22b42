//! Converting units of one wallet into another's currency, by a quote.

use quittance_ledger::WalletId;

use super::Outcome;
use super::home::Home;
use super::pay::{confirm, settled, show_balance, tell};
use super::tell::{Shown, fact, told};
use crate::client::{NewQuote, QuoteAmount};

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
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct AmountArgs {
    /// How much to give, in minor units
    #[arg(long, value_name = "MINOR")]
    give: Option<u64>,
    /// How much to get, in minor units
    #[arg(long, value_name = "MINOR")]
    get: Option<u64>,
}

pub(super) async fn run(args: &ConvertArgs, home: &Home) -> Outcome<()> {
    let client = home.client()?;
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
    // Nothing is repeated under the same id: a quote is taken once, and another one is another conversion.
    let (pin, id) = confirm(None)?;
    let converted = settled(client.convert(id, &quote, &pin).await, id)?;
    let _ = tell(&converted);
    let _ = show_balance(&client, args.from).await;
    let _ = show_balance(&client, args.to).await;
    Ok(())
}
