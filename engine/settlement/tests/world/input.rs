//! What is asked for in the tests of interleavings, and how it is sent.

use quittance_ledger::{
    Amount, Authority, Leg, LegId, Limits, Original, Purpose, Transfer, TransferId, Usage, WalletSettings,
};
use quittance_settlement::{Message, Ticket, WalletCommand};

use super::{
    MAKER, MINUTE_MS, WALLETS, World, account_id, amount, device, eur, fee, leg, owner, payment, request,
    transfer, transfer_id, wallet_id,
};

/// What may be asked for.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Pay { payer: u8, lines: Vec<(u8, u64, u8)>, is_limited: bool },
    Convert { account: u8 },
    Hold { payer: u8, payee: u8, minor: u64, number: u8, minutes: u64, is_limited: bool },
    Capture { which: usize, minor: u64, is_final: bool },
    Release { which: usize },
    Refund { which: usize, leg: usize, minor: u64 },
    Reverse { which: usize },
    Adjust { legs: Vec<(u8, u8, u64)> },
    Freeze { wallet: u8, both_ways: bool },
    Unfreeze { wallet: u8 },
    Configure { wallet: u8, overdraft: Option<u64>, ceiling: Option<u64>, per_day: Option<u64> },
    LimitAccount { account: u8, per_day: Option<u64> },
    Cancel { payee: u8, number: u8 },
    Close { wallet: u8 },
    Wait { minutes: u64 },
}

/// Mostly another than oneself.
pub(crate) fn other(payer: u8, payee: u8) -> u8 {
    if payee == payer { payee % WALLETS + 1 } else { payee }
}

/// What was sent out.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) transfers: usize,
    pub(crate) commands: u64,
    /// Payer, payee and id of each hold.
    holds: Vec<(u8, u8, TransferId)>,
}

impl Sent {
    fn set_out(&mut self, world: &mut World, transfer: Transfer) {
        assert_eq!(transfer.id, transfer_id(self.transfers), "ids follow one another");
        self.transfers += 1;
        world.set_out(transfer);
    }

    fn command(&mut self, world: &mut World, wallet: u8, command: WalletCommand) {
        self.commands += 1;
        let ticket = Ticket(self.commands);
        world.submit(Message::Command { wallet: wallet_id(wallet), account: None, command, ticket });
    }

    /// What must be so once all that was sent has come to its end, and then when every hold's time is over.
    pub(crate) fn check(&self, mut world: World) {
        world.run_dry();
        assert_eq!(world.outcomes.len(), self.transfers, "every transfer has an outcome");
        assert_eq!(world.answers.len() as u64, self.commands, "every command is answered");
        world.check_at_rest();
        world.now = world.now.plus_millis(24 * 60 * MINUTE_MS);
        world.run_dry();
        world.check_at_rest();
        assert!(world.model.wallets().all(|wallet| wallet.snapshot().held == 0), "nothing stays set aside");
    }

    /// A hold that was not refused, as far as is known.
    fn hold(&self, world: &World, which: usize) -> Option<(u8, u8, TransferId)> {
        let may_be_there = |id| world.outcomes.get(id).is_none_or(Result::is_ok);
        self.holds.iter().rev().filter(|(.., id)| may_be_there(id)).nth(which).copied()
    }

    pub(crate) fn send(&mut self, world: &mut World, input: Input) {
        let n = self.transfers;
        match input {
            Input::Pay { payer, lines, is_limited } => {
                let payment = payment(n, payer, &lines);
                self.set_out(world, Transfer { is_account_limited: is_limited, ..payment });
            }
            Input::Convert { account } => {
                self.set_out(world, payment(n, account, &[(MAKER, 10, account + 4)]));
            }
            Input::Hold { payer, payee, minor, number, minutes, is_limited } => {
                // Most are of a sticker, which can be held for as short as one likes, so that many expire.
                let terms = request(payee, if minutes % 3 > 0 { 2 } else { number }).terms;
                let soon = world.now.plus_millis(minutes * MINUTE_MS);
                let until = match terms.usage {
                    Usage::OneTime => terms.expires_at.unwrap_or(soon).max(soon),
                    Usage::Reusable | Usage::Parts => soon,
                };
                let minor = terms.amount.map_or(minor, Amount::get);
                let hold = leg(payer, payee, minor, Purpose::Hold { terms, until });
                self.holds.push((payer, payee, transfer_id(n)));
                let hold = transfer(n, device(owner(payer)), &[hold]);
                self.set_out(world, Transfer { is_account_limited: is_limited, ..hold });
            }
            Input::Capture { which, minor, is_final } => {
                let Some((payer, payee, hold)) = self.hold(world, which) else { return };
                let taken = leg(payer, payee, minor, Purpose::Capture { hold, is_final });
                let legs: Vec<Leg> = std::iter::once(taken).chain(fee(&taken)).collect();
                self.set_out(world, transfer(n, device(owner(payee)), &legs));
            }
            Input::Release { which } => {
                let Some((payer, _, hold)) = self.hold(world, which) else { return };
                self.command(world, payer, WalletCommand::Release(hold));
            }
            Input::Refund { which, leg, minor } => {
                let Some((refund, _)) = back(world, which, Purpose::Refund) else { return };
                // The engine looks up whether a leg can be refunded.
                let is_refundable = |leg: &&(Leg, Purpose)| match leg.1 {
                    Purpose::Payment(terms) => request(MAKER, 5).terms.kind != terms.kind,
                    Purpose::Capture { .. } => true,
                    _ => false,
                };
                let refundable: Vec<_> = refund.iter().filter(is_refundable).collect();
                let Some((refund, _)) = refundable.get(leg % refundable.len().max(1)) else { return };
                let minor = amount(minor.min(refund.amount.get() + 1));
                self.set_out(world, transfer(n, Authority::Operator, &[Leg { amount: minor, ..*refund }]));
            }
            Input::Reverse { which } => {
                let Some((legs, _)) = back(world, which, Purpose::Reversal) else { return };
                let can_be_reversed = |purpose: &Purpose| {
                    !matches!(purpose, Purpose::Refund(_) | Purpose::Reversal(_) | Purpose::Hold { .. })
                };
                if legs.iter().all(|(_, purpose)| can_be_reversed(purpose)) {
                    let legs: Vec<Leg> = legs.into_iter().map(|(leg, _)| leg).collect();
                    self.set_out(world, transfer(n, Authority::Operator, &legs));
                }
            }
            Input::Adjust { legs } => {
                let legs = legs
                    .into_iter()
                    .map(|(payer, payee, minor)| leg(payer, payee, minor, Purpose::Adjustment));
                self.set_out(world, transfer(n, Authority::Operator, &legs.collect::<Vec<_>>()));
            }
            Input::Freeze { wallet, both_ways } => {
                self.command(world, wallet, WalletCommand::Freeze { both_ways });
            }
            Input::Unfreeze { wallet } => self.command(world, wallet, WalletCommand::Unfreeze),
            Input::Configure { wallet, overdraft, ceiling, per_day } => {
                let limits = Limits { per_day: per_day.map(amount), ..Limits::default() };
                let (overdraft, ceiling) = (overdraft.map(amount), ceiling.map(amount));
                let settings = WalletSettings { overdraft, ceiling, limits, zone: None };
                self.command(world, wallet, WalletCommand::Configure(Box::new(settings)));
            }
            Input::LimitAccount { account, per_day } => {
                self.commands += 1;
                let limits = Limits { per_day: per_day.map(amount), ..Limits::default() };
                let (account, ticket) = (account_id(account), Ticket(self.commands));
                world.submit(Message::LimitAccount { account, currency: eur(), limits, ticket });
            }
            Input::Cancel { payee, number } => {
                let request = request(payee, number).terms.request;
                self.command(world, payee, WalletCommand::CancelRequest(request));
            }
            Input::Close { wallet } => self.command(world, wallet, WalletCommand::Close),
            Input::Wait { minutes } => world.wait(minutes),
        }
    }
}

/// The legs that give back what a transfer moved, each with what it was for, and the transfer.
fn back(
    world: &World,
    which: usize,
    purpose: impl Fn(Original) -> Purpose,
) -> Option<(Vec<(Leg, Purpose)>, Transfer)> {
    let (at, settled) = world.settled.iter().rev().nth(which)?;
    let legs = settled.legs().enumerate().map(|(number, moved)| {
        let id = LegId { transfer: settled.id, leg: number as u8 };
        let purpose = purpose(Original { id, amount: moved.amount, at: *at });
        (Leg { payer: moved.payee, payee: moved.payer, purpose, ..*moved }, moved.purpose)
    });
    Some((legs.collect(), settled.clone()))
}
