//! A head: one line that says where the chain stood at a moment, short enough to be kept elsewhere for ever.
//!
//! Text: `gencomm-head:1:{group}:{newest id}:{link}`, decimal and 64 digits of hex. The link covers every record up to that group,
//! so whoever keeps the line elsewhere can prove later that none of them was altered, removed or reordered.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use slog::{Discard, Logger, o};

use super::super::super::LogError;
use super::super::super::disk::Folder;
use super::super::chain::{LINK_BYTES, Link};
use super::super::files::{Files, Part, io_error, part_path};
use super::super::scan::{Blocks, EXCESS, Scanned, scan};
use super::text_files;

/// What every head begins with; the version would change with the chain's own form.
const PREFIX: &str = "gencomm-head:1:";
/// Looks at an end that a running server may be writing, and the time between two of them.
const LOOKS_MAX: u32 = 40;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(25);

/// Where the chain stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Number of the newest group.
    pub(crate) group: u64,
    /// Its last record. For people: the link covers it.
    pub(crate) newest_id: u64,
    /// The chain up to and including the group.
    pub(crate) link: [u8; 32],
}

/// Why a text is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadTextError {
    /// Another beginning.
    #[error("a head begins with `{PREFIX}`, as `gencomm log head` prints it")]
    Prefix,
    /// A number is none.
    #[error("the {0} of the head is no whole number above 0")]
    Number(&'static str),
    /// Too short, too long, or not hex.
    #[error("the link of the head is not 64 digits of hex: a part of the line is missing")]
    Link,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{}:{}:{}",
            self.group,
            self.newest_id,
            self.link_hex()
        )
    }
}

impl FromStr for Head {
    type Err = HeadTextError;

    fn from_str(text: &str) -> Result<Self, HeadTextError> {
        let rest = text.strip_prefix(PREFIX).ok_or(HeadTextError::Prefix)?;
        let mut fields = rest.split(':');
        let mut number = |what| {
            let digits = fields.next().unwrap_or_default();
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.parse().ok().filter(|n| plain && *n > 0);
            number.ok_or(HeadTextError::Number(what))
        };
        let (group, newest_id) = (number("group")?, number("newest id")?);
        let link = fields
            .next()
            .and_then(|digits| blake3::Hash::from_hex(digits).ok());
        match (link, fields.next()) {
            (Some(link), None) => Ok(Self {
                group,
                newest_id,
                link: *link.as_bytes(),
            }),
            _ => Err(HeadTextError::Link),
        }
    }
}

impl Head {
    /// The link in hex.
    pub(crate) fn link_hex(&self) -> String {
        blake3::Hash::from_bytes(self.link).to_hex().to_string()
    }
}

/// The head of the newest group that is whole in text, index and chain; `None` in an empty log. Takes no lock and changes nothing.
/// Only the last group is compared with its hashes: that the rest is as it was is what `verify` proves.
pub(crate) fn newest_head(folder: &Path, server_runs: bool) -> Result<Option<Head>, LogError> {
    let mut looks = if server_runs { LOOKS_MAX } else { 1 };
    loop {
        match look(folder) {
            Ok(Ok(head)) => return Ok(head),
            Ok(Err(error)) | Err(error) if looks <= 1 => return Err(error),
            // A group that is being written, or a segment that is being begun or has just expired.
            Ok(Err(_)) => {}
            Err(LogError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        std::thread::sleep(LOOK_AGAIN_AFTER);
        looks -= 1;
    }
}

/// The inner error may be gone at the next look.
fn look(folder: &Path) -> Result<Result<Option<Head>, LogError>, LogError> {
    let firsts = text_files(folder)?;
    let Some((last, earlier)) = firsts.split_last() else {
        return Ok(Ok(None));
    };
    let scanned = match end_of(folder, *last)? {
        Ok(scanned) => scanned,
        Err(damaged) => return Ok(Err(damaged)),
    };
    let mut head = Head {
        group: scanned.group,
        newest_id: scanned.active.last_id,
        link: scanned.link,
    };
    if head.group == 0 {
        return Ok(Ok(None));
    }
    if scanned.active.links == 0 {
        // Just begun: the head is that of the segment before, if that is still there.
        head.newest_id = match earlier.last() {
            Some(before) => last_link(folder, *before)?.map_or(last - 1, |link| link.last_id),
            None => last - 1,
        };
    }
    Ok(Ok(Some(head)))
}

/// Goes through the active segment; its last group is compared in full.
fn end_of(folder: &Path, first_id: u64) -> Result<Result<Scanned, LogError>, LogError> {
    let path = part_path(folder, first_id, Part::Chain);
    let damaged = |why: &str| LogError::Damaged {
        file: path.display().to_string(),
        reason: format!(
            "the end of the log is not whole ({why}), so there is no head to keep; start the server, which completes it from the journal \
             or cuts it off, or run `gencomm log verify` to see what is damaged"
        ),
    };
    let Ok(newest) = last_link(folder, first_id) else {
        return Ok(Err(damaged("the newest segment cannot be read")));
    };
    let checked_from = newest.map_or(u64::MAX, |link| link.last_id);
    let nowhere = Logger::root(Discard, o!());
    let Some(scanned) = scan(
        &Folder::real(folder),
        first_id,
        checked_from,
        false,
        &nowhere,
    )?
    else {
        return Ok(Err(damaged("the newest segment cannot be read")));
    };
    Ok(match scanned.cut {
        // Records without a link are being written, or were when the server was killed.
        None | Some(EXCESS) => Ok(scanned),
        Some(why) => Err(damaged(why)),
    })
}

/// The last link of a segment's chain, `None` if there is none or it is not whole.
fn last_link(folder: &Path, first_id: u64) -> Result<Option<Link>, LogError> {
    let path = part_path(folder, first_id, Part::Chain);
    let files = Files::open(&Folder::real(folder), first_id, false)?;
    let length = files.chain.length().map_err(io_error("read", &path))?;
    let mut links = Blocks::new(length, LINK_BYTES);
    links.next = links.count.saturating_sub(1);
    let block = links.peek(&files.chain).map_err(io_error("read", &path))?;
    Ok(block.and_then(Link::decode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_printed_and_nothing_else_is_one() {
        let head = Head {
            group: 102,
            newest_id: 18_446_744_073_709_551_615,
            link: [0xA5; 32],
        };
        let text = head.to_string();
        assert_eq!(
            text,
            format!(
                "gencomm-head:1:102:18446744073709551615:{}",
                "a5".repeat(32)
            )
        );
        assert_eq!(text.parse(), Ok(head));
        for cut in 0..text.len() {
            assert!(text[..cut].parse::<Head>().is_err(), "{cut}");
        }
        for wrong in [
            text.replace(":1:", ":2:"),
            text.replace(":102:", ":0:"),
            text.replace(":102:", ":+102:"),
            text.replace(":102:", ":99999999999999999999:"),
            format!("{text}0"),
            format!("{text}:"),
            format!(" {text}"),
            text.replace('a', "g"),
        ] {
            assert!(wrong.parse::<Head>().is_err(), "{wrong}");
        }
    }
}
