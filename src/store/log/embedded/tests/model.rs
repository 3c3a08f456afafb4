//! Random histories against a model that is a list.

use proptest::prelude::*;

use super::super::super::{LogStore, NewEvent, Outcome};
use super::support::*;

#[derive(Debug, Clone)]
enum Step {
    /// A group: room, bytes of the body, tag.
    Commit(Vec<(u8, usize, Option<u8>)>),
    /// Remove the n-th of what was ever said.
    Remove(usize),
    Crash,
    Close,
    Maintain,
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
    ]
}

/// What the log must hold: id, body, whether it is there. Removals are listed too.
#[derive(Default)]
struct Model {
    events: Vec<(u64, String, bool)>,
    /// Id and body; no body once that was removed: then every body is a repetition.
    tags: std::collections::HashMap<u8, (u64, Option<String>)>,
}

impl Model {
    fn bodies(&self) -> Vec<(u64, String)> {
        let there = self.events.iter().filter(|(_, _, there)| *there);
        there.map(|(id, body, _)| (*id, body.clone())).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn histories_are_kept(steps in proptest::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path());
        let mut model = Model::default();
        for step in steps {
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
                            None => message(["lobby", "a", "b"][usize::from(*room)], &body),
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
                }
                Step::Close => {
                    log.close().unwrap();
                    drop(log);
                    log = open(folder.path());
                }
                Step::Maintain => log.maintain(at(0)).unwrap(),
            }
            prop_assert_eq!(bodies(&log), model.bodies());
        }
    }
}
