//! Checkpoints in sled: wallets with their books, limits, accounts, currencies and tariffs as of a position of the journal.
//!
//! | key | value |
//! | --- | --- |
//! | `w` partition, page | the snapshots of the page's wallets, 64 of them but in the last page, in the order of opening |
//! | `r` wallet, request | what has become of the request |
//! | `h` wallet, transfer | what has become of the hold that the transfer placed |
//! | `f` wallet, transfer, leg | what the wallet gave back of the leg |
//! | `l` account, currency | the account's limits, and what counts toward them |
//! | `e` scope | the fee rule |
//! | `x` currency, `/`, currency | the rate of conversion |
//! | `a` partition, account | the account |
//! | `c` code | the currency and its issuer wallet |
//! | `p` partition | the position as of which the partition's wallets, their books and limits are written |
//! | `o` partition | the position as of which the partition's accounts are written |
//! | `d` | the position as of which currencies, fees and rates are written |
//!
//! Numbers in keys are big-endian, values are in postcard's encoding. None of it is ever ahead of the journal, and all of
//! it can be made from the journal again.

use std::collections::{BTreeMap, HashMap};

use quittance_journal::Position;
use quittance_ledger::{
    Account, AccountId, AllowanceSnapshot, BookEntry, Currency, CurrencyCode, EntryState, FeeRule, FeeScope,
    LegId, PaymentRequestId, Rate, TransferId, WalletId, WalletSnapshot,
};
use quittance_settlement::{Dirty, PageNumber, Partition, WALLETS_PER_PAGE};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, keyed};

/// The tree that checkpoints are written to.
#[derive(Clone, Debug)]
pub(crate) struct StateTree(keyed::Tree);

/// Changes that are written together or not at all.
#[derive(Debug, Default)]
pub(crate) struct StateBatch(keyed::Batch);

/// All that checkpoints say.
#[derive(Debug, Default)]
pub(crate) struct StoredState {
    /// By partition, in the order of opening.
    pub(crate) wallets: BTreeMap<Partition, Vec<WalletSnapshot>>,
    pub(crate) entries: HashMap<WalletId, Vec<(BookEntry, EntryState)>>,
    pub(crate) allowances: Vec<AllowanceSnapshot>,
    pub(crate) fees: Vec<(FeeScope, FeeRule)>,
    pub(crate) rates: Vec<Rate>,
    pub(crate) accounts: HashMap<AccountId, Account>,
    pub(crate) currencies: BTreeMap<CurrencyCode, (Currency, WalletId)>,
    /// By the partition's number. What is missing was never written.
    pub(crate) partitions: BTreeMap<u16, Position>,
    /// As `partitions`, of accounts.
    pub(crate) account_partitions: BTreeMap<u16, Position>,
    pub(crate) directory: Position,
}

impl StoredState {
    /// As of which position a partition's wallets are written.
    pub(crate) fn partition(&self, partition: Partition) -> Position {
        self.partitions.get(&partition.number()).copied().unwrap_or(Position::START)
    }

    /// As of which position a partition's accounts are written.
    pub(crate) fn accounts(&self, partition: Partition) -> Position {
        self.account_partitions.get(&partition.number()).copied().unwrap_or(Position::START)
    }

    /// Adds a page of wallets after those before it. Whether it is the next one, and its wallets are the partition's.
    fn add_page(&mut self, partition: Partition, page: PageNumber, wallets: Vec<WalletSnapshot>) -> bool {
        let before = self.wallets.entry(partition).or_default();
        let is_next = before.len() == page.get() as usize * WALLETS_PER_PAGE as usize;
        let is_of_size = (1..=WALLETS_PER_PAGE as usize).contains(&wallets.len());
        let is_here = wallets.iter().all(|wallet| Partition::of(wallet.id) == partition);
        before.extend(wallets);
        is_next && is_of_size && is_here
    }
}

impl StateTree {
    pub(super) const fn new(tree: keyed::Tree) -> Self {
        Self(tree)
    }

    pub(crate) fn write(&self, batch: StateBatch) -> Result<(), StoreError> {
        Ok(self.0.apply_batch(batch.0)?)
    }

    pub(crate) fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let value = self.0.get(account_key(id))?;
        value.map(|value| decode("account", &value)).transpose()
    }

    pub(crate) fn load(&self) -> Result<StoredState, StoreError> {
        let mut state = StoredState::default();
        for entry in &self.0 {
            let (key, value) = entry?;
            let (kind, rest) = key.split_first().ok_or(StoreError::Unreadable("state key"))?;
            match kind {
                b'w' => {
                    let (partition, page) = read_page_key(rest)?;
                    let wallets: Vec<WalletSnapshot> = decode("page of wallets", &value)?;
                    let is_sound = state.add_page(partition, page, wallets);
                    is_sound.then_some(()).ok_or(StoreError::Unreadable("page of wallets"))?;
                }
                b'r' | b'h' | b'f' => {
                    let (wallet, entry, entry_state) = read_entry(*kind, rest, &value)?;
                    state.entries.entry(wallet).or_default().push((entry, entry_state));
                }
                b'l' => state.allowances.push(decode("limit of an account", &value)?),
                b'e' => state.fees.push(decode("fee rule", &value)?),
                b'x' => state.rates.push(decode("rate", &value)?),
                b'a' => {
                    let account: Account = decode("account", &value)?;
                    state.accounts.insert(account.id, account);
                }
                b'c' => {
                    let (currency, issuer): (Currency, WalletId) = decode("currency", &value)?;
                    state.currencies.insert(currency.code(), (currency, issuer));
                }
                b'p' => {
                    let number = u16::from_be_bytes(rest.try_into().map_err(|_| bad_key())?);
                    state.partitions.insert(number, decode("position", &value)?);
                }
                b'o' => {
                    let number = u16::from_be_bytes(rest.try_into().map_err(|_| bad_key())?);
                    state.account_partitions.insert(number, decode("position", &value)?);
                }
                b'd' => state.directory = decode("position", &value)?,
                _ => return Err(bad_key()),
            }
        }
        Ok(state)
    }
}

impl StateBatch {
    /// What changed of a partition, as of a position.
    pub(crate) fn partition_state(
        &mut self,
        partition: Partition,
        as_of: Position,
        dirty: &Dirty,
    ) -> Result<(), StoreError> {
        for (page, wallets) in &dirty.pages {
            self.page(partition, *page, wallets)?;
        }
        for (wallet, entry, state) in &dirty.entries {
            self.entry(*wallet, *entry, state.as_ref())?;
        }
        for allowance in &dirty.allowances {
            self.allowance(allowance)?;
        }
        self.partition(partition, as_of)
    }

    /// A page of wallets.
    pub(crate) fn page(
        &mut self,
        partition: Partition,
        page: PageNumber,
        wallets: &Vec<WalletSnapshot>,
    ) -> Result<(), StoreError> {
        let (partition, page) = (partition.number().to_be_bytes(), page.get().to_be_bytes());
        self.put(key(b'w', &[&partition, &page]), wallets)
    }

    /// An entry of a wallet's books; none where it was forgotten.
    pub(crate) fn entry(
        &mut self,
        wallet: WalletId,
        entry: BookEntry,
        state: Option<&EntryState>,
    ) -> Result<(), StoreError> {
        let key = entry_key(wallet, entry);
        match state {
            Some(EntryState::Request(state)) => self.put(key, state),
            Some(EntryState::Hold(state)) => self.put(key, state),
            Some(EntryState::Refund(state)) => self.put(key, state),
            None => {
                self.0.remove(key);
                Ok(())
            }
        }
    }

    pub(crate) fn allowance(&mut self, allowance: &AllowanceSnapshot) -> Result<(), StoreError> {
        let currency = allowance.currency.as_str().as_bytes();
        self.put(key(b'l', &[&allowance.account.to_bytes(), currency]), allowance)
    }

    /// A fee rule; none where it was taken away.
    pub(crate) fn fee(&mut self, scope: FeeScope, rule: Option<&FeeRule>) -> Result<(), StoreError> {
        let key = match &scope {
            FeeScope::Currency(code) => key(b'e', &[b"c", code.as_str().as_bytes()]),
            FeeScope::Wallet(wallet) => key(b'e', &[b"w", &wallet.to_bytes()]),
        };
        self.put_or_remove(key, rule.map(|rule| (scope, rule)))
    }

    /// A rate of conversion; none where it was taken away.
    pub(crate) fn rate(
        &mut self,
        from: CurrencyCode,
        to: CurrencyCode,
        rate: Option<&Rate>,
    ) -> Result<(), StoreError> {
        self.put_or_remove(key(b'x', &[from.as_str().as_bytes(), b"/", to.as_str().as_bytes()]), rate)
    }

    fn put_or_remove(&mut self, key: Vec<u8>, value: Option<impl Serialize>) -> Result<(), StoreError> {
        match value {
            Some(value) => self.put(key, &value),
            None => {
                self.0.remove(key);
                Ok(())
            }
        }
    }

    pub(crate) fn account(&mut self, account: &Account) -> Result<(), StoreError> {
        self.put(account_key(account.id), account)
    }

    pub(crate) fn currency(&mut self, currency: &Currency, issuer: WalletId) -> Result<(), StoreError> {
        self.put(key(b'c', &[currency.code().as_str().as_bytes()]), &(currency, issuer))
    }

    pub(crate) fn partition(&mut self, partition: Partition, as_of: Position) -> Result<(), StoreError> {
        self.put(key(b'p', &[&partition.number().to_be_bytes()]), &as_of)
    }

    pub(crate) fn accounts(&mut self, partition: Partition, as_of: Position) -> Result<(), StoreError> {
        self.put(key(b'o', &[&partition.number().to_be_bytes()]), &as_of)
    }

    pub(crate) fn directory(&mut self, as_of: Position) -> Result<(), StoreError> {
        self.put(key(b'd', &[]), &as_of)
    }

    fn put(&mut self, key: Vec<u8>, value: &impl Serialize) -> Result<(), StoreError> {
        self.0.insert(key, postcard::to_allocvec(value).map_err(|_| StoreError::Unreadable("value"))?);
        Ok(())
    }
}

fn key(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    std::iter::once(kind).chain(parts.iter().copied().flatten().copied()).collect()
}

fn account_key(id: AccountId) -> Vec<u8> {
    key(b'a', &[&Partition::of_account(id).number().to_be_bytes(), &id.to_bytes()])
}

fn read_page_key(rest: &[u8]) -> Result<(Partition, PageNumber), StoreError> {
    let (partition, page) = rest.split_first_chunk().ok_or(bad_key())?;
    let partition = Partition::numbered(u16::from_be_bytes(*partition)).ok_or(bad_key())?;
    Ok((partition, PageNumber::new(u32::from_be_bytes(page.try_into().map_err(|_| bad_key())?))))
}

fn entry_key(wallet: WalletId, entry: BookEntry) -> Vec<u8> {
    let wallet = wallet.to_bytes();
    match entry {
        BookEntry::Request(id) => key(b'r', &[&wallet, &id.to_bytes()]),
        BookEntry::Hold(id) => key(b'h', &[&wallet, &id.to_bytes()]),
        BookEntry::Refund(id) => key(b'f', &[&wallet, &id.transfer.to_bytes(), &[id.leg]]),
    }
}

fn read_entry(kind: u8, rest: &[u8], value: &[u8]) -> Result<(WalletId, BookEntry, EntryState), StoreError> {
    let (wallet, rest) = rest.split_at_checked(16).ok_or(bad_key())?;
    let (id, rest) = rest.split_at_checked(16).ok_or(bad_key())?;
    let (wallet, id) = (WalletId::from_bytes(sixteen(wallet)?).map_err(|_| bad_key())?, sixteen(id)?);
    let transfer = || TransferId::from_bytes(id).map_err(|_| bad_key());
    Ok(match (kind, rest) {
        (b'r', []) => {
            let id = PaymentRequestId::from_bytes(id).map_err(|_| bad_key())?;
            (wallet, BookEntry::Request(id), EntryState::Request(decode("payment request", value)?))
        }
        (b'h', []) => (wallet, BookEntry::Hold(transfer()?), EntryState::Hold(decode("hold", value)?)),
        (b'f', [leg]) => {
            let id = LegId { transfer: transfer()?, leg: *leg };
            (wallet, BookEntry::Refund(id), EntryState::Refund(decode("refund", value)?))
        }
        _ => return Err(bad_key()),
    })
}

fn sixteen(bytes: &[u8]) -> Result<[u8; 16], StoreError> {
    bytes.try_into().map_err(|_| bad_key())
}

const fn bad_key() -> StoreError {
    StoreError::Unreadable("state key")
}

fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes).map_err(|_| StoreError::Unreadable(what))
}
