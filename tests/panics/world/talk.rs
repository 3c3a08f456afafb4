//! Those who send and those who read, in rooms and in direct conversations.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gencomm::edge::wire::c16;

use super::person::{Gone, Person};
use crate::support::number;

/// A message that was answered with OK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: u64,
    pub body: String,
}

/// Sends one message after the other to `room`; each until it is answered with OK, with the same tag.
pub fn send(
    mut person: Person,
    room: &str,
    in_c16: bool,
    stop: &AtomicBool,
) -> (Person, Vec<Kept>) {
    let mut kept = Vec::new();
    let mut is_in = room.starts_with('@');
    while !stop.load(Ordering::Relaxed) {
        let tag = person.fresh_tag();
        let body = format!("{tag} says this once");
        let wire = match in_c16 {
            true => {
                let mut coded = Vec::new();
                c16::encode_into(body.as_bytes(), &mut coded);
                String::from_utf8(coded).expect("C16 is ASCII")
            }
            false => body.clone(),
        };
        let id = loop {
            if !is_in {
                is_in = person
                    .get_done("JOIN", &format!("{room};"), &["conflict"])
                    .is_some();
                continue;
            }
            match person.ask(&format!("SEND;{tag};{room};{wire}"), &tag) {
                Ok((_, answer)) if answer.starts_with("OK;") => break number(&answer, 2),
                Ok((_, answer)) => {
                    let is_ours = answer.split(';').nth(2) == Some("unavailable");
                    assert!(is_ours, "{}: {answer}", person.name());
                    person.tries += 1;
                }
                Err(Gone) => {
                    person.come_back();
                    is_in = room.starts_with('@');
                }
            }
        };
        kept.push(Kept { id, body });
        // The machine is to be busy with panics, not with this.
        std::thread::sleep(Duration::from_millis(3));
    }
    (person, kept)
}

/// Reads `room` to the message that says `end`: the ids in the order heard. Comes back with the last id it has.
pub fn read(mut person: Person, room: &str, end: &str) -> (Person, Vec<u64>) {
    let (mut ids, mut last) = (Vec::new(), 0);
    let start = format!("MSG;{room};");
    'connection: loop {
        let tag = person.fresh_tag();
        let join = format!("JOIN;{tag};{room};after={last}");
        if person.send(&join).is_err() {
            person.come_back();
            continue;
        }
        let mut is_in = false;
        loop {
            let Ok(line) = person.line("a reader") else {
                person.come_back();
                continue 'connection;
            };
            if line.starts_with(&format!("ERR;{tag};unavailable;")) {
                continue 'connection;
            }
            if line.starts_with(&format!("OK;{tag};")) {
                is_in = true;
            } else if line.starts_with(&start) {
                let id = number(&line, 2);
                assert!(is_in && id > last, "{}: {id} after {last}", person.name());
                last = id;
                if line.ends_with(end) {
                    return (person, ids);
                }
                ids.push(id);
            } else {
                let others = ["TOPIC;", "JOINED;", "PARTED;"];
                let is_other = others.iter().any(|start| line.starts_with(start));
                assert!(is_other, "{}: {line:?}", person.name());
            }
        }
    }
}

/// Hears a conversation up to the message that says `end`. What came while it was not there it reads from the past.
pub fn hear(mut person: Person, with: &str, end: &str) -> (Person, Vec<u64>) {
    let (mut ids, mut last) = (Vec::<u64>::new(), 0);
    let start = format!("MSG;{with};");
    loop {
        let Ok(line) = person.line("a listener") else {
            person.come_back();
            // What is not stored yet comes as news.
            let range = format!("{with};after={last};1000");
            let (before, _) = loop {
                if let Some(past) = person.get_done("HISTORY", &range, &[]) {
                    break past;
                }
            };
            for line in before {
                let is_past = line.starts_with("HIST;");
                let id = number(&line, if is_past { 3 } else { 2 });
                // News may stand among the past.
                if !ids.contains(&id) {
                    ids.push(id);
                }
                if line.ends_with(end) {
                    ids.sort_unstable();
                    ids.retain(|heard| *heard != id);
                    return (person, ids);
                }
            }
            ids.sort_unstable();
            last = ids.last().copied().unwrap_or(last);
            continue;
        };
        assert!(line.starts_with(&start), "{}: {line:?}", person.name());
        let id = number(&line, 2);
        if line.ends_with(end) {
            return (person, ids);
        }
        // Heard as news and read as past is no double; heard twice is.
        if id > last {
            ids.push(id);
            last = id;
        } else {
            assert!(person.losses > 0, "{}: {id} after {last}", person.name());
        }
    }
}
