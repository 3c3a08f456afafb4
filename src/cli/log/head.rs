//! `gencomm log head`: one line that says where the chain stands.

use std::io::Write;

use serde::Serialize;

use super::super::output::{Failure, stdout};
use super::{Place, failed};
use crate::store::log::inspect;

#[derive(Serialize)]
struct Shown {
    head: String,
    group: u64,
    newest_id: u64,
    link: String,
}

/// Runs it.
pub(super) fn run(place: &Place<'_>, json: bool) -> Result<(), Failure> {
    place.exists()?;
    let folder = place.folder();
    let holder = inspect::holder(folder).map_err(failed)?;
    let head = inspect::newest_head(folder, holder.is_some()).map_err(failed)?;
    let head = head.ok_or_else(|| {
        Failure::Failed(format!(
            "the log in {} has no record in its segments yet, so there is nothing that a head could hold on to",
            folder.display()
        ))
    })?;
    let mut out = stdout();
    if json {
        let shown = Shown {
            head: head.to_string(),
            group: head.group,
            newest_id: head.newest_id,
            link: head.link_hex(),
        };
        let text = serde_json::to_string(&shown);
        let text = text.map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        writeln!(out, "{head}")?;
    }
    Ok(out.flush()?)
}
