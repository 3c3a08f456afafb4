//! The table against sentences that say the same in another way; and the page that is made of it.

use std::path::Path;

use super::*;
use crate::edge::wire::names::UserName;
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::EventKind;

const FROM: &str = "<!-- rights: made by `GENCOMM_RENEW_DOCS=1 cargo test rights_table` -->\n";
const TO: &str = "<!-- end of rights -->\n";

fn at(address: &str) -> IpAddr {
    address.parse().unwrap()
}

fn who(standing: Standing, account: &str) -> Who<'_> {
    Who {
        standing,
        account,
        address: at("192.0.2.7"),
    }
}

fn room(name: &str) -> RoomName {
    RoomName::parse_kept(name).unwrap()
}

fn policy(people: &[(&str, Person)]) -> RoomPolicy {
    let mut policy = RoomPolicy::new(room("den"), Timestamp::default());
    for (account, person) in people {
        policy.people.insert((*account).into(), *person);
    }
    policy
}

fn with_role(role: RoomRole) -> Person {
    Person {
        role: Some(role),
        ..Person::default()
    }
}

#[test]
fn the_table_has_a_row_for_each_action_in_its_place() {
    for (at, action) in Action::ALL.into_iter().enumerate() {
        assert_eq!((action as usize, TABLE[at].action), (at, action));
    }
    for (at, rank) in Rank::ALL.into_iter().enumerate() {
        assert_eq!(rank as usize, at);
    }
    assert_eq!(TABLE.len(), Action::ALL.len());
}

/// What the rights are in sentences.
fn expected(rank: Rank, is_muted: bool, state: RoomState, action: Action) -> Verdict {
    use Action as A;
    let for_owners = [
        A::SetPrivacy,
        A::Retention,
        A::AppointModerator,
        A::AppointOwner,
    ];
    let for_moderators = [
        A::DeleteOthers,
        A::Topic,
        A::Invite,
        A::Kick,
        A::Ban,
        A::Mute,
    ];
    let in_direct = [A::Send, A::Read, A::DeleteOwn];
    let silenced = is_muted && rank != Rank::Admin && matches!(action, A::Send | A::Topic);
    let unless_silenced = if silenced {
        Verdict::Forbidden(Missing::Voice)
    } else {
        Verdict::Allowed
    };
    match (state, action) {
        // Others' conversations are nobody's business, not even an admin's.
        (RoomState::ForeignDirect, _) => Verdict::NotFound,
        (RoomState::OwnDirect, action) if in_direct.contains(&action) => unless_silenced,
        (RoomState::OwnDirect, _) => Verdict::Forbidden(Missing::Room),
        // Rooms are begun by accounts; what is there cannot be begun.
        (RoomState::Absent, A::Create) if rank < Rank::Account => {
            Verdict::Forbidden(Missing::Account)
        }
        (RoomState::Absent, A::Create) => Verdict::Allowed,
        (_, A::Create) if rank == Rank::Guest => Verdict::Forbidden(Missing::Account),
        (_, A::Create) => Verdict::Taken,
        (RoomState::Absent, _) => Verdict::NotFound,
        // A private room is there for those with a role in it, and for admins.
        (RoomState::Private, _) if rank < Rank::Member => Verdict::NotFound,
        // A banned one still sees a public room in the list.
        (_, A::See) => Verdict::Allowed,
        (_, A::DeleteOwn | A::DeleteOthers) if rank == Rank::Banned => Verdict::NotFound,
        _ if rank == Rank::Banned => Verdict::Forbidden(Missing::Entry),
        (_, action) if for_owners.contains(&action) && rank < Rank::Owner => {
            Verdict::Forbidden(Missing::Owner)
        }
        (_, action) if for_moderators.contains(&action) && rank < Rank::Moderator => {
            Verdict::Forbidden(Missing::Moderator)
        }
        _ => unless_silenced,
    }
}

#[test]
fn the_table_says_what_the_sentences_say() {
    for rank in Rank::ALL {
        for state in RoomState::ALL {
            for action in Action::ALL {
                for is_muted in [false, true] {
                    assert_eq!(
                        decide(rank, is_muted, state, action),
                        expected(rank, is_muted, state, action),
                        "{rank:?} {state:?} {action:?} muted: {is_muted}"
                    );
                }
            }
        }
    }
}

#[test]
fn who_may_not_read_a_room_finds_no_trace_of_it() {
    for rank in Rank::ALL {
        for state in RoomState::ALL {
            if decide(rank, false, state, Action::Read) != Verdict::NotFound {
                continue;
            }
            for action in Action::ALL {
                if action != Action::Create {
                    let absent = decide(rank, false, RoomState::Absent, action);
                    assert_eq!(
                        decide(rank, false, state, action),
                        absent,
                        "{rank:?} {state:?} {action:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_higher_rank_may_whatever_a_lower_one_may() {
    for state in RoomState::ALL {
        for action in Action::ALL {
            for pair in Rank::ALL.windows(2) {
                let [lower, higher] =
                    [pair[0], pair[1]].map(|rank| decide(rank, false, state, action));
                assert!(
                    !lower.is_allowed() || higher.is_allowed(),
                    "{pair:?} {state:?} {action:?}"
                );
            }
        }
    }
}

#[test]
fn nobody_acts_against_their_equals() {
    for action in Action::ALL {
        for actor in Rank::ALL {
            for target in Rank::ALL {
                let is_against = AGAINST.contains(&action);
                let verdict = decide_against(actor, target, action);
                let expected = !is_against || target < actor;
                assert_eq!(
                    verdict.is_allowed(),
                    expected,
                    "{actor:?} {action:?} {target:?}"
                );
            }
        }
    }
}

#[test]
fn a_rank_is_made_of_standing_role_and_bans() {
    let banned = Person {
        is_banned: true,
        ..Person::default()
    };
    let mut policy = policy(&[
        ("mem", with_role(RoomRole::Member)),
        ("mod", with_role(RoomRole::Moderator)),
        ("own", with_role(RoomRole::Owner)),
        ("out", banned),
    ]);
    let table = |policy: &RoomPolicy| {
        [
            (Standing::Guest, "gus"),
            (Standing::Guest, "own"),
            (Standing::Guest, "out"),
            (Standing::Member, "ann"),
            (Standing::Bot, "mem"),
            (Standing::Member, "mod"),
            (Standing::Bot, "own"),
            (Standing::Member, "out"),
            (Standing::Admin, "out"),
            (Standing::Admin, "mem"),
        ]
        .map(|(standing, account)| Rank::of(who(standing, account), Some(policy)))
    };
    use Rank::*;
    let free = [
        Guest, Guest, Banned, Account, Member, Moderator, Owner, Banned, Admin, Admin,
    ];
    assert_eq!(table(&policy), free);
    policy
        .banned_addresses
        .push("192.0.2.0/24".parse().unwrap());
    let netted = [
        Banned, Banned, Banned, Banned, Banned, Moderator, Owner, Banned, Admin, Admin,
    ];
    assert_eq!(table(&policy), netted);
    policy.banned_addresses = vec!["192.0.3.0/24".parse().unwrap()];
    assert_eq!(table(&policy), free);
    assert_eq!(Rank::of(who(Standing::Guest, "gus"), None), Guest);
    assert_eq!(Rank::of(who(Standing::Bot, "bot"), None), Account);
}

#[test]
fn an_address_within_ipv6_is_the_same_address() {
    let mut policy = policy(&[]);
    policy
        .banned_addresses
        .push("192.0.2.0/24".parse().unwrap());
    let mut gus = who(Standing::Guest, "gus");
    gus.address = at("::ffff:192.0.2.9");
    assert_eq!(Rank::of(gus, Some(&policy)), Rank::Banned);
}

#[test]
fn a_direct_conversation_is_for_the_accounts_at_its_ends() {
    let between = room("@ann,bob");
    for (standing, account, expected) in [
        (Standing::Member, "ann", Verdict::Allowed),
        (Standing::Admin, "bob", Verdict::Allowed),
        (Standing::Guest, "ann", Verdict::NotFound),
        (Standing::Admin, "eve", Verdict::NotFound),
    ] {
        let verdict = judge(who(standing, account), &between, None, Action::Read);
        assert_eq!(verdict, expected, "{standing:?} {account}");
    }
}

#[test]
fn a_mute_holds_for_a_name_in_one_room() {
    let muted = Person {
        is_muted: true,
        ..Person::default()
    };
    let policy = policy(&[("ann", muted)]);
    for (standing, account, expected) in [
        (Standing::Guest, "ann", Verdict::Forbidden(Missing::Voice)),
        (Standing::Member, "ann", Verdict::Forbidden(Missing::Voice)),
        (Standing::Admin, "ann", Verdict::Allowed),
        (Standing::Guest, "bob", Verdict::Allowed),
    ] {
        let who = who(standing, account);
        assert_eq!(
            judge(who, &room("den"), Some(&policy), Action::Send),
            expected
        );
        assert!(judge(who, &room("den"), Some(&policy), Action::Join).is_allowed());
        assert!(judge(who, &room("lobby"), None, Action::Send).is_allowed());
    }
}

#[test]
fn a_guest_owns_what_its_connection_sent_an_account_what_its_name_sent() {
    let event = Event {
        id: 1,
        time: Timestamp::from_micros(5),
        room: RoomName::lobby(),
        user: UserName::parse("Ann").unwrap(),
        kind: EventKind::Message(bytes::Bytes::new()),
        origin: 7,
        nonce: 0,
    };
    for (account, standing, session, since, expected) in [
        ("ann", Standing::Guest, 7, 0, true),
        ("ann", Standing::Guest, 8, 0, false),
        ("bob", Standing::Guest, 7, 0, true),
        ("ann", Standing::Member, 8, 5, true),
        ("ann", Standing::Member, 7, 6, false),
        ("bob", Standing::Member, 7, 0, false),
        ("bob", Standing::Admin, 7, 0, false),
    ] {
        let since = Timestamp::from_micros(since);
        let own = is_own(standing, account, session, since, &event);
        assert_eq!(own, expected, "{account} {standing:?} {session} {since:?}");
    }
}

#[test]
fn rights_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let begins = text.find(FROM).expect("the marker before the rights") + FROM.len();
    let ends = text.find(TO).expect("the marker behind the rights");
    let expected = format!("\n{}\n", as_page());
    if text[begins..ends] == expected {
        return;
    }
    if std::env::var_os("GENCOMM_RENEW_DOCS").is_some() {
        let text = format!("{}{expected}{}", &text[..begins], &text[ends..]);
        return std::fs::write(&path, text).unwrap();
    }
    panic!(
        "docs/operations.md tells other rights; renew it: GENCOMM_RENEW_DOCS=1 cargo test rights_table"
    );
}
