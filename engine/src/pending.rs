//! Waiting for what was decided to become durable.

use quittance_ledger::Refusal;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::error::EngineError;

/// What a command comes to.
pub(crate) type Answer = Result<(), Refusal>;

/// Goes through the committer's queue with an event, or as a barrier behind others, and then tells whoever waits.
/// Holds the permit that reserved its slot in the queue.
#[derive(Debug)]
pub(crate) struct Done {
    reply: oneshot::Sender<Answer>,
    answer: Answer,
    _permit: OwnedSemaphorePermit,
}

/// The waiting end.
#[derive(Debug)]
pub(crate) struct Waiting(oneshot::Receiver<Answer>);

impl Done {
    pub(crate) fn new(permit: OwnedSemaphorePermit) -> (Self, Waiting) {
        let (reply, receiver) = oneshot::channel();
        (Self { reply, answer: Ok(()), _permit: permit }, Waiting(receiver))
    }

    /// The same, with another answer to tell.
    pub(crate) fn answering(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    /// Tells whoever waits. Nobody may: a client that went away is no error.
    pub(crate) fn tell(self) {
        let _ = self.reply.send(self.answer);
    }
}

impl Waiting {
    /// Waits until all that the answer rests on is durable, and gives the answer.
    pub(crate) async fn durable(self) -> Result<(), EngineError> {
        // The other end goes away without a word only when the engine ends.
        Ok(self.0.await.map_err(|_| EngineError::Stopping)??)
    }
}
