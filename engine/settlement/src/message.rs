//! What a shard is told, and what it wants done.

use quittance_ledger::{AccountId, Event, PaymentRequest, PaymentRequestId, Refusal, Transfer, WalletId};

use crate::partition::Partition;

/// Ties an answer to the command it answers. Whoever sends commands chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// What an account asks of one of its wallets, beside transfers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletCommand {
    /// Close the wallet, which must be empty.
    Close,
    /// Ask for a payment into the wallet.
    OpenRequest(Box<PaymentRequest>),
    /// Withdraw what was asked for.
    CancelRequest(PaymentRequestId),
}

/// A message to the shard that hosts a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// To the payer's wallet: a transfer sets out.
    Debit(Transfer),
    /// To the payee's wallet: the payer's debit is set aside.
    Credit(Transfer),
    /// To the payer's wallet: the payee's wallet refused.
    TakeBack(Transfer, Refusal),
    /// To one wallet: its account wants something of it.
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
}

impl Message {
    /// The partition that must handle the message.
    #[must_use]
    pub fn partition(&self) -> Partition {
        Partition::of(match self {
            Self::Debit(transfer) | Self::TakeBack(transfer, _) => transfer.payer,
            Self::Credit(transfer) => transfer.payee,
            Self::Command { wallet, .. } => *wallet,
        })
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
