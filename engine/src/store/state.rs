//! Checkpoints in sled: wallets, payment requests, accounts and currencies as of a position of the journal.
//!
//! | key | value |
//! | --- | --- |
//! | `w` wallet | its snapshot |
//! | `r` wallet, request | what has become of the request |
//! | `a` account | the account |
//! | `c` code | the currency and its issuer wallet |
//! | `p` partition | the position as of which the partition's wallets and requests are written |
//! | `d` | the position as of which accounts and currencies are written |
//! | `k` | the fingerprints of the keys that the store was used with |
//! | `t` millisecond | the position of the journal's end at that time |
//!
//! Numbers in keys are big-endian, values are in postcard's encoding. None of it is ever ahead of the journal, and all of
//! it can be made from the journal again.

use std::collections::{BTreeMap, HashMap};

use quittance_journal::Position;
use quittance_ledger::{
    Account, AccountId, Currency, CurrencyCode, PaymentRequestId, RequestState, Timestamp, WalletId,
    WalletSnapshot,
};
use quittance_settlement::Partition;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// The tree that checkpoints are written to.
#[derive(Clone, Debug)]
pub(crate) struct StateTree(sled::Tree);

/// Changes that are written together or not at all.
#[derive(Debug, Default)]
pub(crate) struct StateBatch(sled::Batch);

/// All that checkpoints say.
#[derive(Debug, Default)]
pub(crate) struct StoredState {
    pub(crate) wallets: HashMap<WalletId, WalletSnapshot>,
    pub(crate) requests: HashMap<WalletId, Vec<(PaymentRequestId, RequestState)>>,
    pub(crate) accounts: HashMap<AccountId, Account>,
    pub(crate) currencies: BTreeMap<CurrencyCode, (Currency, WalletId)>,
    /// By the partition's number. What is missing was never written.
    pub(crate) partitions: BTreeMap<u16, Position>,
    pub(crate) directory: Position,
    pub(crate) time_marks: BTreeMap<Timestamp, Position>,
}

impl StoredState {
    /// As of which position a partition's wallets are written.
    pub(crate) fn partition(&self, partition: Partition) -> Position {
        self.partitions.get(&partition.number()).copied().unwrap_or(Position::START)
    }
}

impl StateTree {
    pub(super) const fn new(tree: sled::Tree) -> Self {
        Self(tree)
    }

    pub(crate) fn write(&self, batch: StateBatch) -> Result<(), StoreError> {
        Ok(self.0.apply_batch(batch.0)?)
    }

    pub(crate) fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let value = self.0.get(key(b'a', &[&id.to_bytes()]))?;
        value.map(|value| decode("account", &value)).transpose()
    }

    /// The fingerprints of the keys that the store was used with.
    pub(crate) fn keys(&self) -> Result<Vec<[u8; 32]>, StoreError> {
        let value = self.0.get(key(b'k', &[]))?;
        value.map_or(Ok(Vec::new()), |value| decode("fingerprint of a key", &value))
    }

    pub(crate) fn load(&self) -> Result<StoredState, StoreError> {
        let mut state = StoredState::default();
        for entry in &self.0 {
            let (key, value) = entry?;
            let (kind, rest) = key.split_first().ok_or(StoreError::Unreadable("state key"))?;
            match kind {
                b'w' => {
                    let wallet: WalletSnapshot = decode("wallet", &value)?;
                    state.wallets.insert(wallet.id, wallet);
                }
                b'r' => {
                    let (wallet, request) = rest.split_at_checked(16).ok_or(bad_key())?;
                    let wallet = WalletId::from_bytes(sixteen(wallet)?).map_err(|_| bad_key())?;
                    let request = PaymentRequestId::from_bytes(sixteen(request)?).map_err(|_| bad_key())?;
                    let request_state = decode("payment request", &value)?;
                    state.requests.entry(wallet).or_default().push((request, request_state));
                }
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
                b'd' => state.directory = decode("position", &value)?,
                b't' => {
                    let millis = u64::from_be_bytes(rest.try_into().map_err(|_| bad_key())?);
                    state.time_marks.insert(Timestamp::from_millis(millis), decode("position", &value)?);
                }
                b'k' => {}
                _ => return Err(bad_key()),
            }
        }
        Ok(state)
    }
}

impl StateBatch {
    pub(crate) fn wallet(&mut self, wallet: &WalletSnapshot) -> Result<(), StoreError> {
        self.put(key(b'w', &[&wallet.id.to_bytes()]), wallet)
    }

    /// What has become of a request; none where it was forgotten.
    pub(crate) fn request(
        &mut self,
        wallet: WalletId,
        request: PaymentRequestId,
        state: Option<&RequestState>,
    ) -> Result<(), StoreError> {
        let key = key(b'r', &[&wallet.to_bytes(), &request.to_bytes()]);
        match state {
            Some(state) => self.put(key, state),
            None => {
                self.0.remove(key);
                Ok(())
            }
        }
    }

    pub(crate) fn account(&mut self, account: &Account) -> Result<(), StoreError> {
        self.put(key(b'a', &[&account.id.to_bytes()]), account)
    }

    pub(crate) fn currency(&mut self, currency: &Currency, issuer: WalletId) -> Result<(), StoreError> {
        self.put(key(b'c', &[currency.code().as_str().as_bytes()]), &(currency, issuer))
    }

    pub(crate) fn partition(&mut self, partition: Partition, as_of: Position) -> Result<(), StoreError> {
        self.put(key(b'p', &[&partition.number().to_be_bytes()]), &as_of)
    }

    pub(crate) fn directory(&mut self, as_of: Position) -> Result<(), StoreError> {
        self.put(key(b'd', &[]), &as_of)
    }

    pub(crate) fn keys(&mut self, fingerprints: &Vec<[u8; 32]>) -> Result<(), StoreError> {
        self.put(key(b'k', &[]), fingerprints)
    }

    pub(crate) fn time_mark(&mut self, at: Timestamp, end: Position) -> Result<(), StoreError> {
        self.put(key(b't', &[&at.as_millis().to_be_bytes()]), &end)
    }

    pub(crate) fn forget_time_mark(&mut self, at: Timestamp) {
        self.0.remove(key(b't', &[&at.as_millis().to_be_bytes()]));
    }

    fn put(&mut self, key: Vec<u8>, value: &impl Serialize) -> Result<(), StoreError> {
        self.0.insert(key, postcard::to_allocvec(value).map_err(|_| StoreError::Unreadable("value"))?);
        Ok(())
    }
}

fn key(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    std::iter::once(kind).chain(parts.iter().copied().flatten().copied()).collect()
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
