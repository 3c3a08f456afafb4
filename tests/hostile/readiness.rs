//! What the kernel tells once, told in the worst moment: while the server is stopped everything a client does becomes one event.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::support::{Builder, Gc2, PATIENCE, Server, Stop};

/// Nobody is asked anything: an answer to a PING would show the server what it overlooked.
fn builder() -> Builder {
    Server::builder()
        .set("heartbeat.interval", "300s")
        .set("server.shards", "1")
}

/// PINGs of `bytes` bytes altogether, and how many.
fn pings(bytes: usize) -> (String, usize) {
    let mut text = "PING;p;x\n".repeat(bytes / 9);
    let more = bytes - text.len();
    text.insert_str(5, &"t".repeat(more));
    (text, bytes / 9)
}

fn expect_pongs(client: &mut Gc2, count: usize) {
    for at in 0..count {
        let line = client.line();
        assert!(
            line.starts_with("PONG;") && line.ends_with(";x"),
            "{at}: {line:?}"
        );
    }
}

/// Sizes around what one read takes, and around what is read in one turn.
const SIZES: [usize; 7] = [4095, 4096, 4097, 65_535, 65_536, 65_537, 131_072];

#[test]
fn a_read_that_fits_exactly_leaves_nothing_behind() {
    let server = builder().start();
    for bytes in SIZES {
        let mut client = server.guest("ann");
        let (text, count) = pings(bytes);
        let mut socket = client.stream().try_clone().expect("the socket");
        let writer =
            server.while_stopped(|| std::thread::spawn(move || socket.write_all(text.as_bytes())));
        expect_pongs(&mut client, count);
        writer.join().expect("a writer").expect("all is taken");
        client.check_alive();
    }
}

#[test]
fn an_end_that_comes_with_the_last_bytes_is_found_behind_them() {
    let server = builder().start();
    for bytes in &SIZES[..6] {
        let mut client = server.guest("ann");
        let (text, count) = pings(*bytes);
        server.while_stopped(|| {
            client.send(&text[..text.len() - 1]);
            client.close_sending();
        });
        expect_pongs(&mut client, count);
        assert_eq!(client.try_line(), Err(Stop::Closed), "{bytes} bytes");
    }
}

#[test]
fn a_whole_session_in_one_event_is_served() {
    let server = builder().start();
    // Accepted, read to the end and closed: all of it is there before the server looks.
    let mut clients: Vec<Gc2> = server.while_stopped(|| {
        let session = |n| {
            let mut client = server.connect();
            client.send(&format!(
                "AUTH;a;GUEST;g{n}\nJOIN;j;den;\nSEND;s;den;from {n}\nBYE;b"
            ));
            client.close_sending();
            client
        };
        (0..100).map(session).collect()
    });
    for (n, client) in clients.iter_mut().enumerate() {
        client.expect(&format!("OK;a;g{n};"));
        client.expect_start("OK;j;den;");
        let lines = client.until_closed();
        for wanted in ["OK;s;", "BYE;bye;0"] {
            let found = lines.iter().any(|line| line.starts_with(wanted));
            assert!(found, "{wanted} of {n}: {lines:?}");
        }
    }
}

#[test]
fn urgent_data_hides_nothing_behind_it() {
    let server = builder().start();
    let mut client = server.guest("ann");
    for at in 0..20 {
        // A read stops at the mark, however much is behind it.
        server.while_stopped(|| {
            client.send(&format!("PING;before{at};x"));
            SockRef::from(client.stream())
                .send_out_of_band(b"!")
                .expect("urgent data");
            client.send(&format!("PING;behind{at};x"));
        });
        client.expect(&format!("PONG;before{at};x"));
        client.expect(&format!("PONG;behind{at};x"));
    }
}

#[test]
fn connections_that_break_at_once_leave_their_places() {
    const PLACES: usize = 20;
    let server = builder().set("limits.connections", PLACES).start();
    let mut witness = server.member("witness", "den");
    for round in 0..15 {
        server.while_stopped(|| {
            for n in 0..PLACES - 1 {
                let mut client = server.connect();
                let lines = format!("AUTH;a;GUEST;g{n}\nJOIN;j;den;\nSEND;s;den;half a li");
                client.send_bytes(&lines.as_bytes()[..lines.len() - n * 2]);
                if n % 2 == 0 {
                    let now = Some(Duration::ZERO);
                    SockRef::from(client.stream())
                        .set_linger(now)
                        .expect("a socket");
                } else {
                    let _ = client.stream().shutdown(Shutdown::Both);
                }
            }
        });
        // Whoever sits where they sat gets its own answers alone.
        let end = Instant::now() + PATIENCE;
        let mut next: Vec<Gc2> = Vec::new();
        while next.len() < PLACES - 1 {
            let mut client = server.connect();
            let name = format!("n{}", next.len());
            client.send(&format!("AUTH;{round};GUEST;{name}"));
            match client.try_line() {
                Ok(line) if line == format!("OK;{round};{name};") => next.push(client),
                Ok(line) => assert!(line.starts_with("ERR;;unavailable;"), "{line:?}"),
                Err(why) => assert!(why != Stop::TimedOut, "not served"),
            }
            assert!(Instant::now() < end, "{} places are free", next.len());
        }
        for (n, client) in next.iter_mut().enumerate() {
            client.ask(&format!("PING;{n};{round}"), &format!("PONG;{n};{round}"));
        }
        witness.say("den", &format!("t{round}"), "here");
    }
}
