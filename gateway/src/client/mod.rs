//! A client of the HTTP API: what the demo, the tests and the load generator speak to a server with.
//!
//! It signs as a device or shows the operator's key, reads answers into types, and follows the stream of events. It
//! knows nothing of the server but what API.md says, and must not use the engine: what it finds out about a barcode it
//! finds out as a phone would, with the server's published keys.
//!
//! A request that went unanswered is not sent again here: whoever asked knows whether its id makes that safe.

mod books;
mod conversions;
mod error;
mod events;
mod holds;
mod identity;
mod instant;
mod objects;
mod payments;
mod refunds;
mod request;
mod routes;
mod rules;
mod statement;
mod transport;

pub use books::{
    Balances, PastBalance, Statement, StatementFormat, StatementLine, StatementQuery, WalletBalance,
};
pub use conversions::{Money, NewQuote, NewRate, Quote, QuoteAmount, Rate};
pub use error::{ClientError, ProblemDetails};
pub use events::{EventStream, Notice, StreamEvent, Told, ToldOf};
pub use holds::{Capture, Hold, HoldStatus, NewHold};
pub use identity::{
    NEW_DEVICE_KEY_ID, Stamp, new_nonce, new_request_id, new_signer, new_transfer_id, time_ordered_bytes,
};
pub use instant::{rfc3339, unix_millis};
pub use objects::{
    Account, AccountOpened, Authority, Barcode, BarcodeSealer, Currency, Cursor, Decoded, DecodedMore,
    Device, DevicePaired, Direction, Display, Health, Invoice, LegName, LimitsLeft, Notification, Pairing,
    PairingBarcode, PaymentRequest, PinState, PublishedKey, PublishedKeys, RefusalNote, RequestStatus,
    Snapshot, SplitPart, TillCertificateIssued, Transfer, TransferLeg, TransferPage, TransferPurpose,
    TransferStatus, Wallet, WalletStatus,
};
pub use payments::{Ask, LinePayment, PaymentLine, RequestName, RequestPage, SeveralPayments};
pub use refunds::{Adjustment, AdjustmentLeg, Refund, Reversal};
pub use request::{
    BarcodeFormat, BarcodeLook, NewAccount, NewDevice, NewPaymentRequest, NewWallet, Payment, UnitsMovement,
};
pub use rules::{AccountLimits, Credits, Fee, FeeScope, NewFee, NewLimits, NewSettings};
pub use transport::{Body, Prepared, Response};

use std::sync::Arc;

use parking_lot::Mutex;
use quittance_barcode::{DeviceSigner, Origin, ServerKeys};
use quittance_ledger::DeviceId;

use transport::Connections;

/// A client of one server, for one party. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    connections: Connections,
    /// The server's origin in lower case, without a slash at its end.
    origin: Arc<str>,
    /// What barcodes are verified with before they are paid, once it was needed.
    keys: Arc<Mutex<Option<(Origin, ServerKeys)>>>,
    who: Who,
}

/// As whom requests are made.
#[derive(Clone, Debug)]
enum Who {
    Anyone,
    Operator(OperatorKey),
    Device { signer: Arc<DeviceSigner>, key_id: Arc<str> },
}

#[derive(Clone)]
struct OperatorKey(Arc<str>);

impl std::fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorKey(..)")
    }
}

impl Client {
    /// A client that shows nothing of who it is. `base_url` is the server's public origin, such as
    /// `http://127.0.0.1:7400`, which signatures are made for.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        let origin = base_url.trim_end_matches('/').to_ascii_lowercase().into();
        Self { connections: Connections::new(), origin, keys: Arc::default(), who: Who::Anyone }
    }

    /// The same client as the operator.
    #[must_use]
    pub fn operator(&self, key: &str) -> Self {
        let who = Who::Operator(OperatorKey(key.trim().into()));
        Self { who, ..self.clone() }
    }

    /// The same client as a device.
    #[must_use]
    pub fn device(&self, signer: impl Into<Arc<DeviceSigner>>, device: DeviceId) -> Self {
        self.signing_as(signer.into(), &device.to_string())
    }

    /// The same client with this key, under whatever name.
    #[must_use]
    pub fn signing_as(&self, signer: Arc<DeviceSigner>, key_id: &str) -> Self {
        let who = Who::Device { signer, key_id: key_id.into() };
        Self { who, ..self.clone() }
    }

    /// The same client with connections of its own, as another machine would have.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { connections: Connections::new(), ..self.clone() }
    }

    /// The same client over the connections of another.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        Self { connections: other.connections.clone(), ..self.clone() }
    }

    /// The server's origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}
