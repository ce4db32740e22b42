//! The ids of transfers in the index, by hash: where a transfer is whose id is known, and what fills the memory of ids at a start.

use quittance_journal::Position;
use quittance_ledger::{IdHash, Timestamp, TransferId, id_slice};
use siphasher::sip::SipHasher13;

use super::{FEW_ENTRIES, HistoryBatch, HistoryTree, MAX_ENTRIES_PER_VALUE};
use crate::keys::random_key;
use crate::store::{StoreError, keyed};

pub(super) const ID_ENTRY_BYTES: usize = 11;

/// What ids are hashed with. Clients choose ids, and must not be able to choose such as have one hash.
#[derive(Clone, Copy)]
pub(crate) struct IdKey([u8; 16]);

impl std::fmt::Debug for IdKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdKey")
    }
}

impl IdKey {
    #[cfg(test)]
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// What stands for an id.
    pub(crate) fn hash(&self, id: TransferId) -> IdHash {
        let [a, b, c, d, e, ..] = SipHasher13::new_with_key(&self.0).hash(&id.to_bytes()).to_be_bytes();
        IdHash([a, b, c, d, e])
    }
}

/// The ids that were made in a slice of time: values of the index, each in the order of its hashes.
#[derive(Default)]
pub(crate) struct IdsOfSlice(Vec<sled::IVec>);

impl IdsOfSlice {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|value| value.len() / ID_ENTRY_BYTES).sum()
    }

    #[cfg(test)]
    pub(crate) fn of_values(values: impl IntoIterator<Item = Vec<(IdHash, Position)>>) -> Self {
        let values = values.into_iter().map(|mut ids| {
            ids.sort_unstable();
            ids.into_iter().flat_map(|(hash, position)| entry_of(hash, position)).collect::<Vec<_>>().into()
        });
        Self(values.collect())
    }

    /// Those whose hash begins with this byte, and how many they are.
    pub(crate) fn beginning_with(&self, byte: u8) -> (usize, impl Iterator<Item = (IdHash, Position)> + '_) {
        let stretches = || self.0.iter().map(move |value| stretch(value, byte));
        let count = stretches().map(<[_]>::len).sum();
        (count, stretches().flatten().map(|entry| (read_hash(entry), read_position(entry))))
    }
}

/// The entries of a value whose hash begins with this byte.
fn stretch(value: &[u8], byte: u8) -> &[[u8; ID_ENTRY_BYTES]] {
    let (entries, _) = value.as_chunks::<ID_ENTRY_BYTES>();
    let from = entries.partition_point(|[first, ..]| *first < byte);
    let to = entries.partition_point(|[first, ..]| *first <= byte);
    entries.get(from..to).unwrap_or_default()
}

impl HistoryTree {
    /// The key of the ids' hashes: made when it is first asked for.
    pub(crate) fn id_key(&self) -> Result<IdKey, StoreError> {
        let key = match self.0.get(b"k")? {
            Some(key) => key,
            None => {
                let key: [u8; 16] = random_key().map_err(Box::new)?;
                self.0.insert(b"k", &key)?;
                key.as_slice().into()
            }
        };
        Ok(IdKey(key.as_ref().try_into().map_err(|_| StoreError::Unreadable("key"))?))
    }

    /// Where transfers are, made when `made_at` says, whose id has this hash; the newest writing's first, until `is_it` says yes.
    pub(crate) fn find<E: From<StoreError>>(
        &self,
        made_at: Timestamp,
        hash: IdHash,
        mut is_it: impl FnMut(Position) -> Result<bool, E>,
    ) -> Result<Option<Position>, E> {
        let first = bucket_key(id_slice(made_at));
        let mut end = bucket_key(id_slice(made_at).saturating_add(1));
        // Of each writing, one value alone may have the hash, or that one and those before it where the hash begins it.
        while let Some((last, _)) = self.last_between(&first, &end)? {
            let writing =
                last.get(..first.len().saturating_add(8)).ok_or(StoreError::Unreadable("id key"))?.to_vec();
            let mut upto = [writing.as_slice(), &hash.0, &[u8::MAX; 6]].concat();
            while let Some((key, value)) = self.last_between(&writing, &upto)? {
                let (entries, _) = value.as_chunks::<ID_ENTRY_BYTES>();
                let from = entries.partition_point(|entry| entry[..5] < hash.0[..]);
                for entry in entries.iter().skip(from).take_while(|entry| entry[..5] == hash.0[..]) {
                    let position = read_position(entry);
                    if is_it(position)? {
                        return Ok(Some(position));
                    }
                }
                if from > 0 {
                    break;
                }
                upto = key.to_vec();
            }
            end = writing;
        }
        Ok(None)
    }

    /// Calls `take` with each slice of time that has ids which were made at `made_at` or later, or little before, and with all its
    /// ids.
    pub(crate) fn ids_since(
        &self,
        made_at: Timestamp,
        mut take: impl FnMut(u64, &IdsOfSlice),
    ) -> Result<(), StoreError> {
        let (mut of_slice, mut ids) = (0, IdsOfSlice::default());
        for entry in self.0.range(bucket_key(id_slice(made_at))..=bucket_key(u64::MAX)) {
            let (key, value) = entry?;
            let slice = slice_of(&key)?;
            if slice != of_slice {
                take(of_slice, &ids);
                (of_slice, ids) = (slice, IdsOfSlice::default());
            }
            ids.0.push(value);
        }
        take(of_slice, &ids);
        Ok(())
    }

    /// Changes each value of ids as a damaged disk would.
    #[cfg(test)]
    pub(crate) fn damage_ids(&self, damage: impl Fn(&mut Vec<[u8; ID_ENTRY_BYTES]>)) {
        for (key, value) in self.0.scan_prefix(b"i").map(Result::unwrap) {
            let mut entries = value.as_chunks().0.to_vec();
            damage(&mut entries);
            self.0.insert(key, entries.concat()).unwrap();
        }
    }

    /// Calls `take` with each slice of time and the hash and position of each of its ids, in no order, having seen that each is where
    /// [`Self::find`] looks for it.
    pub(crate) fn checked_ids<E: From<StoreError>>(
        &self,
        mut take: impl FnMut(u64, &[(IdHash, Position)]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut of_slice, mut ids) = (0, Vec::new());
        let (mut writing, mut last) = (Vec::new(), None);
        for entry in self.0.range(bucket_key(0)..=bucket_key(u64::MAX)) {
            let (key, value) = entry.map_err(StoreError::from)?;
            let slice = slice_of(&key)?;
            if slice != of_slice {
                take(of_slice, &ids)?;
                of_slice = slice;
                ids.clear();
            }
            let (entries, rest) = value.as_chunks::<ID_ENTRY_BYTES>();
            let (in_writing, first) = key.split_at(key.len().saturating_sub(ID_ENTRY_BYTES));
            if in_writing != writing {
                writing = in_writing.to_vec();
                last = None;
            }
            let is_in_order = last.iter().chain(entries).is_sorted_by(|a, b| a < b);
            if !rest.is_empty()
                || !is_in_order
                || entries.first().map(<[_; ID_ENTRY_BYTES]>::as_slice) != Some(first)
            {
                return Err(StoreError::Unreadable("value of ids").into());
            }
            last = entries.last().copied();
            ids.extend(entries.iter().map(|entry| (read_hash(entry), read_position(entry))));
        }
        take(of_slice, &ids)
    }

    fn last_between(
        &self,
        from: &[u8],
        end: &[u8],
    ) -> Result<Option<(keyed::Bytes, keyed::Bytes)>, StoreError> {
        Ok(self.0.range(from..end).next_back().transpose()?)
    }
}

impl HistoryBatch {
    /// Ids, by when they were made and their hash, and where they are, of an index that reaches up to `indexed_to`.
    pub(crate) fn ids(
        &mut self,
        tree: &HistoryTree,
        ids: impl IntoIterator<Item = (Timestamp, IdHash, Position)>,
        indexed_to: Position,
    ) -> Result<(), StoreError> {
        let entry = |(made_at, hash, position)| (id_slice(made_at), entry_of(hash, position));
        let mut ids: Vec<(u64, [u8; ID_ENTRY_BYTES])> = ids.into_iter().map(entry).collect();
        ids.sort_unstable();
        for in_bucket in ids.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((bucket, _)) = in_bucket.first() else { continue };
            let mut together: Vec<_> = in_bucket.iter().map(|(_, entry)| *entry).collect();
            // Clients choose ids: many of one bucket must not come to as many values as there were writings.
            let last = tree.0.scan_prefix(bucket_key(*bucket)).next_back().transpose()?;
            if let Some((key, value)) = last.filter(|(_, value)| value.len() < FEW_ENTRIES * ID_ENTRY_BYTES) {
                self.0.remove(key);
                together.extend_from_slice(value.as_chunks().0);
                together.sort_unstable();
            }
            for chunk in together.chunks(MAX_ENTRIES_PER_VALUE) {
                let Some(first) = chunk.first() else { continue };
                let mut key = bucket_key(*bucket);
                key.extend_from_slice(&indexed_to.get().to_be_bytes());
                // The whole entry, or values that begin with one hash would have one key.
                key.extend_from_slice(first);
                self.0.insert(key, chunk.concat());
            }
        }
        Ok(())
    }
}

fn bucket_key(bucket: u64) -> Vec<u8> {
    std::iter::once(b'i').chain(bucket.to_be_bytes()).collect()
}

/// The slice of time that a key is of.
fn slice_of(key: &[u8]) -> Result<u64, StoreError> {
    let slice = key.get(1..).and_then(|key| key.first_chunk().copied()).map(u64::from_be_bytes);
    slice.ok_or(StoreError::Unreadable("id key"))
}

fn entry_of(hash: IdHash, position: Position) -> [u8; ID_ENTRY_BYTES] {
    let (IdHash([a, b, c, d, e]), [x, y, f, g, h, i, j, k]) = (hash, position.get().to_be_bytes());
    assert_eq!([x, y], [0; 2], "a position has 48 bits");
    [a, b, c, d, e, f, g, h, i, j, k]
}

const fn read_hash(entry: &[u8; ID_ENTRY_BYTES]) -> IdHash {
    let [a, b, c, d, e, ..] = *entry;
    IdHash([a, b, c, d, e])
}

const fn read_position(entry: &[u8; ID_ENTRY_BYTES]) -> Position {
    let [_, _, _, _, _, a, b, c, d, e, f] = *entry;
    Position::new(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}
