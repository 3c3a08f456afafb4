//! The machine that the disk is in: what a test does to it. Each start of a process is a life of it; whatever belongs to an earlier
//! life, or comes after the machine went off, reaches nothing.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dice::Dice;
use super::nodes::{Content, Loss, Names, NodeId};
use super::{Disk, SimulatedDisk};

/// Kinds of operations, as far as they fail in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Open,
    Write,
    Sync,
    /// Renaming and removing.
    Name,
}

/// A failure to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// What the name of the file begins with; empty for every file.
    pub(crate) file: &'static str,
    /// So many operations of this kind on these files go well before.
    pub(crate) after: u64,
    /// Number of the system's error.
    pub(crate) errno: i32,
    /// As [`Plan::off_in`], counted from this failure on.
    pub(crate) off_in: Option<u64>,
}

/// What is going to happen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The machine goes off, or the process is killed, at this operation that changes something.
    pub(crate) off_in: Option<u64>,
    /// Whoever does this operation panics.
    pub(crate) panic_in: Option<u64>,
    pub(crate) faults: Vec<Fault>,
    /// Bytes that files may have in all.
    pub(crate) space: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Node {
    File(Content),
    Folder(Names),
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) nodes: Vec<Node>,
    /// Locked files.
    pub(super) locks: Vec<NodeId>,
    pub(super) dice: Dice,
    pub(super) life: u64,
    pub(super) off: bool,
    pub(super) plan: Plan,
    operations: u64,
    /// Of all operations so far.
    digest: u64,
    trace: bool,
}

/// What is to become of an operation.
#[derive(Debug)]
pub(super) enum Fate {
    Done,
    Failed(io::Error),
    /// The machine goes off in the middle of it.
    Off,
}

impl State {
    /// Decides about an operation; the second says whether whoever does it is to panic then.
    pub(super) fn decide(&mut self, kind: Kind, what: &str, path: &str) -> (Fate, bool) {
        self.operations += 1;
        // Nobody but a test asks for it.
        let told = if cfg!(test) { [what, path] } else { [""; 2] };
        for byte in told.iter().flat_map(|part| part.bytes()) {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        let fate = self.fate(kind, path);
        let panics = kind != Kind::Read && due(&mut self.plan.panic_in);
        if self.trace {
            let panics = if panics { ", panics" } else { "" };
            let number = self.operations;
            eprintln!("  disk {number}: {what} {path}: {fate:?}{panics}");
        }
        (fate, panics && !std::thread::panicking())
    }

    fn fate(&mut self, kind: Kind, name: &str) -> Fate {
        if kind != Kind::Read && due(&mut self.plan.off_in) {
            return Fate::Off;
        }
        let next = self.plan.faults.iter_mut().position(|fault| {
            let is_meant = fault.kind == kind && name.starts_with(fault.file);
            let is_due = is_meant && fault.after == 0;
            fault.after -= u64::from(is_meant && fault.after > 0);
            is_due
        });
        match next {
            Some(at) => {
                let fault = self.plan.faults.swap_remove(at);
                self.plan.off_in = fault.off_in.or(self.plan.off_in);
                Fate::Failed(io::Error::from_raw_os_error(fault.errno))
            }
            None => Fate::Done,
        }
    }

    /// Of everything that has a name, bytes.
    pub(super) fn used(&self) -> usize {
        let files = self.nodes.iter().filter_map(|node| match node {
            Node::Folder(names) => Some(names.now.values()),
            Node::File(_) => None,
        });
        files.flatten().map(|node| self.length(*node)).sum()
    }

    fn length(&self, node: NodeId) -> usize {
        match &self.nodes[node] {
            Node::File(content) => content.now.len(),
            Node::Folder(_) => 0,
        }
    }
}

/// Counts down; true once, at the end.
fn due(count: &mut Option<u64>) -> bool {
    match count {
        Some(0) => {
            *count = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Machine(Arc<Mutex<State>>);

impl Machine {
    /// With an empty disk. `trace` prints every operation.
    pub(crate) fn new(dice: Dice, trace: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            nodes: vec![Node::Folder(Names::default())],
            locks: Vec::new(),
            dice,
            life: 0,
            off: true,
            plan: Plan::default(),
            operations: 0,
            digest: 0,
            trace,
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process starts; what it sees of the disk.
    pub(crate) fn start(&self) -> Arc<dyn Disk> {
        let mut state = self.state();
        state.life += 1;
        state.off = false;
        state.locks.clear();
        let life = state.life;
        Arc::new(SimulatedDisk::new(self.clone(), life))
    }

    /// From now on this is going to happen.
    pub(crate) fn plan(&self, plan: Plan) {
        self.state().plan = plan;
    }

    /// Nothing happens until the plan that is returned is put back.
    pub(crate) fn pause(&self) -> Plan {
        std::mem::take(&mut self.state().plan)
    }

    /// Makes a folder, durably.
    pub(crate) fn make_folder(&self, name: &str) {
        let mut state = self.state();
        let node = state.nodes.len();
        state.nodes.push(Node::Folder(Names::default()));
        if let Node::Folder(root) = &mut state.nodes[0] {
            root.now.insert(name.to_owned(), node);
            root.durable.insert(name.to_owned(), node);
        }
    }

    /// How much is used, in bytes.
    pub(crate) fn used(&self) -> usize {
        self.state().used()
    }

    /// Whether the process has been killed, or the machine is off.
    pub(crate) fn is_off(&self) -> bool {
        self.state().off
    }

    /// The process is killed: what it wrote stays, what it did not write never comes.
    pub(crate) fn kill(&self) {
        let mut state = self.state();
        state.off = true;
        state.plan = Plan::default();
    }

    /// The power is cut: of what was not synced, what the disk happened to have.
    pub(crate) fn cut_power(&self) {
        self.kill();
        let mut guard = self.state();
        let state = &mut *guard;
        let dice = &mut state.dice;
        // Mostly of one kind everywhere; at times each file as it pleases.
        let common = (!dice.once_in(3)).then(|| Loss::any(dice));
        for node in &mut state.nodes {
            let loss = common.unwrap_or_else(|| Loss::any(dice));
            match node {
                Node::File(content) => content.lose(loss, dice),
                Node::Folder(names) => names.lose(loss, dice),
            }
        }
    }

    /// Shows what is in every file, with its name: as it is seen, and as it is durable.
    pub(crate) fn each_content(&self, mut show: impl FnMut(&str, &[u8])) {
        let state = self.state();
        for node in &state.nodes {
            let Node::Folder(names) = node else { continue };
            for (name, node) in names.now.iter().chain(&names.durable) {
                if let Node::File(content) = &state.nodes[*node] {
                    show(name, &content.now);
                    if content.now != content.durable {
                        show(name, &content.durable);
                    }
                }
            }
        }
    }

    /// Flips a bit of a file; says where.
    pub(crate) fn flip_bit(&self) -> Option<(String, usize)> {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut files: Vec<(String, NodeId)> = Vec::new();
        for node in &state.nodes {
            if let Node::Folder(names) = node {
                let named = names.now.iter().map(|(name, node)| (name.clone(), *node));
                files.extend(named.filter(|(_, node)| state.length(*node) > 0));
            }
        }
        if files.is_empty() {
            return None;
        }
        let (name, node) = files.swap_remove(state.dice.index(files.len()));
        let length = state.length(node);
        let (at, bit) = (state.dice.index(length), state.dice.below(8) as u8);
        if let Node::File(content) = &mut state.nodes[node] {
            content.flip(at, bit);
        }
        Some((name, at))
    }

    /// Operations so far, and what they were in one number.
    pub(crate) fn history(&self) -> (u64, u64) {
        let state = self.state();
        (state.operations, state.digest)
    }
}
