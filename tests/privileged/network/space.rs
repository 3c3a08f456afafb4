//! Three network namespaces: one for the server, and two for clients, each joined to it by a link of its own. What is done to the far
//! link nobody on the near one should notice. All is gone with the [`Space`], also if the test fails.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::support::privileges::{self, Need};
use crate::support::{Builder, Gc2, Server, fresh_tag};

/// A link, and the clients on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// On which nothing goes wrong.
    Near,
    /// The other one.
    Far,
}

impl Link {
    const BOTH: [Self; 2] = [Self::Near, Self::Far];

    fn number(self) -> u8 {
        match self {
            Self::Near => 1,
            Self::Far => 2,
        }
    }

    /// The interface in the server's namespace; that of the clients is `eth0`.
    fn interface(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Far => "far",
        }
    }
}

/// See the module.
pub struct Space {
    name: String,
}

/// Whether this machine can have one; said loudly if it cannot.
pub fn is_possible() -> bool {
    privileges::has(&[Need::Root, Need::NetNamespace, Need::Tool("iptables")])
}

impl Space {
    /// Makes the namespaces and the links; [`is_possible`] has to be asked before.
    pub fn new() -> Self {
        let space = Self {
            name: format!("gc{}{}", std::process::id(), fresh_tag()),
        };
        let server = space.server();
        run("ip", &["netns", "add", &server]);
        run("ip", &["-n", &server, "link", "set", "lo", "up"]);
        for link in Link::BOTH {
            let (clients, interface) = (space.clients(link), link.interface());
            run("ip", &["netns", "add", &clients]);
            run("ip", &["-n", &clients, "link", "set", "lo", "up"]);
            let pair = format!(
                "link add {interface} netns {server} type veth peer name eth0 netns {clients}"
            );
            run("ip", &pair.split(' ').collect::<Vec<_>>());
            let ends = [(&server, interface, 1), (&clients, "eth0", 2)];
            for (name, interface, host) in ends {
                let address = format!("10.77.{}.{host}/24", link.number());
                run(
                    "ip",
                    &["-n", name, "addr", "add", &address, "dev", interface],
                );
                run("ip", &["-n", name, "link", "set", interface, "up"]);
            }
        }
        space
    }

    fn server(&self) -> String {
        format!("{}s", self.name)
    }

    fn clients(&self, link: Link) -> String {
        format!("{}{}", self.name, link.interface())
    }

    /// A server in its namespace; guests and passwords are taken from everywhere, and nobody has rates.
    pub fn serve(&self, builder: Builder) -> Server {
        let enter = ["ip", "netns", "exec", &self.server()];
        builder
            .set("listen.main", "0.0.0.0:0")
            .set("auth.guests", "always")
            .set("auth.plaintext", "always")
            .set("limits.exempt", "10.77.0.0/16")
            .under(&enter)
            .start()
    }

    /// Where the clients of this link find the server.
    pub fn address(&self, server: &Server, link: Link) -> SocketAddr {
        let host = Ipv4Addr::new(10, 77, link.number(), 1);
        (host, server.address().port()).into()
    }

    /// Does something in a thread that is a client's machine, and so are the threads and programs that it starts.
    pub fn on<T: Send>(&self, link: Link, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.clients(link));
        let work = || {
            let namespace = std::fs::File::open(&path).expect("the namespace");
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).expect("a thread may move");
            work()
        };
        std::thread::scope(|scope| match scope.spawn(work).join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// Runs a program with this link's clients.
    fn run_there(&self, link: Link, words: &[&str]) {
        let clients = self.clients(link);
        let all = [&["netns", "exec", &clients], words].concat();
        run("ip", &all);
    }

    /// From now on nothing passes the far link either way, and neither end is told.
    pub fn cut(&self) {
        self.drop_far(&[]);
    }

    /// The same for what `matching` names alone, in the words of iptables.
    pub fn drop_far(&self, matching: &[&str]) {
        for chain in ["INPUT", "OUTPUT"] {
            let rule = [&["iptables", "-w", "-A", chain], matching, &["-j", "DROP"]];
            self.run_there(Link::Far, &rule.concat());
        }
    }

    /// Of ten packets on the far link so many are lost, either way.
    pub fn lose(&self, tenths: u8) {
        let probability = format!("0.{tenths}");
        self.drop_far(&[
            "-m",
            "statistic",
            "--mode",
            "random",
            "--probability",
            &probability,
        ]);
    }

    /// Everything passes again.
    pub fn heal(&self) {
        self.run_there(Link::Far, &["iptables", "-w", "-F"]);
    }

    /// What the server sends over the far link passes at this speed. Needs `tc`.
    pub fn slow_down(&self, bytes_per_second: u32) {
        let rate = format!("{}bit", bytes_per_second * 8);
        let (server, interface) = (self.server(), Link::Far.interface());
        let words = [
            "-n", &server, "qdisc", "add", "dev", interface, "root", "tbf", "rate", &rate, "burst",
            "4kb", "limit", "64kb",
        ];
        run("tc", &words);
    }

    /// The far link is down at its clients' end.
    pub fn unplug(&self) {
        self.run_there(Link::Far, &["ip", "link", "set", "eth0", "down"]);
    }

    /// It is up again.
    pub fn plug_in(&self) {
        self.run_there(Link::Far, &["ip", "link", "set", "eth0", "up"]);
    }

    /// What the kernel of the server's namespace holds of TCP: connections whose program has let go of them, and pages of memory
    /// (of the whole machine).
    pub fn orphans(&self) -> String {
        let server = self.server();
        let words = ["netns", "exec", &server, "cat", "/proc/net/sockstat"];
        let output = Command::new("ip").args(words).output().expect("ip");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.starts_with("TCP:"));
        line.unwrap_or_default().to_owned()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let mut names = vec![self.server()];
        names.extend(Link::BOTH.map(|link| self.clients(link)));
        for name in names {
            let _ = Command::new("ip").args(["netns", "del", &name]).status();
        }
    }
}

/// A connection from this thread's namespace.
pub fn connect(server: SocketAddr) -> Gc2 {
    Gc2::connect_from(server, Ipv4Addr::UNSPECIFIED)
}

/// One that is in `room` as a guest.
pub fn member(server: SocketAddr, name: &str, room: &str) -> Gc2 {
    let mut client = connect(server);
    client.login(name);
    client.join(room, "");
    client
}

/// One that hears who comes into `room` and goes.
pub fn watcher(server: SocketAddr, name: &str, room: &str) -> Gc2 {
    let mut client = connect(server);
    client.send("HELLO;h;2;tests;presence=on");
    client.expect_start("WELCOME;h;2;");
    client.login(name);
    client.join(room, "");
    client
}

#[track_caller]
fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {said}");
}
