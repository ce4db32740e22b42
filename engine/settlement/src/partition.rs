//! Partitions: the fixed number of groups that wallets fall into. Shards come and go; a wallet's partition stays.

use quittance_ledger::WalletId;

/// How many partitions there are. Part of the store's format: never changed.
pub const PARTITION_COUNT: u16 = 256;

/// A group of wallets that are hosted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

impl Partition {
    /// The partition of a wallet. Clients choose wallet ids, so the spread is a strong hash's.
    #[must_use]
    pub fn of(wallet: WalletId) -> Self {
        let digest = blake3::hash(&wallet.to_bytes());
        Self(u16::from(digest.as_bytes()[0]))
    }

    /// Every partition.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITION_COUNT).map(Self)
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
