//! Transfers: what moves units.

use quittance_barcode::VerifiedBarcode;
use quittance_ledger::{Amount, Authority, Purpose, Refusal, Transfer};
use quittance_settlement::Message;

use crate::admission::Claimed;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::{OperatorOrder, PairedDevice, PaymentOrder, TransferRecord};

impl Engine {
    /// Moves units from the currency's issuer wallet into a wallet.
    ///
    /// # Errors
    /// As [`Engine::pay`], without what concerns barcode and PIN.
    pub async fn issue(&self, order: OperatorOrder) -> Result<TransferRecord, EngineError> {
        self.operator_transfer(order, Purpose::Issue).await
    }

    /// Moves units from a wallet back into the currency's issuer wallet.
    ///
    /// # Errors
    /// As [`Engine::pay`], without what concerns barcode and PIN.
    pub async fn redeem(&self, order: OperatorOrder) -> Result<TransferRecord, EngineError> {
        self.operator_transfer(order, Purpose::Redemption).await
    }

    async fn operator_transfer(
        &self,
        order: OperatorOrder,
        purpose: Purpose,
    ) -> Result<TransferRecord, EngineError> {
        let (_, issuer) = self.directory.currency(order.currency).ok_or(Refusal::CurrencyUnknown)?;
        self.directory.owner(order.wallet).ok_or(Refusal::WalletUnknown)?;
        let (payer, payee) =
            if purpose == Purpose::Issue { (issuer, order.wallet) } else { (order.wallet, issuer) };
        let transfer = Transfer {
            id: order.id,
            payer,
            payee,
            amount: order.amount,
            currency: order.currency,
            purpose,
            authority: Authority::Operator,
            reference: order.reference,
        };
        self.settle(transfer, || Ok(())).await
    }

    /// Pays what a barcode asks for. A transfer that the wallets refuse is an answer with its refusal, not an error: it is
    /// recorded, and the same order again gets the same answer, as does one that was settled.
    ///
    /// # Errors
    /// The barcode does not open, the amount is missing or another than it asks for, the PIN is wrong or locked, the wallet
    /// is not the payer's, or the id was used for another transfer or is out of its window. None of these use up the id.
    pub async fn pay(
        &self,
        payer: &PairedDevice,
        order: PaymentOrder,
    ) -> Result<TransferRecord, EngineError> {
        let barcode = self.unseal(&order.barcode)?;
        let amount = amount_to_pay(&barcode, &order)?;
        let details = barcode.details();
        if self.directory.owner(order.payer) != Some(payer.account) {
            return Err(Refusal::PayerUnknown.into());
        }
        // A barcode of another store under the same keys, such as one from before a backup was restored.
        if !self.directory.is_wallet(details.payee) {
            return Err(Refusal::PayeeUnknown.into());
        }
        self.check_pin(payer.account, &order.pin).await?;
        let transfer = Transfer {
            id: order.id,
            payer: order.payer,
            payee: details.payee,
            amount,
            currency: details.currency.code(),
            purpose: Purpose::Payment(barcode.terms()),
            authority: Authority::Device { account: payer.account, device: payer.device },
            reference: details.reference,
        };
        // Of a repeat it is not asked whether it could be paid now: it gets the answer it got.
        self.settle(transfer, || {
            self.check_till(&barcode)?;
            Ok(barcode.check_expiry(self.clock.now())?)
        })
        .await
    }

    /// Sends a transfer to its wallets, unless its id was used before, and waits until what comes of it is durable.
    async fn settle(
        &self,
        transfer: Transfer,
        check: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<TransferRecord, EngineError> {
        let outcome = match self.admission.claim(&transfer, self.clock.now(), check)? {
            Claimed::Done(position) => return self.history.transfer_at(position),
            Claimed::UnderWay(outcome) => outcome,
            Claimed::New(outcome) => {
                self.router.deliver(Message::Debit(transfer), None);
                outcome
            }
        };
        outcome.await.map_err(|_| EngineError::Stopping)
    }
}

fn amount_to_pay(barcode: &VerifiedBarcode, order: &PaymentOrder) -> Result<Amount, EngineError> {
    let details = barcode.details();
    if order.currency.is_some_and(|shown| shown != details.currency.code()) {
        return Err(EngineError::CurrencyDiffers);
    }
    match (details.amount, order.amount) {
        (None, None) => Err(EngineError::AmountMissing),
        (Some(asked), Some(confirmed)) if asked != confirmed => Err(Refusal::AmountDiffers.into()),
        (Some(amount), _) | (None, Some(amount)) => Ok(amount),
    }
}
