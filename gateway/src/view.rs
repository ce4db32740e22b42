//! The objects of the API, as JSON shows them. Made of what the engine answers; they must not ask it to change a thing.

use quittance_barcode::{Rendering, Sealer, VerifiedBarcode};
use quittance_engine::{Engine, IssuedPairingCode, PaymentRequestState, TransferRecord};
use quittance_ledger::{
    Account, AccountId, AccountKind, Amount, Currency, CurrencyCode, Description, DeviceId, KeyAlgorithm,
    Name, Owner, PaymentRequestId, Purpose, Reference, RequestStatus, Timestamp, TransferId, Usage, WalletId,
    WalletSnapshot, WalletStatus,
};
use serde::{Serialize, Serializer};

use crate::problem::Problem;

/// An instant, in RFC 3339.
#[derive(Clone, Copy)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX);
        // Past the end of 9999 nothing can be written, so it stays there.
        let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{instant:.3}")
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Serialize)]
pub(crate) struct AccountView {
    id: AccountId,
    name: Name,
    kind: AccountKind,
    opened_at: Instant,
    devices: Vec<DeviceView>,
    pin: PinState,
    pin_attempts_left: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum PinState {
    Unset,
    Set,
    Locked,
}

#[derive(Serialize)]
pub(crate) struct DeviceView {
    id: DeviceId,
    name: Name,
    algorithm: KeyAlgorithm,
    paired_at: Instant,
    revoked_at: Option<Instant>,
}

impl AccountView {
    pub(crate) fn new(account: &Account) -> Self {
        let devices = account.devices().map(|(id, device)| DeviceView {
            id,
            name: device.name,
            algorithm: device.key.algorithm(),
            paired_at: Instant(device.paired_at),
            revoked_at: device.revoked_at.map(Instant),
        });
        Self {
            id: account.id,
            name: account.name,
            kind: account.kind,
            opened_at: Instant(account.opened_at),
            devices: devices.collect(),
            pin: match account.pin() {
                _ if account.is_pin_locked() => PinState::Locked,
                Some(_) => PinState::Set,
                None => PinState::Unset,
            },
            pin_attempts_left: account.pin_attempts_left(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct PairingView {
    code: String,
    expires_at: Instant,
    barcode: PairingBarcode,
}

#[derive(Serialize)]
struct PairingBarcode {
    text: String,
    svg: String,
}

impl PairingView {
    pub(crate) fn new(engine: &Engine, issued: IssuedPairingCode) -> Result<Self, Problem> {
        let text = format!("{}/PAIR/{}", engine.origin(), issued.code);
        let svg = Rendering::default().svg(&text)?;
        Ok(Self {
            code: issued.code,
            expires_at: Instant(issued.expires_at),
            barcode: PairingBarcode { text, svg },
        })
    }
}

#[derive(Serialize)]
pub(crate) struct CurrencyView {
    code: CurrencyCode,
    exponent: u8,
    issuer_wallet: WalletId,
}

impl CurrencyView {
    pub(crate) const fn new(currency: &Currency, issuer_wallet: WalletId) -> Self {
        Self { code: currency.code(), exponent: currency.exponent(), issuer_wallet }
    }
}

#[derive(Serialize)]
pub(crate) struct WalletView {
    id: WalletId,
    account: Option<AccountId>,
    currency: CurrencyCode,
    name: Option<Name>,
    status: WalletStatus,
    posted: i64,
    available: i64,
    display: BalanceDisplay,
}

#[derive(Serialize)]
struct BalanceDisplay {
    posted: String,
    available: String,
}

impl WalletView {
    pub(crate) fn new(engine: &Engine, wallet: &WalletSnapshot) -> Result<Self, Problem> {
        let currency = known_currency(engine, wallet.currency)?;
        // Nothing durable is set aside, so that all of what is posted is available.
        let (posted, available) = (wallet.posted, wallet.posted);
        Ok(Self {
            id: wallet.id,
            account: match wallet.owner {
                Owner::Account(account) => Some(account),
                Owner::Issuer => None,
            },
            currency: wallet.currency,
            name: wallet.name,
            status: wallet.status,
            posted,
            available,
            display: BalanceDisplay {
                posted: currency.format(posted),
                available: currency.format(available),
            },
        })
    }
}

#[derive(Serialize)]
pub(crate) struct RequestView {
    id: PaymentRequestId,
    wallet: WalletId,
    payee_name: Option<Name>,
    amount: Option<Amount>,
    currency: CurrencyCode,
    display: Option<String>,
    usage: Usage,
    expires_at: Option<Instant>,
    reference: Option<Reference>,
    description: Option<Description>,
    status: RequestStatusView,
    paid_by: Option<TransferId>,
    barcode: RequestBarcode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum RequestStatusView {
    Open,
    Paid,
    Cancelled,
    Expired,
}

#[derive(Serialize)]
struct RequestBarcode {
    text: String,
    qr_version: i16,
}

impl RequestView {
    pub(crate) fn new(engine: &Engine, state: &PaymentRequestState) -> Result<Self, Problem> {
        let request = &state.request;
        let terms = &request.terms;
        let currency = known_currency(engine, request.currency)?;
        let text = engine.barcode_of(request)?;
        let qr_version = Rendering::default().version(&text)?;
        let (status, paid_by) = match state.status {
            RequestStatus::Paid(transfer) => (RequestStatusView::Paid, Some(transfer)),
            RequestStatus::Cancelled => (RequestStatusView::Cancelled, None),
            RequestStatus::Open if terms.is_expired(engine.now()) => (RequestStatusView::Expired, None),
            RequestStatus::Open => (RequestStatusView::Open, None),
        };
        Ok(Self {
            id: terms.request,
            wallet: request.payee,
            payee_name: engine.owner_name(request.payee),
            amount: terms.amount,
            currency: request.currency,
            display: terms.amount.map(|amount| display(&currency, amount)),
            usage: terms.usage,
            expires_at: terms.expires_at.map(Instant),
            reference: request.reference,
            description: request.description,
            status,
            paid_by,
            barcode: RequestBarcode { text, qr_version },
        })
    }
}

#[derive(Serialize)]
pub(crate) struct DecodedView {
    request: PaymentRequestId,
    payee: WalletId,
    payee_name: Name,
    amount: Option<Amount>,
    currency: CurrencyCode,
    display: Option<String>,
    usage: Usage,
    expires_at: Option<Instant>,
    expired: bool,
    reference: Option<Reference>,
    sealed_by: SealerView,
    text: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum SealerView {
    Server,
    Till { device: DeviceId, certified_until: Instant },
}

impl DecodedView {
    /// `text` is the barcode's own, which its seal vouches for.
    pub(crate) fn new(barcode: &VerifiedBarcode, text: String, now: Timestamp) -> Self {
        let details = barcode.details();
        Self {
            request: details.request,
            payee: details.payee,
            payee_name: details.payee_name,
            amount: details.amount,
            currency: details.currency.code(),
            display: details.amount.map(|amount| display(&details.currency, amount)),
            usage: details.usage,
            expires_at: details.expires_at.map(Instant),
            expired: barcode.check_expiry(now).is_err(),
            reference: details.reference,
            sealed_by: match barcode.sealer() {
                Sealer::Server => SealerView::Server,
                Sealer::Till { device, certified_until } => SealerView::Till {
                    device: device.device_id(),
                    certified_until: Instant(*certified_until),
                },
            },
            text,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct TransferView {
    id: TransferId,
    status: TransferStatus,
    refusal: Option<RefusalView>,
    position: u64,
    at: Instant,
    purpose: PurposeView,
    payer: WalletId,
    payee: WalletId,
    payee_name: Option<Name>,
    amount: Amount,
    currency: CurrencyCode,
    display: String,
    request: Option<PaymentRequestId>,
    reference: Option<Reference>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum TransferStatus {
    Settled,
    Refused,
}

#[derive(Serialize)]
struct RefusalView {
    r#type: String,
    title: &'static str,
    detail: String,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum PurposeView {
    Issue,
    Redemption,
    Payment,
}

impl TransferView {
    pub(crate) fn new(engine: &Engine, record: &TransferRecord) -> Result<Self, Problem> {
        let transfer = &record.transfer;
        let currency = known_currency(engine, transfer.currency)?;
        let refusal = record.refusal.map(|refusal| {
            let problem = Problem::from(refusal);
            RefusalView {
                r#type: problem.kind(),
                title: problem.title(),
                detail: problem.detail().to_owned(),
            }
        });
        let (purpose, request) = match &transfer.purpose {
            Purpose::Issue => (PurposeView::Issue, None),
            Purpose::Redemption => (PurposeView::Redemption, None),
            Purpose::Payment(terms) => (PurposeView::Payment, Some(terms.request)),
        };
        Ok(Self {
            id: transfer.id,
            status: if refusal.is_some() { TransferStatus::Refused } else { TransferStatus::Settled },
            refusal,
            position: record.position.get(),
            at: Instant(record.at),
            purpose,
            payer: transfer.payer,
            payee: transfer.payee,
            payee_name: engine.owner_name(transfer.payee),
            amount: transfer.amount,
            currency: transfer.currency,
            display: display(&currency, transfer.amount),
            request,
            reference: transfer.reference,
        })
    }
}

fn known_currency(engine: &Engine, code: CurrencyCode) -> Result<Currency, Problem> {
    // A transfer that was refused for it may name a currency that nobody registered.
    match engine.currency(code) {
        Some(currency) => Ok(currency),
        None => Currency::new(code, None)
            .or_else(|_| Currency::new(code, Some(0)))
            .map_err(|error| Problem::internal(&error)),
    }
}

fn display(currency: &Currency, amount: Amount) -> String {
    currency.format(i64::try_from(amount.get()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_milliseconds_always() {
        let text = |millis| Instant(Timestamp::from_millis(millis)).to_string();
        assert_eq!(text(1_795_519_800_000), "2026-11-24T11:30:00.000Z");
        assert_eq!(text(1_795_519_800_007), "2026-11-24T11:30:00.007Z");
        assert!(text(u64::MAX).starts_with("9999-12-30T"));
    }
}
