//! The transfers that a caller sends: drawn one after the other, and sent as what the load is made of.

use quittance_ledger::{Amount, MAX_AMOUNT, Timestamp, TransferId};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::ids::transfer_id;
use crate::options::Op;
use crate::parties::Parties;
use crate::server::{Failure, Order, Outcome, Payment, Server};
use crate::spread::Pairs;

/// The most that an ordinary transfer moves, in minor units.
const MOST_MOVED: u64 = 1_000;

/// A transfer that is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) id: TransferId,
    /// The payer's wallet, by its number.
    pub(crate) payer: usize,
    /// The payee's wallet, by its number.
    pub(crate) payee: usize,
    pub(crate) amount: Amount,
    /// What should come of it.
    pub(crate) expected: Outcome,
}

/// Draws transfers.
#[derive(Debug)]
pub(crate) struct Traffic {
    pairs: Pairs,
    /// The share that asks for too much.
    refused: f64,
    rng: SmallRng,
}

impl Traffic {
    pub(crate) fn new(pairs: Pairs, refused: f64, seed: u64) -> Self {
        Self { pairs, refused, rng: SmallRng::seed_from_u64(seed) }
    }

    /// A transfer made at `now`.
    ///
    /// # Errors
    /// Never: amounts and ids are in range.
    pub(crate) fn draw(&mut self, now: Timestamp) -> Result<Draft, Failure> {
        let (payer, payee) = self.pairs.draw(&mut self.rng);
        let is_too_much = self.refused > 0.0 && self.rng.random_bool(self.refused);
        let amount = if is_too_much { MAX_AMOUNT } else { self.rng.random_range(1..=MOST_MOVED) };
        let expected = if is_too_much { Outcome::TooLittle } else { Outcome::Settled };
        let id = transfer_id(now, &mut self.rng)?;
        Ok(Draft { id, payer, payee, amount: Amount::new(amount)?, expected })
    }
}

/// Sends transfers in one request, and gives what came of each, in their order.
///
/// # Errors
/// There was no answer.
pub(crate) async fn send<S: Server>(
    server: &S,
    op: Op,
    parties: &Parties,
    drafts: &[Draft],
) -> Result<Vec<Outcome>, Failure> {
    match op {
        Op::Batch | Op::Single => {
            let orders = drafts.iter().map(|draft| order(parties, draft)).collect::<Option<Vec<_>>>();
            server.move_batch(&orders.ok_or("a wallet is missing")?).await
        }
        Op::Pay => {
            let mut outcomes = Vec::with_capacity(drafts.len());
            for draft in drafts {
                outcomes
                    .push(server.pay(payment(parties, draft).ok_or("a phone or barcode is missing")?).await?);
            }
            Ok(outcomes)
        }
    }
}

fn order(parties: &Parties, draft: &Draft) -> Option<Order> {
    Some(Order {
        id: draft.id,
        payer: *parties.wallets.get(draft.payer)?,
        payee: *parties.wallets.get(draft.payee)?,
        amount: draft.amount,
        currency: parties.currency,
    })
}

fn payment<'a>(parties: &'a Parties, draft: &Draft) -> Option<Payment<'a>> {
    Some(Payment {
        id: draft.id,
        payer: *parties.wallets.get(draft.payer)?,
        phone: parties.phone(draft.payer)?,
        barcode: parties.barcodes.get(draft.payee)?,
        amount: draft.amount,
    })
}
