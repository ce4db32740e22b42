//! What a disk may hold after the power was lost: what was made durable, and of the rest any part.
//!
//! A write is durable once a sync of its file has come back that began after the write had; a name is once its folder was synced.
//! Of what is not, each write may be there, or not, or some of its sectors; of a folder's names those changed first may be there
//! and the later ones not, as file systems that keep a journal have it.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::trace::{Call, Deed};

/// What becomes of that which is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All of it is lost.
    Lost,
    /// All of it is there.
    Kept,
    /// Chance decides of each write.
    ByWrite,
    /// Chance decides of each sector of so many bytes.
    BySector(usize),
}

pub(crate) const FATES: [Fate; 5] =
    [Fate::Lost, Fate::Kept, Fate::ByWrite, Fate::BySector(512), Fate::BySector(4_096)];

#[derive(Clone, Copy, Debug)]
struct Span {
    begun: usize,
    ended: usize,
    /// When the first sync came back that began after this had ended.
    durable: usize,
}

impl Span {
    const fn of(call: &Call) -> Self {
        Self { begun: call.begun, ended: call.ended, durable: usize::MAX }
    }

    /// Finds out when this became durable. Syncs are in the order of their beginnings.
    fn settle(&mut self, syncs: &[Self]) {
        let after = syncs.partition_point(|sync| sync.begun <= self.ended);
        // Those that began later still come back later, but for the few that run side by side.
        self.durable = syncs[after..].iter().map(|sync| sync.ended).take(8).min().unwrap_or(usize::MAX);
    }

    const fn is_durable(self, power_lost: usize) -> bool {
        self.durable < power_lost
    }
}

#[derive(Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

#[derive(Debug, Default)]
struct FileNode {
    changes: Vec<(Span, Change)>,
    syncs: Vec<Span>,
    /// Where the next write goes that does not say where.
    cursor: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder(usize),
}

#[derive(Debug)]
enum Naming {
    Link(String, Node),
    Rename(String, String),
    Remove(String),
}

#[derive(Debug, Default)]
struct FolderNode {
    namings: Vec<(Span, Naming)>,
    syncs: Vec<Span>,
}

/// Everything that was done to what is in one folder, by when.
#[derive(Debug)]
pub(crate) struct Disk {
    root: String,
    files: Vec<FileNode>,
    folders: Vec<FolderNode>,
    /// Where what is now.
    names: HashMap<String, Node>,
}

impl Disk {
    /// A disk with the folder `root` and nothing in it.
    pub(crate) fn new(root: &Path) -> Self {
        let root = root.to_str().unwrap().to_owned();
        let names = HashMap::from([(root.clone(), Node::Folder(0))]);
        Self { root, files: Vec::new(), folders: vec![FolderNode::default()], names }
    }

    /// Takes note of a call, in the order in which they began. What is not in the folder is passed over.
    pub(crate) fn take(&mut self, call: &Call) {
        let span = Span::of(call);
        match &call.deed {
            Deed::Create { path, is_emptied } if self.is_within(path) => match self.names.get(path) {
                Some(Node::Folder(_)) => panic!("{path} is a folder"),
                Some(Node::File(file)) => {
                    if *is_emptied {
                        let file = &mut self.files[*file];
                        file.changes.push((span, Change::Resize(0)));
                        file.cursor = 0;
                    }
                }
                None => {
                    self.files.push(FileNode::default());
                    self.link(span, path, Node::File(self.files.len() - 1));
                }
            },
            Deed::MakeFolder { path } if self.is_within(path) => {
                self.folders.push(FolderNode::default());
                self.link(span, path, Node::Folder(self.folders.len() - 1));
            }
            Deed::Write { path, at, bytes } if self.is_within(path) => {
                let file = self.file(path);
                let at = at.map_or(file.cursor, |at| usize::try_from(at).unwrap());
                file.cursor = at + bytes.len();
                file.changes.push((span, Change::Write { at, bytes: bytes.clone() }));
            }
            Deed::Resize { path, bytes } if self.is_within(path) => {
                let bytes = usize::try_from(*bytes).unwrap();
                self.file(path).changes.push((span, Change::Resize(bytes)));
            }
            Deed::Sync { path } => match self.names.get(path) {
                Some(Node::File(file)) => self.files[*file].syncs.push(span),
                Some(Node::Folder(folder)) => self.folders[*folder].syncs.push(span),
                None => {}
            },
            Deed::Rename { from, to } if self.is_within(from) => {
                let node = self.names.remove(from).unwrap_or_else(|| panic!("{from} is not known"));
                self.names.insert(to.clone(), node);
                let ((folder, from), (same, to)) = (self.parted(from), self.parted(to));
                assert_eq!(folder, same, "a rename stays in its folder");
                self.folders[folder].namings.push((span, Naming::Rename(from, to)));
            }
            Deed::Remove { path } if self.is_within(path) => {
                self.names.remove(path);
                let (folder, name) = self.parted(path);
                self.folders[folder].namings.push((span, Naming::Remove(name)));
            }
            _ => {}
        }
    }

    fn is_within(&self, path: &str) -> bool {
        path.strip_prefix(&self.root).is_some_and(|rest| rest.starts_with('/'))
    }

    fn file(&mut self, path: &str) -> &mut FileNode {
        match self.names.get(path) {
            Some(Node::File(file)) => &mut self.files[*file],
            other => panic!("{path} is not a file: {other:?}"),
        }
    }

    /// The folder that a path is in, and its name there.
    fn parted(&self, path: &str) -> (usize, String) {
        let (folder, name) = path.rsplit_once('/').unwrap();
        match self.names.get(folder) {
            Some(Node::Folder(folder)) => (*folder, name.to_owned()),
            other => panic!("{folder} is not a folder: {other:?}"),
        }
    }

    fn link(&mut self, span: Span, path: &str, node: Node) {
        self.names.insert(path.to_owned(), node);
        let (folder, name) = self.parted(path);
        self.folders[folder].namings.push((span, Naming::Link(name, node)));
    }

    /// Finds out of everything when it became durable, once all calls are known.
    pub(crate) fn settle(&mut self) {
        for FileNode { changes, syncs, .. } in &mut self.files {
            changes.iter_mut().for_each(|(span, _)| span.settle(syncs));
        }
        for FolderNode { namings, syncs } in &mut self.folders {
            namings.iter_mut().for_each(|(span, _)| span.settle(syncs));
        }
    }

    /// Whether anything that was begun before `power_lost` is not durable by then.
    pub(crate) fn has_choice(&self, power_lost: usize) -> bool {
        let is_open = |span: &Span| span.begun < power_lost && !span.is_durable(power_lost);
        self.files.iter().any(|file| file.changes.iter().any(|(span, _)| is_open(span)))
            || self.folders.iter().any(|folder| folder.namings.iter().any(|(span, _)| is_open(span)))
    }

    /// Makes in the folder `target` what the disk may hold when the power went just before the call with this number.
    pub(crate) fn rebuild(&self, power_lost: usize, fate: Fate, random: &mut SmallRng, target: &Path) {
        self.rebuild_folder(0, power_lost, fate, random, target);
    }

    fn rebuild_folder(
        &self,
        folder: usize,
        power_lost: usize,
        fate: Fate,
        random: &mut SmallRng,
        target: &Path,
    ) {
        fs::create_dir_all(target).unwrap();
        // All that the server makes is its own, and it insists on that for its keys.
        fs::set_permissions(target, Permissions::from_mode(0o700)).unwrap();
        let node = &self.folders[folder];
        let begun: Vec<_> = node.namings.iter().filter(|(span, _)| span.begun < power_lost).collect();
        let is_durable = |(span, _): &&(Span, Naming)| span.is_durable(power_lost);
        // What comes before something durable is, too.
        let durable = begun.iter().rposition(is_durable).map_or(0, |last| last + 1);
        let kept = match fate {
            Fate::Lost => durable,
            Fate::Kept => begun.len(),
            Fate::ByWrite | Fate::BySector(_) => random.random_range(durable..=begun.len()),
        };
        let mut names: HashMap<&str, Node> = HashMap::new();
        for (_, naming) in begun.into_iter().take(kept) {
            match naming {
                Naming::Link(name, node) => _ = names.insert(name, *node),
                Naming::Rename(from, to) => {
                    let node = names.remove(from.as_str()).unwrap();
                    names.insert(to, node);
                }
                Naming::Remove(name) => _ = names.remove(name.as_str()),
            }
        }
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        for (name, node) in names {
            let target = target.join(name);
            match node {
                Node::Folder(folder) => self.rebuild_folder(folder, power_lost, fate, random, &target),
                Node::File(file) => {
                    fs::write(&target, self.files[file].content(power_lost, fate, random)).unwrap();
                    fs::set_permissions(target, Permissions::from_mode(0o600)).unwrap();
                }
            }
        }
    }
}

impl FileNode {
    fn content(&self, power_lost: usize, fate: Fate, random: &mut SmallRng) -> Vec<u8> {
        let mut content = Vec::new();
        for (span, change) in self.changes.iter().filter(|(span, _)| span.begun < power_lost) {
            let is_sure = span.is_durable(power_lost) || fate == Fate::Kept;
            if !is_sure && (fate == Fate::Lost || fate == Fate::ByWrite && random.random()) {
                continue;
            }
            match (change, fate) {
                (Change::Resize(length), _) => content.resize(*length, 0),
                (Change::Write { at, bytes }, Fate::BySector(sector)) if !is_sure => {
                    write_sectors(&mut content, *at, bytes, sector, random);
                }
                (Change::Write { at, bytes }, _) => write(&mut content, *at, bytes),
            }
        }
        content
    }
}

fn write(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

/// Writes some of the sectors that a write touches. A file may have grown for a sector that is not there: it is zeros then.
fn write_sectors(content: &mut Vec<u8>, at: usize, bytes: &[u8], sector: usize, random: &mut SmallRng) {
    let has_grown: bool = random.random();
    if has_grown && content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    let mut done = 0;
    while done < bytes.len() {
        let length = (sector - (at + done) % sector).min(bytes.len() - done);
        if random.random() {
            write(content, at + done, &bytes[done..done + length]);
        }
        done += length;
    }
}
