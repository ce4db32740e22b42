//! What a barcode says, with what the server knows beside it.

use quittance_barcode::{Sealer, VerifiedBarcode};
use quittance_engine::PaymentRequestState;
use quittance_ledger::{
    Amount, CurrencyCode, DeviceId, Name, PaymentRequestId, Reference, Timestamp, Usage, WalletId,
};
use serde::Serialize;

use super::request::MoreView;
use super::{Instant, display};

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
    has_more: bool,
    emv: bool,
    more: Option<MoreView>,
    text: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum SealerView {
    Server,
    Till { device: DeviceId, certified_until: Instant },
}

impl DecodedView {
    /// `text` is the barcode's own, which its seal vouches for; `more` what the server knows beside it.
    pub(crate) fn new(
        barcode: &VerifiedBarcode,
        more: Option<&PaymentRequestState>,
        text: String,
        now: Timestamp,
    ) -> Self {
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
            has_more: details.has_more,
            // Of the two forms the other is an address.
            emv: !text.starts_with("HTTP"),
            more: more.map(MoreView::new),
            text,
        }
    }
}
