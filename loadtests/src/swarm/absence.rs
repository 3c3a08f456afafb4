//! Members that are not there for a while: they stop reading and read on.

use std::ops::Range;

use anyhow::{Result, ensure};

use super::Swarm;
use crate::driver::Driver;

impl<D: Driver + Copy> Swarm<D> {
    /// They read nothing from now on, and owe nothing until they [`read_on`](Self::read_on). What they have to say goes out all the same.
    pub(crate) fn stop_reading(&mut self, members: Range<usize>) {
        for member in &mut self.members[members] {
            member.is_stopped = true;
        }
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
}
