//! What happens in one life of the log: sends, removals, settings, waiting, trouble; and what is answered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::Addr;
use bytes::Bytes;

use super::listener::Told;
use super::model::{Fate, Message, Model, Removal, When, ensure};
use super::reading;
use super::world::{Ends, World};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::log::read_pool::SharedReader;
use crate::hub::log::{AddShard, CloseLog, KeepRooms, MessageLog, OpenRoom, Requests, ShardLink};
use crate::hub::messages::{Action, Answer, ClientRef, Done, Refused, RemovalRight, Request};
use crate::hub::room::Committed;
use crate::hub::rules::standing::Standing;
use crate::ops::supervise::{RestartLimit, start_supervised};
use crate::store::log::embedded::{Durability, EmbeddedLog};
use crate::store::log::ground::Ground;
use crate::store::log::{Event, EventKind, LogStore, RoomRetention};

/// Sends and the like in a life.
const STEPS_MAX: u64 = 14;
const ROOMS: [&str; 4] = ["lobby", "dev", "quiet", "news"];
const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// What was asked.
#[derive(Debug, Clone)]
enum Asked {
    /// To store this message, for the first time or again.
    Say(usize),
    /// To store something else under the tag of this one.
    Conflict,
    Remove(usize),
    /// To remove what is somebody else's.
    RemoveForeign(usize),
}

/// A running log, and what is known of it.
pub(super) struct Life {
    log: Addr<MessageLog>,
    reader: SharedReader,
    ends: Arc<Ends>,
    asked: HashMap<u32, Asked>,
    answered: HashMap<u32, Result<Done, Refused>>,
    /// All that each shard was told, by id, and the number of the newest batch.
    told: Vec<(BTreeMap<u64, Event>, u64)>,
    /// Newest ids of the rooms when this life began.
    rooms: HashMap<RoomName, u64>,
    /// Ids above this one are given in this life.
    newest: u64,
}

impl World {
    pub(super) async fn live(&mut self, ground: Ground, store: EmbeddedLog) -> Result<(), String> {
        let mut life = self.begin(ground, store);
        let steps = 1 + self.dice.below(STEPS_MAX);
        for _ in 0..steps {
            self.step(&mut life).await?;
            if self.is_over(&life) {
                break;
            }
        }
        if !self.is_over(&life) {
            self.end(&mut life).await?;
        }
        if life.ends.fatal.load(Ordering::SeqCst) && !self.machine.is_off() {
            // Nothing is accepted any more, however often it is asked.
            self.calm();
            let asked = self.some_messages();
            self.ask(&mut life, asked).await?;
        }
        self.tell(|| format!("life ends: fatal {:?}", life.ends.fatal));
        Ok(())
    }

    fn is_over(&self, life: &Life) -> bool {
        let ends = &life.ends;
        self.machine.is_off()
            || ends.fatal.load(Ordering::SeqCst)
            || ends.given_up.load(Ordering::SeqCst)
    }

    fn begin(&mut self, ground: Ground, store: EmbeddedLog) -> Life {
        let ends = Arc::new(Ends::default());
        let reader = SharedReader::new(store.reader());
        let (options, log) = (self.options.clone(), self.log.clone());
        let factory = Box::new(move || {
            let store = EmbeddedLog::open_on(&ground, options.clone(), log.clone())?;
            Ok(Box::new(store) as Box<dyn LogStore>)
        });
        let (fatal, given_up) = (Arc::clone(&ends), Arc::clone(&ends));
        let said = self.trace;
        let (machine, shards) = (self.machine.clone(), self.shards.clone());
        let fatal = Arc::new(move |why: &str| {
            if machine.is_off() {
                return;
            }
            for shard in &shards {
                shard.stopped.store(true, Ordering::SeqCst);
            }
            if said {
                eprintln!("fatal: {why}");
            }
            fatal.fatal.store(true, Ordering::SeqCst);
        });
        let newest = store.reader().newest();
        let rooms = ROOMS.map(|name| RoomName::parse(name).expect("a room's name"));
        let rooms = rooms.map(|room| (room.clone(), store.reader().room_newest(&room)));
        let actor = MessageLog::new(
            self.log.clone(),
            Box::new(store),
            factory,
            reader.clone(),
            fatal,
        )
        .with_clock(self.clock.clone());
        let limit = RestartLimit {
            restarts_max: 20,
            within: Duration::from_secs(10),
        };
        let give_up = Box::new(move || given_up.given_up.store(true, Ordering::SeqCst));
        let log = start_supervised("log", self.log.clone(), limit, give_up, |_| actor);
        for shard in &self.shards {
            *shard.ear() = super::listener::Ear::default();
            shard.stopped.store(false, Ordering::SeqCst);
            let heard = Arc::default();
            log.do_send(AddShard(ShardLink::new(shard.clone(), heard)));
        }
        Life {
            log,
            reader,
            ends,
            asked: HashMap::new(),
            answered: HashMap::new(),
            told: self.shards.iter().map(|_| Default::default()).collect(),
            rooms: rooms.into(),
            newest,
        }
    }

    async fn step(&mut self, life: &mut Life) -> Result<(), String> {
        match self.dice.below(22) {
            0..10 => {
                let asked = self.some_messages();
                self.ask(life, asked).await
            }
            10..12 => {
                let asked = self.again();
                self.ask(life, asked).await
            }
            12..15 => {
                let asked = self.some_removals();
                self.ask(life, asked).await
            }
            15 => {
                let room = self.room();
                let retention = RoomRetention {
                    messages: self.dice.one_of(&[0, 3, 20]),
                    age: Duration::from_secs(self.dice.one_of(&[0, 0, 10, 100_000])),
                };
                self.tell(|| format!("{room} keeps {retention:?}"));
                self.model.keep(&room, retention);
                life.log.do_send(KeepRooms(vec![(room, retention)]));
                self.wait(life, Duration::from_millis(1)).await
            }
            16 => {
                self.set_clock();
                Ok(())
            }
            17 => {
                let room = self.room();
                let shard = self.dice.index(self.shards.len());
                let shard_number = shard as u16;
                life.log.do_send(OpenRoom {
                    shard: shard_number,
                    room,
                });
                self.wait(life, Duration::from_millis(1)).await
            }
            18 if self.dice.once_in(3) => {
                let shard = self.dice.index(self.shards.len());
                let heard = self.dice.once_in(2);
                let tellings = self.dice.below(3) as u32;
                self.shards[shard].ear().panic_in = Some((tellings, heard));
                Ok(())
            }
            19 if self.is_troubled => {
                self.tell(|| "all is well again".to_owned());
                self.calm();
                Ok(())
            }
            _ => {
                let millis = self.dice.one_of(&[20, 150, 1200, 3000]);
                self.wait(life, Duration::from_millis(millis)).await
            }
        }
    }

    /// Ends the life in order, or leaves it as it is.
    async fn end(&mut self, life: &mut Life) -> Result<(), String> {
        if self.dice.once_in(2) {
            return Ok(());
        }
        let was_troubled = self.is_troubled;
        self.calm();
        self.wait(life, Duration::from_millis(2500)).await?;
        if self.is_over(life) {
            return Ok(());
        }
        self.compare(life)?;
        if self.dice.once_in(2) {
            return Ok(());
        }
        let closed = life.log.send(CloseLog).await;
        let closed = closed.map_err(|error| error.to_string())?;
        ensure!(
            closed.is_ok() || was_troubled,
            "the log cannot be closed: {closed:?}"
        );
        self.hear(life)?;
        if closed.is_ok() {
            self.model.all_sure(Duration::MAX);
        }
        Ok(())
    }

    /// What the shards were told is what is served.
    fn compare(&mut self, life: &Life) -> Result<(), String> {
        let reader = life.reader.current();
        let found = reading::all(&*reader, &mut self.dice)?;
        self.model.check_all(&found, When::Running)?;
        reading::check(&*reader, &found, &mut self.dice, &mut self.model)?;
        for (told, _) in &life.told {
            for event in found.iter().filter(|event| event.id > life.newest) {
                let known = told.get(&event.id);
                let same = known.is_some_and(|known| {
                    (known.id, known.time, &known.room) == (event.id, event.time, &event.room)
                });
                ensure!(same, "{event:?} is served, and was told as {known:?}");
            }
        }
        self.check_removed()
    }

    /// Lets time go by, then takes what was answered.
    async fn wait(&mut self, life: &mut Life, time: Duration) -> Result<(), String> {
        tokio::time::sleep(time).await;
        self.note_time();
        self.hear(life)?;
        if self.options.durability == Durability::Interval && !self.is_troubled {
            // Looked after ten times a second.
            let slack = self.options.flush_interval + Duration::from_millis(300);
            if let Some(before) = self.uptime().checked_sub(slack)
                && !self.is_over(life)
            {
                self.model.all_sure(before);
            }
        }
        Ok(())
    }

    async fn ask(&mut self, life: &mut Life, asked: Vec<Asked>) -> Result<(), String> {
        let mut requests = Vec::new();
        for asked in asked {
            self.next_request += 1;
            let number = self.next_request;
            let shard = self.dice.index(self.shards.len()) as u16;
            if let Some((action, session)) = self.action(&asked) {
                self.tell(|| format!("request {number}: {asked:?}"));
                requests.push(Request {
                    client: ClientRef {
                        shard,
                        slot: 1,
                        session,
                    },
                    number,
                    action,
                });
                life.asked.insert(number, asked);
            }
        }
        // In one message or several: in one group or several.
        while !requests.is_empty() {
            let rest = requests.split_off(1 + self.dice.index(requests.len()));
            life.log
                .do_send(Requests(std::mem::replace(&mut requests, rest)));
            if self.dice.once_in(3) {
                self.wait(life, Duration::from_millis(1)).await?;
            }
        }
        self.wait(life, Duration::from_millis(1)).await
    }

    fn action(&mut self, asked: &Asked) -> Option<(Action, u64)> {
        let say = |message: &Message, body: Bytes| Action::Say {
            room: message.room.clone(),
            user: message.user.clone(),
            account: message.user.account().as_ref().into(),
            tag: message.tag.clone().unwrap_or_default().into(),
            body,
            is_exempt: true,
        };
        let remove = |id, user: &UserName, right| Action::Remove {
            id,
            user: user.clone(),
            standing: Standing::Guest,
            since: Timestamp::default(),
            right,
        };
        let number = match asked {
            Asked::Say(number) | Asked::Remove(number) | Asked::RemoveForeign(number) => *number,
            Asked::Conflict => {
                let tagged = |message: &Message| {
                    message.tag_known
                        && matches!(message.fate, Fate::Stored(_))
                        && message.removal == Removal::No
                        && !message.expired
                };
                let known = self.model.messages.iter().rfind(|m| tagged(m))?;
                let body = Bytes::from_static(b"something else");
                return Some((say(known, body), known.session));
            }
        };
        let message = &mut self.model.messages[number];
        let session = message.session;
        match asked {
            Asked::Say(_) => {
                if message.fate == Fate::Absent {
                    message.fate = Fate::Waiting;
                }
                Some((say(message, message.body.clone()), session))
            }
            Asked::Remove(_) => {
                let Fate::Stored(id) = message.fate else {
                    return None;
                };
                if message.removal == Removal::No {
                    message.removal = Removal::Maybe;
                }
                let right = self
                    .dice
                    .one_of(&[RemovalRight::Keeper, RemovalRight::Author]);
                Some((remove(id, &message.user, right), session))
            }
            _ => {
                let Fate::Stored(id) = message.fate else {
                    return None;
                };
                Some((remove(id, &message.user, RemovalRight::Author), session + 1))
            }
        }
    }

    fn room(&mut self) -> RoomName {
        RoomName::parse(self.dice.one_of(&ROOMS)).expect("a room's name")
    }

    fn some_messages(&mut self) -> Vec<Asked> {
        let count = 1 + self.dice.below(6);
        let mut asked = Vec::new();
        for _ in 0..count {
            let number = self.model.messages.len();
            let dice = &mut self.dice;
            let bytes = dice.one_of(&[0, 20, 100, 400, 3000]);
            let bytes = dice.index(bytes + 1);
            let letter = b'a' + dice.below(26) as u8;
            let mut body = format!("~{number:08}~").into_bytes();
            body.resize(body.len() + bytes, letter);
            let tag = (!dice.once_in(3)).then(|| format!("t{number}"));
            let user = UserName::parse(dice.one_of(&USERS)).expect("a user's name");
            let session = 1 + dice.below(3);
            let room = self.room();
            self.model.messages.push(Message {
                room,
                user,
                session,
                tag_known: false,
                tag,
                body: body.into(),
                fate: Fate::Waiting,
                removal: Removal::No,
                removal_is_owed: false,
                time: Timestamp::default(),
                answered: Duration::ZERO,
                sure: false,
                expired: false,
            });
            asked.push(Asked::Say(number));
            let is_tagged = self.model.messages[number].tag.is_some();
            if self.dice.once_in(12) && is_tagged && !self.clock_was_set {
                // The same again, perhaps in the same group.
                asked.push(Asked::Say(number));
            }
        }
        asked
    }

    /// Messages that were sent before under a tag.
    fn again(&mut self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for _ in 0..4 {
            if self.model.messages.is_empty() {
                break;
            }
            let number = self.dice.index(self.model.messages.len());
            let message = &self.model.messages[number];
            let may_repeat = match message.fate {
                Fate::Stored(_) => message.tag_known,
                Fate::Absent => message.tag.is_some() && message.removal == Removal::No,
                Fate::Waiting | Fate::Maybe => false,
            };
            if may_repeat {
                asked.push(Asked::Say(number));
            }
        }
        if self.dice.once_in(4) {
            asked.push(Asked::Conflict);
        }
        asked
    }

    fn some_removals(&mut self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for _ in 0..1 + self.dice.below(3) {
            if self.model.messages.is_empty() {
                break;
            }
            let number = self.dice.index(self.model.messages.len());
            asked.push(match self.dice.once_in(6) {
                true => Asked::RemoveForeign(number),
                false => Asked::Remove(number),
            });
        }
        asked
    }

    /// Takes all that the shards were told.
    fn hear(&mut self, life: &mut Life) -> Result<(), String> {
        for shard in 0..self.shards.len() {
            loop {
                let next = self.shards[shard].ear().told.pop_front();
                match next {
                    Some((Told::Committed(committed), stopped)) => {
                        self.hear_batch(life, shard, &committed, stopped)?;
                    }
                    Some((Told::Opened(opened), stopped)) => {
                        let told = life.told[shard].0.values();
                        let told = told.filter(|event| event.room == opened.room);
                        let newest = told.map(|event| event.id).max();
                        let before = life.rooms.get(&opened.room).copied();
                        let newest = newest.or(before).unwrap_or(0);
                        ensure!(
                            opened.newest == newest || stopped,
                            "{opened:?}, but {newest} was told before"
                        );
                    }
                    Some((Told::Expired(expired), _)) => {
                        let known = self.model.floors.entry(expired.room.clone()).or_default();
                        ensure!(
                            expired.floor > *known || *known > 0,
                            "{expired:?} behind {known}"
                        );
                        *known = (*known).max(expired.floor);
                    }
                    None => break,
                }
            }
        }
        Ok(())
    }

    fn hear_batch(
        &mut self,
        life: &mut Life,
        shard: usize,
        committed: &Committed,
        stopped: bool,
    ) -> Result<(), String> {
        let told = &mut life.told[shard];
        ensure!(
            committed.number > told.1,
            "batch {} behind {}",
            committed.number,
            told.1
        );
        told.1 = committed.number;
        for event in committed
            .batch
            .rooms
            .iter()
            .flat_map(|room| room.events.iter())
        {
            // A batch that was told when the log panicked is told again.
            if let Some(known) = told.0.get(&event.id) {
                ensure!(known == event, "{event:?} was told as {known:?}");
                continue;
            }
            ensure!(event.id > life.newest, "{event:?} is told again");
            told.0.insert(event.id, event.clone());
            let number = match &event.kind {
                EventKind::Message(body) => Model::number(body),
                EventKind::Removal(_) => None,
            };
            self.model.give(event.id, number)?;
        }
        // Those of removals first: another one in the same group does not find it any more.
        let answers = committed.batch.removals.iter().chain(&*committed.answers);
        for answer in answers {
            self.hear_answer(life, answer, stopped)?;
        }
        Ok(())
    }

    fn hear_answer(
        &mut self,
        life: &mut Life,
        answer: &Answer,
        stopped: bool,
    ) -> Result<(), String> {
        if let Some(before) = life.answered.get(&answer.number) {
            ensure!(
                *before == answer.result,
                "request {} was answered with {before:?} and with {:?}",
                answer.number,
                answer.result
            );
            return Ok(());
        }
        life.answered.insert(answer.number, answer.result.clone());
        let Some(asked) = life.asked.remove(&answer.number) else {
            return Err(format!("nobody asked for {answer:?}"));
        };
        self.tell(|| format!("answer {}: {:?}", answer.number, answer.result));
        match (asked, &answer.result) {
            (Asked::Say(number), Ok(done)) => self.stored(number, *done, stopped),
            (Asked::Say(number), Err(Refused::Unavailable(_))) => {
                ensure!(
                    self.is_troubled,
                    "message {number} was refused for nothing: {:?}",
                    answer.result
                );
                let message = &mut self.model.messages[number];
                if message.fate == Fate::Waiting {
                    message.fate = if stopped { Fate::Maybe } else { Fate::Absent };
                }
                Ok(())
            }
            (Asked::Conflict, Err(Refused::TagConflict | Refused::Unavailable(_)))
            | (Asked::RemoveForeign(_), Err(_)) => Ok(()),
            (Asked::Remove(number), Err(Refused::Unavailable(_))) => {
                self.model.messages[number].removal_is_owed = true;
                Ok(())
            }
            (Asked::Remove(number), Ok(_)) => {
                let message = &mut self.model.messages[number];
                message.removal = Removal::Done;
                // The journal was synced for it.
                self.model.all_sure(self.uptime());
                Ok(())
            }
            (Asked::Remove(number), Err(Refused::NotFound | Refused::Forbidden)) => {
                let others = |asked: &Asked| matches!(asked, Asked::Remove(n) if *n == number);
                let is_owed = life.asked.values().any(others);
                let message = &self.model.messages[number];
                let Fate::Stored(id) = message.fate else {
                    return Ok(());
                };
                let gone = message.expired
                    || message.removal == Removal::Done
                    || message.removal_is_owed
                    || self.model.may_have_expired(message, id);
                let message = &mut self.model.messages[number];
                if message.removal == Removal::Maybe && !message.removal_is_owed && !is_owed {
                    message.removal = Removal::No;
                }
                ensure!(
                    gone || self.is_troubled,
                    "message {number} is not found: {answer:?}"
                );
                Ok(())
            }
            (asked, result) => Err(format!("{asked:?} was answered with {result:?}")),
        }
    }

    fn stored(&mut self, number: usize, done: Done, stopped: bool) -> Result<(), String> {
        ensure!(
            !stopped,
            "message {number} was taken although the log had stopped"
        );
        let now = self.uptime();
        self.model.give(done.id, Some(number))?;
        let message = &mut self.model.messages[number];
        match message.fate {
            Fate::Stored(id) => ensure!(
                id == done.id && message.time == done.time,
                "message {number} has id {id}, and was answered with {done:?}"
            ),
            _ => {
                message.fate = Fate::Stored(done.id);
                message.time = done.time;
                message.answered = now;
                // What is opened again after a clock was set ahead counts as so much older.
                message.tag_known = message.tag.is_some() && !self.clock_was_set;
                message.sure = self.options.durability == Durability::Always;
            }
        }
        Ok(())
    }
}
