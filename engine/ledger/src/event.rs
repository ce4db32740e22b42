//! Events: decided facts. What a journal holds is events and nothing else; replaying them decides nothing anew.

use serde::{Deserialize, Serialize};

use crate::account::{AccountKind, DeviceKey, PairingCode, Verifier};
use crate::allowance::LetGo;
use crate::books::BookEntry;
use crate::conversion::Rate;
use crate::fee::{FeeRule, FeeScope};
use crate::id::{AccountId, DeviceId, PaymentRequestId, TransferId, WalletId};
use crate::limits::Limits;
use crate::money::{Currency, CurrencyCode};
use crate::payment_request::PaymentRequest;
use crate::refusal::Refusal;
use crate::text::Name;
use crate::transfer::{Purpose, Transfer};
use crate::wallet_snapshot::WalletSettings;

/// A decided fact. The order of the variants is part of the journal's format: new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Units moved, or were set aside: all legs of a transfer, in one event.
    TransferSettled(Box<Transfer>),
    /// A transfer was asked for properly, and a rule said no. Nothing moved.
    TransferRefused(Box<Transfer>, Refusal),
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
    PaymentRequestOpened(Box<PaymentRequest>),
    /// A payee withdrew what it asked for.
    PaymentRequestCancelled {
        /// The wallet that would have been paid.
        payee: WalletId,
        /// The request.
        request: PaymentRequestId,
    },
    /// What was left of a hold is the payer's to spend again.
    HoldReleased {
        /// The payer's wallet.
        wallet: WalletId,
        /// The transfer that set the units aside.
        hold: TransferId,
        /// What of it counts toward the limits of the payer's account no longer.
        let_go: Option<LetGo>,
    },
    /// A hold's time was over, and what was left of it is the payer's to spend again.
    HoldExpired {
        /// The payer's wallet.
        wallet: WalletId,
        /// The transfer that set the units aside.
        hold: TransferId,
        /// What of it counts toward the limits of the payer's account no longer.
        let_go: Option<LetGo>,
    },
    /// A wallet pays nothing any more.
    WalletFrozen {
        /// The wallet.
        wallet: WalletId,
        /// Nor is it paid anything but what comes back.
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
        settings: WalletSettings,
    },
    /// The operator set an account's limits over all its wallets of a currency.
    AccountLimited {
        /// The account.
        account: AccountId,
        /// The currency.
        currency: CurrencyCode,
        /// What is in force from now on.
        limits: Limits,
    },
    /// The operator set what is taken of payments.
    FeeSet {
        /// Of which.
        scope: FeeScope,
        /// How much; none takes the rule away.
        rule: Option<FeeRule>,
    },
    /// The operator set at which rate a market maker converts.
    RateSet {
        /// From this currency
        from: CurrencyCode,
        /// to this one.
        to: CurrencyCode,
        /// At this rate; none ends the conversions.
        rate: Option<Rate>,
    },
}

impl Event {
    /// The wallets whose state the event changes, each once.
    pub fn wallets(&self) -> impl Iterator<Item = WalletId> + '_ {
        let transfer = match self {
            Self::TransferSettled(transfer) => Some(transfer),
            _ => None,
        };
        transfer.into_iter().flat_map(|transfer| transfer.wallets()).chain(self.one_wallet())
    }

    fn one_wallet(&self) -> Option<WalletId> {
        match self {
            Self::CurrencyRegistered { issuer, .. } => Some(*issuer),
            Self::WalletOpened { wallet, .. }
            | Self::WalletClosed { wallet }
            | Self::WalletFrozen { wallet, .. }
            | Self::WalletUnfrozen { wallet }
            | Self::WalletConfigured { wallet, .. }
            | Self::HoldReleased { wallet, .. }
            | Self::HoldExpired { wallet, .. } => Some(*wallet),
            Self::PaymentRequestOpened(request) => Some(request.payee),
            Self::PaymentRequestCancelled { payee, .. } => Some(*payee),
            Self::TransferSettled(_)
            | Self::TransferRefused(..)
            | Self::AccountOpened { .. }
            | Self::PairingCodeIssued { .. }
            | Self::DevicePaired { .. }
            | Self::DeviceRevoked { .. }
            | Self::PinFailed { .. }
            | Self::PinFailuresCleared { .. }
            | Self::AccountLimited { .. }
            | Self::FeeSet { .. }
            | Self::RateSet { .. } => None,
        }
    }

    /// The allowance whose state the event changes, if it changes one.
    #[must_use]
    pub fn allowance(&self) -> Option<(AccountId, CurrencyCode)> {
        match self {
            Self::AccountLimited { account, currency, .. } => Some((*account, *currency)),
            Self::TransferSettled(transfer) if transfer.allowance().is_some() => transfer.allowance(),
            _ => self.let_go().map(|let_go| (let_go.account, let_go.currency)),
        }
    }

    /// What counts toward the limits of an account no longer by this event.
    #[must_use]
    pub fn let_go(&self) -> Option<LetGo> {
        match self {
            Self::TransferSettled(transfer) => transfer.let_go,
            Self::HoldReleased { let_go, .. } | Self::HoldExpired { let_go, .. } => *let_go,
            _ => None,
        }
    }

    /// The entries of the wallet's books that the event changes.
    #[must_use]
    pub fn changed_entries(&self, wallet: WalletId) -> Vec<BookEntry> {
        match self {
            Self::TransferSettled(transfer) => transfer
                .legs()
                .filter_map(|leg| match leg.purpose {
                    Purpose::Payment(terms) if leg.payee == wallet => Some(BookEntry::Request(terms.request)),
                    Purpose::Hold { terms, .. } if leg.payee == wallet => {
                        Some(BookEntry::Request(terms.request))
                    }
                    Purpose::Hold { .. } if leg.payer == wallet => Some(BookEntry::Hold(transfer.id)),
                    Purpose::Capture { hold, .. } if leg.payer == wallet => Some(BookEntry::Hold(hold)),
                    Purpose::Refund(original) | Purpose::Reversal(original) if leg.payer == wallet => {
                        Some(BookEntry::Refund(original.id))
                    }
                    _ => None,
                })
                .collect(),
            Self::PaymentRequestOpened(request) if request.payee == wallet => {
                vec![BookEntry::Request(request.terms.request)]
            }
            Self::PaymentRequestCancelled { payee, request } if *payee == wallet => {
                vec![BookEntry::Request(*request)]
            }
            Self::HoldReleased { wallet: payer, hold, .. }
            | Self::HoldExpired { wallet: payer, hold, .. }
                if *payer == wallet =>
            {
                vec![BookEntry::Hold(*hold)]
            }
            _ => Vec::new(),
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
