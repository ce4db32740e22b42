//! Trees of keys and values in memory, in the way of a log: what was written since they were last made durable survives a crash up
//! to some point of it, and each batch whole or not at all.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

use super::chance::Chance;
use super::disk::Disk;
use super::{Plant, is_planted};

type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;
type Image = BTreeMap<&'static str, BTreeMap<Vec<u8>, Arc<[u8]>>>;

/// What the disk has of them.
#[derive(Debug, Default)]
pub(super) struct KeyedState {
    durable: Image,
    now: Image,
    log: Vec<(&'static str, Changes)>,
}

/// The trees in a folder.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    pub(super) disk: Disk,
    pub(super) folder: PathBuf,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct KeyedTree {
    keyed: Keyed,
    name: &'static str,
}

fn apply(image: &mut Image, name: &'static str, changes: &Changes) {
    let tree = image.entry(name).or_default();
    for (key, value) in changes {
        match value {
            Some(value) => _ = tree.insert(key.clone(), value.as_slice().into()),
            None => _ = tree.remove(key),
        }
    }
}

impl KeyedState {
    fn write(&mut self, name: &'static str, changes: Changes) {
        apply(&mut self.now, name, &changes);
        self.log.push((name, changes));
    }

    fn sync(&mut self) {
        for (name, changes) in self.log.drain(..) {
            apply(&mut self.durable, name, &changes);
        }
    }

    /// Loses some of what is not durable.
    pub(super) fn lose(&mut self, chance: &mut Chance, is_on_disk: bool) {
        let kept = match chance.below(3) {
            0 => 0,
            1 => self.log.len(),
            _ => chance.index(self.log.len().saturating_add(1)),
        };
        self.log.truncate(kept);
        self.now = self.durable.clone();
        for (name, changes) in &self.log {
            apply(&mut self.now, name, changes);
        }
        if is_on_disk {
            self.sync();
        }
    }
}

impl Keyed {
    /// Whether nothing was ever written.
    pub(crate) fn is_new(&self) -> bool {
        self.with(|state| state.now.is_empty())
    }

    pub(crate) fn tree(&self, name: &'static str) -> KeyedTree {
        if !name.is_empty() {
            self.with(|state| {
                if !state.now.contains_key(name) {
                    state.write(name, Vec::new());
                }
            });
        }
        KeyedTree { keyed: self.clone(), name }
    }

    /// Makes durable what was written until now.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.disk.begin_sync()?;
        self.with(KeyedState::sync);
        Ok(())
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut KeyedState) -> T) -> T {
        self.disk.with_keyed(&self.folder, use_it)
    }
}

impl KeyedTree {
    pub(crate) fn get(&self, key: &[u8]) -> io::Result<Option<Arc<[u8]>>> {
        self.keyed.disk.begin_read()?;
        Ok(self.keyed.with(|state| state.now.get(self.name)?.get(key).cloned()))
    }

    /// Writes all of it, or none.
    pub(crate) fn write(&self, changes: Changes) -> io::Result<()> {
        self.keyed.disk.begin_growth()?;
        self.keyed.with(|state| state.write(self.name, changes));
        Ok(())
    }

    pub(crate) fn first_between(
        &self,
        lower: &Bound<Vec<u8>>,
        upper: &Bound<Vec<u8>>,
    ) -> io::Result<Option<(Vec<u8>, Arc<[u8]>)>> {
        self.between(lower, upper, |entries| entries.next())
    }

    pub(crate) fn last_between(
        &self,
        lower: &Bound<Vec<u8>>,
        upper: &Bound<Vec<u8>>,
    ) -> io::Result<Option<(Vec<u8>, Arc<[u8]>)>> {
        self.between(lower, upper, |entries| entries.next_back())
    }

    fn between<'b>(
        &self,
        lower: &'b Bound<Vec<u8>>,
        upper: &'b Bound<Vec<u8>>,
        pick: impl for<'a> FnOnce(&mut Entries<'a>) -> Option<(&'a Vec<u8>, &'a Arc<[u8]>)>,
    ) -> io::Result<Option<(Vec<u8>, Arc<[u8]>)>> {
        self.keyed.disk.begin_read()?;
        // A range whose ends have crossed is empty.
        let is_empty = match (lower, upper) {
            (Bound::Excluded(lower), Bound::Excluded(upper)) => lower >= upper,
            (
                Bound::Included(lower) | Bound::Excluded(lower),
                Bound::Included(upper) | Bound::Excluded(upper),
            ) => lower > upper,
            _ => false,
        };
        if is_empty {
            return Ok(None);
        }
        let hides_ids = self.name == "history" && is_planted(Plant::ForgetIds);
        Ok(self.keyed.with(|state| {
            let tree = state.now.get(self.name)?;
            let bounds: (Bound<&[u8]>, Bound<&[u8]>) =
                (lower.as_ref().map(Vec::as_slice), upper.as_ref().map(Vec::as_slice));
            let visible = |(key, _): &(&Vec<u8>, &Arc<[u8]>)| !(hides_ids && key.first() == Some(&b'i'));
            let mut entries: Entries<'_> = Box::new(tree.range::<[u8], _>(bounds).filter(visible));
            pick(&mut entries).map(|(key, value)| (key.clone(), Arc::clone(value)))
        }))
    }
}

type Entries<'a> = Box<dyn DoubleEndedIterator<Item = (&'a Vec<u8>, &'a Arc<[u8]>)> + 'a>;
