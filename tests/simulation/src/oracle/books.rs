//! Plain books of all that the journal says, in its order. Each record is held against the rules before it is taken in.

use std::collections::BTreeMap;

use quittance_journal::{Position, Record};
use quittance_ledger::{
    AccountId, Authority, Event, Leg, PaymentRequest, PaymentRequestId, Purpose, Refusal, Timestamp,
    Transfer, TransferId, Usage, WalletId,
};

use super::{Verdict, must};

/// A wallet, and how it was after each record that changed it.
#[derive(Clone, Debug)]
pub(crate) struct Wallet {
    /// None is the currency's issuer.
    pub(crate) owner: Option<AccountId>,
    pub(crate) past: Vec<(Position, Balance)>,
    /// From when on it was frozen or not: out of it, and into it.
    pub(crate) freezes: Vec<(Position, bool, bool)>,
}

/// Minor units: all that is there, and what of it is set aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) posted: i64,
    pub(crate) held: i64,
}

/// What the journal says of a transfer.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) position: Position,
    pub(crate) at: Timestamp,
    pub(crate) transfer: Box<Transfer>,
    pub(crate) refusal: Option<Refusal>,
    /// Given back, by the legs' numbers.
    pub(crate) given_back: BTreeMap<u8, Vec<(Position, u64)>>,
}

/// A payment request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) request: PaymentRequest,
    pub(crate) opened: Position,
    pub(crate) cancelled: Option<Position>,
    /// Paid, and how much each time.
    pub(crate) paid: Vec<(Position, u64)>,
    /// Answered with units set aside.
    pub(crate) held: Vec<Position>,
}

/// Units that are set aside.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) payer: WalletId,
    pub(crate) payee: WalletId,
    pub(crate) amount: u64,
    pub(crate) until: Timestamp,
    pub(crate) captured: Vec<(Position, u64)>,
    /// Nothing is set aside any more: from when on, and how that came.
    pub(crate) over: Option<(Position, Over)>,
}

/// How a hold ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Captured,
    Released,
    Expired,
}

impl Hold {
    fn captured(&self) -> u64 {
        self.captured.iter().map(|(_, amount)| amount).sum()
    }

    fn left(&self) -> u64 {
        if self.over.is_some() { 0 } else { self.amount - self.captured() }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    pub(crate) records: Vec<Record>,
    pub(crate) wallets: BTreeMap<WalletId, Wallet>,
    pub(crate) transfers: BTreeMap<TransferId, Known>,
    pub(crate) requests: BTreeMap<(WalletId, PaymentRequestId), Request>,
    pub(crate) holds: BTreeMap<TransferId, Hold>,
    /// What each account is told of.
    pub(crate) told: BTreeMap<AccountId, Vec<Position>>,
    /// Wrong PINs in a row, by account.
    pub(crate) wrong_pins: BTreeMap<AccountId, u32>,
}

impl Wallet {
    fn new(owner: Option<AccountId>, position: Position) -> Self {
        Self { owner, past: vec![(position, Balance::default())], freezes: vec![(position, false, false)] }
    }

    pub(crate) fn balance(&self) -> Balance {
        self.past.last().map(|(_, balance)| *balance).unwrap_or_default()
    }

    /// All that it was from the record at `from` on, and before the next.
    pub(crate) fn since(&self, from: Position) -> impl Iterator<Item = Balance> + '_ {
        let first = self.past.partition_point(|(position, _)| *position <= from).saturating_sub(1);
        self.past.iter().skip(first).map(|(_, balance)| *balance)
    }

    /// Whether it was frozen at any time from the record at `from` on: out of it, or into it.
    pub(crate) fn was_frozen_since(&self, from: Position) -> (bool, bool) {
        let first = self.freezes.partition_point(|(position, ..)| *position <= from).saturating_sub(1);
        let since = self.freezes.iter().skip(first);
        since.fold((false, false), |(out, into), (_, now_out, now_into)| (out | now_out, into | now_into))
    }

    fn change(&mut self, position: Position, change: impl FnOnce(&mut Balance)) {
        let mut balance = self.balance();
        change(&mut balance);
        match self.past.last_mut() {
            Some((last, known)) if *last == position => *known = balance,
            _ => self.past.push((position, balance)),
        }
    }
}

impl Books {
    /// The position of the last record.
    pub(crate) fn tip(&self) -> Position {
        Position::new(self.records.len() as u64)
    }

    /// Takes in the next record. `submitted` says when a transfer was first asked for, where that is known.
    pub(crate) fn take(
        &mut self,
        position: Position,
        record: &Record,
        submitted: Option<Timestamp>,
    ) -> Verdict {
        must(position == self.tip().next(), || {
            format!("the journal goes on at position {position} after {}", self.tip())
        })?;
        self.check(position, record, submitted).map_err(|wrong| {
            format!("the record at position {position} breaks a rule: {wrong}: {record:?}")
        })?;
        self.records.push(record.clone());
        Ok(())
    }

    fn check(&mut self, position: Position, record: &Record, submitted: Option<Timestamp>) -> Verdict {
        match &record.event {
            Event::TransferSettled(transfer) => {
                self.know(position, record.at, transfer, None)?;
                self.settle(position, record.at, transfer, submitted)?;
                self.tell_parties(position, transfer);
            }
            Event::TransferRefused(transfer, refusal) => {
                self.know(position, record.at, transfer, Some(*refusal))?;
                self.tell_parties(position, transfer);
            }
            Event::CurrencyRegistered { issuer, .. } => self.open(position, *issuer, None)?,
            Event::WalletOpened { wallet, account, .. } => self.open(position, *wallet, Some(*account))?,
            Event::PaymentRequestOpened(request) => {
                let key = (request.payee, request.terms.request);
                let opened = Request {
                    request: (**request).clone(),
                    opened: position,
                    cancelled: None,
                    paid: Vec::new(),
                    held: Vec::new(),
                };
                must(self.requests.insert(key, opened).is_none(), || "a request is opened once".into())?;
            }
            Event::PaymentRequestCancelled { payee, request } => {
                let known = self.requests.get_mut(&(*payee, *request));
                let known = known.ok_or("a request is cancelled that was never opened")?;
                let is_free = known.cancelled.is_none()
                    && (known.held.is_empty() && known.paid.is_empty()
                        || known.request.terms.usage != Usage::OneTime);
                must(is_free, || "a request is cancelled that is over".into())?;
                known.cancelled = Some(position);
            }
            Event::HoldReleased { wallet, hold, .. } => {
                self.end_hold(position, record.at, *wallet, *hold, Over::Released)?;
            }
            Event::HoldExpired { wallet, hold, .. } => {
                self.end_hold(position, record.at, *wallet, *hold, Over::Expired)?;
            }
            Event::WalletFrozen { wallet, both_ways } => self.freeze(position, *wallet, true, *both_ways)?,
            Event::WalletUnfrozen { wallet } => self.freeze(position, *wallet, false, false)?,
            Event::PinFailed { account } => *self.wrong_pins.entry(*account).or_default() += 1,
            Event::PinFailuresCleared { account } => _ = self.wrong_pins.insert(*account, 0),
            _ => {}
        }
        let issued: i64 = self.wallets.values().map(|wallet| wallet.balance().posted).sum();
        must(issued == 0, || format!("all wallets together hold {issued}"))
    }

    fn know(
        &mut self,
        position: Position,
        at: Timestamp,
        transfer: &Transfer,
        refusal: Option<Refusal>,
    ) -> Verdict {
        let (transfer, given_back) = (Box::new(transfer.clone()), BTreeMap::new());
        let id = transfer.id;
        let known = Known { position, at, transfer, refusal, given_back };
        match self.transfers.insert(id, known) {
            None => Ok(()),
            Some(earlier) => Err(format!("the id {id} was used at position {} already", earlier.position)),
        }
    }

    fn open(&mut self, position: Position, wallet: WalletId, owner: Option<AccountId>) -> Verdict {
        let earlier = self.wallets.insert(wallet, Wallet::new(owner, position));
        must(earlier.is_none(), || "a wallet is opened once".into())
    }

    fn wallet(&mut self, id: WalletId) -> Result<&mut Wallet, String> {
        self.wallets.get_mut(&id).ok_or_else(|| format!("there is no wallet {id}"))
    }

    pub(crate) fn owner(&self, wallet: WalletId) -> Option<AccountId> {
        self.wallets.get(&wallet)?.owner
    }

    fn freeze(&mut self, position: Position, wallet: WalletId, out: bool, into: bool) -> Verdict {
        self.wallet(wallet)?.freezes.push((position, out, into));
        self.tell(position, [wallet]);
        Ok(())
    }

    /// The parties of a transfer, settled or refused, are told.
    fn tell_parties(&mut self, position: Position, transfer: &Transfer) {
        let wallets: Vec<_> = transfer.legs().flat_map(|leg| [leg.payer, leg.payee]).collect();
        self.tell(position, wallets);
    }

    fn tell(&mut self, position: Position, wallets: impl IntoIterator<Item = WalletId>) {
        for wallet in wallets {
            let Some(account) = self.owner(wallet) else { continue };
            let told = self.told.entry(account).or_default();
            if told.last() != Some(&position) {
                told.push(position);
            }
        }
    }

    fn settle(
        &mut self,
        position: Position,
        at: Timestamp,
        transfer: &Transfer,
        submitted: Option<Timestamp>,
    ) -> Verdict {
        for (number, leg) in (0_u8..).zip(transfer.legs()) {
            self.check_owner(transfer, leg)?;
            match leg.purpose {
                Purpose::Issue => {
                    must(self.owner(leg.payer).is_none(), || "units come from the issuer alone".into())?;
                }
                Purpose::Redemption => {
                    must(self.owner(leg.payee).is_none(), || "units go back to the issuer alone".into())?;
                }
                Purpose::Payment(_) | Purpose::Hold { .. } => self.answer(position, at, transfer, leg)?,
                Purpose::Capture { hold, is_final } => {
                    self.capture(position, leg, hold, is_final, submitted.unwrap_or(at))?;
                }
                Purpose::Refund(original) | Purpose::Reversal(original) => {
                    self.give_back(position, leg, original.id.transfer, original.id.leg)?;
                }
                Purpose::Split => self.check_split(transfer, leg)?,
                Purpose::Adjustment => {}
                Purpose::Fee | Purpose::Conversion => return Err(format!("nobody asked for leg {number}")),
            }
            if !matches!(leg.purpose, Purpose::Hold { .. }) {
                let amount = i64::try_from(leg.amount.get()).map_err(|error| error.to_string())?;
                self.wallet(leg.payer)?.change(position, |balance| balance.posted -= amount);
                self.wallet(leg.payee)?.change(position, |balance| balance.posted += amount);
            }
        }
        for id in transfer.legs().flat_map(|leg| [leg.payer, leg.payee]) {
            let wallet = self.wallet(id)?;
            let Balance { posted, held } = wallet.balance();
            must(wallet.owner.is_none() || (held >= 0 && posted >= held), || {
                format!("the wallet {id} has {posted}, of which {held} are set aside")
            })?;
        }
        Ok(())
    }

    fn check_owner(&self, transfer: &Transfer, leg: &Leg) -> Verdict {
        let (payer, payee) = (self.owner(leg.payer), self.owner(leg.payee));
        must(leg.payer != leg.payee, || "a wallet pays itself".into())?;
        if let Purpose::Payment(_) | Purpose::Hold { .. } = leg.purpose {
            let Authority::Device { account, .. } = transfer.authority else {
                return Err("a payment is on the word of the payer's device".into());
            };
            must(payer == Some(account), || "somebody else's wallet pays".into())?;
            must(payee != payer, || "an account pays itself".into())?;
        }
        Ok(())
    }

    /// A payment request is answered, by a payment or by units set aside.
    fn answer(&mut self, position: Position, at: Timestamp, transfer: &Transfer, leg: &Leg) -> Verdict {
        let terms = leg.purpose.terms().ok_or("a payment has terms")?;
        let request = self.requests.get_mut(&(leg.payee, terms.request));
        let request = request.ok_or("a request is paid that was never opened")?;
        must(request.request.terms == *terms, || "it is paid on other terms".into())?;
        must(request.cancelled.is_none(), || "the request was cancelled".into())?;
        must(terms.expires_at.is_none_or(|end| end > at), || "the request has expired".into())?;
        let paid: u64 = request.paid.iter().map(|(_, amount)| amount).sum();
        match terms.usage {
            Usage::OneTime => must(request.paid.is_empty() && request.held.is_empty(), || {
                "a one-time request is paid once".into()
            })?,
            Usage::Parts => {
                must(terms.amount.is_some_and(|asked| paid + leg.amount.get() <= asked.get()), || {
                    "more is paid than was asked for".into()
                })?
            }
            Usage::Reusable => {}
        }
        if terms.usage != Usage::Parts {
            must(terms.amount.is_none_or(|asked| asked == leg.amount), || "another amount is paid".into())?;
        }
        let splits: Vec<_> =
            request.request.splits.iter().map(|split| (split.wallet, split.amount)).collect();
        let Purpose::Hold { until, .. } = leg.purpose else {
            request.paid.push((position, leg.amount.get()));
            let passed_on = transfer.legs().filter(|other| other.purpose == Purpose::Split);
            let passed_on: Vec<_> = passed_on.map(|other| (other.payee, other.amount)).collect();
            return must(passed_on == splits, || "the splits are not those of the request".into());
        };
        request.held.push(position);
        must(splits.is_empty() && terms.usage != Usage::Parts, || "the request can't be held".into())?;
        let hold = Hold {
            payer: leg.payer,
            payee: leg.payee,
            amount: leg.amount.get(),
            until,
            captured: Vec::new(),
            over: None,
        };
        self.holds.insert(transfer.id, hold);
        let amount = i64::try_from(leg.amount.get()).map_err(|error| error.to_string())?;
        self.wallet(leg.payer)?.change(position, |balance| balance.held += amount);
        Ok(())
    }

    fn check_split(&self, transfer: &Transfer, leg: &Leg) -> Verdict {
        let is_paid = |other: &Leg| matches!(other.purpose, Purpose::Payment(_)) && other.payee == leg.payer;
        must(transfer.legs().any(is_paid), || "something is passed on that was not paid".into())
    }

    fn capture(
        &mut self,
        position: Position,
        leg: &Leg,
        id: TransferId,
        is_final: bool,
        submitted: Timestamp,
    ) -> Verdict {
        let hold = self.holds.get_mut(&id).ok_or("a hold is captured that was never placed")?;
        must(hold.payer == leg.payer && hold.payee == leg.payee, || "others capture the hold".into())?;
        must(hold.over.is_none(), || "a hold is captured that is over".into())?;
        must(hold.until > submitted, || "the capture was asked for after the hold's end".into())?;
        let before = hold.left();
        hold.captured.push((position, leg.amount.get()));
        must(hold.captured() <= hold.amount, || "more is captured than was set aside".into())?;
        if is_final || hold.captured() == hold.amount {
            hold.over = Some((position, Over::Captured));
        }
        let freed = before - hold.left();
        self.free(position, leg.payer, freed)
    }

    fn free(&mut self, position: Position, wallet: WalletId, amount: u64) -> Verdict {
        let amount = i64::try_from(amount).map_err(|error| error.to_string())?;
        self.wallet(wallet)?.change(position, |balance| balance.held -= amount);
        Ok(())
    }

    fn end_hold(
        &mut self,
        position: Position,
        at: Timestamp,
        wallet: WalletId,
        id: TransferId,
        how: Over,
    ) -> Verdict {
        let hold = self.holds.get_mut(&id).ok_or("a hold ends that was never placed")?;
        must(hold.payer == wallet, || "a hold ends at another wallet".into())?;
        must(hold.over.is_none(), || "a hold ends twice".into())?;
        must((how == Over::Expired) == (hold.until <= at), || {
            "a hold expires before its time, or is released after it".into()
        })?;
        let freed = hold.left();
        hold.over = Some((position, how));
        let payee = hold.payee;
        self.free(position, wallet, freed)?;
        self.tell(position, [wallet, payee]);
        Ok(())
    }

    fn give_back(&mut self, position: Position, leg: &Leg, of: TransferId, number: u8) -> Verdict {
        let original = self.transfers.get_mut(&of).ok_or("something is given back that was never moved")?;
        must(original.refusal.is_none(), || "something is given back that was refused".into())?;
        let moved = original.transfer.legs().nth(usize::from(number)).copied();
        let moved = moved.ok_or("something is given back that the transfer has no leg for")?;
        let may_be = !matches!(
            moved.purpose,
            Purpose::Hold { .. } | Purpose::Refund(_) | Purpose::Reversal(_) | Purpose::Conversion
        );
        must(may_be, || "what is given back can't be".into())?;
        must((moved.payer, moved.payee) == (leg.payee, leg.payer), || "others give it back".into())?;
        let given_back = original.given_back.entry(number).or_default();
        given_back.push((position, leg.amount.get()));
        let sum: u64 = given_back.iter().map(|(_, amount)| amount).sum();
        must(sum <= moved.amount.get(), || format!("{sum} of {} are given back", moved.amount))
    }
}
