//! What a shard is told, and what it wants done.

use quittance_ledger::{
    AccountId, CurrencyCode, Event, Limits, PaymentRequest, PaymentRequestId, Refusal, Transfer, TransferId,
    WalletId, WalletSettings,
};

use crate::partition::Partition;

/// Ties an answer to the command it answers. Whoever sends commands chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// What is asked of one wallet, beside transfers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletCommand {
    /// Close the wallet, which must be empty.
    Close,
    /// Ask for a payment into the wallet.
    OpenRequest(Box<PaymentRequest>),
    /// Withdraw what was asked for.
    CancelRequest(PaymentRequestId),
    /// Let go what is left of a hold.
    Release(TransferId),
    /// Let nothing out of the wallet, and perhaps nothing in.
    Freeze {
        /// Whether nothing comes in either.
        both_ways: bool,
    },
    /// Let the wallet take part again.
    Unfreeze,
    /// Set its bounds and limits.
    Configure(Box<WalletSettings>),
}

/// A message to the shard that hosts a wallet, or an account's limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A transfer comes to the next of its stops.
    Visit {
        /// The transfer.
        transfer: Box<Transfer>,
        /// Which of its stops this is, from 0.
        stop: usize,
    },
    /// A later stop refused: what was accepted at this one is taken back.
    TakeBack {
        /// The transfer.
        transfer: Box<Transfer>,
        /// Which of its stops this is, from 0.
        stop: usize,
        /// What the later stop said.
        refusal: Refusal,
    },
    /// To one wallet: somebody wants something of it.
    Command {
        /// The wallet.
        wallet: WalletId,
        /// The account that asks; none where the operator does.
        account: Option<AccountId>,
        /// What is asked.
        command: WalletCommand,
        /// What the answer shall carry.
        ticket: Ticket,
    },
    /// To an account's limits: they are these from now on.
    LimitAccount {
        /// The account.
        account: AccountId,
        /// The currency.
        currency: CurrencyCode,
        /// What may be paid.
        limits: Limits,
        /// What the answer shall carry.
        ticket: Ticket,
    },
}

impl Message {
    /// A transfer sets out, to its first stop.
    #[must_use]
    pub const fn first_visit(transfer: Box<Transfer>) -> Self {
        Self::Visit { transfer, stop: 0 }
    }

    /// The partition that must handle the message; none of a transfer that has no such stop.
    #[must_use]
    pub fn partition(&self) -> Option<Partition> {
        match self {
            Self::Visit { transfer, stop } | Self::TakeBack { transfer, stop, .. } => {
                transfer.stop(*stop).map(Partition::of_stop)
            }
            Self::Command { wallet, .. } => Some(Partition::of(*wallet)),
            Self::LimitAccount { account, .. } => Some(Partition::of_account(*account)),
        }
    }
}

/// Something a shard wants done. Effects are performed in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Pass a message on to the shard that hosts the partition.
    Send(Partition, Message),
    /// Put the event into the journal's queue, and once it is durable answer the ticket, if there is one.
    Record(Event, Option<Ticket>),
    /// Answer the ticket once all that was recorded before is durable: the answer may rest on it.
    Answer(Ticket, Result<(), Refusal>),
}
