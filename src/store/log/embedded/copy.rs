//! A copy of a whole log, beside its writer if there is one. In: its folder. Out: one that opens as after a crash in which nothing was under
//! way: no journal, since everything that it would hold is in the segments of the copy.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::super::LogError;
use super::super::disk::Folder;
use super::super::segment::{SegmentsCopy, copy_whole};
use super::files::{make_folder, refused};
use super::ids::Ids;
use super::journal::state::groups;
use super::tags;

/// Copies the log in `from` to the folder `to`, which is made.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), LogError> {
    make_folder(&Folder::real(to))?;
    let mut segments = SegmentsCopy::begin(from, to)?;
    segments.settle()?;
    refuse_if_behind(from, segments.unexplained())?;
    // Behind the segments, so that none is missing of what they hold. Digests go before anything of a segment is overwritten.
    copy_tags(
        &from.join("tags"),
        &to.join("tags"),
        segments.newest_id(),
        segments.removed_ahead(),
    )?;
    copy_whole(&from.join("ids"), &to.join("ids"))
}

/// What is overwritten for a removal that no segment has would be a fault of the copy, which has no journal.
fn refuse_if_behind(from: &Path, unexplained: &HashSet<u64>) -> Result<(), LogError> {
    if unexplained.is_empty() {
        return Ok(());
    }
    let (_, groups) = groups(from)?;
    let mut removes = groups.iter().flat_map(|group| &group.removes);
    match removes.find(|target| unexplained.contains(target)) {
        Some(target) => Err(LogError::Damaged {
            file: from.display().to_string(),
            reason: format!("the removal of {target} is in the journal alone: the server could not write its segments, which its log explains; make room, then try again"),
        }),
        // Whoever reads the copy finds what is wrong with it.
        None => Ok(()),
    }
}

fn copy_tags(
    from: &Path,
    to: &Path,
    newest: u64,
    forgotten: &HashSet<u64>,
) -> Result<(), LogError> {
    make_folder(&Folder::real(to))?;
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
    let mut ids = Ids::open(&Folder::real(folder))?;
    let next = ids.floor().max(newest.saturating_add(1));
    ids.reserve(next.saturating_add(ahead))
}
