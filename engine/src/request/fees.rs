//! Fees: what the operator takes of payments.

use quittance_ledger::{FeeRule, FeeScope, MAX_BASIS_POINTS, Refusal};

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Sets what is taken of payments, or with no rule takes nothing. A repeat changes nothing.
    ///
    /// # Errors
    /// The currency is not known, the wallet is no account's, or the rule contradicts itself or names a wallet that can't collect.
    pub async fn set_fee(&self, scope: FeeScope, rule: Option<FeeRule>) -> Result<(), EngineError> {
        if let Some(rule) = &rule {
            let is_sound = rule.basis_points <= MAX_BASIS_POINTS
                && rule.maximum.is_none_or(|maximum| rule.minimum <= maximum);
            if !is_sound {
                return Err(Refusal::FeeRuleInvalid.into());
            }
            // Nobody pays an issuer's wallet by request.
            if let FeeScope::Wallet(wallet) = scope {
                self.directory.owner(wallet).ok_or(Refusal::WalletUnknown)?;
            }
        }
        let permit = self.admission.permit()?;
        self.directory.set_fee(scope, rule, permit)?.durable().await
    }

    /// Every fee rule, by what it is for.
    ///
    /// # Errors
    /// The engine takes nothing in.
    pub async fn fees(&self) -> Result<Vec<(FeeScope, FeeRule)>, EngineError> {
        self.durably(self.directory.fees()).await
    }
}
