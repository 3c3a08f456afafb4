//! A process that takes over from a running server.

use std::process::Command;
use std::time::Duration;

use super::PATIENCE;
use super::server::{Process, Server};

/// Started with `--takeover` beside a [`Server`]. Killed when it goes out of scope.
pub struct Successor {
    process: Process,
    /// The READY line, once it was read.
    ready: Option<String>,
}

impl Server {
    /// Starts one, with the settings that hold now.
    pub fn successor(&self) -> Successor {
        let mut launch = self.builder.command(self.home.path());
        launch.words.push("--takeover");
        let other = std::env::var_os("GENCOMM_SUCCESSOR");
        launch.program = other.or(launch.program);
        Successor {
            process: Process::start(&launch),
            ready: None,
        }
    }

    /// Sets a configuration key for the processes to come.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.builder = self.builder.clone().set(key, value);
    }

    /// Sets a variable of the environment for the processes to come.
    pub fn set_env(&mut self, name: &str, value: impl ToString) {
        self.builder = self.builder.clone().env(name, value);
    }

    /// Another process takes over; the one before has to end with exit code 0. Returns what that one logged.
    #[track_caller]
    pub fn take_over(&mut self) -> String {
        let successor = self.successor();
        self.pass_to(successor)
    }

    /// The same with one that was started before.
    #[track_caller]
    pub fn pass_to(&mut self, mut successor: Successor) -> String {
        successor.ready();
        let status = self.process.wait(PATIENCE);
        assert_eq!(
            status.code(),
            Some(0),
            "the one before:\n{}",
            self.log_text()
        );
        self.replace(successor)
    }

    /// The process has ended, and this one is there now. Returns what the one before logged.
    pub fn replace(&mut self, mut successor: Successor) -> String {
        self.ready = successor.ready();
        let logged = self.process.stderr_to_end();
        self.earlier.push_str(&logged);
        self.process = successor.process;
        logged
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        let ended = self.process.child.try_wait();
        ended.expect("the child can be asked").is_none()
    }
}

impl Successor {
    /// Waits for the READY line.
    #[track_caller]
    pub fn ready(&mut self) -> String {
        if !self.is_ready_within(PATIENCE) {
            self.process.kill();
            let log = self.process.stderr_to_end();
            panic!("the successor was not ready:\n{log}");
        }
        self.ready.clone().unwrap_or_default()
    }

    /// Whether it is ready within `patience`; at once if it has ended.
    pub fn is_ready_within(&mut self, patience: Duration) -> bool {
        if self.ready.is_none() {
            self.ready = self.process.lines.recv_timeout(patience).ok();
        }
        self.ready.is_some()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill9(&mut self) {
        self.process.kill();
    }

    /// Sends it a signal, such as `-TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(name)
            .arg(self.pid().to_string())
            .status();
        assert!(sent.expect("kill").success());
    }

    /// Waits for its end: exit code and what it logged.
    pub fn wait_for_end(&mut self) -> (Option<i32>, String) {
        let status = self.process.wait(PATIENCE);
        (status.code(), self.process.stderr_to_end())
    }
}
