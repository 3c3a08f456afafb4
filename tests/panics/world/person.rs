//! Somebody who comes back when the connection ends, and tries again what the server could not do.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::support::{Gc2, Stop};

/// How long an answer may take before it counts as lost.
pub const ANSWER_PATIENCE: Duration = Duration::from_secs(20);

/// Why there is no answer: the connection is over.
#[derive(Debug)]
pub struct Gone;

/// See the module.
pub struct Person {
    server: SocketAddr,
    name: String,
    log_in: String,
    hello: &'static str,
    client: Gc2,
    next_tag: u64,
    /// Connections that ended.
    pub losses: usize,
    /// Answers that asked for another try.
    pub tries: usize,
}

impl Person {
    /// Comes in by `log_in`, an AUTH with the tag `a`; `hello` are options of HELLO.
    pub fn enter(server: SocketAddr, name: &str, log_in: &str, hello: &'static str) -> Self {
        let mut tries = 0;
        let client = come_in(server, name, log_in, hello, &mut tries);
        Self {
            server,
            name: name.to_owned(),
            log_in: log_in.to_owned(),
            hello,
            client,
            next_tag: 0,
            losses: 0,
            tries,
        }
    }

    pub fn guest(server: SocketAddr, name: &str) -> Self {
        Self::enter(server, name, &format!("AUTH;a;GUEST;{name}"), "")
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Connects once more.
    pub fn come_back(&mut self) {
        self.losses += 1;
        self.client = come_in(
            self.server,
            &self.name,
            &self.log_in,
            self.hello,
            &mut self.tries,
        );
    }

    pub fn fresh_tag(&mut self) -> String {
        self.next_tag += 1;
        format!("{}.{}", self.name, self.next_tag)
    }

    /// The next line; no line for so long is a failure.
    pub fn line(&mut self, what: &str) -> Result<String, Gone> {
        match self.client.try_line_bytes(ANSWER_PATIENCE) {
            Ok(line) => Ok(String::from_utf8(line).expect("UTF-8")),
            Err(Stop::TimedOut) => panic!("{} waits in vain: {what}", self.name),
            Err(_) => Err(Gone),
        }
    }

    pub fn send(&mut self, line: &str) -> Result<(), Gone> {
        match self.client.try_send(line) {
            true => Ok(()),
            false => Err(Gone),
        }
    }

    /// Says a line that bears `tag`: what came before its answer, and the answer.
    pub fn ask(&mut self, line: &str, tag: &str) -> Result<(Vec<String>, String), Gone> {
        self.send(line)?;
        let (ok, err) = (format!("OK;{tag};"), format!("ERR;{tag};"));
        let mut before = Vec::new();
        loop {
            let heard = self.line(line)?;
            if heard.starts_with(&ok) || heard.starts_with(&err) || heard == ok[..ok.len() - 1] {
                return Ok((before, heard));
            }
            before.push(heard);
        }
    }

    /// Does `{verb};{tag};{rest}` until it is answered with OK, or with one of `also`, and comes back if the connection ends meanwhile (`None`).
    pub fn get_done(
        &mut self,
        verb: &str,
        rest: &str,
        also: &[&str],
    ) -> Option<(Vec<String>, String)> {
        let end = Instant::now() + 3 * ANSWER_PATIENCE;
        loop {
            let tag = self.fresh_tag();
            let Ok((before, answer)) = self.ask(&format!("{verb};{tag};{rest}"), &tag) else {
                self.come_back();
                return None;
            };
            let code = answer.split(';').nth(2).unwrap_or_default();
            if answer.starts_with("OK;") || also.contains(&code) {
                return Some((before, answer));
            }
            assert_eq!(
                code, "unavailable",
                "{}: {verb};{rest}: {answer}",
                self.name
            );
            assert!(
                Instant::now() < end,
                "{}: {verb};{rest}: {answer}",
                self.name
            );
            self.tries += 1;
        }
    }
}

fn come_in(server: SocketAddr, name: &str, log_in: &str, hello: &str, tries: &mut usize) -> Gc2 {
    let end = Instant::now() + 3 * ANSWER_PATIENCE;
    loop {
        if let Some(client) = try_to_come_in(server, log_in, hello) {
            return client;
        }
        assert!(Instant::now() < end, "{name} does not come in");
        *tries += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn try_to_come_in(server: SocketAddr, log_in: &str, hello: &str) -> Option<Gc2> {
    let mut client = Gc2::try_connect(server, Ipv4Addr::LOCALHOST, None).ok()?;
    if !hello.is_empty() {
        client.try_send(&format!("HELLO;h;2;tests;{hello}"));
    }
    client.try_send(log_in);
    loop {
        let line = match client.try_line_bytes(ANSWER_PATIENCE) {
            Ok(line) => String::from_utf8(line).expect("UTF-8"),
            Err(Stop::TimedOut) => panic!("no answer to {log_in:?}"),
            Err(_) => return None,
        };
        if line.starts_with("OK;a;") {
            return Some(client);
        }
        // Its own connection of before may still be counted.
        let may_retry = ["ERR;a;unavailable;", "ERR;a;conflict;"];
        if may_retry.iter().any(|start| line.starts_with(start)) {
            return None;
        }
        assert!(line.starts_with("WELCOME;h;"), "{log_in:?}: {line:?}");
    }
}
