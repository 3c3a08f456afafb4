//! What the new process knows of what the one before has promised.

use crate::auth::{House, PASSWORD, builder, plain, token_line};
use crate::support::{Gc2, number};

#[test]
fn resume_tokens_and_send_once_outlive_it() {
    let mut house = House::of(builder());
    house.add("ann");
    let (mut ann, token) = house.enter_for_token(&plain("ann", PASSWORD));
    ann.join("den", "");
    let id = ann.say("den", "once", "hello");
    // Answered, and nobody read it: it is said again afterwards.
    ann.send("SEND;twice;den;are you there");
    house.server.take_over();
    let told = ann.until_closed();
    let seen = told.iter().filter(|line| line.starts_with("MSG;den;"));
    let last = seen.map(|line| number(line, 2)).max().unwrap_or(id);
    let bye = told.last().expect("a last line");
    assert!(bye.starts_with("BYE;restart;"), "{bye:?}");

    let mut ann = house.enter(&token_line(&token));
    ann.join("den", &format!("after={last}"));
    assert_eq!(ann.say("den", "once", "hello"), id);
    ann.send("SEND;once;den;something else");
    ann.until("ERR;once;conflict;");
    ann.say("den", "twice", "are you there");
    let stored = ann_reads(&mut ann);
    assert_eq!(stored, ["hello", "are you there"]);
}

fn ann_reads(ann: &mut Gc2) -> Vec<String> {
    let stored = ann.whole_history("den");
    stored.into_iter().map(|it| it.1).collect()
}
