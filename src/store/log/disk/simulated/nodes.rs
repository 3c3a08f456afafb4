//! What is on the disk: of each file and folder what a program sees, what is durable, and what lies between the two.

use std::collections::BTreeMap;

use super::dice::Dice;

/// What a disk writes all or nothing of.
const SECTOR_BYTES: usize = 512;

/// A change of a file that was not synced.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// Number of a file or folder.
pub(super) type NodeId = usize;

#[derive(Debug, Default)]
pub(super) struct Content {
    /// As a program sees it.
    pub(super) now: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// In the order in which it was done.
    changes: Vec<Change>,
}

/// How much of what was not synced a power cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    All,
    Nothing,
    /// Up to some point, which may be in the middle of a write.
    Behind,
    /// Here and there.
    Some,
}

impl Loss {
    pub(super) fn any(dice: &mut Dice) -> Self {
        dice.one_of(&[Self::All, Self::Nothing, Self::Behind, Self::Some])
    }
}

impl Content {
    /// A file that is on the disk as it is seen.
    pub(super) fn durable(bytes: &[u8]) -> Self {
        Self {
            now: bytes.to_vec(),
            durable: bytes.to_vec(),
            changes: Vec::new(),
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        apply(&change, &mut self.now);
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.changes.drain(..) {
            apply(&change, &mut self.durable);
        }
    }

    /// A sync that failed: whatever did not arrive counts as written all the same, as far as the kernel is concerned.
    pub(super) fn fail_to_sync(&mut self, dice: &mut Dice) {
        for change in std::mem::take(&mut self.changes) {
            if dice.once_in(2) {
                self.arrive(&change, dice);
            }
        }
    }

    pub(super) fn lose(&mut self, loss: Loss, dice: &mut Dice) {
        let changes = std::mem::take(&mut self.changes);
        let end = match loss {
            Loss::All => 0,
            Loss::Behind => dice.index(changes.len() + 1),
            Loss::Nothing | Loss::Some => changes.len(),
        };
        for change in &changes[..end] {
            match loss {
                Loss::Some if dice.once_in(3) => {}
                Loss::Some if dice.once_in(2) => self.arrive(change, dice),
                _ => apply(change, &mut self.durable),
            }
        }
        if loss == Loss::Behind
            && let Some(torn) = changes.get(end)
        {
            self.arrive(torn, dice);
        }
        self.now.clone_from(&self.durable);
    }

    /// Brings a part of a change to the disk.
    fn arrive(&mut self, change: &Change, dice: &mut Dice) {
        let Change::Write(at, bytes) = change else {
            apply(change, &mut self.durable);
            return;
        };
        let (at, end) = (*at, at + bytes.len());
        // What is new may end at any byte, where the length is cut. What was there changes by sectors.
        if at >= self.durable.len() && dice.once_in(3) {
            let kept = dice.index(bytes.len() + 1);
            apply(
                &Change::Write(at, bytes[..kept].to_vec()),
                &mut self.durable,
            );
        } else {
            let mut from = at;
            while from < end {
                let to = end.min((from / SECTOR_BYTES + 1) * SECTOR_BYTES);
                if dice.once_in(2) {
                    let sector = bytes[from - at..to - at].to_vec();
                    apply(&Change::Write(from, sector), &mut self.durable);
                }
                from = to;
            }
        }
        if dice.once_in(3) && self.durable.len() < end {
            // The length arrived, the bytes did not.
            self.durable.resize(end, 0);
        }
    }

    /// A bit of both changes on the disk itself.
    pub(super) fn flip(&mut self, at: usize, bit: u8) {
        for bytes in [&mut self.now, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
    }
}

fn apply(change: &Change, bytes: &mut Vec<u8>) {
    match change {
        Change::Write(_, new) if new.is_empty() => {}
        Change::Write(at, new) => {
            let end = at + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(new);
        }
        Change::Length(length) => bytes.resize(*length, 0),
    }
}

/// A change of the names in a folder that was not synced.
#[derive(Debug, Clone)]
pub(super) enum Naming {
    Put(String, NodeId),
    Take(String),
    Move(String, String, NodeId),
}

#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) now: BTreeMap<String, NodeId>,
    pub(super) durable: BTreeMap<String, NodeId>,
    changes: Vec<Naming>,
}

impl Names {
    pub(super) fn change(&mut self, change: Naming) {
        name(&change, &mut self.now);
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.changes.drain(..) {
            name(&change, &mut self.durable);
        }
    }

    /// A sync that failed: some of it arrived. Names are not forgotten as pages are; who syncs again gets them.
    pub(super) fn fail_to_sync(&mut self, dice: &mut Dice) {
        for change in &self.changes {
            if dice.once_in(2) {
                name(change, &mut self.durable);
            }
        }
    }

    pub(super) fn lose(&mut self, loss: Loss, dice: &mut Dice) {
        let changes = std::mem::take(&mut self.changes);
        let end = match loss {
            Loss::All => 0,
            Loss::Behind => dice.index(changes.len() + 1),
            Loss::Nothing | Loss::Some => changes.len(),
        };
        for change in &changes[..end] {
            if loss != Loss::Some || dice.once_in(2) {
                name(change, &mut self.durable);
            }
        }
        self.now.clone_from(&self.durable);
    }
}

fn name(change: &Naming, names: &mut BTreeMap<String, NodeId>) {
    match change {
        Naming::Put(name, node) => {
            names.insert(name.clone(), *node);
        }
        Naming::Take(name) => {
            names.remove(name);
        }
        Naming::Move(from, to, node) => {
            if names.get(from) == Some(node) {
                names.remove(from);
            }
            names.insert(to.clone(), *node);
        }
    }
}
