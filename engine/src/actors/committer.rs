//! The committer's thread: blocks on the disk, so that no actor has to.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use quittance_journal::{Committer, Log};

use super::router::Router;
use crate::notifier::{Notifier, Published};
use crate::pending::Done;
use crate::stop::stop_at_once;

/// Starts the thread. It ends when every end of its queue is dropped.
pub(crate) fn spawn_committer<L: Log + 'static>(
    committer: Committer<L, Done>,
    router: Arc<Router>,
    notifier: actix::Addr<Notifier>,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("committer".to_owned()).spawn(move || {
        let ended = committer.run(|batch| {
            let blocks: Vec<_> = batch.blocks.into_iter().map(Arc::new).collect();
            // The shards first: whoever is told next and then asks a shard finds the blocks posted there.
            blocks.iter().for_each(|block| router.commit(block));
            notifier.do_send(Published { blocks, done: batch.done });
        });
        if let Err(error) = ended {
            // Nobody knows what is durable now.
            stop_at_once("the journal failed", &error);
        }
    })
}
