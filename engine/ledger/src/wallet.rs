//! Wallets. This is the only file that changes a balance.
//!
//! A wallet keeps two kinds of state apart. What is *posted* is in the journal and survives anything. What is *in
//! flight* was decided and is on its way to the journal; it counts when the wallet decides what it may still spend,
//! and it is never shown, checkpointed or replayed.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::id::{AccountId, PaymentRequestId, WalletId};
use crate::money::{Amount, CurrencyCode, MAX_AMOUNT};
use crate::payment_request::{PaymentRequest, RequestBook, Terms};
use crate::refusal::Refusal;
use crate::text::Name;
use crate::time::Timestamp;
use crate::transfer::Purpose;

/// The most minor units a wallet may hold.
pub const MAX_BALANCE: i64 = MAX_AMOUNT.cast_signed();

/// How far below zero an issuer wallet may go: as many units as there may be of one currency.
const ISSUER_FLOOR: i64 = -(i64::MAX / 2);

/// Whose a wallet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// The one wallet of its currency that may go below zero: units enter and leave the system through it.
    Issuer,
    /// An account's.
    Account(AccountId),
}

/// Whether a wallet still takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WalletStatus {
    /// It pays and is paid.
    Open,
    /// It was closed, empty, and stays so.
    Closed,
}

/// A wallet's balances as they may be shown: of what is durable, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balances {
    /// The sum of the wallet's postings.
    pub posted: i64,
    /// What of it could be spent: what is posted less what is set aside.
    pub available: i64,
}

/// A wallet's durable state without its payment requests: what a checkpoint keeps of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletSnapshot {
    /// The wallet's id.
    pub id: WalletId,
    /// Whose it is.
    pub owner: Owner,
    /// The currency it holds.
    pub currency: CurrencyCode,
    /// What its owner calls it.
    pub name: Option<Name>,
    /// Open or closed.
    pub status: WalletStatus,
    /// The sum of its postings, in minor units.
    pub posted: i64,
}

/// What was decided of a wallet and is not in the journal yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct InFlight {
    /// Debits not yet posted, whether or not the payee has accepted them.
    debits: i64,
    /// Credits accepted and not yet posted.
    credits: i64,
    closing: bool,
}

/// A wallet: an actor's whole state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    posted: WalletSnapshot,
    in_flight: InFlight,
    requests: RequestBook,
}

impl Wallet {
    /// The wallet that an opening event makes; none of any other event.
    #[must_use]
    pub fn opened_by(event: &Event) -> Option<Self> {
        let (id, owner, currency, name) = match event {
            Event::CurrencyRegistered { currency, issuer } => (*issuer, Owner::Issuer, currency.code(), None),
            Event::WalletOpened { wallet, account, currency, name } => {
                (*wallet, Owner::Account(*account), *currency, *name)
            }
            _ => return None,
        };
        let posted = WalletSnapshot { id, owner, currency, name, status: WalletStatus::Open, posted: 0 };
        Some(Self::restore(posted, RequestBook::default()))
    }

    /// The wallet that a checkpoint remembered, with nothing in flight.
    #[must_use]
    pub fn restore(snapshot: WalletSnapshot, requests: RequestBook) -> Self {
        let wallet = Self { posted: snapshot, in_flight: InFlight::default(), requests };
        wallet.assert_invariants();
        wallet
    }

    /// The wallet's id.
    #[must_use]
    pub const fn id(&self) -> WalletId {
        self.posted.id
    }

    /// Whose it is.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        self.posted.owner
    }

    /// The currency it holds.
    #[must_use]
    pub const fn currency(&self) -> CurrencyCode {
        self.posted.currency
    }

    /// Its durable state.
    #[must_use]
    pub const fn snapshot(&self) -> WalletSnapshot {
        self.posted
    }

    /// Its payment requests.
    #[must_use]
    pub const fn requests(&self) -> &RequestBook {
        &self.requests
    }

    /// Forgets at most `most` requests that expired long before `at`, and names them.
    pub fn forget_expired_requests(&mut self, at: Timestamp, most: usize) -> Vec<PaymentRequestId> {
        self.requests.forget_expired(at, most)
    }

    /// Whether it takes part in transfers, by all that is decided.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.posted.status, WalletStatus::Open) && !self.in_flight.closing
    }

    /// What may still be spent: what is posted, with the accepted credits, less every debit that is under way.
    #[must_use]
    pub fn spendable(&self) -> i64 {
        let balance = i128::from(self.posted.posted)
            .saturating_add(i128::from(self.in_flight.credits))
            .saturating_sub(i128::from(self.in_flight.debits));
        i64::try_from(balance.saturating_sub(i128::from(self.floor()))).unwrap_or(i64::MAX)
    }

    /// What may still be taken in before the wallet is full. Debits under way do not make room: they may come back.
    pub(crate) fn room(&self) -> i64 {
        let ceiling = match self.posted.owner {
            Owner::Issuer => 0,
            Owner::Account(_) => MAX_BALANCE,
        };
        let room = i128::from(ceiling)
            .saturating_sub(i128::from(self.posted.posted))
            .saturating_sub(i128::from(self.in_flight.credits));
        i64::try_from(room).unwrap_or(i64::MAX)
    }

    const fn floor(&self) -> i64 {
        match self.posted.owner {
            Owner::Issuer => ISSUER_FLOOR,
            Owner::Account(_) => 0,
        }
    }

    /// Sets a debit aside that [`crate::decide_debit`] allowed.
    pub fn reserve(&mut self, amount: Amount) {
        assert!(self.spendable() >= amount.signed(), "a debit was decided on this state");
        self.in_flight.debits = self.in_flight.debits.saturating_add(amount.signed());
        self.assert_invariants();
    }

    /// Takes back a debit that the payee's wallet refused.
    pub fn release(&mut self, amount: Amount) {
        assert!(self.in_flight.debits >= amount.signed(), "only a debit that was set aside is taken back");
        self.in_flight.debits = self.in_flight.debits.saturating_sub(amount.signed());
        self.assert_invariants();
    }

    /// Accepts a credit that [`crate::decide_credit`] allowed.
    pub fn expect_credit(&mut self, amount: Amount, purpose: &Purpose) {
        assert!(self.room() >= amount.signed(), "a credit was decided on this state");
        self.in_flight.credits = self.in_flight.credits.saturating_add(amount.signed());
        if let Purpose::Payment(terms) = purpose {
            self.requests.expect_payment(terms);
        }
        self.assert_invariants();
    }

    /// Decides that the wallet is closed. `None`: it is closed already.
    ///
    /// # Errors
    /// It holds units, or units are on their way, or it is an issuer's.
    pub fn decide_close(&self) -> Result<Option<Event>, Refusal> {
        if !self.is_open() {
            return Ok(None);
        }
        let is_empty = self.posted.posted == 0 && self.in_flight.debits == 0 && self.in_flight.credits == 0;
        if !is_empty || self.posted.owner == Owner::Issuer {
            return Err(Refusal::WalletNotEmpty);
        }
        Ok(Some(Event::WalletClosed { wallet: self.id() }))
    }

    /// Accepts a closing that [`Wallet::decide_close`] allowed: from now on nothing comes in.
    pub const fn expect_close(&mut self) {
        self.in_flight.closing = true;
    }

    /// Decides that the payee asks for a payment. `None`: it did so already.
    ///
    /// # Errors
    /// The wallet is closed, the currency is not its own, the id is taken, or the expiry breaks a rule.
    pub fn decide_request(&self, request: &PaymentRequest, now: Timestamp) -> Result<Option<Event>, Refusal> {
        if !self.is_open() {
            return Err(Refusal::WalletClosed);
        }
        if request.currency != self.currency() {
            return Err(Refusal::PayeeCurrencyDiffers);
        }
        let is_repeat = self.requests.decide_open(request, now)?;
        Ok((!is_repeat).then_some(Event::PaymentRequestOpened(*request)))
    }

    /// Accepts a request that [`Wallet::decide_request`] allowed.
    pub fn expect_request(&mut self, request: PaymentRequest) {
        self.requests.expect_open(request);
    }

    /// Decides that the payee withdraws a request. `None`: it did so already.
    ///
    /// # Errors
    /// The request is not known, or was paid.
    pub fn decide_cancel(&self, request: PaymentRequestId) -> Result<Option<Event>, Refusal> {
        let is_repeat = self.requests.decide_cancel(request)?;
        Ok((!is_repeat).then_some(Event::PaymentRequestCancelled { payee: self.id(), request }))
    }

    /// Accepts a withdrawal that [`Wallet::decide_cancel`] allowed.
    pub fn expect_cancel(&mut self, request: PaymentRequestId) {
        self.requests.expect_cancel(request);
    }

    pub(crate) fn decide_payment(
        &self,
        terms: &Terms,
        amount: Amount,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.requests.decide_payment(terms, amount, now)
    }

    /// Changes the durable state by an event of the journal, and takes from what is in flight what the event settles.
    ///
    /// Replay applies events that no flight of this process preceded, so what is in flight may be less than what the
    /// event settles, and then nothing of it is left.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::TransferSettled(transfer) => {
                let amount = transfer.amount.signed();
                if transfer.payer == self.id() {
                    self.posted.posted = self.posted.posted.saturating_sub(amount);
                    self.in_flight.debits = self.in_flight.debits.saturating_sub(amount).max(0);
                }
                if transfer.payee == self.id() {
                    self.posted.posted = self.posted.posted.saturating_add(amount);
                    self.in_flight.credits = self.in_flight.credits.saturating_sub(amount).max(0);
                    if let Purpose::Payment(terms) = &transfer.purpose {
                        self.requests.apply_payment(terms, transfer.id);
                    }
                }
            }
            Event::WalletClosed { wallet } if *wallet == self.id() => {
                self.posted.status = WalletStatus::Closed;
                self.in_flight.closing = false;
            }
            Event::PaymentRequestOpened(request) if request.payee == self.id() => {
                self.requests.apply_open(*request)
            }
            Event::PaymentRequestCancelled { payee, request } if *payee == self.id() => {
                self.requests.apply_cancel(*request);
            }
            _ => {}
        }
        self.assert_invariants();
    }

    /// What must hold of one wallet whenever it is at rest.
    fn assert_invariants(&self) {
        assert!(self.posted.posted >= self.floor(), "no wallet is posted below its floor: {:?}", self.posted);
        assert!(self.spendable() >= 0, "no wallet is available below its floor: {self:?}");
        assert!(self.room() >= 0, "no wallet holds more than it may: {self:?}");
        assert!(
            self.in_flight.debits >= 0 && self.in_flight.credits >= 0,
            "what is in flight is a sum of amounts"
        );
        let is_closed = self.posted.status == WalletStatus::Closed;
        assert!(!is_closed || self.posted.posted == 0, "a closed wallet is empty: {:?}", self.posted);
    }
}

impl WalletSnapshot {
    /// The balances that may be shown.
    #[must_use]
    pub const fn balances(&self) -> Balances {
        Balances { posted: self.posted, available: self.posted }
    }
}
