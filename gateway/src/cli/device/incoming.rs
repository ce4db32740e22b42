//! Requests that were sent to this account: listed, and paid without their barcodes.

use quittance_ledger::{PaymentRequestId, TransferId, Usage, WalletId};

use super::Outcome;
use super::pay::{confirm, settled, show_balance, tell};
use super::request::kind_word;
use super::tell::{Shown, fact, line, told};
use crate::cli::minor::{minor_units, money};
use crate::client::{Client, LinePayment, PaymentLine, PaymentRequest, RequestName, RequestStatus};

const MAX_PAGE_REQUESTS: u16 = 200;

/// How many to list.
#[derive(clap::Args)]
pub(super) struct IncomingArgs {
    /// How many to list
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

/// Which to pay, and from where.
#[derive(clap::Args)]
pub(super) struct PayRequestArgs {
    /// The wallet that is to be paid, as incoming lists it
    payee: WalletId,
    /// The request's id
    request: PaymentRequestId,
    /// The wallet that pays
    #[arg(long)]
    wallet: WalletId,
    /// How much to pay, in minor units, where the request leaves that open; all that is left of it, if not said
    #[arg(long, value_name = "MINOR", value_parser = minor_units)]
    amount: Option<u64>,
    /// Repeat the transfer of this id, which got no answer, and pay at most once
    #[arg(long, value_name = "TRANSFER-ID")]
    id: Option<TransferId>,
}

pub(super) async fn list(args: &IncomingArgs, client: &Client) -> Outcome<()> {
    let (mut left, mut before) = (args.limit, None);
    while left > 0 {
        let size = u16::try_from(left).unwrap_or(u16::MAX).min(MAX_PAGE_REQUESTS);
        let page = client.incoming_requests(Some(size), before.as_ref()).await;
        let page = page.map_err(|error| told(&error))?;
        page.requests.iter().try_for_each(|request| line(shown(request)))?;
        left = left.saturating_sub(u32::try_from(page.requests.len()).unwrap_or(u32::MAX));
        before = page.next;
        if before.is_none() {
            return Ok(());
        }
    }
    eprintln!("there may be more before that: list it with a larger --limit");
    Ok(())
}

/// A request in one line, which begins with what pay-request takes.
fn shown(request: &PaymentRequest) -> String {
    let PaymentRequest { wallet, id, payee_name, display, status, invoice, reference, .. } = request;
    let amount = display.as_deref().map_or_else(|| "open".to_owned(), |text| Shown(text).to_string());
    let mut line = format!("{wallet} {id}  {:<11}  {amount:>16}  to {}", word(*status), Shown(payee_name));
    if let (RequestStatus::PartlyPaid | RequestStatus::Overdue, Some(left)) = (status, request.remaining) {
        line.push_str(&format!("  {} left", money(left, request.currency)));
    }
    if let Some(invoice) = invoice {
        line.push_str(&format!("  invoice {} due {}", Shown(&invoice.number), Shown(&invoice.due_at)));
    }
    if let Some(reference) = reference {
        line.push_str(&format!("  {}", Shown(reference)));
    }
    line
}

const fn word(status: RequestStatus) -> &'static str {
    match status {
        RequestStatus::Open => "open",
        RequestStatus::PartlyPaid => "partly paid",
        RequestStatus::Overdue => "overdue",
        RequestStatus::Paid => "paid",
        RequestStatus::Held => "held",
        RequestStatus::Cancelled => "withdrawn",
        RequestStatus::Expired => "expired",
    }
}

pub(super) async fn pay(args: &PayRequestArgs, client: &Client) -> Outcome<()> {
    let name = RequestName { wallet: args.payee, id: args.request };
    let request = client.incoming_request(name).await.map_err(|error| told(&error))?;
    fact("pay to", Shown(&request.payee_name))?;
    let amount = request.display.as_deref().map(|text| Shown(text).to_string());
    fact("amount", amount.unwrap_or_else(|| format!("open, in {}", request.currency)))?;
    fact("kind", kind_word(request.kind))?;
    fact("status", word(request.status))?;
    if let (Usage::Parts, Some(left)) = (request.usage, request.remaining) {
        fact("left to pay", money(left, request.currency))?;
    }
    if let Some(invoice) = &request.invoice {
        fact("invoice", Shown(&invoice.number))?;
        fact("due", Shown(&invoice.due_at))?;
    }
    if let Some(reference) = &request.reference {
        fact("reference", Shown(reference))?;
    }
    let whole = PaymentLine::request(&request);
    let units = args.amount.or(whole.amount);
    let units = units.ok_or("the request leaves the amount open: say it with --amount")?;
    fact("you pay", money(units, request.currency))?;
    let (pin, id) = confirm(args.id)?;
    let line = PaymentLine { amount: Some(units), ..whole };
    let payment = LinePayment { id, payer: args.wallet, line, pin: &pin };
    let paid = settled(client.pay_line(&payment).await, id)?;
    // The money has moved: that a screen or a connection fails now does not change what this ends with.
    let _ = tell(&paid);
    let _ = show_balance(client, args.wallet).await;
    Ok(())
}
