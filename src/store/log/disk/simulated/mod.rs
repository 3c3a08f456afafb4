//! A disk in memory that does to its files, by a seed, whatever a disk may do: loses what was not synced, tears it, refuses, goes off.
//!
//! In: the operations of the log; from a test: a [`Plan`], power cuts, kills. Out: what is left. What is not synced and survives is
//! drawn for every write, every length and every name; sectors of 512 bytes are written all or nothing.

// The fuzz targets want a disk that does nothing of all this.
#![cfg_attr(not(test), allow(dead_code, unused_imports))]

mod dice;
mod image;
mod machine;
mod nodes;

use std::fs::TryLockError;
use std::io;
use std::path::{Component, Path, PathBuf};

pub(crate) use dice::Dice;
pub(crate) use machine::{Fault, Kind, Machine, Plan};

use super::{Disk, DiskFile, File, Open};
use machine::{Fate, Node, State};
use nodes::{Change, Content, Names, Naming, NodeId};

/// What the system copies of a write at least.
const PAGE_BYTES: usize = 4096;

/// What one life of a process sees of the disk.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedDisk {
    machine: Machine,
    life: u64,
}

/// An open file or folder.
#[derive(Debug)]
pub(crate) struct SimulatedFile {
    disk: SimulatedDisk,
    node: NodeId,
    path: PathBuf,
    holds_lock: std::sync::atomic::AtomicBool,
}

fn off() -> io::Error {
    io::Error::other("the machine is off")
}

fn missing() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOENT)
}

impl State {
    pub(super) fn find(&self, path: &Path) -> Option<NodeId> {
        let mut at = 0;
        for part in path.components() {
            if let Component::Normal(name) = part {
                let Node::Folder(names) = &self.nodes[at] else {
                    return None;
                };
                at = *names.now.get(name.to_str()?)?;
            }
        }
        Some(at)
    }

    /// The folder that a path is in, and its name there.
    fn place(&mut self, path: &Path) -> io::Result<(&mut Names, String)> {
        let parent = path.parent().and_then(|parent| self.find(parent));
        let name = path.file_name().and_then(|name| name.to_str());
        let (Some(parent), Some(name)) = (parent, name) else {
            return Err(missing());
        };
        match &mut self.nodes[parent] {
            Node::Folder(names) => Ok((names, name.to_owned())),
            Node::File(_) => Err(missing()),
        }
    }

    fn content(&mut self, node: NodeId) -> io::Result<&mut Content> {
        match &mut self.nodes[node] {
            Node::File(content) => Ok(content),
            Node::Folder(_) => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        }
    }

    fn make(&mut self, path: &Path, node: Node) -> io::Result<NodeId> {
        let id = self.nodes.len();
        let (names, name) = self.place(path)?;
        names.change(Naming::Put(name, id));
        self.nodes.push(node);
        Ok(id)
    }

    fn open(&mut self, path: &Path, how: Open) -> io::Result<NodeId> {
        match (self.find(path), how) {
            (Some(_), Open::New) => Err(io::Error::from_raw_os_error(libc::EEXIST)),
            (Some(node), Open::Empty) => {
                self.content(node)?.change(Change::Length(0));
                Ok(node)
            }
            (Some(node), _) => Ok(node),
            (None, Open::Read | Open::Write) => Err(missing()),
            (None, _) => self.make(path, Node::File(Content::default())),
        }
    }

    fn write(&mut self, node: NodeId, bytes: &[u8], at: u64) -> io::Result<()> {
        let (used, space) = (self.used_if_limited(), self.plan.space);
        let content = self.content(node)?;
        let grows = (at as usize + bytes.len()).saturating_sub(content.now.len());
        let free = space.map_or(usize::MAX, |space| space.saturating_sub(used));
        let kept = bytes.len() - grows.saturating_sub(free).min(bytes.len());
        content.change(Change::Write(at as usize, bytes[..kept].to_vec()));
        if kept < bytes.len() {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        Ok(())
    }

    fn used_if_limited(&self) -> usize {
        if self.plan.space.is_some() {
            self.used()
        } else {
            0
        }
    }

    fn sync(&mut self, node: NodeId) {
        match &mut self.nodes[node] {
            Node::File(content) => content.sync(),
            Node::Folder(names) => names.sync(),
        }
    }

    fn fail_to_sync(&mut self, node: NodeId) {
        match &mut self.nodes[node] {
            Node::File(content) => content.fail_to_sync(&mut self.dice),
            Node::Folder(names) => names.fail_to_sync(&mut self.dice),
        }
    }
}

impl SimulatedDisk {
    pub(super) fn new(machine: Machine, life: u64) -> Self {
        Self { machine, life }
    }

    /// Does an operation, or what its fate leaves of it: `whole`, or `failed` if it fails.
    fn act<T>(
        &self,
        kind: Kind,
        what: &str,
        path: &Path,
        whole: impl FnOnce(&mut State) -> io::Result<T>,
        failed: impl FnOnce(&mut State),
    ) -> io::Result<T> {
        let mut state = self.machine.state();
        if state.off || state.life != self.life {
            return Err(off());
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let (fate, panics) = state.decide(kind, what, name.unwrap_or("/"));
        let result = match fate {
            Fate::Done => whole(&mut state),
            Fate::Failed(error) => {
                failed(&mut state);
                Err(error)
            }
            Fate::Off => {
                match state.dice.below(3) {
                    0 => drop(whole(&mut state)),
                    // A sync that does not end has forgotten nothing.
                    1 if kind != Kind::Sync => failed(&mut state),
                    _ => {}
                }
                state.off = true;
                Err(off())
            }
        };
        drop(state);
        if panics {
            // Without the hook: nobody has to read of it.
            std::panic::resume_unwind(Box::new("provoked by the disk"));
        }
        result
    }

    fn opened(&self, node: NodeId, path: &Path) -> File {
        File::Simulated(SimulatedFile {
            disk: self.clone(),
            node,
            path: path.to_owned(),
            holds_lock: false.into(),
        })
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<File> {
        let kind = match how {
            Open::Read | Open::Write => Kind::Read,
            _ => Kind::Open,
        };
        let node = self.act(kind, "open", path, |state| state.open(path, how), |_| {})?;
        Ok(self.opened(node, path))
    }

    fn open_folder(&self, path: &Path) -> io::Result<File> {
        let find = |state: &mut State| state.find(path).ok_or_else(missing);
        let node = self.act(Kind::Read, "open folder", path, find, |_| {})?;
        Ok(self.opened(node, path))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let make = |state: &mut State| {
            let above: Vec<&Path> = path.ancestors().collect();
            for folder in above.into_iter().rev() {
                if state.find(folder).is_none() {
                    state.make(folder, Node::Folder(Names::default()))?;
                }
            }
            Ok(())
        };
        self.act(Kind::Open, "make folder", path, make, |_| {})
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = |state: &mut State| {
            let node = state.find(folder).ok_or_else(missing)?;
            match &state.nodes[node] {
                Node::Folder(names) => Ok(names.now.keys().cloned().collect()),
                Node::File(_) => Err(io::Error::from_raw_os_error(libc::ENOTDIR)),
            }
        };
        self.act(Kind::Read, "names in", folder, names, |_| {})
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let rename = |state: &mut State| {
            let node = state.find(from).ok_or_else(missing)?;
            let (_, old) = state.place(from)?;
            let (names, new) = state.place(to)?;
            names.change(Naming::Move(old, new, node));
            Ok(())
        };
        self.act(Kind::Name, "rename to", to, rename, |_| {})
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let remove = |state: &mut State| {
            state.find(path).ok_or_else(missing)?;
            let (names, name) = state.place(path)?;
            names.change(Naming::Take(name));
            Ok(())
        };
        self.act(Kind::Name, "remove", path, remove, |_| {})
    }

    fn exists(&self, path: &Path) -> bool {
        let state = self.machine.state();
        !state.off && state.life == self.life && state.find(path).is_some()
    }
}

impl SimulatedFile {
    pub(super) fn again(&self) -> Self {
        Self {
            disk: self.disk.clone(),
            node: self.node,
            path: self.path.clone(),
            holds_lock: false.into(),
        }
    }

    fn act<T>(
        &self,
        kind: Kind,
        what: &str,
        whole: impl FnOnce(&mut State) -> io::Result<T>,
        failed: impl FnOnce(&mut State),
    ) -> io::Result<T> {
        self.disk.act(kind, what, &self.path, whole, failed)
    }

    fn sync(&self, what: &str) -> io::Result<()> {
        let node = self.node;
        let sync = |state: &mut State| {
            state.sync(node);
            Ok(())
        };
        self.act(Kind::Sync, what, sync, |state| state.fail_to_sync(node))
    }
}

impl DiskFile for SimulatedFile {
    fn read_exact_at(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let read = |state: &mut State| {
            let from = at as usize;
            let there = &state.content(self.node)?.now;
            let there = there.get(from..from + bytes.len());
            bytes.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        };
        self.act(Kind::Read, "read", read, |_| {})
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let whole = |state: &mut State| state.write(self.node, bytes, at);
        let part = |state: &mut State| {
            let mut kept = state.dice.index(bytes.len().max(1));
            // What was there is overwritten in memory first, by pages.
            let there = state
                .content(self.node)
                .map_or(0, |content| content.now.len());
            if at as usize + kept < there {
                kept = ((at as usize + kept) / PAGE_BYTES * PAGE_BYTES).saturating_sub(at as usize);
            }
            let _ = state.write(self.node, &bytes[..kept], at);
        };
        self.act(Kind::Write, "write", whole, part)
    }

    fn length(&self) -> io::Result<u64> {
        let length = |state: &mut State| Ok(state.content(self.node)?.now.len() as u64);
        self.act(Kind::Read, "length of", length, |_| {})
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let change = |state: &mut State| {
            let change = Change::Length(bytes as usize);
            state.content(self.node)?.change(change);
            Ok(())
        };
        self.act(Kind::Write, "cut", change, |_| {})
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync("sync data of")
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync("sync")
    }

    fn try_lock(&self) -> Result<(), TryLockError> {
        let mut state = self.disk.machine.state();
        if state.off || state.life != self.disk.life {
            return Err(TryLockError::Error(off()));
        }
        if state.locks.contains(&self.node) {
            return Err(TryLockError::WouldBlock);
        }
        state.locks.push(self.node);
        self.holds_lock
            .store(true, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    fn try_lock_shared(&self) -> Result<(), TryLockError> {
        self.try_lock()
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        if self.holds_lock.load(std::sync::atomic::Ordering::Relaxed) {
            let mut state = self.disk.machine.state();
            if state.life == self.disk.life {
                state.locks.retain(|node| *node != self.node);
            }
        }
    }
}
