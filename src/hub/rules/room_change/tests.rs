//! Lines of ROOM, good and bad, and what they come to.

use std::time::Duration;

use super::*;
use crate::edge::wire::names::RoomName;

fn parsed(action: &str, argument: &str) -> Change {
    Change::parse(action, argument).unwrap()
}

fn refused(action: &str, argument: &str) -> ErrorCode {
    Change::parse(action, argument).unwrap_err().0
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn network(text: &str) -> Target {
    Target::Network(text.parse().unwrap())
}

/// A room with an owner, a moderator, a member, one who is banned and one who is muted.
fn den() -> RoomPolicy {
    let mut policy = RoomPolicy::new(RoomName::parse("den").unwrap(), Timestamp::default());
    let mut add = |name: &str, role, is_banned, is_muted| {
        let person = Person {
            role,
            is_banned,
            is_muted,
        };
        policy.people.insert(name.into(), person);
    };
    add("own", Some(RoomRole::Owner), false, false);
    add("mod", Some(RoomRole::Moderator), false, false);
    add("mem", Some(RoomRole::Member), false, false);
    add("out", None, true, false);
    add("still", None, false, true);
    policy
}

fn planned(
    action: &str,
    argument: &str,
    by: Rank,
    target: Option<Standing>,
) -> Result<Plan, ErrorCode> {
    let by = (&user("Someone"), by);
    let change = parsed(action, argument);
    plan(&change, by, &den(), target, Timestamp::default()).map_err(|(code, _)| code)
}

fn person(role: Option<RoomRole>, is_banned: bool, is_muted: bool) -> Person {
    Person {
        role,
        is_banned,
        is_muted,
    }
}

#[test]
fn every_action_that_is_listed_is_known() {
    for action in ACTIONS.split(' ') {
        let argument = if action == "retention" { "none" } else { "ann" };
        let change = parsed(action, argument);
        let known = change.audit_name();
        assert_eq!(known, format!("room.{action}"));
    }
    for action in ["", "Topic", "delete", "own er"] {
        assert_eq!(refused(action, "x"), ErrorCode::BadRequest, "{action}");
    }
}

#[test]
fn topics_are_unescaped_and_bounded() {
    assert_eq!(
        parsed("topic", r"a;b\nc\\d"),
        Change::Topic("a;b\nc\\d".into())
    );
    assert_eq!(parsed("topic", ""), Change::Topic(String::new()));
    assert!(Change::parse("topic", &"x".repeat(TOPIC_BYTES_MAX)).is_ok());
    assert!(Change::parse("topic", &r"\n".repeat(TOPIC_BYTES_MAX)).is_ok());
    assert_eq!(
        refused("topic", &"x".repeat(TOPIC_BYTES_MAX + 1)),
        ErrorCode::TooLarge
    );
    assert_eq!(parsed("topic", r"\é"), Change::Topic("é".into()));
}

#[test]
fn what_reads_as_an_address_is_one() {
    for (argument, expected) in [
        ("ann", Target::User(user("ann"))),
        ("1.2.3", Target::User(user("1.2.3"))),
        ("192.0.2.7", network("192.0.2.7/32")),
        ("::ffff:192.0.2.7", network("192.0.2.7/32")),
        ("::ffff:192.0.2.0/120", network("192.0.2.0/24")),
        ("2001:db8::1", network("2001:db8::1/128")),
        ("192.0.2.7/24", network("192.0.2.0/24")),
        ("10.0.0.0/8", network("10.0.0.0/8")),
        ("2001:db8::/32", network("2001:db8::/32")),
    ] {
        assert_eq!(parsed("ban", argument), Change::Ban(expected.clone()));
        assert_eq!(parsed("unban", argument), Change::Unban(expected));
    }
    for argument in [
        "",
        "a b",
        "ann;bob",
        "0.0.0.0/0",
        "10.0.0.0/7",
        "::/0",
        "2001::/31",
        "::ffff:0.0.0.0/96",
        "192.0.2.0/33",
        "192.0.2/24",
        "/24",
        ":",
        "fe80::1%eth0",
    ] {
        assert_eq!(
            refused("ban", argument),
            ErrorCode::BadRequest,
            "{argument}"
        );
    }
}

#[test]
fn names_are_names() {
    for action in [
        "invite",
        "kick",
        "mute",
        "unmute",
        "owner",
        "moderator",
        "member",
    ] {
        for argument in ["", "a b", "ann;", "@ann", "ä"] {
            assert_eq!(refused(action, argument), ErrorCode::BadRequest);
        }
    }
}

#[test]
fn retention_has_an_age_a_number_or_both() {
    let rule = |days: u64, messages| {
        Change::Retention(RetentionRule {
            age: Duration::from_secs(days * 86_400),
            messages,
        })
    };
    assert_eq!(parsed("retention", "none"), rule(0, 0));
    assert_eq!(parsed("retention", "age=30d messages=1000"), rule(30, 1000));
    assert_eq!(parsed("retention", "messages=5"), rule(0, 5));
    for argument in [
        "",
        "age=30",
        "age=-1d",
        "messages=x",
        "messages=-1",
        "days=3",
        "messages=0",
        "30d",
        "none messages=1",
        "age=99999999999d",
    ] {
        assert_eq!(
            refused("retention", argument),
            ErrorCode::BadRequest,
            "{argument:?}"
        );
    }
}

#[test]
fn what_is_so_already_is_not_written() {
    let member = Some(Standing::Member);
    for (action, argument) in [
        ("topic", ""),
        ("public", ""),
        ("retention", "none"),
        ("invite", "mod"),
        ("member", "mem"),
        ("owner", "OWN"),
        ("mute", "still"),
        ("ban", "out"),
    ] {
        assert_eq!(
            planned(action, argument, Rank::Owner, member),
            Ok(Plan::Nothing),
            "{action} {argument}"
        );
    }
}

#[test]
fn people_change_as_a_whole() {
    use RoomRole::*;
    let edit = |account: &str, person| {
        Ok(Plan::Edit(RoomEdit::Person {
            account: account.into(),
            person,
        }))
    };
    let member = Some(Standing::Member);
    for (action, argument, expected) in [
        (
            "invite",
            "New",
            edit("new", person(Some(Member), false, false)),
        ),
        (
            "invite",
            "still",
            edit("still", person(Some(Member), false, true)),
        ),
        ("ban", "mem", edit("mem", person(None, true, false))),
        ("ban", "mod", edit("mod", person(None, true, false))),
        ("unban", "out", edit("out", Person::default())),
        (
            "mute",
            "mod",
            edit("mod", person(Some(Moderator), false, true)),
        ),
        ("unmute", "still", edit("still", Person::default())),
        (
            "moderator",
            "mem",
            edit("mem", person(Some(Moderator), false, false)),
        ),
        (
            "member",
            "mod",
            edit("mod", person(Some(Member), false, false)),
        ),
        (
            "owner",
            "mod",
            edit("mod", person(Some(Owner), false, false)),
        ),
        ("kick", "mem", Ok(Plan::Kick)),
        ("unban", "new", Err(ErrorCode::NotFound)),
        ("unmute", "new", Err(ErrorCode::NotFound)),
        ("invite", "out", Err(ErrorCode::Conflict)),
        ("moderator", "out", Err(ErrorCode::Conflict)),
    ] {
        assert_eq!(
            planned(action, argument, Rank::Owner, member),
            expected,
            "{action} {argument}"
        );
    }
}

#[test]
fn names_without_an_account_can_be_kicked_and_muted_only() {
    for (action, expected) in [
        ("invite", Err(ErrorCode::NotFound)),
        ("owner", Err(ErrorCode::NotFound)),
        ("moderator", Err(ErrorCode::NotFound)),
        ("member", Err(ErrorCode::NotFound)),
        ("ban", Err(ErrorCode::NotFound)),
        ("kick", Ok(Plan::Kick)),
        (
            "mute",
            Ok(Plan::Edit(RoomEdit::Person {
                account: "gus".into(),
                person: person(None, false, true),
            })),
        ),
    ] {
        assert_eq!(
            planned(action, "gus", Rank::Moderator, None),
            expected,
            "{action}"
        );
    }
}

#[test]
fn nobody_acts_against_an_equal_or_an_admin() {
    let member = Some(Standing::Member);
    for action in ["kick", "ban", "mute", "unmute", "unban"] {
        for (by, name, target, allowed) in [
            (Rank::Moderator, "mem", member, true),
            (Rank::Moderator, "mod", member, false),
            (Rank::Moderator, "own", member, false),
            (Rank::Moderator, "new", Some(Standing::Admin), false),
            (Rank::Owner, "mod", member, true),
            (Rank::Owner, "own", member, false),
            (Rank::Owner, "mem", Some(Standing::Admin), false),
            (Rank::Admin, "mod", member, true),
            (Rank::Admin, "new", Some(Standing::Admin), false),
        ] {
            let forbidden = planned(action, name, by, target) == Err(ErrorCode::Forbidden);
            assert_eq!(forbidden, !allowed, "{by:?} {action} {name}");
        }
    }
}

#[test]
fn the_last_owner_stays_one() {
    let member = Some(Standing::Member);
    for (action, by) in [
        ("member", Rank::Owner),
        ("moderator", Rank::Owner),
        ("member", Rank::Admin),
        ("ban", Rank::Admin),
    ] {
        assert_eq!(
            planned(action, "own", by, member),
            Err(ErrorCode::Conflict),
            "{action}"
        );
    }
    let mut policy = den();
    let owner = person(Some(RoomRole::Owner), false, false);
    policy.people.insert("second".into(), owner);
    let change = parsed("member", "own");
    let by = (&user("own"), Rank::Owner);
    let planned = plan(&change, by, &policy, member, Timestamp::default());
    assert!(matches!(planned, Ok(Plan::Edit(_))), "{planned:?}");
}

#[test]
fn networks_are_banned_and_unbanned_as_they_were_given() {
    let mut policy = den();
    let ban = parsed("ban", "192.0.2.7/24");
    let by = (&user("own"), Rank::Owner);
    let now = Timestamp::default();
    let Ok(Plan::Edit(edit)) = plan(&ban, by, &policy, None, now) else {
        panic!("not an edit");
    };
    policy.apply(&edit, now);
    assert_eq!(plan(&ban, by, &policy, None, now), Ok(Plan::Nothing));
    let single = plan(&parsed("unban", "192.0.2.7"), by, &policy, None, now);
    assert_eq!(single.unwrap_err().0, ErrorCode::NotFound);
    let whole = plan(&parsed("unban", "192.0.2.0/24"), by, &policy, None, now);
    assert!(matches!(whole, Ok(Plan::Edit(RoomEdit::UnbanAddress(_)))));
}
