//! What a wallet is as far as it is durable: its owner, currency, status, balances and settings.

use serde::{Deserialize, Serialize};

use crate::calendar::{Day, Zone};
use crate::id::{AccountId, WalletId};
use crate::limits::{Limits, Spending};
use crate::money::{Amount, CurrencyCode};
use crate::text::Name;
use crate::time::Timestamp;

/// Whose a wallet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// The one wallet of its currency that may go below zero: units enter and leave the system through it.
    Issuer,
    /// An account's.
    Account(AccountId),
}

/// Whether a wallet takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WalletStatus {
    /// It pays and is paid.
    Open,
    /// It is paid, and pays nothing.
    Frozen,
    /// It pays nothing, and is paid nothing but what comes back.
    FrozenBothWays,
    /// It was closed, empty, and stays so.
    Closed,
}

/// A wallet's balances as they may be shown: of what is durable, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balances {
    /// The sum of the wallet's postings.
    pub posted: i64,
    /// What of it is set aside.
    pub held: i64,
    /// What of it could be spent: what is posted less what is set aside. Beside it, an overdraft may be spent.
    pub available: i64,
}

/// What the operator sets of a wallet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletSettings {
    /// The overdraft: how far below zero it may go, in minor units.
    pub overdraft: Option<Amount>,
    /// The most it may hold.
    pub ceiling: Option<Amount>,
    /// How much may be paid out of it.
    pub limits: Limits,
    /// The time zone whose days and months the limits are of; none is universal time.
    pub zone: Option<Zone>,
}

/// A wallet's durable state without its books: what a checkpoint keeps of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletSnapshot {
    /// The wallet's id.
    pub id: WalletId,
    /// Whose it is.
    pub owner: Owner,
    /// The currency it holds.
    pub currency: CurrencyCode,
    /// What its owner calls it.
    pub name: Option<Name>,
    /// Whether it takes part.
    pub status: WalletStatus,
    /// The sum of its postings, in minor units.
    pub posted: i64,
    /// What of it is set aside.
    pub held: i64,
    /// What was paid out of it that counts toward limits.
    pub spending: Spending,
    /// What the operator set; few wallets have any.
    pub settings: Option<Box<WalletSettings>>,
}

/// The day that it is for the owner of a wallet with these settings.
pub(crate) fn day_by(settings: Option<&WalletSettings>, now: Timestamp) -> Day {
    settings.and_then(|settings| settings.zone).map_or_else(|| Day::utc(now), |zone| zone.day(now))
}

impl WalletSnapshot {
    /// The balances that may be shown.
    #[must_use]
    pub const fn balances(&self) -> Balances {
        Balances { posted: self.posted, held: self.held, available: self.posted.saturating_sub(self.held) }
    }

    /// What the operator set.
    #[must_use]
    pub fn settings(&self) -> WalletSettings {
        self.settings.as_deref().copied().unwrap_or_default()
    }

    /// The day that it is for its owner.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> Day {
        day_by(self.settings.as_deref(), now)
    }

    /// What may still be paid within the limits, in the day and in the month that it is at `now`; none where there is no limit.
    #[must_use]
    pub fn limits_left(&self, now: Timestamp) -> (Option<u64>, Option<u64>) {
        self.settings().limits.left(self.spending, self.day(now))
    }
}
