//! `gencomm counters`: how often a running server has met each limit. In: where the server's data is. Out: names and numbers since its start.

use std::io::Write;

use super::args::{Cli, CountersArgs};
use super::log::configuration;
use super::output::{Failure, stdout};
use super::running::unanswered;
use crate::ops::control::ask::ask;

/// Asks the server of the data folder that the options or the configuration name.
pub fn run(cli: &Cli, args: &CountersArgs) -> Result<(), Failure> {
    let folder = match &args.data {
        Some(folder) => folder.clone(),
        None => configuration(cli)?.server.data_dir,
    };
    let answer = ask(&folder, "counters")
        .map_err(|error| unanswered(cli, &folder, error, |_| String::new()))?;
    if !answer.is_ok {
        return Err(Failure::Failed(answer.lines.join("\n")));
    }
    let figures = answer.lines.iter().filter_map(|line| {
        let (name, count) = line.split_once(' ')?;
        Some((name.to_owned(), count.parse::<u64>().ok()?))
    });
    let mut out = stdout();
    if args.json {
        let object: serde_json::Map<_, _> = figures.map(|(name, n)| (name, n.into())).collect();
        writeln!(out, "{}", serde_json::Value::Object(object))?;
    } else {
        for (name, count) in figures {
            writeln!(out, "{count:>12}  {name}")?;
        }
    }
    Ok(out.flush()?)
}
