//! Events: decided facts. What a journal holds is events and nothing else; replaying them decides nothing anew.

use serde::{Deserialize, Serialize};

use crate::account::{AccountKind, DeviceKey, PairingCode, Verifier};
use crate::id::{AccountId, DeviceId, PaymentRequestId, WalletId};
use crate::money::{Currency, CurrencyCode};
use crate::payment_request::PaymentRequest;
use crate::refusal::Refusal;
use crate::text::Name;
use crate::transfer::{Purpose, Transfer};

/// A decided fact. The order of the variants is part of the journal's format: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Units moved: both legs of a transfer, in one event.
    TransferSettled(Transfer),
    /// A transfer was asked for properly, and a rule said no. Nothing moved.
    TransferRefused(Transfer, Refusal),
    /// A currency may be used from now on; units of it come from its issuer wallet.
    CurrencyRegistered {
        /// The currency.
        currency: Currency,
        /// The wallet its units are issued from.
        issuer: WalletId,
    },
    /// An account was opened.
    AccountOpened {
        /// Its id.
        account: AccountId,
        /// What it is called.
        name: Name,
        /// Person or business.
        kind: AccountKind,
    },
    /// A device may pair with the account by this code, which takes the place of any before it.
    PairingCodeIssued {
        /// The account.
        account: AccountId,
        /// What recognises the code, and how long.
        code: PairingCode,
    },
    /// A device was paired.
    DevicePaired {
        /// The account.
        account: AccountId,
        /// What its owner calls the device.
        name: Name,
        /// The key it signs with.
        key: DeviceKey,
        /// What recognises the PIN, where this pairing set it.
        first_pin: Option<Verifier>,
    },
    /// A device is trusted no longer.
    DeviceRevoked {
        /// The account.
        account: AccountId,
        /// The device.
        device: DeviceId,
    },
    /// A wrong PIN was given.
    PinFailed {
        /// The account.
        account: AccountId,
    },
    /// Earlier wrong PINs no longer count: a right one came, or the operator unlocked the account.
    PinFailuresCleared {
        /// The account.
        account: AccountId,
    },
    /// A wallet was opened, empty.
    WalletOpened {
        /// Its id.
        wallet: WalletId,
        /// Whose it is.
        account: AccountId,
        /// The currency it holds, for good.
        currency: CurrencyCode,
        /// What its owner calls it.
        name: Option<Name>,
    },
    /// An empty wallet was closed, for good.
    WalletClosed {
        /// The wallet.
        wallet: WalletId,
    },
    /// A payee asks for a payment.
    PaymentRequestOpened(PaymentRequest),
    /// A payee withdrew what it asked for.
    PaymentRequestCancelled {
        /// The wallet that would have been paid.
        payee: WalletId,
        /// The request.
        request: PaymentRequestId,
    },
}

impl Event {
    /// The wallets whose state the event changes: none, one, or the two of a transfer.
    pub fn wallets(&self) -> impl Iterator<Item = WalletId> + use<> {
        let (first, second) = match self {
            Self::TransferSettled(transfer) => (Some(transfer.payer), Some(transfer.payee)),
            Self::CurrencyRegistered { issuer, .. } => (Some(*issuer), None),
            Self::WalletOpened { wallet, .. } | Self::WalletClosed { wallet } => (Some(*wallet), None),
            Self::PaymentRequestOpened(request) => (Some(request.payee), None),
            Self::PaymentRequestCancelled { payee, .. } => (Some(*payee), None),
            Self::TransferRefused(..)
            | Self::AccountOpened { .. }
            | Self::PairingCodeIssued { .. }
            | Self::DevicePaired { .. }
            | Self::DeviceRevoked { .. }
            | Self::PinFailed { .. }
            | Self::PinFailuresCleared { .. } => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// The payment request of the wallet whose state the event changes, if it changes one.
    #[must_use]
    pub fn changed_request(&self, wallet: WalletId) -> Option<PaymentRequestId> {
        match self {
            Self::TransferSettled(transfer) if transfer.payee == wallet => match transfer.purpose {
                Purpose::Payment(terms) => Some(terms.request),
                Purpose::Issue | Purpose::Redemption => None,
            },
            Self::PaymentRequestOpened(request) if request.payee == wallet => Some(request.terms.request),
            Self::PaymentRequestCancelled { payee, request } if *payee == wallet => Some(*request),
            _ => None,
        }
    }

    /// The account whose state the event changes, if it changes one.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::AccountOpened { account, .. }
            | Self::PairingCodeIssued { account, .. }
            | Self::DevicePaired { account, .. }
            | Self::DeviceRevoked { account, .. }
            | Self::PinFailed { account }
            | Self::PinFailuresCleared { account } => Some(*account),
            _ => None,
        }
    }
}
