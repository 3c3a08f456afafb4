//! DELETE, GONE, and that what was removed does not come back.

use crate::support::{Server, number};

/// Whether any file under `folder` holds `needle`.
fn is_on_disk(folder: &std::path::Path, needle: &[u8]) -> bool {
    let entries = std::fs::read_dir(folder).expect("the data folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .any(|path| {
            if path.is_dir() {
                return is_on_disk(&path, needle);
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            memchr::memmem::find(&bytes, needle).is_some()
        })
}

#[test]
fn what_is_deleted_is_gone_for_everybody() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    let mut bob = server.member("bob", "den");
    let secret = "unrepeatable-secret-4711";
    let id = ann.say("den", "s", secret);
    let kept = ann.say("den", "s2", "kept");
    assert!(is_on_disk(&server.data_dir(), secret.as_bytes()));
    bob.send(&format!("DELETE;d;{id}"));
    bob.until("ERR;d;forbidden;");
    ann.send(&format!("DELETE;d;{id}"));
    let gone = ann.until(&format!("OK;d;{id}")).0;
    if !gone.contains(&format!("GONE;den;{id}")) {
        ann.until(&format!("GONE;den;{id}"));
    }
    // What was said before may come behind the refusal.
    bob.until(&format!("GONE;den;{id}"));
    assert!(!is_on_disk(&server.data_dir(), secret.as_bytes()));
    bob.send(&format!("GET;g;{id}"));
    bob.expect_start("ERR;g;not-found;");
    bob.send("HISTORY;h;den;after=0;");
    bob.expect_start(&format!("HIST;h;den;{kept};"));
    bob.expect("OK;h;1");
    // Once more: it is not there any longer.
    ann.send(&format!("DELETE;d2;{id}"));
    ann.expect_start("ERR;d2;not-found;");
}

#[test]
fn gone_is_replayed_to_who_missed_it_and_the_content_is_not() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    let first = ann.say("den", "s1", "to go");
    let second = ann.say("den", "s2", "stays");
    ann.send(&format!("DELETE;d;{first}"));
    ann.until(&format!("OK;d;{first}"));
    let third = ann.say("den", "s3", "later");

    // Saw both, missed the removal.
    let mut missed = server.guest("missed");
    missed.ask(
        &format!("JOIN;j;den;after={second}"),
        &format!("OK;j;den;{third}"),
    );
    missed.expect(&format!("GONE;den;{first}"));
    missed.expect_start(&format!("MSG;den;{third};"));

    // Saw nothing: the content does not come. The log tells the removal where it stands.
    let mut fresh = server.guest("fresh");
    fresh.join("den", "after=0");
    fresh.expect_start(&format!("MSG;den;{second};"));
    let gone = fresh.line();
    assert_eq!(gone, format!("GONE;den;{first}"));
    fresh.expect_start(&format!("MSG;den;{third};"));
    let fourth = ann.say("den", "s4", "the end");
    fresh.expect_start(&format!("MSG;den;{fourth};"));
}

#[test]
fn removals_survive_a_crash() {
    let mut server = Server::start();
    let mut ann = server.member("ann", "den");
    let id = ann.say("den", "s1", "unrepeatable-secret-0815");
    ann.send(&format!("DELETE;d;{id}"));
    ann.until(&format!("OK;d;{id}"));
    server.kill9();
    assert!(!is_on_disk(&server.data_dir(), b"unrepeatable-secret-0815"));
    server.restart();
    let mut bob = server.guest("bob");
    bob.send(&format!("GET;g;{id}"));
    bob.expect_start("ERR;g;not-found;");
    bob.ask("HISTORY;h;den;after=0;", "OK;h;0");
    assert!(!is_on_disk(&server.data_dir(), b"unrepeatable-secret-0815"));
}

#[test]
fn a_guest_deletes_only_what_its_own_connection_sent() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    let id = ann.say("den", "s1", "mine");
    let mut again = server.member("ann", "den");
    again.send(&format!("DELETE;d;{id}"));
    again.expect_start("ERR;d;forbidden;");
    for (bad, code) in [
        ("0", "bad-request"),
        ("", "bad-request"),
        ("77777", "not-found"),
    ] {
        ann.send(&format!("DELETE;bad;{bad}"));
        ann.until(&format!("ERR;bad;{code};"));
    }
    // In one go: the DELETE sees the SEND before it.
    ann.ask("PART;p;den", "OK;p;den");
    ann.send_bytes(b"JOIN;j;den;\nSEND;;den;short-lived\nHISTORY;h;den;last=1;\n");
    let line = ann.until("HIST;h;").1;
    let id = number(&line, 3);
    ann.until("OK;h;1");
    ann.send(&format!("DELETE;d;{id}"));
    ann.until(&format!("OK;d;{id}"));
}

#[test]
fn after_the_ok_no_tail_of_any_shard_tells_the_content() {
    let server = Server::builder().set("server.shards", 3).start();
    let mut ann = server.member("ann", "den");
    // Members that stay, so that the room and its tail are on every shard, in both forms.
    let stay = |form: &str| {
        let mut client = server.connect();
        client.send(&format!("HELLO;h;2;tests;body={form}"));
        client.expect_start("WELCOME;h;");
        client.login("stays");
        client
    };
    let forms = ["text", "c16"].repeat(5);
    let mut stays: Vec<_> = forms.iter().map(|form| stay(form)).collect();
    for client in &mut stays {
        client.join("den", "");
    }
    let mut readers: Vec<_> = forms.iter().map(|form| stay(form)).collect();
    for round in 0..60 {
        let id = ann.say("den", &format!("t{round}"), "secret");
        ann.send(&format!("DELETE;d{round};{id}"));
        ann.until(&format!("OK;d{round};{id}"));
        for reader in &mut readers {
            reader.send(&format!("JOIN;j{round};den;after={}", id - 1));
        }
        for reader in &mut readers {
            reader.expect_start(&format!("OK;j{round};den;"));
            reader.expect(&format!("GONE;den;{id}"));
            reader.ask(&format!("PART;p{round};den"), &format!("OK;p{round};den"));
        }
    }
}
