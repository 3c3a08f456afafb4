//! A SEND that is repeated with its tag is stored once.

use crate::support::{Gc2, Server, fresh_address};

#[test]
fn a_repeated_tag_gets_the_first_answer_and_no_second_message() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    let mut bob = server.member("bob", "den");
    ann.send("SEND;t;den;once");
    let first = ann.until("OK;t;").1;
    for _ in 0..3 {
        ann.send("SEND;t;den;once");
        assert_eq!(ann.until("OK;t;").1, first);
    }
    // All at once, in one group of the log.
    ann.send_bytes("SEND;u;den;burst\n".repeat(20).as_bytes());
    let burst: Vec<String> = (0..20).map(|_| ann.until("OK;u;").1).collect();
    assert!(burst.iter().all(|line| *line == burst[0]), "{burst:?}");
    // The same body in another spelling is the same message.
    ann.send(r"SEND;v;den;a\b");
    let plain = ann.until("OK;v;").1;
    ann.send("SEND;v;den;ab");
    assert_eq!(ann.until("OK;v;").1, plain);
    assert_eq!(bob.whole_history("den").len(), 3);
}

#[test]
fn the_same_tag_with_something_else_is_a_conflict() {
    let server = Server::start();
    let mut ann = server.member("ann", "den");
    ann.join("other", "");
    let id = ann.say("den", "t", "this");
    ann.send("SEND;t;den;that");
    ann.until("ERR;t;conflict;");
    ann.send("SEND;t;other;this");
    ann.until("ERR;t;conflict;");
    assert_eq!(ann.say("den", "t", "this"), id);
    let mut bob = server.guest("bob");
    assert_eq!(bob.whole_history("den"), [(id, "this".to_owned())]);
    assert_eq!(bob.whole_history("other"), []);
}

#[test]
fn tags_belong_to_the_account() {
    let server = Server::start();
    let mut ann = server.member("Ann", "den");
    let mut bob = server.member("bob", "den");
    let of_ann = ann.say("den", "t", "same");
    let of_bob = bob.say("den", "t", "same");
    assert_ne!(of_ann, of_bob);
    // Another connection, another spelling, the same account.
    let mut again = server.member("aNN", "den");
    assert_eq!(again.say("den", "t", "same"), of_ann);
    assert_eq!(bob.say("den", "t", "same"), of_bob);
    // Without a tag every one is a message of its own.
    ann.send("SEND;;den;untagged");
    ann.send("SEND;;den;untagged");
    ann.send("PART;p;den");
    ann.until("OK;p;den");
    assert_eq!(ann.whole_history("den").len(), 4);
}

#[test]
fn it_holds_over_a_new_connection_and_over_kill_9() {
    let mut server = Server::start();
    let mut ann = server.member("ann", "den");
    ann.send("SEND;t1;den;first");
    let first = ann.until("OK;t1;").1;
    drop(ann);
    let mut ann = server.member("ann", "den");
    ann.send("SEND;t1;den;first");
    assert_eq!(ann.until("OK;t1;").1, first);
    ann.send("SEND;t2;den;second");
    let second = ann.until("OK;t2;").1;
    for _ in 0..2 {
        server.kill9();
        server.restart();
        let mut ann = server.member("ann", "den");
        ann.send("SEND;t1;den;first");
        assert_eq!(ann.until("OK;t1;").1, first);
        ann.send("SEND;t2;den;second");
        assert_eq!(ann.until("OK;t2;").1, second);
        ann.send("SEND;t2;den;something else");
        ann.until("ERR;t2;conflict;");
    }
    assert!(server.term().success());
    server.restart();
    let mut ann = server.member("ann", "den");
    ann.send("SEND;t2;den;second");
    assert_eq!(ann.until("OK;t2;").1, second);
    assert_eq!(ann.whole_history("den").len(), 2);
}

#[test]
fn what_was_deleted_does_not_come_back() {
    let mut server = Server::start();
    let mut ann = server.member("ann", "den");
    let id = ann.say("den", "t", "regretted");
    ann.send(&format!("DELETE;d;{id}"));
    ann.until(&format!("OK;d;{id}"));
    assert_eq!(ann.say("den", "t", "regretted"), id);
    assert_eq!(server.guest("bob").whole_history("den"), []);
    server.kill9();
    server.restart();
    let mut ann = server.member("ann", "den");
    assert_eq!(ann.say("den", "t", "regretted"), id);
    assert_eq!(ann.whole_history("den"), []);
}

#[test]
fn a_sender_that_was_cut_off_repeats_all_it_has_no_answer_to() {
    let server = Server::start();
    let home = fresh_address();
    let mut ids: Vec<Option<u64>> = vec![None; 200];
    let mut turn = 0;
    while ids.iter().any(Option::is_none) {
        let mut ann = Gc2::connect_from(server.address(), home);
        ann.login("ann");
        ann.join("den", "");
        let waiting: Vec<usize> = (0..ids.len()).filter(|at| ids[*at].is_none()).collect();
        for at in &waiting {
            ann.send(&format!("SEND;k{at};den;body {at}"));
        }
        // Hangs up after a part of the answers, each time another one.
        turn += 1;
        for at in waiting.iter().take(7 * turn) {
            let line = ann.until(&format!("OK;k{at};")).1;
            ids[*at] = Some(crate::support::number(&line, 2));
        }
    }
    let stored = server.guest("bob").whole_history("den");
    assert_eq!(stored.len(), ids.len());
    for (at, id) in ids.into_iter().enumerate() {
        let expected = (id.expect("answered"), format!("body {at}"));
        assert!(stored.contains(&expected), "{expected:?}");
    }
}
