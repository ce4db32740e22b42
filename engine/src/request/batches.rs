//! Batches: the operator moves units between many wallets at once, each transfer for itself.

use std::sync::Arc;

use quittance_journal::Position;
use quittance_ledger::{Authority, Claim, Leg, Transfer};

use quittance_settlement::Message;

use crate::batch::Batch;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::{MAX_BATCH, MoveOrder, Moved, TransferRecord};

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
        let now = self.clock.now();
        let mut setting_out = Vec::with_capacity(orders.len());
        let mut claims = Vec::with_capacity(orders.len());
        for (index, (order, purpose)) in orders.iter().zip(self.directory.purposes(orders)).enumerate() {
            let claimed = purpose.map_err(EngineError::from).and_then(|purpose| {
                let MoveOrder { id, payer, payee, amount, currency, reference } = *order;
                let leg = Leg { payer, payee, amount, currency, purpose, reference };
                let transfer = Transfer::new(id, Authority::Operator, leg);
                let claim = self.admission.claim_in_batch(&transfer, now, &batch, index)?;
                if claim == Claim::New {
                    let first_visit = Message::first_visit(Box::new(transfer));
                    setting_out.extend(first_visit.partition().map(|partition| (partition, first_visit)));
                }
                Ok(claim)
            });
            claims.push(claimed);
        }
        self.router.deliver_together(setting_out.into_iter());
        // Until here nobody could be told, however fast it went.
        batch.end_one();
        all_known.await.map_err(|_| EngineError::Stopping)?;
        let mut repeats = self.records_of_repeats(&claims).await?.into_iter();
        let answers = claims.into_iter().enumerate().map(|(index, claimed)| match claimed? {
            Claim::New | Claim::Pending => batch.moved(index).ok_or(EngineError::Stopping),
            Claim::Done(_) => repeats.next().unwrap_or(Err(EngineError::Stopping)),
        });
        Ok(answers.collect())
    }

    /// What became of those that were finished before, in their order.
    async fn records_of_repeats(
        &self,
        claims: &[Result<Claim<Position>, EngineError>],
    ) -> Result<Vec<Result<Moved, EngineError>>, EngineError> {
        let done = |claimed: &Result<Claim<Position>, EngineError>| match claimed {
            Ok(Claim::Done(position)) => Some(*position),
            _ => None,
        };
        let positions: Vec<Position> = claims.iter().filter_map(done).collect();
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        let history = Arc::clone(&self.history);
        let moved = move |position| {
            let TransferRecord { position, at, refusal, .. } = history.transfer_at(position)?;
            Ok(Moved { position, at, refusal })
        };
        self.reading(move || positions.into_iter().map(moved).collect()).await
    }
}
