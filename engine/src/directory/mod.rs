//! The directory: accounts, their devices and PINs, currencies, and whose each wallet is. Everything but balances.
//!
//! It is asked by every request and seldom changes, so it is one map behind a lock for many readers. A change is decided,
//! applied and put into the committer's queue under the lock, so that the journal has the changes in the order in which
//! they were decided. What is decided is in force at once; what is shown waits until it is durable.

mod register;

use std::sync::Arc;

use parking_lot::RwLock;
use quittance_journal::{Block, Queue, Submission};
use quittance_ledger::{
    Account, AccountId, AccountKind, Currency, CurrencyCode, DeviceId, Event, FeeRule, FeeScope, Name, Owner,
    PairingCode, PinVerdict, Purpose, Rate, Refusal, Timestamp, Verifier, WalletId,
};
use tokio::sync::OwnedSemaphorePermit;

use crate::clock::Clock;
use crate::error::EngineError;
use crate::keys::verifiers_match;
use crate::order::{MoveOrder, PairedDevice};
use crate::pending::{Done, Waiting};

pub(crate) use register::Register;

/// The most wallets an account may have open.
const MAX_WALLETS_PER_ACCOUNT: usize = 32;
/// The most wallets an account may ever open.
const MAX_WALLETS_EVER_PER_ACCOUNT: usize = 1_000;

/// Whether an event is one that the directory itself decides, and not a wallet.
fn is_decided_here(event: &Event) -> bool {
    matches!(
        event,
        Event::AccountOpened { .. }
            | Event::CurrencyRegistered { .. }
            | Event::DevicePaired { .. }
            | Event::DeviceRevoked { .. }
            | Event::PairingCodeIssued { .. }
            | Event::PinFailed { .. }
            | Event::PinFailuresCleared { .. }
            | Event::WalletOpened { .. }
            | Event::FeeSet { .. }
            | Event::RateSet { .. }
    )
}

#[derive(Debug)]
pub(crate) struct Directory {
    inner: RwLock<Inner>,
    clock: Arc<Clock>,
}

#[derive(Debug)]
struct Inner {
    register: Register,
    /// None once the engine has stopped.
    queue: Option<Queue<Done>>,
    /// How many events of the directory are decided and not durable.
    undurable: u64,
}

/// What a first look at an account's PIN says.
#[derive(Debug)]
pub(crate) enum PinCheck {
    /// Right.
    Right,
    /// Wrong: counted, which is to become durable before the answer leaves.
    Wrong { attempts_left: u8, counted: Waiting },
}

/// Something read, and whether it may rest on what is not durable.
pub(crate) struct Seen<T> {
    pub(crate) value: T,
    pub(crate) is_durable: bool,
}

impl Inner {
    /// Puts a decided event in force and into the queue.
    fn record(&mut self, at: Timestamp, event: Event, done: Option<Done>) -> Result<(), EngineError> {
        let queue = self.queue.as_ref().ok_or(EngineError::Stopping)?;
        self.register.apply(at, &event);
        self.undurable = self.undurable.saturating_add(1);
        queue.submit(Submission::Record { at, event, done });
        Ok(())
    }

    /// Lets somebody wait for what is decided already.
    fn wait(&self, done: Done) -> Result<(), EngineError> {
        self.queue.as_ref().ok_or(EngineError::Stopping)?.submit(Submission::Barrier { done });
        Ok(())
    }
}

impl Directory {
    pub(crate) const fn new(register: Register, queue: Queue<Done>, clock: Arc<Clock>) -> Self {
        let inner = Inner { register, queue: Some(queue), undurable: 0 };
        Self { inner: RwLock::new(inner), clock }
    }

    /// Ends the directory's use of the queue.
    pub(crate) fn close(&self) {
        self.inner.write().queue = None;
    }

    /// Takes note that a block is durable.
    pub(crate) fn published(&self, block: &Block) {
        let mut decided_here = 0;
        let mut decided_elsewhere = Vec::new();
        for event in block.records.iter().map(|record| &record.event) {
            decided_here += u64::from(is_decided_here(event));
            if matches!(event, Event::WalletClosed { .. } | Event::AccountLimited { .. }) {
                decided_elsewhere.push(event);
            }
        }
        if decided_here > 0 || !decided_elsewhere.is_empty() {
            let mut inner = self.inner.write();
            inner.undurable = inner.undurable.saturating_sub(decided_here);
            for event in decided_elsewhere {
                inner.register.apply(Timestamp::EPOCH, event);
            }
        }
    }

    // Reads.

    fn see<T>(&self, look: impl FnOnce(&Register) -> T) -> Seen<T> {
        let inner = self.inner.read();
        Seen { value: look(&inner.register), is_durable: inner.undurable == 0 }
    }

    /// Lets somebody wait until all that is decided is durable.
    pub(crate) fn wait(&self, done: Done) -> Result<(), EngineError> {
        self.inner.read().wait(done)
    }

    /// Whether a first device has set the account's PIN.
    pub(crate) fn has_pin(&self, id: AccountId) -> Result<bool, Refusal> {
        Ok(self.inner.read().register.account(id)?.pin().is_some())
    }

    pub(crate) fn account(&self, id: AccountId) -> Seen<Result<Account, Refusal>> {
        self.see(|register| register.account(id).cloned())
    }

    pub(crate) fn currencies(&self) -> Seen<Vec<(Currency, WalletId)>> {
        self.see(|register| register.currencies().collect())
    }

    pub(crate) fn wallets_of(&self, account: AccountId) -> Seen<Result<Vec<WalletId>, Refusal>> {
        self.see(|register| {
            register.account(account)?;
            Ok(register.wallets_of(account).collect())
        })
    }

    /// An account's wallets, closed ones too, and such as are not durable yet.
    pub(crate) fn wallets_ever_of(&self, account: AccountId) -> Vec<WalletId> {
        self.inner.read().register.wallets_of(account).collect()
    }

    pub(crate) fn paired_device(&self, id: DeviceId) -> Result<PairedDevice, Refusal> {
        self.inner.read().register.paired_device(id)
    }

    pub(crate) fn currency(&self, code: CurrencyCode) -> Option<(Currency, WalletId)> {
        self.inner.read().register.currencies.get(&code).copied()
    }

    /// The account that owns a wallet; none of an issuer's or an unknown one.
    pub(crate) fn owner(&self, wallet: WalletId) -> Option<AccountId> {
        match self.inner.read().register.wallets.get(&wallet)?.owner {
            Owner::Account(account) => Some(account),
            Owner::Issuer => None,
        }
    }

    /// What each order to move units is for, by whose wallets they are.
    pub(crate) fn purposes(&self, orders: &[MoveOrder]) -> Vec<Result<Purpose, Refusal>> {
        let inner = self.inner.read();
        let owner = |wallet| inner.register.wallets.get(&wallet).map(|listing| listing.owner);
        let purpose = |order: &MoveOrder| match (owner(order.payer), owner(order.payee)) {
            (Some(Owner::Account(_)), Some(Owner::Account(_))) => Ok(Purpose::Adjustment),
            (Some(Owner::Issuer), Some(_)) => Ok(Purpose::Issue),
            (Some(Owner::Account(_)), Some(Owner::Issuer)) => Ok(Purpose::Redemption),
            _ => Err(Refusal::WalletUnknown),
        };
        orders.iter().map(purpose).collect()
    }

    /// Looks many owners up at once.
    pub(crate) fn with_owners<T>(&self, look: impl FnOnce(&dyn Fn(WalletId) -> Option<AccountId>) -> T) -> T {
        let inner = self.inner.read();
        look(&|wallet| match inner.register.wallets.get(&wallet)?.owner {
            Owner::Account(account) => Some(account),
            Owner::Issuer => None,
        })
    }

    pub(crate) fn is_wallet(&self, wallet: WalletId) -> bool {
        self.inner.read().register.wallets.contains_key(&wallet)
    }

    pub(crate) fn wallet_currency(&self, wallet: WalletId) -> Option<CurrencyCode> {
        self.inner.read().register.wallets.get(&wallet).map(|listing| listing.currency)
    }

    /// The key of a device that is, or was, paired with an account.
    pub(crate) fn device_key(
        &self,
        account: AccountId,
        device: DeviceId,
    ) -> Option<quittance_ledger::DeviceKey> {
        let inner = self.inner.read();
        let mut devices = inner.register.accounts.get(&account)?.devices();
        devices.find(|(id, _)| *id == device).map(|(_, device)| device.key.clone())
    }

    pub(crate) fn account_kind(&self, id: AccountId) -> Option<AccountKind> {
        self.inner.read().register.accounts.get(&id).map(|account| account.kind)
    }

    /// Whether an account has limits over all its wallets of a currency.
    pub(crate) fn is_limited(&self, account: AccountId, currency: CurrencyCode) -> bool {
        self.inner.read().register.limited.contains(&(account, currency))
    }

    /// The fee rule for payments into a wallet: its own, or else its currency's.
    pub(crate) fn fee_rule(&self, wallet: WalletId, currency: CurrencyCode) -> Option<FeeRule> {
        let inner = self.inner.read();
        let fees = &inner.register.fees;
        fees.get(&FeeScope::Wallet(wallet)).or_else(|| fees.get(&FeeScope::Currency(currency))).copied()
    }

    pub(crate) fn fees(&self) -> Seen<Vec<(FeeScope, FeeRule)>> {
        self.see(|register| register.fees().collect())
    }

    pub(crate) fn rates(&self) -> Seen<Vec<Rate>> {
        self.see(|register| register.rates().collect())
    }

    pub(crate) fn rate(&self, from: CurrencyCode, to: CurrencyCode) -> Seen<Option<Rate>> {
        self.see(|register| register.rates.get(&(from, to)).copied())
    }

    pub(crate) fn account_name(&self, id: AccountId) -> Option<Name> {
        self.inner.read().register.accounts.get(&id).map(|account| account.name)
    }

    // Changes.

    /// Opens an account. One that is opened with the same details is left as it is.
    pub(crate) fn open_account(
        &self,
        id: AccountId,
        name: Name,
        kind: AccountKind,
        permit: OwnedSemaphorePermit,
    ) -> Result<Waiting, EngineError> {
        let mut inner = self.inner.write();
        let at = self.clock.now();
        let (done, waiting) = Done::new(permit);
        match inner.register.accounts.get(&id) {
            Some(known) if known.name == name && known.kind == kind => inner.wait(done)?,
            Some(_) => return Err(Refusal::AccountIdTaken.into()),
            None => inner.record(at, Event::AccountOpened { account: id, name, kind }, Some(done))?,
        }
        Ok(waiting)
    }

    /// Issues a pairing code in the place of any before it.
    pub(crate) fn issue_code(
        &self,
        account: AccountId,
        verifier: Verifier,
        lifetime_ms: u64,
        permit: OwnedSemaphorePermit,
    ) -> Result<(Timestamp, Waiting), EngineError> {
        let mut inner = self.inner.write();
        let at = self.clock.now();
        inner.register.account(account)?;
        let expires_at = at.plus_millis(lifetime_ms);
        let (done, waiting) = Done::new(permit);
        let code = PairingCode { verifier, expires_at };
        inner.record(at, Event::PairingCodeIssued { account, code }, Some(done))?;
        Ok((expires_at, waiting))
    }

    /// Forgets wrong PINs.
    pub(crate) fn unlock(
        &self,
        account: AccountId,
        permit: OwnedSemaphorePermit,
    ) -> Result<Waiting, EngineError> {
        let mut inner = self.inner.write();
        let at = self.clock.now();
        inner.register.account(account)?;
        let (done, waiting) = Done::new(permit);
        inner.record(at, Event::PinFailuresCleared { account }, Some(done))?;
        Ok(waiting)
    }

    /// Revokes a device. One that is revoked is left as it is.
    pub(crate) fn revoke_device(
        &self,
        account: AccountId,
        device: DeviceId,
        permit: OwnedSemaphorePermit,
    ) -> Result<Waiting, EngineError> {
        let mut inner = self.inner.write();
        let at = self.clock.now();
        let (done, waiting) = Done::new(permit);
        match inner.register.account(account)?.decide_revocation(device) {
            Ok(event) => inner.record(at, event, Some(done))?,
            Err(Refusal::DeviceRevoked) => inner.wait(done)?,
            Err(refusal) => return Err(refusal.into()),
        }
        Ok(waiting)
    }

    /// The account that a pairing code in force is of.
    pub(crate) fn account_of_code(&self, code: &Verifier) -> Result<AccountId, Refusal> {
        let now = self.clock.now();
        let inner = self.inner.read();
        let id = inner.register.account_of_code.get(code.as_bytes()).ok_or(Refusal::PairingCodeUnknown)?;
        let in_force = inner.register.account(*id)?.pairing_code(now)?;
        if verifiers_match(&in_force, code) { Ok(*id) } else { Err(Refusal::PairingCodeUnknown) }
    }

    /// Pairs a device by a code that is in force. The account's PIN was judged before, unless this is the first device,
    /// which sets it: then `pin` becomes the account's.
    pub(crate) fn pair_device(
        &self,
        code: &Verifier,
        name: Name,
        key: quittance_ledger::DeviceKey,
        pin: Verifier,
        permit: OwnedSemaphorePermit,
    ) -> Result<(AccountId, Waiting), EngineError> {
        let mut inner = self.inner.write();
        let at = self.clock.now();
        let id = inner.register.account_of_code.get(code.as_bytes()).copied();
        let id = id.ok_or(Refusal::PairingCodeUnknown)?;
        let account = inner.register.account(id)?;
        account.pairing_code(at)?;
        if inner.register.account_of_device.contains_key(&key.device_id()) {
            return Err(Refusal::DeviceAlreadyPaired.into());
        }
        let first_pin = match account.pin() {
            None => Some(pin),
            Some(set) if verifiers_match(&set, &pin) && !account.is_pin_locked() => None,
            // Another device set the PIN, or locked it, since it was judged.
            Some(_) => return Err(Refusal::PairingCodeUnknown.into()),
        };
        let event = account.decide_pairing(name, key, first_pin)?;
        let (done, waiting) = Done::new(permit);
        inner.record(at, event, Some(done))?;
        Ok((id, waiting))
    }

    /// Judges an attempt at an account's PIN, and counts it. The permit is for that: without one nothing is said of the PIN,
    /// or who floods the server could guess uncounted.
    pub(crate) fn judge_pin(
        &self,
        account: AccountId,
        attempt: &Verifier,
        permit: OwnedSemaphorePermit,
    ) -> Result<PinCheck, EngineError> {
        let judge = |register: &Register| {
            let account = register.account(account)?;
            let set = account.pin().ok_or(Refusal::DeviceUnknown)?;
            Ok::<_, Refusal>(account.judge_pin(verifiers_match(&set, attempt)))
        };
        match judge(&self.inner.read().register)? {
            PinVerdict::Right => return Ok(PinCheck::Right),
            PinVerdict::Locked => return Err(Refusal::PinLocked.into()),
            // To be counted. Others may have counted meanwhile, so it is judged again where nobody else can.
            PinVerdict::Wrong(_) | PinVerdict::RightAfterFailures(_) => {}
        }
        let mut inner = self.inner.write();
        let at = self.clock.now();
        let (done, counted) = Done::new(permit);
        match judge(&inner.register)? {
            PinVerdict::Right => Ok(PinCheck::Right),
            PinVerdict::Locked => Err(Refusal::PinLocked.into()),
            PinVerdict::RightAfterFailures(event) => {
                inner.record(at, event, Some(done))?;
                Ok(PinCheck::Right)
            }
            PinVerdict::Wrong(event) => {
                inner.record(at, event, Some(done))?;
                let attempts_left = inner.register.account(account)?.pin_attempts_left();
                Ok(PinCheck::Wrong { attempts_left, counted })
            }
        }
    }

    /// Registers a currency, whose units shall come from the wallet `issuer`. One that is registered keeps its own.
    pub(crate) fn register_currency(
        &self,
        currency: Currency,
        issuer: WalletId,
        permit: OwnedSemaphorePermit,
    ) -> Result<(WalletId, Waiting), EngineError> {
        let mut inner = self.inner.write();
        let at = self.clock.now();
        let (done, waiting) = Done::new(permit);
        match inner.register.currencies.get(&currency.code()).copied() {
            Some((known, issuer)) if known == currency => {
                inner.wait(done)?;
                Ok((issuer, waiting))
            }
            Some(_) => Err(Refusal::CurrencyDiffers.into()),
            None => {
                inner.record(at, Event::CurrencyRegistered { currency, issuer }, Some(done))?;
                Ok((issuer, waiting))
            }
        }
    }

    /// Opens a wallet. One that is opened with the same details is left as it is.
    pub(crate) fn open_wallet(
        &self,
        account: AccountId,
        wallet: WalletId,
        currency: CurrencyCode,
        name: Option<Name>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Waiting, EngineError> {
        let mut inner = self.inner.write();
        let at = self.clock.now();
        let register = &inner.register;
        register.account(account)?;
        if !register.currencies.contains_key(&currency) {
            return Err(Refusal::CurrencyUnknown.into());
        }
        let (done, waiting) = Done::new(permit);
        if let Some(known) = register.wallets.get(&wallet) {
            let is_same = known.owner == Owner::Account(account)
                && known.currency == currency
                && known.name.as_deref() == name.as_ref();
            if !is_same {
                return Err(Refusal::WalletIdTaken.into());
            }
            inner.wait(done)?;
            return Ok(waiting);
        }
        let is_open = |wallet: WalletId| register.wallets.get(&wallet).is_some_and(|wallet| wallet.is_open);
        let (ever, open) = register
            .wallets_of(account)
            .map(is_open)
            .fold((0, 0), |(ever, open), is_open| (ever + 1, open + usize::from(is_open)));
        if open >= MAX_WALLETS_PER_ACCOUNT || ever >= MAX_WALLETS_EVER_PER_ACCOUNT {
            return Err(Refusal::TooManyWallets.into());
        }
        inner.record(at, Event::WalletOpened { wallet, account, currency, name }, Some(done))?;
        Ok(waiting)
    }

    /// Takes note that a wallet is about to be closed: from now on no fee rule and no rate may name it. Where one does, every
    /// payment that it is for would be refused, so such a wallet stays open.
    pub(crate) fn begin_closing(&self, wallet: WalletId) -> Result<(), Refusal> {
        let mut inner = self.inner.write();
        let register = &mut inner.register;
        let is_in_use = register.fees().any(|(_, rule)| rule.collector == wallet)
            || register.rates().any(|rate| rate.taker == wallet || rate.giver == wallet);
        if is_in_use {
            return Err(Refusal::WalletInUse);
        }
        if let Some(listing) = register.wallets.get_mut(&wallet) {
            listing.is_closing = true;
        }
        Ok(())
    }

    /// Takes note that a wallet was not closed after all. Where nobody waited for what came of it, that is never said, and no
    /// rule can name the wallet until the next start.
    pub(crate) fn stays_open(&self, wallet: WalletId) {
        if let Some(listing) = self.inner.write().register.wallets.get_mut(&wallet) {
            listing.is_closing = false;
        }
    }

    /// Sets what is taken of payments. What is set already is left as it is.
    pub(crate) fn set_fee(
        &self,
        scope: FeeScope,
        rule: Option<FeeRule>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Waiting, EngineError> {
        let mut inner = self.inner.write();
        let at = self.clock.now();
        let register = &inner.register;
        let currency = match scope {
            FeeScope::Currency(code) => {
                register.currencies.contains_key(&code).then_some(code).ok_or(Refusal::CurrencyUnknown)?
            }
            FeeScope::Wallet(wallet) => {
                let listing = register.wallets.get(&wallet).ok_or(Refusal::WalletUnknown)?;
                listing.currency
            }
        };
        if rule.is_some_and(|rule| !register.is_open_account_wallet(rule.collector, currency)) {
            return Err(Refusal::FeeRuleInvalid.into());
        }
        let (done, waiting) = Done::new(permit);
        if register.fees.get(&scope).copied() == rule {
            inner.wait(done)?;
        } else {
            inner.record(at, Event::FeeSet { scope, rule }, Some(done))?;
        }
        Ok(waiting)
    }

    /// Sets at which rate a market maker converts. What is set already is left as it is.
    pub(crate) fn set_rate(
        &self,
        from: CurrencyCode,
        to: CurrencyCode,
        rate: Option<Rate>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Waiting, EngineError> {
        let mut inner = self.inner.write();
        let at = self.clock.now();
        let register = &inner.register;
        if let Some(rate) = rate {
            let owner = |wallet| register.wallets.get(wallet).map(|listing| listing.owner);
            let is_sound = register.is_open_account_wallet(rate.taker, from)
                && register.is_open_account_wallet(rate.giver, to)
                && owner(&rate.taker) == owner(&rate.giver);
            if !is_sound {
                return Err(Refusal::RateInvalid.into());
            }
        }
        let (done, waiting) = Done::new(permit);
        if register.rates.get(&(from, to)).copied() == rate {
            inner.wait(done)?;
        } else {
            inner.record(at, Event::RateSet { from, to, rate }, Some(done))?;
        }
        Ok(waiting)
    }
}
