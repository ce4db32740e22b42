//! Holds each answer against the books and against what was asked.

use quittance_engine::{EngineError, Moved, TransferRecord};
use quittance_ledger::TransferId;

use crate::asking::{Asked, Came};
use crate::oracle::books::Balance;
use crate::oracle::{Verdict, must};
use crate::order::Body;
use crate::world::{Stop, World};

impl World {
    pub(crate) fn judge(&mut self, asked: &Asked, came: Came) -> Result<(), Stop> {
        match (asked, came) {
            (Asked::Order { id, body, is_pin_wrong }, Came::Transfer(answer)) => {
                self.judge_transfer(*id, body, *is_pin_wrong, &answer)?;
            }
            (Asked::Batch(orders), Came::Batch(Ok(answers))) => {
                must(orders.len() == answers.len(), || "a batch has another number of answers".to_owned())?;
                for ((id, body), answer) in orders.iter().zip(answers) {
                    let answer = answer.and_then(|moved| self.record_of(*id, &moved));
                    self.judge_transfer(*id, body, false, &answer)?;
                }
            }
            (Asked::Batch(_), Came::Batch(Err(error))) => self.judge_error(&error, false)?,
            (Asked::Open, Came::Opened(Ok(state))) => {
                let request = &state.request;
                let known = self.books.requests.get(&(request.payee, request.terms.request));
                must(known.is_some_and(|known| known.request == *request), || {
                    format!("the request {request:?} is answered and the journal has {known:?}")
                })?;
            }
            (Asked::Read { wallet, from }, Came::Read(Ok(read))) => {
                let read = Balance { posted: read.posted, held: read.held };
                let known = self.books.wallets.get(wallet);
                let mut was = known.into_iter().flat_map(|known| known.since(*from));
                must(was.any(|balance| balance == read), || {
                    format!("the wallet {wallet} was never as it was read: {read:?}, since position {from}")
                })?;
            }
            (_, Came::Command(Ok(()))) => {}
            (Asked::Open | Asked::Command, Came::Opened(Err(error)) | Came::Command(Err(error))) => {
                self.judge_error(&error, true)?;
            }
            (_, Came::Read(Err(error)) | Came::Command(Err(error)) | Came::Transfer(Err(error))) => {
                self.judge_error(&error, false)?;
            }
            (asked, came) => return Err(Stop::Wrong(format!("{came:?} answers {asked:?}"))),
        }
        Ok(())
    }

    fn judge_error(&self, error: &EngineError, may_be_refused: bool) -> Verdict {
        let is_right = match error {
            EngineError::Overloaded => self.was_full(),
            EngineError::Refused(_) => may_be_refused,
            _ => false,
        };
        must(is_right, || format!("nothing justifies the answer \"{error}\" ({error:?})"))
    }

    /// What a batch's answer says, in full: it is checked against the journal like any other.
    fn record_of(&self, id: TransferId, moved: &Moved) -> Result<TransferRecord, EngineError> {
        let missing =
            || EngineError::Damaged(format!("{moved:?} answers {id}, of which the journal is silent"));
        let transfer = self.books.transfers.get(&id).ok_or_else(missing)?.transfer.clone();
        Ok(TransferRecord { position: moved.position, at: moved.at, transfer, refusal: moved.refusal })
    }

    fn judge_transfer(
        &mut self,
        id: TransferId,
        body: &Body,
        is_pin_wrong: bool,
        answer: &Result<TransferRecord, EngineError>,
    ) -> Result<(), Stop> {
        let order = self.orders.get(&id).ok_or_else(|| format!("nobody gave the order {id}"))?;
        self.judge_by().transfer(order, body, is_pin_wrong, answer)?;
        let is_settled = !matches!(answer, Err(EngineError::Overloaded | EngineError::PinWrong { .. }));
        if let Some(order) = self.orders.get_mut(&id) {
            order.is_answered |= is_settled;
        }
        Ok(())
    }
}
