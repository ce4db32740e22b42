//! The settlement engine: what performs on a real machine the effects that the pure crates ask for.
//!
//! [`Engine`] is the whole of it: started on a store and a set of [`Keys`], asked in the words of the ledger, and shut
//! down. Below it, each wallet lives in a shard actor that alone touches its balance; what the shards decide goes to one
//! committer, which makes it durable; and the notifier lets those know who wait for it. Nothing leaves the engine before
//! it is durable, and no transport is known here.

mod actors;
mod admission;
mod audit;
mod backup;
mod batch;
mod checkpoint;
mod clock;
mod config;
mod directory;
mod engine;
mod error;
mod folder;
mod happening;
mod heads;
mod history;
mod keys;
mod notifier;
mod order;
mod pending;
mod pin;
mod reading;
mod recovery;
mod repair;
mod request;
#[cfg(feature = "simulation")]
pub mod simulation;
mod space;
mod stop;
mod store;
mod sync;
mod unsealed;

pub use audit::{AuditError, AuditProgress, AuditReport, CurrencyTotal, audit, audit_with};
pub use backup::{
    BackupContent, BackupError, BackupReport, RestorePoint, RestoreReport, back_up, restore, verify_backup,
};
pub use config::EngineConfig;
pub use engine::Engine;
pub use error::{EngineError, StartError};
pub use happening::Happening;
pub use history::Order;
pub use keys::{KeyError, Keys};
pub use order::{
    AdjustmentLeg, AdjustmentOrder, Ask, CaptureOrder, HoldRecord, IssuedPairingCode, MAX_BATCH, MoveOrder,
    Moved, Mover, NewPaymentRequest, OperatorOrder, PairedDevice, PairingOrder, Party, PaymentLine,
    PaymentOrder, PaymentRequestState, QuoteAmount, QuoteOrder, RefundOrder, ReversalOrder, TransferProof,
    TransferRecord,
};
pub use pin::{Pin, PinError};
pub use repair::{Damage, FirstDamage, IntactBlocks, RepairError, RepairReport, repair};
pub use request::StatementLine;
pub use store::{JournalReader, JournalWriter, Store, StoreError};
