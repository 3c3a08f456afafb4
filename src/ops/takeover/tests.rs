//! The new process against running servers that are none: they say wrong things, or nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::JoinHandle;
use std::time::Duration;

use super::claim::{self, LetGo, TakeoverError};
use super::wire::{END, LEGACY_AUTH, LEGACY_MESSAGE, MAIN, receive_socket, send_socket};
use crate::ops::control::NAME;

type Script = fn(&mut UnixStream, &mut BufReader<UnixStream>);

/// A server in `folder` that does this with its one client.
fn server(folder: &std::path::Path, script: Script) -> JoinHandle<()> {
    let listener = UnixListener::bind(folder.join(NAME)).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        expect(&mut lines, "takeover");
        script(&mut stream, &mut lines);
    })
}

fn expect(lines: &mut BufReader<UnixStream>, wanted: &str) {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), wanted);
}

/// What `ask` and `let_go` come to.
fn claim(script: Script) -> Result<LetGo, TakeoverError> {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path(), script);
    let result = claim::ask(dir.path()).and_then(|(mut claim, there)| {
        assert_eq!((there.main.len(), there.legacy.is_some()), (2, true));
        assert_eq!(claim.pid(), 7);
        assert_eq!(claim.alive_within(), Some(Duration::from_secs(2)));
        let let_go = claim.let_go(dir.path())?;
        claim.serving().map(|_| let_go)
    });
    server.join().unwrap();
    result
}

/// As it should be, up to `ready`.
fn offer(stream: &mut UnixStream, lines: &mut BufReader<UnixStream>) {
    stream.write_all(b"takeover 1 7 100 2000\n").unwrap();
    expect(lines, "sockets");
    let socket = || TcpListener::bind("127.0.0.1:0").unwrap();
    for kind in [MAIN, LEGACY_AUTH, MAIN, LEGACY_MESSAGE] {
        send_socket(stream, kind, Some(&socket())).unwrap();
    }
    send_socket(stream, END, None).unwrap();
    expect(lines, "ready");
}

#[test]
fn all_goes_well() {
    let result = claim(|stream, lines| {
        offer(stream, lines);
        stream.write_all(b"done\n").unwrap();
        expect(lines, "serving");
    });
    assert_eq!(result.ok(), Some(LetGo::Closed));
}

#[test]
fn a_server_that_dies_when_it_should_let_go_has_let_go() {
    let scripts: [Script; 2] = [offer, |stream, lines| {
        offer(stream, lines);
        stream.write_all(b"unclosed the disk is gone\n").unwrap();
    }];
    for script in scripts {
        let dir = tempfile::tempdir().unwrap();
        let server = server(dir.path(), script);
        let (mut claim, _sockets) = claim::ask(dir.path()).unwrap();
        assert_eq!(claim.let_go(dir.path()).unwrap(), LetGo::Died);
        server.join().unwrap();
    }
}

#[test]
fn every_answer_that_is_none_ends_it_with_a_word_about_it() {
    let cases: [(Script, &str); 8] = [
        (
            |stream, _| {
                let text = b"failed\nunknown request \"takeover\"; known: reload\n";
                stream.write_all(text).unwrap();
            },
            "does not hand over: unknown request \"takeover\"",
        ),
        (
            |stream, _| stream.write_all(b"takeover 2 7 100\n").unwrap(),
            "process 7 hands over in another way (version 2, here 1)",
        ),
        (
            |stream, _| stream.write_all(b"takeover one\n").unwrap(),
            "\"takeover one\", which is no part",
        ),
        (|_, _| {}, "broke"),
        (
            |stream, lines| {
                stream.write_all(b"takeover 1 7 100\n").unwrap();
                expect(lines, "sockets");
                // A main socket without a socket.
                stream.write_all(b"m").unwrap();
            },
            "\"m\", which is no part",
        ),
        (
            |stream, lines| {
                offer(stream, lines);
                stream.write_all(b"failed the disk is full\n").unwrap();
            },
            "does not hand over: the disk is full",
        ),
        (
            |stream, lines| {
                offer(stream, lines);
                stream.write_all(b"perhaps\n").unwrap();
            },
            "\"perhaps\", which is no part",
        ),
        (
            |stream, lines| {
                offer(stream, lines);
                // Silent until the other side gives up.
                expect(lines, "");
            },
            "did not close its log within 3.1s",
        ),
    ];
    for (script, wanted) in cases {
        let error = claim(script).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error:?} instead of {wanted:?}");
    }
}

#[test]
fn what_is_no_listening_socket_is_not_taken() {
    let (near, far) = UnixStream::pair().unwrap();
    far.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let bound = TcpListener::from(bound);
    send_socket(&near, MAIN, Some(&bound)).unwrap();
    let error = receive_socket(&far).unwrap_err();
    assert!(error.to_string().contains("no listening socket"), "{error}");
    drop(near);
    assert!(receive_socket(&far).unwrap().is_none());
}
