use super::bench::Bench;
use super::state::Verdict;
use super::*;
use crate::edge::wire::gc2::range::JoinFrom;

fn msg(id: u64) -> String {
    format!("MSG;lobby;{id};1.000;bob;x")
}

#[test]
fn logs_in_and_joins_in_one_breath() {
    let mut bench = Bench::new("lobby", JoinFrom::Last(20));
    assert_eq!(
        bench.connect(),
        ["AUTH;auth;GUEST;ann", "JOIN;join;lobby;last=20"]
    );
    bench.go_on(&["OK;auth;Ann;", "OK;join;lobby;7"]);
    assert_eq!(
        bench.events,
        [Event::Entered {
            user: "Ann".into(),
            newest: 7,
            again: false
        }]
    );
}

#[test]
fn a_return_asks_for_what_was_missed_and_drops_doubles() {
    let mut bench = Bench::new("lobby", JoinFrom::Last(20));
    bench.connect();
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;7", &msg(5), &msg(7), &msg(9)]);
    assert_eq!(bench.ids(), [5, 7, 9]);
    bench.lose();
    assert_eq!(bench.connect()[1], "JOIN;join;lobby;after=9");
    bench.go_on(&[
        "OK;auth;ann;",
        "OK;join;lobby;12",
        &msg(7),
        &msg(9),
        &msg(12),
        &msg(12),
        &msg(13),
    ]);
    assert_eq!(bench.ids(), [12, 13]);
}

#[test]
fn a_quiet_room_is_resumed_where_it_was_joined() {
    let mut bench = Bench::new("lobby", JoinFrom::Now);
    bench.connect();
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;7"]);
    bench.lose();
    assert_eq!(bench.connect()[1], "JOIN;join;lobby;after=7");
    let mut bench = Bench::new("lobby", JoinFrom::Last(3));
    bench.connect();
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;0"]);
    bench.lose();
    assert_eq!(bench.connect()[1], "JOIN;join;lobby;after=0");
}

#[test]
fn what_was_not_answered_is_sent_again_with_its_tag() {
    let mut bench = Bench::new("lobby", JoinFrom::Now);
    assert_eq!(bench.send("early"), 0);
    bench.connect();
    assert_eq!(bench.written(), [""; 0]);
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;0"]);
    bench.send("two\nlines");
    bench.send("three");
    let first = bench.written();
    assert!(first[1].ends_with(r";lobby;two\nlines"), "{first:?}");
    let tag = |line: &str| line.split(';').nth(1).unwrap().to_owned();
    bench.events.clear();
    bench.go_on(&[&format!("OK;{};41;5.000", tag(&first[1]))]);
    let sent = Event::Sent {
        number: 1,
        id: 41,
        time: Timestamp::parse("5").unwrap(),
    };
    assert_eq!(bench.events, [sent]);
    bench.lose();
    assert_eq!(bench.connect().len(), 2);
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;41"]);
    assert_eq!(bench.written(), [&first[0][..], &first[2][..]]);
    assert_eq!(bench.session.unanswered(), 2);
    // A second answer to the same tag changes nothing.
    bench.events.clear();
    bench.go_on(&[&format!("OK;{};41;5.000", tag(&first[1]))]);
    assert!(bench.events.is_empty());
}

#[test]
fn refusals_end_a_message_and_unavailable_does_not() {
    let mut bench = Bench::new("lobby", JoinFrom::Now);
    bench.connect();
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;0"]);
    bench.send("a");
    bench.send("b");
    let lines = bench.written();
    let tag = |n: usize| lines[n].split(';').nth(1).unwrap().to_owned();
    bench.go_on(&[&format!("ERR;{};too-large;cut it; please", tag(0))]);
    assert!(matches!(
        bench.events.back(),
        Some(Event::SendRefused { number: 0, error }) if error.text == "cut it; please"
    ));
    let verdict = bench.hear(&format!("ERR;{};unavailable;later", tag(1)));
    assert!(matches!(verdict, Verdict::Reconnect(_)));
    assert_eq!(bench.session.unanswered(), 1);
}

#[test]
fn a_restored_log_is_told_and_followed_from_now() {
    let mut bench = Bench::new("lobby", JoinFrom::Last(5));
    bench.connect();
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;90", &msg(90)]);
    bench.lose();
    bench.connect();
    bench.events.clear();
    bench.go_on(&["OK;auth;ann;", "ERR;join;conflict;the log ends at 50"]);
    assert_eq!(bench.events, [Event::Restored { last_seen: 90 }]);
    assert_eq!(bench.written(), ["JOIN;join;lobby;"]);
    bench.go_on(&["OK;join;lobby;50", &msg(51)]);
    assert_eq!(bench.ids(), [51]);
}

#[test]
fn who_may_not_enter_is_told_and_who_may_later_comes_back() {
    for (line, ends) in [
        ("ERR;auth;conflict;taken", true),
        ("ERR;auth;forbidden;no guests", true),
        ("ERR;auth;unavailable;busy", false),
        ("ERR;join;forbidden;private", true),
        ("ERR;join;unavailable;starting", false),
        ("LEFT;lobby;kicked", true),
        ("BYE;restart;3", false),
    ] {
        let mut bench = Bench::new("lobby", JoinFrom::Now);
        bench.connect();
        let verdict = bench.hear(line);
        assert_eq!(
            matches!(verdict, Verdict::End(_)),
            ends,
            "{line}: {verdict:?}"
        );
        assert_eq!(matches!(verdict, Verdict::Reconnect(_)), !ends, "{line}");
    }
    // The server may still hold the connection that was just lost.
    let mut bench = Bench::new("lobby", JoinFrom::Now);
    bench.connect();
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;0"]);
    bench.lose();
    bench.connect();
    let verdict = bench.hear("ERR;auth;conflict;in use");
    assert!(matches!(verdict, Verdict::Reconnect(_)));
}

#[test]
fn the_server_names_the_time_of_return() {
    let mut bench = Bench::new("lobby", JoinFrom::Now);
    let error = TermError::Bye {
        reason: "restart".into(),
        seconds: 9,
    };
    let wait = bench
        .session
        .lost(&error, Duration::ZERO, 0.0, &mut bench.events);
    assert_eq!(wait, Duration::from_secs(9));
}

#[test]
fn gaps_and_deletions_are_told_once() {
    let mut bench = Bench::new("lobby", JoinFrom::Last(5));
    bench.connect();
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;9"]);
    bench.events.clear();
    bench.go_on(&["GAP;lobby;4", "GONE;lobby;5", "GONE;lobby;5", "GONE;dev;6"]);
    assert_eq!(
        bench.events,
        [Event::Gap { first_kept: 4 }, Event::Gone { id: 5 }]
    );
}

#[test]
fn questions_get_their_own_answers() {
    let mut bench = Bench::new("lobby", JoinFrom::Now);
    let ask = |bench: &mut Bench, query| {
        bench.session.ask(query, &mut bench.out, &mut bench.events);
    };
    ask(&mut bench, Query::Who);
    assert!(matches!(
        bench.events.pop_back(),
        Some(Event::NotAnswered { .. })
    ));
    bench.connect();
    bench.go_on(&["OK;auth;ann;", "OK;join;lobby;0"]);
    bench.events.clear();
    ask(&mut bench, Query::Who);
    ask(&mut bench, Query::History(5));
    assert_eq!(
        bench.written(),
        ["WHO;q0;lobby", "HISTORY;q1;lobby;last=5;5"]
    );
    bench.go_on(&["USER;q0;bob;guest", "OK;q0;1", "ERR;q1;forbidden;no"]);
    assert!(matches!(
        bench.events.make_contiguous(),
        [
            Event::User { .. },
            Event::Answered {
                query: Query::Who,
                count: 1
            },
            Event::NotAnswered {
                query: Query::History(5),
                ..
            }
        ]
    ));
}

#[test]
fn a_direct_conversation_is_not_joined() {
    let mut bench = Bench::new("@bob", JoinFrom::Last(5));
    assert_eq!(bench.connect(), ["AUTH;auth;GUEST;ann"]);
    bench.send("psst");
    bench.go_on(&["OK;auth;ann;"]);
    assert_eq!(bench.written(), ["HISTORY;past;@bob;last=5;5"]);
    // Said while the past is read: told behind it, and once.
    bench.go_on(&["MSG;@bob;9;1.000;bob;new", "HIST;past;@bob;7;1.000;ann;x"]);
    bench.go_on(&["HIST;past;@bob;9;1.000;bob;new", "OK;past;2"]);
    assert!(bench.written()[0].ends_with(";@bob;psst"));
    bench.go_on(&["MSG;@BOB;10;1.000;ann;psst", "GONE;@bob;7"]);
    assert!(bench.events.contains(&Event::Gone { id: 7 }));
    assert_eq!(bench.ids(), [7, 9, 10]);
    bench.lose();
    bench.connect();
    bench.go_on(&["OK;auth;ann;"]);
    assert_eq!(bench.written(), ["HISTORY;past;@bob;after=10;1000"]);
    bench.go_on(&["HIST;past;@bob;12;1.000;bob;missed", "OK;past;1"]);
    assert_eq!(bench.ids(), [12]);
}

#[test]
fn a_conversation_that_only_goes_on_asks_for_nothing() {
    let mut bench = Bench::new("@bob", JoinFrom::Now);
    bench.connect();
    bench.send("psst");
    bench.go_on(&["OK;auth;ann;"]);
    assert!(bench.written()[0].ends_with(";@bob;psst"));
    // Nor does it join because a server says something about a JOIN that nobody asked for.
    bench.go_on(&["MSG;@bob;9;1.000;bob;x", "ERR;join;conflict;x"]);
    assert_eq!(bench.written(), [""; 0]);
    let mut bench = Bench::new("@nobody", JoinFrom::Last(5));
    bench.connect();
    bench.go_on(&["OK;auth;ann;"]);
    let verdict = bench.hear("ERR;past;not-found;there is no account of this name");
    assert!(matches!(verdict, Verdict::End(_)));
}

#[test]
fn what_was_missed_of_a_conversation_is_read_page_by_page() {
    let mut bench = Bench::new("@bob", JoinFrom::After(1));
    bench.connect();
    bench.go_on(&["OK;auth;ann;"]);
    assert_eq!(bench.written(), ["HISTORY;past;@bob;after=1;1000"]);
    let hist = |id: u64| format!("HIST;past;@bob;{id};1.000;bob;x");
    for id in 2..=1001 {
        bench.go_on(&[&hist(id)]);
    }
    bench.go_on(&["MSG;@bob;1002;1.000;bob;x", "OK;past;1000"]);
    assert_eq!(bench.written(), ["HISTORY;past;@bob;after=1001;1000"]);
    bench.go_on(&["MSG;@bob;1003;1.000;bob;x", &hist(1002), "OK;past;1"]);
    assert_eq!(bench.ids(), (2..=1003).collect::<Vec<_>>());
}

#[test]
fn a_server_that_floods_while_the_past_is_read_is_not_kept_in_memory() {
    let mut bench = Bench::new("@bob", JoinFrom::After(1));
    bench.connect();
    bench.go_on(&["OK;auth;ann;"]);
    bench.written();
    let line = |verb: &str, id: u64| format!("{verb};@bob;{id};1.000;bob;x");
    bench.go_on(&[&line("HIST;past", 2)]);
    // More than is kept: what comes behind is read from the next page, in its turn.
    for id in 1000..3000 {
        bench.go_on(&[&line("MSG", id)]);
    }
    bench.go_on(&[&line("HIST;past", 3), "OK;past;2"]);
    assert_eq!(bench.ids(), [2]);
    assert_eq!(bench.written()[0], "HISTORY;past;@bob;after=2;1000");
    // And no page is longer than it was asked for.
    for id in 3..2003 {
        bench.go_on(&[&line("HIST;past", id)]);
    }
    bench.go_on(&["OK;past;2000"]);
    assert_eq!(bench.ids(), (3..1003).collect::<Vec<_>>());
    assert_eq!(bench.written(), ["HISTORY;past;@bob;after=1002;1000"]);
}
