//! What an account is told of, in the order of the journal.

use quittance_ledger::{PaymentRequest, WalletId, WalletSettings};

use crate::order::TransferRecord;

/// Something that an account is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A transfer that one of its wallets has a part in was settled, or refused.
    Transfer(TransferRecord),
    /// A payee asks one account for a payment. Told to both.
    RequestOpened(Box<PaymentRequest>),
    /// A payee withdrew what it had asked one account for. Told to both.
    RequestCancelled(Box<PaymentRequest>),
    /// What was left of the hold that this transfer placed was let go. Told to payer and payee.
    HoldReleased(TransferRecord),
    /// The time of the hold that this transfer placed was over. Told to payer and payee.
    HoldExpired(TransferRecord),
    /// The operator lets nothing out of one of its wallets.
    WalletFrozen {
        /// The wallet.
        wallet: WalletId,
        /// Nor anything in but what comes back.
        both_ways: bool,
    },
    /// A frozen wallet takes part again.
    WalletUnfrozen {
        /// The wallet.
        wallet: WalletId,
    },
    /// The operator set a wallet's bounds and limits.
    WalletConfigured {
        /// The wallet.
        wallet: WalletId,
        /// What is in force from now on.
        settings: Box<WalletSettings>,
    },
}
