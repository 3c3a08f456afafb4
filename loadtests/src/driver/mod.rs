//! What the benchmarks need to know of a chat protocol. One file per protocol; another server is measured beside ours by adding one.

pub(crate) mod gencomm;
pub(crate) mod irc;
pub(crate) mod mqtt;
pub(crate) mod nats;
pub(crate) mod original;
pub(crate) mod redis;

/// What the members of a room hear of it, each in comparison with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hears {
    /// All of it, in the same order, in the same bytes; what one says comes back to it.
    Alike,
    /// All of it, each sender's messages in the order in which they were sent, but between senders in an order of its own.
    EachInItsOrder,
    /// The same, and nobody hears itself.
    Others,
}

/// A client's side of a protocol, as pure functions between values and bytes.
pub(crate) trait Driver {
    /// Whether a client can ask to be told that its message is stored.
    const CONFIRMS: bool;

    /// See [`Hears`].
    const HEARS: Hears;

    /// The longest body that fits in a message.
    const BODY_BYTES_MAX: usize = usize::MAX;

    /// How many of so many members of a room hear what one of them says.
    fn hearers(members: usize) -> usize {
        match Self::HEARS {
            Hears::Alike | Hears::EachInItsOrder => members,
            Hears::Others => members.saturating_sub(1),
        }
    }

    /// Appends what a new connection says: log in as `user` and enter `room`, in one go.
    fn enter(&self, out: &mut Vec<u8>, user: &str, room: &str);

    /// Appends what follows [`Event::LetIn`], where not everything can be said in one go.
    fn go_in(&self, _out: &mut Vec<u8>, _room: &str) {}

    /// What a new connection says of a user who was there before, and who has everything up to the message `after`. Where messages have
    /// no ids, what was said meanwhile is gone.
    fn come_back(&self, out: &mut Vec<u8>, user: &str, room: &str, _after: u64) {
        self.enter(out, user, room);
    }

    /// Appends a message to `room`. With a tag, the answer is an [`Event::Stored`] that bears it.
    fn send(&self, out: &mut Vec<u8>, room: &str, tag: Option<u64>, body: &[u8]);

    /// Takes the first frame of `input`: its length and what it says. `None` if it is not complete.
    fn next<'a>(&self, input: &'a [u8]) -> Option<(usize, Event<'a>)>;

    /// Appends the answer to [`Event::Ping`].
    fn pong(&self, out: &mut Vec<u8>, ping: &[u8]);
}

/// What a server said in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A message was delivered.
    Message(Message<'a>),
    /// The client is known to the server and may go on; see [`Driver::go_in`].
    LetIn,
    /// The client is in its room.
    Entered,
    /// The message with this tag is stored.
    Stored(u64),
    /// The server asks whether the client is alive; the frame itself.
    Ping(&'a [u8]),
    /// Nothing that matters here.
    Quiet,
    /// Something that must not happen in a benchmark; the frame itself.
    Refused(&'a [u8]),
}

/// A delivered message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Rises from message to message; `None` where the protocol has none.
    pub id: Option<u64>,
    pub room: &'a [u8],
    /// `None` where the protocol does not tell who said it.
    pub user: Option<&'a [u8]>,
    pub body: &'a [u8],
}

/// Digits as they stand in a protocol.
fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The first line of `input` and the length of it with its end, which is `\n` or `\r\n`.
fn line(input: &[u8]) -> Option<(&[u8], usize)> {
    let end = memchr::memchr(b'\n', input)?;
    let line = input.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}
