//! `gencomm serve`: runs the server until it is told to stop.

use std::io::{IsTerminal, Write};
use std::path::Path;

use slog::{Logger, info};

use crate::ops::boot::{self, Addresses, BootError, Start};
use crate::ops::config::{Loaded, process_environment};
use crate::ops::reload::Source;
use crate::ops::{logging, memory, ports};

use super::output::Failure;

/// Runs the server that the configuration in `dir` describes; with `takeover` in the place of the one that runs.
pub fn run(dir: &Path, takeover: bool) -> Result<(), Failure> {
    // Before the log's thread.
    memory::bound_arenas();
    let environment = process_environment();
    let loaded =
        Loaded::read(dir, &environment).map_err(|error| Failure::Usage(error.to_string()))?;
    let (log, guard) = logging::build(&loaded.config.logging)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    log_panics(&log);
    let source = Source {
        dir: dir.to_owned(),
        environment,
        loaded,
        levels: guard.levels(),
    };
    let for_newcomers = log.clone();
    let start = match takeover {
        true => Start::Takeover,
        false => Start::Fresh,
    };
    boot::run(source, start, &log, |addresses| {
        announce(addresses, &for_newcomers)
    })
    .map_err(|error| explain(error, dir))
}

/// The one line on standard output, for whoever started the server and waits for it.
fn announce(addresses: &Addresses, log: &Logger) {
    let mut line = format!("READY main={}", addresses.main);
    if let Some((auth, message)) = addresses.legacy {
        line.push_str(&format!(" auth={auth} message={message}"));
    }
    line.push('\n');
    let mut out = std::io::stdout().lock();
    // Nobody may be listening; the server serves all the same.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    if std::io::stderr().is_terminal() {
        info!(
            log,
            "people come in with: gencomm chat --server {}", addresses.main
        );
        info!(log, "stop the server with Ctrl-C");
    }
}

fn explain(error: BootError, dir: &Path) -> Failure {
    let BootError::Listen {
        address,
        key,
        source,
    } = &error
    else {
        return Failure::Failed(error.to_string());
    };
    let mut text = error.to_string();
    if source.kind() == std::io::ErrorKind::AddrInUse {
        let holder = ports::holder_of(*address);
        let holder = holder.map_or_else(|| "another process".to_owned(), |who| who.to_string());
        text = format!(
            "{address} is taken by {holder}; stop it, or set {key} in {} to another port",
            dir.join("local.toml").display()
        );
    }
    Failure::Failed(text)
}

/// Panics become log lines: the terminal may be a file that nobody reads.
fn log_panics(log: &Logger) {
    let log = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let reason = crate::ops::supervise::panic_text(panic.payload());
        slog::error!(log, "panic"; "place" => place, "reason" => reason,
            "thread" => std::thread::current().name().unwrap_or("?"));
    }));
}
