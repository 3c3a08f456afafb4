//! The new process as the running server sees it: lines on the control socket. It goes as far as a test wants, and vanishes.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::support::{PATIENCE, Server};

pub struct Fake(UnixStream);

impl Fake {
    /// Connected, and has said nothing.
    pub fn connect(server: &Server) -> Self {
        let stream = UnixStream::connect(server.data_dir().join("control.sock"));
        let stream = stream.expect("the control socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        Self(stream)
    }

    pub fn say(&mut self, line: &str) {
        self.0
            .write_all(format!("{line}\n").as_bytes())
            .expect("the server listens");
    }

    /// The next line; what is left of one at the end.
    pub fn line(&mut self) -> String {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while self.0.read(&mut byte).expect("an answer") == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("text")
    }

    /// Everything up to the end.
    pub fn until_end(&mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).expect("an end");
        text
    }

    /// Has the sockets; they are closed at once.
    pub fn with_sockets(server: &Server) -> Self {
        let mut fake = Self::connect(server);
        fake.say("takeover");
        let greeting = fake.line();
        assert!(greeting.starts_with("takeover 1 "), "{greeting:?}");
        fake.say("sockets");
        let mut byte = [0];
        while byte[0] != b'.' {
            assert_eq!(fake.0.read(&mut byte).expect("sockets"), 1);
        }
        fake
    }

    /// Has the log.
    pub fn with_log(server: &Server) -> Self {
        let mut fake = Self::with_sockets(server);
        fake.say("ready");
        assert_eq!(fake.line(), "done");
        fake
    }
}
