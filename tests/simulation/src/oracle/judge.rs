//! What an answer may be, by the books and by what was under way when it was asked for.
//!
//! Much happens side by side, so a refusal is right if there was a moment between question and answer, and an order of what was
//! under way, in which the rule that it names was broken.

use std::collections::BTreeMap;

use quittance_engine::{EngineError, TransferRecord};
use quittance_journal::Position;
use quittance_ledger::{AccountId, Purpose, Refusal, Timestamp, Transfer, TransferId, Usage, WalletId};

use super::books::{Books, Known, Over, Request};
use super::{Verdict, must};
use crate::order::{Body, Order};

/// What there is to judge by.
pub(crate) struct Judge<'a> {
    pub(crate) books: &'a Books,
    pub(crate) orders: &'a BTreeMap<TransferId, Order>,
    pub(crate) now: Timestamp,
    pub(crate) id_window_ms: u64,
    /// Whether as much was under way at some moment as may be.
    pub(crate) was_full: bool,
    /// How many wrong PINs were given, ever.
    pub(crate) wrong_pins: &'a BTreeMap<AccountId, u32>,
}

impl Judge<'_> {
    /// What came of an order.
    pub(crate) fn transfer(
        &self,
        order: &Order,
        body: &Body,
        is_pin_wrong: bool,
        answer: &Result<TransferRecord, EngineError>,
    ) -> Verdict {
        match answer {
            Ok(record) => {
                let known = self.books.transfers.get(&order.id);
                let known = known.ok_or_else(|| {
                    let tip = self.books.tip();
                    format!(
                        "an answer is of position {}, and the journal durable up to {tip}",
                        record.position
                    )
                })?;
                let is_same = (known.position, known.at, &known.transfer, known.refusal)
                    == (record.position, record.at, &record.transfer, record.refusal);
                must(is_same, || format!("the answer {record:?} is not what the journal says: {known:?}"))?;
                must(!is_pin_wrong, || "a payment with a wrong PIN was carried out".into())?;
                must(body.is_of(&record.transfer), || {
                    format!("the answer to {body:?} is of something else: {record:?}")
                })?;
                self.outcome(order, known)
            }
            Err(error) => self.error(order, body, is_pin_wrong, error),
        }
    }

    /// Why an order came to nothing that the journal has.
    pub(crate) fn error(
        &self,
        order: &Order,
        body: &Body,
        is_pin_wrong: bool,
        error: &EngineError,
    ) -> Verdict {
        let is_right = match error {
            EngineError::Overloaded => self.was_full,
            EngineError::PinWrong { .. } => is_pin_wrong,
            EngineError::Refused(refusal) => match refusal {
                Refusal::IdTooOld => order.id.made_at() < self.now.minus_millis(self.id_window_ms),
                Refusal::IdConflict => order.bodies.len() > 1,
                Refusal::PinLocked => self.payer_of(body).is_some_and(|payer| {
                    self.books.owner(payer).and_then(|owner| self.wrong_pins.get(&owner)) >= Some(&5)
                }),
                Refusal::RequestExpired => self.request(body).is_some_and(|request| {
                    request.request.terms.expires_at.is_some_and(|end| end <= self.now)
                }),
                Refusal::RequestNotHoldable => self.request(body).is_some_and(|request| {
                    request.request.terms.usage == Usage::Parts || !request.request.splits.is_empty()
                }),
                Refusal::NotRefundable => match body {
                    Body::Reverse { of, .. } | Body::Refund { of, .. } => self.can_not_be_given_back(*of),
                    _ => false,
                },
                _ => false,
            },
            _ => false,
        };
        must(is_right, || format!("nothing justifies the answer \"{error}\" ({error:?}) to {order:?}"))
    }

    /// What the journal says of an order, settled or refused.
    pub(crate) fn outcome(&self, order: &Order, known: &Known) -> Verdict {
        let made_at = order.id.made_at();
        must(made_at >= order.first_at.minus_millis(self.id_window_ms), || {
            format!("an order was carried out that was too old when it was first given: {order:?}")
        })?;
        must(order.bodies.iter().any(|body| body.is_of(&known.transfer)), || {
            format!("the journal has {known:?}, which nobody asked for: {order:?}")
        })?;
        match known.refusal {
            None => self.settled(order, &known.transfer, known.position),
            Some(refusal) => must(self.is_justified(order, known, refusal), || {
                format!("nothing justifies the refusal \"{refusal}\" of {order:?}, {known:?}")
            }),
        }
    }

    /// What may not have been settled, by what was published before it was asked for.
    fn settled(&self, order: &Order, transfer: &Transfer, position: Position) -> Verdict {
        // Of several legs a wallet may get more than it pays.
        let legs: Vec<_> = transfer.legs().collect();
        let [leg] = legs.as_slice() else { return Ok(()) };
        let comes_back = matches!(leg.purpose, Purpose::Refund(_) | Purpose::Reversal(_));
        let is_taken_back = matches!(leg.purpose, Purpose::Reversal(_));
        let was_frozen = |wallet: WalletId, pick: fn(&(Position, bool, bool)) -> bool| {
            let freezes = self.books.wallets.get(&wallet).map_or(&[][..], |wallet| &wallet.freezes);
            let first = freezes.partition_point(|(from, ..)| *from <= order.first_tip).saturating_sub(1);
            let mut meanwhile = freezes.iter().skip(first).take_while(|(from, ..)| *from < position);
            meanwhile.all(pick)
        };
        must(is_taken_back || !was_frozen(leg.payer, |(_, out, _)| *out), || {
            format!("a frozen wallet paid: {order:?}")
        })?;
        must(comes_back || !was_frozen(leg.payee, |(.., into)| *into), || {
            format!("a wallet was paid that is frozen both ways: {order:?}")
        })
    }

    fn payer_of(&self, body: &Body) -> Option<WalletId> {
        body.movements().first().map(|(payer, ..)| *payer)
    }

    fn request(&self, body: &Body) -> Option<&Request> {
        let Body::Pay { request, movement: (_, payee, _), .. } = body else { return None };
        self.books.requests.get(&(*payee, *request))
    }

    fn can_not_be_given_back(&self, of: TransferId) -> bool {
        let refused = |known: &Known| {
            known.refusal.is_some()
                || known.transfer.legs().any(|leg| {
                    matches!(
                        leg.purpose,
                        Purpose::Hold { .. }
                            | Purpose::Refund(_)
                            | Purpose::Reversal(_)
                            | Purpose::Conversion
                    )
                })
        };
        self.books.transfers.get(&of).is_none_or(refused)
    }

    /// Orders that were, or may have been, under way at one time with this one.
    fn beside(&self, order: &Order) -> impl Iterator<Item = &Order> {
        let (id, from) = (order.id, order.first_tip);
        self.orders.values().filter(move |other| {
            let known = self.books.transfers.get(&other.id);
            other.id != id && known.is_none_or(|known| known.position > from)
        })
    }

    /// Whether any body of another order fits, that was under way beside this one.
    fn is_beside(&self, order: &Order, fits: impl Fn(&Body) -> bool) -> bool {
        self.beside(order).any(|other| other.bodies.iter().any(&fits))
    }

    fn is_justified(&self, order: &Order, known: &Known, refusal: Refusal) -> bool {
        let Some(body) = order.bodies.iter().find(|body| body.is_of(&known.transfer)) else { return false };
        let before = |position: Position| position < known.position;
        match refusal {
            Refusal::SelfPayment => {
                let is_one = |(payer, payee, _): &(WalletId, WalletId, u64)| {
                    payer == payee
                        || (matches!(body, Body::Pay { .. })
                            && self.books.owner(*payer) == self.books.owner(*payee))
                };
                body.movements().iter().any(is_one)
            }
            Refusal::InsufficientFunds => self.lacks_funds(order, body),
            Refusal::BalanceOverflow => self.has_no_room(order, body),
            Refusal::PayerFrozen | Refusal::PayeeFrozen => {
                // Those of splits too.
                let mut wallets = known.transfer.legs().flat_map(|leg| [leg.payer, leg.payee]);
                wallets.any(|wallet| {
                    let wallet = self.books.wallets.get(&wallet);
                    let (out, into) =
                        wallet.map(|wallet| wallet.was_frozen_since(order.first_tip)).unwrap_or_default();
                    if refusal == Refusal::PayerFrozen { out } else { into }
                })
            }
            Refusal::RequestPaid
            | Refusal::RequestHeld
            | Refusal::RequestCancelled
            | Refusal::RequestBusy
            | Refusal::RequestExpired
            | Refusal::AmountExceedsRest => {
                self.request(body).is_some_and(|request| self.can_refuse(order, known, request, refusal))
            }
            Refusal::HoldExpiryInvalid => {
                let Body::Pay { hold_until: Some(until), .. } = body else { return false };
                // A one-time request must not be open again when what was set aside for it is let go.
                let ends_first = |request: &Request| {
                    let terms = &request.request.terms;
                    terms.usage == Usage::OneTime && terms.expires_at.is_some_and(|end| *until < end)
                };
                *until <= known.at || self.request(body).is_some_and(ends_first)
            }
            Refusal::HoldExpired
            | Refusal::HoldReleased
            | Refusal::HoldCaptured
            | Refusal::CaptureExceedsHold
            | Refusal::HoldBusy => {
                let Body::Capture { hold: id, movement: (.., amount), .. } = body else { return false };
                let Some(hold) = self.books.holds.get(id) else { return false };
                let ended = |how| hold.over.is_some_and(|(position, over)| before(position) && over == how);
                match refusal {
                    // An expiry that is decided is told of as a release until it is durable.
                    Refusal::HoldReleased => ended(Over::Released) || ended(Over::Expired),
                    Refusal::HoldExpired => hold.until <= known.at || ended(Over::Expired),
                    Refusal::HoldCaptured => ended(Over::Captured),
                    Refusal::HoldBusy => self
                        .is_beside(order, |other| matches!(other, Body::Capture { hold, .. } if hold == id)),
                    _ => {
                        let taken = hold.captured.iter().filter(|(position, _)| before(*position));
                        let taken: u64 = taken.map(|(_, amount)| amount).sum();
                        let beside = self.sum_beside(order, |other| match other {
                            Body::Capture { hold, movement: (.., amount), .. } if hold == id => *amount,
                            _ => 0,
                        });
                        taken + beside + amount > hold.amount
                    }
                }
            }
            Refusal::RefundExceedsTransfer => self.exceeds_original(order, known),
            _ => false,
        }
    }

    fn sum_beside(&self, order: &Order, of: impl Fn(&Body) -> u64) -> u64 {
        self.beside(order).flat_map(|other| &other.bodies).map(of).sum()
    }

    /// Whether some wallet that pays may have lacked the units, at some moment since the order was first given.
    fn lacks_funds(&self, order: &Order, body: &Body) -> bool {
        body.movements().iter().any(|(payer, ..)| {
            let Some(wallet) = self.books.wallets.get(payer) else { return true };
            let least = wallet.since(order.first_tip).map(|balance| balance.posted - balance.held).min();
            let beside: u64 = self.beside(order).map(|other| other.debits(*payer)).sum();
            let received = body.movements().iter().filter(|(_, payee, _)| payee == payer);
            let received: u64 = received.map(|(.., amount)| amount).sum();
            let needed = i128::from(body.debits(*payer)) - i128::from(received);
            i128::from(least.unwrap_or_default()) - i128::from(beside) < needed
        })
    }

    /// Whether more may have come back to the issuer than it had issued, at some moment since the order was first given.
    fn has_no_room(&self, order: &Order, body: &Body) -> bool {
        body.movements().iter().any(|(_, payee, _)| {
            let Some(wallet) = self.books.wallets.get(payee).filter(|wallet| wallet.owner.is_none()) else {
                return false;
            };
            let credits = |body: &Body| -> u64 {
                let received = body.movements().iter().filter(|(_, to, _)| to == payee);
                received.map(|(.., amount)| amount).sum()
            };
            let most = wallet.since(order.first_tip).map(|balance| balance.posted).max().unwrap_or_default();
            i128::from(most) + i128::from(self.sum_beside(order, credits)) + i128::from(credits(body)) > 0
        })
    }

    fn can_refuse(&self, order: &Order, known: &Known, request: &Request, refusal: Refusal) -> bool {
        let before = |position: Position| position < known.position;
        let terms = &request.request.terms;
        let answers = |other: &Body| matches!(other, Body::Pay { request, .. } if *request == terms.request);
        let paid = request.paid.iter().filter(|(position, _)| before(*position));
        let paid: u64 = paid.map(|(_, amount)| amount).sum();
        match refusal {
            Refusal::RequestPaid => paid > 0 || request.held.iter().copied().any(before),
            Refusal::RequestHeld => request.held.iter().copied().any(before),
            Refusal::RequestCancelled => request.cancelled.is_some_and(before),
            Refusal::RequestBusy => self.is_beside(order, answers),
            Refusal::RequestExpired => terms.expires_at.is_some_and(|end| end <= known.at),
            Refusal::AmountExceedsRest => {
                let beside = self.sum_beside(order, |other| match other {
                    Body::Pay { movement: (.., amount), .. } if answers(other) => *amount,
                    _ => 0,
                });
                let asked = terms.amount.map_or(0, |amount| amount.get());
                paid + beside + known.transfer.first.amount.get() > asked
            }
            _ => false,
        }
    }

    fn exceeds_original(&self, order: &Order, known: &Known) -> bool {
        known.transfer.legs().any(|leg| {
            let (Purpose::Refund(original) | Purpose::Reversal(original)) = leg.purpose else { return false };
            let Some(of) = self.books.transfers.get(&original.id.transfer) else { return false };
            let given_back = of.given_back.get(&original.id.leg).map_or(&[][..], Vec::as_slice);
            let given_back = given_back.iter().filter(|(position, _)| *position < known.position);
            let given_back: u64 = given_back.map(|(_, amount)| amount).sum();
            let beside = self.sum_beside(order, |other| match other {
                Body::Refund { of, movement: (.., amount) } if *of == original.id.transfer => *amount,
                Body::Reverse { of, movements } if *of == original.id.transfer => {
                    movements.iter().map(|(.., amount)| amount).sum()
                }
                _ => 0,
            });
            given_back + beside + leg.amount.get() > original.amount.get()
        })
    }
}
