//! `body=c16`: any bytes, both ways, and what text clients see of them.

use crate::support::{Gc2, Server, number};

fn c16(raw: &[u8]) -> String {
    let letter = |half: u8| char::from(b'A' + half);
    raw.iter()
        .flat_map(|byte| [letter(byte & 15), letter(byte >> 4)])
        .collect()
}

fn c16_member(server: &Server, name: &str, room: &str) -> Gc2 {
    let mut client = server.connect();
    client.send("HELLO;h;2;tests;body=c16");
    assert!(client.line().ends_with(";body=c16 presence=off"));
    client.login(name);
    client.join(room, "");
    client
}

#[test]
fn any_bytes_pass_and_text_clients_see_them_escaped() {
    let server = Server::start();
    let mut ann = c16_member(&server, "ann", "den");
    let mut bob = c16_member(&server, "bob", "den");
    let mut tim = server.member("tim", "den");
    let all: Vec<u8> = (0..=255).collect();
    let cases: [(&[u8], Option<&str>); 6] = [
        (b"plain", Some("plain")),
        (b"a;b\nc\\d", Some(r"a;b\nc\\d")),
        (b"\x00\xff!", Some(r"\x00\xFF!")),
        ("ü☃".as_bytes(), Some("ü☃")),
        (b"\xc3", Some(r"\xC3")),
        (&all, None),
    ];
    for (at, (raw, text)) in cases.into_iter().enumerate() {
        let body = c16(raw);
        ann.send(&format!("SEND;s{at};den;{body}"));
        let (mut told, ok) = ann.until(&format!("OK;s{at};"));
        let id = number(&ok, 2);
        let own = told.pop().unwrap_or_else(|| ann.line());
        assert!(own.ends_with(&format!(";ann;{body}")), "{own:?}");
        let line = bob.expect_start(&format!("MSG;den;{id};"));
        assert!(line.ends_with(&format!(";ann;{body}")), "{line:?}");
        let line = tim.expect_start(&format!("MSG;den;{id};"));
        if let Some(text) = text {
            assert!(line.ends_with(&format!(";ann;{text}")), "{line:?}");
        }
        bob.send(&format!("GET;g;{id}"));
        assert!(bob.line().ends_with(&format!(";ann;{body}")));
        bob.expect("OK;g;1");
        bob.send("HISTORY;g;den;last=1;");
        assert!(bob.line().ends_with(&format!(";ann;{body}")));
        bob.expect("OK;g;1");
        // A late reader gets it from the log in its own form.
        let mut late = server.connect();
        late.send("HELLO;h;2;tests;body=c16");
        late.expect_start("WELCOME;");
        late.login("late");
        late.join("den", "last=1");
        assert!(late.line().ends_with(&format!(";ann;{body}")));
    }
    tim.say("den", "t", r"from\ntext");
    let line = ann.expect_start("MSG;den;");
    assert!(
        line.ends_with(&format!(";tim;{}", c16(b"from\ntext"))),
        "{line:?}"
    );
}

#[test]
fn text_that_is_not_c16_is_refused_with_its_place() {
    let server = Server::start();
    let mut ann = c16_member(&server, "ann", "den");
    for bad in ["A", "ABC", "AQ", "hello!", "AB;CD"] {
        ann.send(&format!("SEND;s;den;{bad}"));
        ann.expect_start("ERR;s;bad-request;");
    }
    ann.send("SEND;s;den;");
    ann.expect_start("ERR;s;bad-request;");
    // One byte more than a message may have; the line itself would be too long for the default limit.
    let server = Server::builder()
        .set("limits.line_bytes", "64KiB")
        .set("limits.message_bytes", "1KiB")
        .start();
    let mut ann = c16_member(&server, "ann", "den");
    ann.send(&format!("SEND;s;den;{}", c16(&[b'x'; 1025])));
    ann.expect_start("ERR;s;too-large;");
    ann.say("den", "s", &c16(&[b'x'; 1024]));
}

#[test]
fn bodies_in_one_write_keep_their_order_among_other_commands() {
    let server = Server::start();
    let mut ann = c16_member(&server, "ann", "den");
    let mut text = String::new();
    for at in 0..200 {
        text.push_str(&format!(
            "SEND;t{at};den;{}\nPING;p{at};\n",
            c16(format!("n{at}").as_bytes())
        ));
    }
    text.push_str("HISTORY;h;den;after=0;1000\n");
    ann.send_bytes(text.as_bytes());
    let lines = ann.until("OK;h;").0;
    let bodies: Vec<&str> = lines
        .iter()
        .filter(|line| line.starts_with("HIST;"))
        .filter_map(|line| line.rsplit(';').next())
        .collect();
    let expected: Vec<String> = (0..200)
        .map(|at| c16(format!("n{at}").as_bytes()))
        .collect();
    assert_eq!(bodies, expected);
}
