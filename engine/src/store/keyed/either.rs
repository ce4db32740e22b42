//! A tree of sled or one in memory, with as much of sled's interface as the store uses.

use std::ops::{Bound, RangeBounds};

use sled::IVec;

use crate::simulation::KeyedTree;

#[derive(Clone, Debug)]
pub(in crate::store) enum Tree {
    Sled(sled::Tree),
    Simulated(KeyedTree),
}

/// Changes that are written together or not at all; none for a value is its removal.
#[derive(Debug, Default)]
pub(in crate::store) struct Batch(Vec<(Vec<u8>, Option<IVec>)>);

/// Keys and values in order, from either end.
pub(in crate::store) enum Entries {
    Sled(sled::Iter),
    Simulated { tree: KeyedTree, lower: Bound<Vec<u8>>, upper: Bound<Vec<u8>> },
}

impl Batch {
    pub(in crate::store) fn insert(&mut self, key: impl Into<IVec>, value: impl Into<IVec>) {
        self.0.push((key.into().to_vec(), Some(value.into())));
    }

    pub(in crate::store) fn remove(&mut self, key: impl Into<IVec>) {
        self.0.push((key.into().to_vec(), None));
    }
}

impl Tree {
    pub(in crate::store) fn get(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<IVec>> {
        match self {
            Self::Sled(tree) => tree.get(key),
            Self::Simulated(tree) => Ok(tree.get(key.as_ref())?.map(|value| IVec::from(&*value))),
        }
    }

    pub(in crate::store) fn insert(
        &self,
        key: impl AsRef<[u8]>,
        value: impl Into<IVec>,
    ) -> sled::Result<Option<IVec>> {
        match self {
            Self::Sled(tree) => tree.insert(key, value),
            Self::Simulated(tree) => {
                let before = tree.get(key.as_ref())?;
                tree.write(vec![(key.as_ref().to_vec(), Some(value.into().to_vec()))])?;
                Ok(before.map(|value| IVec::from(&*value)))
            }
        }
    }

    pub(in crate::store) fn apply_batch(&self, batch: Batch) -> sled::Result<()> {
        match self {
            Self::Sled(tree) => {
                let mut changes = sled::Batch::default();
                for (key, value) in batch.0 {
                    match value {
                        Some(value) => changes.insert(key, value),
                        None => changes.remove(key),
                    }
                }
                tree.apply_batch(changes)
            }
            Self::Simulated(tree) => {
                let changes =
                    batch.0.into_iter().map(|(key, value)| (key, value.map(|value| value.to_vec())));
                Ok(tree.write(changes.collect())?)
            }
        }
    }

    pub(in crate::store) fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Entries {
        match self {
            Self::Sled(tree) => Entries::Sled(tree.range(range)),
            Self::Simulated(tree) => Entries::Simulated {
                tree: tree.clone(),
                lower: range.start_bound().map(|key| key.as_ref().to_vec()),
                upper: range.end_bound().map(|key| key.as_ref().to_vec()),
            },
        }
    }

    #[cfg(test)]
    pub(in crate::store) fn len(&self) -> usize {
        self.into_iter().count()
    }

    pub(in crate::store) fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> Entries {
        let prefix = prefix.as_ref();
        // The first key past all that begin so.
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                return self.range(prefix.to_vec()..end);
            }
        }
        self.range(prefix.to_vec()..)
    }
}

impl IntoIterator for &Tree {
    type Item = sled::Result<(IVec, IVec)>;
    type IntoIter = Entries;

    fn into_iter(self) -> Entries {
        self.range::<Vec<u8>>(..)
    }
}

impl Iterator for Entries {
    type Item = sled::Result<(IVec, IVec)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Sled(entries) => entries.next(),
            Self::Simulated { tree, lower, upper } => match tree.first_between(lower, upper) {
                Err(error) => Some(Err(error.into())),
                Ok(found) => found.map(|(key, value)| {
                    *lower = Bound::Excluded(key.clone());
                    Ok((key.into(), (&*value).into()))
                }),
            },
        }
    }
}

impl DoubleEndedIterator for Entries {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::Sled(entries) => entries.next_back(),
            Self::Simulated { tree, lower, upper } => match tree.last_between(lower, upper) {
                Err(error) => Some(Err(error.into())),
                Ok(found) => found.map(|(key, value)| {
                    *upper = Bound::Excluded(key.clone());
                    Ok((key.into(), (&*value).into()))
                }),
            },
        }
    }
}
