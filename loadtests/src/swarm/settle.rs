//! Waiting until everybody has everything, and saying who lacks what.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Member, Swarm};
use crate::driver::Driver;

impl<D: Driver + Copy> Swarm<D> {
    /// How many members are still without some message.
    pub(crate) fn behind(&self) -> usize {
        self.members.iter().filter(|m| self.lacks(m)).count()
    }

    fn lacks(&self, member: &Member) -> bool {
        !member.is_stopped && !self.rooms[member.room as usize].has_all(&member.place)
    }

    /// Runs until every member that reads has every message. `idle` is a pause after each turn; see [`Swarm::turn`].
    pub(crate) fn settle(
        &mut self,
        deadline: Instant,
        pause: Option<Duration>,
        tick: impl FnMut(&Self),
    ) -> Result<()> {
        self.settle_first(self.members.len(), deadline, pause, tick)
    }

    /// The same, but until the first `count` members have every message.
    pub(crate) fn settle_first(
        &mut self,
        count: usize,
        deadline: Instant,
        pause: Option<Duration>,
        mut tick: impl FnMut(&Self),
    ) -> Result<()> {
        // Asking all members is dear, so the last one that was behind is asked first.
        let mut suspect = 0;
        loop {
            while suspect < count {
                if self.lacks(&self.members[suspect]) {
                    break;
                }
                suspect += 1;
            }
            if suspect == count {
                if !self.members[..count].iter().any(|m| self.lacks(m)) {
                    return Ok(());
                }
                suspect = 0;
            }
            if let Some(pause) = pause {
                std::thread::sleep(pause);
            }
            self.turn(Duration::from_millis(100))?;
            tick(self);
            ensure!(
                Instant::now() < deadline,
                "deadline passed: {}",
                self.missing()
            );
        }
    }

    /// What has not arrived, for an error.
    pub(crate) fn missing(&self) -> String {
        let first = self.members.iter().find_map(|member| {
            let room = &self.rooms[member.room as usize];
            let text = format!(
                "{} has {} of the {} sent in {}, counted since the round began",
                member.user,
                room.place_of(&member.place),
                room.sent_lately(),
                room.name
            );
            self.lacks(member).then_some(text)
        });
        format!(
            "{} of {} clients lack messages: {}",
            self.behind(),
            self.members.len(),
            first.unwrap_or_default()
        )
    }

    /// Waits a moment, in which nothing may come any more: what comes twice comes late.
    pub(crate) fn expect_silence(&mut self) -> Result<()> {
        let end = Instant::now() + Duration::from_millis(50);
        while Instant::now() < end {
            self.turn(Duration::from_millis(10))?;
        }
        ensure!(
            self.behind() == 0,
            "messages came that nobody sent: {}",
            self.missing()
        );
        Ok(())
    }
}
