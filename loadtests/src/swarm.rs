//! Many clients on one thread. In: who is to be in which room, what to send. Out: what was stored and delivered, all of it checked.
//! Owns the sockets, one epoll and one input buffer for all.

mod absence;
mod settle;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::check::{Place, Room};
use crate::driver::{Driver, Event};
use crate::server::Server;
use crate::sys::{Epoll, connect_from};

/// Bytes read from a socket in one go.
const READ_BYTES: usize = 256 * 1024;
/// Connections from one source address: well below the ports that it has.
const PER_ADDRESS: usize = 10_000;

/// See the module.
pub(crate) struct Swarm<D> {
    driver: D,
    server: SocketAddrV4,
    epoll: Epoll,
    pub(crate) rooms: Vec<Room>,
    members: Vec<Member>,
    buffer: Vec<u8>,
    entered: usize,
    /// Bytes that members received.
    pub(crate) bytes: u64,
    /// Members whose messages were stored since the last look, with their tags.
    pub(crate) stored: Vec<(u32, u64)>,
    /// If asked for: who received which messages when, since the last look.
    pub(crate) arrivals: Option<Vec<Arrival>>,
    small_buffers: Option<SmallBuffers>,
    /// Connections under way at a time: fewer than the server's backlog holds.
    connecting_max: usize,
}

/// Whose receive buffers are fixed, and to how much.
#[derive(Debug, Clone)]
pub(crate) struct SmallBuffers {
    pub members: Range<usize>,
    pub bytes: u32,
}

struct Member {
    user: String,
    /// `None` while it is cut off.
    stream: Option<TcpStream>,
    room: u32,
    place: Place,
    out: Vec<u8>,
    out_at: usize,
    has_entered: bool,
    /// It reads nothing, and owes nothing until it reads on.
    is_stopped: bool,
}

/// Messages `from..to` of a room, counted since [`Swarm::forget`], reached a member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub member: u32,
    pub from: usize,
    pub to: usize,
    pub at: Instant,
}

impl<D: Driver + Copy> Swarm<D> {
    pub(crate) fn new(
        driver: D,
        server: &Server,
        small_buffers: Option<SmallBuffers>,
    ) -> Result<Self> {
        Ok(Self {
            driver,
            server: server.address,
            connecting_max: server.connecting_max,
            epoll: Epoll::new()?,
            rooms: Vec::new(),
            members: Vec::new(),
            buffer: vec![0; READ_BYTES],
            entered: 0,
            bytes: 0,
            stored: Vec::new(),
            arrivals: None,
            small_buffers,
        })
    }

    /// Lets `count` members in, the `i`th into the room `room(i)`; their messages will have `body_bytes`. `tick` hears how many are in.
    pub(crate) fn enter(
        &mut self,
        count: usize,
        body_bytes: usize,
        deadline: Instant,
        room: impl Fn(usize) -> usize,
        mut tick: impl FnMut(usize),
    ) -> Result<()> {
        // Names must not meet those of another run on the same server.
        let run = format!("{:x}", std::process::id());
        while self.entered < count {
            while self.members.len() < count
                && self.members.len() - self.entered < self.connecting_max
            {
                let number = self.members.len();
                let room = room(number);
                while self.rooms.len() <= room {
                    let name = format!("load-{run}-{}", self.rooms.len());
                    self.rooms.push(Room::new(name, body_bytes, D::HEARS));
                }
                self.rooms[room].members += 1;
                self.connect(number, room, format!("u{run}-{number}"))
                    .with_context(|| format!("client {number} of {count} cannot connect"))?;
            }
            self.turn(Duration::from_millis(100))?;
            tick(self.entered);
            ensure!(
                Instant::now() < deadline,
                "deadline passed: {} of {count} clients are in their rooms",
                self.entered
            );
        }
        Ok(())
    }

    fn connect(&mut self, number: usize, room: usize, user: String) -> Result<()> {
        let stream = self.open(number)?;
        let mut out = Vec::new();
        self.driver.enter(&mut out, &user, &self.rooms[room].name);
        self.members.push(Member {
            user,
            stream: Some(stream),
            room: u32::try_from(room)?,
            place: Place::of(u32::try_from(number)?),
            out,
            out_at: 0,
            has_entered: false,
            is_stopped: false,
        });
        Ok(())
    }

    /// A new connection of member `number`.
    fn open(&self, number: usize) -> Result<TcpStream> {
        // A block of addresses of its own for each process, so that two at a time share no ports.
        let block = 2 + (std::process::id() % 250) as u8;
        let host = 1 + u8::try_from(number / PER_ADDRESS).context("too many clients")?;
        let source = Ipv4Addr::new(127, 0, block, host);
        let source = self.server.ip().is_loopback().then_some(source);
        let small = self.small_buffers.as_ref();
        let bytes = small.and_then(|small| small.members.contains(&number).then_some(small.bytes));
        let stream = connect_from(source, self.server, bytes)?;
        self.epoll.watch(&stream, number as u64)?;
        Ok(stream)
    }

    /// Queues the next message of `member`, tagged or not with its number; [`Swarm::flush`] sends it.
    pub(crate) fn say(&mut self, member: usize, tag: bool) -> u64 {
        let Member {
            user, room, out, ..
        } = &mut self.members[member];
        self.rooms[*room as usize].say(&self.driver, out, member as u32, user, tag)
    }

    /// Sends what `member` has queued, as far as its socket takes it; [`Swarm::turn`] goes on with the rest.
    pub(crate) fn flush(&mut self, member: usize) -> Result<()> {
        let Member {
            stream,
            out,
            out_at,
            user,
            ..
        } = &mut self.members[member];
        let Some(stream) = stream else {
            return Ok(());
        };
        while *out_at < out.len() {
            match stream.write(&out[*out_at..]) {
                Ok(written) => *out_at += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("{user} cannot send"));
                }
            }
        }
        *out_at = 0;
        out.clear();
        if out.capacity() > 64 * 1024 {
            *out = Vec::new();
        }
        Ok(())
    }

    /// Waits up to `timeout` and does what the sockets are ready for. Returns how many were.
    pub(crate) fn turn(&mut self, timeout: Duration) -> Result<usize> {
        let ready = self.epoll.wait(timeout)?;
        for index in 0..ready {
            let member = self.epoll.number(index) as usize;
            if !self.members[member].out.is_empty() {
                // A socket that is not connected yet says so with ENOTCONN or EPIPE only if it never will be.
                self.flush(member)?;
            }
            self.receive(member)?;
        }
        Ok(ready)
    }

    fn receive(&mut self, number: usize) -> Result<()> {
        loop {
            let member = &mut self.members[number];
            let Some(stream) = member.stream.as_mut().filter(|_| !member.is_stopped) else {
                return Ok(());
            };
            let room = &mut self.rooms[member.room as usize];
            let carry = member.place.take_carry();
            let start = carry.len();
            ensure!(
                start < READ_BYTES,
                "{} received {start} bytes without an end of frame",
                member.user
            );
            self.buffer[..start].copy_from_slice(&carry);
            let space = self.buffer.len() - start;
            let read = match stream.read(&mut self.buffer[start..]) {
                Ok(0) => bail!("the server closed the connection of {}", member.user),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    member.place.put_carry(carry);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    member.place.put_carry(carry);
                    continue;
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("{} lost", member.user));
                }
            };
            self.bytes += read as u64;
            let before = self
                .arrivals
                .is_some()
                .then(|| (room.place_of(&member.place), Instant::now()));
            let (driver, out, has_entered) =
                (&self.driver, &mut member.out, &mut member.has_entered);
            let (entered, stored) = (&mut self.entered, &mut self.stored);
            let mut is_let_in = false;
            let input = &self.buffer[..start + read];
            let result = room.receive(driver, &mut member.place, input, |event| {
                match event {
                    Event::Entered => {
                        *entered += usize::from(!*has_entered);
                        *has_entered = true;
                    }
                    Event::Stored(tag) => stored.push((number as u32, tag)),
                    Event::LetIn => is_let_in = true,
                    Event::Ping(ping) => driver.pong(out, ping),
                    Event::Refused(line) => {
                        bail!("the server said: {}", String::from_utf8_lossy(line))
                    }
                    Event::Message(_) | Event::Quiet => {}
                }
                Ok(())
            });
            result.with_context(|| format!("client {}", member.user))?;
            if is_let_in {
                driver.go_in(&mut member.out, &room.name);
            }
            if let (Some((from, at)), Some(arrivals)) = (before, &mut self.arrivals) {
                let to = room.place_of(&member.place);
                if to > from {
                    let member = number as u32;
                    arrivals.push(Arrival {
                        member,
                        from,
                        to,
                        at,
                    });
                }
            }
            if !member.out.is_empty() {
                self.flush(number)?;
            }
            if read < space {
                return Ok(());
            }
        }
    }

    /// Drops the messages that all have; only after [`Swarm::settle`].
    pub(crate) fn forget(&mut self) {
        for room in &mut self.rooms {
            room.forget();
        }
        for member in &mut self.members {
            member.place.forget();
        }
    }

    /// How many members hear what one of them says, if all are in one room.
    pub(crate) fn hearers(&self) -> usize {
        D::hearers(self.members.len())
    }

    /// How many members there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Sends a heartbeat's answer, or anything, that the sockets have for us, until `end`.
    pub(crate) fn linger(&mut self, end: Instant) -> Result<()> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left.min(Duration::from_millis(50)))?;
        }
    }
}
