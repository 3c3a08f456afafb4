//! A new configuration while the server runs. In: requests (SIGHUP, the control socket), the configuration folder, and once a second a look
//! at the certificate. Out: the configuration for everybody who keeps one, and an [`Answer`] to who asked. Owns the configuration in force.
//!
//! In two steps: everything that can go wrong is done first ([`prepare`], on another thread, as it reads files); what follows is messages and
//! atomics, which cannot fail, so that everybody gets the new configuration or nobody. What a running server cannot take
//! over is decided in `config::KEYS` alone.

mod tls;

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix::{Addr, Recipient};
use futures::FutureExt;
use futures::future::join_all;
use slog::{Logger, error, info, o, warn};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::edge::tls::watch::LOOK_EVERY;
use crate::hub::auth;
use crate::hub::connections::ConnectionCount;
use crate::hub::messages::UseConfig;
use crate::hub::session::SessionSupervisor;

use super::boot::connections_max;
use super::config::{Change, Changes, ConfigError, Environment, Loaded, Takes, changes};
use super::control::Answer;
use super::logging::LevelSwitch;
use super::{notify, panic_at};
use tls::Tls;

pub(in crate::ops) use tls::Certificate;

/// Requests that may wait; who asks beyond that waits to ask.
const REQUESTS_MAX: usize = 16;

/// Where the configuration comes from, and what it said at the start.
#[derive(Debug, Clone)]
pub struct Source {
    /// The folder.
    pub dir: PathBuf,
    /// The variables above it; those of a process do not change.
    pub environment: Environment,
    /// What was read.
    pub loaded: Loaded,
    /// Where log levels are set.
    pub levels: LevelSwitch,
}

/// Who has to hear of a new configuration.
pub(in crate::ops) struct Listeners {
    /// Everybody who keeps a configuration.
    pub(in crate::ops) keepers: Vec<Recipient<UseConfig>>,
    /// Who offers TLS.
    pub(in crate::ops) shards: Vec<Addr<SessionSupervisor>>,
    /// Where `limits.connections` counts.
    pub(in crate::ops) connections: Arc<ConnectionCount>,
    /// What the process may have, for that limit.
    pub(in crate::ops) descriptors: u64,
}

/// A way to ask for a reload, and to know what is in force. Clones ask the same.
#[derive(Clone)]
pub(in crate::ops) struct Reload {
    requests: mpsc::Sender<Request>,
    in_force: watch::Receiver<Arc<Loaded>>,
}

struct Request {
    by: &'static str,
    answer: oneshot::Sender<Answer>,
}

impl Reload {
    /// Starts what reloads, on this thread.
    pub(in crate::ops) fn start(
        source: Source,
        certificate: Certificate,
        listeners: Listeners,
        log: &Logger,
    ) -> Self {
        let loaded = Arc::new(source.loaded);
        let (requests, asked) = mpsc::channel(REQUESTS_MAX);
        let (tell, in_force) = watch::channel(loaded.clone());
        let tls_log = log.new(o!("actor" => "tls"));
        let reloader = Reloader {
            tls: Tls::new(
                &loaded.config,
                certificate,
                tls_log,
                listeners.shards.clone(),
            ),
            dir: source.dir,
            environment: source.environment,
            loaded,
            in_force: tell,
            levels: source.levels,
            listeners,
            log: log.new(o!("actor" => "reload")),
        };
        actix_rt::spawn(reloader.run(asked));
        Self { requests, in_force }
    }

    /// Where the configuration in force is found, for other threads.
    pub(in crate::ops) fn follow(&self) -> watch::Receiver<Arc<Loaded>> {
        self.in_force.clone()
    }

    /// The configuration in force.
    pub(in crate::ops) fn in_force(&self) -> Arc<Loaded> {
        self.in_force.borrow().clone()
    }

    /// From now on SIGHUP asks for a reload; needs a running runtime.
    pub(in crate::ops) fn follow_hangups(&self) -> std::io::Result<()> {
        let (reload, mut hangups) = (self.clone(), signal(SignalKind::hangup())?);
        actix_rt::spawn(async move {
            while hangups.recv().await.is_some() {
                reload.ask("SIGHUP").await;
            }
        });
        Ok(())
    }

    /// Reads the configuration anew; `by` is for the log.
    pub(in crate::ops) async fn ask(&self, by: &'static str) -> Answer {
        let (answer, answered) = oneshot::channel();
        let sent = self.requests.send(Request { by, answer }).await;
        let failed = || Answer::failed(vec!["the server is ending".to_owned()]);
        match sent {
            Ok(()) => answered.await.unwrap_or_else(|_| failed()),
            Err(_) => failed(),
        }
    }
}

struct Reloader {
    dir: PathBuf,
    environment: Environment,
    loaded: Arc<Loaded>,
    in_force: watch::Sender<Arc<Loaded>>,
    levels: LevelSwitch,
    tls: Tls,
    listeners: Listeners,
    log: Logger,
}

impl Reloader {
    async fn run(mut self, mut asked: mpsc::Receiver<Request>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = asked.recv() => match request {
                    Some(request) => {
                        notify::reloading();
                        // A panic costs this reload, and not all that follow.
                        let reloaded = AssertUnwindSafe(self.reload(request.by)).catch_unwind().await;
                        notify::reloaded();
                        let answer = reloaded.unwrap_or_else(|_| {
                            let text = "reloading failed on our side, and some of it may be done; ask again";
                            Answer::failed(vec![text.to_owned()])
                        });
                        // Whoever asked may be gone.
                        let _ = request.answer.send(answer);
                    }
                    None => return,
                },
                _ = looks.tick() => {
                    let looked = AssertUnwindSafe(async {
                        let _place = panic_at::place("reload/look");
                        self.tls.look(&self.loaded.config).await;
                    });
                    // Told in the log; it looks again in a second.
                    let _ = looked.catch_unwind().await;
                }
            }
        }
    }

    async fn reload(&mut self, by: &'static str) -> Answer {
        let _place = panic_at::place("reload/reload");
        let (dir, environment) = (self.dir.clone(), self.environment.clone());
        let in_force = self.loaded.clone();
        let prepared =
            tokio::task::spawn_blocking(move || prepare(&dir, &environment, &in_force)).await;
        let prepared = prepared.unwrap_or_else(|_| {
            Err(vec![
                "reading the configuration failed on our side".to_owned(),
            ])
        });
        match prepared {
            Ok(prepared) => self.take(by, prepared).await,
            Err(problems) => {
                for problem in &problems {
                    error!(self.log, "configuration not taken over"; "by" => by, "why" => problem);
                }
                error!(self.log, "what was in force stays"; "by" => by, "problems" => problems.len());
                Answer::failed(problems)
            }
        }
    }

    /// Nothing in here can fail.
    async fn take(&mut self, by: &'static str, prepared: Prepared) -> Answer {
        let Changes { next, changes } = prepared.changes;
        let config = Arc::new(next.config.clone());
        let before = self.loaded.config.logging.level;
        self.loaded = Arc::new(next);
        // What is told of it appears if either of the two levels lets it.
        let is_louder = config.logging.level as u8 > before as u8;
        if is_louder {
            self.levels.set(&config.logging);
        }
        let max = connections_max(&config, self.listeners.descriptors);
        self.listeners.connections.set_max(max);
        self.in_force.send_replace(self.loaded.clone());
        let keepers = self.listeners.keepers.iter();
        let told = keepers.map(|keeper| keeper.send(UseConfig(config.clone())));
        // Awaited, so that who asked finds it in force. An actor that has ended needs none.
        join_all(told).await;
        self.tell(by, &changes);
        self.levels.set(&config.logging);

        let mut lines: Vec<String> = changes.iter().map(line).collect();
        if lines.is_empty() {
            lines.push("nothing has changed".to_owned());
        }
        let warnings = prepared.certificate.warnings().iter();
        lines.extend(warnings.map(|warning| format!("TLS certificate: {warning}")));
        let is_other = changes.iter().any(|change| change.key.starts_with("tls."));
        self.tls.take(prepared.certificate, is_other).await;
        Answer::ok(lines)
    }

    fn tell(&self, by: &'static str, changes: &[Change]) {
        let waiting = changes.iter().filter(|change| !change.takes.is_live());
        let waiting = waiting.count();
        info!(self.log, "configuration read anew"; "by" => by,
            "changed" => changes.len() - waiting, "waiting_for_restart" => waiting);
        for change in changes {
            let (key, old, new) = (change.key, &change.old, &change.new);
            if change.takes.is_live() {
                info!(self.log, "configuration changed"; "key" => key, "old" => old, "new" => new);
            } else {
                warn!(self.log, "takes effect at the next start"; "key" => key, "old" => old, "new" => new);
            }
        }
    }
}

/// What has been read and can be taken over.
struct Prepared {
    changes: Changes,
    certificate: Certificate,
}

/// Reads everything, and tries what could fail later. Otherwise every problem, a line each.
fn prepare(
    dir: &Path,
    environment: &Environment,
    in_force: &Loaded,
) -> Result<Prepared, Vec<String>> {
    let told = |error: ConfigError| {
        let problems = error.problems.iter();
        problems.map(ToString::to_string).collect::<Vec<_>>()
    };
    let read = Loaded::read(dir, environment).map_err(told)?;
    let changes = changes(in_force, &read).map_err(told)?;
    let config = &changes.next.config;
    auth::check(config).map_err(|error| vec![error.to_string()])?;
    let certificate = Certificate::load(config)
        .map_err(|error| vec![format!("the TLS certificate cannot be used: {error}")])?;
    Ok(Prepared {
        changes,
        certificate,
    })
}

/// A change, for people.
fn line(change: &Change) -> String {
    let Change {
        key,
        old,
        new,
        takes,
    } = change;
    match takes {
        Takes::AtOnce => format!("changed: {key} = {new} (was {old})"),
        Takes::From(whom) => format!("changed: {key} = {new} (was {old}), for {whom}"),
        Takes::AtStart => {
            format!(
                "not changed: {key} = {new} takes effect at the next start; until then it is {old}"
            )
        }
    }
}
