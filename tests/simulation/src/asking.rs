//! What is asked of the engine, by clients that wait for an answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use quittance_engine::simulation::Process;
use quittance_engine::{
    AdjustmentLeg, AdjustmentOrder, Ask, CaptureOrder, Engine, EngineError, MoveOrder, Moved, Mover,
    NewPaymentRequest, OperatorOrder, Party, PaymentLine, PaymentOrder, PaymentRequestState, RefundOrder,
    ReversalOrder, TransferRecord,
};
use quittance_journal::Position;
use quittance_ledger::{
    Amount, Authority, Leg, Purpose, Signature, Terms, Transfer, TransferId, WalletId, WalletSnapshot,
};

use crate::oracle::books::Books;
use crate::order::{Body, Movement};
use crate::people::{People, RIGHT_PIN, WRONG_PIN};
use crate::task::Task;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Order {
        id: TransferId,
        body: Body,
        is_pin_wrong: bool,
    },
    Batch(Vec<(TransferId, Body)>),
    Open,
    /// What a rule may say no to.
    Command,
    /// What no rule says no to.
    Setting,
    Read {
        wallet: WalletId,
        from: Position,
    },
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Came {
    Transfer(Result<TransferRecord, EngineError>),
    Batch(Result<Vec<Result<Moved, EngineError>>, EngineError>),
    Opened(Result<Box<PaymentRequestState>, EngineError>),
    Command(Result<(), EngineError>),
    Read(Result<WalletSnapshot, EngineError>),
}

/// A client that waits.
pub(crate) struct Running {
    pub(crate) asked: Asked,
    pub(crate) task: Task<Came>,
}

impl Asked {
    /// How much of what may be under way it takes at most.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Batch(orders) => orders.len(),
            Self::Read { .. } => 0,
            _ => 1,
        }
    }
}

fn amount(minor: u64) -> Result<Amount, EngineError> {
    Amount::new(minor).map_err(|error| EngineError::Damaged(error.to_string()))
}

fn damaged(error: impl std::fmt::Display) -> EngineError {
    EngineError::Damaged(error.to_string())
}

/// Gives an order that is no batch of its own. None where its request is not known.
pub(crate) fn order(
    engine: &Arc<Engine>,
    people: &Arc<People>,
    books: &Books,
    id: TransferId,
    body: Body,
    is_pin_wrong: bool,
) -> Option<Running> {
    let (engine, people, given) = (Arc::clone(engine), Arc::clone(people), body.clone());
    if let Body::Move((payer, payee, _)) = body
        && people.is_wallet(payer)
        && people.is_wallet(payee)
    {
        return Some(batch(&engine, &people, vec![(id, body)]));
    }
    let terms = match &body {
        Body::Pay { request, movement: (_, payee, _), .. } => {
            Some(books.requests.get(&(*payee, *request))?.request.terms)
        }
        _ => None,
    };
    let task = Task::new(async move {
        Came::Transfer(match given {
            Body::Move(movement) => give_move(&engine, &people, id, movement).await,
            Body::Adjust(movements) => adjust(&engine, &people, id, &movements).await,
            Body::Pay { movement, hold_until, .. } => match terms {
                Some(terms) => pay(&engine, &people, id, movement, terms, hold_until, is_pin_wrong).await,
                None => Err(damaged("a payment of no request")),
            },
            Body::Capture { hold, movement: (.., minor), is_final } => match amount(minor) {
                Ok(amount) => {
                    engine.capture(Mover::Operator, CaptureOrder { id, hold, amount, is_final }).await
                }
                Err(error) => Err(error),
            },
            Body::Refund { of, movement: (.., minor) } => match amount(minor) {
                Ok(amount) => {
                    let order =
                        RefundOrder { id, transfer: of, leg: None, amount: Some(amount), reference: None };
                    engine.refund(Mover::Operator, order).await
                }
                Err(error) => Err(error),
            },
            Body::Reverse { of, .. } => match "a mistake".parse() {
                Ok(reason) => engine.reverse(ReversalOrder { id, transfer: of, reason }).await,
                Err(_) => Err(damaged("reason")),
            },
        })
    });
    Some(Running { asked: Asked::Order { id, body, is_pin_wrong }, task })
}

async fn give_move(
    engine: &Engine,
    people: &People,
    id: TransferId,
    (payer, payee, minor): Movement,
) -> Result<TransferRecord, EngineError> {
    let is_issue = payer == people.issuer;
    let wallet = if is_issue { payee } else { payer };
    let order =
        OperatorOrder { id, wallet, amount: amount(minor)?, currency: people.currency, reference: None };
    if is_issue { engine.issue(order).await } else { engine.redeem(order).await }
}

async fn adjust(
    engine: &Engine,
    people: &People,
    id: TransferId,
    movements: &[Movement],
) -> Result<TransferRecord, EngineError> {
    let mut legs = Vec::new();
    for (payer, payee, minor) in movements {
        let (payer, payee, amount) = (*payer, *payee, amount(*minor)?);
        legs.push(AdjustmentLeg { payer, payee, amount, currency: people.currency, reference: None });
    }
    let reason = "a mistake".parse().map_err(|_| damaged("reason"))?;
    engine.adjust(AdjustmentOrder { id, legs, reason }).await
}

async fn pay(
    engine: &Engine,
    people: &People,
    id: TransferId,
    (payer, payee, minor): Movement,
    terms: Terms,
    hold_until: Option<quittance_ledger::Timestamp>,
    is_pin_wrong: bool,
) -> Result<TransferRecord, EngineError> {
    let person = people.owner(payer).ok_or_else(|| damaged("nobody's wallet pays"))?;
    let amount = amount(minor)?;
    let purpose = match hold_until {
        Some(until) => Purpose::Hold { terms, until },
        None => Purpose::Payment(terms),
    };
    let currency = people.currency;
    let leg = Leg { payer, payee, amount, currency, purpose, reference: None };
    let authority = Authority::Device { account: person.account, device: person.device.device };
    let transfer = Transfer::new(id, authority, leg);
    let pin = if is_pin_wrong { WRONG_PIN } else { RIGHT_PIN };
    let ask = Ask::Request { wallet: payee, request: terms.request };
    let order = PaymentOrder {
        id,
        payer,
        lines: vec![PaymentLine { ask, amount: Some(amount), currency: None }],
        hold_until,
        pin: pin.parse().map_err(damaged)?,
        signature: Signature(person.sign(engine, &transfer)),
    };
    engine.pay(&person.device, order).await
}

/// Gives orders that move units, in one batch.
pub(crate) fn batch(engine: &Arc<Engine>, people: &Arc<People>, orders: Vec<(TransferId, Body)>) -> Running {
    let (engine, currency) = (Arc::clone(engine), people.currency);
    let moves: Result<Vec<MoveOrder>, EngineError> = orders
        .iter()
        .filter_map(|(id, body)| match body {
            Body::Move((payer, payee, minor)) => {
                let order = |amount| MoveOrder {
                    id: *id,
                    payer: *payer,
                    payee: *payee,
                    amount,
                    currency,
                    reference: None,
                };
                Some(amount(*minor).map(order))
            }
            _ => None,
        })
        .collect();
    let task = Task::new(async move {
        match moves {
            Ok(moves) => Came::Batch(engine.move_batch(&moves).await),
            Err(error) => Came::Batch(Err(error)),
        }
    });
    Running { asked: Asked::Batch(orders), task }
}

pub(crate) fn open(engine: &Arc<Engine>, people: &People, new: NewPaymentRequest) -> Option<Running> {
    let (engine, party) = (Arc::clone(engine), Party::Account(people.owner(new.wallet)?.account));
    let task = Task::new(async move { Came::Opened(engine.open_request(party, new).await.map(Box::new)) });
    Some(Running { asked: Asked::Open, task })
}

pub(crate) fn read(process: &Process, wallet: WalletId) -> Running {
    let engine = Arc::clone(process.engine());
    let from = engine.tip();
    let task = Task::new(async move { Came::Read(engine.wallet(Party::Operator, wallet).await) });
    Running { asked: Asked::Read { wallet, from }, task }
}

/// Something that is asked for and answered with nothing that matters here.
pub(crate) fn command<T: 'static>(
    asked: Asked,
    future: impl Future<Output = Result<T, EngineError>> + 'static,
) -> Running {
    Running { asked, task: Task::new(async move { Came::Command(future.await.map(drop)) }) }
}

/// One of several, by a number that is taken round.
pub(crate) fn nth<K: Copy, V>(map: &BTreeMap<K, V>, place: usize, fits: impl Fn(&V) -> bool) -> Option<K> {
    let fitting: Vec<K> = map.iter().filter(|(_, value)| fits(value)).map(|(key, _)| *key).collect();
    fitting.get(place.checked_rem(fitting.len())?).copied()
}
