//! Wallets. This is the only file that changes a balance.
//!
//! A wallet keeps two kinds of state apart. What is *posted* is in the journal and survives anything. What is *in
//! flight* was decided and is on its way to the journal; it counts when the wallet decides what it may still spend,
//! and it is never shown, checkpointed or replayed.

use crate::allowance::LetGo;
use crate::books::{BookEntry, Books};
use crate::calendar::Day;
use crate::event::Event;
use crate::hold::{HoldBook, HoldState, HoldStatus};
use crate::id::{PaymentRequestId, TransferId, WalletId};
use crate::limits::{Limits, Spending};
use crate::money::{Amount, CurrencyCode, MAX_AMOUNT};
use crate::part::Part;
use crate::payment_request::PaymentRequest;
use crate::refund::RefundBook;
use crate::refusal::Refusal;
use crate::request_book::RequestBook;
use crate::time::Timestamp;
use crate::transfer::{Purpose, Transfer};
use crate::wallet_snapshot::{Owner, WalletSettings, WalletSnapshot, WalletStatus, day_by};

/// The most minor units a wallet may hold.
pub const MAX_BALANCE: i64 = MAX_AMOUNT.cast_signed();

/// How far below zero an issuer wallet may go: as many units as there may be of one currency.
const ISSUER_FLOOR: i64 = -(i64::MAX / 2);

/// What was decided of a wallet and is not in the journal yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct InFlight {
    /// How many transfers have a part here, also where it comes to nothing.
    parts: u32,
    /// What must stay free for debits and holds that are not posted, whether or not others have accepted them.
    debits: i64,
    /// Credits not yet posted that can be spent: the record of them is in the journal's queue.
    credits: i64,
    /// By how much the posted balance will grow, whether or not others may still refuse.
    growth: i64,
}

/// A wallet: an actor's whole state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    posted: WalletSnapshot,
    books: Books,
    in_flight: InFlight,
    /// What is in force: with what is decided and not yet in the journal.
    status: WalletStatus,
    settings: Option<Box<WalletSettings>>,
    spending: Spending,
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
        let posted = WalletSnapshot {
            id,
            owner,
            currency,
            name,
            status: WalletStatus::Open,
            posted: 0,
            held: 0,
            spending: Spending::default(),
            settings: None,
        };
        Some(Self::restore(posted, Books::default()))
    }

    /// The wallet that a checkpoint remembered, with nothing in flight.
    #[must_use]
    pub fn restore(snapshot: WalletSnapshot, books: Books) -> Self {
        let (status, settings, spending) = (snapshot.status, snapshot.settings.clone(), snapshot.spending);
        let in_flight = InFlight::default();
        let wallet = Self { posted: snapshot, books, in_flight, status, settings, spending };
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
    pub const fn snapshot(&self) -> &WalletSnapshot {
        &self.posted
    }

    /// Its books.
    #[must_use]
    pub const fn books(&self) -> &Books {
        &self.books
    }

    /// Its payment requests.
    #[must_use]
    pub fn requests(&self) -> &RequestBook {
        &self.books.requests
    }

    /// Its holds.
    #[must_use]
    pub fn holds(&self) -> &HoldBook {
        &self.books.holds
    }

    /// What it gave back.
    #[must_use]
    pub fn refunds(&self) -> &RefundBook {
        &self.books.refunds
    }

    /// Forgets at most `most` entries of each of its books that are long over at `at`, and names them.
    pub fn forget(&mut self, at: Timestamp, most: usize) -> Vec<BookEntry> {
        self.books.forget(at, most)
    }

    /// Whether one of its books can take no more in.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.books.is_any_full()
    }

    /// Whether it is open or frozen, by all that is decided.
    pub(crate) const fn is_open(&self) -> bool {
        !matches!(self.status, WalletStatus::Closed)
    }

    /// Its status, by all that is decided.
    pub(crate) const fn status(&self) -> WalletStatus {
        self.status
    }

    pub(crate) fn limits(&self) -> Limits {
        self.settings.as_ref().map(|settings| settings.limits).unwrap_or_default()
    }

    pub(crate) const fn decided_spending(&self) -> Spending {
        self.spending
    }

    /// The day that it is for the wallet's owner, to count a payment on.
    pub(crate) fn day(&self, now: Timestamp) -> Day {
        self.spending.day_of(day_by(self.settings.as_deref(), now))
    }

    /// What may still be spent, an overdraft included: what is posted, with the accepted credits, less what is set aside and
    /// less every debit that is under way.
    #[must_use]
    pub fn spendable(&self) -> i64 {
        self.spendable_above(self.floor_by(self.settings.as_deref()))
    }

    fn spendable_above(&self, floor: i64) -> i64 {
        let balance = i128::from(self.posted.posted)
            .saturating_add(i128::from(self.in_flight.credits))
            .saturating_sub(i128::from(self.in_flight.debits))
            .saturating_sub(i128::from(self.posted.held));
        i64::try_from(balance.saturating_sub(i128::from(floor))).unwrap_or(i64::MAX)
    }

    /// What may still be taken in before the wallet is full. Debits under way do not make room: they may come back.
    pub(crate) fn room(&self) -> i64 {
        self.room_below(self.ceiling_by(self.settings.as_deref()))
    }

    fn room_below(&self, ceiling: i64) -> i64 {
        let room = i128::from(ceiling)
            .saturating_sub(i128::from(self.posted.posted))
            .saturating_sub(i128::from(self.in_flight.growth));
        i64::try_from(room).unwrap_or(i64::MAX)
    }

    fn floor_by(&self, settings: Option<&WalletSettings>) -> i64 {
        match self.posted.owner {
            Owner::Issuer => ISSUER_FLOOR,
            Owner::Account(_) => {
                let overdraft = settings.and_then(|settings| settings.overdraft);
                overdraft.map_or(0, |overdraft| overdraft.signed().saturating_neg())
            }
        }
    }

    fn ceiling_by(&self, settings: Option<&WalletSettings>) -> i64 {
        match self.posted.owner {
            Owner::Issuer => 0,
            Owner::Account(_) => {
                settings.and_then(|settings| settings.ceiling).map_or(MAX_BALANCE, Amount::signed)
            }
        }
    }

    /// Accepts the wallet's part of a transfer, which [`crate::decide_part`] allowed; the transfer says what that gave.
    pub fn accept(&mut self, transfer: &Transfer) {
        let (id, part) = (self.id(), Part::of(transfer, self.id()));
        assert!(part.needed == 0 || self.spendable() >= part.needed, "a debit was decided on this state");
        assert!(self.room() >= part.growth(), "a credit was decided on this state");
        let is_last = transfer.is_last_stop(id);
        let in_flight = &mut self.in_flight;
        in_flight.parts = in_flight.parts.saturating_add(1);
        in_flight.debits = in_flight.debits.saturating_add(part.needed);
        in_flight.credits = in_flight.credits.saturating_add(if is_last { part.incoming } else { 0 });
        in_flight.growth = in_flight.growth.saturating_add(part.growth());
        for leg in transfer.legs() {
            if leg.payer == id {
                match leg.purpose {
                    Purpose::Capture { hold, is_final } => {
                        self.books.holds.expect_capture(hold, leg.amount, is_final);
                    }
                    Purpose::Refund(original) | Purpose::Reversal(original) => {
                        self.books.refunds.expect(&original, leg.amount);
                    }
                    Purpose::Hold { .. } => self.books.holds.expect_place(),
                    _ => {}
                }
            }
            if leg.payee == id
                && let Some(terms) = leg.purpose.terms()
            {
                self.books.requests.expect_payment(terms, leg.amount, is_last);
            }
        }
        if let Some(day) = transfer.counted_on.filter(|_| id == transfer.first.payer) {
            self.spending.add(day, transfer.limited_amount());
        }
        self.assert_invariants();
    }

    /// Takes back what was accepted of a transfer: a later stop refused.
    pub fn take_back(&mut self, transfer: &Transfer) {
        let (id, part) = (self.id(), Part::of(transfer, self.id()));
        assert!(!transfer.is_last_stop(id), "what the last stop accepts stands");
        let in_flight = &mut self.in_flight;
        assert!(
            in_flight.parts > 0 && in_flight.debits >= part.needed && in_flight.growth >= part.growth(),
            "only what was accepted is taken back"
        );
        in_flight.parts = in_flight.parts.saturating_sub(1);
        in_flight.debits = in_flight.debits.saturating_sub(part.needed);
        in_flight.growth = in_flight.growth.saturating_sub(part.growth());
        for leg in transfer.legs() {
            if leg.payer == id {
                match leg.purpose {
                    Purpose::Capture { hold, .. } => self.books.holds.end_capture(hold, leg.amount),
                    Purpose::Refund(original) | Purpose::Reversal(original) => {
                        self.books.refunds.end(&original, leg.amount);
                    }
                    Purpose::Hold { .. } => self.books.holds.take_back_place(),
                    _ => {}
                }
            }
            if leg.payee == id
                && let Some(terms) = leg.purpose.terms()
            {
                self.books.requests.end_payment(terms, leg.amount, false);
            }
        }
        if let Some(day) = transfer.counted_on.filter(|_| id == transfer.first.payer) {
            self.spending.take_back(day, transfer.limited_amount());
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
        let is_empty =
            self.posted.posted == 0 && self.in_flight == InFlight::default() && self.books.holds.is_idle();
        if !is_empty || self.posted.owner == Owner::Issuer {
            return Err(Refusal::WalletNotEmpty);
        }
        Ok(Some(Event::WalletClosed { wallet: self.id() }))
    }

    /// Decides that the wallet pays nothing, and with `both_ways` is paid nothing either. `None`: so it is already.
    ///
    /// # Errors
    /// It is closed.
    pub fn decide_freeze(&self, both_ways: bool) -> Result<Option<Event>, Refusal> {
        let status = if both_ways { WalletStatus::FrozenBothWays } else { WalletStatus::Frozen };
        self.decide_status(status, Event::WalletFrozen { wallet: self.id(), both_ways })
    }

    /// Decides that the wallet takes part again. `None`: it does.
    ///
    /// # Errors
    /// It is closed.
    pub fn decide_unfreeze(&self) -> Result<Option<Event>, Refusal> {
        self.decide_status(WalletStatus::Open, Event::WalletUnfrozen { wallet: self.id() })
    }

    fn decide_status(&self, status: WalletStatus, event: Event) -> Result<Option<Event>, Refusal> {
        if self.status == status {
            Ok(None)
        } else if self.is_open() {
            Ok(Some(event))
        } else {
            Err(Refusal::WalletClosed)
        }
    }

    /// Decides the wallet's settings. `None`: they are these already.
    ///
    /// # Errors
    /// It is closed, or what it holds is out of the new bounds.
    pub fn decide_settings(&self, settings: &WalletSettings) -> Result<Option<Event>, Refusal> {
        if !self.is_open() {
            return Err(Refusal::WalletClosed);
        }
        if self.settings.as_deref().copied().unwrap_or_default() == *settings {
            return Ok(None);
        }
        let is_in_bounds = self.spendable_above(self.floor_by(Some(settings))) >= 0
            && self.room_below(self.ceiling_by(Some(settings))) >= 0;
        if !is_in_bounds {
            return Err(Refusal::BalanceOutOfBounds);
        }
        Ok(Some(Event::WalletConfigured { wallet: self.id(), settings: *settings }))
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
        let is_repeat = self.books.requests.decide_open(request, now)?;
        Ok((!is_repeat).then(|| Event::PaymentRequestOpened(Box::new(request.clone()))))
    }

    /// Decides that the payee withdraws a request. `None`: it did so already.
    ///
    /// # Errors
    /// The request is not known, or was paid.
    pub fn decide_cancel(&self, request: PaymentRequestId) -> Result<Option<Event>, Refusal> {
        let is_repeat = self.books.requests.decide_cancel(request)?;
        Ok((!is_repeat).then_some(Event::PaymentRequestCancelled { payee: self.id(), request }))
    }

    /// Decides that what is left of a hold is let go. `None`: it was already.
    ///
    /// # Errors
    /// The hold is not known, captured or expired, or a capture of it is on its way.
    pub fn decide_release(&self, hold: TransferId, now: Timestamp) -> Result<Option<Event>, Refusal> {
        let is_repeat = self.books.holds.decide_release(hold, now)?;
        let let_go = self.let_go(hold, 0);
        Ok((!is_repeat).then_some(Event::HoldReleased { wallet: self.id(), hold, let_go }))
    }

    /// Decides that a hold's time is over. `None`: it is not, or the hold is over anyway, or a capture of it is on its way and
    /// is to be waited for.
    #[must_use]
    pub fn decide_expiry(&self, hold: TransferId, now: Timestamp) -> Option<Event> {
        let is_over = self.books.holds.decide_expiry(hold, now);
        is_over.then(|| Event::HoldExpired { wallet: self.id(), hold, let_go: self.let_go(hold, 0) })
    }

    /// What of a hold counts toward the limits of the wallet's account no longer, when all of it but `captured` minor units is
    /// let go.
    pub(crate) fn let_go(&self, hold: TransferId, captured: u64) -> Option<LetGo> {
        let Owner::Account(account) = self.owner() else { return None };
        let hold = self.books.holds.get(hold)?;
        let amount = Amount::new(hold.remaining().saturating_sub(captured)).ok()?;
        let counted_on = hold.account_counted_on?;
        Some(LetGo { account, currency: self.currency(), counted_on, amount })
    }

    /// Accepts an event that one of the decisions above gave and that is on its way to the journal.
    pub fn expect(&mut self, event: &Event) {
        match event {
            Event::WalletClosed { .. } => self.status = WalletStatus::Closed,
            Event::WalletFrozen { both_ways, .. } => {
                self.status = if *both_ways { WalletStatus::FrozenBothWays } else { WalletStatus::Frozen };
            }
            Event::WalletUnfrozen { .. } => self.status = WalletStatus::Open,
            Event::WalletConfigured { settings, .. } => self.settings = Some(Box::new(*settings)),
            Event::PaymentRequestOpened(request) => self.books.requests.expect_open((**request).clone()),
            Event::PaymentRequestCancelled { request, .. } => self.books.requests.expect_cancel(*request),
            Event::HoldReleased { hold, .. } | Event::HoldExpired { hold, .. } => {
                self.books.holds.expect_end(*hold);
            }
            _ => unreachable!("a wallet accepts what it decided"),
        }
        self.assert_invariants();
    }

    /// Changes the durable state by an event that names this wallet. Events of others change nothing.
    pub fn apply(&mut self, event: &Event) {
        let id = self.id();
        match event {
            Event::TransferSettled(transfer) => self.apply_transfer(transfer),
            Event::WalletClosed { wallet } if *wallet == id => self.apply_status(WalletStatus::Closed),
            Event::WalletFrozen { wallet, both_ways } if *wallet == id => {
                let status = if *both_ways { WalletStatus::FrozenBothWays } else { WalletStatus::Frozen };
                self.apply_status(status);
            }
            Event::WalletUnfrozen { wallet } if *wallet == id => self.apply_status(WalletStatus::Open),
            Event::WalletConfigured { wallet, settings } if *wallet == id => {
                self.posted.settings = Some(Box::new(*settings));
            }
            Event::PaymentRequestOpened(request) if request.payee == id => {
                self.books.requests.apply_open((**request).clone());
            }
            Event::PaymentRequestCancelled { payee, request } if *payee == id => {
                self.books.requests.apply_cancel(*request);
            }
            Event::HoldReleased { wallet, hold, .. } if *wallet == id => {
                self.apply_hold_end(*hold, HoldStatus::Released);
            }
            Event::HoldExpired { wallet, hold, .. } if *wallet == id => {
                self.apply_hold_end(*hold, HoldStatus::Expired);
            }
            _ => {}
        }
        self.posted.held = self.books.holds.held();
        self.assert_invariants();
    }

    /// As [`Wallet::apply`], where nothing is in flight: what is durable is then what is in force.
    pub fn replay(&mut self, event: &Event) {
        // Spelt out before, because the durable state is asserted against what is in force.
        self.in_flight = InFlight::default();
        self.apply(event);
        self.status = self.posted.status;
        self.settings.clone_from(&self.posted.settings);
        self.spending = self.posted.spending;
        self.assert_invariants();
    }

    fn apply_transfer(&mut self, transfer: &Transfer) {
        let (id, part) = (self.id(), Part::of(transfer, self.id()));
        let is_last = transfer.is_last_stop(id);
        let in_flight = &mut self.in_flight;
        in_flight.parts = in_flight.parts.saturating_sub(1);
        in_flight.debits = in_flight.debits.saturating_sub(part.needed).max(0);
        let credit = if is_last { part.incoming } else { 0 };
        in_flight.credits = in_flight.credits.saturating_sub(credit).max(0);
        in_flight.growth = in_flight.growth.saturating_sub(part.growth()).max(0);
        self.posted.posted = self.posted.posted.saturating_add(part.change);
        let counted_on = transfer.counted_on.unwrap_or(Day::NEVER);
        if id == transfer.first.payer && transfer.counted_on.is_some() {
            self.posted.spending.add(counted_on, transfer.limited_amount());
        }
        for leg in transfer.legs() {
            if leg.payer == id {
                match leg.purpose {
                    Purpose::Capture { hold, is_final } => {
                        let (rest, day) = self.books.holds.apply_capture(hold, leg.amount, is_final);
                        self.uncount(day, rest);
                    }
                    Purpose::Refund(original) | Purpose::Reversal(original) => {
                        self.books.refunds.apply(&original, leg.amount);
                    }
                    Purpose::Hold { terms, until } => {
                        let hold = HoldState {
                            payee: leg.payee,
                            request: terms.request,
                            amount: leg.amount,
                            captured: 0,
                            expires_at: until,
                            status: HoldStatus::Open,
                            counted_on,
                            account_counted_on: transfer.account_counted_on,
                        };
                        self.books.holds.apply_place(transfer.id, hold);
                    }
                    _ => {}
                }
            }
            if leg.payee == id
                && let Some(terms) = leg.purpose.terms()
            {
                let is_hold = matches!(leg.purpose, Purpose::Hold { .. });
                self.books.requests.end_payment(terms, leg.amount, is_last);
                self.books.requests.apply_payment(terms, leg.amount, transfer.id, is_hold);
            }
        }
    }

    const fn apply_status(&mut self, status: WalletStatus) {
        self.posted.status = status;
    }

    fn apply_hold_end(&mut self, hold: TransferId, status: HoldStatus) {
        let (rest, day) = self.books.holds.apply_end(hold, status);
        self.uncount(day, rest);
    }

    /// What was set aside and let go counts toward limits no longer.
    fn uncount(&mut self, counted_on: Day, amount: u64) {
        self.spending.take_back(counted_on, amount);
        self.posted.spending.take_back(counted_on, amount);
    }

    /// What must hold of one wallet whenever it is at rest.
    fn assert_invariants(&self) {
        let posted = &self.posted;
        let floor = self.floor_by(posted.settings.as_deref());
        let available = i128::from(posted.posted).saturating_sub(i128::from(posted.held));
        assert!(available >= i128::from(floor), "no wallet is posted below its floor: {posted:?}");
        assert!(self.spendable() >= 0, "no wallet is available below its floor: {self:?}");
        assert!(self.room() >= 0, "no wallet holds more than it may: {self:?}");
        let InFlight { debits, credits, growth, .. } = self.in_flight;
        assert!(debits >= 0 && credits >= 0 && growth >= 0, "what is in flight is a sum of amounts");
        assert_eq!(posted.held, self.books.holds.held(), "what is set aside is the sum of the holds");
        let is_closed = posted.status == WalletStatus::Closed;
        assert!(
            !is_closed || (posted.posted == 0 && posted.held == 0),
            "a closed wallet is empty: {posted:?}"
        );
    }
}
