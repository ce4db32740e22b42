//! Currencies.

use quittance_ledger::{Currency, CurrencyCode, WalletId};

use super::{any_id, random_id};
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Registers a currency and gives its issuer wallet. A repeat gives the same wallet.
    ///
    /// # Errors
    /// The code is registered with another exponent, or the engine takes nothing in.
    pub async fn register_currency(&self, currency: Currency) -> Result<WalletId, EngineError> {
        let issuer = any_id(WalletId::from_bytes(random_id()?));
        let permit = self.admission.permit()?;
        let (issuer, waiting) = self.directory.register_currency(currency, issuer, permit)?;
        waiting.durable().await?;
        Ok(issuer)
    }

    /// Every currency, by its code, with its issuer wallet.
    ///
    /// # Errors
    /// The engine takes nothing in.
    pub async fn currencies(&self) -> Result<Vec<(Currency, WalletId)>, EngineError> {
        self.durably(self.directory.currencies()).await
    }

    /// A currency.
    #[must_use]
    pub fn currency(&self, code: CurrencyCode) -> Option<Currency> {
        self.directory.currency(code).map(|(currency, _)| currency)
    }
}
