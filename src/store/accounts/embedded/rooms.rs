//! Rooms as rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rusqlite::{Params, Row, Transaction, params};

use super::super::{
    AccountsError, BANS_PER_ROOM_MAX, PEOPLE_PER_ROOM_MAX, Person, ROOMS_MAX, RetentionRule,
    RoomEdit, RoomPolicy, RoomRole, TOPIC_BYTES_MAX, Topic,
};
use super::fault::{Fault, parsed, parsed_if, room, stored, stored_time, time, time_if};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;

/// Columns that [`head`] takes.
const COLUMNS: &str = "room, is_private, topic, topic_by, topic_at, retain_age_ms, retain_messages, created, created_by";

/// A room without its people and bans.
fn head(row: &Row<'_>) -> rusqlite::Result<RoomPolicy> {
    let text: Option<String> = row.get(2)?;
    let by = parsed_if(row, 3, UserName::parse)?;
    let topic = match (text, by, time_if(row, 4)?) {
        (Some(text), Some(by), Some(at)) => Some(Topic { text, by, at }),
        _ => None,
    };
    Ok(RoomPolicy {
        is_private: row.get(1)?,
        topic,
        retention: RetentionRule {
            age: Duration::from_millis(row.get(5)?),
            messages: row.get(6)?,
        },
        created_by: row.get(8)?,
        ..RoomPolicy::new(room(row, 0)?, time(row, 7)?)
    })
}

pub(super) fn all(tx: &Transaction<'_>) -> Result<Vec<RoomPolicy>, Fault> {
    read(tx, "", [])
}

pub(super) fn one(tx: &Transaction<'_>, name: &RoomName) -> Result<Option<RoomPolicy>, Fault> {
    let found = read(tx, "WHERE room = ?", [name.as_str()])?;
    Ok(found.into_iter().next())
}

/// The rooms that a condition on `room` fits, in order of name.
fn read(
    tx: &Transaction<'_>,
    condition: &str,
    with: impl Params + Clone,
) -> Result<Vec<RoomPolicy>, Fault> {
    let text = format!("SELECT {COLUMNS} FROM rooms {condition} ORDER BY room");
    let mut find = tx.prepare_cached(&text)?;
    let heads = find.query_map(with.clone(), head)?;
    let mut rooms: Vec<RoomPolicy> = heads.collect::<Result<_, _>>()?;
    let places: HashMap<RoomName, usize> = (0..)
        .zip(&rooms)
        .map(|(at, policy)| (policy.name.clone(), at))
        .collect();

    let text =
        format!("SELECT room, account, role, is_banned, is_muted FROM room_people {condition}");
    let mut find = tx.prepare_cached(&text)?;
    let mut rows = find.query(with.clone())?;
    while let Some(row) = rows.next()? {
        let person = Person {
            role: parsed_if(row, 2, str::parse::<RoomRole>)?,
            is_banned: row.get(3)?,
            is_muted: row.get(4)?,
        };
        // A foreign key keeps each in a room that is there.
        let place = places.get(row.get_ref(0)?.as_str().unwrap_or_default());
        if let Some(policy) = place.and_then(|at| rooms.get_mut(*at)) {
            policy.people.insert(row.get(1)?, person);
        }
    }

    let text = format!("SELECT room, network FROM room_bans {condition}");
    let mut find = tx.prepare_cached(&text)?;
    let mut rows = find.query(with)?;
    while let Some(row) = rows.next()? {
        let network = parsed(row, 1, str::parse::<IpNet>)?;
        let place = places.get(row.get_ref(0)?.as_str().unwrap_or_default());
        if let Some(policy) = place.and_then(|at| rooms.get_mut(*at)) {
            policy.banned_addresses.push(network);
        }
    }
    for policy in &mut rooms {
        policy.banned_addresses.sort_unstable();
    }
    Ok(rooms)
}

pub(super) fn created_by(tx: &Transaction<'_>, account: &str) -> Result<u64, Fault> {
    let mut count = tx.prepare_cached("SELECT count(*) FROM rooms WHERE created_by = ?")?;
    Ok(count.query_row([account], |row| row.get(0))?)
}

/// Takes an account that is gone out of all rooms. What it is kept from stays: a new account of that name is no way in.
pub(super) fn forget_account(tx: &Transaction<'_>, account: &str) -> Result<(), Fault> {
    for text in [
        "UPDATE rooms SET created_by = NULL WHERE created_by = ?",
        "UPDATE room_people SET role = NULL WHERE account = ?",
        "DELETE FROM room_people WHERE account = ? AND role IS NULL AND is_banned = 0 AND is_muted = 0",
    ] {
        tx.execute(text, [account])?;
    }
    Ok(())
}

pub(super) fn edit(
    tx: &Transaction<'_>,
    name: &RoomName,
    edit: &RoomEdit,
    now: Timestamp,
) -> Result<(), Fault> {
    let room = name.as_str();
    if let RoomEdit::Create {
        is_private,
        created_by,
    } = edit
    {
        return create(tx, name, *is_private, created_by.as_ref(), now);
    }
    if count(tx, "SELECT count(*) FROM rooms WHERE room = ?", room)? == 0 {
        return Err(AccountsError::NoSuchRoom(name.clone()).into());
    }
    match edit {
        // Dealt with above.
        RoomEdit::Create { .. } => {}
        RoomEdit::Private(is_private) => {
            tx.execute(
                "UPDATE rooms SET is_private = ? WHERE room = ?",
                (is_private, room),
            )?;
        }
        RoomEdit::Topic(topic) => set_topic(tx, room, topic.as_ref())?,
        RoomEdit::Retention(rule) => {
            let age = u64::try_from(rule.age.as_millis()).unwrap_or(u64::MAX);
            tx.execute(
                "UPDATE rooms SET retain_age_ms = ?, retain_messages = ? WHERE room = ?",
                (stored(age), stored(rule.messages), room),
            )?;
        }
        RoomEdit::Person { account, person } => set_person(tx, room, account, *person)?,
        RoomEdit::BanAddress(network) => {
            tx.execute(
                "INSERT OR IGNORE INTO room_bans (room, network) VALUES (?, ?)",
                (room, network.trunc().to_string()),
            )?;
            let held = count(tx, "SELECT count(*) FROM room_bans WHERE room = ?", room)?;
            at_most(held, "banned networks in this room", BANS_PER_ROOM_MAX)?;
        }
        RoomEdit::UnbanAddress(network) => {
            tx.execute(
                "DELETE FROM room_bans WHERE room = ? AND network = ?",
                (room, network.trunc().to_string()),
            )?;
        }
        RoomEdit::Remove => {
            // Its people and bans go with it.
            tx.execute("DELETE FROM rooms WHERE room = ?", [room])?;
        }
    }
    Ok(())
}

fn create(
    tx: &Transaction<'_>,
    name: &RoomName,
    is_private: bool,
    created_by: Option<&Arc<str>>,
    now: Timestamp,
) -> Result<(), Fault> {
    let room = name.as_str();
    let made = tx.execute(
        "INSERT OR IGNORE INTO rooms (room, is_private, retain_age_ms, retain_messages, created, created_by)
            VALUES (?, ?, 0, 0, ?, ?)",
        params![room, is_private, stored_time(now), created_by],
    )?;
    if made == 0 {
        return Err(AccountsError::RoomExists(name.clone()).into());
    }
    let held: u64 = tx.query_row("SELECT count(*) FROM rooms", [], |row| row.get(0))?;
    at_most(held, "rooms", ROOMS_MAX)?;
    let Some(account) = created_by else {
        return Ok(());
    };
    let owner = Person {
        role: Some(RoomRole::Owner),
        ..Person::default()
    };
    set_person(tx, room, account, owner)
}

fn set_topic(tx: &Transaction<'_>, room: &str, topic: Option<&Topic>) -> Result<(), Fault> {
    if topic.is_some_and(|topic| topic.text.len() > TOPIC_BYTES_MAX) {
        return Err(AccountsError::Malformed("a topic is at most 1024 bytes long").into());
    }
    tx.execute(
        "UPDATE rooms SET topic = ?2, topic_by = ?3, topic_at = ?4 WHERE room = ?1",
        params![
            room,
            topic.map(|topic| &topic.text),
            topic.map(|topic| topic.by.as_str()),
            topic.map(|topic| stored_time(topic.at)),
        ],
    )?;
    Ok(())
}

fn set_person(
    tx: &Transaction<'_>,
    room: &str,
    account: &str,
    person: Person,
) -> Result<(), Fault> {
    if person == Person::default() {
        tx.execute(
            "DELETE FROM room_people WHERE room = ? AND account = ?",
            [room, account],
        )?;
        return Ok(());
    }
    tx.execute(
        "INSERT OR REPLACE INTO room_people (room, account, role, is_banned, is_muted) VALUES (?, ?, ?, ?, ?)",
        params![
            room,
            account,
            person.role.map(RoomRole::as_str),
            person.is_banned,
            person.is_muted,
        ],
    )?;
    let held = count(tx, "SELECT count(*) FROM room_people WHERE room = ?", room)?;
    at_most(held, "people known to this room", PEOPLE_PER_ROOM_MAX)
}

fn count(tx: &Transaction<'_>, text: &str, room: &str) -> Result<u64, Fault> {
    let mut count = tx.prepare_cached(text)?;
    Ok(count.query_row([room], |row| row.get(0))?)
}

/// Refuses what has just been added if that is too much; the transaction takes it back.
fn at_most(held: u64, what: &'static str, limit: u64) -> Result<(), Fault> {
    if held <= limit {
        return Ok(());
    }
    Err(AccountsError::Full { what, limit }.into())
}
