//! Heads that were kept elsewhere: read from the command line or a file, and what became of them.

use std::io::{Read, Write};
use std::path::Path;

use super::super::super::args::LogVerifyArgs;
use super::super::super::output::Failure;
use crate::store::log::inspect::{Audit, Fate, Head};

/// A file of heads is no longer than this: tens of thousands of them.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// The heads that the options name.
pub(super) fn asked_for(args: &LogVerifyArgs) -> Result<Vec<Head>, Failure> {
    let wrong =
        |what: String, error: &dyn std::fmt::Display| Failure::Usage(format!("{what}: {error}"));
    let mut heads = Vec::new();
    for text in &args.heads {
        let head = text.trim().parse();
        heads.push(head.map_err(|error| wrong(format!("--head {text}"), &error))?);
    }
    let Some(path) = &args.heads_from else {
        return Ok(heads);
    };
    let text = read(path).map_err(|error| wrong(path.display().to_string(), &error))?;
    let known = heads.len();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        let Some(word) = line.rsplit(char::is_whitespace).next() else {
            continue;
        };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let head = word.parse();
        heads.push(
            head.map_err(|error| wrong(format!("{}, line {}", path.display(), n + 1), &error))?,
        );
    }
    if heads.len() == known {
        let empty = "there is no head in it";
        return Err(wrong(path.display().to_string(), &empty));
    }
    Ok(heads)
}

fn read(path: &Path) -> std::io::Result<String> {
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path)?)
    };
    let mut text = String::new();
    source.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other(
            "it is longer than 8 MiB; keep every tenth head",
        ));
    }
    Ok(text)
}

/// Says what became of each head. Returns whether none contradicts the log and, if any was given, one at least was proved.
pub(super) fn tell(out: &mut impl Write, audit: &Audit) -> std::io::Result<bool> {
    let mut contradicted = false;
    let mut proved = 0;
    for (head, fate) in &audit.heads {
        let (group, id) = (head.group, head.newest_id);
        write!(out, "head of group {group} (record {id}): ")?;
        match fate {
            Fate::OnChain(since) => {
                proved += 1;
                if since.group == 0 {
                    writeln!(
                        out,
                        "on the chain: no record up to it was altered, removed or reordered"
                    )?;
                } else if since.group < group {
                    writeln!(
                        out,
                        "on the chain: no record from {} up to it was altered, removed or reordered; what was before is not proved by it",
                        since.id.saturating_add(1)
                    )?;
                } else {
                    writeln!(
                        out,
                        "on the chain; of what is before it nothing is there to prove"
                    )?;
                }
            }
            Fate::Differs => {
                contradicted = true;
                writeln!(
                    out,
                    "ALTERED: the link of group {group} is another one, so records up to {id} are not those of the day on which the head was kept"
                )?;
            }
            Fate::OtherId(ends_with) => {
                contradicted = true;
                writeln!(
                    out,
                    "the link is right, but the group ends with record {ends_with}: the text of the head was changed"
                )?;
            }
            Fate::CutOff(newest) => {
                contradicted = true;
                writeln!(
                    out,
                    "CUT OFF: the log ends with group {} (record {}), before the head: records were removed from its end, or an older copy was put back",
                    newest.group, newest.id
                )?;
            }
            Fate::Expired(begin) => writeln!(
                out,
                "not provable: the log begins behind group {} (record {}); retention has deleted what was before, or somebody has",
                begin.group, begin.id
            )?,
            Fate::Unreadable => {
                contradicted = true;
                writeln!(
                    out,
                    "not provable: the link of its group cannot be read; see the faults"
                )?;
            }
        }
    }
    if !audit.heads.is_empty() && proved == 0 && !contradicted {
        writeln!(
            out,
            "no head is left that proves anything: keep a new one (gencomm log head)"
        )?;
    }
    Ok(!contradicted && (audit.heads.is_empty() || proved > 0))
}
