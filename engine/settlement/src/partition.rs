//! Partitions: the fixed number of groups that wallets fall into. Shards come and go; a wallet's partition stays.

use quittance_ledger::{AccountId, Stop, WalletId};

/// How many partitions there are. Part of the store's format: never changed.
pub const PARTITION_COUNT: u16 = 256;

/// A group of wallets that are hosted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

impl Partition {
    /// The partition of a wallet.
    #[must_use]
    pub fn of(wallet: WalletId) -> Self {
        Self::of_bytes(wallet.to_bytes())
    }

    /// The partition of an account's limits.
    #[must_use]
    pub fn of_account(account: AccountId) -> Self {
        Self::of_bytes(account.to_bytes())
    }

    /// The partition where a transfer's stop is.
    #[must_use]
    pub fn of_stop(stop: Stop) -> Self {
        match stop {
            Stop::Wallet(wallet) => Self::of(wallet),
            Stop::Allowance(account, _) => Self::of_account(account),
        }
    }

    /// Spreads ids that differ in any of their bits, by the last steps of MurmurHash3, which are public domain. It is asked
    /// several times for each transfer, and whoever looks for ids that fall together would find them under any hash.
    const fn of_bytes(id: [u8; 16]) -> Self {
        const UPPER: u64 = 0x9e37_79b9_7f4a_7c15;
        let id = u128::from_le_bytes(id);
        let mut mixed = (id as u64) ^ ((id >> 64) as u64).wrapping_mul(UPPER);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^= mixed >> 33;
        Self((mixed % PARTITION_COUNT as u64) as u16)
    }

    /// Every partition.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITION_COUNT).map(Self)
    }

    /// The partition with this number; none from [`PARTITION_COUNT`] on.
    #[must_use]
    pub const fn numbered(number: u16) -> Option<Self> {
        if number < PARTITION_COUNT { Some(Self(number)) } else { None }
    }

    /// The partition's number, below [`PARTITION_COUNT`].
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Which of `shards` shards hosts the partition, from 0.
    #[must_use]
    pub fn shard(self, shards: usize) -> usize {
        usize::from(self.0).checked_rem(shards).unwrap_or(0)
    }
}
