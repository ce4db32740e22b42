//! The two-party settlement protocol as a pure machine.
//!
//! A shard hosts the wallets of some partitions. It takes one message at a time and answers with effects, which are
//! values: messages to other partitions, events for the journal, answers to whoever asked. It knows no actor, queue,
//! clock or store, so that every order in which messages can arrive can be tried in a test.
//!
//! A transfer is three messages: [`Message::Debit`] to the payer's wallet, [`Message::Credit`] to the payee's, and,
//! only where the payee's wallet refuses, [`Message::TakeBack`] to the payer's. Whoever has the last word records the
//! outcome: the payee's wallet what is settled, the payer's wallet what is refused. So a transfer that spends units is
//! recorded after the one that brought them, and every prefix of the record is a valid ledger.

mod message;
mod partition;
mod shard;

pub use message::{Effect, Message, Ticket, WalletCommand};
pub use partition::{PARTITION_COUNT, Partition};
pub use shard::{Dirty, ShardState};
