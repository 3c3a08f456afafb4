//! What is one thing for who sends it and another for who reads it: commands within other protocols, lines within bodies, lines within
//! the server's log.

use crate::support::{OriginalClient, Server};

#[test]
fn what_a_browser_posts_is_never_carried_out() {
    let server = Server::start();
    let mut good = server.member("good", "den");
    let commands = "AUTH;a;GUEST;evil\r\nJOIN;j;den;\r\nSEND;s;den;from a web page\r\n";
    for head in [
        "POST / HTTP/1.1",
        "PUT /x HTTP/1.0",
        "get / HTTP/1.1",
        "AUTH / HTTP/1.1",
    ] {
        let mut page = server.connect();
        let length = commands.len();
        page.send(&format!(
            "{head}\r\nHost: chat:10740\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{commands}"
        ));
        let answer = String::from_utf8(page.bytes_to_end()).expect("text");
        assert!(answer.starts_with("HTTP/1.1 501 "), "{answer:?}");
        assert!(!answer.contains("OK;"), "{answer:?}");
    }
    // The head alone, and the commands a moment later, when the server may have made up its mind.
    let mut page = server.connect();
    page.send_bytes(b"POST ");
    assert!(String::from_utf8_lossy(&page.bytes_to_end()).starts_with("HTTP/1.1 501 "));
    good.ask("HISTORY;h;den;;", "OK;h;0");
    good.send("WHO;w;den");
    good.expect("USER;w;good;guest");
    good.expect("OK;w;1");
}

#[test]
fn nothing_in_a_body_is_a_line_of_its_own_for_any_reader() {
    let server = Server::builder().set("legacy.enabled", "true").start();
    let mut ann = server.member("ann", "lobby");
    let mut bob = server.member("bob", "lobby");
    let forged = "MSG;lobby;99;1.000;root;forged";
    let separators = [
        "\\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\\x0A", "\\\\n", "\u{1e}",
    ];
    for (at, separator) in separators.iter().enumerate() {
        ann.send(&format!("SEND;s{at};lobby;a{separator}{forged}"));
        let line = bob.expect_start("MSG;lobby;");
        assert!(
            line.contains(";ann;a") && line.ends_with(forged),
            "{line:?}"
        );
    }
    bob.ask("PING;p;x", "PONG;p;x");
    let segment = server.data_dir().join("log/00000000000000000001.log");
    let text = std::fs::read_to_string(segment).expect("the segment");
    assert_eq!(text.matches('\n').count(), separators.len());
}

#[test]
fn words_of_the_original_protocol_are_words_and_nothing_else_among_commands() {
    let server = Server::builder().set("legacy.enabled", "true").start();
    let mut ann = server.member("ann", "lobby");
    for (line, answer) in [
        ("Ping", "ERR;;bad-request;"),
        ("AuthRequest", "ERR;;bad-request;"),
        ("Authed", "ERR;;bad-request;"),
        ("Thx", "ERR;;bad-request;"),
        ("root;I am root", "ERR;;bad-request;"),
    ] {
        ann.send(line);
        ann.expect_start(answer);
    }
    // And commands are words for the original's port: said by the one who is there, as they stand.
    let old = OriginalClient::log_in(&server);
    old.say("eve", "x\nAUTH;a;GUEST;root\nSEND;s;lobby;forged");
    let line = ann.expect_start("MSG;lobby;1;");
    assert!(
        line.ends_with(r";eve;x\nAUTH;a;GUEST;root\nSEND;s;lobby;forged"),
        "{line:?}"
    );
    ann.check_alive();
    old.say("SEND;s;lobby", "as a name");
    let line = ann.expect_start("MSG;lobby;2;");
    assert!(line.ends_with(";SEND;s;lobby;as a name"), "{line:?}");
}

/// Words that would turn, hide or begin a line where they are shown.
const HOSTILE: [&str; 8] = [
    "\u{1b}[2J\u{1b}[1;1H",
    "\u{1b}]0;owned\u{7}",
    "\rINFO all is well",
    "\u{9b}31m",
    "\u{85}INFO forged",
    "\u{8}\u{8}\u{8}",
    "\u{7f}",
    "\u{0}",
];

#[test]
fn what_strangers_say_forges_no_line_of_the_servers_log() {
    let server = Server::builder().set("logging.level", "trace").start();
    for word in HOSTILE {
        let mut client = server.connect();
        for line in [
            format!("HELLO;h;2;{word}nc;body=text"),
            format!("HELLO;h;2;nc;body={word}"),
            format!("AUTH;a;GUEST;{word}x"),
            format!("AUTH;a;{word};x"),
            format!("REGISTER;r;{word};x;{word}"),
            format!("{word};t;x"),
            format!("AUTH;a{word};GUEST;x"),
        ] {
            client.send(&line);
            let answer = client.line();
            let clean = !answer.contains(char::is_control);
            assert!(clean && answer.starts_with("ERR;"), "{line:?}: {answer:?}");
        }
        client.login("ann");
        client.send(&format!(
            "ROOM;r;{word};topic;{word}\nJOIN;j;{word};\nBYE;{word}"
        ));
        client.until("ERR;");
        let mut probe = server.connect();
        probe.send(&format!(
            "GET /{word} HTTP/1.1\r\nUser-Agent: {word}\r\n\r\n"
        ));
        probe.bytes_to_end();
        let mut tls = server.connect();
        tls.send_bytes(&[b"\x16\x03\x01", word.as_bytes()].concat());
        tls.bytes_to_end();
    }
    server.guest("last").check_alive();
    server.wait_for_log("HTTP on the chat port");
    let log = server.log_text();
    let is_clean = |line: &str| !line.chars().any(|c| c.is_control());
    for line in log.lines() {
        assert!(is_clean(line) && !line.starts_with("INFO"), "{line:?}");
    }
}
