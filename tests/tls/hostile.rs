//! What somebody can do with TLS alone, without a word in it or with very few.

use std::io::Write;

use super::{TlsClient, TlsServer, client_config, versions};

/// Updates that the server's library takes before the next word.
const UPDATES: usize = 30;

/// New keys again and again, and a byte of `line` now and then.
fn change_keys(client: &mut TlsClient, byte: u8) -> std::io::Result<()> {
    for _ in 0..UPDATES {
        client.tls.refresh_traffic_keys().expect("TLS 1.3");
    }
    client.tls.writer().write_all(&[byte])?;
    while client.tls.wants_write() {
        client.tls.write_tls(&mut client.socket)?;
    }
    Ok(())
}

#[test]
fn new_keys_without_end_count_as_what_they_are() {
    let tls = TlsServer::with(|builder| {
        builder
            .set("limits.exempt", "")
            .set("limits.bytes_per_second", "16KiB")
            .set("limits.bytes_burst", "64KiB")
    });
    let mut good = tls.guest("good");
    let mut bad = tls.connect_with(client_config(&tls.pair, versions::ONLY_13));
    bad.login("bad");
    // A hundred words at most: far from any limit by themselves.
    for _ in 0..100 {
        if change_keys(&mut bad, b'x').is_err() {
            break;
        }
    }
    bad.send_bytes(b"\nPING;p;\n");
    let mut refused = false;
    loop {
        let line = bad.line();
        refused |= line.starts_with("ERR;;rate-limited;too many bytes (limits.bytes_per_second)");
        if line == "PONG;p;" {
            break;
        }
    }
    assert!(refused, "a thousandth of the burst is in the words");
    good.check_alive();

    // Before the log-in nobody needs that much.
    let mut stranger = tls.connect_with(client_config(&tls.pair, versions::ONLY_13));
    while change_keys(&mut stranger, b'x').is_ok() {}
    tls.server.wait_for_log("too much of TLS without a log-in");
    good.check_alive();
}

#[test]
fn bodies_in_c16_cross_records() {
    let tls = TlsServer::start();
    let member = |name: &str| {
        let mut client = tls.connect();
        client.send("HELLO;h;2;tests;body=c16");
        client.until("WELCOME;");
        client.login(name);
        client.join("den", "");
        client
    };
    let (mut ann, mut bob) = (member("ann"), member("bob"));
    // 6000 raw bytes, so that 12000 letters and three lines pass a record's end.
    let body: String = (0..12_000)
        .map(|at| char::from(b'A' + (at * 7 % 16) as u8))
        .collect();
    let lines: String = (0..8)
        .map(|at| format!("SEND;s{at};den;{body}\n"))
        .collect();
    ann.send_bytes(lines.as_bytes());
    for _ in 0..8 {
        assert!(bob.until("MSG;den;").ends_with(&format!(";ann;{body}")));
    }
    bob.send("HISTORY;h;den;last=8;");
    for _ in 0..8 {
        assert!(bob.until("HIST;h;").ends_with(&format!(";ann;{body}")));
    }
    bob.expect("OK;h;8");
}

#[test]
fn words_and_their_end_in_one_event_are_all_taken() {
    let tls = TlsServer::with(|builder| {
        builder
            .set("server.shards", "1")
            .set("heartbeat.interval", "300s")
    });
    // Less and more than one read of somebody who is logged in takes.
    for count in [1, 1_000, 6_000, 9_000] {
        let mut client = tls.guest("ann");
        let text = "PING;p;x\n".repeat(count);
        tls.server.while_stopped(|| {
            client.send_bytes(text.as_bytes());
            client.tls.send_close_notify();
            while client.tls.wants_write() {
                client.tls.write_tls(&mut client.socket).expect("a socket");
            }
            let end = client.socket.shutdown(std::net::Shutdown::Write);
            end.expect("a socket");
        });
        let (text, end) = client.until_end();
        assert_eq!(end, Ok(()));
        assert_eq!(text, "PONG;p;x\n".repeat(count));
    }
}
