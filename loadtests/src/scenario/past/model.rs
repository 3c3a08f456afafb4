//! The log that the workload makes: what record has which id, room, time, name and body, without keeping any of them.
//!
//! Everything about a record follows from its number, so what the server answers can be compared with what it was given.

use std::io::Write;

use anyhow::{Result, ensure};

/// Bytes of every body.
pub(super) const BODY_BYTES: usize = 64;
/// Time of the first record, in microseconds; the others follow a millisecond apart, give or take.
const FIRST_MICROS: u64 = 1_600_000_000_000_000;
const STEP_MICROS: u64 = 1000;
const USERS: u64 = 500;

/// A log of so many records in so many rooms.
#[derive(Debug)]
pub(super) struct Model {
    /// Ids of each room, rising. Ids are below 2^32 by the limit of `--records`.
    rooms: Vec<Vec<u32>>,
    pub(super) records: u32,
    /// The rooms in which there is something, the busiest first.
    pub(super) used: Vec<usize>,
}

impl Model {
    pub(super) fn new(records: u32, rooms: u32) -> Self {
        let mut model = Self {
            rooms: vec![Vec::new(); rooms as usize],
            records,
            used: Vec::new(),
        };
        for id in 1..=records {
            let room = model.room_of(id);
            model.rooms[room].push(id);
        }
        let used = (0..model.rooms.len()).filter(|room| !model.rooms[*room].is_empty());
        model.used = used.collect();
        let by_size = |room: &usize| std::cmp::Reverse(model.rooms[*room].len());
        model.used.sort_by_key(by_size);
        model
    }

    /// Ids of a room, rising.
    pub(super) fn ids(&self, room: usize) -> &[u32] {
        &self.rooms[room]
    }

    /// The room of a record. A room's share falls with its number: of a thousand the first has a tenth of all records, the last
    /// has a seven-thousandth.
    fn room_of(&self, id: u32) -> usize {
        let rooms = self.rooms.len();
        let even = (mix(u64::from(id)) >> 11) as f64 / (1u64 << 53) as f64;
        let skewed = ((rooms + 1) as f64).powf(even) - 1.0;
        (skewed as usize).min(rooms - 1)
    }

    /// Time of a record, in microseconds; rises from one to the next.
    pub(super) fn micros(id: u32) -> u64 {
        FIRST_MICROS + u64::from(id) * STEP_MICROS + mix(u64::from(id) ^ 0x7157) % STEP_MICROS
    }

    /// Writes all records as an original file, the form that `gencomm log import` takes.
    pub(super) fn write(&self, out: &mut impl Write, mut tick: impl FnMut(u32)) -> Result<()> {
        let mut line = Vec::with_capacity(256);
        for id in 1..=self.records {
            line.clear();
            let time = seconds(Self::micros(id));
            let (user, room) = (user_of(id), room_name(self.room_of(id)));
            write!(line, "{id};{time};{user}#{room};")?;
            push_body(id, &mut line);
            line.push(b'\n');
            out.write_all(&line)?;
            if id % 65_536 == 0 {
                tick(id);
            }
        }
        out.flush()?;
        Ok(())
    }

    /// Checks one line of an answer, which has to tell of this record and begin with `head`.
    pub(super) fn check(line: &[u8], head: &str, room: usize, id: u32) -> Result<()> {
        let mut expected = Vec::with_capacity(192);
        let time = seconds(Self::micros(id));
        let (room, user) = (room_name(room), user_of(id));
        write!(expected, "{head};{room};{id};{time};{user};")?;
        push_body(id, &mut expected);
        ensure!(
            line == expected,
            "expected {:?}, got {:?}",
            String::from_utf8_lossy(&expected),
            String::from_utf8_lossy(line)
        );
        Ok(())
    }
}

/// A time as the server writes it: three decimals, or six where they count.
pub(super) fn seconds(micros: u64) -> String {
    let (whole, part) = (micros / 1_000_000, micros % 1_000_000);
    match part % 1000 {
        0 => format!("{whole}.{:03}", part / 1000),
        _ => format!("{whole}.{part:06}"),
    }
}

pub(super) fn room_name(room: usize) -> String {
    format!("past-{room:04}")
}

fn user_of(id: u32) -> String {
    format!("user{}", mix(u64::from(id) ^ 0x05e2) % USERS)
}

/// Letters that follow from the id, so that no two bodies are the same and none compresses to nothing.
fn push_body(id: u32, out: &mut Vec<u8>) {
    let mut state = u64::from(id);
    for _ in 0..BODY_BYTES / 8 {
        state = mix(state);
        for at in 0..8 {
            let bits = (state >> (at * 8)) & 31;
            out.push(match bits {
                26.. => b' ',
                letter => b'a' + letter as u8,
            });
        }
    }
    // Spaces at an end might be taken for padding by somebody.
    if let Some(last) = out.last_mut() {
        *last = b'.';
    }
}

/// Mixes a number's bits (SplitMix64): the same everywhere and always.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_in_one_room_times_rise_and_lines_are_checked() {
        let model = Model::new(5000, 100);
        let all: usize = model.used.iter().map(|room| model.ids(*room).len()).sum();
        assert_eq!(all, 5000);
        assert!(model.ids(model.used[0]).len() > 20 * model.ids(model.used[90]).len());
        assert!((1..5000).all(|id| Model::micros(id) < Model::micros(id + 1)));
        let mut text = Vec::new();
        model.write(&mut text, |_| {}).unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = text.lines().nth(41).unwrap();
        let (head, body) = line.split_at(line.len() - BODY_BYTES);
        let fields: Vec<_> = head.split([';', '#']).collect();
        assert_eq!(fields[0], "42");
        let room = model.room_of(42);
        let answer = format!(
            "HIST;t;{};42;{};{};{body}",
            room_name(room),
            fields[1],
            fields[2]
        );
        Model::check(answer.as_bytes(), "HIST;t", room, 42).unwrap();
        assert!(Model::check(answer.as_bytes(), "HIST;t", room, 43).is_err());
    }
}
