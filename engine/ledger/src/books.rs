//! A wallet's books: beside its balance, what it must remember.

use std::ops::{Deref, DerefMut};

use crate::hold::{HoldBook, HoldState};
use crate::id::{PaymentRequestId, TransferId};
use crate::refund::{LegId, RefundBook, RefundState};
use crate::request_book::{RequestBook, RequestState};
use crate::time::Timestamp;

/// An entry of a wallet's books: beside its balance, what it must remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BookEntry {
    /// A payment request.
    Request(PaymentRequestId),
    /// A hold.
    Hold(TransferId),
    /// What was given back of a leg.
    Refund(LegId),
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most entries are requests, and each is taken apart at once")]
pub enum EntryState {
    /// Of a payment request.
    Request(RequestState),
    /// Of a hold.
    Hold(HoldState),
    /// Of what was given back.
    Refund(RefundState),
}

/// What is entered in a wallet's books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entered {
    /// What it asks for.
    pub requests: RequestBook,
    /// What it set aside.
    pub holds: HoldBook,
    /// What it gave back.
    pub refunds: RefundBook,
}

static NOTHING: Entered =
    Entered { requests: RequestBook::new(), holds: HoldBook::new(), refunds: RefundBook::new() };

/// A wallet's books. Most wallets have nothing in them, so they take up memory once something is about to be entered.
#[derive(Clone, Debug, Default)]
pub struct Books(Option<Box<Entered>>);

impl Deref for Books {
    type Target = Entered;

    fn deref(&self) -> &Entered {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for Books {
    fn deref_mut(&mut self) -> &mut Entered {
        self.0.get_or_insert_default()
    }
}

impl PartialEq for Books {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Books {}

impl Books {
    /// Puts back an entry that a checkpoint remembered. State of another kind than the entry changes nothing.
    pub fn restore(&mut self, entry: BookEntry, state: EntryState) {
        match (entry, state) {
            (BookEntry::Request(id), EntryState::Request(state)) => self.requests.restore(id, state),
            (BookEntry::Hold(id), EntryState::Hold(state)) => self.holds.restore(id, state),
            (BookEntry::Refund(id), EntryState::Refund(state)) => self.refunds.restore(id, state),
            _ => {}
        }
    }

    /// What an entry says, durably.
    #[must_use]
    pub fn get(&self, entry: BookEntry) -> Option<EntryState> {
        match entry {
            BookEntry::Request(id) => self.requests.get(id).cloned().map(EntryState::Request),
            BookEntry::Hold(id) => self.holds.get(id).copied().map(EntryState::Hold),
            BookEntry::Refund(id) => self.refunds.get(id).copied().map(EntryState::Refund),
        }
    }

    /// Every entry.
    pub fn entries(&self) -> impl Iterator<Item = BookEntry> + '_ {
        let requests = self.requests.iter().map(|(id, _)| BookEntry::Request(id));
        let holds = self.holds.iter().map(|(id, _)| BookEntry::Hold(id));
        let refunds = self.refunds.iter().map(|(id, _)| BookEntry::Refund(id));
        requests.chain(holds).chain(refunds)
    }

    /// Forgets at most `most` entries of each book that are long over at `at`, and names them.
    pub(crate) fn forget(&mut self, at: Timestamp, most: usize) -> Vec<BookEntry> {
        let Some(entered) = &mut self.0 else { return Vec::new() };
        let requests = entered.requests.forget_expired(at, most).into_iter().map(BookEntry::Request);
        let holds = entered.holds.forget_ended(at, most).into_iter().map(BookEntry::Hold);
        let refunds = entered.refunds.forget_old(at, most).into_iter().map(BookEntry::Refund);
        let forgotten = requests.chain(holds).chain(refunds).collect();
        if **entered == NOTHING {
            self.0 = None;
        }
        forgotten
    }

    pub(crate) fn is_any_full(&self) -> bool {
        self.requests.is_full() || self.holds.is_full() || self.refunds.is_full()
    }
}
