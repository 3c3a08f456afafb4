//! Members that are not there for a while: they stop reading and read on; they are cut off and come back.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Swarm;
use crate::driver::Driver;

impl<D: Driver + Copy> Swarm<D> {
    /// They read nothing from now on, and owe nothing until they [`read_on`](Self::read_on). What they have to say goes out all the same.
    pub(crate) fn stop_reading(&mut self, members: Range<usize>) {
        for member in &mut self.members[members] {
            member.is_stopped = true;
        }
    }

    /// Whether there are members that do not read.
    pub(crate) fn is_anybody_stopped(&self) -> bool {
        self.members.iter().any(|member| member.is_stopped)
    }

    /// They read again, and have to get everything that was said meanwhile.
    pub(crate) fn read_on(&mut self, members: Range<usize>) -> Result<()> {
        for member in &mut self.members[members.clone()] {
            member.is_stopped = false;
            ensure!(
                !self.rooms[member.room as usize].has_all(&member.place),
                "{} was to have stopped reading, but has everything",
                member.user
            );
        }
        // What came meanwhile was reported when it came, and is not again.
        members
            .into_iter()
            .try_for_each(|member| self.receive(member))
    }

    /// Their connections are closed, all at once, whatever is on its way to them.
    pub(crate) fn cut(&mut self, members: Range<usize>) {
        for member in &mut self.members[members] {
            member.stream = None;
            member.out = Vec::new();
            member.out_at = 0;
            self.entered -= usize::from(member.has_entered);
            member.has_entered = false;
        }
    }

    /// They come back to their rooms, `at_once` on their way at a time, and ask for what was said since the last message that they have. Returns
    /// when all are in; `tick` hears after every turn how many of them are, and may have others say something.
    pub(crate) fn come_back(
        &mut self,
        members: Range<usize>,
        at_once: usize,
        deadline: Instant,
        mut tick: impl FnMut(&mut Self, usize) -> Result<()>,
    ) -> Result<()> {
        let (count, others) = (members.len(), self.entered);
        let mut next = members.start;
        loop {
            let back = self.entered - others;
            while next < members.end && next - members.start - back < at_once {
                self.reconnect(next)
                    .with_context(|| format!("client {next} cannot connect again"))?;
                next += 1;
            }
            tick(self, back)?;
            if back == count {
                return Ok(());
            }
            self.turn(Duration::from_millis(100))?;
            ensure!(
                Instant::now() < deadline,
                "deadline passed: {back} of {count} clients are back in their rooms"
            );
        }
    }

    fn reconnect(&mut self, number: usize) -> Result<()> {
        let stream = self.open(number)?;
        let member = &mut self.members[number];
        let room = &self.rooms[member.room as usize];
        let after = room.cut(&self.driver, &mut member.place);
        let after = after.context("it has nothing yet after which it could ask for more")?;
        self.driver
            .come_back(&mut member.out, &member.user, &room.name, after);
        member.stream = Some(stream);
        Ok(())
    }
}
