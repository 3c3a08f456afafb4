//! Conversations with connections whose bodies are C16.

use super::{Pair, say};
use crate::rooms::so_far;
use crate::support::{Gc2, number};

fn c16(raw: &[u8]) -> String {
    let letter = |half: u8| char::from(b'A' + half);
    raw.iter()
        .flat_map(|byte| [letter(byte & 15), letter(byte >> 4)])
        .collect()
}

fn connect(pair: &Pair, end: usize) -> Gc2 {
    let mut client = pair.house.server.connect();
    client.send("HELLO;h;2;tests;body=c16");
    client.expect_start("WELCOME;h;");
    client.send(&pair.log_ins[end]);
    client.expect_start("OK;a;");
    client
}

#[test]
fn any_bytes_pass_both_ways() {
    let mut pair = Pair::open();
    let (mut ann, mut bob) = (connect(&pair, 0), connect(&pair, 1));
    for round in 0..20 {
        let raw = [b"\x00\xff" as &[u8], format!("{round}").as_bytes()].concat();
        let body = c16(&raw);
        let id = say(&mut ann, "@bob", &body);
        let line = bob.expect_start(&format!("MSG;@ann;{id};"));
        assert!(line.ends_with(&format!(";ann;{body}")), "{line:?}");
        let text = format!(r";ann;\x00\xFF{round}");
        for client in &mut pair.bob {
            let line = client.expect_start(&format!("MSG;@ann;{id};"));
            assert!(line.ends_with(&text), "{line:?}");
        }
        bob.send(&format!("GET;g;{id}"));
        let line = bob.expect_start(&format!("HIST;g;@ann;{id};"));
        assert!(line.ends_with(&format!(";ann;{body}")), "{line:?}");
        bob.expect("OK;g;1");
        bob.send("HISTORY;g;@ann;last=1;");
        bob.expect_start(&format!("HIST;g;@ann;{id};"));
        bob.expect("OK;g;1");
    }
    let id = say(&mut pair.bob[0], "@ann", "from text");
    let line = ann.expect_start(&format!("MSG;@bob;{id};"));
    assert!(
        line.ends_with(&format!(";Bob;{}", c16(b"from text"))),
        "{line:?}"
    );
    bob.expect_start(&format!("MSG;@ann;{id};"));
    ann.send("SEND;x;@bob;hello!");
    ann.expect_start("ERR;x;bad-request;");
    ann.send("SEND;x;@nobody;AA");
    ann.expect_start("ERR;x;not-found;");
    bob.send(&format!("DELETE;d;{id}"));
    let (mut before, _) = bob.until(&format!("OK;d;{id}"));
    before.extend(so_far(&mut bob));
    assert_eq!(before, [format!("GONE;@ann;{id}")]);
    ann.expect(&format!("GONE;@bob;{id}"));
    assert_eq!(number(&format!("x;{id}"), 1), id);
}
