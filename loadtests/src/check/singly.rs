//! Members that do not all hear the same, because their messages come in an order of their own or without those that they said
//! themselves: each has its own count of what it has from whom, and every byte that it receives is looked at.

use anyhow::{Result, ensure};

use super::{Place, Room, describe};
use crate::driver::{Driver, Event, Hears, Message};

/// What one member has heard, ever.
#[derive(Debug, Default, Clone)]
pub(super) struct Heard {
    /// From each of the room's senders, as far as it has heard any.
    from: Vec<u64>,
    all: u64,
}

impl Room {
    pub(super) fn receive_singly<D: Driver>(
        &mut self,
        driver: &D,
        place: &mut Place,
        input: &[u8],
        mut other: impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut rest = input;
        while let Some((length, event)) = driver.next(rest) {
            match event {
                Event::Message(message) => self.take_singly(place, message)?,
                event => other(event)?,
            }
            rest = &rest[length..];
        }
        place.carry = rest.to_vec();
        Ok(())
    }

    fn take_singly(&mut self, place: &mut Place, message: Message<'_>) -> Result<()> {
        ensure!(
            message.room == self.name.as_bytes(),
            "room {}: got a message of another room: {}",
            self.name,
            describe(message)
        );
        let index = self.sender_of(message)?;
        ensure!(
            self.hears != Hears::Others || self.senders[index].member != place.member,
            "room {}: its own message came back to the sender: {}",
            self.name,
            describe(message)
        );
        let heard = &mut place.heard;
        if heard.from.len() <= index {
            heard.from.resize(index + 1, 0);
        }
        self.expect(index, heard.from[index], message)?;
        heard.from[index] += 1;
        heard.all += 1;
        place.counted += 1;
        self.delivered = self.delivered.max(heard.all);
        Ok(())
    }

    pub(super) fn has_all_singly(&self, place: &Place) -> bool {
        // A sender whose messages are counted here is one that sent; the sums are equal only if the parts are.
        let own = match self.hears {
            Hears::Others => self.senders.iter().find(|s| s.member == place.member),
            Hears::Alike | Hears::EachInItsOrder => None,
        };
        place.heard.all == self.sent - own.map_or(0, |sender| sender.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::write_body;
    use crate::driver::irc::Irc;
    use crate::driver::nats::Nats;

    fn irc(sender: u32, number: u64) -> Vec<u8> {
        let mut line = format!(":u{sender}!u@h PRIVMSG #r :").into_bytes();
        write_body(&mut line, sender, number, 32);
        line.extend_from_slice(b"\r\n");
        line
    }

    fn nats(sender: u32, number: u64) -> Vec<u8> {
        let mut frame = b"MSG r 1 32\r\n".to_vec();
        write_body(&mut frame, sender, number, 32);
        frame.extend_from_slice(b"\r\n");
        frame
    }

    /// A room of three in which members 0 and 1 have sent three messages each.
    fn room<D: Driver>(driver: &D) -> Room {
        let mut room = Room::new("r".to_owned(), 32, D::HEARS);
        room.members = 3;
        for _ in 0..3 {
            for sender in 0..2 {
                room.say(
                    driver,
                    &mut Vec::new(),
                    sender,
                    &format!("u{sender}"),
                    false,
                );
            }
        }
        room
    }

    fn feed<D: Driver>(
        room: &mut Room,
        driver: &D,
        place: &mut Place,
        frames: &[Vec<u8>],
    ) -> Result<()> {
        for chunk in frames.concat().chunks(7) {
            let mut input = place.take_carry();
            input.extend_from_slice(chunk);
            room.receive(driver, place, &input, |_| Ok(()))?;
        }
        Ok(())
    }

    #[test]
    fn each_may_hear_the_senders_in_an_order_of_its_own() {
        let mut room = room(&Nats);
        let one = [
            nats(0, 0),
            nats(0, 1),
            nats(1, 0),
            nats(1, 1),
            nats(0, 2),
            nats(1, 2),
        ];
        let other = [
            nats(1, 0),
            nats(1, 1),
            nats(1, 2),
            nats(0, 0),
            nats(0, 1),
            nats(0, 2),
        ];
        for frames in [one, other] {
            let mut place = Place::of(0);
            feed(&mut room, &Nats, &mut place, &frames[..5]).unwrap();
            assert!(!room.has_all(&place));
            feed(&mut room, &Nats, &mut place, &frames[5..]).unwrap();
            assert!(room.has_all(&place) && room.place_of(&place) == 6);
            // A double, and one that nobody sent.
            for wrong in [nats(0, 2), nats(0, 3), nats(2, 0)] {
                assert!(feed(&mut room, &Nats, &mut place.clone(), &[wrong]).is_err());
            }
        }
        let mut place = Place::of(0);
        assert!(feed(&mut room, &Nats, &mut place, &[nats(0, 1)]).is_err());
    }

    #[test]
    fn a_sender_has_to_hear_all_but_its_own() {
        let mut room = room(&Irc);
        let theirs: Vec<_> = (0..3).map(|number| irc(1, number)).collect();
        let mut place = Place::of(0);
        feed(&mut room, &Irc, &mut place, &theirs[..2]).unwrap();
        assert!(!room.has_all(&place));
        feed(&mut room, &Irc, &mut place, &theirs[2..]).unwrap();
        assert!(room.has_all(&place));
        assert!(feed(&mut room, &Irc, &mut place, &[irc(0, 0)]).is_err());
        // A reader has to hear both; and names are looked at where there are any.
        let mut reader = Place::of(2);
        feed(&mut room, &Irc, &mut reader, &theirs).unwrap();
        assert!(!room.has_all(&reader));
        let mut forged = irc(0, 0);
        forged[2] = b'1';
        assert!(feed(&mut room, &Irc, &mut reader, &[forged]).is_err());
        let mine: Vec<_> = (0..3).map(|number| irc(0, number)).collect();
        feed(&mut room, &Irc, &mut reader, &mine).unwrap();
        assert!(room.has_all(&reader));
        room.forget();
        reader.forget();
        assert!(room.has_all(&reader) && room.place_of(&reader) == 0);
        room.say(&Irc, &mut Vec::new(), 1, "u1", false);
        assert!(!room.has_all(&reader) && room.sent_lately() == 1);
    }
}
