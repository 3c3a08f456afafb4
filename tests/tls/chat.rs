//! Chat over TLS: the same lines, whole, however slowly they are read.

use std::io::ErrorKind;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use socket2::{Domain, Socket, Type};

use super::{TlsClient, TlsServer, client_config, versions};
use crate::support::{Senders, number};

#[test]
fn both_versions_and_plain_clients_talk_in_one_room() {
    let tls = TlsServer::start();
    let mut plain = tls.server.member("plain", "den");
    for (name, speaks, version) in [
        ("older", versions::ONLY_12, rustls::ProtocolVersion::TLSv1_2),
        ("newer", versions::ONLY_13, rustls::ProtocolVersion::TLSv1_3),
    ] {
        let mut config = client_config(&tls.pair, speaks);
        config.alpn_protocols = vec![b"gc2".to_vec()];
        let mut client = tls.connect_with(config);
        assert_eq!(client.tls.protocol_version(), Some(version));
        assert_eq!(client.tls.alpn_protocol(), Some(&b"gc2"[..]));
        client.login(name);
        client.join("den", "");
        client.send(&format!("SEND;t;den;from {name}"));
        let ok = client.until("OK;t;");
        let heard = loop {
            let line = plain.until("MSG;den;").1;
            if line.ends_with(&format!(";{name};from {name}")) {
                break line;
            }
        };
        assert_eq!(number(&heard, 2), number(&ok, 2));
        plain.say("den", name, &format!("hello {name}"));
        while !client
            .until("MSG;den;")
            .ends_with(&format!(";plain;hello {name}"))
        {}
        client.ask("BYE;b", "BYE;bye;0");
        assert_eq!(client.until_end(), (String::new(), Ok(())), "ends in order");
    }
    tls.server.wait_for_log("TLSv1_2 TLS_ECDHE_ECDSA_WITH_AES");
    tls.server.wait_for_log("TLSv1_3 TLS13_AES");
}

#[test]
fn a_client_that_comes_back_has_a_ticket() {
    let tls = TlsServer::start();
    for speaks in [versions::ONLY_12, versions::ONLY_13] {
        let config = Arc::new(client_config(&tls.pair, speaks));
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut client = TlsClient::connect(tls.server.address(), config.clone());
            client.check_alive();
            kinds.push(client.tls.handshake_kind());
        }
        let resumed = Some(rustls::HandshakeKind::Resumed);
        assert_eq!((kinds[0] == resumed, kinds[1] == resumed), (false, true));
    }
}

#[test]
fn a_server_that_stops_says_goodbye_in_order() {
    let mut tls = TlsServer::start();
    let mut client = tls.guest("ann");
    tls.server.order_to_stop();
    let (said, end) = client.until_end();
    assert!(said.starts_with("BYE;restart;"), "{said:?}");
    assert_eq!(end, Ok(()));
    assert!(tls.server.wait_for_end().success());
}

#[test]
fn who_says_that_it_sends_no_more_gets_what_it_asked_for() {
    let tls = TlsServer::start();
    let mut writer = tls.server.member("ann", "den");
    for at in 0..50 {
        writer.say("den", &format!("t{at}"), &"x".repeat(4000));
    }
    let mut client = tls.connect();
    client.tls.send_close_notify();
    client.send_bytes(b"");
    assert_eq!(client.until_end(), (String::new(), Ok(())));

    let mut client = tls.connect();
    client.send_bytes(
        b"AUTH;a;GUEST;bob\nJOIN;j;den;after=0\nSEND;half;den;a line that does not end",
    );
    client.tls.send_close_notify();
    client.tls.complete_io(&mut client.socket).expect("sent");
    client.socket.shutdown(Shutdown::Write).expect("shut down");
    let (said, end) = client.until_end();
    let told = said.lines().filter(|line| line.starts_with("MSG;den;"));
    assert_eq!((told.count(), end), (50, Ok(())));
}

/// Somebody between the two may have cut it: what is whole counts, what is not does not, and nothing is answered for sure.
#[test]
fn a_cut_connection_is_an_end_and_nothing_else() {
    let tls = TlsServer::start();
    let mut client = tls.guest("ann");
    client.join("den", "");
    client.send("SEND;one;den;whole");
    client.until("OK;one;");
    client.send_bytes(b"SEND;two;den;SEND;three;den;cut");
    client.check_records_are_out();
    client.socket.shutdown(Shutdown::Write).expect("shut down");
    let (_, end) = client.until_end();
    assert_eq!(
        end,
        Err(ErrorKind::UnexpectedEof),
        "no goodbye to who said none"
    );
    let history = tls.server.guest("bob").whole_history("den");
    let bodies: Vec<&str> = history.iter().map(|(_, body)| body.as_str()).collect();
    assert_eq!(bodies, ["whole"]);
}

#[test]
fn lines_may_be_cut_into_records_and_records_into_segments() {
    let tls = TlsServer::start();
    let mut client = tls.guest("ann");
    client.join("den", "");
    for byte in b"SEND;a;den;slowly\n" {
        client.send_bytes(&[*byte]);
    }
    client.until("OK;a;");
    // One record, a byte at a time.
    use std::io::Write;
    client
        .tls
        .writer()
        .write_all(b"SEND;b;den;drop by drop\n")
        .expect("buffered");
    let mut record = Vec::new();
    client.tls.write_tls(&mut record).expect("a record");
    for byte in record {
        client.socket.write_all(&[byte]).expect("taken");
    }
    client.until("OK;b;");
    // More than a read takes, in records of the greatest size, not at their borders.
    let body = "y".repeat(8000);
    let lines: String = (0..500)
        .map(|at| format!("SEND;c{at};den;{body}\n"))
        .collect();
    let mut reader = tls.guest("bob");
    reader.join("den", "");
    let writer = std::thread::spawn(move || {
        client.send_bytes(lines.as_bytes());
        client
    });
    for _ in 0..500 {
        assert!(reader.until("MSG;den;").ends_with(&body));
    }
    let mut client = writer.join().expect("written");
    client.until("OK;c499;");
}

#[test]
fn a_large_history_comes_whole() {
    let tls = TlsServer::with(|builder| builder.set("storage.durability", "os"));
    let senders = Senders::with_body(tls.server.address(), "den", 8, &"z".repeat(7000));
    senders.wait_for(1000);
    let report = senders.finish();
    let mut expected: Vec<u64> = report.kept.iter().map(|said| said.id).collect();
    expected.sort_unstable();
    for speaks in [versions::ONLY_12, versions::ONLY_13] {
        let mut client = tls.connect_with(client_config(&tls.pair, speaks));
        client.login("reader");
        client.send("HISTORY;h;den;after=0;1000");
        for id in &expected[..1000] {
            let line = client.line();
            assert!(line.starts_with("HIST;h;den;") && line.ends_with("zzz"));
            assert_eq!(number(&line, 3), *id);
        }
        client.expect("OK;h;1000");
        client.ask("BYE;b", "BYE;bye;0");
        assert_eq!(client.until_end().1, Ok(()));
    }
}

#[test]
fn a_slow_reader_loses_nothing() {
    let tls = TlsServer::with(|builder| {
        builder
            .set("storage.durability", "os")
            .set("storage.journal_bytes", "8MiB")
            .set("rooms.tail_bytes", "256KiB")
            .set("heartbeat.interval", "500ms")
            .set("heartbeat.timeout", "500ms")
            .set("logging.level", "info")
    });
    let mut slow: Vec<TlsClient> = [versions::ONLY_12, versions::ONLY_13]
        .map(|speaks| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket
                .set_recv_buffer_size(16 * 1024)
                .expect("a small buffer");
            socket
                .connect(&tls.server.address().into())
                .expect("a connection");
            let config = Arc::new(client_config(&tls.pair, speaks));
            TlsClient::over(TcpStream::from(socket), config).expect("a handshake")
        })
        .into();
    for (at, client) in slow.iter_mut().enumerate() {
        client.login(&format!("slow{at}"));
        client.join("den", "after=0");
    }
    let before = tls.server.resident_bytes();
    let senders = Senders::with_body(tls.server.address(), "den", 8, &".".repeat(7 * 1024));
    let mut highest = before;
    for step in 1..=20 {
        senders.wait_for(step * 150);
        highest = highest.max(tls.server.resident_bytes());
    }
    let report = senders.finish();
    assert!(report.refused.is_empty() && report.unanswered.is_empty());
    let mut expected: Vec<u64> = report.kept.iter().map(|said| said.id).collect();
    expected.sort_unstable();
    for client in &mut slow {
        for (at, id) in expected.iter().enumerate() {
            assert_eq!(number(&client.until("MSG;den;"), 2), *id, "message {at}");
        }
        client.check_alive();
    }
    let grown = (highest - before) / (1024 * 1024);
    assert!(grown < 32, "grew by {grown} MiB");
}
