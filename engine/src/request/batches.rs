//! Batches: the operator moves units between many wallets at once, each transfer for itself.

use std::sync::Arc;

use quittance_journal::Position;
use quittance_ledger::{Authority, Claim, Leg, Purpose, Transfer};

use quittance_settlement::Message;

use crate::batch::Batch;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::{MAX_BATCH, MoveOrder, Moved};

/// A transfer of a batch that is asked for.
struct Asked {
    index: usize,
    transfer: Transfer,
    /// Positions of finished transfers that might have had its id, and have not.
    ruled_out: Vec<Position>,
}

/// One that may be finished, and where.
struct Perhaps {
    asked: Asked,
    position: Position,
}

impl Engine {
    /// Moves units as each order says, each for itself: one that is refused leaves the others be. Gives what came of each,
    /// in the order of the orders, once all of it is durable. Orders of one batch are decided side by side: what one brings
    /// may not be there yet for the next.
    ///
    /// Each answer is as of [`Engine::issue`]: a repeat gets the answer it got, and an error uses up no id.
    ///
    /// # Errors
    /// There are more than [`MAX_BATCH`] orders, or too much is under way for all of them; then none is carried out. Or the
    /// engine ends, or what came of repeats can't be read now: then the same orders again get the answers of those that were.
    pub async fn move_batch(
        &self,
        orders: &[MoveOrder],
    ) -> Result<Vec<Result<Moved, EngineError>>, EngineError> {
        if orders.len() > MAX_BATCH {
            return Err(EngineError::BatchTooLong);
        }
        let permit = self.admission.permits(u32::try_from(orders.len()).unwrap_or(u32::MAX))?;
        let (batch, all_known) = Batch::new(orders.len(), permit);
        let mut answers = Vec::with_capacity(orders.len());
        let mut asked = Vec::with_capacity(orders.len());
        for (index, (order, purpose)) in orders.iter().zip(self.directory.purposes(orders)).enumerate() {
            // What is under way is answered by the batch.
            answers.push(purpose.as_ref().err().map(|refusal| Err(EngineError::from(*refusal))));
            if let Ok(purpose) = purpose {
                asked.push(Asked { index, transfer: transfer_of(order, purpose), ruled_out: Vec::new() });
            }
        }
        while !asked.is_empty() {
            let perhaps = self.claim_all(std::mem::take(&mut asked), &batch, &mut answers);
            if perhaps.is_empty() {
                break;
            }
            for (one, answer) in self.look_for(perhaps).await? {
                match (answer.transpose(), answers.get_mut(one.index)) {
                    (Some(answer), Some(place)) => *place = Some(answer),
                    _ => asked.push(one),
                }
            }
        }
        // Until here nobody could be told, however fast it went.
        batch.end_one();
        all_known.await.map_err(|_| EngineError::Stopping)?;
        let moved = |index| batch.moved(index).ok_or(EngineError::Stopping);
        let answers = answers.into_iter().enumerate();
        Ok(answers.map(|(index, answer)| answer.unwrap_or_else(|| moved(index))).collect())
    }

    /// Sends those on their way that are new, and gives those that may be finished. What is an error is answered.
    fn claim_all(
        &self,
        asked: Vec<Asked>,
        batch: &Arc<Batch>,
        answers: &mut [Option<Result<Moved, EngineError>>],
    ) -> Vec<Perhaps> {
        let now = self.clock.now();
        let mut setting_out = Vec::with_capacity(asked.len());
        let mut perhaps = Vec::new();
        for one in asked {
            match self.admission.claim_in_batch(&one.transfer, now, &one.ruled_out, batch, one.index) {
                Ok(Claim::New) => {
                    let first_visit = Message::first_visit(Box::new(one.transfer));
                    setting_out.extend(first_visit.partition().map(|partition| (partition, first_visit)));
                }
                Ok(Claim::Pending) => {}
                Ok(Claim::Perhaps(place)) => {
                    perhaps.push(Perhaps { asked: one, position: Position::new(place) });
                }
                Err(error) => {
                    if let Some(answer) = answers.get_mut(one.index) {
                        *answer = Some(Err(error));
                    }
                }
            }
        }
        self.router.deliver_together(setting_out.into_iter());
        perhaps
    }

    /// Reads what may be the answers. Those that it is not know one position more that is another's.
    async fn look_for(
        &self,
        perhaps: Vec<Perhaps>,
    ) -> Result<Vec<(Asked, Result<Option<Moved>, EngineError>)>, EngineError> {
        let history = Arc::clone(&self.history);
        let look = move |Perhaps { mut asked, position }| {
            let record = history.transfer_at(position).and_then(|record| {
                let answers = record.answers(&asked.transfer)?;
                Ok(answers.then_some(Moved { position, at: record.at, refusal: record.refusal }))
            });
            asked.ruled_out.push(position);
            (asked, record)
        };
        self.reading(move || perhaps.into_iter().map(look).collect()).await
    }
}

fn transfer_of(order: &MoveOrder, purpose: Purpose) -> Transfer {
    let MoveOrder { id, payer, payee, amount, currency, reference } = *order;
    Transfer::new(id, Authority::Operator, Leg { payer, payee, amount, currency, purpose, reference })
}
