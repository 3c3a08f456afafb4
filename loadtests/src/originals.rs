//! Many clients of the original system on one thread, as its unmodified client behaves on the wire: three fixed ports of its own, one
//! read for each delivery, one connection for each message. Each has a loopback address, which takes the place of its machine.
//!
//! In: how many, what one of them says. Out: what reached them, all of it checked. Owns their sockets and one epoll.

mod connection;

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};

use crate::check::{Place, Room};
use crate::driver::original::{LOBBY, Original};
use crate::driver::{Driver, Event};
use crate::server::Server;
use crate::sys::{Epoll, connect_from};
use connection::{Connection, Purpose};

const CALLBACK_PORT: u16 = 12090;
const HEARTBEAT_PORT: u16 = 8070;
const DELIVERY_PORT: u16 = 6090;
/// What the original client reads of a delivery, once.
const READ_BYTES: usize = 4096;
/// Log-ins under way at a time.
const LOG_INS_MAX: usize = 64;
/// Messages under way at a time, each in a connection; the server takes them in the order in which they were opened.
const MESSAGES_MAX: usize = 8;
/// Addresses of one block: those that a host can have.
const PER_BLOCK: usize = 250;
/// As many clients as there are addresses for one process.
pub(crate) const CLIENTS_MAX: u32 = 1000;
/// Marks the numbers of listening sockets.
const LISTENER: u64 = 1 << 63;

/// See the module.
pub(crate) struct Originals {
    main: SocketAddrV4,
    auth: SocketAddrV4,
    message: SocketAddrV4,
    epoll: Epoll,
    clients: Vec<Client>,
    connections: Vec<Option<Connection>>,
    /// Places in `connections` that are empty.
    free: Vec<usize>,
    /// What was said and heard.
    room: Room,
    entered: usize,
    open_messages: usize,
    /// Connections by which the server brought messages.
    pub(crate) deliveries: u64,
}

struct Client {
    address: Ipv4Addr,
    /// By [`Port`]; the last two are opened after the log-in, as the original does it.
    ports: [Option<TcpListener>; 3],
    /// What the log-in still lacks: `Pong`, `Auth1`, `Authed`.
    lacks: usize,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Port {
    Callback,
    Heartbeat,
    Delivery,
}

/// The address of the `number`th client. Processes that run at the same time seldom share one, and say so if they do.
fn address_of(number: usize) -> Result<Ipv4Addr> {
    let own = std::process::id();
    let block = (own / 60 % 60) as usize * 4 + number / PER_BLOCK;
    let block = u8::try_from(block).context("too many clients")?;
    let host = 1 + (number % PER_BLOCK) as u8;
    Ok(Ipv4Addr::new(127, 192 + (own % 60) as u8, block, host))
}

impl Originals {
    /// Nobody yet.
    pub(crate) fn new(server: &Server, body_bytes: usize) -> Result<Self> {
        Ok(Self {
            main: server.address,
            auth: server.address_of("auth")?,
            message: server.address_of("message")?,
            epoll: Epoll::new()?,
            clients: Vec::new(),
            connections: Vec::new(),
            free: Vec::new(),
            room: Room::new(LOBBY.to_owned(), body_bytes, Original::HEARS),
            entered: 0,
            open_messages: 0,
            deliveries: 0,
        })
    }

    /// Lets `count` of them in; `tick` hears how many are.
    pub(crate) fn enter(
        &mut self,
        count: usize,
        deadline: Instant,
        mut tick: impl FnMut(usize),
    ) -> Result<()> {
        self.room.members = u32::try_from(count)?;
        while self.entered < count {
            while self.clients.len() < count && self.clients.len() - self.entered < LOG_INS_MAX {
                let number = self.clients.len();
                self.log_in(number)
                    .with_context(|| format!("original client {number} cannot log in"))?;
            }
            self.turn(Duration::from_millis(100))?;
            tick(self.entered);
            ensure!(
                Instant::now() < deadline,
                "deadline passed: {} of {count} original clients are in",
                self.entered
            );
        }
        Ok(())
    }

    fn log_in(&mut self, number: usize) -> Result<()> {
        let address = address_of(number)?;
        self.clients.push(Client {
            address,
            ports: [None, None, None],
            lacks: 3,
            place: Place::of(u32::try_from(number)?),
        });
        self.listen(number, Port::Callback, CALLBACK_PORT)?;
        self.connect(number, self.main, Purpose::Ping, b"Ping".to_vec())?;
        self.connect(
            number,
            self.auth,
            Purpose::AuthRequest,
            b"AuthRequest".to_vec(),
        )
    }

    fn listen(&mut self, client: usize, port: Port, number: u16) -> Result<()> {
        let address = self.clients[client].address;
        let listener = TcpListener::bind((address, number))
            .with_context(|| format!("{address}:{number}, as an original client has it"))?;
        listener.set_nonblocking(true)?;
        let watched = LISTENER | (client * 4 + port as usize) as u64;
        self.epoll.watch(&listener, watched)?;
        self.clients[client].ports[port as usize] = Some(listener);
        Ok(())
    }

    fn connect(
        &mut self,
        client: usize,
        to: SocketAddrV4,
        purpose: Purpose,
        out: Vec<u8>,
    ) -> Result<()> {
        let stream = connect_from(Some(self.clients[client].address), to, None)?;
        self.keep(Connection {
            stream,
            client,
            purpose,
            out,
        })
        .map(drop)
    }

    fn keep(&mut self, connection: Connection) -> Result<usize> {
        let index = self.free.pop().unwrap_or(self.connections.len());
        self.epoll.watch(&connection.stream, index as u64)?;
        if index == self.connections.len() {
            self.connections.push(None);
        }
        self.connections[index] = Some(connection);
        Ok(index)
    }

    /// Whether as many messages are under way as may be.
    pub(crate) fn is_busy(&self) -> bool {
        self.open_messages >= MESSAGES_MAX
    }

    /// The first client says its next message, named `user`; `others` are to hear it too.
    pub(crate) fn say(&mut self, user: &str, others: &mut Room) -> Result<()> {
        let (driver, mut out) = (Original { user }, Vec::new());
        // Both count it; it goes out once.
        others.say(&driver, &mut Vec::new(), 0, user, false);
        self.room.say(&driver, &mut out, 0, user, false);
        self.open_messages += 1;
        self.connect(0, self.message, Purpose::Message, out)
    }

    /// Waits up to `timeout` and does what the sockets are ready for.
    pub(crate) fn turn(&mut self, timeout: Duration) -> Result<()> {
        let ready = self.epoll.wait(timeout)?;
        for index in 0..ready {
            let number = self.epoll.number(index);
            if number & LISTENER == 0 {
                self.drive(number as usize)?;
                continue;
            }
            let number = (number & !LISTENER) as usize;
            let port = [Port::Callback, Port::Heartbeat, Port::Delivery][number % 4];
            self.accept(number / 4, port)?;
        }
        Ok(())
    }

    fn accept(&mut self, client: usize, port: Port) -> Result<()> {
        let purpose = match port {
            Port::Callback => Purpose::Callback,
            Port::Heartbeat => Purpose::Heartbeat,
            Port::Delivery => Purpose::Delivery,
        };
        // Closed, if it was the callback's and the log-in is done.
        while let Some(listener) = &self.clients[client].ports[port as usize] {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("an original client cannot accept"),
            };
            stream.set_nonblocking(true)?;
            let index = self.keep(Connection {
                stream,
                client,
                purpose,
                out: Vec::new(),
            })?;
            self.drive(index)?;
        }
        Ok(())
    }

    /// Says what is to be said and reads what is there.
    fn drive(&mut self, index: usize) -> Result<()> {
        let mut buffer = [0; READ_BYTES];
        loop {
            let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
                return Ok(());
            };
            let (client, purpose) = (connection.client, connection.purpose);
            let heard = connection
                .exchange(&mut buffer)
                .with_context(|| format!("original client {client}, {purpose:?}"))?;
            let Some(read) = heard else {
                return Ok(());
            };
            if self.take(index, client, purpose, &buffer[..read])? {
                // Only after its descriptor is closed may the place be taken again.
                self.connections[index] = None;
                self.free.push(index);
                return Ok(());
            }
        }
    }

    /// Takes what one read yielded, nothing if it was the end; returns whether the connection has done its work.
    fn take(
        &mut self,
        index: usize,
        client: usize,
        purpose: Purpose,
        words: &[u8],
    ) -> Result<bool> {
        let expected: &[u8] = match purpose {
            Purpose::Ping => b"Pong",
            Purpose::AuthRequest => b"Auth1",
            Purpose::Callback => b"Authed",
            Purpose::Heartbeat => b"Ping",
            Purpose::Message => b"Thx",
            Purpose::Delivery => words,
        };
        if purpose == Purpose::Message && words.is_empty() {
            self.open_messages -= 1;
            return Ok(true);
        }
        ensure!(
            words == expected && !words.is_empty(),
            "original client {client}, {purpose:?}: the server said \"{}\"",
            words.escape_ascii()
        );
        match purpose {
            Purpose::Message => return Ok(false),
            Purpose::Delivery => self.hear(client, words)?,
            Purpose::Heartbeat => {
                let clock = SystemTime::now().duration_since(UNIX_EPOCH)?;
                let clock = format!("{:.2}", clock.as_secs_f64());
                if let Some(connection) = &mut self.connections[index] {
                    connection.stream.write_all(clock.as_bytes())?;
                }
            }
            Purpose::Callback => {
                self.clients[client].ports[Port::Callback as usize] = None;
                self.listen(client, Port::Heartbeat, HEARTBEAT_PORT)?;
                self.listen(client, Port::Delivery, DELIVERY_PORT)?;
                self.is_answered(client);
            }
            Purpose::Ping | Purpose::AuthRequest => self.is_answered(client),
        }
        Ok(true)
    }

    fn is_answered(&mut self, client: usize) {
        let lacks = &mut self.clients[client].lacks;
        *lacks = lacks.saturating_sub(1);
        self.entered += usize::from(*lacks == 0);
    }

    /// A delivery: whole records, a newline between two.
    fn hear(&mut self, client: usize, batch: &[u8]) -> Result<()> {
        self.deliveries += 1;
        let place = &mut self.clients[client].place;
        let mut input = batch.to_vec();
        input.push(b'\n');
        let driver = Original { user: "" };
        let taken = self
            .room
            .receive(&driver, place, &input, |event| match event {
                Event::Refused(words) => bail!("no record: \"{}\"", words.escape_ascii()),
                _ => Ok(()),
            });
        taken.with_context(|| format!("original client {client}"))
    }

    /// Whether everybody has everything, and every message was taken.
    pub(crate) fn have_all(&self) -> bool {
        let mut clients = self.clients.iter();
        self.open_messages == 0 && clients.all(|client| self.room.has_all(&client.place))
    }

    /// What has not arrived, for an error.
    pub(crate) fn missing(&self) -> String {
        let mut behind = self.clients.iter().enumerate();
        let first = behind.find(|(_, client)| !self.room.has_all(&client.place));
        match first {
            Some((number, client)) => format!(
                "original client {number} has {} of {} messages",
                self.room.place_of(&client.place),
                self.room.sent_lately()
            ),
            None => format!("{} messages were not taken", self.open_messages),
        }
    }

    /// Drops the messages that all have; only when they [`have_all`](Self::have_all).
    pub(crate) fn forget(&mut self) {
        self.room.forget();
        self.clients.iter_mut().for_each(|c| c.place.forget());
        self.deliveries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_an_address_of_its_own() {
        let all = (0..CLIENTS_MAX as usize).map(|number| address_of(number).unwrap());
        let all: std::collections::HashSet<_> = all.collect();
        assert_eq!(all.len(), CLIENTS_MAX as usize);
    }
}
