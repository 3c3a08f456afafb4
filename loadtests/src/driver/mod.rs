//! What the benchmarks need to know of a chat protocol. One file per protocol; another server is measured beside ours by adding one.

pub(crate) mod gencomm;

/// A client's side of a protocol, as pure functions between values and bytes.
pub(crate) trait Driver {
    /// Whether a client can ask to be told that its message is stored.
    const CONFIRMS: bool;

    /// Appends what a new connection says: log in as `user` and enter `room`, in one go.
    fn enter(&self, out: &mut Vec<u8>, user: &str, room: &str);

    /// The same for a new connection of a user who was there before, and who has everything up to the message `after`.
    fn come_back(&self, out: &mut Vec<u8>, user: &str, room: &str, after: u64);

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
    pub user: &'a [u8],
    pub body: &'a [u8],
}
