//! Lines that are wrong. The connection stays, and goes on to work.

use crate::support::{Gc2, Server};

/// Two members, one of which misbehaves.
fn pair(server: &Server) -> (Gc2, Gc2) {
    (server.member("bad", "den"), server.member("good", "den"))
}

/// Both still work, together.
#[track_caller]
fn check_both(bad: &mut Gc2, good: &mut Gc2) {
    bad.check_alive();
    good.check_alive();
    let tag = crate::support::fresh_tag();
    let id = bad.say("den", &tag, "still here");
    good.until(&format!("MSG;den;{id};"));
}

#[test]
fn lines_without_sense_are_answered_with_their_tag() {
    let server = Server::start();
    let (mut bad, mut good) = pair(&server);
    let room64 = "r".repeat(64);
    let cases: &[(&str, &str)] = &[
        ("", "ERR;;bad-request;"),
        (";", "ERR;;bad-request;"),
        (";;;;", "ERR;;bad-request;"),
        ("NONSENSE;n1;x", "ERR;n1;bad-request;"),
        ("send;n2;den;lower case verb", "ERR;n2;bad-request;"),
        (" SEND;n3;den;x", "ERR;n3;bad-request;"),
        ("SEND", "ERR;;bad-request;"),
        ("SEND;s1", "ERR;s1;bad-request;"),
        ("SEND;s2;den", "ERR;s2;bad-request;"),
        ("SEND;s3;den;", "ERR;s3;bad-request;"),
        ("SEND;s4;;x", "ERR;s4;bad-request;"),
        ("SEND;s5;Den;x", "ERR;s5;bad-request;"),
        ("SEND;bad tag;den;x", "ERR;;bad-request;"),
        ("SEND;s6;@;x", "ERR;s6;bad-request;"),
        ("JOIN;j1", "ERR;j1;bad-request;"),
        ("JOIN;j2;a room;", "ERR;j2;bad-request;"),
        ("JOIN;j3;-den;", "ERR;j3;bad-request;"),
        ("JOIN;j4;den", "ERR;j4;conflict;"),
        ("JOIN;j5;other;after=-1", "ERR;j5;bad-request;"),
        ("JOIN;j6;other;since=-1", "ERR;j6;bad-request;"),
        ("JOIN;j7;other;since=1e9", "ERR;j7;bad-request;"),
        ("JOIN;j8;other;since=99999999999999", "ERR;j8;bad-request;"),
        ("JOIN;j9;other;last=-1", "ERR;j9;bad-request;"),
        ("JOIN;ja;other;first=1", "ERR;ja;bad-request;"),
        ("JOIN;jb;.gone;", "ERR;jb;bad-request;"),
        ("JOIN;jc;..;", "ERR;jc;bad-request;"),
        ("JOIN;jd;../../etc/passwd;", "ERR;jd;bad-request;"),
        ("PART;p1", "ERR;p1;bad-request;"),
        ("PART;p2;other", "ERR;p2;conflict;"),
        ("HISTORY;h1", "ERR;h1;bad-request;"),
        ("HISTORY;h2;den;since=-1;", "ERR;h2;bad-request;"),
        ("GET;g1;18446744073709551616", "ERR;g1;bad-request;"),
        ("GET;g2;-1", "ERR;g2;bad-request;"),
        ("GET;g3", "ERR;g3;bad-request;"),
        ("DELETE;d1;18446744073709551616", "ERR;d1;bad-request;"),
        ("DELETE;d2;18446744073709551615", "ERR;d2;not-found;"),
        ("WHO;w1", "ERR;w1;bad-request;"),
        ("ROOM;r1;den;topic;x", "ERR;r1;forbidden;"),
        ("ROOM;r4;den;explode;x", "ERR;r4;bad-request;"),
        ("ROOM;r5;nowhere;topic;x", "ERR;r5;not-found;"),
        ("ROOM;r6;new;create", "ERR;r6;forbidden;"),
        ("ROOM;r7;den", "ERR;r7;bad-request;"),
        ("ROOM;r8;den;kick;", "ERR;r8;bad-request;"),
        ("ROOM;r9;den;ban;0.0.0.0/0", "ERR;r9;bad-request;"),
        ("REGISTER;r2;x", "ERR;r2;conflict;"),
        ("REGISTER;r2;.x", "ERR;r2;bad-request;"),
        ("PASSWD;r3;x", "ERR;r3;forbidden;"),
        ("SEND;t1;elsewhere;not joined", "ERR;t1;forbidden;"),
    ];
    for (line, answer) in cases {
        bad.send(line);
        let got = bad.line();
        assert!(
            got.starts_with(answer),
            "{got:?} instead of {answer:?} to {line:?}"
        );
        let text = got.splitn(4, ';').nth(3).expect("a text");
        assert!(text.len() > 10, "{got:?} says nothing to a person");
    }
    bad.send(&format!("JOIN;long;{room64}x;"));
    bad.expect_start("ERR;long;bad-request;");
    bad.ask(
        &format!("JOIN;fits;{room64};"),
        &format!("OK;fits;{room64};0"),
    );
    bad.send(&format!("PING;{};x", "t".repeat(65)));
    bad.expect_start("ERR;;bad-request;");
    check_both(&mut bad, &mut good);
}

#[test]
fn bytes_that_are_no_text_are_refused_and_told_where() {
    let server = Server::start();
    let (mut bad, mut good) = pair(&server);
    let cases: &[(&[u8], &str)] = &[
        (b"SEND;u1;den;caf\xe9\n", "ERR;u1;bad-request;"),
        (b"SEND;u2;den;\xff\xfe\n", "ERR;u2;bad-request;"),
        (b"SEND;u3;den;a\0b\n", "ERR;u3;bad-request;"),
        (b"SEND;u4;d\xffn;x\n", "ERR;u4;bad-request;"),
        (b"SEND;u\xff5;den;x\n", "ERR;;bad-request;"),
        (b"JOIN;u6;\xff;\n", "ERR;u6;bad-request;"),
        (b"JOIN;u7;a\0b;\n", "ERR;u7;bad-request;"),
        (b"\xff\xfe\xfd\n", "ERR;;bad-request;"),
        (b"\0\0\0\n", "ERR;;bad-request;"),
        (b"NO\0;u8;x\n", "ERR;u8;bad-request;"),
        (b"PING;u9;\xc3\x28\n", "ERR;u9;bad-request;"),
        // An overlong slash, and a half of a surrogate pair.
        (b"SEND;ua;den;\xc0\xaf\n", "ERR;ua;bad-request;"),
        (b"SEND;ub;den;\xed\xa0\x80\n", "ERR;ub;bad-request;"),
    ];
    for (bytes, answer) in cases {
        bad.send_bytes(bytes);
        let got = bad.line();
        assert!(got.starts_with(answer), "{got:?} instead of {answer:?}");
    }
    check_both(&mut bad, &mut good);
    assert_eq!(server.guest("reader").whole_history("den").len(), 1);
}

#[test]
fn names_with_separators_never_reach_the_log() {
    let server = Server::start();
    let mut client = server.connect();
    for name in [
        "a;b",
        "a\\nb",
        "a#lobby",
        ".gone",
        "a b",
        "a\tb",
        "a\u{202e}b",
        "ann\\",
    ] {
        client.send(&format!("AUTH;a;GUEST;{name}"));
        let line = client.line();
        if name == "a;b" {
            // The semicolon ends the field; what stands before it is a name.
            assert_eq!(line, "OK;a;a;");
            client = server.connect();
        } else {
            assert!(line.starts_with("ERR;a;bad-request;"), "{name:?}: {line:?}");
        }
    }
    client.send_bytes(b"AUTH;a;GUEST;new\nline\n");
    client.expect("OK;a;new;");
    client.expect_start("ERR;;bad-request;");
    client.join("den", "");
    client.send("SEND;s;den;a\\n2;1.000;root;forged");
    client.until("OK;s;");
    let stored = server.guest("reader").whole_history("den");
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].1, "a\\n2;1.000;root;forged");
    let segment = server.data_dir().join("log/00000000000000000001.log");
    let text = std::fs::read_to_string(segment).expect("the segment");
    assert_eq!(text.lines().count(), 1, "{text:?}");
}

#[test]
fn an_oversized_line_is_skipped_to_its_end_and_its_tag_given_back() {
    let server = Server::start();
    let (mut bad, mut good) = pair(&server);
    let long = "x".repeat(40_000);
    bad.send(&format!("SEND;o1;den;{long}"));
    bad.expect_start("ERR;o1;too-large;");
    bad.send(&format!("NONSENSE;o2;{long}"));
    bad.expect_start("ERR;o2;too-large;");
    bad.send(&long);
    bad.expect_start("ERR;;too-large;");
    bad.send(&format!("SEND;{long}"));
    bad.expect_start("ERR;;too-large;");
    // What would be a command inside of it is not one.
    bad.send(&format!("SEND;o3;den;{long};SEND;o4;den;hidden"));
    bad.expect_start("ERR;o3;too-large;");
    check_both(&mut bad, &mut good);
}
