//! Reading what was said, page by page.

use std::collections::BTreeMap;

use super::super::{Gc2, PATIENCE, number, parse_message};

/// Messages of `room` behind `after`, and of the same conversation what comes unasked meanwhile; `None` if the connection ended.
pub(super) fn direct(client: &mut Gc2, room: &str, after: u64) -> Option<BTreeMap<u64, String>> {
    let (mut found, mut after) = (BTreeMap::new(), after);
    loop {
        let (page, unasked) = page(client, room, after)?;
        let is_last = page.len() < PAGE;
        after = page.last().map_or(after, |(id, _)| *id);
        found.extend(page);
        found.extend(unasked);
        if is_last {
            return Some(found);
        }
    }
}

/// Every message of `room` behind `after`.
pub(super) fn room(client: &mut Gc2, room: &str, after: u64) -> Vec<(u64, String)> {
    let (mut found, mut after) = (Vec::new(), after);
    loop {
        let (page, _) = page(client, room, after).expect("a page of the past");
        let is_last = page.len() < PAGE;
        after = page.last().map_or(after, |(id, _)| *id);
        found.extend(page);
        if is_last {
            return found;
        }
    }
}

const PAGE: usize = 1000;
type Messages = Vec<(u64, String)>;

/// One page, and the messages that came unasked meanwhile.
fn page(client: &mut Gc2, room: &str, after: u64) -> Option<(Messages, Messages)> {
    if !client.try_send(&format!("HISTORY;page;{room};after={after};{PAGE}")) {
        return None;
    }
    let (mut page, mut unasked) = (Vec::new(), Vec::new());
    loop {
        let line = client.try_line_bytes(PATIENCE).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        if let Some(rest) = line.strip_prefix("HIST;page;") {
            page.push(parse_message(rest));
        } else if let Some(rest) = line.strip_prefix("MSG;") {
            unasked.push(parse_message(rest));
        } else if line.starts_with("OK;page;") {
            assert_eq!(number(&line, 2), page.len() as u64, "{line}");
            return Some((page, unasked));
        } else if line.starts_with("BYE;restart;") {
            return None;
        } else if line.starts_with("ERR;page;not-found;") {
            // Nobody has said anything yet.
            return Some((page, unasked));
        } else {
            assert!(line.starts_with("GONE;"), "{line:?} instead of the past");
        }
    }
}
