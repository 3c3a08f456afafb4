//! A GC/2 client that knows nothing but lines. It answers the server's heartbeats by itself unless told not to.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::PATIENCE;

/// Why no further line comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The server closed the connection.
    Closed,
    /// The connection broke.
    Broken(ErrorKind),
    /// Nothing came in time.
    TimedOut,
}

/// See the module. Everything that waits fails the test after [`PATIENCE`].
pub struct Gc2 {
    stream: TcpStream,
    input: Vec<u8>,
    at: usize,
    /// Whether PINGs of the server are answered and hidden.
    pub answers_pings: bool,
}

impl Gc2 {
    /// Connects from 127.0.0.1.
    pub fn connect(server: SocketAddr) -> Self {
        Self::connect_from(server, Ipv4Addr::LOCALHOST)
    }

    /// Connects from the given loopback address.
    pub fn connect_from(server: SocketAddr, from: Ipv4Addr) -> Self {
        Self::try_connect(server, from, None).expect("a connection to the server")
    }

    /// Connects with a receive buffer of about `bytes`, so that a reader that stops is felt soon.
    pub fn connect_with_buffer(server: SocketAddr, bytes: usize) -> Self {
        let client = Self::try_connect(server, Ipv4Addr::LOCALHOST, Some(bytes));
        client.expect("a connection to the server")
    }

    /// Connects, or says why not.
    pub fn try_connect(
        server: SocketAddr,
        from: Ipv4Addr,
        buffer_bytes: Option<usize>,
    ) -> std::io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if let Some(bytes) = buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into())?;
        socket.connect_timeout(&server.into(), PATIENCE)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            input: Vec::new(),
            at: 0,
            answers_pings: true,
        })
    }

    /// The socket, for what only one test needs.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends a line.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(bytes)
            .expect("the server takes what is sent");
    }

    /// Sends a line; false if the connection is gone.
    pub fn try_send(&mut self, line: &str) -> bool {
        self.stream
            .write_all(format!("{line}\n").as_bytes())
            .is_ok()
    }

    /// Says that nothing more will be sent, and goes on listening.
    pub fn close_sending(&mut self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("an open connection");
    }

    /// The next line without its newline, or why there is none.
    pub fn try_line_bytes(&mut self, patience: Duration) -> Result<Vec<u8>, Stop> {
        let end = Instant::now() + patience;
        let mut searched = self.at;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.input[searched..]) {
                let line = self.input[self.at..searched + found].to_vec();
                self.at = searched + found + 1;
                if self.answers_pings
                    && let Some(rest) = line.strip_prefix(b"PING;")
                {
                    let _ = self.stream.write_all(&[b"PONG;", rest, b"\n"].concat());
                    searched = self.at;
                    continue;
                }
                return Ok(line);
            }
            self.input.drain(..self.at);
            self.at = 0;
            searched = self.input.len();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Stop::TimedOut);
            }
            let _ = self.stream.set_read_timeout(Some(left));
            let mut buffer = [0; 65536];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Stop::Closed),
                Ok(read) => self.input.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Err(Stop::TimedOut);
                }
                Err(error) => return Err(Stop::Broken(error.kind())),
            }
        }
    }

    /// The next line, or why there is none.
    pub fn try_line(&mut self) -> Result<String, Stop> {
        let line = self.try_line_bytes(PATIENCE)?;
        Ok(String::from_utf8(line).expect("a line in UTF-8"))
    }

    /// The next line as bytes.
    pub fn line_bytes(&mut self) -> Vec<u8> {
        self.try_line_bytes(PATIENCE)
            .unwrap_or_else(|why| panic!("no line: {why:?}"))
    }

    /// The next line.
    pub fn line(&mut self) -> String {
        self.try_line()
            .unwrap_or_else(|why| panic!("no line: {why:?}"))
    }

    /// The next line has to be this one.
    #[track_caller]
    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.line(), line);
    }

    /// The next line has to begin so; returns it.
    #[track_caller]
    pub fn expect_start(&mut self, start: &str) -> String {
        let line = self.line();
        assert!(line.starts_with(start), "{line:?} instead of {start:?}");
        line
    }

    /// Sends a line; the answer has to be this one.
    #[track_caller]
    pub fn ask(&mut self, line: &str, answer: &str) {
        self.send(line);
        assert_eq!(self.line(), answer, "to {line:?}");
    }

    /// Reads until a line begins so: what came before it, and it. An `ERR` to the command whose `OK` is waited for ends the test.
    #[track_caller]
    pub fn until(&mut self, start: &str) -> (Vec<String>, String) {
        let mut before = Vec::new();
        let tag = start
            .strip_prefix("OK;")
            .and_then(|rest| rest.split(';').next());
        let refusal = tag.map(|tag| format!("ERR;{tag};"));
        loop {
            let line = match self.try_line() {
                Ok(line) => line,
                Err(why) => panic!("no {start:?}: {why:?} after {:?}", before.last()),
            };
            if line.starts_with(start) {
                return (before, line);
            }
            let is_refusal = refusal
                .as_ref()
                .is_some_and(|refusal| line.starts_with(refusal));
            assert!(!is_refusal, "{line:?} instead of {start:?}");
            before.push(line);
        }
    }

    /// The server has to close the connection; returns the lines it sent before that.
    #[track_caller]
    pub fn until_closed(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.try_line() {
                Ok(line) => lines.push(line),
                Err(Stop::Closed | Stop::Broken(_)) => return lines,
                Err(Stop::TimedOut) => panic!("not closed; it said {lines:?}"),
            }
        }
    }

    /// Everything up to the end as it is.
    pub fn bytes_to_end(&mut self) -> Vec<u8> {
        let mut bytes = self.input.split_off(self.at);
        let _ = self.stream.set_read_timeout(Some(PATIENCE));
        let _ = self.stream.read_to_end(&mut bytes);
        bytes
    }

    /// Logs in as a guest.
    #[track_caller]
    pub fn login(&mut self, name: &str) {
        self.ask(
            &format!("AUTH;login;GUEST;{name}"),
            &format!("OK;login;{name};"),
        );
    }

    /// Joins `room` from `from`; returns its newest id.
    #[track_caller]
    pub fn join(&mut self, room: &str, from: &str) -> u64 {
        self.send(&format!("JOIN;join;{room};{from}"));
        let line = self.until("OK;join;").1;
        number(&line, 3)
    }

    /// Sends a message and waits for its OK; returns its id. Lines of the room that come meanwhile are skipped.
    #[track_caller]
    pub fn say(&mut self, room: &str, tag: &str, body: &str) -> u64 {
        self.send(&format!("SEND;{tag};{room};{body}"));
        let line = self.until(&format!("OK;{tag};")).1;
        number(&line, 2)
    }

    /// Shows that the connection and the server work: a PING is answered. Lines that come before are skipped.
    #[track_caller]
    pub fn check_alive(&mut self) {
        let tag = super::fresh_tag();
        self.send(&format!("PING;{tag};are you there"));
        let line = self.until(&format!("PONG;{tag};")).1;
        assert_eq!(line, format!("PONG;{tag};are you there"));
    }

    /// Id and body of every message of `room`, read page by page.
    #[track_caller]
    pub fn whole_history(&mut self, room: &str) -> Vec<(u64, String)> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            self.send(&format!("HISTORY;page;{room};after={after};1000"));
            let mut count = 0;
            loop {
                let line = self.line();
                if let Some(rest) = line.strip_prefix("HIST;page;") {
                    let (id, body) = parse_message(rest);
                    assert!(id > after, "{id} after {after}");
                    after = id;
                    count += 1;
                    all.push((id, body));
                } else if line.starts_with("OK;page;") {
                    assert_eq!(line, format!("OK;page;{count}"));
                    break;
                } else {
                    assert!(line.starts_with("MSG;"), "{line:?}");
                }
            }
            if count < 1000 {
                return all;
            }
        }
    }
}

/// The number in field `field` of a line, counted from 0.
#[track_caller]
pub fn number(line: &str, field: usize) -> u64 {
    let text = line
        .split(';')
        .nth(field)
        .and_then(|text| text.parse().ok());
    text.unwrap_or_else(|| panic!("no number in field {field} of {line:?}"))
}

/// Id and body of what stands behind `MSG;` or `HIST;{tag};`: `{room};{id};{timestamp};{user};{body}`.
#[track_caller]
pub fn parse_message(rest: &str) -> (u64, String) {
    let fields: Vec<&str> = rest.splitn(5, ';').collect();
    let [_, id, _, _, body] = fields[..] else {
        panic!("not a message: {rest:?}");
    };
    (id.parse().expect("an id"), body.to_owned())
}
