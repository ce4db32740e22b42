//! What was: transfers, statements, what accounts are told, and those who follow them. These read the disk.

use std::ops::Range;
use std::sync::Arc;

use quittance_journal::Position;
use quittance_ledger::{AccountId, Name, PaymentRequest, Reference, Timestamp, TransferId, WalletId};
use tokio::sync::watch;

use crate::admission::Admission;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::happening::Happening;
use crate::history::{History, Order};
use crate::order::{Party, TransferRecord};
use crate::store::Line;

/// How many things an account was told of are looked through for those of one kind.
const MAX_LOOKED_THROUGH: usize = 1_000;

/// A line of a wallet's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// The transfer.
    pub record: TransferRecord,
    /// The wallet's posted balance after it.
    pub balance: i64,
    /// The instant by which the line is searched: the latest of the wallet's records up to this one. It is the record's own
    /// but for moments, since records are stamped before they are ordered.
    pub at: Timestamp,
}

impl Engine {
    /// A transfer, if there is one of this id and the party has a part in it.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn transfer(&self, party: Party, id: TransferId) -> Result<Option<TransferRecord>, EngineError> {
        let record = record_of(&self.admission, &self.history, id)?;
        Ok(record.filter(|record| self.has_part(party, record)))
    }

    /// As [`Engine::transfer`], for async code.
    pub(super) async fn find_transfer(
        &self,
        party: Party,
        id: TransferId,
    ) -> Result<Option<TransferRecord>, EngineError> {
        let (admission, history) = (Arc::clone(&self.admission), Arc::clone(&self.history));
        let record = self.reading(move || record_of(&admission, &history, id)).await??;
        Ok(record.filter(|record| self.has_part(party, record)))
    }

    fn has_part(&self, party: Party, record: &TransferRecord) -> bool {
        match party {
            Party::Operator => true,
            Party::Account(account) => {
                record.transfer.wallets().any(|wallet| self.directory.owner(wallet) == Some(account))
            }
        }
    }

    /// A wallet's transfers before `before`, newest first, at most `limit`.
    ///
    /// # Errors
    /// The wallet is not the party's, or the store can't be read.
    pub fn wallet_transfers(
        &self,
        party: Party,
        wallet: WalletId,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<TransferRecord>, EngineError> {
        self.check_party(party, wallet)?;
        let before = before.unwrap_or(Position::new(u64::MAX));
        let lines = self.history.lines_before(wallet, before, limit)?;
        lines.into_iter().map(|line| self.history.transfer_at(line.position)).collect()
    }

    /// Lines of a wallet's statement with positions in `range`, at most `limit`: each of its transfers, refused ones too, with
    /// the balance after it.
    ///
    /// # Errors
    /// The wallet is not the party's, or the store can't be read.
    pub fn statement_lines(
        &self,
        party: Party,
        wallet: WalletId,
        range: Range<Position>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<StatementLine>, EngineError> {
        self.check_party(party, wallet)?;
        let lines = self.history.lines(wallet, range, order, limit)?;
        let line = |Line { position, balance, at }| {
            Ok(StatementLine { record: self.history.transfer_at(position)?, balance, at })
        };
        lines.into_iter().map(line).collect()
    }

    /// A wallet's posted balance before the record at `position`.
    ///
    /// # Errors
    /// The wallet is not the party's, or the store can't be read.
    pub fn balance_before(
        &self,
        party: Party,
        wallet: WalletId,
        position: Position,
    ) -> Result<i64, EngineError> {
        self.check_party(party, wallet)?;
        Ok(self.history.balance_before(wallet, position)?)
    }

    /// The position of the first line of a wallet's statement at or after an instant, by [`StatementLine::at`]; where there is
    /// none, the position that the next record will have.
    ///
    /// # Errors
    /// The wallet is not the party's, or the store can't be read.
    pub fn position_at(
        &self,
        party: Party,
        wallet: WalletId,
        at: Timestamp,
    ) -> Result<Position, EngineError> {
        self.check_party(party, wallet)?;
        Ok(self.history.position_at(wallet, at)?)
    }

    /// A wallet's transfers before `before` with this reference on one of the wallet's legs, newest first, at most `limit`.
    ///
    /// # Errors
    /// The wallet is not the party's, or the store can't be read.
    pub fn transfers_by_reference(
        &self,
        party: Party,
        wallet: WalletId,
        reference: &Reference,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<TransferRecord>, EngineError> {
        self.check_party(party, wallet)?;
        self.history.by_reference(wallet, reference, before.unwrap_or(Position::new(u64::MAX)), limit)
    }

    /// What happened to an account after `after`, oldest first, at most `limit`: what its devices are to be told.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn account_events(
        &self,
        account: AccountId,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Timestamp, Happening)>, EngineError> {
        let wallets = || self.directory.wallets_ever_of(account);
        let positions = self.history.told_after(account, wallets, after, limit)?;
        let event = |position| {
            let (at, happening) = self.history.happening_at(position)?;
            Ok((position, at, happening))
        };
        positions.into_iter().map(event).collect()
    }

    /// Requests that were sent to an account before `before`, newest first, at most `limit`; and where to go on, if there may
    /// be more. What else the account was told of is looked through, so there may be fewer than `limit` and still more.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn incoming_requests(
        &self,
        account: AccountId,
        before: Option<Position>,
        limit: usize,
    ) -> Result<(Vec<PaymentRequest>, Option<Position>), EngineError> {
        let mut found = Vec::new();
        let before = before.unwrap_or(Position::new(u64::MAX));
        let wallets = || self.directory.wallets_ever_of(account);
        let positions = self.history.told_before(account, wallets, before, MAX_LOOKED_THROUGH)?;
        let is_all = positions.len() < MAX_LOOKED_THROUGH;
        let last = positions.last().copied();
        for (index, position) in positions.iter().copied().enumerate() {
            if let (_, Happening::RequestOpened(request)) = self.history.happening_at(position)?
                && request.payer == Some(account)
            {
                found.push(*request);
                if found.len() >= limit {
                    let is_end = is_all && index.saturating_add(1) == positions.len();
                    return Ok((found, Some(position).filter(|_| !is_end)));
                }
            }
        }
        Ok((found, last.filter(|_| !is_all)))
    }

    /// Follows an account: the receiver changes whenever something that the account is told of has become durable. It ends with the
    /// engine.
    #[must_use]
    pub fn watch_account(&self, account: AccountId) -> watch::Receiver<Position> {
        self.watchers.watch(account, self.tip())
    }

    /// The name of the account that owns a wallet; none of an issuer's wallet or an unknown one.
    #[must_use]
    pub fn owner_name(&self, wallet: WalletId) -> Option<Name> {
        self.directory.account_name(self.directory.owner(wallet)?)
    }

    /// The account that owns a wallet; none of an issuer's wallet or an unknown one.
    #[must_use]
    pub fn owner(&self, wallet: WalletId) -> Option<AccountId> {
        self.directory.owner(wallet)
    }
}

fn record_of(
    admission: &Admission,
    history: &History,
    id: TransferId,
) -> Result<Option<TransferRecord>, EngineError> {
    for position in admission.positions_of(id) {
        let record = history.transfer_at(position)?;
        if record.transfer.id == id {
            return Ok(Some(record));
        }
    }
    history.find(id)?.map(|position| history.transfer_at(position)).transpose()
}
