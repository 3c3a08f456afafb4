//! What the shards were told in one life, and what the model knows from then on.

use super::asking::Asked;
use super::life::Life;
use super::listener::Told;
use super::model::{Fate, Model, Removal, ensure};
use super::world::World;
use crate::hub::messages::{Answer, Done, Refused};
use crate::hub::room::Committed;
use crate::store::log::EventKind;
use crate::store::log::embedded::Durability;

impl World {
    /// Takes all that the shards were told.
    pub(super) fn hear(&mut self, life: &mut Life) -> Result<(), String> {
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
