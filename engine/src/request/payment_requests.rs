//! Payment requests, their barcodes, and certificates for tills.

use quittance_barcode::{
    BarcodeError, RequestDetails, SealedBarcode, Sealer, TillCertificate, VerifiedBarcode,
};
use quittance_ledger::{
    AccountId, AccountKind, DeviceId, PaymentKind, PaymentRequest, PaymentRequestId, Refusal, RequestStatus,
    Terms, Timestamp, WalletId,
};
use quittance_settlement::WalletCommand;

use super::{any_id, time_ordered_id};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::{NewPaymentRequest, Party, PaymentRequestState};

impl Engine {
    /// Asks for a payment into a wallet. A repeat with the same details answers as the first time.
    ///
    /// # Errors
    /// The wallet is not the party's or closed, the currency is not its own, the id is taken, or the expiry breaks a rule.
    pub async fn open_request(
        &self,
        party: Party,
        new: NewPaymentRequest,
    ) -> Result<PaymentRequestState, EngineError> {
        let id = match new.id {
            Some(id) => id,
            None => any_id(PaymentRequestId::from_bytes(time_ordered_id(self.clock.now())?)),
        };
        let terms = Terms {
            request: id,
            amount: new.amount,
            usage: new.usage,
            // As the barcode will say it: else ledger and barcode would end at different instants.
            expires_at: new.expires_at.map(|at| Timestamp::from_secs(at.as_secs())),
            till: None,
            kind: new.kind,
        };
        let request = PaymentRequest {
            terms,
            payee: new.wallet,
            currency: new.currency,
            reference: new.reference,
            description: new.description,
            payer: new.payer,
            splits: new.splits.into(),
            detail: new.detail.map(Box::new),
        };
        self.check_party(party, new.wallet)?;
        self.check_parties(&request).await?;
        // Before it is recorded: a request that no barcode can carry is of no use.
        self.barcode_of(&request)?;
        self.command(party, new.wallet, WalletCommand::OpenRequest(Box::new(request))).await?;
        self.request(party, new.wallet, id).await
    }

    /// A payment request and what has become of it.
    ///
    /// # Errors
    /// The wallet is not the party's, or does not know the request.
    pub async fn request(
        &self,
        party: Party,
        wallet: WalletId,
        request: PaymentRequestId,
    ) -> Result<PaymentRequestState, EngineError> {
        self.check_party(party, wallet)?;
        let state = self.router.request(wallet, request).await?.ok_or(Refusal::RequestUnknown)?;
        // Of a till's request only what became of it is kept, not what it asked for.
        let request = state.request.ok_or(Refusal::RequestUnknown)?;
        Ok(PaymentRequestState { request, status: state.status, paid: state.paid })
    }

    /// Checks those whom a request names beside its payee.
    async fn check_parties(&self, request: &PaymentRequest) -> Result<(), EngineError> {
        if let Some(payer) = request.payer {
            self.account(payer).await?;
            if self.directory.owner(request.payee) == Some(payer) {
                return Err(Refusal::SelfPayment.into());
            }
        }
        for split in &request.splits {
            // An issuer's wallet can't be paid.
            self.directory.owner(split.wallet).ok_or(Refusal::WalletUnknown)?;
            let currency = self.directory.wallet_currency(split.wallet).ok_or(Refusal::WalletUnknown)?;
            if currency != request.currency {
                return Err(Refusal::PayeeCurrencyDiffers.into());
            }
        }
        if request.terms.kind == PaymentKind::Withdrawal {
            let agent = self.directory.owner(request.payee);
            let kind = agent.and_then(|account| self.directory.account_kind(account));
            if kind != Some(AccountKind::Business) {
                return Err(Refusal::AgentNeeded.into());
            }
        }
        // Quotes are given by the engine alone: their two amounts belong together.
        if request.terms.kind == PaymentKind::Conversion {
            return Err(Refusal::RequestInconsistent.into());
        }
        Ok(())
    }

    /// A request as the account that may pay it, or anybody with its barcode, sees it.
    ///
    /// # Errors
    /// The request is not known, or is for another account.
    pub async fn asked_of(
        &self,
        account: AccountId,
        wallet: WalletId,
        request: PaymentRequestId,
    ) -> Result<PaymentRequestState, EngineError> {
        if !self.directory.is_wallet(wallet) {
            return Err(Refusal::RequestUnknown.into());
        }
        let known = self.request(Party::Operator, wallet, request).await?;
        if known.request.payer == Some(account) { Ok(known) } else { Err(Refusal::RequestUnknown.into()) }
    }

    /// What the server knows of a barcode's request beside what the barcode says; none where that is all.
    ///
    /// # Errors
    /// The engine is stopping.
    pub async fn more_of(
        &self,
        barcode: &VerifiedBarcode,
    ) -> Result<Option<PaymentRequestState>, EngineError> {
        let details = barcode.details();
        if !details.has_more || !self.directory.is_wallet(details.payee) {
            return Ok(None);
        }
        match self.request(Party::Operator, details.payee, details.request).await {
            Ok(known) => Ok(Some(known)),
            Err(EngineError::Refused(Refusal::RequestUnknown)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is durably known of the request that a barcode is of; none where its wallet has not heard of it, as of a till's
    /// request before it is paid.
    ///
    /// # Errors
    /// The engine is stopping.
    pub async fn barcode_status(
        &self,
        barcode: &VerifiedBarcode,
    ) -> Result<Option<RequestStatus>, EngineError> {
        let details = barcode.details();
        Ok(self.router.request(details.payee, details.request).await?.map(|state| state.status))
    }

    /// Withdraws a payment request. A repeat changes nothing.
    ///
    /// # Errors
    /// The wallet is not the party's or does not know the request, or it was paid.
    pub async fn cancel_request(
        &self,
        party: Party,
        wallet: WalletId,
        request: PaymentRequestId,
    ) -> Result<PaymentRequestState, EngineError> {
        self.command(party, wallet, WalletCommand::CancelRequest(request)).await?;
        self.request(party, wallet, request).await
    }

    /// The text of a request's barcode. The same request has the same text each time.
    ///
    /// # Errors
    /// The request's wallet or currency is not known, or its expiry does not fit a barcode.
    pub fn barcode_of(&self, request: &PaymentRequest) -> Result<String, EngineError> {
        let account = self.directory.owner(request.payee).ok_or(Refusal::PayeeUnknown)?;
        let payee_name = self.directory.account_name(account).ok_or(Refusal::PayeeUnknown)?;
        let (currency, _) = self.directory.currency(request.currency).ok_or(Refusal::CurrencyUnknown)?;
        let details = RequestDetails {
            request: request.terms.request,
            payee: request.payee,
            currency,
            amount: request.terms.amount,
            usage: request.terms.usage,
            expires_at: request.terms.expires_at,
            payee_name,
            reference: request.reference,
            has_more: request.has_more(),
        };
        Ok(self.keys.seal().seal(&details, &self.config.origin)?)
    }

    /// Reads a barcode's text and checks its seal, and that a till that sealed it is still trusted. Whether it has expired
    /// is for the caller to look at.
    ///
    /// # Errors
    /// The text is no barcode of this server, its seal is broken, or its till is not trusted any more.
    pub fn open_barcode(&self, text: &str) -> Result<VerifiedBarcode, EngineError> {
        let barcode = self.unseal(text)?;
        self.check_till(&barcode)?;
        Ok(barcode)
    }

    /// Certifies that a device of the wallet's account may make barcodes for the wallet without the server.
    ///
    /// # Errors
    /// The wallet is not the party's, the device is not its account's, or the expiry does not fit a barcode.
    pub async fn certify_till(
        &self,
        party: Party,
        wallet: WalletId,
        device: DeviceId,
        expires_at: Timestamp,
    ) -> Result<TillCertificate, EngineError> {
        self.check_party(party, wallet)?;
        // Nothing of a wallet that a crash could still take back may leave under a seal.
        let snapshot = self.wallet(party, wallet).await?;
        let account = self.directory.owner(wallet).ok_or(Refusal::WalletUnknown)?;
        let account = self.account(account).await?;
        let key = account.trusted_device(device)?.key.clone();
        let (currency, _) = self.directory.currency(snapshot.currency).ok_or(Refusal::CurrencyUnknown)?;
        let origin = &self.config.origin;
        Ok(self.keys.seal().certify(origin, key, wallet, currency, account.name, expires_at)?)
    }

    pub(super) fn unseal(&self, text: &str) -> Result<VerifiedBarcode, BarcodeError> {
        let verify = || SealedBarcode::parse(text, &self.config.origin)?.verify(&self.published_keys);
        self.unsealed.get_or_verify(text, verify)
    }

    /// Checks that the till that sealed a barcode, if one did, is still a trusted device of the payee.
    pub(super) fn check_till(&self, barcode: &VerifiedBarcode) -> Result<(), EngineError> {
        let Sealer::Till { device, .. } = barcode.sealer() else { return Ok(()) };
        let till = self.directory.paired_device(device.device_id());
        let owner = self.directory.owner(barcode.details().payee);
        let is_trusted = till.is_ok_and(|till| Some(till.account) == owner);
        if is_trusted { Ok(()) } else { Err(EngineError::TillNotTrusted) }
    }
}
