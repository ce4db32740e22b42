//! Wallets.

use quittance_ledger::{AccountId, CurrencyCode, Name, Refusal, WalletId, WalletSnapshot};
use quittance_settlement::{Message, Ticket, WalletCommand};

use super::{any_id, random_id};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::Party;

/// Answers find their way by the end that waits, so the protocol's tickets need not differ.
const TICKET: Ticket = Ticket(0);

impl Engine {
    /// Opens a wallet. A repeat with the same details answers as the first time.
    ///
    /// # Errors
    /// The account or the currency is not known, the id is another wallet's, or the account has too many.
    pub async fn open_wallet(
        &self,
        account: AccountId,
        id: Option<WalletId>,
        currency: CurrencyCode,
        name: Option<Name>,
    ) -> Result<WalletSnapshot, EngineError> {
        let id = match id {
            Some(id) => id,
            None => any_id(WalletId::from_bytes(random_id()?)),
        };
        let permit = self.admission.permit()?;
        self.directory.open_wallet(account, id, currency, name, permit)?.durable().await?;
        self.known_wallet(id).await
    }

    /// A wallet's durable state.
    ///
    /// # Errors
    /// There is no such wallet, or it is another account's.
    pub async fn wallet(&self, party: Party, wallet: WalletId) -> Result<WalletSnapshot, EngineError> {
        self.check_party(party, wallet)?;
        self.known_wallet(wallet).await
    }

    /// The wallets of an account, in order of their ids, also those that are closed.
    ///
    /// # Errors
    /// There is no such account.
    pub async fn wallets_of(&self, account: AccountId) -> Result<Vec<WalletSnapshot>, EngineError> {
        let mut ids = self.durably(self.directory.wallets_of(account)).await??;
        ids.sort_unstable();
        let mut wallets = Vec::with_capacity(ids.len());
        for id in ids {
            wallets.push(self.known_wallet(id).await?);
        }
        Ok(wallets)
    }

    /// Closes an empty wallet, for good. A repeat changes nothing.
    ///
    /// # Errors
    /// The wallet is not the party's, or not empty.
    pub async fn close_wallet(&self, party: Party, wallet: WalletId) -> Result<WalletSnapshot, EngineError> {
        self.command(party, wallet, WalletCommand::Close).await?;
        self.known_wallet(wallet).await
    }

    /// Sends a command to a wallet, and waits until its answer is durable.
    pub(super) async fn command(
        &self,
        party: Party,
        wallet: WalletId,
        command: WalletCommand,
    ) -> Result<(), EngineError> {
        self.check_party(party, wallet)?;
        let account = match party {
            Party::Operator => None,
            Party::Account(account) => Some(account),
        };
        let (done, waiting) = self.pending()?;
        self.router.deliver(Message::Command { wallet, account, command, ticket: TICKET }, Some(done));
        waiting.durable().await
    }

    /// Whether the party may see a wallet. Another account's is as unknown as none.
    pub(super) fn check_party(&self, party: Party, wallet: WalletId) -> Result<(), Refusal> {
        let is_seen = match party {
            Party::Operator => self.directory.is_wallet(wallet),
            Party::Account(account) => self.directory.owner(wallet) == Some(account),
        };
        if is_seen { Ok(()) } else { Err(Refusal::WalletUnknown) }
    }

    /// A wallet that the directory knows; its shard does once the opening is durable.
    async fn known_wallet(&self, wallet: WalletId) -> Result<WalletSnapshot, EngineError> {
        Ok(self.router.wallet(wallet).await?.ok_or(Refusal::WalletUnknown)?)
    }
}
