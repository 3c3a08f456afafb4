//! What happens in one life of the log: sends, removals, settings, waiting, trouble; and what is answered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::Addr;

use super::asking::Asked;
use super::model::{When, ensure};
use super::reading;
use super::world::{Ends, World};
use crate::edge::wire::names::RoomName;
use crate::hub::log::read_pool::SharedReader;
use crate::hub::log::{AddShard, CloseLog, KeepRooms, MessageLog, OpenRoom, ShardLink};
use crate::hub::messages::{Done, Refused};
use crate::ops::supervise::{RestartLimit, start_supervised};
use crate::store::log::embedded::{Durability, EmbeddedLog};
use crate::store::log::ground::Ground;
use crate::store::log::{Event, LogStore, RoomRetention};

/// Sends and the like in a life.
const STEPS_MAX: u64 = 14;
/// Where messages go.
pub(super) const ROOMS: [&str; 4] = ["lobby", "dev", "quiet", "news"];

/// A running log, and what is known of it.
pub(super) struct Life {
    pub(super) log: Addr<MessageLog>,
    pub(super) reader: SharedReader,
    pub(super) ends: Arc<Ends>,
    pub(super) asked: HashMap<u32, Asked>,
    pub(super) answered: HashMap<u32, Result<Done, Refused>>,
    /// All that each shard was told, by id, and the number of the newest batch.
    pub(super) told: Vec<(BTreeMap<u64, Event>, u64)>,
    /// Newest ids of the rooms when this life began.
    pub(super) rooms: HashMap<RoomName, u64>,
    /// Ids above this one are given in this life.
    pub(super) newest: u64,
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
        // Nothing of an earlier process is in hand, of this seed or the one before it on this thread.
        crate::ops::again::forget();
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
    pub(super) async fn wait(&mut self, life: &mut Life, time: Duration) -> Result<(), String> {
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
}
