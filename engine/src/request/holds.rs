//! Holds: units that are set aside for a payee. [`Engine::pay`] places them, [`Engine::capture`] takes them.

use quittance_ledger::{Purpose, Refusal, TransferId};
use quittance_settlement::WalletCommand;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::{HoldRecord, Party};

impl Engine {
    /// A hold and what has become of it.
    ///
    /// # Errors
    /// There is no such hold, or the party is neither its payer nor its payee.
    pub async fn hold(&self, party: Party, hold: TransferId) -> Result<HoldRecord, EngineError> {
        let placed = self.find_transfer(party, hold).await?.filter(|record| record.refusal.is_none());
        let placed = placed.ok_or(Refusal::HoldUnknown)?;
        if !matches!(placed.transfer.first.purpose, Purpose::Hold { .. }) {
            return Err(Refusal::HoldUnknown.into());
        }
        let state = self.router.hold(placed.transfer.first.payer, hold).await?;
        Ok(HoldRecord { placed, state })
    }

    /// Lets go what is left of a hold: it is the payer's to spend again. A repeat changes nothing.
    ///
    /// # Errors
    /// There is no such hold for the party to let go, it was captured or has expired, or a capture of it is under way.
    pub async fn release_hold(&self, party: Party, hold: TransferId) -> Result<HoldRecord, EngineError> {
        let known = self.hold(party, hold).await?;
        let transfer = &known.placed.transfer;
        let is_payees = match party {
            Party::Operator => true,
            Party::Account(account) => self.directory.owner(transfer.first.payee) == Some(account),
        };
        if !is_payees {
            return Err(Refusal::HoldUnknown.into());
        }
        self.command(Party::Operator, transfer.first.payer, WalletCommand::Release(hold)).await?;
        self.hold(party, hold).await
    }
}
