//! The server under test: a process of its own with an empty log, or one that runs already; or a [`Peer`].
//!
//! Owns the process, and its data folder, which goes with it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use tempfile::TempDir;

use crate::peer::{Peer, Place};
use crate::proc::Process;
use crate::sys;

/// How long a server may take to start, and to stop.
const START_DEADLINE: Duration = Duration::from_secs(30);
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// Between two looks whether a peer takes connections: it does not say so.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Connections under way at a time: well below most servers' backlog.
const CONNECTING_MAX: usize = 256;
/// How much of a failed server's log is shown.
const LOG_TAIL_BYTES: usize = 4096;
/// Its name, beside the data.
const LOG: &str = "server.log";

/// Where the server comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Start this binary for every scenario.
    Binary { path: PathBuf, data: PathBuf },
    /// Start this one for every scenario.
    Peer(Peer),
    /// It runs already.
    Running { address: SocketAddrV4, process: u32 },
}

/// A server that takes connections.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddrV4,
    pub(crate) process: Process,
    /// How many connections may be under way to it at a time.
    pub(crate) connecting_max: usize,
    /// What it said when it was ready.
    ready: String,
    /// When its process was started; for one that ran already, when it was found.
    pub(crate) began: Instant,
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    child: Child,
    /// Kept open: a server that cannot print is not the one to measure. `None` if it prints into its log.
    stdout: Option<BufReader<ChildStdout>>,
    folder: TempDir,
    /// Whether its exit status tells how an ordered stop went.
    has_status: bool,
}

impl Server {
    /// Starts a server with the given durability, or finds the running one.
    pub(crate) fn start(source: &Source, durability: &str) -> Result<Self> {
        match source {
            Source::Running { address, process } => Ok(Self {
                address: *address,
                process: Process(*process),
                connecting_max: CONNECTING_MAX,
                ready: String::new(),
                began: Instant::now(),
                own: None,
            }),
            Source::Peer(peer) => Self::launch_peer(*peer),
            Source::Binary { path, data } => Self::launch(path, data, durability, &[], |_| Ok(())),
        }
    }

    /// Starts a server with the given durability and other settings (names as in the environment, without `GENCOMM__`), after `prepare`
    /// has put into its data folder what shall be there.
    pub(crate) fn start_prepared(
        source: &Source,
        durability: &str,
        settings: &[(&str, String)],
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        match source {
            Source::Running { .. } => {
                bail!(
                    "this workload brings accounts and settings of its own; it cannot use --server"
                )
            }
            Source::Peer(_) => {
                bail!("this workload brings accounts and settings of its own; it cannot use --peer")
            }
            Source::Binary { path, data } => {
                Self::launch(path, data, durability, settings, prepare)
            }
        }
    }

    fn launch_peer(peer: Peer) -> Result<Self> {
        let folder = TempDir::with_prefix("loadtest-peer-").context("a folder for the peer")?;
        // Free at this moment; whoever takes it first makes the peer's start fail, which says so.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        let place = Place {
            folder: folder.path(),
            port,
            descriptors: sys::raise_descriptor_limit().context("the limit of descriptors")?,
        };
        let mut command = peer.command(&place)?;
        let log = File::create(folder.path().join(LOG))?;
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{command:?} cannot be started"))?;
        let mut own = Own {
            child,
            stdout: None,
            folder,
            has_status: false,
        };
        match own.wait_until_open(address) {
            Ok(()) => Ok(Self {
                address,
                process: Process(own.child.id()),
                connecting_max: peer.connecting_max().unwrap_or(CONNECTING_MAX),
                ready: String::new(),
                began: Instant::now(),
                own: Some(own),
            }),
            Err(error) => Err(own.explain(error)),
        }
    }

    fn launch(
        binary: &Path,
        data: &Path,
        durability: &str,
        settings: &[(&str, String)],
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        std::fs::create_dir_all(data).with_context(|| data.display().to_string())?;
        let folder = TempDir::with_prefix_in("loadtest-", data)
            .with_context(|| format!("no folder for the log can be made in {}", data.display()))?;
        let log = File::create(folder.path().join(LOG))?;
        let data = folder.path().join("data");
        prepare(&data)?;
        let mut command = Command::new(binary);
        // What the caller's environment says about the server is not what the report would say.
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
            command.env_remove(name);
        }
        let began = Instant::now();
        let child = command
            .args(["serve", "--config"])
            .arg(folder.path())
            .env("GENCOMM__SERVER__DATA_DIR", data)
            .env("GENCOMM__LISTEN__MAIN", "127.0.0.1:0")
            .env("GENCOMM__LEGACY__ENABLED", "false")
            .env("GENCOMM__STORAGE__DURABILITY", durability)
            .envs(
                settings
                    .iter()
                    .map(|(name, value)| (format!("GENCOMM__{name}"), value)),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut own = Own::new(child, folder)?;
        let ready = match own.wait_until_ready() {
            Ok(ready) => ready,
            Err(error) => return Err(own.explain(error)),
        };
        Ok(Self {
            address: address_in(&ready, "main")?,
            process: Process(own.child.id()),
            connecting_max: CONNECTING_MAX,
            ready,
            began,
            own: Some(own),
        })
    }

    /// Another address of ours, by its name in the line with which it said that it is ready.
    pub(crate) fn address_of(&self, name: &str) -> Result<SocketAddrV4> {
        address_in(&self.ready, name)
    }

    /// Stops the server, if it is ours, and looks at how it ended.
    pub(crate) fn stop(mut self) -> Result<()> {
        match self.own.take() {
            None => Ok(()),
            Some(mut own) => own.stop().map_err(|error| own.explain(error)),
        }
    }

    /// Adds what the server logged to an error.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match &self.own {
            None => error,
            Some(own) => own.explain(error),
        }
    }
}

impl Own {
    fn new(mut child: Child, folder: TempDir) -> Result<Self> {
        let stdout = child.stdout.take().context("the server has no output")?;
        Ok(Self {
            child,
            stdout: Some(BufReader::new(stdout)),
            folder,
            has_status: true,
        })
    }

    /// Reads the line `READY main=HOST:PORT ...`.
    fn wait_until_ready(&mut self) -> Result<String> {
        // If it hangs, its end ends the reading.
        let (id, (done, ended)) = (self.child.id(), std::sync::mpsc::channel::<()>());
        let watch = std::thread::spawn(move || {
            if ended.recv_timeout(START_DEADLINE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let _ = sys::terminate(id);
            }
        });
        let mut line = String::new();
        let stdout = self.stdout.as_mut();
        let read = stdout.map_or(Ok(0), |stdout| stdout.read_line(&mut line));
        drop(done);
        let _ = watch.join();
        read.context("the server's output cannot be read")?;
        ensure!(
            line.starts_with("READY "),
            "the server did not say READY but {:?}",
            line.trim()
        );
        Ok(line)
    }

    /// Connects until that succeeds.
    fn wait_until_open(&mut self, address: SocketAddrV4) -> Result<()> {
        let end = Instant::now() + START_DEADLINE;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status} before it took connections");
            }
            ensure!(
                Instant::now() < end,
                "it takes no connections on {address} within {START_DEADLINE:?}"
            );
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        sys::terminate(self.child.id()).context("the server cannot be told to stop")?;
        let end = Instant::now() + STOP_DEADLINE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                ensure!(
                    status.success() || !self.has_status,
                    "the server ended with {status}"
                );
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // A peer has been measured by then; what is left of it is killed when it is dropped.
        ensure!(
            !self.has_status,
            "the server did not end within {STOP_DEADLINE:?} of SIGTERM"
        );
        Ok(())
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let mut text = Vec::new();
        let path = self.folder.path().join(LOG);
        let read = File::open(path).and_then(|mut file| file.read_to_end(&mut text));
        if read.is_err() || text.is_empty() {
            return error;
        }
        let tail = &text[text.len().saturating_sub(LOG_TAIL_BYTES)..];
        let tail = String::from_utf8_lossy(tail).into_owned();
        error.context(format!(
            "the server's log ends with:\n{tail}\nwhat went wrong"
        ))
    }
}

impl Drop for Own {
    /// Nothing that was started outlives the benchmark, however that ends.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The address behind `name=` in a READY line.
fn address_in(ready: &str, name: &str) -> Result<SocketAddrV4> {
    let word = ready
        .split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let word = word.ok_or_else(|| anyhow!("{ready:?} names no {name}"))?;
    word.parse()
        .with_context(|| format!("{word} is no IPv4 address and port"))
}

fn is_setting(name: &OsString) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("GENCOMM__"))
}

/// The binary beside this one. Under `cargo run` or `cargo test` it is built first: a stale one would be measured otherwise.
pub(crate) fn find_binary() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program's own path")?;
    let folder = own.parent().context("this program lies nowhere")?;
    let binary = folder.join("gencomm");
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        build.args([
            "build",
            "--quiet",
            "--package",
            "gencomm",
            "--bin",
            "gencomm",
        ]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        let status = build.status().context("cargo cannot be started")?;
        ensure!(status.success(), "the server cannot be built: {status}");
    }
    ensure!(
        binary.is_file(),
        "{} is missing; build it (cargo build --release) or name one with --server-binary",
        binary.display()
    );
    Ok(binary)
}

/// `HOST:PORT` of a running server.
pub(crate) fn resolve(address: &str) -> Result<SocketAddrV4> {
    let mut found = address
        .to_socket_addrs()
        .with_context(|| format!("{address} is not HOST:PORT"))?;
    let v4 = found.find_map(|address| match address {
        SocketAddr::V4(v4) => Some(v4),
        SocketAddr::V6(_) => None,
    });
    v4.with_context(|| format!("{address} has no IPv4 address"))
}
