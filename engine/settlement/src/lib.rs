//! The settlement protocol as a pure machine.
//!
//! A shard hosts the wallets of some partitions. It takes one message at a time and answers with effects, which are
//! values: messages to other partitions, events for the journal, answers to whoever asked. It knows no actor, queue,
//! clock or store, so that every order in which messages can arrive can be tried in a test.
//!
//! A transfer visits its stops one after the other: [`Message::Visit`] to the payer's wallet, to the limits of its account
//! where there are any, to the other wallets, and to the payee's; for most that is two messages. Each stop decides its own
//! part and passes the transfer on. The last one records that it is settled. Where a stop refuses, [`Message::TakeBack`] goes
//! back the way it came, and the first stop records that it is refused. So a transfer that spends units is recorded after
//! the one that brought them, and every prefix of the record is a valid ledger.
//!
//! Nobody waits for anybody: a stop that has accepted a part goes on with its next message. So there is no cycle of waiting,
//! whatever the order in which transfers visit wallets, and nothing can deadlock. What a stop has accepted is out of the
//! payer's reach, and not in the payee's, until the record is in the journal's queue.

mod message;
mod pages;
mod partition;
mod partition_state;
mod shard;

pub use message::{Effect, Message, Ticket, WalletCommand};
pub use pages::{PageNumber, WALLETS_PER_PAGE};
pub use partition::{PARTITION_COUNT, Partition};
pub use partition_state::{Dirty, PartitionState};
pub use shard::{MAX_EXPIRING_PER_SHARD, ShardState};
