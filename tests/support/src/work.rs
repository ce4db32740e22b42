//! Clerks at work, all at once, each over connections of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::bank::{Clerk, Sent};
use crate::binary::Server;

const MAX_WAIT: Duration = Duration::from_secs(120);

/// Clerks that send one request after the other until the server is gone, or takes nothing more on.
#[derive(Debug)]
pub struct Work {
    clerks: JoinSet<Clerk>,
    answers: watch::Receiver<usize>,
}

impl Work {
    /// Sets them to work.
    #[must_use]
    pub fn begin(server: &Server, clerks: Vec<Clerk>) -> Self {
        let (sender, answers) = watch::channel(0);
        let sender = Arc::new(sender);
        let mut tasks = JoinSet::new();
        for mut clerk in clerks {
            let (operator, sender) = (server.operator(), Arc::clone(&sender));
            tasks.spawn(async move {
                while clerk.send(&operator).await == Sent::Done {
                    sender.send_modify(|count| *count += 1);
                }
                clerk
            });
        }
        Self { clerks: tasks, answers }
    }

    /// Waits until so many requests were answered.
    ///
    /// # Panics
    /// They are not.
    pub async fn answered(&mut self, count: usize) {
        let waited = tokio::time::timeout(MAX_WAIT, self.answers.wait_for(|answers| *answers >= count));
        waited.await.unwrap_or_else(|_| panic!("there are too few answers")).expect("the server is gone");
    }

    /// Waits until the server is gone for each of them.
    pub async fn end(self) -> Vec<Clerk> {
        self.clerks.join_all().await
    }
}
