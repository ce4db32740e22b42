//! What is told to a person of what came from elsewhere.

use std::fmt;
use std::io::{Write as _, stdout};

use quittance_ledger::WalletId;

use crate::cli::CliError;
pub(super) use crate::cli::told::{Shown, title_and_detail, told, why};
use crate::client::{
    Direction, Hold, HoldStatus, PaymentRequest, Told, ToldOf, Transfer, TransferLeg, TransferPurpose,
    TransferStatus,
};
use crate::wording::uncapitalised;

/// One more than the longest label has.
const LABEL_WIDTH: usize = 12;

/// A line of two columns.
pub(super) fn fact(label: &str, value: impl fmt::Display) -> Result<(), CliError> {
    Ok(writeln!(stdout(), "{label:<LABEL_WIDTH$}{value}")?)
}

/// A line by itself.
pub(super) fn line(line: impl fmt::Display) -> Result<(), CliError> {
    Ok(writeln!(stdout(), "{line}")?)
}

/// The columns of something that happened.
struct Row<'a> {
    position: u64,
    at: &'a str,
    outcome: &'a str,
    what: &'a str,
    amount: &'a str,
    id: &'a dyn fmt::Display,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, at, outcome, what, amount, id } = self;
        write!(f, "{position:>8}  {at:<24}  {outcome:<9}  {what:<10}  {amount:>16}  {id}")
    }
}

/// Anything that an account is told of, in one line; none of what this device does not know.
pub(super) fn told_line(told: &Told) -> Option<String> {
    let Told { position, name, about } = told;
    let what = name.rsplit('.').next().unwrap_or_default();
    match about {
        ToldOf::Transfer(notification) if name.starts_with("hold.") => {
            let Transfer { id, display, .. } = &notification.transfer;
            let whom = counterparty(first_leg(&notification.transfer)?, notification.direction);
            let amount = Shown(display).to_string();
            let row = Row { position: *position, at: "", outcome: what, what: "hold", amount: &amount, id };
            Some(format!("{row}{whom}  (what was left is let go)"))
        }
        ToldOf::Transfer(notification) => {
            let leg = first_leg(&notification.transfer)?;
            Some(leg_line(&notification.transfer, leg, notification.direction))
        }
        ToldOf::Request { direction, request } => {
            Some(format!("{}{}", request_row(*position, what, request), request_end(request, *direction)))
        }
        ToldOf::Wallet { wallet } => {
            let row =
                Row { position: *position, at: "", outcome: what, what: "wallet", amount: "", id: wallet };
            Some(row.to_string())
        }
        ToldOf::Other => None,
    }
}

fn request_row(position: u64, what: &str, request: &PaymentRequest) -> String {
    let outcome = if what == "opened" { "asked" } else { what };
    let amount = request.display.as_deref().map_or_else(|| "open".to_owned(), |text| Shown(text).to_string());
    Row { position, at: "", outcome, what: "request", amount: &amount, id: &request.id }.to_string()
}

fn request_end(request: &PaymentRequest, direction: Direction) -> String {
    let mut end = match direction {
        Direction::Outgoing => format!("  to {} (wallet {})", Shown(&request.payee_name), request.wallet),
        Direction::Incoming => format!("  into wallet {}", request.wallet),
    };
    if let Some(invoice) = &request.invoice {
        end.push_str(&format!("  invoice {} due {}", Shown(&invoice.number), Shown(&invoice.due_at)));
    }
    if let Some(reference) = &request.reference {
        end.push_str(&format!("  {}", Shown(reference)));
    }
    end
}

fn first_leg(transfer: &Transfer) -> Option<&TransferLeg> {
    transfer.legs.first()
}

/// What of a transfer concerns a wallet: a line for each leg that it pays or is paid by.
pub(super) fn wallet_lines(transfer: &Transfer, wallet: WalletId) -> impl Iterator<Item = String> + '_ {
    let concerns = move |leg: &&TransferLeg| leg.payer == wallet || leg.payee == wallet;
    transfer.legs.iter().filter(concerns).map(move |leg| {
        let direction = if leg.payer == wallet { Direction::Outgoing } else { Direction::Incoming };
        leg_line(transfer, leg, direction)
    })
}

/// Who is on the other side of a leg. The operator's units come from nobody.
fn counterparty(leg: &TransferLeg, direction: Direction) -> String {
    let (word, name) = match direction {
        Direction::Incoming => ("from", &leg.payer_name),
        Direction::Outgoing => ("to", &leg.payee_name),
    };
    name.as_deref().map_or_else(String::new, |name| format!("  {word} {}", Shown(name)))
}

fn leg_line(transfer: &Transfer, leg: &TransferLeg, direction: Direction) -> String {
    let Transfer { id, status, refusal, position, at, .. } = transfer;
    let (outcome, sign) = match (status, leg.purpose, direction) {
        (TransferStatus::Refused, ..) => ("refused", ""),
        // Nothing moves by that.
        (TransferStatus::Settled, TransferPurpose::Hold, _) => ("set aside", ""),
        (TransferStatus::Settled, _, Direction::Incoming) => ("settled", "+"),
        (TransferStatus::Settled, _, Direction::Outgoing) => ("settled", "-"),
    };
    let (amount, at) = (format!("{sign}{}", Shown(&leg.display)), Shown(at).to_string());
    let row = Row { position: *position, at: &at, outcome, what: purpose(leg.purpose), amount: &amount, id };
    let mut line = format!("{row}{}", counterparty(leg, direction));
    if let Some(reference) = &leg.reference {
        line.push_str(&format!("  {}", Shown(reference)));
    }
    if let Some(refusal) = refusal {
        line.push_str(&format!("  ({})", uncapitalised(&Shown(&refusal.title).to_string())));
    }
    line
}

/// A purpose as the API calls it.
const fn purpose(purpose: TransferPurpose) -> &'static str {
    match purpose {
        TransferPurpose::Issue => "issue",
        TransferPurpose::Redemption => "redemption",
        TransferPurpose::Payment => "payment",
        TransferPurpose::Hold => "hold",
        TransferPurpose::Capture => "capture",
        TransferPurpose::Refund => "refund",
        TransferPurpose::Reversal => "reversal",
        TransferPurpose::Adjustment => "adjustment",
        TransferPurpose::Fee => "fee",
        TransferPurpose::Split => "split",
        TransferPurpose::Conversion => "conversion",
    }
}

/// What became of a hold, in one word.
pub(super) const fn hold_status(hold: &Hold) -> &'static str {
    match hold.status {
        HoldStatus::Open => "open",
        HoldStatus::Captured => "captured",
        HoldStatus::Released => "released",
        HoldStatus::Expired => "expired",
        HoldStatus::Forgotten => "forgotten",
    }
}
