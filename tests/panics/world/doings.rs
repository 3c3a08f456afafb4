//! Everything else that goes on: rooms that are walked through and governed, log-ins, original clients, and who runs the server.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gencomm::ops::control::ask::ask;
use gencomm::store::accounts::embedded::EmbeddedAccounts;
use gencomm::store::accounts::{Accounts, State};

use super::person::Person;
use crate::auth::{OTHER, PASSWORD, base64, entry, plain};
use crate::support::original_client::{connect_from, finish, read_once};
use crate::support::{Gc2, PATIENCE, Ports, Stop, fresh_tag, number};
use crate::tls;

/// What one says who only passes by; it may come when everything else has been said.
pub const PASSING: &str = "passing by";

/// Walks through rooms and looks at everything.
pub fn walk(mut person: Person, stop: &AtomicBool) -> Person {
    let mut said = Vec::new();
    // There is no `den` until the first of those who talk there has come in.
    while !stop.load(Ordering::Relaxed) {
        let found = person.get_done("WHO", "den", &["not-found"]);
        if found.is_some_and(|(_, answer)| answer.starts_with("OK;")) {
            break;
        }
    }
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let room = format!("walk{}", round % 3);
        let steps: [(&str, String, &[&str]); 10] = [
            ("JOIN", format!("{room};last=3"), &["conflict"]),
            ("SEND", format!("{room};passing {round}"), &["forbidden"]),
            ("WHO", room.clone(), &["not-found"]),
            ("HISTORY", format!("{room};last=5"), &["not-found"]),
            (
                "GET",
                said.last().copied().unwrap_or(1).to_string(),
                &["not-found"],
            ),
            (
                "DELETE",
                said.pop().unwrap_or(0).to_string(),
                &["not-found", "forbidden", "bad-request"],
            ),
            ("WHO", "den".to_owned(), &[]),
            ("WHO", "nowhere".to_owned(), &["not-found"]),
            ("ROOMS", String::new(), &[]),
            ("PART", room.clone(), &["conflict"]),
        ];
        for (verb, rest, also) in steps {
            let Some((_, answer)) = person.get_done(verb, &rest, also) else {
                continue;
            };
            if verb == "SEND" && answer.starts_with("OK;") {
                said.push(number(&answer, 2));
            }
        }
    }
    person
}

/// Governs `den`'s neighbour `own`; returns the last topic that was answered with OK.
pub fn govern(mut person: Person, stop: &AtomicBool) -> (Person, String) {
    let mut topic = String::new();
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        while person.get_done("JOIN", "own;", &["conflict"]).is_none() {}
        person.get_done(
            "ROOM",
            &format!("own;retention;messages={}", 5 + round % 3),
            &[],
        );
        person.get_done("SEND", "own;soon forgotten", &["forbidden"]);
        for act in ["mute;gus", "unmute;gus", "private", "public"] {
            // An act whose answer was lost may have been done.
            person.get_done("ROOM", &format!("own;{act}"), &["not-found", "conflict"]);
        }
        let next = format!("topic {round}");
        while person
            .get_done("ROOM", &format!("own;topic;{next}"), &[])
            .is_none()
        {}
        topic = next;
    }
    (person, topic)
}

/// Logs in in every way, over and over. `swaps` has a password that is changed all the time.
pub fn log_in(address: SocketAddr, stop: &AtomicBool) -> usize {
    let (mut log_ins, mut last_name) = (0, "plain".to_owned());
    let mut passwords = [PASSWORD, OTHER];
    while !stop.load(Ordering::Relaxed) {
        Person::enter(address, "plain", &plain("plain", PASSWORD), "");
        let name = format!("new{}", fresh_tag());
        Person::guest(address, &format!("g{}", fresh_tag()));
        register(address, &name);
        let mut new = Person::enter(address, &name, &plain(&name, PASSWORD), "");
        // Whether there is such an account is asked before this is sent.
        new.get_done("SEND", &format!("@{last_name};hello"), &[]);
        last_name = name;
        let mut swaps = Person::enter(address, "swaps", &plain("swaps", passwords[0]), "");
        let (tag, [old, next]) = (fresh_tag(), passwords.map(base64));
        let answer = swaps.ask(&format!("PASSWD;{tag};{old};{next}"), &tag);
        let is_done = matches!(&answer, Ok((_, line)) if line.starts_with("OK;"));
        // Where no answer came, or that it failed, it may have been done all the same.
        if is_done || lets_in(address, passwords, Instant::now() + PATIENCE) == 1 {
            passwords.swap(0, 1);
        }
        log_ins += 4;
    }
    log_ins
}

/// Makes an account, by however many tries.
fn register(address: SocketAddr, name: &str) {
    let end = Instant::now() + PATIENCE;
    for turn in 0.. {
        let mut client = Gc2::connect(address);
        client.try_send(&format!("REGISTER;r;{name};{};", base64(PASSWORD)));
        match client.try_line() {
            Ok(line) if line.starts_with("OK;r;") => return,
            // An attempt that failed on the server's side may have been done all the same.
            Ok(line) if turn > 0 && line.starts_with("ERR;r;conflict;") => return,
            Ok(line) => assert!(line.starts_with("ERR;r;unavailable;"), "{line:?}"),
            Err(why) => assert_ne!(why, Stop::TimedOut, "REGISTER is not answered"),
        }
        assert!(Instant::now() < end, "{name} cannot be registered");
    }
}

/// Which of these passwords `swaps` has now.
fn lets_in(address: SocketAddr, passwords: [&str; 2], end: Instant) -> usize {
    for at in (0..2).cycle() {
        let mut client = Gc2::connect(address);
        client.try_send(&plain("swaps", passwords[at]));
        if client
            .try_line()
            .is_ok_and(|line| line.starts_with("OK;a;"))
        {
            return at;
        }
        assert!(Instant::now() < end, "neither password lets in");
    }
    unreachable!("it cycles")
}

/// Runs the server: reloads, certificates, an account that is suspended and let in again.
pub fn run(
    (address, pid, data): (SocketAddr, u32, PathBuf),
    accounts: &mut EmbeddedAccounts,
    stop: &AtomicBool,
) -> usize {
    let (mut rounds, pid) = (0, pid.to_string());
    while !stop.load(Ordering::Relaxed) {
        rounds += 1;
        let sent = std::process::Command::new("kill")
            .args(["-HUP", &pid])
            .status();
        assert!(sent.is_ok_and(|status| status.success()));
        let _ = ask(&data, "reload");
        let _ = ask(&data, "health 2000");
        tls::self_signed().place(&data);
        let mut sus = Person::enter(address, "sus", &plain("sus", PASSWORD), "");
        let set = accounts.set_state("sus", State::Suspended, &entry("state"));
        set.expect("suspended");
        // It is told, or its own actor has panicked: in any case it does not stay.
        while let Ok(line) = sus.line("somebody suspended") {
            assert!(line.starts_with("BYE;suspended;"), "{line:?}");
        }
        let set = accounts.set_state("sus", State::Active, &entry("state"));
        set.expect("active");
    }
    rounds
}

/// Gets single messages in C16.
pub fn get(mut person: Person, stop: &AtomicBool) -> Person {
    for id in (1..100).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        person.get_done("GET", &id.to_string(), &["not-found"]);
        std::thread::sleep(Duration::from_millis(5));
    }
    person
}

/// Logs in as an original client does, over and over, and goes without a word.
pub fn come_and_go(homes: [Ipv4Addr; 4], ports: Ports, stop: &AtomicBool) -> usize {
    // In turn, so that each session is over before the next one of its address begins.
    let callbacks = homes.map(|home| {
        let callback = TcpListener::bind((home, 12090)).expect("the callback port");
        callback.set_nonblocking(true).expect("a listener");
        (home, callback)
    });
    let mut log_ins = 0;
    // Panics may have cost every try of a short round: where nothing panics any more one gets through.
    let mut end_of_calm = None;
    for (home, callback) in callbacks.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            let end = *end_of_calm.get_or_insert_with(|| Instant::now() + PATIENCE);
            if log_ins > 0 || Instant::now() > end {
                break;
            }
        }
        let home = *home;
        // A panic may take either half, and then it begins again.
        let (mut main, mut auth) = (
            connect_from(home, ports.main),
            connect_from(home, ports.auth),
        );
        let _ = (main.write_all(b"Ping"), auth.write_all(b"AuthRequest"));
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            if let Ok((mut called, _)) = callback.accept() {
                called.set_nonblocking(false).expect("a socket");
                log_ins += usize::from(read_once(&mut called, 1024, PATIENCE) == b"Authed");
                let _ = connect_from(home, ports.message)
                    .write_all(format!("lou;{PASSING}").as_bytes());
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    log_ins
}

/// Says things as an original client does, and waits for each `Thx`; returns what was thanked for.
pub fn say_as_original(home: Ipv4Addr, ports: Ports, name: &str, stop: &AtomicBool) -> Vec<String> {
    let mut thanked = Vec::new();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let text = format!("{name} says {round} once");
        let mut stream = connect_from(home, ports.message);
        // Refused, it is closed before it is read.
        let _ = write!(stream, "{name};{text}");
        if read_once(&mut stream, 1024, PATIENCE) == b"Thx" {
            finish(&stream);
            thanked.push(text);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    thanked
}

/// How long it takes from a connection to a message that somebody else hears, again and again.
pub fn probe(server: SocketAddr, stop: &AtomicBool) -> Vec<Duration> {
    let mut ear = Person::guest(server, &format!("ear{}", fresh_tag()));
    while ear.get_done("JOIN", "probe;", &["conflict"]).is_none() {}
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (began, word) = (Instant::now(), fresh_tag());
        let mut mouth = Person::guest(server, &format!("m{word}"));
        loop {
            mouth.get_done("JOIN", "probe;", &["conflict"]);
            if let Some((_, answer)) =
                mouth.get_done("SEND", &format!("probe;{word}"), &["forbidden"])
                && answer.starts_with("OK;")
            {
                break;
            }
        }
        loop {
            match ear.line("the ear") {
                Ok(line) if line.ends_with(&format!(";{word}")) => break,
                Ok(_) => {}
                // The ear's own client panicked: not a probe.
                Err(_) => {
                    ear.come_back();
                    while ear
                        .get_done("JOIN", "probe;last=20", &["conflict"])
                        .is_none()
                    {}
                }
            }
        }
        took.push(began.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    took
}
