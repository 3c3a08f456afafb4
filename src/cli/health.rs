//! `gencomm health`: whether a running server serves. In: where its data is. Out: a line for each step; the exit code is the answer: 0 it does,
//! 1 it does not or cannot be asked, 2 wrong usage, 3 no server runs there.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::args::{Cli, HealthArgs};
use super::log::configuration;
use super::output::{Failure, exit_code, say, stdout};
use crate::ops::config::{data_dir_hint, process_environment};
use crate::ops::control::ask::{AskError, ask_within};
use crate::ops::control::{Answer, BUSY};
use crate::ops::health::Step;
use crate::store::log::inspect;

/// No server runs there.
const NO_SERVER: u8 = 3;
/// What the server gets less than there is, so that its answer arrives in time: one part in so many.
const MARGIN: u32 = 10;
/// Pause before a server is asked again that has too many who ask.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Asks, and gives the exit code.
pub fn run(cli: &Cli, args: &HealthArgs) -> u8 {
    let folder = match &args.data {
        Some(folder) => folder.clone(),
        // A running server may well be healthy beside a configuration that is wrong by now.
        None => match configuration(cli) {
            Ok(config) => config.server.data_dir,
            Err(_) => data_dir_hint(cli.config_dir(), &process_environment()),
        },
    };
    let answer = match asked(&folder, args.timeout) {
        Ok(answer) => answer,
        Err(error) => return unanswered(&folder, &error, args),
    };
    let steps: Vec<Step> = answer.lines.iter().filter_map(|l| Step::parse(l)).collect();
    if steps.len() != answer.lines.len() {
        return refuse(args, &answer.lines.join("\n"), 1);
    }
    match tell(answer.is_ok, &steps, args.json) {
        Ok(()) if answer.is_ok => 0,
        Ok(()) => 1,
        Err(failure) => exit_code(Err(failure)).max(u8::from(!answer.is_ok)),
    }
}

/// The answer of a server that has time for it before `timeout` is over.
fn asked(folder: &Path, timeout: Duration) -> Result<Answer, AskError> {
    let end = Instant::now() + timeout;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        let verb = format!("health {}", (left - left / MARGIN).as_millis());
        let answer = ask_within(folder, &verb, left)?;
        let is_busy = !answer.is_ok && answer.lines.iter().any(|line| line == BUSY);
        if !is_busy || left <= BUSY_PAUSE {
            return Ok(answer);
        }
        std::thread::sleep(BUSY_PAUSE);
    }
}

fn tell(is_ok: bool, steps: &[Step], as_json: bool) -> Result<(), Failure> {
    let mut out = stdout();
    if as_json {
        let step = |step: &Step| {
            json!({
                "name": step.name,
                "ok": step.failure.is_none(),
                "milliseconds": step.took.as_micros() as f64 / 1000.0,
                "why": step.failure,
            })
        };
        let steps: Vec<_> = steps.iter().map(step).collect();
        writeln!(out, "{}", json!({ "healthy": is_ok, "steps": steps }))?;
    } else {
        for step in steps {
            writeln!(out, "{}", step.line())?;
        }
        writeln!(out, "{}", if is_ok { "healthy" } else { "not healthy" })?;
    }
    Ok(out.flush()?)
}

fn unanswered(folder: &Path, error: &AskError, args: &HealthArgs) -> u8 {
    let shown = folder.display();
    if let AskError::Nobody = error {
        return match inspect::holder(&folder.join("log")).ok().flatten() {
            None => refuse(args, &format!("no server runs on {shown}"), NO_SERVER),
            Some(holder) => {
                let text =
                    format!("{holder} serves {shown}, but {error}; it may be starting or stopping");
                refuse(args, &text, 1)
            }
        };
    }
    let text = if error.is_late() {
        format!(
            "the server of {shown} did not answer within {:?}: its main thread does not turn, or the machine is too busy",
            args.timeout
        )
    } else if error.is_forbidden() {
        format!(
            "the server of {shown} may not be asked by this user: {error}; run this as the server's user"
        )
    } else {
        format!("the server of {shown} could not be asked: {error}")
    };
    refuse(args, &text, 1)
}

fn refuse(args: &HealthArgs, text: &str, code: u8) -> u8 {
    say(&format!("gencomm: {text}"));
    if args.json {
        let mut out = stdout();
        // The exit code says it all.
        let _ = writeln!(out, "{}", json!({ "healthy": false, "error": text }));
        let _ = out.flush();
    }
    code
}
