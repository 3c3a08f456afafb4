use super::*;
use crate::driver::gencomm::Gencomm;

fn message(id: u64, sender: u32, number: u64) -> Vec<u8> {
    let mut line = format!("MSG;r;{id};1.5;u{sender};").into_bytes();
    write_body(&mut line, sender, number, 32);
    line.push(b'\n');
    line
}

/// A room with `members` in which member 0 has sent `sent` messages.
fn room(members: u32, sent: usize) -> Room {
    let mut room = Room::new("r".to_owned(), 32, Hears::Alike);
    room.members = members;
    let mut out = Vec::new();
    for _ in 0..sent {
        room.say(&Gencomm, &mut out, 0, "u0", false);
    }
    room
}

fn feed(room: &mut Room, place: &mut Place, chunk: &[u8], others: &mut usize) -> Result<()> {
    let mut input = place.take_carry();
    input.extend_from_slice(chunk);
    room.receive(&Gencomm, place, &input, |_| {
        *others += 1;
        Ok(())
    })
}

#[test]
fn everything_in_any_pieces_with_answers_in_between_is_accepted() {
    let lines: Vec<_> = (0..20).map(|n| message(n + 1, 0, n)).collect();
    let plain = lines.concat();
    let mixed: Vec<_> = lines
        .iter()
        .flat_map(|line| [b"MPING;;1\n".to_vec(), b"OK;4;1;1\n".to_vec(), line.clone()])
        .flatten()
        .collect();
    for size in [1, 7, 50, 4096] {
        let mut room = room(3, 20);
        let mut others = 0;
        for stream in [&mixed, &plain, &mixed] {
            let mut place = Place::default();
            for chunk in stream.chunks(size) {
                feed(&mut room, &mut place, chunk, &mut others).unwrap();
            }
            assert!(room.has_all(&place) && room.place_of(&place) == 20);
        }
        assert_eq!(others, 80);
    }
}

#[test]
fn one_that_is_alone_in_its_room_is_checked_and_nothing_is_kept() {
    let mut room = room(1, 2);
    let (mut place, mut others) = (Place::default(), 0);
    for number in 0..2 {
        assert!(!room.has_all(&place));
        feed(
            &mut room,
            &mut place,
            &message(number + 5, 0, number),
            &mut others,
        )
        .unwrap();
    }
    assert!(room.has_all(&place) && room.place_of(&place) == 2 && room.wire.is_empty());
}

#[test]
fn losses_doubles_and_wrong_orders_are_found_in_the_first_and_in_every_other_member() {
    let good: Vec<_> = (0..3).map(|n| message(n + 1, 0, n)).collect();
    let foreign = [
        b"MSG;q;9;1.5;u0;x\n".to_vec(),
        b"MSG;r;9;1.5;u0;x\n".to_vec(),
    ];
    for bad in [
        vec![&good[1]],
        vec![&good[0], &good[0]],
        vec![&good[0], &good[2]],
        vec![&foreign[0]],
        vec![&foreign[1]],
        vec![&message(1, 1, 0)],
        vec![&message(2, 0, 0), &message(1, 0, 1)],
    ] {
        for seen_before in [false, true] {
            let mut room = room(2, 3);
            if seen_before {
                feed(&mut room, &mut Place::default(), &good.concat(), &mut 0).unwrap();
            }
            let mut place = Place::default();
            let result = bad
                .iter()
                .try_for_each(|line| feed(&mut room, &mut place, line, &mut 0));
            assert!(result.is_err(), "{:?}", String::from_utf8_lossy(bad[0]));
        }
    }
}

#[test]
fn what_never_came_is_missing() {
    let mut room = room(2, 2);
    let mut place = Place::default();
    feed(&mut room, &mut place, &message(1, 0, 0), &mut 0).unwrap();
    assert!(!room.has_all(&place) && !room.has_all(&Place::default()));
}

#[test]
fn whoever_is_cut_off_goes_on_behind_the_last_whole_message() {
    let lines: Vec<_> = (0..4).map(|n| message(n + 7, 0, n)).collect();
    let all = lines.concat();
    let (mut room, mut others) = (room(3, 6), 0);
    let (mut whole, mut cut) = (Place::default(), Place::default());
    assert_eq!(room.cut(&Gencomm, &mut cut), None);
    feed(&mut room, &mut whole, &all, &mut others).unwrap();
    for bytes in 0..=all.len() {
        let mut cut = Place::default();
        feed(&mut room, &mut cut, &all[..bytes], &mut others).unwrap();
        let frames = all[..bytes].iter().filter(|&&byte| byte == b'\n').count();
        let last = (frames > 0).then(|| frames as u64 + 6);
        assert_eq!(room.cut(&Gencomm, &mut cut), last, "{bytes} bytes");
        assert_eq!(room.place_of(&cut), frames);
        // One too early is a double, one too late a loss; the rest is neither.
        if (1..lines.len()).contains(&frames) {
            for wrong in [frames - 1, frames + 1] {
                let input = lines.get(wrong..).unwrap_or_default().concat();
                let taken = feed(&mut room, &mut cut.clone(), &input, &mut others);
                assert!(taken.is_err() || input.is_empty());
            }
        }
        feed(&mut room, &mut cut, &lines[frames..].concat(), &mut others).unwrap();
        assert_eq!(room.place_of(&cut), lines.len());
    }
    // What all have is no longer kept, but where it ended is.
    room.forget();
    cut.forget();
    assert_eq!(room.cut(&Gencomm, &mut cut), Some(10));
    // Of a line that nobody has yet, a part may lie in wait.
    let next = message(11, 0, 4);
    feed(&mut room, &mut cut, &next[..9], &mut others).unwrap();
    assert_eq!(room.cut(&Gencomm, &mut cut), Some(10));
    feed(&mut room, &mut cut, &next, &mut others).unwrap();
    assert_eq!(room.cut(&Gencomm, &mut cut), Some(11));
}
