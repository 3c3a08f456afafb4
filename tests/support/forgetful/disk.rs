//! What is on the disk, and what would be if the power failed now. No file system: numbers, bytes and names.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};

use fuser::Errno;

/// The number of the top folder.
pub(super) const ROOT: u64 = 1;

/// A change of a file since its last sync.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// A change of a folder since its last sync.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    /// The name is this file's, or nobody's.
    Set(OsString, Option<u64>),
    /// Both at once, or neither.
    Renamed {
        from: OsString,
        to: OsString,
        node: u64,
    },
}

#[derive(Debug, Default)]
pub(super) struct FileNode {
    pub(super) now: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) since: Vec<Change>,
}

#[derive(Debug, Default)]
pub(super) struct FolderNode {
    pub(super) now: BTreeMap<OsString, u64>,
    pub(super) durable: BTreeMap<OsString, u64>,
    pub(super) since: Vec<NameChange>,
}

#[derive(Debug)]
pub(super) enum Content {
    File(FileNode),
    Folder(FolderNode),
}

/// A file or folder. Who may do what to it is durable at once.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) mode: u16,
}

/// See the module.
pub(super) struct Disk {
    pub(super) nodes: HashMap<u64, Node>,
    next: u64,
}

impl Disk {
    pub(super) fn new() -> Self {
        let root = Node {
            content: Content::Folder(FolderNode::default()),
            mode: 0o755,
        };
        Self {
            nodes: HashMap::from([(ROOT, root)]),
            next: ROOT + 1,
        }
    }

    pub(super) fn node(&mut self, node: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&node).ok_or(Errno::ENOENT)
    }

    pub(super) fn file(&mut self, node: u64) -> Result<&mut FileNode, Errno> {
        match &mut self.node(node)?.content {
            Content::File(file) => Ok(file),
            Content::Folder(_) => Err(Errno::EISDIR),
        }
    }

    pub(super) fn folder(&mut self, node: u64) -> Result<&mut FolderNode, Errno> {
        match &mut self.node(node)?.content {
            Content::Folder(folder) => Ok(folder),
            Content::File(_) => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn find(&mut self, parent: u64, name: &OsStr) -> Result<u64, Errno> {
        let found = self.folder(parent)?.now.get(name).copied();
        found.ok_or(Errno::ENOENT)
    }

    /// Makes something with a name that nobody has.
    pub(super) fn make(
        &mut self,
        parent: u64,
        name: &OsStr,
        content: Content,
        mode: u16,
    ) -> Result<u64, Errno> {
        if self.folder(parent)?.now.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        let node = self.next;
        self.next += 1;
        self.nodes.insert(node, Node { content, mode });
        self.folder(parent)?.set(name, Some(node));
        Ok(node)
    }

    /// Takes a name away. What it named stays as long as it is open, or as the folder is not synced.
    pub(super) fn remove(&mut self, parent: u64, name: &OsStr) -> Result<(), Errno> {
        self.find(parent, name)?;
        self.folder(parent)?.set(name, None);
        Ok(())
    }

    /// Refuses unless it is a folder without entries.
    pub(super) fn refuse_unless_empty(&mut self, node: u64) -> Result<(), Errno> {
        let is_empty = self.folder(node)?.now.is_empty();
        is_empty.then_some(()).ok_or(Errno::ENOTEMPTY)
    }

    pub(super) fn rename(
        &mut self,
        (from, name): (u64, &OsStr),
        (to, new_name): (u64, &OsStr),
    ) -> Result<(), Errno> {
        let node = self.find(from, name)?;
        if from == to {
            let change = NameChange::Renamed {
                from: name.to_owned(),
                to: new_name.to_owned(),
                node,
            };
            self.folder(from)?.change(change);
        } else {
            self.folder(to)?.set(new_name, Some(node));
            self.folder(from)?.set(name, None);
        }
        Ok(())
    }

    /// Makes this file, or the names in this folder, durable.
    pub(super) fn sync(&mut self, node: u64) -> Result<(), Errno> {
        match &mut self.node(node)?.content {
            Content::File(file) => {
                for change in std::mem::take(&mut file.since) {
                    change.apply(&mut file.durable);
                }
            }
            Content::Folder(folder) => {
                for change in std::mem::take(&mut folder.since) {
                    change.apply(&mut folder.durable);
                }
            }
        }
        Ok(())
    }
}

impl FileNode {
    pub(super) fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.now);
        self.since.push(change);
    }
}

impl FolderNode {
    fn set(&mut self, name: &OsStr, node: Option<u64>) {
        self.change(NameChange::Set(name.to_owned(), node));
    }

    fn change(&mut self, change: NameChange) {
        change.clone().apply(&mut self.now);
        self.since.push(change);
    }
}

impl Change {
    pub(super) fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes: written } => put(bytes, at, &written),
            Self::Length(length) => bytes.resize(length, 0),
        }
    }
}

/// Writes `written` at `at`; a hole before it is zeros.
pub(super) fn put(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(written);
}

impl NameChange {
    pub(super) fn apply(self, names: &mut BTreeMap<OsString, u64>) {
        match self {
            Self::Set(name, Some(node)) => {
                names.insert(name, node);
            }
            Self::Set(name, None) => {
                names.remove(&name);
            }
            Self::Renamed { from, to, node } => {
                names.remove(&from);
                names.insert(to, node);
            }
        }
    }
}
