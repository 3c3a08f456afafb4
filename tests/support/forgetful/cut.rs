//! What a power cut does to the disk: the durable state, and by chance a part of what came after it.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::Cut;
use super::disk::{Change, Content, Disk, FileNode, FolderNode, ROOT, put};

/// A disk writes so much at once, or not at all.
const SECTOR_BYTES: usize = 512;

/// What becomes of the changes of one file or folder.
#[derive(Clone, Copy)]
enum Left {
    Nothing,
    Everything,
    /// The first ones, the last of them in part.
    Beginning,
    /// Some here and there.
    Pieces,
}

impl Left {
    fn by(chance: &mut StdRng) -> Self {
        match chance.random_range(0..4) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 => Self::Beginning,
            _ => Self::Pieces,
        }
    }
}

impl Disk {
    /// From here on nothing but what is durable was ever there.
    pub(super) fn forget(&mut self, cut: Cut) {
        let mut chance = match cut {
            Cut::Lost => None,
            Cut::Chance(seed) => {
                let mut chance = StdRng::seed_from_u64(seed);
                // A third of all cuts leave nothing, which is what catches most mistakes.
                chance.random_ratio(2, 3).then_some(chance)
            }
        };
        // In order, so that a seed means the same each time.
        let mut numbers: Vec<u64> = self.nodes.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let left = chance.as_mut().map_or(Left::Nothing, Left::by);
            let Some(node) = self.nodes.get_mut(&number) else {
                continue;
            };
            match &mut node.content {
                Content::File(file) => forget_file(file, left, chance.as_mut()),
                Content::Folder(folder) => forget_names(folder, left, chance.as_mut()),
            }
        }
        self.drop_nameless();
    }

    /// What has no name is gone.
    fn drop_nameless(&mut self) {
        let (mut named, mut folders) = (vec![ROOT], vec![ROOT]);
        while let Some(folder) = folders.pop() {
            let Ok(folder) = self.folder(folder) else {
                continue;
            };
            let inner: Vec<u64> = folder.now.values().copied().collect();
            named.extend(&inner);
            folders.extend(inner);
        }
        self.nodes.retain(|number, _| named.contains(number));
    }
}

fn forget_file(file: &mut FileNode, left: Left, chance: Option<&mut StdRng>) {
    let changes = std::mem::take(&mut file.since);
    match (left, chance) {
        (Left::Nothing, _) | (_, None) => {}
        (Left::Everything, _) => {
            for change in changes {
                change.apply(&mut file.durable);
            }
        }
        (Left::Beginning, Some(chance)) => {
            let kept = chance.random_range(0..=changes.len());
            for (at, change) in changes.into_iter().take(kept).enumerate() {
                match change {
                    Change::Write { at: place, bytes } if at + 1 == kept => {
                        let sectors = bytes.len() / SECTOR_BYTES;
                        let torn = chance.random_range(0..=sectors) * SECTOR_BYTES;
                        put(&mut file.durable, place, &bytes[..torn.min(bytes.len())]);
                    }
                    whole => whole.apply(&mut file.durable),
                }
            }
        }
        (Left::Pieces, Some(chance)) => {
            for change in changes {
                if let Change::Write { at, bytes } = change {
                    put_pieces(&mut file.durable, at, &bytes, chance);
                } else if chance.random() {
                    change.apply(&mut file.durable);
                }
            }
        }
    }
    file.now.clone_from(&file.durable);
}

/// Writes some of the sectors that these bytes lie in.
fn put_pieces(file: &mut Vec<u8>, at: usize, mut bytes: &[u8], chance: &mut StdRng) {
    let mut at = at;
    while !bytes.is_empty() {
        let to_border = SECTOR_BYTES - at % SECTOR_BYTES;
        let (piece, rest) = bytes.split_at(to_border.min(bytes.len()));
        if chance.random() {
            put(file, at, piece);
        }
        at += piece.len();
        bytes = rest;
    }
}

fn forget_names(folder: &mut FolderNode, left: Left, chance: Option<&mut StdRng>) {
    let changes = std::mem::take(&mut folder.since);
    let count = changes.len();
    match (left, chance) {
        (Left::Nothing, _) | (_, None) => {}
        (Left::Everything, _) => {
            for change in changes {
                change.apply(&mut folder.durable);
            }
        }
        (Left::Beginning, Some(chance)) => {
            let kept = chance.random_range(0..=count);
            for change in changes.into_iter().take(kept) {
                change.apply(&mut folder.durable);
            }
        }
        (Left::Pieces, Some(chance)) => {
            for change in changes {
                if chance.random() {
                    change.apply(&mut folder.durable);
                }
            }
        }
    }
    folder.now.clone_from(&folder.durable);
}
