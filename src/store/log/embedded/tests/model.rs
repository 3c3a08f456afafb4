//! Random histories against a model that is a list.

use proptest::prelude::*;

use std::path::Path;

use super::super::super::{LogStore, NewEvent, Outcome, RoomRetention};
use super::super::EmbeddedLog;
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;

const ROOMS: [&str; 3] = ["lobby", "a", "b"];

#[derive(Debug, Clone)]
enum Step {
    /// A group: room, bytes of the body, tag.
    Commit(Vec<(u8, usize, Option<u8>)>),
    /// Remove the n-th of what was ever said.
    Remove(usize),
    Crash,
    Close,
    Maintain,
    /// Keep so many messages in a room, and let it be carried out.
    Limit(u8, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let event = (
        0u8..3,
        0usize..1500,
        proptest::option::weighted(0.4, 0u8..6),
    );
    prop_oneof![
        8 => proptest::collection::vec(event, 0..8).prop_map(Step::Commit),
        3 => any::<prop::sample::Index>().prop_map(|index| Step::Remove(index.index(1000))),
        1 => Just(Step::Crash),
        1 => Just(Step::Close),
        2 => Just(Step::Maintain),
        2 => (0u8..3, 0u64..6).prop_map(|(room, messages)| Step::Limit(room, messages)),
    ]
}

/// What the log must hold: id, body, whether it is there. Removals are listed too.
#[derive(Default)]
struct Model {
    events: Vec<(u64, String, bool)>,
    /// Id and body; no body once that was removed: then every body is a repetition.
    tags: std::collections::HashMap<u8, (u64, Option<String>)>,
    /// The room of every event, and whether it is a message.
    rooms: Vec<(u8, bool)>,
    /// Messages kept in a room, 0 = all.
    limits: [u64; 3],
    /// Events of a room before this place have expired.
    floors: [usize; 3],
}

impl Model {
    /// Takes the oldest of a room while it holds too many messages; returns their bodies.
    fn expire(&mut self, room: u8) -> Vec<String> {
        let limit = self.limits[usize::from(room)];
        let from = self.floors[usize::from(room)];
        let is_message = |(of, message): &(u8, bool)| *of == room && *message;
        let mut messages = self.rooms[from..].iter().filter(|e| is_message(e)).count() as u64;
        let mut gone = Vec::new();
        for n in from..self.events.len() {
            if limit == 0 || messages <= limit {
                break;
            }
            if self.rooms[n].0 != room {
                continue;
            }
            messages -= u64::from(self.rooms[n].1);
            self.floors[usize::from(room)] = n + 1;
            if std::mem::replace(&mut self.events[n].2, false) && self.rooms[n].1 {
                gone.push(self.events[n].1.clone());
            }
            let id = self.events[n].0;
            let tags = self.tags.values_mut();
            tags.filter(|tag| tag.0 == id).for_each(|tag| tag.1 = None);
        }
        gone
    }

    fn bodies(&self) -> Vec<(u64, String)> {
        let there = self.events.iter().filter(|(_, _, there)| *there);
        there.map(|(id, body, _)| (*id, body.clone())).collect()
    }
}

/// A second is gone: what has expired is served no more and in no file.
fn expire(
    log: &mut EmbeddedLog,
    model: &mut Model,
    folder: &Path,
    moment: Timestamp,
) -> Result<(), TestCaseError> {
    log.maintain(moment).unwrap();
    let gone: Vec<String> = (0..3).flat_map(|room| model.expire(room)).collect();
    for body in gone {
        let again = model
            .bodies()
            .iter()
            .any(|(_, other)| other.contains(&body));
        let left = files_with(folder, body.as_bytes());
        prop_assert!(again || left.is_empty(), "{:?}", left);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn histories_are_kept(steps in proptest::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path());
        let mut model = Model::default();
        for (moment, step) in steps.into_iter().enumerate() {
            let moment = at(moment as u64);
            match step {
                Step::Commit(events) => {
                    for (room, bytes, tag) in &events {
                        // Bodies are unique but for tagged ones, which repeat.
                        let body = match tag {
                            Some(tag) => format!("tagged {tag} {}", bytes % 2),
                            None => format!("{}.{room}.{}", model.events.len(), "x".repeat(*bytes)),
                        };
                        let event = match tag {
                            Some(tag) => tagged(&log, &tag.to_string(), &body),
                            None => message(ROOMS[usize::from(*room)], &body),
                        };
                        log.stage(NewEvent { nonce: 9, ..event });
                    }
                    let outcomes = log.commit(at(0)).unwrap().outcomes;
                    prop_assert_eq!(outcomes.len(), events.len());
                    let said = model.events.len();
                    for ((room, bytes, tag), outcome) in events.iter().zip(outcomes) {
                        let body = match tag {
                            Some(tag) => format!("tagged {tag} {}", bytes % 2),
                            None => format!("{said}.{room}.{}", "x".repeat(*bytes)),
                        };
                        let known = tag.and_then(|tag| model.tags.get(&tag));
                        match (known, outcome) {
                            (None, Outcome::Stored { id, .. }) => {
                                prop_assert!(model.events.last().is_none_or(|last| last.0 < id));
                                model.events.push((id, body.clone(), true));
                                let room = if tag.is_some() { 0 } else { *room };
                                model.rooms.push((room, true));
                                tag.map(|tag| model.tags.insert(tag, (id, Some(body))));
                            }
                            (Some((first, same)), Outcome::Repeated { id, .. }) => {
                                prop_assert_eq!(id, *first);
                                prop_assert!(same.as_ref().is_none_or(|same| *same == body));
                            }
                            (Some((_, Some(other))), Outcome::TagConflict) => {
                                prop_assert_ne!(&body, other);
                            }
                            (_, outcome) => prop_assert!(false, "{:?}", outcome),
                        }
                    }
                }
                Step::Remove(index) => {
                    let count = model.events.len().max(1);
                    let Some((id, body, there)) = model.events.get(index % count).cloned() else {
                        continue;
                    };
                    let room = log.reader().get(id).unwrap().map(|event| event.room);
                    let room = room.map_or("lobby".to_owned(), |room| room.to_string());
                    let outcome = one(&mut log, removal(&room, id));
                    if there && !body.starts_with("gone ") {
                        let removed = stored(outcome);
                        model.events[index % count].2 = false;
                        let tags = model.tags.values_mut();
                        tags.filter(|tag| tag.0 == id).for_each(|tag| tag.1 = None);
                        model.events.push((removed, format!("gone {id}"), true));
                        model.rooms.push((model.rooms[index % count].0, false));
                        let left = files_with(folder.path(), body.as_bytes());
                        let again = model.bodies().iter().any(|(_, other)| other.contains(&body));
                        prop_assert!(again || left.is_empty(), "{:?}", left);
                    } else {
                        prop_assert_eq!(outcome, Outcome::NotFound);
                    }
                }
                Step::Crash => {
                    drop(log);
                    log = open(folder.path());
                    model.limits = [0; 3];
                }
                Step::Close => {
                    log.close().unwrap();
                    drop(log);
                    log = open(folder.path());
                    model.limits = [0; 3];
                }
                Step::Limit(n, messages) => {
                    let retention = RoomRetention { messages, ..RoomRetention::default() };
                    log.set_room_retention(&room(ROOMS[usize::from(n)]), retention).unwrap();
                    model.limits[usize::from(n)] = messages;
                    expire(&mut log, &mut model, folder.path(), moment)?;
                }
                Step::Maintain => expire(&mut log, &mut model, folder.path(), moment)?,
            }
            prop_assert_eq!(bodies(&log), model.bodies());
        }
    }
}
