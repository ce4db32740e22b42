//! The actors' shells: they carry messages to the pure machines and perform the effects that come back. Here, and in the
//! notifier, actix is known, and nowhere else.

mod address;
mod committer;
#[cfg(feature = "simulation")]
mod mailbox;
mod router;
mod shard;
mod system;

pub(crate) use committer::spawn_committer;
#[cfg(feature = "simulation")]
pub(crate) use mailbox::ManualShard;
pub(crate) use router::Router;
pub(crate) use shard::{PartitionCheckpoint, ShardActor};
pub(crate) use system::Actors;
