//! The program under test, as a child process with a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Gc2, PATIENCE};

/// What a server is started with.
#[derive(Clone)]
pub struct Builder {
    settings: Vec<(String, String)>,
    data_dir: Option<PathBuf>,
    local_toml: String,
    /// Environment variables that are no configuration.
    env: Vec<(String, String)>,
    /// Program and arguments that the server is given to.
    under: Vec<String>,
}

impl Builder {
    /// Sets a configuration key, such as `heartbeat.interval`; the last one counts.
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// Uses a data folder that is not this server's own.
    pub fn data_dir(mut self, folder: &Path) -> Self {
        self.data_dir = Some(folder.to_owned());
        self
    }

    /// What stands in `local.toml`.
    pub fn local_toml(mut self, text: &str) -> Self {
        text.clone_into(&mut self.local_toml);
        self
    }

    /// Gives the process an environment variable that is no configuration.
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_string()));
        self
    }

    /// Starts it by way of another program, which must become it (as `strace -D` does): its process id counts.
    pub fn under(mut self, words: &[&str]) -> Self {
        self.under = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Starts it and waits until it is ready.
    pub fn start(self) -> Server {
        let home = self.make_home();
        let process = Process::start(&self.command(home.path()));
        let mut server = Server {
            builder: self,
            home,
            process,
            earlier: String::new(),
            ready: String::new(),
        };
        server.wait_until_ready();
        server
    }

    /// Runs it to its end, which has to come by itself: exit code, standard output and standard error.
    pub fn run_to_end(self) -> (Option<i32>, String, String) {
        let home = self.make_home();
        let mut process = Process::start(&self.command(home.path()));
        let status = process.wait(PATIENCE);
        let out: Vec<String> = process.lines.iter().collect();
        (status.code(), out.join("\n"), process.stderr_to_end())
    }

    fn make_home(&self) -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("a temporary folder");
        let config = home.path().join("config");
        std::fs::create_dir(&config).expect("the configuration folder");
        if !self.local_toml.is_empty() {
            std::fs::write(config.join("local.toml"), &self.local_toml).expect("local.toml");
        }
        home
    }

    pub(super) fn command(&self, home: &Path) -> Launch {
        let data_dir = self.data_dir.clone().unwrap_or_else(|| home.join("data"));
        let mut settings = self.settings.clone();
        settings.push(("server.data_dir".into(), data_dir.display().to_string()));
        Launch {
            config: home.join("config"),
            settings,
            env: self.env.clone(),
            under: self.under.clone(),
            words: Vec::new(),
            program: std::env::var_os("GENCOMM_PROGRAM"),
        }
    }
}

pub(super) struct Launch {
    config: PathBuf,
    settings: Vec<(String, String)>,
    env: Vec<(String, String)>,
    under: Vec<String>,
    /// More words of the command line.
    pub(super) words: Vec<&'static str>,
    /// The program, where it is not the one that is tested: of another build, for instance.
    pub(super) program: Option<std::ffi::OsString>,
}

/// A running server. It is killed when it goes out of scope; if the test failed, what it logged is printed.
pub struct Server {
    pub(super) builder: Builder,
    pub(super) home: tempfile::TempDir,
    pub(super) process: Process,
    /// What the processes before a restart logged.
    pub(super) earlier: String,
    pub(super) ready: String,
}

impl Server {
    /// The way to every test's server: any free port, no original clients, a small journal.
    pub fn builder() -> Builder {
        let builder = Builder {
            settings: Vec::new(),
            data_dir: None,
            local_toml: String::new(),
            env: Vec::new(),
            under: Vec::new(),
        };
        builder
            .set("listen.main", "127.0.0.1:0")
            .set("legacy.enabled", "false")
            .set("storage.journal_bytes", "1MiB")
            .set("server.shards", "2")
    }

    /// A server with the usual settings.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// The whole READY line.
    pub fn ready_line(&self) -> &str {
        &self.ready
    }

    /// The address that the READY line gives for `name`: `main`, `auth` or `message`.
    pub fn address_of(&self, name: &str) -> SocketAddr {
        let mut fields = self
            .ready
            .split(' ')
            .filter_map(|field| field.split_once('='));
        let field = fields.find(|(key, _)| *key == name);
        let (_, address) = field.unwrap_or_else(|| panic!("no {name} in {:?}", self.ready));
        address.parse().expect("an address in READY")
    }

    /// Where GC/2 is spoken.
    pub fn address(&self) -> SocketAddr {
        self.address_of("main")
    }

    /// The folder of configuration and data.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        let own = || self.home.path().join("data");
        self.builder.data_dir.clone().unwrap_or_else(own)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Does something while the process is stopped, and lets it go on: to it, all of that happens in one moment.
    pub fn while_stopped<T>(&self, what: impl FnOnce() -> T) -> T {
        let signal = |name: &str| {
            let pid = self.pid().to_string();
            let sent = Command::new("kill").arg(name).arg(pid).status();
            assert!(sent.expect("kill").success());
        };
        signal("-STOP");
        let done = what();
        signal("-CONT");
        done
    }

    /// A connection that has said nothing yet.
    pub fn connect(&self) -> Gc2 {
        Gc2::connect(self.address())
    }

    /// A connection that is logged in as the guest `name`.
    pub fn guest(&self, name: &str) -> Gc2 {
        let mut client = self.connect();
        client.login(name);
        client
    }

    /// A connection that is logged in and in `room` from now on.
    pub fn member(&self, name: &str, room: &str) -> Gc2 {
        let mut client = self.guest(name);
        client.join(room, "");
        client
    }

    /// What it has logged so far, earlier processes included.
    pub fn log_text(&self) -> String {
        format!("{}{}", self.earlier, self.process.stderr())
    }

    /// Waits until a log line holds `text`: the log is written beside what it tells of.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        self.wait_for_logs(text, 1);
    }

    /// Waits until `text` stands in the log so many times.
    #[track_caller]
    pub fn wait_for_logs(&self, text: &str, count: usize) {
        let end = Instant::now() + PATIENCE;
        while self.log_text().matches(text).count() < count {
            assert!(
                Instant::now() < end,
                "the server has not logged {text:?} {count} times"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the server's /proc entry");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.trim().parse::<u64>().ok())
            .expect("VmRSS")
            * 1024
    }

    /// SIGKILL, and waits for the end.
    pub fn kill9(&mut self) {
        self.process.kill();
    }

    /// Starts it again over the same data; the ports are new ones.
    pub fn restart(&mut self) {
        self.launch();
        self.wait_until_ready();
    }

    /// Starts it again as [`restart`](Self::restart) does, and does not wait until it is ready.
    pub fn launch(&mut self) {
        self.process.kill();
        self.earlier.push_str(&self.process.stderr_to_end());
        self.process = Process::start(&self.builder.command(self.home.path()));
    }

    /// Whether it is ready, or becomes so within this time; false too if it has ended.
    pub fn is_ready_within(&mut self, patience: Duration) -> bool {
        let line = self.process.lines.recv_timeout(patience);
        line.is_ok_and(|line| {
            self.ready = line;
            true
        })
    }

    /// SIGKILL without waiting for the end, which may hang on the disk.
    pub fn order_to_die(&mut self) {
        let _ = self.process.child.kill();
    }

    /// What it is started with from now on.
    pub fn change(&mut self, change: impl FnOnce(Builder) -> Builder) {
        self.builder = change(self.builder.clone());
    }

    /// What else it has printed on standard output so far, behind the READY line.
    pub fn more_output(&self) -> Vec<String> {
        self.process.lines.try_iter().collect()
    }

    /// SIGTERM without waiting.
    pub fn order_to_stop(&self) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill -TERM {pid}"
        );
    }

    /// SIGTERM, and waits for the end.
    pub fn term(&mut self) -> ExitStatus {
        self.order_to_stop();
        self.wait_for_end()
    }

    /// Waits until it has ended by itself.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        self.process.wait(PATIENCE)
    }

    /// Everything it logged, once it has ended.
    pub fn log_to_end(&mut self) -> String {
        format!("{}{}", self.earlier, self.process.stderr_to_end())
    }

    fn wait_until_ready(&mut self) {
        match self.process.lines.recv_timeout(PATIENCE) {
            Ok(line) => self.ready = line,
            Err(why) => {
                self.process.kill();
                let log = self.process.stderr_to_end();
                panic!("the server was not ready: {why}\n{log}");
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill();
        if std::thread::panicking() {
            eprintln!("--- log of the server ---\n{}", self.log_to_end());
        }
    }
}

/// A child whose output is read by threads, so that it never waits for us.
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) lines: Receiver<String>,
    stderr: Arc<Mutex<Vec<u8>>>,
    stderr_reader: Option<std::thread::JoinHandle<()>>,
}

impl Process {
    pub(super) fn start(launch: &Launch) -> Self {
        let tested = env!("CARGO_BIN_EXE_gencomm").into();
        let program = launch.program.clone().unwrap_or(tested);
        let mut words = launch
            .under
            .iter()
            .map(std::ffi::OsString::from)
            .chain([program]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command.arg("serve").arg("--config").arg(&launch.config);
        command.args(&launch.words);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GENCOMM__") {
                command.env_remove(name);
            }
        }
        for (key, value) in &launch.settings {
            let name = format!("GENCOMM__{}", key.to_uppercase().replace('.', "__"));
            command.env(name, value);
        }
        command.envs(launch.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut pipe = child.stderr.take().expect("a pipe");
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let kept = stderr.clone();
        let stderr_reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..read]);
            }
        });
        Self {
            child,
            lines,
            stderr,
            stderr_reader: Some(stderr_reader),
        }
    }

    pub(super) fn stderr(&self) -> String {
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// What it logged, after its end.
    pub(super) fn stderr_to_end(&mut self) -> String {
        if let Some(reader) = self.stderr_reader.take() {
            let _ = reader.join();
        }
        self.stderr()
    }

    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(super) fn wait(&mut self, patience: Duration) -> ExitStatus {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status;
            }
            if Instant::now() >= end {
                self.kill();
                panic!("the server did not end within {patience:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
