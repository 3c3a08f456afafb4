//! A copy of a whole log, beside its writer if there is one. In: its folder. Out: one that opens as after a crash in which nothing was under
//! way: no journal, since everything that it would hold is in the segments of the copy.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::super::LogError;
use super::super::segment::{copy_removals, copy_segments, copy_whole};
use super::files::{make_folder, refused};
use super::ids::Ids;
use super::tags;

/// How often removals may come in between.
const LOOKS_MAX: u32 = 100;

/// Copies the log in `from` to the folder `to`, which is made.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), LogError> {
    make_folder(to)?;
    let pieces = copy_segments(from, to)?;
    let newest = pieces.last().map_or(0, |piece| piece.last_id());
    let mut forgotten = HashSet::new();
    for _ in 0..LOOKS_MAX {
        let removed = copy_removals(from, to, &pieces)?;
        let is_quiet = removed.is_empty();
        forgotten.extend(removed);
        // Behind the segments, so that none is missing of what they hold.
        copy_tags(&from.join("tags"), &to.join("tags"), newest, &forgotten)?;
        if is_quiet {
            break;
        }
    }
    copy_whole(&from.join("ids"), &to.join("ids"))
}

fn copy_tags(
    from: &Path,
    to: &Path,
    newest: u64,
    forgotten: &HashSet<u64>,
) -> Result<(), LogError> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(refused("emptying", to))?;
    }
    make_folder(to)?;
    copy_whole(&from.join("key"), &to.join("key"))?;
    let listed = match fs::read_dir(from) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused("reading", from)(error)),
    };
    for entry in listed {
        let name = entry.map_err(refused("reading", from))?.file_name();
        if Path::new(&name)
            .extension()
            .is_some_and(|end| end == "tags")
        {
            tags::copy_file(&from.join(&name), &to.join(&name), newest, forgotten)?;
        }
    }
    Ok(())
}

/// Of a log that nobody writes: no id below `newest`, the newest that it holds, plus `ahead` is given from now on.
pub(crate) fn leave_ids_out(folder: &Path, newest: u64, ahead: u64) -> Result<(), LogError> {
    let mut ids = Ids::open(folder)?;
    let next = ids.floor().max(newest.saturating_add(1));
    ids.reserve(next.saturating_add(ahead))
}
