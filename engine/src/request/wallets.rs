//! Wallets.

use quittance_ledger::{
    AccountId, Allowance, AllowanceSnapshot, CurrencyCode, Day, Limits, Name, Refusal, WalletId,
    WalletSettings, WalletSnapshot, WalletStatus,
};
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
        let ids = self.durably(self.directory.wallets_of(account)).await??;
        let mut wallets = Vec::with_capacity(ids.len());
        for id in ids {
            wallets.push(self.known_wallet(id).await?);
        }
        Ok(wallets)
    }

    /// Closes an empty wallet, for good. A repeat changes nothing.
    ///
    /// # Errors
    /// The wallet is not the party's, or not empty, or a fee rule or rate names it.
    pub async fn close_wallet(&self, party: Party, wallet: WalletId) -> Result<WalletSnapshot, EngineError> {
        self.check_party(party, wallet)?;
        self.directory.begin_closing(wallet)?;
        let closed = self.command(party, wallet, WalletCommand::Close).await;
        closed.inspect_err(|_| self.directory.stays_open(wallet))?;
        self.known_wallet(wallet).await
    }

    /// Lets nothing out of a wallet, and with `both_ways` nothing in but what comes back. A repeat changes nothing.
    ///
    /// # Errors
    /// The wallet is not known, or closed.
    pub async fn freeze_wallet(
        &self,
        wallet: WalletId,
        both_ways: bool,
    ) -> Result<WalletSnapshot, EngineError> {
        self.command(Party::Operator, wallet, WalletCommand::Freeze { both_ways }).await?;
        self.known_wallet(wallet).await
    }

    /// Lets a frozen wallet take part again. A repeat changes nothing.
    ///
    /// # Errors
    /// The wallet is not known, or closed.
    pub async fn unfreeze_wallet(&self, wallet: WalletId) -> Result<WalletSnapshot, EngineError> {
        self.command(Party::Operator, wallet, WalletCommand::Unfreeze).await?;
        self.known_wallet(wallet).await
    }

    /// Sets a wallet's bounds and limits. A repeat changes nothing.
    ///
    /// # Errors
    /// The wallet is not known or closed, or what it holds is out of the new bounds.
    pub async fn configure_wallet(
        &self,
        wallet: WalletId,
        settings: WalletSettings,
    ) -> Result<WalletSnapshot, EngineError> {
        self.command(Party::Operator, wallet, WalletCommand::Configure(Box::new(settings))).await?;
        self.known_wallet(wallet).await
    }

    /// Sets the limits of an account over all its wallets of a currency. They count what is paid from now on, or since limits
    /// were first set.
    ///
    /// # Errors
    /// The account or the currency is not known.
    pub async fn limit_account(
        &self,
        account: AccountId,
        currency: CurrencyCode,
        limits: Limits,
    ) -> Result<AllowanceSnapshot, EngineError> {
        self.account(account).await?;
        self.directory.currency(currency).ok_or(Refusal::CurrencyUnknown)?;
        let (done, waiting) = self.pending()?;
        let message = Message::LimitAccount { account, currency, limits, ticket: TICKET };
        self.router.deliver(message, Some(done));
        waiting.durable().await?;
        self.allowance(account, currency).await
    }

    /// The limits of an account over all its wallets of a currency, and what counts toward them.
    ///
    /// # Errors
    /// The engine is stopping.
    pub async fn allowance(
        &self,
        account: AccountId,
        currency: CurrencyCode,
    ) -> Result<AllowanceSnapshot, EngineError> {
        let known = self.router.allowance(account, currency).await?;
        Ok(known.unwrap_or_else(|| Allowance::new(account, currency).snapshot()))
    }

    /// The day by which what is left of an account's limits is to be shown: the limits count by the day of the wallet that
    /// pays, so it is the earliest that it is for one of the account's wallets of the currency.
    ///
    /// # Errors
    /// There is no such account, or the engine is stopping.
    pub async fn allowance_day(
        &self,
        account: AccountId,
        currency: CurrencyCode,
    ) -> Result<Day, EngineError> {
        let now = self.clock.now();
        let wallets = self.wallets_of(account).await?;
        let counts =
            |wallet: &&WalletSnapshot| wallet.currency == currency && wallet.status != WalletStatus::Closed;
        let days = wallets.iter().filter(counts).map(|wallet| wallet.day(now));
        Ok(days.min().unwrap_or_else(|| Day::utc(now)))
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
