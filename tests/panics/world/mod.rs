//! A whole server at work, and what has to hold of it however many of its actors panic: [`World::run`].
//!
//! Checked at the end: every message that got OK is stored once, under the id that the OK named, and heard by every reader once and in order;
//! what an original client was thanked for is stored; connections ended only where the client's own actor panicked; every question got an
//! answer; and the server stops as it should.

mod doings;
pub mod person;
mod talk;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gencomm::edge::wire::c16;
use gencomm::store::accounts::{Role, Secrets};

use crate::auth::{self, House};
use crate::support::{Builder, Gc2, OriginalClient, Ports, Server, assert_same_ids};
use crate::tls;
use person::Person;
use talk::Kept;

/// What came of it.
pub struct Outcome {
    pub fired: BTreeMap<String, u64>,
    /// From a new connection to a message that another one hears.
    pub probes: Vec<Duration>,
    pub kept: usize,
    pub losses: usize,
    pub tries: usize,
}

/// The server's side of it, for who steers the panics.
pub struct Steering {
    control: Person,
}

impl Steering {
    /// Says `PROVOKE` with this; returns the answer's last field.
    pub fn provoke(&mut self, what: &str) -> String {
        loop {
            if let Some((_, answer)) = self.control.get_done("PROVOKE", what, &[]) {
                return answer.split(';').nth(2).unwrap_or_default().to_owned();
            }
        }
    }

    /// Says something in a room.
    fn say(&mut self, room: &str, text: &str) {
        while !self
            .control
            .get_done("JOIN", &format!("{room};"), &["conflict"])
            .is_some_and(|_| {
                let said = self
                    .control
                    .get_done("SEND", &format!("{room};{text}"), &[]);
                said.is_some()
            })
        {}
    }

    /// How often each place has panicked.
    pub fn fired(&mut self) -> BTreeMap<String, u64> {
        let text = self.provoke("fired");
        let counts = text.split(',').filter_map(|one| one.split_once('='));
        counts
            .map(|(place, count)| (place.to_owned(), count.parse().expect("a count")))
            .collect()
    }
}

/// What everybody hears last.
const END: &str = "the end of it all";

/// Runs a world whose server has this in `GENCOMM_PANICS`, for as long as `steer` takes.
pub fn run(panics: &str, steer: impl FnOnce(&mut Steering)) -> Outcome {
    let data = tempfile::tempdir().expect("a folder");
    tls::self_signed().place(data.path());
    let mut house = House::of(builder(panics).data_dir(data.path()));
    let address = house.server.address();
    for name in ["plain", "swaps", "sus"] {
        house.add(name);
    }
    let mut enter = |name: &str, hello: &'static str| {
        house.add_with(name, Role::Member, Secrets::default());
        Person::enter(address, name, &house.token(name, "first"), hello)
    };
    let senders = [
        ("sue", "", "den"),
        ("sid", "", "den"),
        ("cid", "body=c16", "den"),
        ("tim", "", "tea"),
        ("ann", "", "@bob"),
    ];
    let senders = senders.map(|(name, hello, room)| (enter(name, hello), room, !hello.is_empty()));
    let (bob, bobby) = (enter("bob", ""), enter("own", ""));
    let House {
        server,
        mut accounts,
    } = house;
    let ports = Ports::of(&server);
    let process = (address, server.pid(), server.data_dir());
    let originals: Vec<OriginalClient> = (0..2).map(|_| OriginalClient::log_in(&server)).collect();
    let coded = String::from_utf8(c16::encode(END.as_bytes())).expect("C16 is ASCII");
    let readers = [
        ("rob", "", "den", END),
        ("ron", "presence=on", "den", END),
        ("rea", "body=c16", "den", coded.as_str()),
        ("ros", "", "tea", END),
    ];
    let [stop, stop_probe] = [const { AtomicBool::new(false) }; 2];
    let mut steering = Steering {
        control: Person::guest(address, "control"),
    };
    let mut people = Vec::new();
    let (mut sent, mut heard) = (HashMap::<&str, Vec<Kept>>::new(), Vec::new());
    let (mut thanked, mut probes, mut topic) = (Vec::new(), Vec::new(), String::new());
    std::thread::scope(|scope| {
        let stop = &stop;
        let spawn = |(person, room, in_c16)| {
            scope.spawn(move || (room, talk::send(person, room, in_c16, stop)))
        };
        let sending = senders.map(spawn);
        let reading = readers.map(|(name, hello, room, end)| {
            let log_in = format!("AUTH;a;GUEST;{name}");
            scope.spawn(move || {
                let person = Person::enter(address, name, &log_in, hello);
                (room, talk::read(person, room, end))
            })
        });
        let listening = scope.spawn(move || ("@ann", talk::hear(bob, "@ann", END)));
        let walking = ["wim", "wes"]
            .map(|name| scope.spawn(move || doings::walk(Person::guest(address, name), stop)));
        let getting = scope.spawn(move || {
            let log_in = "AUTH;a;GUEST;gia";
            doings::get(Person::enter(address, "gia", log_in, "body=c16"), stop)
        });
        let homes = [(); 4].map(|()| OriginalClient::fresh_address());
        let passing = scope.spawn(move || doings::come_and_go(homes, ports, stop));
        let governing = scope.spawn(|| doings::govern(bobby, stop));
        let logging_in = scope.spawn(|| doings::log_in(address, stop));
        let running = scope.spawn(|| doings::run(process, &mut accounts, stop));
        let probing = scope.spawn(|| doings::probe(address, &stop_probe));
        let saying: Vec<_> = (originals.iter().zip(["leo", "lea"]))
            .map(|(client, name)| {
                let home = client.address();
                scope.spawn(move || doings::say_as_original(home, ports, name, stop))
            })
            .collect();
        steer(&mut steering);
        steering.provoke("calm");
        stop.store(true, Ordering::Relaxed);
        stop_probe.store(true, Ordering::Relaxed);
        for thread in sending {
            let (room, (mut person, kept)) = thread.join().expect("a sender");
            sent.entry(room).or_default().extend(kept);
            if room.starts_with('@') {
                person
                    .get_done("SEND", &format!("{room};{END}"), &[])
                    .expect("calm");
            }
            people.push(person);
        }
        for thread in saying {
            thanked.extend(thread.join().expect("an original client"));
        }
        assert!(passing.join().expect("an original client that passes by") > 0);
        // What was thanked for is on its way.
        let end = Instant::now() + person::ANSWER_PATIENCE;
        let mut reader = server.guest("lobbyist");
        let is_stored =
            |lobby: &[(u64, String)], text: &String| lobby.iter().any(|(_, it)| it == text);
        while Instant::now() < end {
            let lobby = reader.whole_history("lobby");
            if thanked.iter().all(|text| is_stored(&lobby, text)) {
                break;
            }
        }
        for room in ["den", "tea", "lobby"] {
            steering.say(room, END);
        }
        for thread in reading.into_iter().chain([listening]) {
            let (room, (person, ids)) = thread.join().expect("a reader");
            heard.push((room, person.name().to_owned(), ids));
            people.push(person);
        }
        people.extend(walking.map(|thread| thread.join().expect("a walker")));
        let (person, last_topic) = governing.join().expect("an owner");
        (topic, probes) = (last_topic, probing.join().expect("a probe"));
        people.push(person);
        people.push(getting.join().expect("a guest"));
        assert!(logging_in.join().expect("log-ins") > 0);
        assert!(running.join().expect("an operator") > 0);
    });
    let fired = steering.fired();
    let past = |client: &mut Gc2, room: &str| {
        let mut past = client.whole_history(room);
        past.retain(|(_, body)| body != END && body != doings::PASSING);
        past
    };
    let mut judge = server.guest("judge");
    for (room, kept) in &sent {
        // Bob's side of it is that of the conversation.
        let stored = match room.strip_prefix('@') {
            Some(_) => continue,
            None => past(&mut judge, room),
        };
        check_stored(&stored, kept, room);
    }
    let lobby = past(&mut judge, "lobby");
    let said: HashMap<&str, usize> = lobby.iter().fold(HashMap::new(), |mut said, (_, body)| {
        *said.entry(body).or_default() += 1;
        said
    });
    for text in &thanked {
        assert_eq!(said.get(text.as_str()), Some(&1), "thanked for: {text}");
    }
    for client in &originals {
        let all = std::iter::from_fn(|| Some(client.record()));
        let ids: Vec<u64> = all
            .take_while(|one| one.content != END)
            .filter(|one| one.content != doings::PASSING)
            .map(|one| one.id)
            .collect();
        let expected: Vec<u64> = lobby.iter().map(|(id, _)| *id).collect();
        assert_same_ids(&ids, &expected, "an original client");
    }
    for (room, name, ids) in &heard {
        let mut expected: Vec<u64> = match *room {
            "@ann" => sent["@bob"].iter().map(|kept| kept.id).collect(),
            room => past(&mut judge, room).iter().map(|(id, _)| *id).collect(),
        };
        expected.sort_unstable();
        assert_same_ids(ids, &expected, name);
    }
    judge.send("JOIN;j;own;");
    judge.until("OK;j;");
    assert!(topic.is_empty() || judge.line().ends_with(&format!(";{topic}")));
    let homes: Vec<String> = originals
        .iter()
        .map(|one| one.address().to_string())
        .collect();
    drop(judge);
    finish(server, &fired, &people, &homes);
    // Not before: a client that is gone is let go.
    drop(originals);
    Outcome {
        probes,
        kept: sent.values().map(Vec::len).sum::<usize>() + thanked.len(),
        losses: people.iter().map(|person| person.losses).sum(),
        tries: people.iter().map(|person| person.tries).sum(),
        fired,
    }
}

fn builder(panics: &str) -> Builder {
    auth::builder()
        .env("GENCOMM_PANICS", panics)
        .set("server.shards", 3)
        .set("heartbeat.interval", "1s")
        .set("heartbeat.timeout", "20s")
        .set("rooms.tail_bytes", "64KiB")
        .set("auth.registration", "open")
        .set("auth.deadline", "30s")
        .set("legacy.enabled", "true")
        .set("legacy.auth_port", "0")
        .set("legacy.message_port", "0")
        .set("legacy.heartbeat_interval", "300ms")
        .set("legacy.grace", "300ms")
}

/// Each that was answered is there once, under the id that it was answered with, and nothing is there twice.
fn check_stored(stored: &[(u64, String)], kept: &[Kept], room: &str) {
    let mut by_body = HashMap::new();
    for (id, body) in stored {
        let other = by_body.insert(body.as_str(), *id);
        assert_eq!(other, None, "{room}: {body:?} is stored twice, as {id} too");
    }
    for one in kept {
        let id = by_body.get(one.body.as_str());
        assert_eq!(id, Some(&one.id), "{room}: {:?} was answered", one.body);
    }
}

/// Nobody lost a connection whose own actor did not panic, and the server stops as it should.
fn finish(mut server: Server, fired: &BTreeMap<String, u64>, people: &[Person], homes: &[String]) {
    let of_clients = fired
        .iter()
        .filter(|(place, _)| place.starts_with("client/"));
    let panicked: u64 = of_clients.map(|(_, count)| count).sum();
    let lost: usize = people.iter().map(|person| person.losses).sum();
    assert!(
        lost as u64 <= panicked,
        "{lost} connections ended, {panicked} clients panicked"
    );
    assert_eq!(server.term().code(), Some(0));
    let log = server.log_to_end();
    assert!(!log.contains("given up"), "somebody was given up");
    // When the server stops, original clients are let go.
    let before_the_end = log.split("stopping: SIGTERM").next().unwrap_or_default();
    for line in before_the_end.lines() {
        let is_end = [
            "original client panicked",
            "original client ended",
            "original client removed",
        ]
        .iter()
        .any(|word| line.contains(word));
        let is_theirs = homes.iter().any(|home| line.contains(home.as_str()));
        assert!(!(is_end && is_theirs), "{line}");
    }
}
