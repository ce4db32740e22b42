//! The references of transfers in the index, by hash: which transfers name one, in the books of a wallet.

use quittance_journal::Position;
use quittance_ledger::{Reference, WalletId};

use super::{FEW_ENTRIES, HistoryBatch, HistoryTree, MAX_ENTRIES_PER_VALUE};
use crate::store::StoreError;

pub(super) const REFERENCE_ENTRY_BYTES: usize = 16;

/// What stands in the index for a reference in a wallet's books. Others may have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReferenceHash([u8; 8]);

impl ReferenceHash {
    pub(crate) fn new(wallet: WalletId, reference: &Reference) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&wallet.to_bytes()).update(reference.as_str().as_bytes());
        let mut hash = [0; 8];
        hasher.finalize_xof().fill(&mut hash);
        Self(hash)
    }

    const fn bucket(self) -> u8 {
        let [first, ..] = self.0;
        first
    }
}

impl HistoryTree {
    /// Positions before `before` under this hash, newest first, at most `limit`.
    pub(crate) fn by_reference(
        &self,
        hash: ReferenceHash,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let mut found = Vec::new();
        let keys = reference_key(hash.bucket(), Position::START)..reference_key(hash.bucket(), before);
        for entry in self.0.range(keys).rev() {
            let (_, value) = entry?;
            let entries = references(&value);
            let from = entries.partition_point(|(other, _)| *other < hash);
            let same = entries.iter().skip(from).take_while(|(other, _)| *other == hash);
            let positions: Vec<_> = same.map(|(_, position)| *position).filter(|p| *p < before).collect();
            found.extend(positions.into_iter().rev());
            if found.len() >= limit {
                found.truncate(limit);
                break;
            }
        }
        Ok(found)
    }
}

impl HistoryBatch {
    /// References that come after all that `tree` has, in order of the positions.
    pub(crate) fn references(
        &mut self,
        tree: &HistoryTree,
        added: &[(ReferenceHash, Position)],
    ) -> Result<(), StoreError> {
        let mut in_buckets = added.to_vec();
        in_buckets.sort_by_key(|(hash, position)| (hash.bucket(), *position));
        for in_bucket in in_buckets.chunk_by(|(a, _), (b, _)| a.bucket() == b.bucket()) {
            let Some((hash, _)) = in_bucket.first() else { continue };
            let all = reference_key(hash.bucket(), Position::START)
                ..=reference_key(hash.bucket(), Position::new(u64::MAX));
            let last = tree.0.range(all).next_back().transpose()?;
            let mut together = match last {
                Some((_, value)) if value.len() < FEW_ENTRIES * REFERENCE_ENTRY_BYTES => references(&value),
                _ => Vec::new(),
            };
            // In order of the positions again, so that a value begins where the one before it ends.
            together.sort_by_key(|(_, position)| *position);
            together.extend_from_slice(in_bucket);
            for chunk in together.chunks_mut(MAX_ENTRIES_PER_VALUE) {
                let Some((_, first)) = chunk.first().copied() else { continue };
                chunk.sort_unstable();
                let entry = |(hash, position): &(ReferenceHash, Position)| {
                    hash.0.into_iter().chain(position.get().to_be_bytes())
                };
                let value: Vec<u8> = chunk.iter().flat_map(entry).collect();
                self.0.insert(reference_key(hash.bucket(), first), value);
            }
        }
        Ok(())
    }
}

fn reference_key(bucket: u8, position: Position) -> Vec<u8> {
    let mut key = vec![b'x', bucket];
    key.extend_from_slice(&position.get().to_be_bytes());
    key
}

fn references(value: &[u8]) -> Vec<(ReferenceHash, Position)> {
    let read = |[a, b, c, d, e, f, g, h, position @ ..]: &[u8; REFERENCE_ENTRY_BYTES]| {
        let hash = ReferenceHash([*a, *b, *c, *d, *e, *f, *g, *h]);
        (hash, Position::new(u64::from_be_bytes(*position)))
    };
    value.as_chunks::<REFERENCE_ENTRY_BYTES>().0.iter().map(read).collect()
}
