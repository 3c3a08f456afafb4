//! Load that outlives the server: senders, readers, removers, a direct conversation and people who register, all of whom come back
//! after each restart and go on where they were. What each of them was told goes into one [`Ledger`], which is compared with what
//! the server has.

mod check;
mod ledger;
mod past;
mod people;
mod place;
mod reader;
mod sender;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use ledger::{Ledger, Refusal};
use place::Place;

use super::{Builder, Gc2, PATIENCE, Server, fresh_tag};

/// Who is there. The default is nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Crowd {
    /// Rooms `den0`, `den1`, ...
    pub rooms: usize,
    /// Senders in each room, each with several messages on their way.
    pub senders: usize,
    /// Readers in each room, who resume by `after=`.
    pub readers: usize,
    /// Whether every fifth message is removed again by its sender.
    pub removes: bool,
    /// Whether `dora` writes to `emil`.
    pub direct: bool,
    /// Whether accounts are registered all the time.
    pub registers: bool,
    /// Bytes added to each message.
    pub padding: usize,
}

/// The crowd at work. Ask it to [`finish`](Self::finish).
pub struct Load {
    /// What they know.
    pub ledger: Arc<Ledger>,
    place: Arc<Place>,
    crowd: Crowd,
    senders: Vec<JoinHandle<()>>,
    readers: Vec<JoinHandle<reader::Heard>>,
    end: String,
}

/// A server whose accounts cost little, and which anybody may register at.
pub fn builder() -> Builder {
    Server::builder()
        .set("auth.argon2_memory", "1MiB")
        .set("auth.argon2_passes", 1)
        .set("auth.registration", "open")
        .set("storage.segment_bytes", "256KiB")
}

impl Load {
    /// Starts the crowd at this server, which has to be a new one of [`builder`].
    pub fn start(server: SocketAddr, crowd: Crowd) -> Self {
        let (ledger, place) = (Arc::<Ledger>::default(), Arc::<Place>::default());
        let end = format!("the end {}", fresh_tag());
        let padding: Arc<str> = "x".repeat(crowd.padding).into();
        let (mut senders, mut readers) = (Vec::new(), Vec::new());
        if crowd.direct {
            for name in [people::SPEAKER, people::LISTENER] {
                Gc2::connect(server).ask(&people::register(name), &format!("OK;r;{name}"));
                ledger.has_account(name);
            }
        }
        let mut send = |who: people::Person, room: String, removes: bool| {
            let sender = sender::Sender::new(who, room, padding.clone(), removes);
            let (place, ledger) = (place.clone(), ledger.clone());
            senders.push(std::thread::spawn(move || sender.work(&place, &ledger)));
        };
        let mut read = |who: people::Person, room: String| {
            let reader = reader::Reader::new(who, room, end.clone());
            let (place, ledger) = (place.clone(), ledger.clone());
            readers.push(std::thread::spawn(move || reader.work(&place, &ledger)));
        };
        for at in 0..crowd.rooms {
            for number in 0..crowd.senders {
                let who = people::Person::Guest(format!("s{at}_{number}"));
                // Of each room's senders one does not remove: its messages are all to be found.
                send(who, room(at), crowd.removes && number > 0);
            }
            for number in 0..crowd.readers {
                read(people::Person::Guest(format!("r{at}_{number}")), room(at));
            }
        }
        if crowd.direct {
            let (speaker, listener) = (people::SPEAKER, people::LISTENER);
            send(
                people::Person::Account(speaker),
                format!("@{listener}"),
                false,
            );
            read(people::Person::Account(listener), format!("@{speaker}"));
        }
        if crowd.registers {
            let (place, ledger) = (place.clone(), ledger.clone());
            senders.push(std::thread::spawn(move || {
                people::keep_registering(&place, &ledger)
            }));
        }
        let load = Self {
            ledger,
            place,
            crowd,
            senders,
            readers,
            end,
        };
        load.place.moved_to(server);
        load
    }

    /// Waits until so many more messages are kept than now, or this time is over; says whether they are.
    pub fn goes_on(&self, more: usize, patience: Duration) -> bool {
        let (from, end) = (self.ledger.kept_len(), Instant::now() + patience);
        while self.ledger.kept_len() < from + more {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Waits until everybody has noticed that the server is gone. Then nobody asks anything, and the ledger stands still.
    #[track_caller]
    pub fn wait_until_all_are_cut_off(&self) {
        let all = self.senders.len() + self.readers.len();
        assert!(
            self.place.wait_for_waiting(all, PATIENCE),
            "somebody did not notice that the server is gone: {:?}",
            self.ledger.failures()
        );
    }

    /// How many have lost their connection.
    pub fn cut_off_len(&self) -> usize {
        self.place.waiting_len()
    }

    /// Tells everybody where the server is now.
    pub fn move_to(&self, server: SocketAddr) {
        self.ledger.begin_round();
        self.place.moved_to(server);
    }

    /// The log of all of the rooms is read from `from` on and compared with the ledger. Nobody may be at work.
    #[track_caller]
    pub fn check(&self, server: &Server, from: u64) {
        self.assert_no_failure();
        check::stored(server, &self.ledger, &self.rooms(), from);
        self.assert_no_failure();
    }

    /// As [`check`](Self::check), where a power cut may have taken what was not synced, but nothing from before this round. Forgets what
    /// is lost, and returns how many that were.
    #[track_caller]
    pub fn check_but_the_unsynced(&self, server: &Server) -> usize {
        let lost = check::unsynced(server, &self.ledger, &self.rooms());
        self.assert_no_failure();
        lost
    }

    /// Every account that was answered with OK can log in; those made since `from` accounts were there.
    #[track_caller]
    pub fn check_accounts(&self, server: &Server, from: usize) {
        for name in self.ledger.accounts().iter().skip(from) {
            let mut client = server.connect();
            client.send(&people::plain(name));
            let answer = client.line();
            assert!(
                answer.starts_with(&format!("OK;a;{name};")),
                "account {name} is lost: {answer}"
            );
        }
    }

    /// Lets the senders end what they have in hand and the readers read to the end; checks everything once more.
    #[track_caller]
    pub fn finish(mut self, server: &Server) {
        self.place.stop_sending();
        for sender in std::mem::take(&mut self.senders) {
            sender.join().expect("a sender");
        }
        for room in (0..self.crowd.rooms).map(room) {
            let mut closer = server.member("closer", &room);
            closer.say(&room, &fresh_tag(), &self.end);
        }
        if self.crowd.direct {
            let mut speaker = people::Person::Account(people::SPEAKER).enter(server.address());
            let speaker = speaker.as_mut().expect("the speaker logs in");
            speaker.say(&format!("@{}", people::LISTENER), &fresh_tag(), &self.end);
        }
        let heard: Vec<_> = std::mem::take(&mut self.readers)
            .into_iter()
            .map(|reader| reader.join().expect("a reader"))
            .collect();
        self.ledger.assert_no_failure();
        for heard in heard {
            check::heard(&self.ledger, &heard, &self.end);
        }
        self.ledger.assert_no_failure();
    }

    /// Fails if anybody has seen something that must not be.
    #[track_caller]
    pub fn assert_no_failure(&self) {
        self.ledger.assert_no_failure();
    }

    /// Who reads which room: the room as the ledger knows it.
    fn rooms(&self) -> Vec<(people::Person, String)> {
        let rooms =
            (0..self.crowd.rooms).map(|at| (people::Person::Guest("checker".into()), room(at)));
        let direct = (
            people::Person::Account(people::SPEAKER),
            format!("@{}", people::LISTENER),
        );
        rooms.chain(self.crowd.direct.then_some(direct)).collect()
    }
}

impl Drop for Load {
    /// A test that fails leaves nobody at work.
    fn drop(&mut self) {
        self.place.end();
    }
}

fn room(at: usize) -> String {
    format!("den{at}")
}
