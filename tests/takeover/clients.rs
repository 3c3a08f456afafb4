//! `gencomm` as the client, in pipes, while the server is replaced under it: what it prints and sends has no gap and nothing twice.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::{Server, assert_same_ids, number};

/// Messages of each part of the test.
const PART: usize = 40;

/// A child that ends with the test.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn start(server: &Server, user: &str, words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GENCOMM_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args(words)
            .args(["--server", &server.address().to_string()])
            .args(["--user", user, "--room", "den"])
            .current_dir(server.home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("gencomm");
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self {
            input: child.stdin.take(),
            child,
            output,
        }
    }

    fn write(&mut self, line: &str) {
        let input = self.input.as_mut().expect("an open pipe");
        input
            .write_all(format!("{line}\n").as_bytes())
            .expect("it reads");
    }

    fn line(&mut self) -> String {
        let line = self.output.next().expect("a line");
        line.expect("text")
    }

    /// Nothing more is written; waits for its end, which has to be a good one.
    fn finish(mut self) -> Vec<String> {
        self.input = None;
        let rest = self.output.by_ref().map(|line| line.expect("text"));
        let rest = rest.collect();
        assert!(self.child.wait().expect("an end").success());
        rest
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `--format json` says of a message: its id and text.
fn message(line: &str) -> (u64, String) {
    let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let id = value["id"].as_u64().expect("an id");
    (id, value["text"].as_str().expect("a text").to_owned())
}

#[test]
fn those_in_pipes_come_back_without_a_gap() {
    let mut server = Server::start();
    let mut gil = server.member("gil", "den");
    let first = gil.say("den", "first", "first");
    let words = ["tail", "--follow", "--last", "1", "--format", "json"];
    let mut tail = Client::start(&server, "ann", &words);
    assert_eq!(message(&tail.line()), (first, "first".to_owned()));
    let mut sender = Client::start(&server, "bob", &["send", "--lines"]);
    let mut chat = Client::start(&server, "cat", &["chat"]);
    let mut wanted = vec!["first".to_owned()];
    let mut heard = vec![first];
    for part in 0..3 {
        // Some are on their way while the server is replaced, some are written while none is there.
        for at in 0..PART {
            let (sent, said) = (format!("sent {part}.{at}"), format!("said {part}.{at}"));
            sender.write(&sent);
            chat.write(&said);
            wanted.extend([sent, said]);
        }
        if part < 2 {
            server.take_over();
        }
        while heard.len() < 1 + (part + 1) * 2 * PART {
            heard.push(message(&tail.line()).0);
        }
    }
    sender.finish();
    let mut reader = server.guest("reader");
    let stored = reader.whole_history("den");
    let ids: Vec<u64> = stored.iter().map(|it| it.0).collect();
    assert_same_ids(&heard, &ids, "tail --follow");
    let mut bodies: Vec<String> = stored.into_iter().map(|it| it.1).collect();
    bodies.sort();
    wanted.sort();
    assert_eq!(bodies, wanted);
    chat.finish();
}

#[test]
fn one_message_is_sent_across_a_takeover() {
    let mut server = Server::start();
    server.set("listen.main", server.address());
    // The server stands still: the message is on its way when it is asked to hand over.
    let mut sender = server.while_stopped(|| Client::start(&server, "ann", &["send", "hello"]));
    server.take_over();
    let id: u64 = sender.line().trim().parse().expect("an id");
    sender.finish();
    let stored = server.guest("bob").whole_history("den");
    assert_eq!(stored, [(id, "hello".to_owned())]);
    let mut bob = server.member("bob", "den");
    bob.send("HISTORY;h;den");
    assert_eq!(number(&bob.until("OK;h;").1, 2), 1);
}
