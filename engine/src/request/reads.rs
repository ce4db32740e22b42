//! What was: transfers, and those who follow them. These read the disk.

use quittance_journal::Position;
use quittance_ledger::{AccountId, Name, TransferId, WalletId};
use tokio::sync::watch;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::{Party, TransferRecord};
use crate::store::Subject;

impl Engine {
    /// A transfer, if there is one of this id and the party has a part in it.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn transfer(&self, party: Party, id: TransferId) -> Result<Option<TransferRecord>, EngineError> {
        let position = match self.admission.position_of(id) {
            Some(position) => Some(position),
            None => self.history.find(id)?,
        };
        let Some(position) = position else { return Ok(None) };
        let record = self.history.transfer_at(position)?;
        let has_part = match party {
            Party::Operator => true,
            Party::Account(account) => [record.transfer.payer, record.transfer.payee]
                .into_iter()
                .any(|wallet| self.directory.owner(wallet) == Some(account)),
        };
        Ok(Some(record).filter(|_| has_part))
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
        let positions = self.history.before(Subject::Wallet(wallet), before, limit)?;
        positions.into_iter().map(|position| self.history.transfer_at(position)).collect()
    }

    /// An account's transfers after `after`, oldest first, at most `limit`: what its devices are to be told.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn account_transfers(
        &self,
        account: AccountId,
        after: Position,
        limit: usize,
    ) -> Result<Vec<TransferRecord>, EngineError> {
        let positions = self.history.after(Subject::Account(account), after, limit)?;
        positions.into_iter().map(|position| self.history.transfer_at(position)).collect()
    }

    /// Follows an account: the receiver changes whenever a transfer of the account has become durable. It ends with the
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
