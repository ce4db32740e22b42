//! The actors' threads: one for each shard, one for the notifier, and one that holds them together.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use actix::{Actor, Addr, Arbiter, System};

use super::address::Address;
use super::router::Router;
use super::shard::ShardActor;
use crate::error::StartError;
use crate::notifier::Notifier;

/// The running actors.
pub(crate) struct Actors {
    system: System,
    thread: JoinHandle<()>,
    arbiters: Vec<Arbiter>,
}

impl Actors {
    /// Starts the actors, each on a thread of its own, and tells the router of the shards.
    pub(crate) fn start(
        shards: Vec<ShardActor>,
        notifier: Notifier,
        router: &Arc<Router>,
    ) -> Result<(Self, Addr<Notifier>), StartError> {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("actors".to_owned())
            .spawn(move || {
                let runner = System::new();
                runner.block_on(async move {
                    let mut arbiters = Vec::with_capacity(shards.len().saturating_add(1));
                    let mut start_thread = || {
                        let arbiter = Arbiter::new();
                        let handle = arbiter.handle();
                        arbiters.push(arbiter);
                        handle
                    };
                    let shards: Box<[Address]> = shards
                        .into_iter()
                        .map(|shard| Address::Actor(ShardActor::start_in_arbiter(&start_thread(), |_| shard)))
                        .collect();
                    let notifier = Notifier::start_in_arbiter(&start_thread(), |_| notifier);
                    // Whoever started this thread is waiting for it.
                    let _ = sender.send((System::current(), shards, notifier, arbiters));
                });
                if let Err(error) = runner.run() {
                    tracing::error!(%error, "the actors' system ended badly");
                }
            })
            .map_err(StartError::Thread)?;
        let (system, shards, notifier, arbiters) =
            receiver.recv().map_err(|_| StartError::Thread(std::io::ErrorKind::Other.into()))?;
        router.set(shards);
        Ok((Self { system, thread, arbiters }, notifier))
    }

    /// Ends the actors and waits for their threads.
    pub(crate) fn stop(self) {
        for arbiter in self.arbiters {
            arbiter.stop();
            // What its actors hold of the store is dropped then.
            if arbiter.join().is_err() {
                tracing::error!("an actor's thread panicked");
            }
        }
        self.system.stop();
        if self.thread.join().is_err() {
            tracing::error!("the actors' thread panicked");
        }
    }
}
