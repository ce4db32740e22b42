//! Transfers: what moves units, or sets them aside.

use std::sync::Arc;

use quittance_barcode::verify_device_signature;
use quittance_ledger::{
    AccountKind, Amount, Authority, FeeRule, Leg, LegId, MAX_ASKED_LEGS, MAX_LEGS, Original, PaymentKind,
    PaymentRequest, Purpose, Refusal, Signature, Terms, Transfer, TransferId, Usage, WalletId,
};
use quittance_settlement::Message;

use crate::admission::Claimed;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::order::{
    AdjustmentOrder, Ask, CaptureOrder, Mover, OperatorOrder, PairedDevice, Party, PaymentLine, PaymentOrder,
    RefundOrder, ReversalOrder, TransferRecord,
};

/// What a payer answers, as its payee asked it.
struct Answered {
    payee: WalletId,
    terms: Terms,
    leg: Leg,
    /// The request, where the server knows more of it than its barcode says.
    request: Option<PaymentRequest>,
    barcode: Option<quittance_barcode::VerifiedBarcode>,
}

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
        let OperatorOrder { id, wallet, amount, currency, reference } = order;
        let (_, issuer) = self.directory.currency(currency).ok_or(Refusal::CurrencyUnknown)?;
        self.directory.owner(wallet).ok_or(Refusal::WalletUnknown)?;
        let (payer, payee) = if purpose == Purpose::Issue { (issuer, wallet) } else { (wallet, issuer) };
        let leg = Leg { payer, payee, amount, currency, purpose, reference };
        self.settle(Transfer::new(id, Authority::Operator, leg), || Ok(())).await
    }

    /// Pays what one or more payees ask for, or sets the units aside. A transfer that the wallets refuse is an answer with
    /// its refusal, not an error: it is recorded, and the same order again gets the same answer, as does one that was settled.
    ///
    /// # Errors
    /// A barcode does not open, a request is not known, an amount is missing or another than is asked for, the PIN is wrong
    /// or locked, the signature does not fit, the wallet is not the payer's, or the id was used for another transfer or is
    /// out of its window. None of these use up the id.
    pub async fn pay(
        &self,
        payer: &PairedDevice,
        order: PaymentOrder,
    ) -> Result<TransferRecord, EngineError> {
        if order.lines.len() > MAX_ASKED_LEGS || (order.lines.len() > 1 && order.hold_until.is_some()) {
            return Err(Refusal::TooManyLegs.into());
        }
        let mut answered = Vec::with_capacity(order.lines.len());
        for line in &order.lines {
            match self.answered(&order, line).await {
                Ok(answer) => answered.push(answer),
                // What it answers may be forgotten by now: then what came of it is still known.
                Err(EngineError::Refused(Refusal::RequestUnknown)) => {
                    return self.repeated(payer, &order).await?.ok_or_else(|| Refusal::RequestUnknown.into());
                }
                Err(error) => return Err(error),
            }
        }
        if self.directory.owner(order.payer) != Some(payer.account) {
            return Err(Refusal::PayerUnknown.into());
        }
        let first = answered.first().ok_or(EngineError::AmountMissing)?;
        let authority = Authority::Device { account: payer.account, device: payer.device };
        let mut transfer = Transfer::new(order.id, authority, first.leg);
        let mut linked: Vec<Leg> = answered.iter().skip(1).map(|answered| answered.leg).collect();
        for answered in &answered {
            self.add_conversion(answered, &mut linked);
        }
        transfer.linked = linked.clone().into();
        self.check_signed(&transfer, payer, order.signature)?;
        self.check_pin(payer.account, &order.pin).await?;
        if order.hold_until.is_none() {
            for answered in &answered {
                self.add_onward_legs(answered, &mut linked);
            }
        }
        if linked.len() >= MAX_LEGS {
            return Err(Refusal::TooManyLegs.into());
        }
        transfer.linked = linked.into();
        transfer.signature = Some(Box::new(order.signature));
        transfer.is_account_limited = self.directory.is_limited(payer.account, transfer.first.currency);
        // Of a repeat it is not asked whether it could be paid now: it gets the answer it got.
        self.settle(transfer, || {
            for answered in &answered {
                self.check_agent(payer, answered)?;
                if let Some(barcode) = &answered.barcode {
                    self.check_till(barcode)?;
                    barcode.check_expiry(self.clock.now())?;
                }
            }
            Ok(())
        })
        .await
    }

    /// What came of an order that was given before. The device's word covers all that was asked, so where it fits what was
    /// recorded, it is the same order.
    async fn repeated(
        &self,
        payer: &PairedDevice,
        order: &PaymentOrder,
    ) -> Result<Option<TransferRecord>, EngineError> {
        let record = self.find_transfer(Party::Account(payer.account), order.id).await?;
        let Some(record) = record else { return Ok(None) };
        let is_payers = matches!(
            record.transfer.authority,
            Authority::Device { account, .. } if account == payer.account
        );
        if !is_payers || self.check_signed(&record.transfer, payer, order.signature).is_err() {
            return Ok(None);
        }
        self.check_pin(payer.account, &order.pin).await?;
        Ok(Some(record))
    }

    /// Reads what a payer answers, and says it as a leg.
    async fn answered(&self, order: &PaymentOrder, line: &PaymentLine) -> Result<Answered, EngineError> {
        let (payee, terms, currency, reference, request, barcode) = match &line.ask {
            Ask::Barcode(text) => {
                let barcode = self.unseal(text)?;
                let details = barcode.details();
                let (payee, currency) = (details.payee, details.currency.code());
                // A barcode of another store under the same keys, such as one from before a backup was restored.
                if !self.directory.is_wallet(payee) {
                    return Err(Refusal::PayeeUnknown.into());
                }
                let (mut terms, mut request) = (barcode.terms(), None);
                if details.has_more {
                    let known = self.known_request(payee, details.request).await?;
                    (terms, request) = (known.terms, Some(known));
                }
                (payee, terms, currency, details.reference, request, Some(barcode))
            }
            Ask::Request { wallet, request } => {
                if !self.directory.is_wallet(*wallet) {
                    return Err(Refusal::RequestUnknown.into());
                }
                let known = self.known_request(*wallet, *request).await?;
                let (terms, currency, reference) = (known.terms, known.currency, known.reference);
                (*wallet, terms, currency, reference, Some(known), None)
            }
        };
        if line.currency.is_some_and(|shown| shown != currency) {
            return Err(EngineError::CurrencyDiffers);
        }
        let amount = amount_to_pay(&terms, line.amount)?;
        let can_be_held = request.as_ref().is_none_or(PaymentRequest::can_be_held);
        if order.hold_until.is_some() && !can_be_held {
            return Err(Refusal::RequestNotHoldable.into());
        }
        let purpose = match order.hold_until {
            Some(until) => Purpose::Hold { terms, until },
            None => Purpose::Payment(terms),
        };
        let leg = Leg { payer: order.payer, payee, amount, currency, purpose, reference };
        Ok(Answered { payee, terms, leg, request, barcode })
    }

    /// A request that the server has, as its payee's wallet remembers it.
    async fn known_request(
        &self,
        wallet: WalletId,
        request: quittance_ledger::PaymentRequestId,
    ) -> Result<PaymentRequest, EngineError> {
        let state = self.router.request(wallet, request).await?.ok_or(Refusal::RequestUnknown)?;
        Ok(state.request.ok_or(Refusal::RequestUnknown)?)
    }

    /// An agent, who gives or takes cash, is a business.
    fn check_agent(&self, payer: &PairedDevice, answered: &Answered) -> Result<(), EngineError> {
        let agent = match answered.terms.kind {
            PaymentKind::TopUp => Some(payer.account),
            PaymentKind::Withdrawal => self.directory.owner(answered.payee),
            _ => return Ok(()),
        };
        let is_business = agent.and_then(|account| self.directory.account_kind(account));
        if is_business == Some(AccountKind::Business) { Ok(()) } else { Err(Refusal::AgentNeeded.into()) }
    }

    /// Adds the other half of a conversion.
    fn add_conversion(&self, answered: &Answered, linked: &mut Vec<Leg>) {
        let Some(quote) = answered.request.as_ref().and_then(PaymentRequest::quote) else { return };
        linked.push(Leg {
            payer: quote.source,
            payee: quote.target,
            amount: quote.amount,
            currency: quote.currency,
            purpose: Purpose::Conversion,
            reference: None,
        });
    }

    /// Adds what the payee passes on of a payment, and the operator's fee.
    fn add_onward_legs(&self, answered: &Answered, linked: &mut Vec<Leg>) {
        let paid = &answered.leg;
        let onward = |wallet, amount, purpose| Leg {
            payer: paid.payee,
            payee: wallet,
            amount,
            currency: paid.currency,
            purpose,
            reference: None,
        };
        let splits = answered.request.iter().flat_map(|request| request.splits.iter());
        linked.extend(splits.map(|split| onward(split.wallet, split.amount, Purpose::Split)));
        if answered.terms.kind != PaymentKind::Conversion {
            linked.extend(self.fee_leg(paid));
        }
    }

    /// The fee of a payment or capture, as a leg of it.
    fn fee_leg(&self, paid: &Leg) -> Option<Leg> {
        let rule: FeeRule = self.directory.fee_rule(paid.payee, paid.currency)?;
        let amount = rule.fee_on(paid.amount)?;
        (rule.collector != paid.payee).then_some(Leg {
            payer: paid.payee,
            payee: rule.collector,
            amount,
            currency: paid.currency,
            purpose: Purpose::Fee,
            reference: None,
        })
    }

    /// Takes units that were set aside.
    ///
    /// # Errors
    /// The hold is not known, or is not for the party; and as [`Engine::pay`].
    pub async fn capture(
        &self,
        mover: Mover<'_>,
        order: CaptureOrder,
    ) -> Result<TransferRecord, EngineError> {
        let placed = self.settled(order.hold).await.map_err(|error| match error {
            EngineError::TransferUnknown => Refusal::HoldUnknown.into(),
            other => other,
        })?;
        let held = placed.transfer.first;
        if !matches!(held.purpose, Purpose::Hold { .. }) {
            return Err(Refusal::HoldUnknown.into());
        }
        if !self.may_act_for(mover, held.payee) {
            return Err(Refusal::HoldUnknown.into());
        }
        let purpose = Purpose::Capture { hold: order.hold, is_final: order.is_final };
        let leg = Leg { amount: order.amount, purpose, ..held };
        let mut transfer = Transfer::new(order.id, authority_of(mover), leg);
        self.sign_off(&mut transfer, mover)?;
        transfer.linked = self.fee_leg(&leg).into_iter().collect();
        self.settle(transfer, || Ok(())).await
    }

    /// Gives back some or all of what a transfer paid.
    ///
    /// # Errors
    /// The transfer is not known, has no such leg for the party, or can't be refunded; and as [`Engine::pay`].
    pub async fn refund(&self, mover: Mover<'_>, order: RefundOrder) -> Result<TransferRecord, EngineError> {
        let record = self.settled(order.transfer).await?;
        let is_refundable = |leg: &Leg| match leg.purpose {
            Purpose::Payment(terms) => terms.kind != PaymentKind::Conversion,
            Purpose::Capture { .. } => true,
            _ => false,
        };
        let has_part = record.transfer.wallets().any(|wallet| self.may_act_for(mover, wallet));
        if !has_part {
            return Err(EngineError::TransferUnknown);
        }
        let leg = record
            .numbered_legs()
            .filter(|(number, _)| order.leg.is_none_or(|asked| asked == *number))
            .find(|(_, leg)| is_refundable(leg) && self.may_act_for(mover, leg.payee));
        let (number, paid) = leg.ok_or(Refusal::NotRefundable)?;
        let original = original(&record, number, paid);
        let refund = Leg {
            payer: paid.payee,
            payee: paid.payer,
            amount: order.amount.unwrap_or(paid.amount),
            currency: paid.currency,
            purpose: Purpose::Refund(original),
            reference: order.reference,
        };
        let mut transfer = Transfer::new(order.id, authority_of(mover), refund);
        self.sign_off(&mut transfer, mover)?;
        if let Mover::Device { device, pin, .. } = mover {
            self.check_pin(device.account, pin.ok_or(EngineError::PinMissing)?).await?;
        }
        self.settle(transfer, || Ok(())).await
    }

    /// Takes a transfer back, all legs of it, as if it had not been.
    ///
    /// # Errors
    /// The transfer is not known, or is none that can be taken back; and as [`Engine::issue`].
    pub async fn reverse(&self, order: ReversalOrder) -> Result<TransferRecord, EngineError> {
        let record = self.settled(order.transfer).await?;
        let reversed = |(number, leg): (u8, &Leg)| {
            let is_reversible =
                !matches!(leg.purpose, Purpose::Refund(_) | Purpose::Reversal(_) | Purpose::Hold { .. });
            is_reversible.then(|| Leg {
                payer: leg.payee,
                payee: leg.payer,
                purpose: Purpose::Reversal(original(&record, number, leg)),
                ..*leg
            })
        };
        let legs: Option<Vec<Leg>> = record.numbered_legs().map(reversed).collect();
        let mut legs = legs.ok_or(Refusal::NotRefundable)?.into_iter();
        let first = legs.next().ok_or(Refusal::NotRefundable)?;
        let mut transfer = Transfer::new(order.id, Authority::Operator, first);
        transfer.linked = legs.collect();
        transfer.reason = Some(Box::new(order.reason));
        self.settle(transfer, || Ok(())).await
    }

    /// Moves units between wallets on the operator's word, all of it or none.
    ///
    /// # Errors
    /// There is no leg or there are too many, a wallet is not known; and as [`Engine::issue`].
    pub async fn adjust(&self, order: AdjustmentOrder) -> Result<TransferRecord, EngineError> {
        if order.legs.len() > MAX_ASKED_LEGS {
            return Err(Refusal::TooManyLegs.into());
        }
        let wallets = order.legs.iter().flat_map(|leg| [leg.payer, leg.payee]);
        if wallets.into_iter().any(|wallet| !self.directory.is_wallet(wallet)) {
            return Err(Refusal::WalletUnknown.into());
        }
        let mut legs = order.legs.iter().map(|leg| Leg {
            payer: leg.payer,
            payee: leg.payee,
            amount: leg.amount,
            currency: leg.currency,
            purpose: Purpose::Adjustment,
            reference: leg.reference,
        });
        let first = legs.next().ok_or(EngineError::AmountMissing)?;
        let mut transfer = Transfer::new(order.id, Authority::Operator, first);
        transfer.linked = legs.collect();
        transfer.reason = Some(Box::new(order.reason));
        self.settle(transfer, || Ok(())).await
    }

    /// A transfer that was settled.
    pub(super) async fn settled(&self, id: TransferId) -> Result<TransferRecord, EngineError> {
        let record = self.find_transfer(Party::Operator, id).await?;
        record.filter(|record| record.refusal.is_none()).ok_or(EngineError::TransferUnknown)
    }

    /// Whether it is the mover's to say what becomes of a wallet's units.
    fn may_act_for(&self, mover: Mover<'_>, wallet: WalletId) -> bool {
        match mover {
            Mover::Operator => true,
            Mover::Device { device, .. } => self.directory.owner(wallet) == Some(device.account),
        }
    }

    /// Checks a device's word on what it moves, and keeps it with the transfer.
    fn sign_off(&self, transfer: &mut Transfer, mover: Mover<'_>) -> Result<(), EngineError> {
        if let Mover::Device { device, signature, .. } = mover {
            self.check_signed(transfer, device, signature)?;
            transfer.signature = Some(Box::new(signature));
        }
        Ok(())
    }

    fn check_signed(
        &self,
        transfer: &Transfer,
        device: &PairedDevice,
        signature: Signature,
    ) -> Result<(), EngineError> {
        let statement = transfer.statement(&self.config.origin.url());
        verify_device_signature(&device.key, statement.as_bytes(), &signature.0)
            .map_err(|_| EngineError::StatementNotSigned)
    }

    /// Sends a transfer to its wallets, unless its id was used before, and waits until what comes of it is durable.
    pub(super) async fn settle(
        &self,
        transfer: Transfer,
        check: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<TransferRecord, EngineError> {
        let (mut check, mut ruled_out) = (Some(check), Vec::new());
        let outcome = loop {
            let check = || check.take().map_or(Ok(()), |check| check());
            match self.admission.claim(&transfer, self.clock.now(), &ruled_out, check)? {
                Claimed::Perhaps(position) => {
                    let history = Arc::clone(&self.history);
                    let record = self.reading(move || history.transfer_at(position)).await??;
                    if record.answers(&transfer)? {
                        return Ok(record);
                    }
                    ruled_out.push(position);
                }
                Claimed::UnderWay(outcome) => break outcome,
                Claimed::New(outcome) => {
                    self.router.deliver(Message::first_visit(Box::new(transfer)), None);
                    break outcome;
                }
            }
        };
        outcome.await.map_err(|_| EngineError::Stopping)
    }
}

const fn authority_of(mover: Mover<'_>) -> Authority {
    match mover {
        Mover::Operator => Authority::Operator,
        Mover::Device { device, .. } => Authority::Device { account: device.account, device: device.device },
    }
}

const fn original(record: &TransferRecord, leg: u8, moved: &Leg) -> Original {
    let id = LegId { transfer: record.transfer.id, leg };
    Original { id, amount: moved.amount, at: record.at }
}

fn amount_to_pay(terms: &Terms, confirmed: Option<Amount>) -> Result<Amount, EngineError> {
    match (terms.amount, confirmed) {
        // What is left of a request in parts is for its payee's wallet to say.
        (Some(_), Some(amount)) if terms.usage == Usage::Parts => Ok(amount),
        (Some(_), None) if terms.usage == Usage::Parts => Err(EngineError::AmountMissing),
        (None, None) => Err(EngineError::AmountMissing),
        (Some(asked), Some(confirmed)) if asked != confirmed => Err(Refusal::AmountDiffers.into()),
        (Some(amount), _) | (None, Some(amount)) => Ok(amount),
    }
}
